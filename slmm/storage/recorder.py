"""Writes behind: the trail and the status board, in one transaction about once a second."""

from __future__ import annotations

import itertools
import logging
import time
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import gevent
from gevent.event import Event
from gevent.lock import RLock
from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from slmm.events import Reading, RosterChange
from slmm.signals import reading_taken, roster_changed
from slmm.storage.batch import Batch, Row, store, why
from slmm.storage.board import StatusBoard, UnitStatus
from slmm.storage.database import Database
from slmm.storage.models import ReadingRow

logger = logging.getLogger(__name__)

FLUSH_EVERY_S = 1.0
READINGS_EVERY = 10
"""Flushes between two that write every unit's last reading: what a restart shows first is at most this old."""
MOST_PENDING = 100_000
"""Trail rows kept while the database cannot be written: 2,000 units for 50 minutes."""
MOST_AT_ONCE = 5_000
"""Trail rows of one transaction; a backlog in one piece would hold the interpreter for too long."""
STOP_WITHIN_S = 4.0
_LEVELS = ("lp", "leq", "le", "lmax", "lmin", "lpeak", "ln1", "ln2", "ln3", "ln4", "ln5")


def utc_now() -> datetime:
    """The present instant."""
    return datetime.now(UTC)


class Recorder:
    """Receives readings, keeps what the trail needs, and writes in the pool."""

    def __init__(
        self,
        database: Database,
        board: StatusBoard,
        sample_s: float,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        self.last_error: str | None = None
        self.last_flush_at: datetime | None = None
        self.write_failures = 0
        self.dropped = 0
        """Trail rows and statuses lost for good: too many waited, or the database refused their content."""
        self._database = database
        self._board = board
        self._sample_s = sample_s
        self._now = now
        self._pending: deque[Row] = deque()
        self._writing: list[Row] = []
        self._last_sample: dict[str, int] = {}
        self._failing_since_s: float | None = None
        self._is_overflowing = False
        self._stop = Event()
        self._turn = RLock()
        self._writer: gevent.Greenlet | None = None

    @property
    def pending(self) -> int:
        """Trail rows not written yet."""
        return len(self._pending) + len(self._writing)

    def on_reading(self, sender: str, event: Reading) -> None:
        """Receiver of ``reading_taken``: the first reading of each sample interval goes to the trail."""
        self._board.mark_read(event.unit_id)
        sample = self._sample(event.at)
        if self._last_sample.get(event.unit_id) == sample:
            return
        self._last_sample[event.unit_id] = sample
        row: Row = {name: getattr(event.main, name) for name in _LEVELS}
        self._pending.append({"unit_id": event.unit_id, "timestamp": event.at, **row})
        self._drop_surplus()

    def on_roster(self, sender: str, event: RosterChange) -> None:
        """Receiver of ``roster_changed``: a removed unit leaves nothing to a later one of its name."""
        if event.change != "removed":
            return
        self._board.forget(event.unit_id)
        self._last_sample.pop(event.unit_id, None)
        self._pending = deque(row for row in self._pending if row["unit_id"] != event.unit_id)
        self._writing = [row for row in self._writing if row["unit_id"] != event.unit_id]

    def start(self) -> None:
        """Listen, and write from now on; goes on in the sample interval an earlier run was in."""
        self._stop.clear()
        since = self._now() - timedelta(seconds=self._sample_s)
        latest = self._database.read(lambda session: _latest(session, since))
        self._last_sample.update({unit_id: self._sample(at) for unit_id, at in latest.items()})
        reading_taken.connect(self.on_reading, weak=False)
        roster_changed.connect(self.on_roster, weak=False)
        self._writer = gevent.Greenlet(self._run)
        self._writer.name = "recorder"
        self._writer.link_exception(lambda dead: logger.critical("greenlet %s died", dead.name))
        self._writer.start()

    def stop(self) -> None:
        """Write what is left, then end; takes STOP_WITHIN_S at most, also when the database is locked."""
        reading_taken.disconnect(self.on_reading)
        roster_changed.disconnect(self.on_roster)
        self._stop.set()
        with gevent.Timeout(STOP_WITHIN_S, False):
            if self._writer is not None:
                self._writer.join()
            self.flush()
        if self.pending:
            logger.error("stopped with %d trail rows that could not be written", self.pending)

    def flush(self, *, with_readings: bool = True) -> None:
        """Write everything that waits; on failure it stays, and the next call tries again.

        A unit's last reading may wait: the next one replaces it anyway.
        """
        with self._turn:
            while self._write_batch(with_readings=with_readings) and self._pending:
                pass

    def _run(self) -> None:
        rounds = itertools.cycle([True] + [False] * (READINGS_EVERY - 1))
        while not self._stop.wait(FLUSH_EVERY_S):
            try:
                self.flush(with_readings=next(rounds))
            except Exception as error:
                self.write_failures += 1
                self.last_error = str(error)
                logger.exception("writing failed for a reason nobody thought of; what waits is kept")

    def _write_batch(self, *, with_readings: bool) -> bool:
        """Write one transaction; tells whether it went well."""
        statuses = self._board.take_changed(with_readings=with_readings)
        count = min(len(self._pending), MOST_AT_ONCE)
        self._writing = [self._pending.popleft() for _ in range(count)]
        if not statuses and not self._writing:
            return True
        batch = Batch(statuses, self._writing)
        is_written = False
        try:
            refusals = store(self._database, batch)
            is_written = True
        except (SQLAlchemyError, OSError) as error:
            self._failed(error)
        finally:  # also when the caller's deadline ends the wait: writing a batch twice does no harm
            if not is_written:
                self._put_back(statuses)
            self._writing = []
        if is_written:
            self._succeeded(refusals)
        return is_written

    def _put_back(self, statuses: list[UnitStatus]) -> None:
        for status in statuses:
            self._board.mark_changed(status.unit_id)
        self._pending.extendleft(reversed(self._writing))
        self._drop_surplus()

    def _drop_surplus(self) -> None:
        """The oldest rows make room."""
        while len(self._pending) > MOST_PENDING:
            self._pending.popleft()
            self.dropped += 1
            if not self._is_overflowing:
                self._is_overflowing = True
                logger.warning("more than %d trail rows wait; the oldest are dropped", MOST_PENDING)

    def _failed(self, error: Exception) -> None:
        self.write_failures += 1
        self.last_error = why(error)
        if self._failing_since_s is None:
            self._failing_since_s = time.monotonic()
            logger.warning("the database cannot be written, readings are kept in memory: %s", self.last_error)
        else:
            logger.debug("the database still cannot be written: %s", self.last_error)

    def _succeeded(self, refusals: list[str]) -> None:
        self.last_flush_at = self._now()
        self.last_error = None
        self._is_overflowing = False
        if self._failing_since_s is not None:
            away_s = time.monotonic() - self._failing_since_s
            logger.info("the database is written again after %.0f s, %d rows dropped", away_s, self.dropped)
            self._failing_since_s = None
        self.dropped += len(refusals)
        for refusal in refusals:
            logger.warning("the database refused a row, which is dropped: %s", refusal)

    def _sample(self, at: datetime) -> int:
        """Number of the sample interval an instant falls in."""
        return int(at.timestamp() // self._sample_s)


def _latest(session: Session, since: datetime) -> dict[str, datetime]:
    """The last trail row of each unit that has one since then."""
    wanted = (
        select(ReadingRow.unit_id, func.max(ReadingRow.timestamp))
        .where(ReadingRow.timestamp >= since)
        .group_by(ReadingRow.unit_id)
    )
    return {row[0]: row[1] for row in session.execute(wanted)}
