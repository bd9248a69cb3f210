"""One period of a limit while it lasts, fed piece by piece: fixed or whole, rolling, or the noisiest stretch; pure."""

from __future__ import annotations

from collections import deque
from copy import copy
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Protocol

from slmm.acoustics.intervals import Interval, PeriodLevels, Span
from slmm.acoustics.quality import is_judged
from slmm.limits.calendar import Due, Timetable
from slmm.limits.totals import NOTHING, Sliding, Totals, excluded
from slmm.limits.verdict import MAXIMA, Judgement, exceeds, judged, shown
from slmm.limits.words import Verdict

_INSTANT = timedelta(microseconds=1)


class Run(Protocol):
    """What a period has come to."""

    due: Due

    def add(self, piece: Interval, *, is_excluded: bool) -> None:
        """The next piece, which begins within the period."""

    def judgement(self, at: datetime) -> Judgement:
        """The period as if it ended at this moment."""

    def final(self) -> Judgement | None:
        """The period when it has ended; None where none is judged at the end."""

    def goes_on(self, due: Due, timetable: Timetable) -> bool:
        """Whether what begins now is the same run."""

    def fork(self) -> Run:
        """Another at the same point."""


class WholeRun:
    """A fixed period, or the whole of a row's hours."""

    def __init__(self, timetable: Timetable, due: Due) -> None:
        self.due = due
        self.total: Totals = NOTHING
        self._timetable = timetable
        self._final: Judgement | None = None

    def add(self, piece: Interval, *, is_excluded: bool) -> None:
        """One that sticks out at either end is no part of it."""
        if piece.starts_at < self.due.starts_at or piece.ends_at > self.due.ends_at:
            return
        limit, correction = self._timetable.limit, self.due.hours.row.time_correction
        active_above_db = correction.active_above_db if correction else None
        self.total = self.total.plus(
            excluded(piece)
            if is_excluded
            else Totals.of(piece, with_histogram=limit.quantity == "ln", active_above_db=active_above_db)
        )
        self._final = None

    def judgement(self, at: datetime) -> Judgement:
        """Red only when nothing that follows can take it back; beyond the limit so far is amber."""
        until = min(max(at, self.due.starts_at + _INSTANT), self.due.ends_at)
        found = self._judged(until, has_ended=False)
        if found.verdict is not Verdict.RED:
            return found
        if self._is_certain(until):
            return replace(found, why=f"{found.why}, whatever happens now")
        why = found.why.replace("exceeded", "would exceed", 1)
        return replace(found, verdict=Verdict.AMBER, calls_for_action=False, why=why)

    def final(self) -> Judgement | None:
        """Judged anew only when a late piece came."""
        if self._final is None:
            self._final = self._judged(self.due.ends_at, has_ended=True)
        return self._final

    def _judged(self, until: datetime, *, has_ended: bool) -> Judgement:
        timetable = self._timetable
        levels = self.total.levels(self.due.starts_at, until)
        row = self.due.hours.row
        return judged(timetable.limit, row, levels, timetable.zone, work=self.total.work, has_ended=has_ended)

    def _is_certain(self, until: datetime) -> bool:
        """Whether silence for the rest would still leave it beyond the limit."""
        limit, row, total = self._timetable.limit, self.due.hours.row, self.total
        if limit.quantity in MAXIMA:
            return True
        rest_s = (self.due.ends_at - until).total_seconds()
        least_db: float | None
        if row.time_correction:
            least_db = total.work.least(row.time_correction, rest_s) if total.work else None
        elif limit.quantity == "ln":
            assert limit.percent is not None
            percent = limit.percent * (total.valid_s + rest_s) / total.valid_s if total.valid_s else 200.0
            least_db = total.histogram.ln(percent) if percent <= 100 else None
        else:
            silence = Totals(valid_s=rest_s)
            least_db = total.plus(silence).levels(self.due.starts_at, self.due.ends_at).laeq_at_least
        return least_db is not None and exceeds(limit, shown(limit, least_db + limit.adjustment_of(row)), row.red_db)

    def goes_on(self, due: Due, timetable: Timetable) -> bool:
        """Every period is another."""
        return False

    def fork(self) -> WholeRun:
        """Another at the same point; sums are values."""
        return copy(self)


class RollingRun:
    """The last so many minutes, for as long as the terms of a limit stay."""

    def __init__(self, timetable: Timetable, due: Due, length_s: int) -> None:
        self.due = due
        self._timetable = timetable
        self._length = timedelta(seconds=length_s)
        self._began_at: datetime | None = None
        self._window = Sliding(with_histogram=timetable.limit.quantity == "ln")

    def add(self, piece: Interval, *, is_excluded: bool) -> None:
        """One that begins before the hours is no part of it."""
        if piece.starts_at < self.due.starts_at:
            return
        if self._began_at is None:
            self._began_at = piece.starts_at
        self._window.add(piece, is_excluded=is_excluded)
        self._window.forget(piece.ends_at - self._length)  # nothing piles up unasked

    def judgement(self, at: datetime) -> Judgement:
        """The window that ends at this moment; not judged until it is full (R13)."""
        levels = self._window.levels(at - self._length, at)
        found = judged(self._timetable.limit, self.due.hours.row, levels, self._timetable.zone)
        if found.level_db is None or self._began_at is None or self._began_at <= at - self._length:
            return found
        known_min, length_min = (at - self._began_at).total_seconds() / 60, self._length.total_seconds() / 60
        why = f"not judged: {found.shown_db:g} dB {found.label}, {known_min:.0f} of {length_min:.0f} min"
        return replace(found, verdict=Verdict.NOT_JUDGED, calls_for_action=False, why=why)

    def final(self) -> Judgement | None:
        """A rolling limit has no last word."""
        return None

    def goes_on(self, due: Due, timetable: Timetable) -> bool:
        """Through midnight, but not into another limit."""
        return due.starts_at == self.due.ends_at and timetable.same_terms(due.hours.row, self.due.hours.row)

    def fork(self) -> RollingRun:
        """Another at the same point."""
        other = copy(self)
        other._window = self._window.copy()
        return other


class NoisiestRun:
    """The noisiest contiguous stretch so far; it only ever gets worse."""

    def __init__(self, timetable: Timetable, due: Due, length_s: int) -> None:
        self.due = due
        self._timetable = timetable
        self._length = timedelta(seconds=length_s)
        self._window = Sliding()
        self._starts: deque[datetime] = deque()
        self._total: Totals = NOTHING
        self._best: PeriodLevels | None = None
        self._final: Judgement | None = None

    def add(self, piece: Interval, *, is_excluded: bool) -> None:
        """Windows begin where pieces begin, or end where they end."""
        if piece.starts_at < self.due.starts_at or piece.ends_at > self.due.ends_at:
            return
        self._final = None
        self._total = self._total.plus(excluded(piece) if is_excluded else Totals.of(piece))
        while self._starts and self._starts[0] + self._length < piece.ends_at:
            self._best = self._worse(self._window, self._starts.popleft() + self._length)
        self._window.add(piece, is_excluded=is_excluded)
        self._starts.append(piece.starts_at)
        self._best = self._worse(self._window, piece.ends_at)

    def _worse(self, window: Sliding, ends_at: datetime) -> PeriodLevels | None:
        """The window that ends here, if it is noisier than the noisiest so far and well enough known."""
        begins_at, best = ends_at - self._length, self._best
        if begins_at < self.due.starts_at:
            return best
        found = window.levels(begins_at, ends_at)
        if found.laeq is None or not is_judged(found.coverage, self._timetable.limit.least_coverage):
            return best
        return found if best is None or best.laeq is None or found.laeq > best.laeq else best

    def judgement(self, at: datetime) -> Judgement:
        """The noisiest stretch so far; until there is one, the level so far, not judged."""
        if self._best is not None:
            return self._judged_best(self._best)
        until = min(max(at, self.due.starts_at + _INSTANT), self.due.ends_at)
        found = self._judged(self._total.levels(self.due.starts_at, until), has_ended=False)
        if found.level_db is None:
            return found
        why = f"not judged: {found.shown_db:g} dB so far, less than the length of {found.label} is known"
        return replace(found, verdict=Verdict.NOT_JUDGED, calls_for_action=False, why=why)

    def final(self) -> Judgement:
        """The noisiest stretch; without any, what is known of all the hours."""
        if self._final is None:
            self._look_to_the_end()
            best = self._best
            levels = self._total.levels(self.due.starts_at, self.due.ends_at)
            self._final = self._judged(levels, has_ended=True) if best is None else self._judged_best(best)
        return self._final

    def _look_to_the_end(self) -> None:
        """The windows that end after the last piece; on a copy, for a late piece may still come."""
        window = self._window.copy()
        for starts_at in self._starts:
            if starts_at + self._length <= self.due.ends_at:
                self._best = self._worse(window, starts_at + self._length)

    def _judged_best(self, best: PeriodLevels) -> Judgement:
        return self._judged(best, has_ended=True, noisiest=Span(best.starts_at, best.ends_at))

    def _judged(self, levels: PeriodLevels, *, has_ended: bool, noisiest: Span | None = None) -> Judgement:
        timetable, row = self._timetable, self.due.hours.row
        return judged(timetable.limit, row, levels, timetable.zone, noisiest=noisiest, has_ended=has_ended)

    def goes_on(self, due: Due, timetable: Timetable) -> bool:
        """Every row's hours are another search."""
        return False

    def fork(self) -> NoisiestRun:
        """Another at the same point."""
        other = copy(self)
        other._window, other._starts = self._window.copy(), self._starts.copy()
        return other
