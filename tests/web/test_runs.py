"""Runs of real meters over the interface: at the keypad, through us, and over a kill of the service."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
import requests
from flask.testing import FlaskClient

from slmm import signals
from slmm.emulator.process import RunningEmulator
from slmm.events import RunChange
from slmm.times import timestamp
from tests.conftest import eventually
from tests.server import RunningServer
from tests.web.conftest import BASE

Add = Callable[..., str]
FAST = {
    "SLMM_AUTH": "off",
    "SLMM_DEVICE_PACING_S": "0.05",
    "SLMM_MONITOR_IDLE_POLL_INTERVAL": "0.1",
    "SLMM_MONITOR_STATE_REFRESH_S": "0.3",
}


def runs(client: FlaskClient, unit_id: str = "a", **query: Any) -> list[dict[str, Any]]:
    answer = client.get(f"{BASE}/{unit_id}/runs", query_string=query)
    assert answer.status_code == 200, answer.json
    found: list[dict[str, Any]] = answer.json["runs"]
    assert answer.json["count"] == len(found)
    return found


def test_a_run_through_us_is_on_record_with_its_store_name_and_settings(
    client: FlaskClient, add: Add, fast_emulator: RunningEmulator
) -> None:
    told: list[str] = []

    def hear(sender: str, event: RunChange) -> None:
        told.append(event.change)

    with signals.run_changed.connected_to(hear):
        fast_emulator.client.keypad(0, "stop")
        fast_emulator.client.register(0, "Store Name", "0137")
        add(fast_emulator.meters[0], monitor_enabled=True)
        assert client.post(f"{BASE}/a/start").status_code == 200
        eventually(lambda: runs(client), what="the run is on record")
        row = eventually(lambda: runs(client)[0]["fingerprint"] and runs(client)[0], 20, what="its settings are read")
        assert (row["store_name"], row["is_start_exact"], row["ended_at"]) == ("0137", True, None)
        assert row["settings"]["lp_interval"]
        settings = client.get(f"{BASE}/a/settings").json
        assert row["settings"]["frequency_weighting"] == settings["settings"]["frequency_weighting"]
        assert client.post(f"{BASE}/a/stop").status_code == 200
        (row,) = eventually(lambda: [run for run in runs(client) if run["ended_at"]], what="its end")
    assert (row["how"], row["is_end_exact"]) == ("stopped", True)
    assert row["started_at"] < row["ended_at"]
    assert (told[0], told[-1]) == ("started", "ended")
    assert client.get(f"{BASE}/a/runs/{row['id']}").json["run"] == row


def test_a_unit_without_runs_and_one_that_is_not_there(client: FlaskClient, add: Add) -> None:
    add(tcp_enabled=False)
    assert runs(client) == []
    assert client.get(f"{BASE}/nobody/runs").status_code == 404
    assert client.get(f"{BASE}/a/runs/7").status_code == 404


BAD_QUERIES = [
    ("from=2026-01-01T00:00:00", "from '2026-01-01T00:00:00' is not allowed: it should be a time with its zone"),
    ("from=1767225600", "a time with its zone"),
    ("until=2026-01-01T00:00:00+01:00", "in an address + is written %2B"),
    ("until=0001-01-01T00:00:00%2B14:00", "a time from 1970 to 2200"),
    ("limit=0", "limit"),
    ("since=2026-01-01T00:00:00Z", "since is not a member of this request"),
    ("starts_at=2026-01-01T00:00:00Z&x=1", "x is not a member of this request"),
]


def test_what_cannot_be_asked_is_told(client: FlaskClient, add: Add) -> None:
    add(tcp_enabled=False)
    for query, words in BAD_QUERIES:
        answer = client.get(f"{BASE}/a/runs?{query}")
        assert (answer.status_code, words in answer.json["detail"]) == (422, True), answer.json["detail"]


def last_seen(service: RunningServer) -> str:
    """When the unit was last read; empty as long as that is not known."""
    answer = requests.get(f"{service.api}/a/status", timeout=5)
    return str(answer.json()["data"]["last_seen"]) if answer.ok else ""


@pytest.fixture
def running(server: Callable[..., RunningServer], fast_emulator: RunningEmulator) -> RunningServer:
    """A service with a run that it has seen begin, and a reading of it that has been saved."""
    started = server(**FAST)
    fast_emulator.client.keypad(0, "stop")
    started.add("a", fast_emulator.meters[0], monitor_enabled=True, poll_enabled=False)
    assert requests.post(f"{started.api}/a/start", timeout=10).status_code == 200
    eventually(lambda: started.get("/a/runs")["runs"], what="the run is on record")
    return started


def test_a_killed_service_goes_on_with_the_run_that_goes_on(running: RunningServer) -> None:
    (before,) = running.get("/a/runs")["runs"]
    running.kill()
    running.start()
    since = timestamp(datetime.now(UTC))
    eventually(lambda: last_seen(running) > since, what="it reads again")
    assert requests.post(f"{running.api}/a/stop", timeout=10).status_code == 200
    (after,) = eventually(
        lambda: [run for run in running.get("/a/runs")["runs"] if run["ended_at"]], what="the end is on record"
    )
    assert (after["id"], after["started_at"], after["how"]) == (before["id"], before["started_at"], "stopped")
    assert running.get("/a/runs")["count"] == 1


def test_a_killed_service_finds_the_run_ended(running: RunningServer, fast_emulator: RunningEmulator) -> None:
    running.kill()
    fast_emulator.client.keypad(0, "stop")
    running.start()
    (row,) = eventually(lambda: [run for run in running.get("/a/runs")["runs"] if run["ended_at"]], what="the end")
    assert (row["how"], row["is_end_exact"]) == ("unseen", False)
    assert row["ended_at"] >= row["started_at"]
