"""What a limit is put together from: kinds of period, rows of hours with their levels, what is added to a level."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from slmm.limits.fields import (
    DAY_MIN,
    DAY_S,
    HOUR_S,
    MINUTE_S,
    Adjustment,
    Clock,
    Decibels,
    Hours,
    Length,
    Line,
    Margin,
    Part,
    length_s,
    minutes_of,
)

Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
DAYS: tuple[Day, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


class Fixed(Part):
    """Periods one after the other on the local clock: 15min ends at :00, :15, :30 and :45 (R12).

    Those longer than an hour count from where the hours of their row begin: 12h of 07:00–19:00 is one period.
    """

    kind: Literal["fixed"]
    length: Length

    @property
    def length_s(self) -> int:
        """Seconds."""
        return length_s(self.length)

    @model_validator(mode="after")
    def _fits_a_day(self) -> Self:
        if self.is_on_the_clock and DAY_S % self.length_s:
            raise ValueError(f"length {self.length!r} does not divide the day: 5min, 15min or 1h do")
        if not self.is_on_the_clock and self.length_s % MINUTE_S:
            raise ValueError(f"length {self.length!r} is not in whole minutes, as it must be beyond 1h")
        return self

    @property
    def is_on_the_clock(self) -> bool:
        """Whether it counts from midnight and not from the begin of the hours."""
        return self.length_s <= HOUR_S


class Whole(Part):
    """The hours of a row as one period: a day, an evening, a night."""

    kind: Literal["whole"]
    named: Length | None = Field(None, description="What the law calls it, where that is not how long it is")


class Rolling(Part):
    """The last so many minutes, at every minute (R13)."""

    kind: Literal["rolling"]
    length: Length

    @property
    def length_s(self) -> int:
        """Seconds."""
        return length_s(self.length)


class Noisiest(Part):
    """The noisiest contiguous stretch of this length within the hours of a row (R17)."""

    kind: Literal["noisiest"]
    length: Length

    @property
    def length_s(self) -> int:
        """Seconds."""
        return length_s(self.length)


Period = Annotated[Fixed | Whole | Rolling | Noisiest, Field(discriminator="kind")]


class Correction(Part):
    """A named adjustment, added to the level before it is rounded and compared, such as K_I or a façade's -3 dB."""

    name: Annotated[Line, Field(min_length=1, max_length=32)]
    db: Adjustment
    why: Line | None = None


class TimeStep(Part):
    """What is added when the noise was there for no more than so many hours."""

    up_to_h: Hours
    db: Adjustment


class TimeCorrection(Part):
    """AVV Baulärm 6.7.1: the level while the machines work, less something when they work for few hours."""

    active_above_db: Decibels = Field(description="A minute at or above this counts as used")
    steps: Annotated[list[TimeStep], Field(min_length=1, max_length=10)]
    used_h: Hours | None = Field(None, description="Hours of use a day as declared; null: counted")

    @model_validator(mode="after")
    def _ascending(self) -> Self:
        hours = [step.up_to_h for step in self.steps]
        if hours != sorted(set(hours)):
            raise ValueError("steps must ascend by up_to_h, each once")
        return self


class Row(Part):
    """Hours at which a level holds; those that pass midnight belong to the day they start on (R16)."""

    name: Annotated[Line, Field(min_length=1, max_length=64)] | None = None
    days: Annotated[list[Day], Field(min_length=1, max_length=7)] = Field(default_factory=lambda: [*DAYS])
    on_holidays: Literal["ignore", "as_sunday", "skip", "only"] = Field(
        "ignore", description="A public holiday is a day like any other, a Sunday, never one of these, or the only one"
    )
    start: Clock = Field(alias="from")
    end: Clock = Field(alias="until")
    level_db: Decibels | None = Field(None, description="The limit: red beyond it")
    over_background_db: Margin | None = Field(None, description="In place of level_db: this much above background_db")
    background_db: Decibels | None = None
    amber_db: Decibels | None = Field(None, description="Amber beyond it; else amber_offset_db below the limit")
    period: Period | None = Field(None, description="In place of the limit's")
    corrections: Annotated[list[Correction], Field(max_length=10)] = Field(
        default_factory=list, description="Besides those of the limit"
    )
    time_correction: TimeCorrection | None = None

    @property
    def red_db(self) -> float:
        """The limit in dB, also where it hangs on a background."""
        if self.level_db is not None:
            return self.level_db
        assert self.background_db is not None
        assert self.over_background_db is not None
        return self.background_db + self.over_background_db

    @property
    def begins_min(self) -> int:
        """Minutes after midnight of the day it starts on."""
        return minutes_of(self.start)

    @property
    def ends_min(self) -> int:
        """Minutes after the same midnight: beyond 1440 when it passes the next."""
        end = minutes_of(self.end)
        return end if end > self.begins_min else end + DAY_MIN

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if self.start == self.end or self.start == "24:00":
            raise ValueError(
                f"from {self.start!r} until {self.end!r} is no stretch of time; a whole day is 00:00–24:00"
            )
        if len(set(self.days)) != len(self.days):
            raise ValueError("days must name each day once")
        given = (self.over_background_db is not None, self.background_db is not None)
        if (self.level_db is None) != all(given) or given[0] != given[1]:
            raise ValueError("give either level_db, or background_db and over_background_db together")
        if self.amber_db is not None and self.amber_db > self.red_db:
            raise ValueError(f"amber_db {self.amber_db:g} must not be above the limit of {self.red_db:g} dB")
        return self


class BudgetStep(Part):
    """Days of a project whose level may be above this."""

    above_db: Decibels
    at_most_days: Annotated[int, Field(ge=0, le=3660)]


class Background(Part):
    """How background_db is found: median over days of each day's percentile of short LN (NSW)."""

    percent: Annotated[float, Field(gt=0, lt=100, allow_inf_nan=False)] = 90.0
    part: Length = "15min"
    day_percentile: Annotated[float, Field(gt=0, lt=100, allow_inf_nan=False)] = 10.0
    least_days: Annotated[int, Field(ge=1, le=366)] = 7
    least_db: Decibels | None = Field(None, description="A lower background is taken for this")


def overlap(rows: Sequence[Row]) -> str | None:
    """Two rows that would hold at the same time, as a sentence; None when there are none.

    Looks at every pair of days, each as a public holiday and not.
    """
    nights = [(day, today, tomorrow) for day in range(7) for today in (False, True) for tomorrow in (False, True)]
    for day, today, tomorrow in nights:
        spans = [(row.begins_min, row.ends_min, at) for at, row in enumerate(rows) if starts_on(row, day, today)]
        spans += [
            (row.begins_min + DAY_MIN, row.ends_min + DAY_MIN, at)
            for at, row in enumerate(rows)
            if starts_on(row, (day + 1) % 7, tomorrow)
        ]
        spans.sort()
        for (_, ends, one), (begins, _, other) in itertools.pairwise(spans):
            if begins < ends:
                when = f"{DAYS[(day + begins // DAY_MIN) % 7]} {begins % DAY_MIN // 60:02}:{begins % 60:02}"
                holiday = " (a public holiday)" if (tomorrow if begins >= DAY_MIN else today) else ""
                return f"rows {one} and {other} both hold on {when}{holiday}: only one row may hold at a time"
    return None


def starts_on(row: Row, weekday: int, is_holiday: bool) -> bool:
    """Whether its hours begin on such a day; 0 is Monday."""
    if is_holiday:
        if row.on_holidays == "skip":
            return False
        if row.on_holidays == "as_sunday":
            weekday = 6
    elif row.on_holidays == "only":
        return False
    return DAYS[weekday] in row.days
