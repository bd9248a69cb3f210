"""The wall clock is set while the service runs: what waits goes on waiting, and nothing that goes on stands still."""

from __future__ import annotations

import itertools
import re
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
import requests

from slmm.emulator.process import running_emulator
from tests.alerts.http_receiver import Receiver, running_receiver
from tests.conftest import eventually
from tests.crash.clock import WallClock
from tests.server import RunningServer, event_stream

PASSWORD = "correct horse battery"
LOUD_DB = 45.0
DELAY_S = 2
RULE = {"metric": "lp", "threshold_db": 60.0, "clear_duration_s": 3, "cooldown_s": 0, "channels": "log"}
SETTINGS = {
    "SLMM_AUTH": "on",
    "SLMM_LOGIN_RATE": "3 per minute",
    "SLMM_DEVICE_PACING_S": "0.2",
    "SLMM_MONITOR_POLL_INTERVAL": "0",
    "SLMM_ALERT_NO_DATA_AFTER_S": "20",
    "SLMM_ALERT_STARTUP_GRACE_S": "20",
    "SLMM_ALERT_HEARTBEAT_S": "5",
}
NEAR = timedelta(seconds=10)


class Place:
    """A service with a login, a quiet and a loud meter, an open alarm, and a clock of its own."""

    def __init__(self, service: RunningServer, clock: WallClock, outside: Receiver) -> None:
        self.service, self.clock, self.outside = service, clock, outside
        code = eventually(lambda: re.search(r"enter the code (\S+)", service.log.read_text()))[1]
        self.admin = requests.Session()
        self.admin.headers["Origin"] = service.url
        self.post("/_setup", {"code": code, "name": "ada", "password": PASSWORD})

    def post(self, path: str, body: dict[str, Any]) -> Any:
        answer = self.admin.post(f"{self.service.api}{path}", json=body, timeout=40)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def get(self, path: str) -> Any:
        answer = self.admin.get(f"{self.service.api}{path}", timeout=40)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def events(self) -> list[tuple[str, int | None, str | None]]:
        """Unit, rule and end of each in the order in which they were written."""
        found = sorted(self.get("/_alerts/events?limit=1000")["events"], key=lambda each: int(each["id"]))
        return [(each["unit_id"], each["rule_id"], each["end_reason"]) for each in found]

    def log_in(self, password: str) -> int:
        """The status a browser gets that has no session."""
        body = {"name": "ada", "password": password}
        headers = {"Origin": self.service.url}
        return requests.post(f"{self.service.api}/_login", json=body, headers=headers, timeout=40).status_code

    def job(self, name: str) -> dict[str, Any]:
        """What recurs."""
        jobs: list[dict[str, Any]] = self.get("/_system/report")["jobs"]
        return next(job for job in jobs if job["name"] == name)

    def minutes_until(self) -> datetime | None:
        """Up to when minutes have been made."""
        until = self.get("/_system/status")["data"]["record"]["minutes_until"]
        return datetime.fromisoformat(until) if until else None


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    top = tmp_path_factory.mktemp("clock")
    clock = WallClock(top / "clock")
    options = ("--scenario", "quiet", "--quirk", "pacing_s=0.2")
    with running_emulator(2, *options) as emulator, running_receiver() as outside:
        emulator.client.offset(1, LOUD_DB)
        url = f"http://127.0.0.1:{outside.port}/alive"
        settings = {**SETTINGS, "SLMM_ALERT_HEARTBEAT_URL": url, **clock.environment()}
        service = RunningServer(top, settings)
        service.start()
        try:
            made = Place(service, clock, outside)
            for unit_id, meter in zip(("quiet", "loud"), emulator.meters, strict=True):
                made.post("/roster", {"unit_id": unit_id, "host": meter.host, "tcp_port": meter.port})
                made.post(f"/{unit_id}/alerts/rules", {**RULE, "name": "Limit", "duration_s": 1})
            eventually(made.events, 40)
            yield made
        finally:
            service.kill()


@pytest.mark.parametrize("step_s", [3600, -3600, 2, -2])
def test_frames_alarms_jobs_and_logins_go_on_when_the_clock_is_set(place: Place, step_s: int) -> None:
    is_far = abs(step_s) > 2
    expires_at = (place.clock.now() + timedelta(minutes=30)).isoformat()
    token = place.post("/_tokens", {"name": f"until {expires_at}", "expires_at": expires_at})["secret"]
    ticket = place.post("/_tickets", {})["ticket"]
    tries = [place.log_in("wrong") for _ in range(4)] if is_far else []
    moving = place.job("put past days into files")
    before = place.events()
    assert [end for _, _, end in before[:1]] == [None], "the alarm is open"
    with event_stream(place.service, f"/api/nl43/quiet/monitor/events?ticket={ticket}") as stream:
        stream.frame()
        began_s = time.monotonic()
        rule = place.post("/loud/alerts/rules", {**RULE, "name": f"By {began_s}", "duration_s": DELAY_S})["rule"]
        place.clock.step(step_s)
        seen = eventually(lambda: _near(place, stream.frame()["timestamp"]), 20, "frames by the new clock")
        assert [_near(place, stream.frame()["timestamp"]) for _ in range(10)] == [seen] * 10
        pings = len(place.outside.requests)
        told = eventually(lambda: place.events()[len(before) :], 30, "the alarm that waited")
        assert time.monotonic() - began_s >= DELAY_S, "the step is no evidence"
        assert told == [("loud", rule["id"], None)]
        if is_far:
            eventually(lambda: len(place.outside.requests) > pings, 30, "the heartbeat")
    assert place.events() == [*before, *told], "nothing began or ended by the step"

    assert place.get("/_me")["name"] == "ada"
    answer = requests.get(f"{place.service.api}/_me", headers={"Authorization": f"Bearer {token}"}, timeout=40)
    assert answer.status_code == (401 if step_s > 1800 else 200), answer.text
    if is_far:
        assert (tries[0], tries[-1]) == (401, 429), "who tried too often waits"
        assert place.log_in(PASSWORD) == 200
        eventually(lambda: (until := place.minutes_until()) and _is_recent(place, until), 30, "the minutes")
    after = place.job("put past days into files")
    assert after["runs"] == moving["runs"]
    due_at = datetime.fromisoformat(after["next_run_at"])
    assert timedelta(0) < due_at - place.clock.now() <= timedelta(seconds=900)
    for unit_id in ("quiet", "loud"):
        assert len(place.get(f"/{unit_id}/runs")["runs"]) == 1, "one measurement"


def test_the_record_has_what_was_before_and_after_and_a_gap_between(place: Place) -> None:
    if not place.clock.steps:  # it is run alone
        place.clock.step(3600)
    ticket = place.post("/_tickets", {})["ticket"]
    with event_stream(place.service, f"/api/nl43/quiet/monitor/events?ticket={ticket}") as stream:
        eventually(lambda: _near(place, stream.frame()["timestamp"]), 20, "frames by the new clock")
    place.admin.close()  # a connection that is kept open is a traceback of gunicorn at the end
    assert place.service.terminate() == 0
    log = Path(place.service.log).read_text()
    assert "Traceback" not in log
    assert "was missed by" not in log
    with duckdb.connect(str(place.service.directory / "data/record/record.duckdb"), read_only=True) as record:
        rows = record.execute(
            "select epoch(ends_at) from (select * from frames union all select * from settled) f"
            " join units u on u.unit = f.unit where unit_id = 'quiet' order by ends_at"
        ).fetchall()
    times_s = [row[0] for row in rows]
    gaps_s = sorted(later - earlier for earlier, later in itertools.pairwise(times_s))
    assert gaps_s[-1] > 3000.0
    assert gaps_s[-2] < 30.0, "and no other"


def _near(place: Place, timestamp: str) -> bool:
    return abs(datetime.fromisoformat(timestamp) - place.clock.now()) < NEAR


def _is_recent(place: Place, until: datetime) -> bool:
    return timedelta(0) <= place.clock.now() - until < timedelta(minutes=3)
