"""What comes out where all units are shown at a glance."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from slmm.web.api.fields import Level
from slmm.web.api.limit_models import Standing, Verdict

MOST_MINUTES = 60


class WallQuery(BaseModel):
    """How much of the last hour."""

    model_config = ConfigDict(extra="forbid")

    minutes: int = Field(MOST_MINUTES, ge=0, le=MOST_MINUTES, description="The last so many minutes")


class OpenAlerts(BaseModel):
    """Alerts of a unit that have not ended."""

    model_config = ConfigDict(extra="forbid")

    open: int
    unacknowledged: int
    severity: Literal["amber", "red"] | None = Field(description="The worst of them; null when there is none")


class Concern(BaseModel):
    """Something about a meter that somebody should look after."""

    model_config = ConfigDict(extra="forbid")

    code: str = Field(description="A stable word, such as battery_low, sd_low, clock_off or wedged")
    severity: Literal["info", "warning", "error"]
    sentence: str
    value: float | None = Field(description="Seconds the clock is ahead, or days until the card is full")


class WallUnit(BaseModel):
    """One unit."""

    model_config = ConfigDict(extra="forbid")

    unit_id: str
    name: str | None
    site: str | None
    latitude: float | None
    longitude: float | None
    timezone: str = Field(description="The IANA zone of its place")
    is_ready: bool = Field(description="False while its limits are still being built from the past")
    worst: Verdict | None = Field(description="Of the limits in force; null when there is none")
    limits: list[Standing] = Field(description="As the event limits of the stream carries them")
    laeq_1min: list[Level] = Field(description="A level for each minute in order of time; null is a gap")
    alerts: OpenAlerts | None = Field(description="Null for a guest")
    warnings: list[Concern] | None = Field(description="Null for a guest")


class WallAnswer(BaseModel):
    """All units the caller may see."""

    status: Literal["ok"] = "ok"
    timestamp: str
    minutes_start_at: str = Field(description="When the first of the minutes begins")
    trouble: str | None = Field(description="Why there are no minutes; null while there is a record")
    units: list[WallUnit]
