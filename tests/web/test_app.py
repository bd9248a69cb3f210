"""The application factory builds and does nothing else."""

import gc
import threading
from collections.abc import Callable

from greenlet import greenlet

from slmm.app import create_app
from slmm.runtime import Runtime
from slmm.settings import Settings
from slmm.storage.database import Database


def greenlets() -> list[greenlet]:
    gc.collect()
    return [thing for thing in gc.get_objects() if isinstance(thing, greenlet) and not thing.dead]


def test_building_the_application_starts_and_writes_nothing(make_settings: Callable[..., Settings]) -> None:
    settings = make_settings()
    greenlets_before, threads_before = greenlets(), threading.enumerate()
    app = create_app(settings)
    assert not settings.data_dir.exists()
    assert [each for each in greenlets() if each not in greenlets_before] == []
    assert [each for each in threading.enumerate() if each not in threads_before] == []
    assert app.extensions["slmm"].is_running is False


def test_health_is_answered_before_the_runtime_runs(make_settings: Callable[..., Settings]) -> None:
    client = create_app(make_settings()).test_client()
    assert client.get("/health").json["status"] == "starting"
    assert client.get("/healthz").status_code == 200


def test_a_runtime_can_be_handed_in(make_settings: Callable[..., Settings]) -> None:
    settings = make_settings()
    runtime = Runtime(settings, Database.open(settings.sqlalchemy_url))
    assert create_app(runtime=runtime).extensions["slmm"] is runtime


def test_static_files_may_be_kept_a_short_while_and_asked_again(make_settings: Callable[..., Settings]) -> None:
    client = create_app(make_settings()).test_client()
    first = client.get("/static/js/slmm-client.js")
    assert first.cache_control.max_age == 300
    again = client.get("/static/js/slmm-client.js", headers={"If-None-Match": first.headers["ETag"]})
    assert again.status_code == 304
    first.close()
    again.close()
