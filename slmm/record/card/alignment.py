"""Puts what the SD card stored on the time line: from the meter's own clock to instants; pure.

The meter's clock has no zone and no summer time, so what is fixed is by how much it is ahead of UTC, until somebody
sets it. Its rows tell more than its clock does: each begins where the one before it ended, whatever the local time
is called, so the ambiguous hour of autumn and the missing one of spring need no guess within a run. Where rows do not
follow each other, either time passed without rows (pause, power loss) or the clock was set; a clock can only seem to
run backward when it was set.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from enum import StrEnum

import numpy as np

from slmm.events import Levels
from slmm.nl43.stored import StoredInterval
from slmm.record.card.clocks import SLACK_S, STEP_SLACK_S, ClockReading, Piece, civil_clocks, read_clocks

__all__ = ["AlignedInterval", "Alignment", "ClockReading", "Jump", "JumpKind", "align"]

EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - the meter has no zone
SHOWN_STEP_S = 0.5
"""Less is no setting of a clock that is set to the second."""
CREEP = 1.25
"""A time may lie so many times its last digit from where it is expected: one by cutting off, the rest because intervals
and clock need not agree perfectly over days."""


@dataclass(frozen=True, slots=True)
class AlignedInterval:
    """A stored row at its place in time."""

    ends_at: datetime
    """Aware UTC, to the millisecond."""
    duration_s: float
    stored: StoredInterval

    @property
    def starts_at(self) -> datetime:
        """Aware UTC."""
        return self.ends_at - timedelta(seconds=self.duration_s)


class JumpKind(StrEnum):
    """Why a row does not begin where the one before it ended."""

    GAP = "gap"
    """Time passed of which there are no rows: a pause, a power loss, a file that is missing."""
    STEP = "step"
    """The meter's clock was set."""


@dataclass(frozen=True, slots=True)
class Jump:
    """A place where rows do not follow each other."""

    address: int
    """Of the first row behind it."""
    shown: datetime
    """Its time on the meter's clock."""
    jump_s: float
    """By how much that is later than it would have been."""
    kind: JumpKind
    is_measured: bool
    """Whether readings of the clock tell so; else it is what is likeliest."""


@dataclass(frozen=True, slots=True)
class Alignment:
    """All rows of a run on the time line, in their order."""

    intervals: tuple[AlignedInterval, ...] = ()
    jumps: tuple[Jump, ...] = ()
    doubled: int = 0
    """Rows left out because they were there already, as when a file is read again after it grew."""
    is_ambiguous: bool = False
    """Without a reading of the clock, the first row may also be an hour later: it begins as the clocks go back."""


def align(rows: Iterable[StoredInterval], zone: tzinfo, readings: Sequence[ClockReading] = ()) -> Alignment:
    """Rows of one run and kind, in the order of their files, as instants.

    *zone* is that of the meter's clock. Without *readings* the clock is taken to have been right in it when the run
    began, and a time it shows is taken as it stands; with them, a time cut off to whole seconds is taken in the
    middle of what it may mean.
    """
    kept, doubled = _without_doubles(rows)
    if not kept:
        return Alignment(doubled=doubled)
    pieces = _pieces(kept, _resolution_s(kept), is_centred=bool(readings))
    for before, piece in itertools.pairwise(pieces):
        piece.is_civil_step = _is_civil_step(before, piece, zone)
    if readings:
        read_clocks(pieces, readings)
    else:
        civil_clocks(pieces, zone)
    first = kept[0].starts.replace(tzinfo=zone)
    is_ambiguous = not readings and first.utcoffset() > first.replace(fold=1).utcoffset()  # type: ignore[operator]
    intervals = tuple(itertools.chain.from_iterable(map(_placed, pieces)))
    return Alignment(intervals, tuple(_jumps(pieces)), doubled, is_ambiguous)


def _without_doubles(rows: Iterable[StoredInterval]) -> tuple[list[StoredInterval], int]:
    """Levels count too: addresses may begin anew in each file, and times come again when the clock is set back."""
    kept: dict[tuple[int, datetime, Levels], StoredInterval] = {}
    doubled = 0
    for row in rows:
        key = (row.address, row.starts, row.levels)
        doubled += key in kept
        kept.setdefault(key, row)
    return list(kept.values()), doubled


def _follows(row: StoredInterval, before: StoredInterval) -> bool:
    """Whether no row is missing between two, by their addresses."""
    return row.address == before.address + 1 or (row.address <= 1 and before.address > 1)


# -- what follows each other ------------------------------------------------------------------------


def _seconds(naive: datetime) -> float:
    return (naive - EPOCH).total_seconds()


def _resolution_s(rows: Iterable[StoredInterval]) -> float:
    """To what the times are cut off: 1 s, or the last digit any of them has."""
    finest = 1
    for microsecond in {row.starts.microsecond for row in rows}:
        while microsecond * finest % 1_000_000:
            finest *= 10
    return 1.0 / finest


def _pieces(rows: Sequence[StoredInterval], resolution_s: float, *, is_centred: bool) -> list[Piece]:
    pieces: list[Piece] = []
    expected_s = 0.0
    for row in rows:
        shown_s = _seconds(row.starts)
        off_s = shown_s - expected_s
        if not pieces or not -CREEP * resolution_s < off_s < _most_s(pieces[-1].rows[-1], row, resolution_s):
            pieces.append(Piece([], off_s if pieces else 0.0))
            expected_s = shown_s
        # A time cut off means at least itself, and less than its last digit more.
        expected_s = min(max(expected_s, shown_s), shown_s + resolution_s)
        pieces[-1].rows.append(row)
        pieces[-1].begins_s.append(expected_s)
        expected_s += row.duration_s
    for piece in pieces:
        _lay_grid(piece, resolution_s, is_centred)
    return pieces


def _most_s(before: StoredInterval, row: StoredInterval, resolution_s: float) -> float:
    """By how much a row may seem late; where one is missing, it is late by that one."""
    return resolution_s * (CREEP if _follows(row, before) else 1.0) - SLACK_S


def _lay_grid(piece: Piece, resolution_s: float, is_centred: bool) -> None:
    """Row k begins k intervals after the first, wherever in the resolution that is; all rows together tell."""
    shown = np.array([_seconds(row.starts) for row in piece.rows])
    elapsed = np.concatenate(([0.0], np.cumsum([row.duration_s for row in piece.rows[:-1]])))
    earliest_s, latest_s = float(np.max(shown - elapsed)), float(np.min(shown - elapsed)) + resolution_s
    if latest_s - earliest_s < -SLACK_S:
        return  # intervals and clock do not agree to the last digit: each row stays where its time allows
    middle_s = (earliest_s + latest_s) / 2
    start_s = middle_s if is_centred else max(earliest_s, min(shown[0], latest_s))
    piece.begins_s = (start_s + elapsed).tolist()


def _is_civil_step(before: Piece, after: Piece, zone: tzinfo) -> bool:
    """Whether somebody set the clock to or from summer time: no row is missing, and the zone changed by as much."""
    last, first = before.rows[-1], after.rows[0]
    if not _follows(first, last):
        return False
    was, is_now = (row.starts.replace(tzinfo=zone).utcoffset() for row in (last, first))
    assert was is not None
    assert is_now is not None
    change_s = (is_now - was).total_seconds()
    return change_s != 0.0 and abs(after.jump_s - change_s) <= STEP_SLACK_S


# -- results ----------------------------------------------------------------------------------------


def _placed(piece: Piece) -> Iterable[AlignedInterval]:
    for row, begins_s in zip(piece.rows, piece.begins_s, strict=True):
        ends_s = piece.clock.utc_s(begins_s + row.duration_s)
        ends_at = datetime.fromtimestamp(round(ends_s, 3), UTC)
        yield AlignedInterval(ends_at, row.duration_s, row)


def _jumps(pieces: Sequence[Piece]) -> Iterable[Jump]:
    for before, piece in itertools.pairwise(pieces):
        missing_s = piece.clock.utc_s(piece.starts_s) - before.clock.utc_s(before.ends_s)
        kind = JumpKind.GAP if abs(missing_s - piece.jump_s) < SHOWN_STEP_S else JumpKind.STEP
        is_measured = before.clock.is_measured and piece.clock.is_measured
        if before.clock == piece.clock:
            is_measured &= piece.clock.first_s <= before.clock.utc_s(before.ends_s)
            is_measured &= piece.clock.last_s >= piece.clock.utc_s(piece.starts_s)
        yield Jump(piece.rows[0].address, piece.rows[0].starts, round(piece.jump_s, 3), kind, is_measured)
