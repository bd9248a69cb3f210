"""The background a limit hangs on: the median over days of each day's percentile of short LN (NSW); pure.

Wind, rain and what was excluded are left out before (R29). Convention: of n values in ascending order the percentile
p is that with the number p/100 · n, rounded up.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from statistics import median

from slmm.acoustics.civil import local_date
from slmm.acoustics.energy import rounded
from slmm.acoustics.intervals import Interval, Span, combine
from slmm.acoustics.quality import is_judged
from slmm.acoustics.windows import fixed_periods
from slmm.limits.calendar import Hours, Timetable
from slmm.limits.fields import length_s
from slmm.limits.rows import Background, Row

_TOLERANCE = 1e-9


@dataclass(frozen=True, slots=True)
class BackgroundFound:
    """What was found for the hours of one row."""

    level_db: float | None
    """Rounded to 0.1 dB and never below the least that is allowed; None with too few days."""
    by_day: dict[date, float]
    """Of each day that is known well enough, in dB; a night belongs to the day it begins on."""


def background(
    timetable: Timetable,
    row: Row,
    how: Background,
    intervals: Sequence[Interval],
    starts_at: datetime,
    ends_at: datetime,
    excluded: Sequence[Span] = (),
) -> BackgroundFound:
    """The background during a row's hours, of the days that lie wholly in the span; *intervals* in order of time."""
    by_day = {}
    for hours in timetable.hours_between(starts_at, ends_at):
        if hours.row is not row or hours.starts_at < starts_at or hours.ends_at > ends_at:
            continue
        value = _of_day(timetable, hours, how, intervals, excluded)
        if value is not None:
            by_day[local_date(hours.starts_at, timetable.zone)] = value
    if len(by_day) < how.least_days:
        return BackgroundFound(None, by_day)
    found = rounded(median(by_day.values()))
    return BackgroundFound(found if how.least_db is None else max(found, how.least_db), by_day)


def _of_day(
    timetable: Timetable, hours: Hours, how: Background, intervals: Sequence[Interval], excluded: Sequence[Span]
) -> float | None:
    """The percentile of one day's parts; None when too few of them are known."""
    least = timetable.limit.least_coverage
    within = [piece for piece in intervals if piece.ends_at > hours.starts_at and piece.starts_at < hours.ends_at]
    found, expected = [], 0
    for part in fixed_periods(hours.starts_at, hours.ends_at, length_s(how.part), timetable.zone):
        if part.starts_at < hours.starts_at or part.ends_at > hours.ends_at:
            continue
        expected += 1
        inside = [piece for piece in within if part.starts_at <= piece.starts_at and piece.ends_at <= part.ends_at]
        levels = combine(inside, part.starts_at, part.ends_at, excluded)
        level_db = levels.ln(how.percent)
        if level_db is not None and is_judged(levels.coverage, least):
            found.append(level_db)
    if not found or not is_judged(len(found) / expected, least):
        return None
    return sorted(found)[math.ceil(how.day_percentile / 100 * len(found) - _TOLERANCE) - 1]
