"""Three means over time that never share a name (R12): fixed, rolling and running LAeq; pure.

fixed
    over periods aligned with the local clock: the quarter that ends at 14:15.
rolling
    over the last so many minutes: the window ends now, and moves on.
running
    since the start of a measurement or a period.

Each is labelled by its end.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from slmm.acoustics.civil import FIRST_PASS, LAST_PASS, day_span, instant, local_date
from slmm.acoustics.energy import NOISE_DIGITS, level
from slmm.acoustics.intervals import Interval, PeriodLevels, Span, combine
from slmm.acoustics.quality import LEAST_COVERAGE, LEFT_OUT, NO_FLAGS, Bound, Flag, is_judged
from slmm.errors import Invalid

_DAY_S = 86_400


def fixed_periods(starts_at: datetime, until: datetime, length_s: int, zone: str) -> Iterator[Span]:
    """The periods of *length_s* on the local clock of which any part lies in [*starts_at*, *until*), whole, by time.

    They count from local midnight and are without a gap. When the clocks go back an hour, the hour comes twice, and so
    do its quarters; a period longer than the change lasts longer (R15). When they go forward, what does not exist
    is none. Raises Invalid for a length that does not divide a day.
    """
    if not 1 <= length_s <= _DAY_S or length_s != int(length_s) or _DAY_S % length_s:
        raise Invalid(f"length_s: {length_s} s does not divide a day; whole seconds such as 900 do", "length_s")
    asked = Span(starts_at, until)
    day, last = local_date(starts_at, zone) - timedelta(days=1), local_date(until, zone)
    while day <= last:
        for begins_at, ends_at in itertools.pairwise(_marks(day, int(length_s), zone, asked)):
            if asked.overlap_s(begins_at, ends_at) > 0:
                yield Span(begins_at, ends_at)
        day += timedelta(days=1)


def _marks(day: date, length_s: int, zone: str, asked: Span) -> list[datetime]:
    """The instants of a local day at which a fixed period begins, as far as asked, and where the last one ends."""
    begins_at, ends_at = day_span(day, zone)
    if ends_at - begins_at != timedelta(seconds=_DAY_S):
        return _marks_of_change(day, length_s, zone)
    first = max(0, int((asked.starts_at - begins_at).total_seconds() // length_s))
    last = min(_DAY_S // length_s, int((asked.ends_at - begins_at).total_seconds() // length_s) + 1)
    return [begins_at + timedelta(seconds=number * length_s) for number in range(first, last + 1)]


def _marks_of_change(day: date, length_s: int, zone: str) -> list[datetime]:
    """The same of a whole day on which the clocks change; empty for a day the calendar leaves out."""
    begins_at, ends_at = day_span(day, zone)
    marks = {begins_at, ends_at}
    for second in range(0, _DAY_S, length_s):
        clock = time(second // 3600, second // 60 % 60, second % 60)
        first, again = instant(day, clock, zone, FIRST_PASS), instant(day, clock, zone, LAST_PASS)
        marks.add(first)
        if (again - first).total_seconds() % length_s == 0:
            marks.add(again)
    return sorted(mark for mark in marks if begins_at <= mark <= ends_at)


@dataclass(frozen=True, slots=True)
class WindowLevel:
    """A rolling or running LAeq, unrounded, at its end."""

    ends_at: datetime
    laeq: float | None
    """None until the window is full, and while less of it is known than the coverage rule asks for (R13)."""
    coverage: float
    """Known part of the window, 0 to 1."""
    valid_s: float
    flags: Flag
    bound: Bound
    so_far_db: float | None
    """The mean of what is known, valid or not: to be shown as such, and not to be judged."""


@dataclass(frozen=True, slots=True)
class _Part:
    energy_s: float = 0.0
    valid_s: float = 0.0
    flags: Flag = NO_FLAGS

    def __add__(self, other: _Part) -> _Part:
        # The enum's arithmetic is slow, and most pieces have no flags.
        flags = self.flags | other.flags if self.flags and other.flags else self.flags or other.flags
        return _Part(self.energy_s + other.energy_s, self.valid_s + other.valid_s, flags)


def _part(piece: Interval) -> _Part:
    if piece.flags and piece.flags & LEFT_OUT:
        return _Part(flags=piece.flags)
    return _Part(piece.energy_s, piece.valid_s, piece.flags)


class RollingWindow:
    """The last *length_s*, fed by and by with pieces in order; each piece is added and left once.

    Nothing is ever subtracted: sums are kept from both ends (a queue of two stacks), so that a quiet hour
    after a blast is as exact as any, and flags go with what they were said of.
    """

    def __init__(self, length_s: float, least_coverage: float = LEAST_COVERAGE) -> None:
        if not length_s > 0:
            raise Invalid(f"length_s: {length_s:g} s is not a length of time; more than 0 s is allowed", "length_s")
        self.length_s = length_s
        self.least_coverage = least_coverage
        self._began_at: datetime | None = None
        self._old: list[tuple[datetime, _Part]] = []
        """Oldest last; each with the sum from it to the newest of them."""
        self._new: list[tuple[datetime, _Part]] = []
        self._new_sum = _Part()

    def add(self, piece: Interval) -> None:
        """The next piece; it begins where the last one ended, or later."""
        if self._began_at is None:
            self._began_at = piece.starts_at
        part = _part(piece)
        self._new.append((piece.starts_at, part))
        self._new_sum += part

    def at(self, ends_at: datetime) -> WindowLevel:
        """The window that ends at this instant, which never goes back; pieces partly before its begin are out."""
        begins_at = ends_at - timedelta(seconds=self.length_s)
        self._forget(begins_at)
        total = self._new_sum if not self._old else self._old[-1][1] + self._new_sum
        is_full = self._began_at is not None and self._began_at <= begins_at
        return _window_level(total, ends_at, self.length_s, self.least_coverage if is_full else None)

    def _forget(self, begins_at: datetime) -> None:
        while self._old or self._new:
            if not self._old:
                self._turn()
            if self._old[-1][0] >= begins_at:
                return
            self._old.pop()

    def _turn(self) -> None:
        total = _Part()
        while self._new:
            starts_at, part = self._new.pop()
            total = part + total
            self._old.append((starts_at, total))
        self._new_sum = _Part()


def _window_level(total: _Part, ends_at: datetime, length_s: float, least_coverage: float | None) -> WindowLevel:
    """*least_coverage* None: not full yet, so not valid, whatever it covers."""
    coverage = min(1.0, total.valid_s / length_s)
    so_far_db = level(total.energy_s / total.valid_s) if total.valid_s else None
    is_valid = least_coverage is not None and is_judged(coverage, least_coverage)
    return WindowLevel(
        ends_at=ends_at,
        laeq=so_far_db if is_valid else None,
        coverage=coverage,
        valid_s=total.valid_s,
        flags=total.flags,
        bound=Bound.of(total.flags),
        so_far_db=so_far_db,
    )


def _without(intervals: Iterable[Interval], excluded: Sequence[Span]) -> list[Interval]:
    """By time, without those that an excluded span touches."""
    kept = [
        piece for piece in intervals if not any(span.overlap_s(piece.starts_at, piece.ends_at) > 0 for span in excluded)
    ]
    return sorted(kept, key=lambda piece: piece.starts_at)


def rolling(
    intervals: Iterable[Interval],
    length_s: float,
    *,
    least_coverage: float = LEAST_COVERAGE,
    excluded: Sequence[Span] = (),
) -> list[WindowLevel]:
    """The rolling LAeq at the end of each piece: of the *length_s* before it.

    There is none until the window lies wholly after the begin of the first piece, nor while less than
    *least_coverage* of it is valid.
    """
    window = RollingWindow(length_s, least_coverage)
    found = []
    for piece in _without(intervals, excluded):
        window.add(piece)
        found.append(window.at(piece.ends_at))
    return found


def running(
    intervals: Iterable[Interval],
    starts_at: datetime,
    *,
    least_coverage: float = LEAST_COVERAGE,
    excluded: Sequence[Span] = (),
) -> list[WindowLevel]:
    """The running LAeq at the end of each piece that begins at or after *starts_at*; covered is the time since then."""
    total = _Part()
    found = []
    for piece in _without(intervals, excluded):
        if piece.starts_at >= starts_at:
            total += _part(piece)
            elapsed_s = (piece.ends_at - starts_at).total_seconds()
            found.append(_window_level(total, piece.ends_at, elapsed_s, least_coverage))
    return found


def noisiest(
    intervals: Iterable[Interval],
    starts_at: datetime,
    ends_at: datetime,
    length_s: float,
    *,
    least_coverage: float = LEAST_COVERAGE,
    excluded: Sequence[Span] = (),
) -> PeriodLevels | None:
    """The contiguous *length_s* with the highest LAeq within [*starts_at*, *ends_at*) (R17).

    Of equals it is the one best known, and of those the first. Windows may begin or end with any piece. None when the
    time is shorter than the window, or when no window is covered well enough to be judged.
    """
    length = timedelta(seconds=length_s)
    pieces = [piece for piece in intervals if starts_at <= piece.starts_at and piece.ends_at <= ends_at]
    inside = _without(pieces, excluded)
    ends = {piece.ends_at for piece in inside} | {piece.starts_at + length for piece in inside}
    window, following = RollingWindow(length_s, least_coverage), 0
    best: tuple[float, float] | None = None
    best_end = ends_at
    for end in sorted(end for end in ends if starts_at + length <= end <= ends_at):
        while following < len(inside) and inside[following].ends_at <= end:
            window.add(inside[following])
            following += 1
        found = window.at(end)
        if found.so_far_db is None or not is_judged(found.coverage, least_coverage):
            continue
        rank = round(found.so_far_db, NOISE_DIGITS), found.valid_s
        if best is None or rank > best:
            best, best_end = rank, end
    return None if best is None else combine(pieces, best_end - length, best_end, excluded)
