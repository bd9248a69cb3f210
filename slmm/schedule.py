"""What is done again and again, and what came of it: jobs by name over APScheduler."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import cast

from apscheduler.schedulers.gevent import GeventScheduler

from slmm.steady import SteadyClock

LOOK_EVERY_S = 2.0
"""How soon a clock that was set back is noticed, though no job is due."""


@dataclass(slots=True)
class Job:
    """One job, and how its last run ended."""

    name: str
    every_s: float
    runs: int = 0
    failures: int = 0
    last_run_at: datetime | None = None
    took_s: float | None = None
    error: str | None = None
    """What the last run failed with; None when it was well."""
    next_run_at: datetime | None = None


class _SteadyScheduler(GeventScheduler):  # type: ignore[misc]
    """Keeps its jobs' distances when the wall clock, which APScheduler goes by, is set."""

    def __init__(self, clock: SteadyClock) -> None:
        # However late a job is, it is run, and once: after a sleep of the machine, or when the clock has just been set.
        defaults = {"coalesce": True, "max_instances": 1, "misfire_grace_time": None}
        super().__init__(timezone="UTC", job_defaults=defaults)
        self._clock = clock

    def _process_jobs(self) -> float | None:
        """Before each look at what is due: else all would be late at once, or nothing done for as long as it went."""
        step_s = self._clock.check()
        if step_s is not None:
            for job in self.get_jobs():
                job.modify(next_run_time=job.next_run_time + timedelta(seconds=step_s))
        wait_s = cast(float | None, super()._process_jobs())
        return None if wait_s is None else min(wait_s, LOOK_EVERY_S)


class Schedule:
    """Runs each job in a greenlet of its own, never twice at once; started and stopped by the runtime."""

    def __init__(self, clock: SteadyClock | None = None) -> None:
        self._jobs: dict[str, Job] = {}
        self._clock = clock or SteadyClock()
        self._scheduler: GeventScheduler | None = None

    def start(self) -> None:
        """Run what has been added, and what will be."""
        self._scheduler = _SteadyScheduler(self._clock)
        self._scheduler.start()

    def stop(self) -> None:
        """Begin nothing more; what runs goes on to its end."""
        if self._scheduler:
            self._scheduler.shutdown(wait=False)
            self._scheduler = None

    def add(self, name: str, work: Callable[[], object], every_s: float, *, at_once: bool = False) -> None:
        """Do *work* every so many seconds, for the first time after that time or at once."""
        if self._scheduler is None:
            raise RuntimeError("the schedule has not been started")
        job = self._jobs[name] = Job(name, every_s)
        first = {"next_run_time": datetime.now(UTC)} if at_once else {}
        self._scheduler.add_job(self._run, "interval", args=(job, work), id=name, name=name, seconds=every_s, **first)

    @staticmethod
    def _run(job: Job, work: Callable[[], object]) -> None:
        began_s = time.monotonic()
        job.last_run_at = datetime.now(UTC)
        job.runs += 1
        try:
            work()
        except Exception as error:
            job.failures += 1
            job.error = str(error) or type(error).__name__
            raise  # APScheduler writes it down with its traceback
        else:
            job.error = None
        finally:
            job.took_s = round(time.monotonic() - began_s, 3)

    def jobs(self) -> list[Job]:
        """All jobs in the order in which they were added, with when each is due."""
        for name, job in self._jobs.items():
            found = self._scheduler.get_job(name) if self._scheduler else None
            job.next_run_at = found.next_run_time if found else None
        return list(self._jobs.values())
