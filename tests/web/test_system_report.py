"""The report of the service on itself, its retention, and the pruner."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import gevent
from flask.testing import FlaskClient

from slmm.hublag import HubLag, figures
from slmm.runtime import Runtime
from slmm.schedule import Schedule
from slmm.storage.models import ReadingRow
from slmm.storage.usage import Growth, days_until_full
from tests.conftest import eventually
from tests.web.conftest import BASE


def runtime_of(client: FlaskClient) -> Runtime:
    found: Runtime = client.application.extensions["slmm"]
    return found


def test_the_report_tells_of_everything(client: FlaskClient, add: Callable[..., str]) -> None:
    add(tcp_enabled=False)
    answer = client.get(f"{BASE}/_system/report")
    assert answer.status_code == 200, answer.json
    report: dict[str, Any] = answer.json
    assert report["versions"]["libraries"]["duckdb"]
    assert report["process"]["rss_bytes"] > 10_000_000
    assert report["process"]["open_files"] > 3
    assert {job["name"] for job in report["jobs"]} >= {"prune", "make minutes", "judge limits", "seal files"}
    assert [queue["name"] for queue in report["queues"]] == ["record", "trail", "device logs", "messages"]
    tiers = {tier["key"]: tier for tier in report["tiers"]}
    assert tiers["frames"]["setting"] == "SLMM_RECORD_FRAMES_DAYS"
    assert tiers["frames"]["keeps_days"] == 30
    assert tiers["database"]["size_bytes"] > 4096
    assert report["forecast"]["free_bytes"] > 0
    assert [unit["unit_id"] for unit in report["streams"]["by_unit"]] == ["a"]


def test_standby_is_a_problem_with_a_cure(client: FlaskClient) -> None:
    client.post(f"{BASE}/_system/standby")
    problems = client.get(f"{BASE}/_system/report").json["problems"]
    assert any("Standby" in problem["sentence"] and problem["cure"] for problem in problems)
    german = client.get(f"{BASE}/_system/report", headers={"Accept-Language": "de"}).json["problems"]
    assert len(german) == len(problems)


def test_pruning_removes_what_is_too_old_and_tells(client: FlaskClient, add: Callable[..., str]) -> None:
    add(tcp_enabled=False)
    runtime = runtime_of(client)
    old = datetime.now(UTC) - timedelta(hours=runtime.settings.monitor_trail_retention_hours + 1)
    runtime.database.write(lambda session: session.add(ReadingRow(unit_id="a", timestamp=old)))
    assert {tier["key"]: tier for tier in client.get(f"{BASE}/_system/retention").json["tiers"]}["trail"][
        "entries"
    ] == 1
    assert client.post(f"{BASE}/_system/prune").json["removed"]["trail"] == 1
    after = client.get(f"{BASE}/_system/retention").json
    assert after["removed"]["trail"] == 1
    assert after["pruned_at"] is not None
    assert {tier["key"]: tier for tier in after["tiers"]}["trail"]["entries"] == 0


def test_a_blocked_hub_is_seen() -> None:
    lag = HubLag(every_s=0.01)
    lag.start()
    try:
        eventually(lambda: lag.lag().samples)
        start = datetime.now(UTC)
        while datetime.now(UTC) - start < timedelta(seconds=0.2):
            pass  # nobody else runs meanwhile
        eventually(lambda: (lag.lag().max_ms or 0) > 150)
    finally:
        lag.stop()


def test_figures_of_lag_are_those_of_nearest_rank() -> None:
    lag = figures([number / 1000 for number in range(100, 0, -1)], 25.0)
    assert (lag.p50_ms, lag.p99_ms, lag.max_ms) == (50.0, 99.0, 100.0)
    assert figures([], 0.0).max_ms is None


def test_a_job_that_fails_says_so_and_is_well_again() -> None:
    schedule, outcomes = Schedule(), [ValueError("no disk"), None]

    def work() -> None:
        if outcomes and (error := outcomes.pop(0)):
            raise error

    schedule.start()
    try:
        schedule.add("write", work, 0.05, at_once=True)
        job = schedule.jobs()[0]
        eventually(lambda: job.error == "no disk")
        eventually(lambda: job.runs > 1 and job.error is None)
        assert job.failures == 1
        assert schedule.jobs()[0].next_run_at is not None
    finally:
        schedule.stop()
        gevent.sleep(0)


def test_the_disk_is_full_when_what_grows_has_taken_it() -> None:
    forever, month = Growth(10.0), Growth(100.0, age_days=20.0, keeps_days=30.0)
    assert days_until_full(1000.0, [forever]) == 100.0
    assert days_until_full(550.0, [forever, month]) == 5.0, "while both grow"
    assert days_until_full(1200.0, [forever, month]) == 20.0, "ten days of 110, then ten of 10"
    assert days_until_full(1e9, [month]) is None, "what is removed as it comes never fills a disk"
    assert days_until_full(0.0, [forever]) == 0.0
