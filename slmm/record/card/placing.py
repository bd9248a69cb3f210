"""Where the rows of a file of an SD card lie: by the meter's clock, by what is on record already, by what was heard.

``alignment`` knows clocks. Two things know more. Rows that go on from some that are on record lie behind those, or a
file that grows would come on record with overlaps and gaps of fractions of a second, until the clock has drifted by
more than it can be read. And where the same sound was received live, its course tells the time to a tenth of a second,
whatever the clock was said to show. Pure but for the question what was received live.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from slmm.nl43.stored import StoredInterval
from slmm.record.card.alignment import AlignedInterval, Alignment, ClockReading, Jump, JumpKind, align
from slmm.record.card.comparison import LEAST_SECONDS, best_shift_s

Series = tuple[NDArray[np.float64], NDArray[np.float64]]
LiveOf = Callable[[datetime, datetime], Series]
"""Times in s since 1970 (UTC) and levels Lp in dB, about a second apart, as they were received between two instants."""

LONGEST_ROW_S = 2.5
"""Longer intervals have no course that tells the time."""
WINDOW_S = 3600.0
MOST_WINDOWS = 3
NEAR_S, FAR_S = 120.0, 7500.0
"""How far off the rows are looked for: what a clock goes wrong by, and then two hours, for one left in another zone."""
AGREED_WITHIN_S = 2.0
"""The meter's clock shows whole seconds and answers when it likes: what was heard does not contradict it by less."""
READ_WITHIN_S, HEARD_WITHIN_S = 1.0, 0.3
"""How well a clock is read that shows whole seconds, and how well the sound tells: rows that go on do so without a gap
until they are further off than that, for a clock drifts by seconds a day."""
DRIFTED_WITHIN_S = 5.0
"""Further off, the rows on record are not where they belong."""
FUTURE_SLACK_S = 2.0


class Certainty(IntEnum):
    """How the place of a row is known."""

    ASSUMED = 0
    """The meter's clock was taken to be right in its zone."""
    READ = 1
    """The clock was read."""
    HEARD = 2
    """The same sound was received live."""


@dataclass(frozen=True, slots=True)
class Anchor:
    """A row whose place is on record."""

    index: int
    """In the rows of the file; -1 for the last row of the file before it."""
    ends_at: datetime
    certainty: Certainty


@dataclass(frozen=True, slots=True)
class Piece:
    """Rows of a file without a break, and by how much they were moved from where the clock has them."""

    rows: tuple[AlignedInterval, ...]
    shift_s: float
    certainty: Certainty
    heard_s: float | None
    """What would have to be added to the clock's times by the sound alone; None where it does not tell."""


@dataclass(frozen=True, slots=True)
class Placement:
    """All rows of a file."""

    pieces: tuple[Piece, ...]
    jumps: tuple[Jump, ...]
    is_ambiguous: bool
    """Nothing tells the rows from others an hour later."""
    remarks: tuple[str, ...]

    @property
    def rows(self) -> Iterator[AlignedInterval]:
        """In order."""
        return itertools.chain.from_iterable(piece.rows for piece in self.pieces)


def place(
    rows: Sequence[StoredInterval],
    zone: tzinfo,
    readings: Sequence[ClockReading],
    *,
    live_of: LiveOf,
    before: StoredInterval | None = None,
    anchors: Sequence[Anchor] = (),
    not_after: datetime | None = None,
) -> Placement:
    """The rows of one file; *before* is the last row of the file before it, *not_after* when the file was fetched."""
    alignment = align([*([before] if before else []), *rows], zone, readings)
    index = -1 if before else 0
    pieces: list[Piece] = []
    remarks: list[str] = []
    jumps = iter((None, *alignment.jumps))
    inherited: Piece | None = None
    for part in _parts(alignment):
        jump = next(jumps)
        if jump is not None and jump.kind is JumpKind.STEP and jump.is_measured:
            inherited = None  # the clock was set, and read on both sides of that
        here = [anchor for anchor in anchors if index <= anchor.index < index + len(part)]
        found = _place_piece(part, index, _chosen(here), inherited, bool(readings), live_of, remarks)
        found = _not_in_the_future(found, not_after, remarks)
        index += len(part)
        inherited = found
        pieces.append(found)
    if before is not None and pieces:
        pieces[0] = _moved(pieces[0], 0.0, rows=pieces[0].rows[1:])
    is_ambiguous = alignment.is_ambiguous and all(piece.certainty is Certainty.ASSUMED for piece in pieces)
    return Placement(tuple(piece for piece in pieces if piece.rows), alignment.jumps, is_ambiguous, tuple(remarks))


def _parts(alignment: Alignment) -> Iterator[list[AlignedInterval]]:
    """Its rows, cut where they do not follow each other."""
    starts = [(jump.address, jump.shown) for jump in alignment.jumps]
    part: list[AlignedInterval] = []
    place_of_next = 0
    for interval in alignment.intervals:
        if place_of_next < len(starts) and starts[place_of_next] == (interval.stored.address, interval.stored.starts):
            place_of_next += 1
            yield part
            part = []
        part.append(interval)
    if part:
        yield part


def _chosen(anchors: Sequence[Anchor]) -> Anchor | None:
    """The last: what is new mostly follows what is on record."""
    return max(anchors, key=lambda anchor: anchor.index, default=None)


def _place_piece(
    part: Sequence[AlignedInterval],
    index: int,
    anchor: Anchor | None,
    inherited: Piece | None,
    is_read: bool,
    live_of: LiveOf,
    remarks: list[str],
) -> Piece:
    shift_s, certainty = 0.0, Certainty.READ if is_read else Certainty.ASSUMED
    if inherited is not None:
        shift_s, certainty = inherited.shift_s, inherited.certainty
    on_record_s = None
    if anchor is not None:
        on_record_s = (anchor.ends_at - part[anchor.index - index].ends_at).total_seconds()
    within = (NEAR_S, FAR_S) if anchor is None else (NEAR_S,)
    heard_s = heard(part, live_of, shift_s if on_record_s is None else on_record_s, within)
    if heard_s is not None:
        if is_read and anchor is None and abs(heard_s - shift_s) >= AGREED_WITHIN_S:
            remarks.append(
                f"from address {part[0].stored.address} on the meter's clock was not as it was read: by what was"
                f" received live the rows belong {heard_s - shift_s:+.1f} s from there, and were put there"
            )
        shift_s, certainty = heard_s, Certainty.HEARD
    if anchor is not None and on_record_s is not None:
        shift_s = _continued(on_record_s, anchor.certainty, shift_s, certainty)
        if abs(shift_s - on_record_s) > DRIFTED_WITHIN_S:
            remarks.append(
                f"the rows up to address {part[anchor.index - index].stored.address} are on record"
                f" {on_record_s - shift_s:+.1f} s from where they belong: nobody could tell when they were fetched"
            )
        else:
            certainty = max(certainty, anchor.certainty)
    return _moved(Piece(tuple(part), 0.0, certainty, heard_s), shift_s)


def _continued(on_record_s: float, on_record: Certainty, target_s: float, certainty: Certainty) -> float:
    """Where rows go that follow some on record, as a shift from the clock's times."""
    off_s = abs(target_s - on_record_s)
    if off_s > DRIFTED_WITHIN_S:
        # More is known now than when those rows came on record, if it is known as well.
        return target_s if certainty >= max(on_record, Certainty.READ) else on_record_s
    is_off = off_s > (HEARD_WITHIN_S if certainty is Certainty.HEARD else READ_WITHIN_S)
    return target_s if is_off and certainty is not Certainty.ASSUMED else on_record_s


def _not_in_the_future(piece: Piece, not_after: datetime | None, remarks: list[str]) -> Piece:
    """What was on the card had been measured when it was fetched: that bounds a clock that nobody has read."""
    if not_after is None or piece.certainty is not Certainty.ASSUMED:
        return piece
    beyond_s = (piece.rows[-1].ends_at - not_after).total_seconds()
    if beyond_s <= FUTURE_SLACK_S:
        return piece
    remarks.append(f"the meter's clock was at least {beyond_s:.0f} s ahead: rows later than when they were fetched")
    return _moved(piece, -beyond_s)


def _moved(piece: Piece, by_s: float, rows: tuple[AlignedInterval, ...] | None = None) -> Piece:
    rows = piece.rows if rows is None else rows
    if by_s:
        by = timedelta(seconds=round(by_s, 3))
        rows = tuple(AlignedInterval(row.ends_at + by, row.duration_s, row.stored) for row in rows)
    return Piece(rows, piece.shift_s + by_s, piece.certainty, piece.heard_s)


def reading_of(row: AlignedInterval, cut_s: float) -> ClockReading:
    """What the meter's clock showed as a row began, for rows of another file; *cut_s* is what its times are cut off to.

    A time cut off means half of that more, as wherever such times are read with a clock that is known.
    """
    shown_s = row.stored.starts.replace(tzinfo=UTC).timestamp() + cut_s / 2
    return ClockReading(row.starts_at, shown_s - row.starts_at.timestamp())


def cut_off_s(shown: Iterable[datetime]) -> float:
    """To what the times of a file are cut off: a second, or the last digit any of them has."""
    finest = 1
    for microsecond in {at.microsecond for at in shown}:
        while microsecond * finest % 1_000_000:
            finest *= 10
    return 1.0 / finest


def heard(
    part: Sequence[AlignedInterval], live_of: LiveOf, expected_s: float = 0.0, within: Sequence[float] = (NEAR_S,)
) -> float | None:
    """By how much rows lie beside what was received live, in s to be added; None where that does not tell."""
    if not part or part[0].duration_s > LONGEST_ROW_S or len(part) * part[0].duration_s < LEAST_SECONDS:
        return None
    times_s = np.array([row.ends_at.timestamp() for row in part]) + expected_s
    levels = np.array([row.stored.levels.lp or row.stored.levels.leq or np.nan for row in part])
    each = np.unique(np.floor(times_s), return_index=True)[1]
    times_s, levels = times_s[each], levels[each]
    for within_s in within:
        tried = 0
        for begin_s in np.arange(times_s[0], times_s[-1], WINDOW_S):
            here = (times_s >= begin_s) & (times_s < begin_s + WINDOW_S)
            if np.count_nonzero(here) < LEAST_SECONDS:
                continue
            live = _live(live_of, begin_s - within_s, begin_s + WINDOW_S + within_s)
            if live[0].size < LEAST_SECONDS:
                continue
            found = best_shift_s(*live, times_s[here], levels[here], within_s)
            if found is not None:
                return expected_s + found
            tried += 1
            if tried >= MOST_WINDOWS:
                break
    return None


def _live(live_of: LiveOf, low_s: float, high_s: float) -> Series:
    low, high = (datetime.fromtimestamp(at_s, tz=UTC) for at_s in (low_s, high_s))
    times_s, levels = live_of(low, high)
    each = np.unique(np.floor(times_s), return_index=True)[1]
    return times_s[each], levels[each]
