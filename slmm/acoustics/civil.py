"""Local civil time as instants, on the nights the clocks change too; pure.

A local time that comes twice has two passes (fold 0 and 1); one that does not exist is the instant at which the clocks
jump over it. So daily windows and periods never fall apart.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from slmm.errors import Invalid

FIRST_PASS, LAST_PASS = 0, 1
_SEARCH = timedelta(hours=26)
"""The clocks of a place may jump over a whole day (Apia, 2011); no place changes them twice within two days."""


def zone_info(zone: str) -> ZoneInfo:
    """The zone of a name such as ``Europe/Berlin``; raises Invalid for one that nobody knows."""
    try:
        return ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise Invalid(f"zone: {zone!r} is not known; a name such as Europe/Berlin or UTC is", "zone") from error


@lru_cache(maxsize=4096)
def instant(day: date, clock: time, zone: str, fold: int = FIRST_PASS) -> datetime:
    """A local time as an instant in UTC; one that does not exist is the instant at which the clocks jump over it."""
    place = zone_info(zone)
    local = datetime.combine(day, clock.replace(fold=fold), tzinfo=place)
    at = local.astimezone(UTC)
    if at.astimezone(place).replace(tzinfo=None, fold=0) == local.replace(tzinfo=None, fold=0):
        return at
    return _jump(at, place)


def _jump(near: datetime, place: ZoneInfo) -> datetime:
    """The change of the clocks around an instant, to the second."""
    low, high = near - _SEARCH, near + _SEARCH
    before = low.astimezone(place).utcoffset()
    while high - low > timedelta(seconds=1):
        middle = low + (high - low) / 2
        if middle.astimezone(place).utcoffset() == before:
            low = middle
        else:
            high = middle
    return high.replace(microsecond=0)


def local_date(at: datetime, zone: str) -> date:
    """The date the calendar on the wall shows at an instant."""
    return at.astimezone(zone_info(zone)).date()


def at_hour(day: date, hour: float, zone: str) -> datetime:
    """The first time the clocks show *hour* of a day, 18.5 being 18:30; from 24 on it is the next day's."""
    days, second = divmod(round(hour * 3600.0), 86_400)
    clock = time(second // 3600, second // 60 % 60, second % 60)
    return instant(day + timedelta(days=days), clock, zone)


def day_span(day: date, zone: str) -> tuple[datetime, datetime]:
    """Where a local day begins and ends: 23, 24 or 25 hours, or what else the place makes of it."""
    return instant(day, time.min, zone), instant(day + timedelta(days=1), time.min, zone)
