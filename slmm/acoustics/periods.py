"""Day, evening and night of a place as spans of real time; pure.

Periods follow the local clock, so a night of a clock change has 420 or 540 minutes (R15). A night belongs to the
date on which it starts (R16): the small hours of Sunday are Saturday's night.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from slmm.acoustics.civil import at_hour, local_date
from slmm.acoustics.intervals import Span
from slmm.errors import Invalid

DAY, EVENING, NIGHT = "day", "evening", "night"


@dataclass(frozen=True, slots=True)
class Scheme:
    """When the parts of a day begin, in hours of the local clock (18.5 is 18:30), and what they weigh.

    The defaults are those of Lden (2002/49/EC annex I). A state may shorten the evening by one or two hours; the day
    or the night then begins later or earlier, and weighs accordingly.
    """

    day: float = 7.0
    evening: float | None = 19.0
    """None: there is no evening, and the day lasts until the night."""
    night: float = 23.0
    evening_penalty_db: float = 5.0
    night_penalty_db: float = 10.0

    def __post_init__(self) -> None:
        for name, hour in ((DAY, self.day), (EVENING, self.evening), (NIGHT, self.night)):
            if hour is not None and not 0.0 <= hour <= 24.0:
                raise Invalid(f"{name}: {hour:g} is not an hour of the day; 0 to 24 are allowed", name)
        if self.evening is not None and not self.day < self.evening < self.night:
            raise Invalid(f"evening: {self.evening:g} does not lie between {self.day:g} and {self.night:g}", EVENING)
        if not self.day < self.night < self.day + 24.0:
            raise Invalid(f"night: {self.night:g} is not after the begin of the day at {self.day:g}", NIGHT)

    @property
    def parts(self) -> tuple[tuple[str, float, float], ...]:
        """Name, first hour and last of each part, from the begin of the day to that of the next (31 is 07:00)."""
        next_day = self.day + 24.0
        if self.evening is None:
            return ((DAY, self.day, self.night), (NIGHT, self.night, next_day))
        return (
            (DAY, self.day, self.evening),
            (EVENING, self.evening, self.night),
            (NIGHT, self.night, next_day),
        )

    @property
    def weights_h(self) -> tuple[float, float, float]:
        """Hours that day, evening and night weigh: those of the scheme, whatever the clocks do that night (R15)."""
        hours = {name: until - since for name, since, until in self.parts}
        return hours[DAY], hours.get(EVENING, 0.0), hours[NIGHT]


LDEN = Scheme()
LDN = Scheme(evening=None, night=22.0)
"""15 and 9 hours (R7)."""
CNEL = Scheme(night=22.0)
"""12, 3 and 9 hours (R7)."""


@dataclass(frozen=True, slots=True)
class Period:
    """One part of one day."""

    name: str
    """``day``, ``evening`` or ``night``."""
    date: date
    """The local date it starts on: whose night it is."""
    span: Span


def periods_of(day: date, zone: str, scheme: Scheme = LDEN) -> list[Period]:
    """The parts of a local day, without a gap, up to where the next day's begin.

    A boundary that comes twice is its first pass; a part that lies in the hour the clocks jump over is none.
    """
    found = []
    for name, since, until in scheme.parts:
        starts_at, ends_at = at_hour(day, since, zone), at_hour(day, until, zone)
        if starts_at < ends_at:
            found.append(Period(name, day, Span(starts_at, ends_at)))
    return found


def periods_between(starts_at: datetime, ends_at: datetime, zone: str, scheme: Scheme = LDEN) -> list[Period]:
    """All the periods of which any part lies in [*starts_at*, *ends_at*), whole, by time."""
    asked = Span(starts_at, ends_at)
    day, last = local_date(starts_at, zone) - timedelta(days=1), local_date(ends_at, zone)
    found = []
    while day <= last:
        found += [
            period
            for period in periods_of(day, zone, scheme)
            if asked.overlap_s(period.span.starts_at, period.span.ends_at) > 0
        ]
        day += timedelta(days=1)
    return found


def period_at(at: datetime, zone: str, scheme: Scheme = LDEN) -> Period:
    """The period an instant falls in."""
    return periods_between(at, at + timedelta.resolution, zone, scheme)[0]
