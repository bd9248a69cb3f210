"""Rows that are written a moment later, in batches, off the hub; kept in memory while the disk does not take them."""

from __future__ import annotations

import logging
import time
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Generic, TypeVar

import gevent
from gevent.event import Event
from gevent.lock import RLock
from sqlalchemy.exc import SQLAlchemyError

from slmm.errors import DiskTrouble
from slmm.storage.batch import why

T = TypeVar("T")

FLUSH_EVERY_S = 1.0
_TROUBLE = (SQLAlchemyError, OSError, DiskTrouble)
"""What passes when the disk or the database is well again."""


def utc_now() -> datetime:
    """The present instant."""
    return datetime.now(UTC)


class WriteBehind(ABC, Generic[T]):
    """A backlog and the greenlet that writes it; who derives from it says how a batch is written."""

    name = "writer"
    rows_are = "rows"
    goes_to = "the database"
    """Words for the log: *rows_are* wait for *goes_to*."""
    most_pending = 100_000
    most_at_once = 5_000
    stop_within_s = 4.0

    def __init__(self, now: Callable[[], datetime] = utc_now) -> None:
        self.last_error: str | None = None
        self.last_flush_at: datetime | None = None
        self.write_failures = 0
        self.dropped = 0
        """Rows lost for good: too many waited, or their content was refused."""
        self._now = now
        self._logger = logging.getLogger(type(self).__module__)
        self._pending: deque[T] = deque()
        self._writing: list[T] = []
        self._failing_since_s: float | None = None
        self._is_overflowing = False
        self._stop = Event()
        self._turn = RLock()
        self._writer: gevent.Greenlet | None = None

    @abstractmethod
    def _write(self, batch: Sequence[T]) -> list[str]:
        """Write one transaction, off the hub; what of it was refused for its content, in words.

        Raises SQLAlchemyError, OSError or DiskTrouble when it can be tried again.
        """

    def _has_more_than_rows(self) -> bool:
        """Whether there is something to write though no row waits."""
        return False

    @property
    def pending(self) -> int:
        """Rows not written yet."""
        return len(self._pending) + len(self._writing)

    def _add(self, row: T) -> None:
        self._pending.append(row)
        self._drop_surplus()

    def _start_writing(self) -> None:
        self._stop.clear()
        self._writer = gevent.Greenlet(self._run)
        self._writer.name = self.name
        self._writer.link_exception(lambda dead: self._logger.critical("greenlet %s died", dead.name))
        self._writer.start()

    def _stop_writing(self) -> None:
        """Write what is left, then end; takes ``stop_within_s`` at most, also when the disk is held by somebody."""
        self._stop.set()
        with gevent.Timeout(self.stop_within_s, False):
            if self._writer is not None:
                self._writer.join()
            self.flush()
        if self.pending:
            self._logger.error("stopped with %d %s that could not be written", self.pending, self.rows_are)

    def flush(self) -> None:
        """Write everything that waits; on failure it stays, and the next call tries again."""
        with self._turn:
            while (self._pending or self._has_more_than_rows()) and self._write_batch() and self._pending:
                pass

    def _run(self) -> None:
        while not self._stop.wait(FLUSH_EVERY_S):
            try:
                self._flush_in_turn()
            except Exception as error:
                self.write_failures += 1
                self.last_error = str(error)
                self._logger.exception("writing failed for a reason nobody thought of; what waits is kept")

    def _flush_in_turn(self) -> None:
        """What the greenlet does about once a second."""
        self.flush()

    def _write_batch(self) -> bool:
        """Write one transaction; tells whether it went well."""
        count = min(len(self._pending), self.most_at_once)
        self._writing = [self._pending.popleft() for _ in range(count)]
        refusals: list[str] | None = None
        try:
            refusals = self._write(self._writing)
        except _TROUBLE as error:
            self._failed(error)
        finally:  # also when the caller's deadline ends the wait
            if refusals is None:
                self._pending.extendleft(reversed(self._writing))
                self._drop_surplus()
            self._writing = []
        if refusals is not None:
            self._succeeded(refusals)
        return refusals is not None

    def _drop_surplus(self) -> None:
        """The oldest rows make room."""
        while len(self._pending) > self.most_pending:
            self._pending.popleft()
            self.dropped += 1
            if not self._is_overflowing:
                self._is_overflowing = True
                self._logger.warning("more than %d %s wait; the oldest are dropped", self.most_pending, self.rows_are)

    def _failed(self, error: Exception) -> None:
        self.write_failures += 1
        self.last_error = why(error)
        if self._failing_since_s is None:
            self._failing_since_s = time.monotonic()
            self._logger.warning(
                "%s cannot be written, %s are kept in memory: %s", self.goes_to, self.rows_are, self.last_error
            )
        else:
            self._logger.debug("%s still cannot be written: %s", self.goes_to, self.last_error)

    def _succeeded(self, refusals: list[str]) -> None:
        self.last_flush_at = self._now()
        self.last_error = None
        self._is_overflowing = False
        if self._failing_since_s is not None:
            away_s = time.monotonic() - self._failing_since_s
            self._logger.info(
                "%s is written again after %.0f s, %d %s dropped", self.goes_to, away_s, self.dropped, self.rows_are
            )
            self._failing_since_s = None
        self.dropped += len(refusals)
        for refusal in refusals:
            self._logger.warning("%s refused a row, which is dropped: %s", self.goes_to, refusal)
