"""A server whose record holds two hours of yesterday, as reading the display of a meter on a site leaves them."""

from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import requests

from slmm import settings as settings_module
from slmm.record.frames import of_reading
from slmm.record.office import RecordOffice
from tests.conftest import eventually
from tests.record.past import simulate
from tests.server import RunningServer

UNIT = "north-gate"
PAST_S = 7200.0
READ_EVERY_S = 2.0
UNTIL = datetime.combine(datetime.now(UTC).date() - timedelta(days=1), time(12), UTC)
"""Noon of yesterday: no midnight falls into it, whenever the tests run."""
DATE = str(UNTIL.date())


def server_with_past(directory: Path) -> Iterator[RunningServer]:
    """For a fixture of the whole run; the meter itself is left alone."""
    running = RunningServer(directory, {"SLMM_TIMEZONE": "UTC"})
    settings = settings_module.load(data_dir=directory / "data", database_url="")
    settings.data_dir.mkdir(parents=True)
    begin = UNTIL - timedelta(seconds=PAST_S)
    record = RecordOffice(settings, lambda unit_id: ZoneInfo("UTC"))
    record.start()
    readings = simulate(UNIT, PAST_S, "site", begin, seed=2).polls(READ_EVERY_S)
    record.historian.write([of_reading(each) for each in readings])
    record.rollup.remake(UNIT, begin, UNTIL)
    record.stop()
    running.start()
    body = {"unit_id": UNIT, "host": "127.0.0.1", "tcp_enabled": False}
    assert requests.post(f"{running.api}/roster", json=body, timeout=20).status_code == 200

    def is_made() -> bool:
        """Minutes are made from the oldest frame on, some at a time; a rule is tried on what is made."""
        until = running.get("/_system/status")["data"]["record"]["minutes_until"]
        return until is not None and datetime.fromisoformat(until) >= UNTIL

    eventually(is_made, 60, "the minutes of the past")
    yield running
    running.kill()
