"""Writes behind: the trail and the status board, in one transaction about once a second."""

from __future__ import annotations

import logging
import time
from collections import deque
from datetime import UTC, datetime
from typing import Any

import gevent
from gevent.event import Event
from gevent.lock import RLock
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from slmm.events import Reading, RosterChange
from slmm.signals import reading_taken, roster_changed
from slmm.storage.board import StatusBoard, UnitStatus, to_row
from slmm.storage.database import Database
from slmm.storage.models import DeviceRow, ReadingRow, StatusRow

logger = logging.getLogger(__name__)

FLUSH_EVERY_S = 1.0
MOST_PENDING = 100_000
"""Trail rows kept while the database cannot be written: 2,000 units for 50 minutes."""
_LEVELS = ("lp", "leq", "lmax", "lmin", "lpeak", "ln1", "ln2", "ln3", "ln4", "ln5")

Row = dict[str, Any]


class Recorder:
    """Receives readings, keeps what the trail needs, and writes in the pool."""

    def __init__(self, database: Database, board: StatusBoard, sample_s: float) -> None:
        self.last_error: str | None = None
        self.last_flush_at: datetime | None = None
        self.write_failures = 0
        self.dropped = 0
        self._database = database
        self._board = board
        self._sample_s = sample_s
        self._pending: deque[Row] = deque()
        self._last_sample: dict[str, int] = {}
        self._failing_since_s: float | None = None
        self._stop = Event()
        self._turn = RLock()
        self._writer: gevent.Greenlet | None = None

    @property
    def pending(self) -> int:
        """Trail rows not written yet."""
        return len(self._pending)

    def on_reading(self, sender: str, event: Reading) -> None:
        """Receiver of ``reading_taken``: the first reading of each sample interval goes to the trail."""
        self._board.mark_changed(event.unit_id)
        sample = int(event.at.timestamp() // self._sample_s)
        if self._last_sample.get(event.unit_id) == sample:
            return
        self._last_sample[event.unit_id] = sample
        row: Row = {name: getattr(event.main, name) for name in _LEVELS}
        self._pending.append({"unit_id": event.unit_id, "timestamp": event.at, **row})
        if len(self._pending) > MOST_PENDING:
            self._pending.popleft()
            self.dropped += 1

    def on_roster(self, sender: str, event: RosterChange) -> None:
        """Receiver of ``roster_changed``: a removed unit leaves nothing behind."""
        if event.change == "removed":
            self._board.forget(event.unit_id)
            self._last_sample.pop(event.unit_id, None)

    def start(self) -> None:
        """Listen, and write from now on."""
        self._stop.clear()
        reading_taken.connect(self.on_reading, weak=False)
        roster_changed.connect(self.on_roster, weak=False)
        self._writer = gevent.Greenlet(self._run)
        self._writer.name = "recorder"
        self._writer.link_exception(lambda dead: logger.critical("greenlet %s died", dead.name))
        self._writer.start()

    def stop(self) -> None:
        """Write what is left, then end."""
        reading_taken.disconnect(self.on_reading)
        roster_changed.disconnect(self.on_roster)
        self._stop.set()
        if self._writer is not None:
            self._writer.join(5.0)
        self.flush()

    def _run(self) -> None:
        while not self._stop.wait(FLUSH_EVERY_S):
            self.flush()

    def flush(self) -> None:
        """Write everything that waits; on failure it stays, and the next call tries again."""
        with self._turn:
            statuses = self._board.take_changed()
            rows = list(self._pending)
            if not statuses and not rows:
                return
            try:
                self._database.write(lambda session: _write(session, statuses, rows))
            except (SQLAlchemyError, OSError) as error:
                for status in statuses:
                    self._board.mark_changed(status.unit_id)
                self._failed(error)
                return
            for _ in range(min(len(rows), len(self._pending))):
                self._pending.popleft()
            self._succeeded()

    def _failed(self, error: Exception) -> None:
        self.write_failures += 1
        self.last_error = str(error)
        if self._failing_since_s is None:
            self._failing_since_s = time.monotonic()
            logger.warning("the database cannot be written, readings are kept in memory: %s", error)
        else:
            logger.debug("the database still cannot be written: %s", error)

    def _succeeded(self) -> None:
        self.last_flush_at = datetime.now(UTC)
        if self._failing_since_s is not None:
            away_s = time.monotonic() - self._failing_since_s
            logger.info("the database is written again after %.0f s, %d rows dropped", away_s, self.dropped)
            self._failing_since_s = None
            self.last_error = None


def _write(session: Session, statuses: list[UnitStatus], rows: list[Row]) -> None:
    known = set(session.scalars(select(DeviceRow.unit_id)))
    saved = set(session.scalars(select(StatusRow.unit_id)))
    wanted = [to_row(status) for status in statuses if status.unit_id in known]
    session.bulk_insert_mappings(StatusRow, [row for row in wanted if row["unit_id"] not in saved])
    session.bulk_update_mappings(StatusRow, [row for row in wanted if row["unit_id"] in saved])
    session.bulk_insert_mappings(ReadingRow, [row for row in rows if row["unit_id"] in known])
