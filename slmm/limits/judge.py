"""Every period of a span held against a limit, from stored pieces of time; pure."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from datetime import datetime, timedelta

from slmm.acoustics.intervals import Interval, PeriodLevels, Span, combine
from slmm.acoustics.windows import noisiest
from slmm.limits.calendar import Due, Timetable
from slmm.limits.document import Limit
from slmm.limits.rating import Work
from slmm.limits.rows import Noisiest, Rolling
from slmm.limits.totals import Sliding
from slmm.limits.verdict import Judgement, judged


def judge(
    limit: Limit,
    intervals: Sequence[Interval],
    after: datetime,
    until: datetime,
    zone: str,
    excluded: Sequence[Span] = (),
) -> list[Judgement]:
    """The verdict on every period that ends after *after* and not after *until*, by time.

    *intervals* do not overlap and are in order of time; they should begin at ``Timetable.earliest(after)``, for what is
    not among them is missing. A period that an *excluded* span touches loses the pieces that it touches. Of a rolling
    limit every window that ends with a piece is judged, once it lies wholly on the terms of one row and after the
    begin of the first piece (R13).
    """
    timetable = Timetable(limit, zone)
    pieces = _Pieces(intervals, excluded)
    found: list[Judgement] = []
    for due in timetable.periods(after, until):
        period = limit.period_of(due.hours.row)
        if isinstance(period, Rolling):
            found += _rolled(timetable, pieces, due, period.length_s)
        elif isinstance(period, Noisiest):
            found.append(_noisiest(timetable, pieces, due, period.length_s))
        else:
            found.append(_whole(timetable, pieces, due))
    return found


class _Pieces:
    """Pieces of time by time, so that a period finds its own without looking at all."""

    def __init__(self, intervals: Sequence[Interval], excluded: Sequence[Span]) -> None:
        self._excluded = _merged(excluded)
        self._excluded_ends = [span.ends_at for span in self._excluded]
        self.all = intervals
        self._ends = [piece.ends_at for piece in intervals]
        self._starts = [piece.starts_at for piece in intervals]

    def within(self, starts_at: datetime, ends_at: datetime) -> Sequence[Interval]:
        """Those of which any part lies in the span."""
        return self.all[bisect_right(self._ends, starts_at) : bisect_left(self._starts, ends_at)]

    def excluded(self, starts_at: datetime, ends_at: datetime) -> list[Span]:
        """The exclusions that touch the span."""
        found = []
        for at in range(bisect_right(self._excluded_ends, starts_at), len(self._excluded)):
            if self._excluded[at].starts_at >= ends_at:
                break
            found.append(self._excluded[at])
        return found

    def is_excluded(self, piece: Interval) -> bool:
        """Whether an exclusion touches a piece."""
        return bool(self.excluded(piece.starts_at, piece.ends_at))


def _merged(spans: Sequence[Span]) -> list[Span]:
    """The same time without overlaps, in order, so that it can be searched."""
    merged: list[Span] = []
    for span in sorted(spans, key=lambda span: span.starts_at):
        if merged and span.starts_at <= merged[-1].ends_at:
            merged[-1] = Span(merged[-1].starts_at, max(merged[-1].ends_at, span.ends_at))
        else:
            merged.append(span)
    return merged


def _whole(timetable: Timetable, pieces: _Pieces, due: Due) -> Judgement:
    row = due.hours.row
    within, excluded = pieces.within(due.starts_at, due.ends_at), pieces.excluded(due.starts_at, due.ends_at)
    levels = combine(within, due.starts_at, due.ends_at, excluded)
    work = None
    if row.time_correction:
        inside = [piece for piece in within if due.starts_at <= piece.starts_at and piece.ends_at <= due.ends_at]
        kept = (piece for piece in inside if not pieces.is_excluded(piece))
        work = Work.of(kept, row.time_correction.active_above_db)
    return judged(timetable.limit, row, levels, timetable.zone, work=work)


def _noisiest(timetable: Timetable, pieces: _Pieces, due: Due, length_s: int) -> Judgement:
    """That of the noisiest stretch; when none is known well enough, what is known of all the hours, not judged."""
    limit, row = timetable.limit, due.hours.row
    within, excluded = pieces.within(due.starts_at, due.ends_at), pieces.excluded(due.starts_at, due.ends_at)
    found = noisiest(
        within, due.starts_at, due.ends_at, length_s, least_coverage=limit.least_coverage, excluded=excluded
    )
    if found is not None:
        return judged(limit, row, found, timetable.zone, noisiest=Span(found.starts_at, found.ends_at))
    return judged(limit, row, combine(within, due.starts_at, due.ends_at, excluded), timetable.zone)


def _rolled(timetable: Timetable, pieces: _Pieces, due: Due, length_s: int) -> list[Judgement]:
    if not pieces.all:
        return []
    length = timedelta(seconds=length_s)
    began_at = max(timetable.began_at(due.starts_at, length_s), pieces.all[0].starts_at)
    window = Sliding(with_histogram=timetable.limit.quantity == "ln")
    found = []
    for piece in pieces.within(began_at, due.ends_at):
        if piece.starts_at < began_at or piece.ends_at > due.ends_at:
            continue
        window.add(piece, is_excluded=pieces.is_excluded(piece))
        begins_at = piece.ends_at - length
        if piece.ends_at > due.starts_at and begins_at >= began_at:
            found.append(_rolled_at(timetable, window.levels(begins_at, piece.ends_at), due))
    return found


def _rolled_at(timetable: Timetable, levels: PeriodLevels, due: Due) -> Judgement:
    return judged(timetable.limit, due.hours.row, levels, timetable.zone)
