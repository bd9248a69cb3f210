"""A job: something to do with a meter, a deadline, and one caller who waits for the result."""

from __future__ import annotations

import itertools
import logging
from collections.abc import Callable
from enum import IntEnum
from typing import Any, Generic, TypeVar

import gevent
from gevent.event import AsyncResult

from slmm.errors import DeviceError, DeviceTimeout, SlmmError
from slmm.nl43.meter import Meter

logger = logging.getLogger(__name__)

T = TypeVar("T")

_order = itertools.count()


class Priority(IntEnum):
    """Lower goes first; every job goes before the next poll."""

    LETTING_GO = 0
    PERSON = 1
    CHORE = 2


class Job(Generic[T]):
    """An action on a Meter, run by the meter's worker in its turn."""

    def __init__(self, action: Callable[[Meter], T], what: str, priority: Priority = Priority.PERSON) -> None:
        self.what = what
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
