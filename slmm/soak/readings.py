"""Readings as the meter made them, as viewers saw them and as the record keeps them, held against each other; pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from slmm.soak.troubles import MOST_LATE_S

Levels = tuple[float | None, ...]
NAMES = ("lp", "leq", "le", "lmax", "lmin", "ln1", "ln2", "ln3", "ln4", "ln5", "lpeak")
"""The first fields of a display line, in its order (comm. guide p. 88)."""
_ROUNDED_S = 0.002
_CARRIED_S = 2.0


def of_line(line: str) -> Levels:
    """The levels of a display line; raises ValueError for what is no such line. Shares no code with the service."""
    fields = [text.strip() for text in line.split(",")[: len(NAMES)]]
    return tuple(None if text in ("-.-", "") else float(text) for text in fields)


def of_members(members: Any) -> Levels:
    """The levels of a live frame."""
    return tuple(members[name] for name in NAMES)


def of_cells(names: Sequence[str], cells: Sequence[str]) -> tuple[str, Levels]:
    """Time and levels of a line of the export."""
    row = dict(zip(names, cells, strict=False))
    return row["ends_at"], tuple(float(row[name]) if row[name] else None for name in NAMES)


def seconds(stamp: str) -> float:
    """Unix time of an RFC 3339 stamp."""
    return datetime.fromisoformat(stamp).timestamp()


def stamp(at_s: float) -> str:
    """The other way round, in ms."""
    return datetime.fromtimestamp(at_s, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


def _fits(seen: Levels, true: Levels) -> bool:
    """Every level seen is the true one; a fault may have blanked some."""
    return all(level is None or level == wanted for level, wanted in zip(seen, true, strict=True))


@dataclass(slots=True)
class Settled:
    """What came of comparing a span."""

    recorded: int = 0
    phantoms: list[str] = field(default_factory=list)
    """Recorded readings that the meter never made."""
    lost_s: list[float] = field(default_factory=list)
    """When the meter made readings that are not on record."""
    unkept_s: list[float] = field(default_factory=list)
    """When viewers saw readings that are not on record, or are there with other levels."""


@dataclass(slots=True)
class Book:
    """What is not compared yet of one unit."""

    unit_id: str
    made: deque[tuple[float, Levels]] = field(default_factory=deque)
    """By the meter: time and levels, in order."""
    published: dict[str, Levels] = field(default_factory=dict)
    """Seen by viewers, by time."""
    _carried: dict[str, Levels] = field(default_factory=dict)

    def settle(self, rows: Iterable[tuple[str, Levels]], until_s: float) -> Settled:
        """Compare with the record's rows up to *until_s*, which follow those of last time, and forget what was."""
        outcome = Settled()
        for at, levels in rows:
            outcome.recorded += 1
            self._carried[at] = levels
            position = self._position(seconds(at), levels)
            if position is None:
                outcome.phantoms.append(f"{self.unit_id}: {at} {levels}")
                continue
            outcome.lost_s += [self.made.popleft()[0] for _ in range(position)]
            self.made.popleft()
        while self.made and self.made[0][0] < until_s - MOST_LATE_S:
            outcome.lost_s.append(self.made.popleft()[0])
        self._settle_published(until_s - 1.0, outcome)
        self._carried = {at: each for at, each in self._carried.items() if seconds(at) > until_s - _CARRIED_S}
        return outcome

    def _position(self, at_s: float, levels: Levels) -> int | None:
        """Which of the lines made is the one that arrived at *at_s*: the latest that fits."""
        found = None
        for position, (made_s, made) in enumerate(self.made):
            if made_s > at_s + _ROUNDED_S:
                break
            if made_s >= at_s - MOST_LATE_S and _fits(levels, made):
                found = position
        return found

    def _settle_published(self, until_s: float, outcome: Settled) -> None:
        due = [at for at in self.published if seconds(at) <= until_s]
        for at in due:
            if self.published.pop(at) != self._carried.get(at):
                outcome.unkept_s.append(seconds(at))


Id = tuple[str, int]
"""Boot and sequence of an event."""


@dataclass(slots=True)
class Visit:
    """What one viewer got of one unit: ids of frames in order, and how many it was told it missed before each."""

    unit_id: str
    got: list[tuple[Id, int]] = field(default_factory=list)


def check_visit(visit: Visit, known: Iterable[Id]) -> str | None:
    """A sentence when frames are missing that were not announced; *known* are all of the unit, in order."""
    order = {event_id: number for number, event_id in enumerate(known)}
    seen: dict[str, list[tuple[int, int]]] = {}
    for event_id, skipped in visit.got:
        if event_id in order:
            seen.setdefault(event_id[0], []).append((order[event_id], skipped))
    for boot, its in seen.items():
        numbers = [number for number, _ in its]
        if numbers != sorted(set(numbers)):
            return f"a viewer of {visit.unit_id} got frames of {boot} twice or out of order"
        missed = numbers[-1] - numbers[0] + 1 - len(numbers)
        announced = sum(skipped for _, skipped in its[1:])
        if missed != announced:
            return f"a viewer of {visit.unit_id} missed {missed} frames of {boot} and was told of {announced}"
    return None
