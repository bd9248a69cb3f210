"""Is a rule in force at this instant: daily windows of a civil time zone as UTC instants; pure.

A window is named by the local day it starts on, so Friday 22:00–07:00 ends on Saturday morning. Its ends are
resolved to instants: an ambiguous start is the first pass, an ambiguous end the last, and a time that does not
exist is the instant of the change. So windows never fall apart on the nights the clocks change.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum

from slmm.acoustics.civil import FIRST_PASS, LAST_PASS, instant, local_date

EVERY_DAY = frozenset(range(7))
SUNDAY = 6
LOOK_AHEAD_DAYS = 366
"""A schedule that does not begin within a year (a holiday on every allowed day) never does."""


class OnHolidays(StrEnum):
    """What a public holiday is to a schedule."""

    IGNORE = "ignore"
    """A day like any other."""
    SKIP = "skip"
    """No window starts on it."""
    AS_SUNDAY = "as_sunday"
    """It counts as a Sunday, as in most laws on noise."""


@dataclass(frozen=True, slots=True)
class Window:
    """Half open: from *starts_at* up to, but without, *ends_at*; both UTC."""

    starts_at: datetime
    ends_at: datetime

    def __contains__(self, at: datetime) -> bool:
        return self.starts_at <= at < self.ends_at


FOREVER = Window(datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC))


def _never(day: date) -> bool:
    return False


@dataclass(frozen=True, slots=True)
class Schedule:
    """Daily windows in civil time; without *start* and *end* the allowed days are whole days."""

    zone: str = "UTC"
    start: time | None = None
    end: time | None = None
    days: frozenset[int] = EVERY_DAY
    """0 is Monday."""
    on_holidays: OnHolidays = OnHolidays.IGNORE
    is_holiday: Callable[[date], bool] = _never

    @property
    def is_always(self) -> bool:
        """Whether it never ends."""
        return (
            self.start is None
            and self.end is None
            and self.days == EVERY_DAY
            and self.on_holidays is not OnHolidays.SKIP
        )

    def allows(self, day: date) -> bool:
        """Whether a window starts on that day."""
        weekday = day.weekday()
        if self.on_holidays is not OnHolidays.IGNORE and self.is_holiday(day):
            if self.on_holidays is OnHolidays.SKIP:
                return False
            weekday = SUNDAY
        return weekday in self.days

    def window_of(self, day: date) -> Window | None:
        """The window that starts on that local day."""
        if not self.allows(day):
            return None
        start = self.start or time.min
        end = self.end or time.min
        last_day = day if start < end else day + timedelta(days=1)
        window = Window(instant(day, start, self.zone, FIRST_PASS), instant(last_day, end, self.zone, LAST_PASS))
        return window if window.starts_at < window.ends_at else None  # both in the hour that does not exist

    def window_at(self, at: datetime) -> Window | None:
        """The window an instant falls in; None when the rule is not in force."""
        day = local_date(at, self.zone)
        for started_on in (day - timedelta(days=1), day, day + timedelta(days=1)):
            window = self.window_of(started_on)
            if window is not None and at in window:
                return window
        return None

    def next_window(self, at: datetime) -> Window | None:
        """The window an instant falls in, or else the first to come; None when there is none within a year."""
        day = local_date(at, self.zone) - timedelta(days=1)
        for ahead in range(LOOK_AHEAD_DAYS):
            window = self.window_of(day + timedelta(days=ahead))
            if window is not None and window.ends_at > at:
                return window
        return None


ALWAYS = Schedule()
