"""What goes in and comes out of history, summaries, exceedances, allowance and exports."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, RootModel

from slmm.acoustics.quality import LEAST_COVERAGE
from slmm.record.history import EARLIEST, LATEST
from slmm.web.api.fields import Level, Text
from slmm.web.api.models import HistoryAnswer

_ATE_PLUS = re.compile(r"(:\d\d(?:\.\d+)?) (\d\d:?\d\d)$")
"""A + that was not percent-encoded in a query arrives as a space."""


def _instant(value: object) -> object:
    if isinstance(value, str):
        try:
            at = datetime.fromisoformat(_ATE_PLUS.sub(r"\1+\2", value))
            if at.tzinfo is not None and EARLIEST <= (utc := at.astimezone(UTC)) <= LATEST:
                return utc
        except (ValueError, OverflowError):
            pass
    raise ValueError("a time of the years 1990 to 2199 with its zone is allowed, such as 2027-01-31T00:00:00Z")


def _date(value: object) -> object:
    if isinstance(value, str):
        try:
            day = date.fromisoformat(value)
            if len(value) == 10 and EARLIEST.year <= day.year < LATEST.year:
                return day
        except ValueError:
            pass
    raise ValueError("a date of the years 1990 to 2199 is allowed, such as 2027-01-31")


_TIME = {"type": "string", "format": "date-time"}
Instant = Annotated[AwareDatetime, BeforeValidator(_instant), Field(json_schema_extra=_TIME)]
Day = Annotated[date, BeforeValidator(_date), Field(json_schema_extra={"type": "string", "format": "date"})]
Decibels = Annotated[float, Field(ge=-50, le=250, allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Step = Annotated[Text, Field(min_length=1, max_length=16)]
Metrics = Annotated[Text, Field(max_length=200)]
Period = Annotated[Text, Field(min_length=1, max_length=16)]


class FromUntilQuery(BaseModel):
    """From when until when."""

    model_config = ConfigDict(extra="forbid")

    from_at: Instant | None = Field(None, alias="from", description="RFC 3339 with its zone")
    until: Instant | None = Field(None, description="Now if left out")


class LevelsQuery(FromUntilQuery):
    """The trail of the last hours, or with *from* levels at any step."""

    hours: float | None = Field(None, allow_inf_nan=False, description="The trail: 2 if left out, clamped to 0.1–48")
    step: Step | None = Field(None, description="auto, 1s, 10s, 1min, 15min, 1h, 1d, or seconds")
    metrics: Metrics | None = Field(
        None, description="With commas: laeq, lmax, lmin, lpeak, l1 … l99; lp, leq, le, ln1 … ln5 as the display showed"
    )


class SummaryQuery(FromUntilQuery):
    """Which periods."""

    period: Period = Field("24h", description="day, evening, night, parts, 24h, or a length such as 15min, 1h, 8h")
    date: Day | None = Field(None, description="The local date they belong to; today if nothing is said")
    least_coverage: Share = Field(LEAST_COVERAGE, description="What has to be known of a period to be judged")


class ExceedancesQuery(FromUntilQuery):
    """What is held against which level."""

    level: Decibels = Field(description="dB")
    metric: Annotated[Text, Field(max_length=8)] = "laeq"
    step: Step = "1min"
    comparator: Literal["gt", "ge"] = Field("gt", description="gt: above the level; ge: at it too")
    least_coverage: Share = LEAST_COVERAGE


class AllowanceQuery(FromUntilQuery):
    """A limit for the LAeq of a period: the last one of that name that has begun, or from–until."""

    limit_db: Decibels
    period: Period | None = Field(None, description="day, evening, night, 24h, or a length such as 1h, 12h")
    period_s: Annotated[int, Field(ge=60, le=86_400)] | None = Field(None, description="The same in seconds")
    residual_db: Decibels | None = Field(None, description="The usual level without the work, for the floor")


class ExportQuery(FromUntilQuery):
    """Which rows, in which form."""

    format: Literal["csv", "xlsx", "parquet"] = "csv"
    what: Literal["frames", "minutes", "hours", "days", "summary"] = "minutes"
    metrics: Metrics | None = Field(None, description="With commas; all there are if left out")
    period: Period = Field("24h", description="Of a summary")
    decimal: Literal["point", "comma"] = Field("point", description="comma: for German spreadsheets, with ; between")


class QuantityName(BaseModel):
    """What a quantity is called."""

    name: str
    unit: Literal["dB"]


class LevelsAnswer(BaseModel):
    """Columns: one value for each period, null where nothing is known."""

    model_config = ConfigDict(extra="forbid")

    status: Literal["ok"] = "ok"
    unit_id: str
    zone: str
    from_at: str = Field(alias="from")
    until: str
    step: str
    step_s: int
    taken_from: Literal["frames", "minutes", "hours"]
    count: int
    times: list[str] = Field(description="The end of each period")
    is_last_open: bool = Field(description="Whether the last period is not over yet")
    levels: dict[str, list[Level]]
    coverage: list[float] = Field(description="Valid part of each period, 0 to 1")
    flags: list[list[str]]
    bound: list[Literal["=", "<", ">"]] = Field(description="Whether LAeq is an upper (<) or lower (>) bound")
    source: list[Literal["sd", "stream", "poll", "mixed", "none"]]
    names: dict[str, QuantityName]
    ln_base: str = Field(description="The samples LN is counted from, such as LAF")


class TrailOrLevels(RootModel[HistoryAnswer | LevelsAnswer]):
    """The trail as in 0.4.0, or levels when *from* was given."""


class Figures(BaseModel):
    """Levels of a period in dB, rounded half up to 0.1 dB."""

    laeq: Level
    lae: Level = Field(description="Of the measured time")
    lmax: Level
    lmin: Level
    lpeak: Level
    l1: Level
    l5: Level
    l10: Level
    l50: Level
    l90: Level
    l95: Level
    uncertainty_db: Level = Field(description="Of laeq from polled readings, expanded (k = 2); null: integrated")
    coverage: float
    judged: bool
    bound: Literal["=", "<", ">"]


class PeriodSummary(Figures):
    """One period; as_recorded is the other result, with what was excluded and with weather; null if it is the same."""

    period: str
    date: str = Field(description="The local date it starts on")
    starts_at: str
    ends_at: str
    is_open: bool = Field(description="Not over yet")
    duration_s: float
    valid_s: float
    received_s: float
    flags: list[str]
    sources: list[str]
    as_recorded: Figures | None


class DayRatings(BaseModel):
    """Of a day from 07:00 to 07:00, in dB."""

    date: str
    lden: Level
    ldn: Level
    cnel: Level
    coverage: float = Field(description="Of the worst of its parts")
    judged: bool


class ExcludedSpan(BaseModel):
    """What was taken out; who and text are not told to guests."""

    starts_at: str
    ends_at: str
    reason: str
    who: str | None = None
    text: str | None = None


class PeriodsAnswer(BaseModel):
    """Periods in order of time."""

    status: Literal["ok"] = "ok"
    unit_id: str
    zone: str
    period: str
    count: int
    periods: list[PeriodSummary]
    ratings: list[DayRatings] = Field(description="With period 24h or parts: one for each local date")
    exclusions: list[ExcludedSpan]
    names: dict[str, QuantityName]
    ln_base: str


class ExceedanceRun(BaseModel):
    """Consecutive periods that all exceed."""

    starts_at: str
    ends_at: str
    duration_s: float
    count: int
    highest: Level
    highest_ends_at: str
    laeq: Level
    bound: Literal["=", ">"]


class ExceedancesAnswer(BaseModel):
    """Runs in order of time; periods that cannot be judged are counted apart."""

    status: Literal["ok"] = "ok"
    unit_id: str
    zone: str
    name: str
    metric: str
    level: float
    comparator: Literal["gt", "ge"]
    step: str
    periods: int
    exceeding: int
    not_judged: int
    count: int
    exceedances: list[ExceedanceRun]


class AllowanceAnswer(BaseModel):
    """What a limit still allows."""

    status: Literal["ok"] = "ok"
    unit_id: str
    zone: str
    limit_db: float
    starts_at: str
    ends_at: str
    as_of: str
    used_percent: float = Field(description="Of the period's energy, measured: at least that")
    used_at_most_percent: float | None = Field(description="With what was missed at the recent mean; null: not known")
    rest_s: float
    rest_level_db: Level = Field(description="What may be kept up for the rest, rounded down; null: nothing promised")
    is_lost: bool = Field(description="Exceeded whatever happens now")
    exhausted_in_s: float | None
    floor_db: Level
    ceiling_db: Level
