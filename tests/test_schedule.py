"""Jobs that recur, while somebody sets the clock."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from apscheduler.executors.base import run_job

from slmm.schedule import Schedule
from slmm.steady import SteadyClock
from tests.conftest import eventually


class Step:
    """How far the clock was set."""

    ahead_s = 0.0


@pytest.fixture
def step() -> Step:
    return Step()


@pytest.fixture
def schedule(step: Step) -> Iterator[Schedule]:
    made = Schedule(SteadyClock(lambda: step.ahead_s, lambda: 0.0))
    made.start()
    yield made
    made.stop()


@pytest.mark.parametrize("step_s", [3600.0, -3600.0])
def test_jobs_keep_their_distance_when_the_clock_is_set(schedule: Schedule, step: Step, step_s: float) -> None:
    schedule.add("often", lambda: None, 0.1)
    schedule.add("seldom", lambda: None, 86_400.0)
    before = schedule.jobs()[1].next_run_at
    assert before is not None
    step.ahead_s = step_s
    eventually(lambda: schedule.jobs()[1].next_run_at == before + timedelta(seconds=step_s))


def test_it_looks_at_the_clock_though_nothing_is_due(schedule: Schedule, step: Step) -> None:
    schedule.add("seldom", lambda: None, 86_400.0)
    before = schedule.jobs()[0].next_run_at
    assert before is not None
    step.ahead_s = 60.0
    eventually(lambda: schedule.jobs()[0].next_run_at == before + timedelta(seconds=60.0))


def test_a_job_that_is_an_hour_late_is_run_all_the_same(schedule: Schedule) -> None:
    """As when the clock is set between the look at what is due and the run."""
    runs: list[int] = []
    schedule.add("seldom", lambda: runs.append(1), 86_400.0)
    scheduler = schedule._scheduler
    assert scheduler is not None
    (job,) = scheduler.get_jobs()
    run_job(job, "default", [datetime.now(UTC) - timedelta(hours=1)], "slmm.schedule")
    assert runs == [1]
