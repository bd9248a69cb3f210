"""What goes in and comes out of limits: documents, judgements, the limit line, where limits stand."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from slmm.web.api.fields import Level, Text, UnitId
from slmm.web.api.models import Ok
from slmm.web.api.record_models import Id, Instant

Document = dict[str, Any]
Verdict = Literal["ok", "amber", "red", "not_judged", "no_data", "not_proven"]
MEMBERS = "Any other member is one of the limit document and takes the place of what stood there"


class LimitInput(BaseModel):
    """A limit document, whole or as members to change; slmm.limits.document says what may stand in it."""

    model_config = ConfigDict(extra="allow", json_schema_extra={"additionalProperties": True, "description": MEMBERS})

    document: Document | None = Field(None, description="The whole document; else members of it beside this one")
    enabled: bool | None = Field(None, strict=True)


class NewLimit(LimitInput):
    """A limit to make: from a template, changed by other members, or from a document."""

    template: Annotated[Text, Field(max_length=64)] | None = Field(None, description="One of _limits/templates")


class LimitChange(LimitInput):
    """Members to change; what is left out stays."""

    version: Annotated[int, Field(ge=1, le=2**31 - 1, strict=True)] | None = Field(
        None, description="Refused with 409 when it is at another version by now"
    )


class TemplatePath(BaseModel):
    """A template."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9-]{1,64}$")]


class LimitPath(BaseModel):
    """A limit of a unit."""

    unit_id: UnitId
    limit_id: Id


class SpanQuery(BaseModel):
    """From when until when."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    starts_at: Instant = Field(alias="from", description="Of judgements: periods that end after this")
    ends_at: Instant | None = Field(None, alias="until", description="Now if left out")


class Template(BaseModel):
    """A limit that comes with the program; its values are to be confirmed by the user's authority."""

    name: str
    title: str
    scheme: str | None
    authority: str | None
    quantity: str
    note: str


class TemplatesAnswer(BaseModel):
    """All templates."""

    status: Literal["ok"] = "ok"
    templates: list[Template]


class TemplateAnswer(BaseModel):
    """One template."""

    status: Literal["ok"] = "ok"
    name: str
    document: Document


class Limit(BaseModel):
    """A limit of a unit."""

    model_config = ConfigDict(extra="forbid")

    id: int
    unit_id: str
    name: str
    template: str | None
    version: int
    enabled: bool
    made_by: str
    made_at: str
    changed_at: str | None
    timezone: str = Field(description="Of its hours")
    labels: list[str] = Field(description="What is limited, such as LAeq,15min; one for each kind of period")
    document: Document


class LimitAnswer(Ok):
    """One limit."""

    limit: Limit


class LimitsAnswer(BaseModel):
    """The limits of a unit."""

    status: Literal["ok"] = "ok"
    unit_id: str
    count: int
    limits: list[Limit]


class Judgement(BaseModel):
    """One period and what the limit says of it."""

    model_config = ConfigDict(extra="forbid")

    starts_at: str
    ends_at: str = Field(description="A period is labelled by its end")
    label: str
    level_db: Level = Field(description="Rounded once, as it was compared")
    limit_db: float
    amber_db: Level
    margin_db: Level = Field(description="Up to the limit; below 0 beyond it")
    verdict: Verdict
    coverage: float
    bound: Literal["=", ">", "<"]
    used_ratio: float | None
    uncertainty_db: Level = Field(description="Expanded (k = 2), of what was estimated from readings of the display")
    flags: list[str]
    row: str | None
    calls_for_action: bool
    noisiest_starts_at: str | None
    noisiest_ends_at: str | None
    why: str


class JudgedPeriod(Judgement):
    """A period with what was excluded left out, and as it was measured."""

    as_measured: Judgement | None = Field(description="With what people excluded; null where nothing is excluded")


class JudgementsAnswer(BaseModel):
    """Periods that have ended, by time; those of the running period stand in limits/standing."""

    status: Literal["ok"] = "ok"
    unit_id: str
    limit_id: int
    version: int = Field(description="Of the limit they were judged by")
    timezone: str
    count: int
    verdicts: dict[str, int]
    judgements: list[JudgedPeriod]


class Step(BaseModel):
    """A piece of the limit line; where there is none, no limit is in force."""

    starts_at: str
    ends_at: str
    level_db: float
    amber_db: Level


class LineAnswer(BaseModel):
    """The limit over a span, for charts."""

    status: Literal["ok"] = "ok"
    unit_id: str
    limit_id: int
    name: str
    label: str
    timezone: str
    steps: list[Step]


class Allowance(BaseModel):
    """What a limit over a period still allows, as a level at the meter."""

    limit_db: float
    used_ratio: float = Field(description="Energy measured, as a part of what the limit allows for the whole period")
    used_at_most: float | None = Field(description="The same with what was missed at the mean of the last 15 minutes")
    rest_s: float
    rest_level_db: Level = Field(description="What may be kept up for the rest; null when nothing can be promised")
    is_lost: bool = Field(description="Exceeded whatever happens now")
    exhausted_in_s: float | None = Field(description="Until nothing is left, at the mean of the last 15 minutes")
    floor_db: Level
    ceiling_db: Level = Field(description="Of the whole period, if the rest is like the last 15 minutes")


class Change(BaseModel):
    """The limit becomes another."""

    at: str
    level_db: Level = Field(description="Null: no limit is in force from then on")
    amber_db: Level


class Standing(BaseModel):
    """Where a limit stands now."""

    model_config = ConfigDict(extra="forbid")

    limit_id: int
    name: str
    version: int
    kind: Literal["fixed", "whole", "rolling", "noisiest"] | None
    at: str = Field(description="The moment it stands for")
    resolution: Literal["live", "minute"] = Field(description="Whether the present minute is in it")
    verdict: Verdict | None = Field(
        description="Of the running period: red only when nothing can take it back; null when no limit is in force"
    )
    why: str
    period_ends_at: str | None
    now: Judgement | None = Field(description="The period so far, or the rolling window")
    allowance: Allowance | None
    next_change: Change | None
    previous: Judgement | None = Field(description="The period that ended last")


class StandingsAnswer(BaseModel):
    """All limits of a unit that are switched on."""

    status: Literal["ok"] = "ok"
    unit_id: str
    timestamp: str
    is_ready: bool = Field(description="False while the past is still being read, after a start or a change")
    limits: list[Standing]
