"""What goes in and comes out of runs, remarks and calibrations."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field

from slmm.storage.calibrations import NOMINAL_DB, TOLERANCE_DB
from slmm.web.api.alert_models import Decibels
from slmm.web.api.fields import Input, Level, Prose, Text, UnitId
from slmm.web.api.models import Ok

EARLIEST, LATEST = datetime(1970, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)
"""Beyond these nothing was measured, and time zones cannot be reckoned with at the ends of the calendar."""
MOST_ID = 2**31 - 1


def _from_text(value: object) -> object:
    """Text alone: a bare number would pass for seconds since 1970, and strict bodies take no text for a time."""
    if isinstance(value, datetime):
        return value
    try:
        found = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        hint = "; in an address + is written %2B" if isinstance(value, str) and " " in value else ""
        raise ValueError(f"a time with its zone (RFC 3339), such as 2027-01-31T00:00:00Z{hint}")
    return found


def _plausible(value: datetime) -> datetime:
    if not EARLIEST <= value <= LATEST:
        raise ValueError("a time from 1970 to 2200")
    return value.astimezone(UTC)


Instant = Annotated[
    AwareDatetime,
    BeforeValidator(_from_text),
    AfterValidator(_plausible),
    Field(json_schema_extra={"format": "date-time"}),
]
Words = Annotated[Prose, Field(min_length=1, max_length=2000)]
Id = Annotated[int, Field(ge=0, le=MOST_ID)]
Reason = Literal["remark", "weather", "calibration", "foreign", "fault", "other"]


class SpanQuery(BaseModel):
    """Which rows of a unit; newest first."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    starts_at: Instant | None = Field(None, alias="from", description="What ended before is left out")
    ends_at: Instant | None = Field(None, alias="until", description="What began then or later is left out")
    limit: int = Field(100, ge=1, le=1000)
    before_id: Id | None = Field(None, description="Older on record than this one")


class RemarksQuery(SpanQuery):
    """Which remarks of a unit; newest first."""

    withdrawn: bool = Field(False, description="Show also those that were withdrawn")


class RunPath(BaseModel):
    """A run of a unit."""

    unit_id: UnitId
    run_id: Id


class RemarkPath(BaseModel):
    """A remark on the record of a unit."""

    unit_id: UnitId
    remark_id: Id


class Run(BaseModel):
    """One measurement from start to stop."""

    model_config = ConfigDict(extra="forbid")

    id: int
    unit_id: str
    store_name: str | None = Field(description="Four digits; null while the meter was not asked")
    started_at: str
    is_start_exact: bool = Field(description="False: it was running already when first seen, so it began earlier")
    ended_at: str | None = Field(description="Null while it goes on")
    is_end_exact: bool
    how: str | None = Field(
        description="stopped (through us), by_itself, unseen (nobody looked) or superseded (by another start)"
    )
    fingerprint: str | None = Field(description="SHA-256 of the settings that change what the figures mean")
    settings: dict[str, Any] | None = Field(description="Settings as far as they were read")
    card: str = Field(description="What became of its files: none, wanted, partial, merged or failed")
    card_note: str | None
    card_at: str | None


class RunAnswer(BaseModel):
    """One run."""

    status: Literal["ok"] = "ok"
    run: Run


class RunsAnswer(BaseModel):
    """Runs of a unit, newest first."""

    status: Literal["ok"] = "ok"
    unit_id: str
    count: int
    runs: list[Run]


class NewRemark(Input):
    """A remark about a moment (``at``) or a span (``starts_at`` and ``ends_at``)."""

    at: Instant | None = None
    starts_at: Instant | None = None
    ends_at: Instant | None = None
    reason: Reason = Field("remark", description="foreign: sound that is not the site's")
    excludes: bool = Field(False, description="Takes the span out of the judged figures")
    text: Words


class RemarkOnRecord(BaseModel):
    """What somebody said about a moment or a span."""

    model_config = ConfigDict(extra="forbid")

    id: int
    unit_id: str
    starts_at: str
    ends_at: str
    reason: str
    excludes: bool
    text: str
    made_by: str | None = Field(description="Null for who follows a share link")
    made_at: str
    calibration_id: int | None = Field(description="The check whose drift excludes the span")
    withdrawn_by: str | None
    withdrawn_at: str | None = Field(description="From then on it counts no more")


class RemarkAnswer(Ok):
    """One remark."""

    remark: RemarkOnRecord


class RemarksAnswer(BaseModel):
    """Remarks of a unit, the newest made first."""

    status: Literal["ok"] = "ok"
    unit_id: str
    count: int
    remarks: list[RemarkOnRecord]


class NewCalibration(Input):
    """A check with a sound calibrator."""

    kind: Literal["before", "after", "check"]
    measured_db: Decibels
    nominal_db: Decibels = NOMINAL_DB
    adjusted_db: Decibels | None = Field(None, description="What was shown after an adjustment; null without one")
    calibrator: Annotated[Text, Field(min_length=1, max_length=128)] | None = None
    serial_number: Annotated[Text, Field(min_length=1, max_length=64)] | None = None
    at: Instant | None = Field(None, description="When it was done; now if left out")
    note: Words | None = None
    tolerance_db: Annotated[float, Field(ge=0, le=20, allow_inf_nan=False)] = Field(
        TOLERANCE_DB, description="Drift beyond this excludes the span between the two checks; dB"
    )


class Calibration(BaseModel):
    """A check with a sound calibrator, and what it says of the time before."""

    model_config = ConfigDict(extra="forbid")

    id: int
    unit_id: str
    at: str
    kind: str
    calibrator: str | None
    serial_number: str | None
    nominal_db: float
    measured_db: float
    adjusted_db: Level
    deviation_db: float = Field(description="measured_db − nominal_db")
    drift_db: Level = Field(description="How much higher the meter reads than at the reference; never applied")
    reference_id: int | None = Field(description="The last before, or the last check with an adjustment")
    note: str | None
    made_by: str
    made_at: str


class CalibrationAnswer(Ok):
    """One check, and the remarks that exclude the spans it spoils."""

    calibration: Calibration
    voided: list[RemarkOnRecord]


class CalibrationsAnswer(BaseModel):
    """Checks of a unit, the newest on record first."""

    status: Literal["ok"] = "ok"
    unit_id: str
    count: int
    calibrations: list[Calibration]
