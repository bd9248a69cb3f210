"""A limit as a JSON document: what is limited, over which periods, at which hours, how it is judged.

Laws differ in everything but the ingredients, so a limit is put together from them: a quantity, a kind of period,
rows of hours with their levels, a comparator, a rounding, and what is added before the comparison.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, ValidationError, model_validator

from slmm.acoustics.levels import duration_name, level_name
from slmm.errors import Invalid
from slmm.limits.fields import CalendarName, Line, LocalDate, Margin, Part, Prose, Zone
from slmm.limits.rows import (
    Background,
    BudgetStep,
    Correction,
    Fixed,
    Noisiest,
    Period,
    Rolling,
    Row,
    Whole,
    overlap,
)

Quantity = Literal["laeq", "lr", "ln", "lmax", "lpeak"]
LAST_WORD = "The user's authority has the last word."
RESOLUTIONS_DB = (0.1, 1.0)


def _resolution(value: float) -> float:
    if value not in RESOLUTIONS_DB:
        raise ValueError("0.1 or 1 (dB)")
    return value


Resolution = Annotated[float, AfterValidator(_resolution), Field(json_schema_extra={"enum": list(RESOLUTIONS_DB)})]


class Limit(Part):
    """One limit; see ``parse`` for where it comes from."""

    format: Literal[1] = 1
    name: Annotated[Line, Field(min_length=1, max_length=128)]
    scheme: Line | None = Field(None, description="What it is a part of, such as a law with several limits")
    authority: Line | None = None
    source: Prose | None = Field(None, description="The text it is taken from")
    note: Prose = LAST_WORD
    quantity: Quantity
    percent: Annotated[float, Field(gt=0, lt=100, allow_inf_nan=False)] | None = Field(None, description="N of LN")
    frequency: Literal["A", "C", "Z"] | None = Field(None, description="Weighting; A if null, C for lpeak")
    time_weighting: Literal["F", "S"] = Field("F", description="Of lmax and ln")
    period: Period
    rows: Annotated[list[Row], Field(min_length=1, max_length=64)]
    holiday_calendar: CalendarName | None = None
    more_holidays: Annotated[list[LocalDate], Field(max_length=366)] = Field(default_factory=list)
    timezone: Zone | None = Field(None, description="Else that of the unit")
    valid_from: LocalDate | None = None
    valid_until: LocalDate | None = Field(None, description="The last day it holds")
    comparator: Literal[">", ">="] = Field(">", description="A level that compares so with the limit has exceeded it")
    round_to_db: Resolution = Field(0.1, description="Rounded once, half up, before it is compared (R11)")
    amber_offset_db: Margin | None = Field(3.0, description="Amber so far below the limit; null: no amber")
    least_coverage: Annotated[float, Field(gt=0, le=1, allow_inf_nan=False)] = Field(
        0.75, description="A period of which less is known is not judged (R25)"
    )
    corrections: Annotated[list[Correction], Field(max_length=10)] = Field(default_factory=list)
    action_above_db: Margin | None = Field(None, description="Measures are called for only beyond the limit plus this")
    day_budget: Annotated[list[BudgetStep], Field(max_length=20)] = Field(default_factory=list)
    background: Background | None = None
    calibration_within_db: Margin | None = Field(
        None, description="Calibrations before and after must agree within this, or the data are void (R28)"
    )

    def period_of(self, row: Row) -> Fixed | Whole | Rolling | Noisiest:
        """The kind of period that is judged during a row."""
        return row.period or self.period

    def amber_of(self, row: Row) -> float | None:
        """Where amber begins during a row, in dB; None without amber."""
        if row.amber_db is not None:
            return row.amber_db
        return None if self.amber_offset_db is None else row.red_db - self.amber_offset_db

    def adjustment_of(self, row: Row) -> float:
        """What the named corrections add up to, in dB."""
        return sum(correction.db for correction in (*self.corrections, *row.corrections))

    def label(self, row: Row) -> str:
        """The quantity with its period, as it stands in a report: LAeq,15min; LAF10,1h; LAeq,11h."""
        period = self.period_of(row)
        base = self._base_label()
        if isinstance(period, Whole):
            return f"{base},{period.named or duration_name((row.ends_min - row.begins_min) * 60.0)}"
        kind = "" if isinstance(period, Fixed) else f" {period.kind}"
        return f"{base},{duration_name(period.length_s)}{kind}"

    def _base_label(self) -> str:
        letter, speed = self.frequency or "A", self.time_weighting
        match self.quantity:
            case "ln":  # with its time weighting, for that is what it was counted from (R3)
                return f"L{letter}{speed}{self.percent:g}"
            case "lmax":
                return level_name("lmax", letter, speed)
            case "lpeak":
                return level_name("lpeak", self.frequency or "C", None)
            case "lr":
                return "Lr"
        return f"L{letter}eq"

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if (self.quantity == "ln") != (self.percent is not None):
            raise ValueError("percent must be given for quantity ln, and for no other")
        for at, row in enumerate(self.rows):
            self._check_row(at, row)
        if self.valid_from and self.valid_until and self.valid_from > self.valid_until:
            raise ValueError(f"valid_from {self.valid_from} must not be after valid_until {self.valid_until}")
        steps = [step.above_db for step in self.day_budget]
        if steps != sorted(set(steps)):
            raise ValueError("day_budget must ascend by above_db, each once")
        if steps and self._kinds() != {"whole"}:
            raise ValueError("day_budget counts days, so every period must be whole")
        if clash := overlap(self.rows):
            raise ValueError(clash)
        return self

    def _kinds(self) -> set[str]:
        return {self.period_of(row).kind for row in self.rows}

    def _check_row(self, at: int, row: Row) -> None:
        if row.on_holidays != "ignore" and self.holiday_calendar is None and not self.more_holidays:
            raise ValueError(f"rows.{at}: on_holidays {row.on_holidays!r} needs a holiday_calendar, such as DE-BE")
        period = self.period_of(row)
        if isinstance(period, Noisiest) and period.length_s > (row.ends_min - row.begins_min) * 60:
            raise ValueError(f"rows.{at}: the noisiest {period.length} do not fit between {row.start} and {row.end}")
        if isinstance(period, Noisiest) and self.quantity not in ("laeq", "lr"):
            raise ValueError(f"rows.{at}: the noisiest stretch is that of laeq or lr, not of {self.quantity}")
        if row.time_correction and (self.quantity != "lr" or not isinstance(period, Whole)):
            raise ValueError(f"rows.{at}: time_correction is for quantity lr over whole periods")


def parse(document: object) -> Limit:
    """A limit from its JSON document; raises Invalid naming every member that cannot be used."""
    if not isinstance(document, Mapping):
        raise Invalid("a limit is a JSON object with the members name, quantity, period and rows", field="limit")
    try:
        return Limit.model_validate(dict(document))
    except ValidationError as error:
        found = [_trouble(item) for item in error.errors(include_url=False)]
        raise Invalid("; ".join(text for _, text in found), field=found[0][0]) from None


def to_json(limit: Limit) -> dict[str, Any]:
    """The document of a limit, with every member; ``parse`` takes it back."""
    return limit.model_dump(mode="json", by_alias=True)


_PLAIN_WORDS = {"missing": "is missing", "extra_forbidden": "is not a member of a limit", "model_type": "is no object"}
LONGEST_ECHO = 80


def _trouble(item: Any) -> tuple[str, str]:
    kinds = {"fixed", "whole", "rolling", "noisiest"}  # the discriminator's value is no member
    field = ".".join(str(part) for part in item["loc"] if part not in kinds) or "limit"
    value = item.get("input")
    if item["type"] == "union_tag_invalid":
        return f"{field}.kind", f"{field}.kind {item['ctx']['tag']!r} is not one of fixed, whole, rolling, noisiest"
    if item["type"] == "union_tag_not_found":
        return f"{field}.kind", f"{field}.kind is missing: one of fixed, whole, rolling, noisiest"
    if word := _PLAIN_WORDS.get(item["type"]):
        return field, f"{field} {word}"
    allowed = item["msg"].replace("Value error, ", "").replace("Input should", "it should")
    if not isinstance(value, (str, int, float, bool)):
        return field, f"{field} is not allowed: {allowed}"
    return field, f"{field} {str(value)[:LONGEST_ECHO]!r} is not allowed: {allowed}"
