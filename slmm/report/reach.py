"""Which time a report is of: a day, an ISO week or a month of the calendar on the unit's wall; pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from slmm.acoustics.civil import day_span, zone_info
from slmm.acoustics.intervals import Span
from slmm.errors import Invalid

DAY, WEEK, MONTH = "day", "week", "month"
EARLIEST, LATEST = date(1990, 1, 1), date(2199, 12, 31)
_DAY = timedelta(days=1)
_WEEK = re.compile(r"(\d{4})-W(\d{2})", re.ASCII)
_MONTH = re.compile(r"(\d{4})-(\d{2})", re.ASCII)
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Reach:
    """Whole local days in a row."""

    kind: str
    """``day``, ``week`` or ``month``."""
    first: date
    last: date
    """The last day that belongs to it."""
    zone: str

    @property
    def span(self) -> Span:
        """From the first midnight to the last, in real time; raises Invalid for a day the calendar leaves out."""
        starts_at, ends_at = day_span(self.first, self.zone)[0], day_span(self.last, self.zone)[1]
        if starts_at >= ends_at:
            raise Invalid(f"day {self.first} does not exist in {self.zone}", field=self.kind)
        return Span(starts_at, ends_at)

    @property
    def days(self) -> list[date]:
        """All of them."""
        return [self.first + number * _DAY for number in range((self.last - self.first).days + 1)]

    @property
    def name(self) -> str:
        """As it is asked for: 2026-11-20, 2026-W47 or 2026-11."""
        if self.kind == DAY:
            return self.first.isoformat()
        if self.kind == MONTH:
            return f"{self.first:%Y-%m}"
        year, week, _ = self.first.isocalendar()
        return f"{year:04}-W{week:02}"

    def neighbour(self, direction: int) -> Reach | None:
        """The one before (-1) or after (1); None where the calendar of reports ends."""
        try:
            return around(self.last + _DAY if direction > 0 else self.first - _DAY, self.kind, self.zone)
        except Invalid:
            return None

    @property
    def clock_changes(self) -> list[tuple[datetime, timedelta]]:
        """When the clocks are changed within it, and by how much."""
        place, found = zone_info(self.zone), []
        for day in self.days:
            starts_at, ends_at = day_span(day, self.zone)
            before, after = starts_at.astimezone(place).utcoffset(), ends_at.astimezone(place).utcoffset()
            if before is not None and after is not None and before != after:
                found.append((_moment(starts_at, ends_at, self.zone), after - before))
        return found


def _moment(low: datetime, high: datetime, zone: str) -> datetime:
    """The instant of a change between two others, to the second."""
    place = zone_info(zone)
    before = low.astimezone(place).utcoffset()
    while high - low > timedelta(seconds=1):
        middle = (low + (high - low) / 2).replace(microsecond=0)
        if middle <= low:
            break
        low, high = (middle, high) if middle.astimezone(place).utcoffset() == before else (low, middle)
    return high


def around(day: date, kind: str, zone: str) -> Reach:
    """The day, week or month that a date lies in; raises Invalid."""
    if not EARLIEST <= day <= LATEST:
        raise Invalid(f"{kind}: {day} is not allowed; years 1990 to 2199 are", field=kind)
    first = last = day
    if kind == WEEK:
        first = day - timedelta(days=day.weekday())
        last = first + timedelta(days=6)
    elif kind == MONTH:
        first = day.replace(day=1)
        last = (first + timedelta(days=32)).replace(day=1) - _DAY
    return Reach(kind, first, last, zone)


def of_day(text: str, zone: str) -> Reach:
    """Of ``2026-11-20``; raises Invalid."""
    try:
        if _DATE.fullmatch(text):
            return around(date.fromisoformat(text), DAY, zone)
    except ValueError:
        pass
    raise Invalid(f"day {text[:20]!r} is not allowed; a date such as 2026-11-20 is", field=DAY)


def of_week(text: str, zone: str) -> Reach:
    """Of ``2026-W47``; raises Invalid."""
    found = _WEEK.fullmatch(text)
    try:
        if found:
            return around(date.fromisocalendar(int(found[1]), int(found[2]), 1), WEEK, zone)
    except ValueError:
        pass
    raise Invalid(f"week {text[:20]!r} is not allowed; an ISO week such as 2026-W47 is", field=WEEK)


def of_month(text: str, zone: str) -> Reach:
    """Of ``2026-11``; raises Invalid."""
    found = _MONTH.fullmatch(text)
    try:
        if found:
            return around(date(int(found[1]), int(found[2]), 1), MONTH, zone)
    except ValueError:
        pass
    raise Invalid(f"month {text[:20]!r} is not allowed; a month such as 2026-11 is", field=MONTH)
