"""The minutes of the last hour of every unit: one question for all of them, asked once a minute whoever looks."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Protocol

import numpy as np
from gevent.lock import RLock

from slmm.acoustics.energy import level, rounded
from slmm.record.minute import MINUTE
from slmm.record.rollup import floor
from slmm.record.store import Connection, Store

MINUTES = 60
LATE = timedelta(minutes=2)
"""Minutes that are made this late are waited for no longer: the hour goes on without them, and they are gaps."""
KEPT = timedelta(minutes=1)
"""So long an answer does, for minutes may be made anew, of a card or of what came late."""

Levels = list[float | None]


class Record(Protocol):
    """What is needed of the record."""

    @property
    def store(self) -> Store:
        """Where minutes are kept."""

    @property
    def made_until(self) -> datetime | None:
        """Up to when minutes have been made; None before the first."""


@dataclass(frozen=True, slots=True)
class Hour:
    """What is on record of an hour."""

    starts_at: datetime
    laeq: dict[str, Levels] = field(default_factory=dict)
    """LAeq,1min of each unit that has any, in 0.1 dB, MINUTES of them; None where nothing is known."""

    def of(self, unit_id: str, minutes: int = MINUTES) -> Levels:
        """The last *minutes* of a unit."""
        return self.laeq.get(unit_id, [None] * MINUTES)[MINUTES - minutes :]


class LastHour:
    """Asks the record; answers from memory until another minute has been made."""

    def __init__(self, record: Record) -> None:
        self._record = record
        self._turn = RLock()  # many pages ask at the same second
        self._found: Hour | None = None
        self._asked_at = datetime.min.replace(tzinfo=UTC)

    def read(self, now: datetime) -> Hour:
        """The hour that has ended; raises DiskTrouble."""
        with self._turn:
            starts_at = self._end(now) - MINUTES * MINUTE
            if self._found is None or self._found.starts_at != starts_at or now - self._asked_at >= KEPT:
                self._found = self._record.store.read(lambda connection: self._ask(connection, starts_at))
                self._asked_at = now
            return self._found

    def _end(self, now: datetime) -> datetime:
        until, minute = self._record.made_until, floor(now, MINUTE)
        return until if until is not None and minute - LATE <= until <= minute else minute

    def _ask(self, connection: Connection, starts_at: datetime) -> Hour:
        since = starts_at.astimezone(UTC).replace(tzinfo=None)
        found = connection.execute(
            "select unit, starts_at, energy_s / valid_s as mean from minutes"
            " where starts_at >= ? and starts_at < ? and valid_s > 0",
            [since, since + MINUTES * MINUTE],
        ).fetchnumpy()
        names = self._record.store.unit_ids
        places = ((found["starts_at"] - np.datetime64(since)) / np.timedelta64(60, "s")).astype(int)
        laeq: dict[str, Levels] = {}
        for unit, place, mean in zip(found["unit"], places, found["mean"], strict=True):
            levels = laeq.setdefault(names[int(unit)], [None] * MINUTES)
            mean_db = level(float(mean))
            levels[int(place)] = None if mean_db is None else rounded(mean_db)
        return Hour(starts_at, laeq)
