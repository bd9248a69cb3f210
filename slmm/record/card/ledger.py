"""Which rows of the SD cards are on record and where on the time line, and how the meters' clocks went.

Kept in the historian's own file: a row and its entry here are one transaction, so that a row that was fetched again is
known, however often its file grew and wherever the service was cut off. Rows are known by their file: its path on the
card and what its first row says, for a card that was cleared may hold another file of that name. Within a file they
are known by address and time, with no regard to when they are thought to have been measured.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from slmm.nl43.stored import StoredInterval
from slmm.record.card.alignment import ClockReading
from slmm.record.card.placing import Certainty
from slmm.record.store import Connection, Store

SAME_WITHIN_S = 1.5
"""Rows of a stretch are shown evenly to the resolution of their file, which is a second at worst."""
CLOCK_EVERY = timedelta(hours=1)
CLOCK_CHANGE_S = 2.0
"""A reading of a clock is kept each hour, or when it shows that the clock was set."""
_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - the meter has no zone

_SCHEMA = (
    (
        "create table if not exists card_stretches (unit integer, path varchar, begins varchar, sha256 varchar,"
        " row_count integer, first_address integer, last_address integer, first_shown timestamp, last_shown timestamp,"
        " ends_at timestamp, duration_s double, certainty utinyint)"
    ),
    "create table if not exists card_spans (unit integer, starts_at timestamp, ends_at timestamp)",
    "create table if not exists card_clocks (unit integer, read_at timestamp, ahead_s double)",
)


@dataclass(frozen=True, slots=True)
class Stretch:
    """Rows of one file that follow each other and were put on record together."""

    path: str
    """Of the file on the card."""
    begins: str
    """Which file of that path, see ``first_of``."""
    sha256: str
    """Of the version they were taken from."""
    rows: int
    first_address: int
    last_address: int
    first_shown: datetime
    """The meter's own clock, naive, as is ``last_shown``."""
    last_shown: datetime
    ends_at: datetime
    """Aware: where the last row ends."""
    duration_s: float
    """Of that row."""
    certainty: Certainty

    def holds(self, addresses: NDArray[np.int64], shown_s: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Which of these rows of the same file are among them; times in s since 1970 of the meter's clock."""
        first_s, last_s = seconds(self.first_shown), seconds(self.last_shown)
        share = (addresses - self.first_address) / max(1, self.last_address - self.first_address)
        within = (addresses >= self.first_address) & (addresses <= self.last_address)
        found: NDArray[np.bool_] = within & (np.abs(first_s + share * (last_s - first_s) - shown_s) <= SAME_WITHIN_S)
        return found


def seconds(shown: datetime) -> float:
    """A time of the meter's clock as seconds since 1970 of that clock."""
    return (shown - _EPOCH).total_seconds()


def first_of(rows: Sequence[StoredInterval]) -> str:
    """What tells a file from another of the same name: its first row, which stays as the file grows."""
    first = rows[0]
    return hashlib.sha256(repr((first.address, first.starts, first.levels)).encode()).hexdigest()[:24]


def known(rows: Sequence[StoredInterval], stretches: Sequence[Stretch]) -> NDArray[np.bool_]:
    """Which rows of a file are on record."""
    addresses = np.array([row.address for row in rows], dtype=np.int64)
    shown_s = np.array([seconds(row.starts) for row in rows])
    found = np.zeros(len(rows), dtype=bool)
    for stretch in stretches:
        found |= stretch.holds(addresses, shown_s)
    return found


def _stretch(row: tuple[Any, ...]) -> Stretch:
    ends_at, duration_s, certainty = row[-3:]
    return Stretch(*row[:-3], ends_at.replace(tzinfo=UTC), duration_s, Certainty(certainty))  # type: ignore[call-arg]


class CardLedger:
    """The tables; all of it asks and writes through the historian's store and raises DiskTrouble."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._is_made = False
        self._last: dict[str, ClockReading] = {}

    def _make(self) -> None:
        if not self._is_made:
            self._store.write(lambda connection: [connection.execute(statement) for statement in _SCHEMA])
            self._is_made = True

    # -- rows ---------------------------------------------------------------------------------------

    def stretches(self, unit_id: str, path: str) -> list[Stretch]:
        """Those of all files that ever had this path, in the order in which they came on record."""
        number = self._number(unit_id)
        if number is None:
            return []
        rows = self._store.read(
            lambda connection: connection.execute(
                "select path, begins, sha256, row_count, first_address, last_address, first_shown, last_shown,"
                " ends_at, duration_s, certainty from card_stretches where unit = ? and path = ? order by rowid",
                [number, path],
            ).fetchall()
        )
        return [_stretch(row) for row in rows]

    def rows_of(self, unit_id: str, path: str, sha256: str) -> int:
        """How many rows one version of a file has brought."""
        return sum(each.rows for each in self.stretches(unit_id, path) if each.sha256 == sha256)

    def add(self, connection: Connection, unit_id: str, stretches: Sequence[Stretch]) -> None:
        """Enter rows within the running transaction."""
        number = self._store.unit_number(connection, unit_id)
        for each in stretches:
            values = [getattr(each, name) for name in Stretch.__slots__]
            values[-3:] = [each.ends_at.astimezone(UTC).replace(tzinfo=None), each.duration_s, int(each.certainty)]
            places = ", ".join("?" * (1 + len(values)))
            connection.execute(f"insert into card_stretches values ({places})", [number, *values])

    def add_span(self, connection: Connection, unit_id: str, starts_at: datetime, ends_at: datetime) -> None:
        """A span whose minutes are to be made anew, within the running transaction."""
        number = self._store.unit_number(connection, unit_id)
        naive = [at.astimezone(UTC).replace(tzinfo=None) for at in (starts_at, ends_at)]
        connection.execute("insert into card_spans values (?, ?, ?)", [number, *naive])

    def spans(self, unit_id: str) -> list[tuple[datetime, datetime]]:
        """What is to be made anew, in order of time, spans that touch as one."""
        number = self._number(unit_id)
        if number is None:
            return []
        rows = self._store.read(
            lambda connection: connection.execute(
                "select starts_at, ends_at from card_spans where unit = ? order by starts_at", [number]
            ).fetchall()
        )
        found: list[tuple[datetime, datetime]] = []
        for starts_at, ends_at in rows:
            begin, end = starts_at.replace(tzinfo=UTC), ends_at.replace(tzinfo=UTC)
            if found and begin <= found[-1][1]:
                begin, end = found[-1][0], max(found.pop()[1], end)
            found.append((begin, end))
        return found

    def spans_done(self, unit_id: str, left: Sequence[tuple[datetime, datetime]] = ()) -> None:
        """Everything that was to be made anew has been, but for what is *left*."""
        number = self._number(unit_id)

        def change(connection: Connection) -> None:
            connection.execute("delete from card_spans where unit = ?", [number])
            for starts_at, ends_at in left:
                self.add_span(connection, unit_id, starts_at, ends_at)

        self._store.write(change)

    def units_with_spans(self) -> list[str]:
        """Units of which something is to be made anew, left by a service that was cut off."""
        self._make()
        rows = self._store.read(
            lambda connection: connection.execute("select distinct unit from card_spans").fetchall()
        )
        return sorted(self._store.unit_ids[unit] for (unit,) in rows)

    def _number(self, unit_id: str) -> int | None:
        self._make()
        return self._store.known_unit(unit_id)

    # -- clocks -------------------------------------------------------------------------------------

    def note_clock(self, unit_id: str, reading: ClockReading, *, is_news: bool = False) -> bool:
        """Keep what a meter's clock showed if that is news; tells whether it was."""
        last = self._last.get(unit_id)
        if last is not None and reading.at <= last.at:
            return False
        is_news |= last is None or reading.at - last.at >= CLOCK_EVERY
        if last is not None and abs(reading.ahead_s - last.ahead_s) >= CLOCK_CHANGE_S:
            is_news = True
        if not is_news:
            return False
        self._make()
        self._store.write(
            lambda connection: connection.execute(
                "insert into card_clocks values (?, ?, ?)",
                [
                    self._store.unit_number(connection, unit_id),
                    reading.at.astimezone(UTC).replace(tzinfo=None),
                    reading.ahead_s,
                ],
            )
        )
        self._last[unit_id] = reading
        return True

    def clocks(self, unit_id: str, from_at: datetime, until_at: datetime) -> list[ClockReading]:
        """What a meter's clock showed between two instants, in order of time."""
        number = self._number(unit_id)
        if number is None:
            return []
        low, high = (at.astimezone(UTC).replace(tzinfo=None) for at in (from_at, until_at))
        rows = self._store.read(
            lambda connection: connection.execute(
                "select read_at, ahead_s from card_clocks where unit = ? and read_at between ? and ? order by read_at",
                [number, low, high],
            ).fetchall()
        )
        return [ClockReading(at.replace(tzinfo=UTC), ahead_s) for at, ahead_s in rows]
