"""Writes behind: the trail and the status board, in one transaction about once a second."""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from slmm.events import Reading, RosterChange
from slmm.signals import reading_taken, roster_changed
from slmm.storage.batch import Batch, Row, store
from slmm.storage.behind import WriteBehind, utc_now
from slmm.storage.board import StatusBoard
from slmm.storage.database import Database
from slmm.storage.models import ReadingRow

READINGS_EVERY = 10
"""Flushes between two that write every unit's last reading: what a restart shows first is at most this old."""
_LEVELS = ("lp", "leq", "le", "lmax", "lmin", "lpeak", "ln1", "ln2", "ln3", "ln4", "ln5")


class Recorder(WriteBehind[Row]):
    """Receives readings, keeps what the trail needs, and writes in the pool."""

    name = "recorder"
    rows_are = "trail rows"
    most_pending = 100_000
    """2,000 units for 50 minutes."""
    most_at_once = 5_000
    """A backlog in one piece would hold the interpreter for too long."""

    def __init__(
        self,
        database: Database,
        board: StatusBoard,
        sample_s: float,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        super().__init__(now)
        self._database = database
        self._board = board
        self._sample_s = sample_s
        self._last_sample: dict[str, int] = {}
        self._rounds = itertools.cycle([True] + [False] * (READINGS_EVERY - 1))
        self._with_readings = True

    def on_reading(self, sender: str, event: Reading) -> None:
        """Receiver of ``reading_taken``: the first reading of each sample interval goes to the trail."""
        self._board.mark_read(event.unit_id)
        sample = self._sample(event.at)
        if self._last_sample.get(event.unit_id) == sample:
            return
        self._last_sample[event.unit_id] = sample
        row: Row = {name: getattr(event.main, name) for name in _LEVELS}
        self._add({"unit_id": event.unit_id, "timestamp": event.at, **row})

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
        since = self._now() - timedelta(seconds=self._sample_s)
        latest = self._database.read(lambda session: _latest(session, since))
        self._last_sample.update({unit_id: self._sample(at) for unit_id, at in latest.items()})
        reading_taken.connect(self.on_reading, weak=False)
        roster_changed.connect(self.on_roster, weak=False)
        self._start_writing()

    def stop(self) -> None:
        """Write what is left, every unit's last reading too, then end."""
        reading_taken.disconnect(self.on_reading)
        roster_changed.disconnect(self.on_roster)
        self._stop_writing()

    def _flush_in_turn(self) -> None:
        """A unit's last reading may wait: the next one replaces it anyway."""
        self._with_readings = next(self._rounds)
        try:
            self.flush()
        finally:
            self._with_readings = True

    def _has_more_than_rows(self) -> bool:
        return True

    def _write(self, batch: Sequence[Row]) -> list[str]:
        """Trail rows, and the states that have changed."""
        statuses = self._board.take_changed(with_readings=self._with_readings)
        if not statuses and not batch:
            return []
        is_written = False
        try:
            refusals = store(self._database, Batch(statuses, list(batch)))
            is_written = True
        finally:  # also when the caller's deadline ends the wait: writing a batch twice does no harm
            if not is_written:
                for status in statuses:
                    self._board.mark_changed(status.unit_id)
        return refusals

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
