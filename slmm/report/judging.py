"""Limits held against the periods that belong to a report; pure.

Short periods and rolling windows belong to where they end; a night, a noisiest stretch and whatever else lasts longer
than an hour belongs to the date its hours begin on (R16), so it is told once, and whole.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from slmm.acoustics.civil import local_date
from slmm.acoustics.intervals import Interval, Span
from slmm.acoustics.quality import Flag
from slmm.limits.budget import day_budget
from slmm.limits.calendar import Timetable
from slmm.limits.document import Limit
from slmm.limits.judge import judge
from slmm.limits.rows import Fixed, Rolling, Row
from slmm.limits.verdict import Judgement
from slmm.report.document import LimitResult
from slmm.report.reach import Reach
from slmm.storage.limits import KeptLimit

NIGHT_OVER = timedelta(hours=26)
"""The hours of a row last a day at most; the clocks may add some."""
_SET_ASIDE = Flag.WEATHER | Flag.EXCLUDED


def is_long(limit: Limit, row: Row) -> bool:
    """Whether a period belongs to the date its hours begin on, and not to where it ends."""
    period = limit.period_of(row)
    return not (isinstance(period, Rolling) or (isinstance(period, Fixed) and period.is_on_the_clock))


def needed(limits: Sequence[KeptLimit], reach: Reach, until: datetime) -> Span:
    """From when until when pieces of time are needed to judge."""
    span = reach.span
    begins = [Timetable(kept.limit, reach.zone).earliest(span.starts_at) for kept in limits]
    has_long = any(is_long(kept.limit, row) for kept in limits for row in kept.limit.rows)
    ends_at = min(span.ends_at + NIGHT_OVER, until) if has_long else min(span.ends_at, until)
    begins_at = min([span.starts_at, *begins])
    return Span(begins_at, max(ends_at, begins_at + timedelta(minutes=1)))


def result_of(
    kept: KeptLimit, minutes: Sequence[Interval], excluded: Sequence[Span], reach: Reach, until: datetime
) -> LimitResult:
    """One limit over the span; periods that are not over at *until* are left for a later report."""
    timetable = Timetable(kept.limit, reach.zone)
    judged = _judged(timetable, minutes, excluded, reach, until)
    as_recorded = None
    if excluded or any(piece.flags and piece.flags & _SET_ASIDE for piece in minutes):
        plain = [replace(piece, flags=piece.flags & ~_SET_ASIDE) if piece.flags else piece for piece in minutes]
        as_recorded = tuple(_judged(timetable, plain, (), reach, until))
        if [each.shown_db for each in as_recorded] == [each.shown_db for each in judged]:
            as_recorded = None
    span = reach.span
    return LimitResult(
        kept=kept,
        zone=timetable.zone,
        judgements=tuple(judged),
        as_recorded=as_recorded,
        line=tuple(timetable.line(span.starts_at, span.ends_at)),
        budget=tuple(day_budget(kept.limit, judged)),
    )


def _judged(
    timetable: Timetable, minutes: Sequence[Interval], excluded: Sequence[Span], reach: Reach, until: datetime
) -> list[Judgement]:
    span, limit = reach.span, timetable.limit
    has_long = any(is_long(limit, row) for row in limit.rows)
    last = span.ends_at + NIGHT_OVER if has_long else span.ends_at
    found = judge(limit, minutes, span.starts_at, last, timetable.zone, excluded)
    return [each for each in found if _belongs(each, timetable, reach, until)]


def _belongs(found: Judgement, timetable: Timetable, reach: Reach, until: datetime) -> bool:
    span = reach.span
    hours = timetable.hours_at(found.starts_at)
    if hours is None or not is_long(timetable.limit, hours.row):
        return span.starts_at < found.ends_at <= min(span.ends_at, until)
    over_at = hours.ends_at if timetable.limit.period_of(hours.row).kind == "noisiest" else found.ends_at
    return over_at <= until and reach.first <= local_date(hours.starts_at, timetable.zone) <= reach.last
