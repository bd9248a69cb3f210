"""Backups that are made by themselves in a running service, and what is told about them."""

import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from slmm.app import create_app
from slmm.errors import DiskFull
from slmm.record import nightly
from slmm.runtime import Runtime
from slmm.settings import Settings
from slmm.storage import archive
from tests.conftest import FAST, eventually
from tests.web.conftest import BASE
from tests.web.test_backups import made, record, runtime_of


@pytest.fixture
def client(make_settings: Callable[..., Settings]) -> Iterator[FlaskClient]:
    """A service whose backup was due an hour ago, for one that had looked before."""
    due = datetime.now(UTC) - timedelta(hours=1)
    settings = make_settings(**FAST, backup_at=f"{due:%H:%M}")
    app = create_app(settings)
    runtime = app.extensions["slmm"]
    runtime.start()
    eventually(lambda: runtime.backups.state)  # the look of its start is over
    yield app.test_client()
    runtime.stop()


def look_as_of(runtime: Runtime, since: datetime) -> None:
    """Look for a backup that is due, as a service that has run since then."""
    state = nightly.State(since.isoformat())
    runtime.backups.state = state
    nightly.keep(runtime.settings.data_dir, state)
    runtime.backups.look()


def ended(client: FlaskClient) -> dict[str, Any]:
    """All of the page's news, once nothing is under way."""

    def told() -> dict[str, Any] | None:
        found: dict[str, Any] = client.get(f"{BASE}/_system/backups").json
        return found if found["operation"] and found["operation"]["state"] != "running" else None

    return eventually(told, 30)  # type: ignore[no-any-return]


def test_what_was_slept_through_is_made_up_for_and_tried(client: FlaskClient) -> None:
    runtime = runtime_of(client)
    record(runtime, 40, days_ago=3)
    runtime.record.move_days()
    record(runtime, 60)
    runtime.backups.look()
    assert client.get(f"{BASE}/_system/backups").json["backups"] == [], "a new service waits for the time"
    look_as_of(runtime, datetime.now(UTC) - timedelta(days=1))
    found = ended(client)
    assert found["operation"]["state"] == "done", found["operation"]
    (backup,) = found["backups"]
    assert backup["is_scheduled"]
    assert (backup["proof"]["readings"], backup["proof"]["files"], backup["proof"]["error"]) == (60, 1, None)
    schedule = found["schedule"]
    assert (schedule["name"], schedule["error"]) == (backup["name"], None)
    assert schedule["succeeded_at"] == schedule["record_at"]
    assert schedule["next_at"] > found["backups"][0]["made_at"]
    runtime.backups.look()
    assert len(client.get(f"{BASE}/_system/backups").json["backups"]) == 1, "once a day"
    text = client.get("/metrics").text
    at = datetime.fromisoformat(schedule["succeeded_at"]).timestamp()
    (line,) = [line for line in text.splitlines() if line.startswith("slmm_backup_last_success_timestamp_seconds ")]
    assert float(line.split()[1]) == at
    assert "slmm_backup_failures_total 0.0" in text


def test_one_that_fails_is_told_everywhere(client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    runtime = runtime_of(client)

    def refuse(folder: object, needed_bytes: int) -> None:
        raise DiskFull("up to 7 bytes are needed, but only 3 are free")

    monkeypatch.setattr(archive, "refuse_a_full_disk", refuse)
    look_as_of(runtime, datetime.now(UTC) - timedelta(days=1))
    found = ended(client)
    assert found["operation"]["state"] == "failed"
    assert "only 3 are free" in found["schedule"]["error"]
    sentences = [each["sentence"] for each in client.get(f"{BASE}/_system/report").json["problems"]]
    assert any("only 3 are free" in sentence for sentence in sentences), sentences
    health = client.get("/health").json
    assert health["status"] == "degraded"
    assert any("backup" in each for each in health["problems"])
    assert "slmm_backup_failures_total 1.0" in client.get("/metrics").text


def test_a_failure_nobody_thought_of_is_told_and_not_tried_every_minute(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    runtime = runtime_of(client)

    def stumble(*arguments: object) -> nightly.State:
        raise ValueError("never seen before")

    monkeypatch.setattr(nightly, "make", stumble)
    look_as_of(runtime, datetime.now(UTC) - timedelta(days=1))
    found = ended(client)
    assert "never seen before" in found["schedule"]["error"]
    before = found["operation"]["operation_id"]
    runtime.backups.look()
    assert ended(client)["operation"]["operation_id"] == before


def test_one_that_the_end_of_the_service_cuts_off_is_made_up_for(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    runtime = runtime_of(client)
    has_begun, may_go_on = threading.Event(), threading.Event()
    real = archive.rows_of

    def slowly(database: Path) -> dict[str, int]:
        has_begun.set()
        may_go_on.wait(20)
        return real(database)

    monkeypatch.setattr(archive, "rows_of", slowly)
    since = datetime.now(UTC) - timedelta(days=1)
    look_as_of(runtime, since)
    eventually(has_begun.is_set)
    runtime.operations.stop()
    may_go_on.set()
    eventually(lambda: not list(runtime.settings.data_dir.glob(".backup-*")), 20)
    kept = nightly.load(runtime.settings.data_dir, datetime.now(UTC))
    assert (kept.tried_at, kept.error, kept.failures) == (None, None, 0)
    assert client.get(f"{BASE}/_system/backups").json["backups"] == []


def test_one_made_by_hand_is_tried_on_request(client: FlaskClient) -> None:
    runtime = runtime_of(client)
    record(runtime, 25)
    backup = made(client)
    assert backup["proof"] is None
    assert client.post(f"{BASE}/_system/backups/none.zip/verify").status_code == 404
    assert client.post(f"{BASE}/_system/backups/{backup['name']}/verify").status_code == 202
    found = ended(client)
    assert found["operation"]["state"] == "done", found["operation"]
    assert found["backups"][0]["proof"]["readings"] == 25
    assert not list(runtime.settings.data_dir.glob(".backup-*"))
    path = runtime.settings.data_dir / "backups" / backup["name"]
    with path.open("r+b") as file:
        file.seek(path.stat().st_size // 3)
        file.write(b"something else")
    assert client.get(f"{BASE}/_system/backups").json["backups"][0]["proof"] is None, "it is another file now"
    assert client.post(f"{BASE}/_system/backups/{backup['name']}/verify").status_code == 202
    broken = ended(client)
    assert broken["operation"]["state"] == "failed"
    assert broken["backups"][0]["proof"]["error"]
    assert not broken["backups"][0]["can_be_restored"]
