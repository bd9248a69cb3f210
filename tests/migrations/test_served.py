"""The whole service starts on a database of an earlier time, and answers with what it found there."""

from collections.abc import Callable

import pytest

from slmm.app import create_app
from slmm.settings import Settings
from slmm.storage.database import Database
from slmm.storage.secrets import SecretBox
from tests.conftest import FAST
from tests.migrations.rows import UNITS, fill
from tests.migrations.test_rows import go_up
from tests.web.conftest import BASE

OF_THE_FIRST = ("/roster", "/north/history", "/_system/report")
SINCE_THE_SIXTH = ("/_users", "/_tokens", "/_shares", "/_audit", "/_alerts/channels", "/_alerts/events", "/north/logs")


@pytest.mark.parametrize(
    ("database", "revision", "paths"),
    [
        ("sqlite", "0001", OF_THE_FIRST),
        ("sqlite", "0006", OF_THE_FIRST + SINCE_THE_SIXTH),
        ("postgresql", "0006", OF_THE_FIRST + SINCE_THE_SIXTH),
    ],
    indirect=["database"],
)
def test_the_service_starts_on_what_an_earlier_one_left(
    database: Database, make_settings: Callable[..., Settings], revision: str, paths: tuple[str, ...]
) -> None:
    url = database.engine.url.render_as_string(hide_password=False)
    settings = make_settings(**FAST, database_url=url)
    box = SecretBox.open(settings.data_dir / "secret.key")
    go_up(database, revision)
    with database.engine.begin() as connection:
        fill(connection, box)
    app = create_app(settings)
    runtime = app.extensions["slmm"]
    runtime.start()
    try:
        client = app.test_client()
        answers = {path: client.get(f"{BASE}{path}") for path in paths}
        assert {path: answer.status_code for path, answer in answers.items() if answer.status_code != 200} == {}
        assert [unit["unit_id"] for unit in answers["/roster"].json["devices"]] == list(UNITS)
        assert runtime.alerts.problems() == []
        assert runtime.recorder.last_error is None
    finally:
        runtime.stop()
