"""Jobs: something to do with a meter and one caller who waits for the result; and the queue they stand in."""

from __future__ import annotations

import heapq
import itertools
import logging
from collections.abc import Callable
from enum import IntEnum
from typing import Any, Generic, TypeVar

import gevent
from gevent.event import AsyncResult
from gevent.hub import Waiter

from slmm.errors import DeviceBusy, DeviceError, DeviceTimeout, SlmmError
from slmm.nl43.meter import Meter

logger = logging.getLogger(__name__)

T = TypeVar("T")

_order = itertools.count()


class Priority(IntEnum):
    """Lower goes first; every job but a step goes before the next poll."""

    LETTING_GO = 0
    PERSON = 1
    STEP = 2
    """One command of a long operation: a poll that is due takes turns with these."""
    CHORE = 3


class Job(Generic[T]):
    """An action on a Meter, run by the meter's worker in its turn."""

    def __init__(self, action: Callable[[Meter], T], what: str, priority: Priority = Priority.PERSON) -> None:
        self.what = what
        self.priority = priority
        self.has_begun = False
        self._action = action
        self._place = (priority, next(_order))
        self._result: AsyncResult = AsyncResult()
        self._is_abandoned = False

    def __lt__(self, other: Job[Any]) -> bool:
        return self._place < other._place

    def run(self, meter: Meter) -> DeviceError | None:
        """Run it unless its caller has given up; the result, or the error, goes to the caller.

        Returns the error when it says something about the meter, so that the worker can judge contact.
        """
        if self._is_abandoned:
            return None
        self.has_begun = True
        try:
            self._result.set(self._action(meter))
        except SlmmError as error:
            self._result.set_exception(error)
            return error if isinstance(error, DeviceError) else None
        except Exception as error:
            logger.exception("%s: %s failed", meter.unit_id, self.what)
            self._result.set_exception(error)
        return None

    def cancel(self, error: SlmmError) -> None:
        """Tell the caller that the job will not be run."""
        self._is_abandoned = True
        self._result.set_exception(error)

    def wait(self, timeout_s: float) -> T:
        """The result; raises what the action raised, or DeviceTimeout. A job not begun by then never runs."""
        try:
            value: T = self._result.get(timeout=timeout_s)
        except gevent.Timeout as timeout:
            self._is_abandoned = True
            stage = "did not finish" if self.has_begun else "did not get its turn"
            raise DeviceTimeout(f"{self.what} {stage} within {timeout_s:g} s") from timeout
        return value


class JobQueue:
    """What waits to be done with one meter, in order of priority; one greenlet takes.

    A worker waits here for most of each second, with a timer and nothing else: gevent's own queue takes
    13 µs for that, this 4.
    """

    def __init__(self, unit_id: str, size: int) -> None:
        self._unit_id = unit_id
        self._size = size
        self._jobs: list[Job[Any]] = []
        self._taker: Waiter | None = None

    def put(self, job: Job[Any]) -> None:
        """Line up; raises DeviceBusy when too many wait."""
        if len(self._jobs) >= self._size:
            raise DeviceBusy(f"{self._unit_id} has {self._size} commands waiting; try again")
        heapq.heappush(self._jobs, job)
        if self._taker is not None:
            taker, self._taker = self._taker, None
            gevent.get_hub().loop.run_callback(taker.switch, None)

    def wake(self) -> None:
        """Make whoever waits in ``take`` look again at what is due."""
        if not self._jobs:  # else it is awake already
            self.put(Job(lambda meter: None, "look again", Priority.CHORE))

    @property
    def head(self) -> Priority | None:
        """The priority of the next job; None when none waits."""
        return self._jobs[0].priority if self._jobs else None

    def take(self, timeout_s: float | None) -> Job[Any] | None:
        """The next job, or None when none has come within *timeout_s*; None waits for ever."""
        if not self._jobs and timeout_s != 0.0:
            self._wait(timeout_s)
        return heapq.heappop(self._jobs) if self._jobs else None

    def _wait(self, timeout_s: float | None) -> None:
        hub = gevent.get_hub()
        self._taker = Waiter(hub)
        if timeout_s is None:
            self._taker.get()
            return
        timer = hub.loop.timer(timeout_s)
        try:
            timer.start(self._taker.switch, None)
            self._taker.get()
        finally:
            self._taker = None  # a switch that comes too late goes to nobody
            timer.close()

    def drop_wakes(self) -> None:
        """Take away what only asks to look again."""
        while self.head is Priority.CHORE:
            heapq.heappop(self._jobs)

    def cancel_all(self, error: SlmmError) -> None:
        """Tell every caller that the job will not be run."""
        while job := self.take(0.0):
            job.cancel(error)
