"""Which row of a limit is in force when, what the limit line looks like, and which periods fall due; pure.

Hours that pass midnight belong to the day they start on, so Saturday's night and Sunday's morning are told apart by
their rows and not by the date (R16). Both ends take the first pass of a time that comes twice, so that hours which
follow each other on the clock follow each other in truth; a night of 23-07 then lasts 7, 8 or 9 hours (R15).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from slmm.acoustics.civil import at_hour, local_date, zone_info
from slmm.acoustics.windows import fixed_periods
from slmm.limits import holiday
from slmm.limits.document import Limit
from slmm.limits.fields import MINUTE_S
from slmm.limits.rows import Fixed, Row, starts_on

LOOK_AHEAD_DAYS = 14
"""A limit that does not change within two weeks is said not to change."""
MOST_DAYS_KEPT = 512
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Hours:
    """One stretch of a row: half open, aware UTC."""

    starts_at: datetime
    ends_at: datetime
    row: Row

    def __contains__(self, at: datetime) -> bool:
        return self.starts_at <= at < self.ends_at


@dataclass(frozen=True, slots=True)
class Step:
    """A piece of the limit line; where there is none, no limit is in force."""

    starts_at: datetime
    ends_at: datetime
    level_db: float
    amber_db: float | None


@dataclass(frozen=True, slots=True)
class Due:
    """A period to be judged; *hours* are what its row was in force for."""

    starts_at: datetime
    ends_at: datetime
    hours: Hours


@dataclass(frozen=True, slots=True)
class Change:
    """The limit becomes another."""

    at: datetime
    level_db: float | None
    """None: no limit is in force from then on."""
    amber_db: float | None = None


class Timetable:
    """The rows of one limit on the calendar of one place."""

    def __init__(self, limit: Limit, zone: str) -> None:
        """*zone* is that of the unit; the limit's own comes first. Raises Invalid for one that nobody knows."""
        self.limit = limit
        self.zone = limit.timezone or zone
        zone_info(self.zone)
        self._is_holiday = holiday.calendar(limit.holiday_calendar)
        self._more_holidays = frozenset(limit.more_holidays)
        self._days: dict[date, tuple[Hours, ...]] = {}

    def is_holiday(self, day: date) -> bool:
        """Whether a local day is a public holiday, or one that the limit adds."""
        return day in self._more_holidays or self._is_holiday(day)

    def hours_of(self, day: date) -> tuple[Hours, ...]:
        """What begins on a local day, by time."""
        if day not in self._days:
            if len(self._days) >= MOST_DAYS_KEPT:
                self._days.clear()
            self._days[day] = self._found_on(day)
        return self._days[day]

    def _found_on(self, day: date) -> tuple[Hours, ...]:
        limit = self.limit
        if (limit.valid_from and day < limit.valid_from) or (limit.valid_until and day > limit.valid_until):
            return ()
        weekday, is_holiday = day.weekday(), self.is_holiday(day)
        found = []
        for row in limit.rows:
            if starts_on(row, weekday, is_holiday):
                starts_at = at_hour(day, row.begins_min / 60, self.zone)
                ends_at = at_hour(day, row.ends_min / 60, self.zone)
                if starts_at < ends_at:  # else both lie in the hour that does not exist
                    found.append(Hours(starts_at, ends_at, row))
        return tuple(sorted(found, key=lambda hours: hours.starts_at))

    def hours_between(self, starts_at: datetime, ends_at: datetime) -> list[Hours]:
        """All hours of which any part lies in the span, whole, by time."""
        day = local_date(starts_at, self.zone) - _DAY
        last = local_date(ends_at, self.zone)
        found = []
        while day <= last:
            found += [hours for hours in self.hours_of(day) if hours.starts_at < ends_at and hours.ends_at > starts_at]
            day += _DAY
        return found

    def hours_at(self, at: datetime) -> Hours | None:
        """What is in force at an instant; None when no limit is."""
        day = local_date(at, self.zone)
        for started_on in (day, day - _DAY):
            for hours in self.hours_of(started_on):
                if at in hours:
                    return hours
        return None

    def stretches(self, starts_at: datetime, ends_at: datetime) -> list[Hours]:
        """The hours of the span, cut to it; those that follow each other on the same terms are one.

        A rolling window may run through midnight, but not from one limit into another.
        """
        found: list[Hours] = []
        for hours in self.hours_between(starts_at, ends_at):
            begins, ends = max(hours.starts_at, starts_at), min(hours.ends_at, ends_at)
            if found and found[-1].ends_at == begins and self.same_terms(found[-1].row, hours.row):
                found[-1] = Hours(found[-1].starts_at, ends, found[-1].row)
            else:
                found.append(Hours(begins, ends, hours.row))
        return found

    def same_terms(self, one: Row, other: Row) -> bool:
        """Whether a rolling window may run from one row into the other."""
        return one is other or self._terms(one) == self._terms(other)

    def _terms(self, row: Row) -> tuple[object, ...]:
        limit = self.limit
        return row.red_db, limit.amber_of(row), limit.period_of(row), limit.adjustment_of(row), row.time_correction

    def line(self, starts_at: datetime, ends_at: datetime) -> list[Step]:
        """The limit over a span as steps; equal neighbours are one."""
        steps: list[Step] = []
        for hours in self.stretches(starts_at, ends_at):
            red_db, amber_db = hours.row.red_db, self.limit.amber_of(hours.row)
            last = steps[-1] if steps else None
            if last and (last.ends_at, last.level_db, last.amber_db) == (hours.starts_at, red_db, amber_db):
                steps[-1] = Step(last.starts_at, hours.ends_at, red_db, amber_db)
            else:
                steps.append(Step(hours.starts_at, hours.ends_at, red_db, amber_db))
        return steps

    def next_change(self, at: datetime) -> Change | None:
        """When the limit becomes another, or begins, or ends; None when it stays for two weeks."""
        until = at + LOOK_AHEAD_DAYS * _DAY
        steps = self.line(at, until)
        if not steps:
            return None
        first = steps[0]
        if first.starts_at > at:
            return Change(first.starts_at, first.level_db, first.amber_db)
        if first.ends_at >= until:
            return None
        follows = len(steps) > 1 and steps[1].starts_at == first.ends_at
        return Change(first.ends_at, *((steps[1].level_db, steps[1].amber_db) if follows else (None, None)))

    def periods(self, after: datetime, until: datetime) -> Iterator[Due]:
        """The periods that end after *after* and not after *until*, by time, so that each falls into one span.

        Of a rolling limit these are its stretches within the span: its windows end at every minute of them. Fixed
        periods are cut to the hours, for what is outside is not limited.
        """
        for hours in self._due_hours(after, until):
            for due in self._within(hours):
                if after < due.ends_at <= until or self._rolls(hours):
                    yield due

    def _rolls(self, hours: Hours) -> bool:
        return self.limit.period_of(hours.row).kind == "rolling"

    def _due_hours(self, after: datetime, until: datetime) -> list[Hours]:
        """Those of rolling limits joined and cut, the others whole."""
        rolling = [hours for hours in self.stretches(after, until) if self._rolls(hours)]
        others = [hours for hours in self.hours_between(after, until) if not self._rolls(hours)]
        return sorted(rolling + others, key=lambda hours: hours.starts_at)

    def _within(self, hours: Hours) -> Iterator[Due]:
        """The periods of a row's hours."""
        period = self.limit.period_of(hours.row)
        if not isinstance(period, Fixed):
            yield Due(hours.starts_at, hours.ends_at, hours)
        elif period.is_on_the_clock:
            for span in fixed_periods(hours.starts_at, hours.ends_at, period.length_s, self.zone):
                yield Due(max(span.starts_at, hours.starts_at), min(span.ends_at, hours.ends_at), hours)
        else:
            yield from self._from_the_begin(hours, period.length_s // MINUTE_S)

    def _from_the_begin(self, hours: Hours, length_min: int) -> Iterator[Due]:
        day = local_date(hours.starts_at, self.zone)
        begins_at = hours.starts_at
        for minute in range(hours.row.begins_min + length_min, hours.row.ends_min + length_min, length_min):
            ends_at = min(at_hour(day, minute / 60, self.zone), hours.ends_at)
            if begins_at < ends_at:
                yield Due(begins_at, ends_at, hours)
            begins_at = ends_at

    def period_at(self, at: datetime) -> Due | None:
        """The period an instant falls in (of a rolling limit: the hours); None when no limit is in force."""
        hours = self.hours_at(at)
        if hours is None:
            return None
        period = self.limit.period_of(hours.row)
        if isinstance(period, Fixed) and period.is_on_the_clock:  # not all those of the day, only to find one
            span = next(fixed_periods(at, at + timedelta(microseconds=1), period.length_s, self.zone))
            return Due(max(span.starts_at, hours.starts_at), min(span.ends_at, hours.ends_at), hours)
        return next((due for due in self._within(hours) if due.starts_at <= at < due.ends_at), None)

    def began_at(self, at: datetime, most_s: float) -> datetime:
        """Since when the terms in force at an instant hold, but no longer ago than *most_s*."""
        stretches = self.stretches(at - timedelta(seconds=most_s), at + timedelta(microseconds=1))
        return stretches[-1].starts_at if stretches else at

    def earliest(self, after: datetime) -> datetime:
        """From when pieces of time are needed to judge what falls due after an instant."""
        hours = self.hours_at(after)
        if hours is None:
            return after
        period = self.limit.period_of(hours.row)
        if period.kind == "rolling":
            return self.began_at(after, period.length_s)
        due = self.period_at(after)
        return after if due is None else due.starts_at
