"""What goes in and comes out where alerts are concerned; rules and events have the member names of 0.4.0."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    WithJsonSchema,
    model_validator,
)

from slmm.alerts.rules import LIMIT, METRICS
from slmm.web.api.channel_models import Delivery
from slmm.web.api.fields import Clock, Input, Level, Prose, Text, UnitId, Zone
from slmm.web.api.models import Ok

LEAST_DB, MOST_DB = -50.0, 200.0
MOST_DELAY_S = 86_400


def _listed(value: object) -> object:
    """A list, or text with commas as 0.4.0 took it; kept as text."""
    if isinstance(value, (list, tuple)) and all(isinstance(part, (str, int)) for part in value):
        value = ",".join(str(part) for part in value)
    if not isinstance(value, str):
        raise ValueError("a list, or text with commas")  # noqa: TRY004 - pydantic wants a ValueError
    return ",".join(part.strip() for part in value.split(",") if part.strip())


def _days(value: str) -> str:
    days = value.split(",") if value else []
    if not all(len(day) == 1 and day in "0123456" for day in days) or len(set(days)) != len(days):
        raise ValueError("days 0–6 from Monday, each once, such as 0,1,2,3,4")
    return value


def _pauses(value: str) -> str:
    for part in value.split(",") if value else []:
        if not part.isascii() or not part.isdigit() or not 60 <= int(part) <= 604_800:
            raise ValueError("pauses of 60 to 604800 s with commas, such as 900,3600")
    return value


_LIST = WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]})
Listed = Annotated[str, BeforeValidator(_listed), AfterValidator(lambda text: _printable(text)), _LIST]
Metric = Annotated[str, Field(json_schema_extra={"enum": [*METRICS, LIMIT]})]
Decibels = Annotated[float, Field(ge=LEAST_DB, le=MOST_DB, allow_inf_nan=False, description="dB")]
Margin = Annotated[float, Field(ge=0, le=100, allow_inf_nan=False, description="dB")]
Delay = Annotated[int, Field(ge=0, le=MOST_DELAY_S, description="Seconds")]
CalendarName = Annotated[str, Field(pattern=r"^[A-Z]{2}(-[A-Z0-9]{1,3})?$", description="ISO 3166, such as DE-BY")]
Comparison = Literal["above", "below", ">", ">=", "<", "<=", "==", "!="]


def _printable(value: str) -> str:
    if not value.isprintable():
        raise ValueError("printable characters only: no line ends or other control characters")
    return value


def _metric(value: str) -> str:
    if value not in METRICS and value != LIMIT:
        raise ValueError(f"one of {', '.join(METRICS)}, or {LIMIT} with a limit_id")
    return value


class RuleChange(Input):
    """Members to change; what is left out stays."""

    name: Annotated[Text, Field(min_length=1, max_length=128)] = "Alert"
    metric: Annotated[Metric, AfterValidator(_metric)] = "lp"
    comparison: Comparison = "above"
    threshold_db: Decibels = 0.0
    red_threshold_db: Decibels | None = Field(None, description="Beyond this the alarm turns red, as one incident")
    severity: Literal["amber", "red"] = "amber"
    duration_s: Delay = 0
    clear_duration_s: Delay | None = Field(None, description="How long it must be back; as duration_s if null")
    clear_margin_db: Margin = 2.0
    cooldown_s: Delay = Field(300, description="Least seconds between two onsets")
    window_s: Annotated[int, Field(ge=10, le=MOST_DELAY_S, description="Length of laeq_rolling in seconds")] = 900
    source: Literal["auto", "stream", "exposure"] = Field("auto", description="Where laeq_rolling comes from")
    schedule_start: Clock | None = None
    schedule_end: Clock | None = None
    schedule_days: Annotated[Listed, AfterValidator(_days)] | None = Field(
        None, description="0–6 from Monday; the day a window starts on"
    )
    on_holidays: Literal["ignore", "skip", "as_sunday"] = "ignore"
    holiday_calendar: CalendarName | None = None
    timezone: Zone | None = Field(None, description="Zone of the schedule; else that of the unit")
    at_window_end: Literal["close", "hold"] = "close"
    on_no_data: Literal["freeze", "clear", "alarm"] = "freeze"
    latch: bool = Field(False, description="Stays open until somebody acknowledges it")
    require_measuring: bool = False
    channels: Annotated[Listed, Field(max_length=255)] = "log"
    recipients: Annotated[Listed, Field(max_length=4000)] | None = None
    remind_after_s: Annotated[Listed, Field(max_length=64), AfterValidator(_pauses)] | None = Field(
        None, description="Pauses between reminders while nobody acknowledges; the last repeats"
    )
    escalate_after_s: Annotated[int, Field(ge=60, le=604_800, description="Seconds")] | None = None
    escalation_channels: Annotated[Listed, Field(max_length=255)] | None = None
    escalation_recipients: Annotated[Listed, Field(max_length=4000)] | None = None
    limit_id: Annotated[int, Field(ge=0, le=2**31 - 1)] | None = Field(
        None, description="Watch this limit of the unit: quantity, periods, hours and thresholds are then the limit's"
    )
    limit_warns: bool = Field(
        False, description="With limit_id: tell as soon as a running period cannot come out well any more"
    )
    enabled: bool = True


def _threshold_is_optional(schema: dict[str, Any]) -> None:
    schema["required"] = [name for name in schema.get("required", []) if name != "threshold_db"]


class NewRule(RuleChange):
    """A rule to make; what is left out gets its default, which is that of 0.4.0 where it had one."""

    model_config = ConfigDict(json_schema_extra=_threshold_is_optional)

    threshold_db: Decibels = Field(description="dB; may be left out with limit_id only")

    @model_validator(mode="before")
    @classmethod
    def _limit_has_thresholds(cls, values: Any) -> Any:
        if isinstance(values, dict) and values.get("limit_id") is not None:
            return {"threshold_db": 0.0, **values}
        return values


class RulePath(BaseModel):
    """A rule of a unit."""

    unit_id: UnitId
    rule_id: int = Field(ge=0, le=2**31 - 1)


class EventPath(BaseModel):
    """An event of a unit."""

    unit_id: UnitId
    event_id: int = Field(ge=0, le=2**31 - 1)


class AnyEventPath(BaseModel):
    """An event."""

    event_id: int = Field(ge=0, le=2**31 - 1)


class ShelfPath(BaseModel):
    """Something snoozed."""

    shelf_id: int = Field(ge=0, le=2**31 - 1)


class IncidentPath(BaseModel):
    """An incident by its uid."""

    incident_uid: Annotated[str, Field(pattern=r"^[A-Za-z0-9-]{1,64}$")]


class UnitEventsQuery(BaseModel):
    """Which events of a unit."""

    model_config = ConfigDict(extra="forbid")

    limit: int = Field(50, ge=1, le=1000)
    state: Literal["open", "unacknowledged", "ended"] | None = None


class EventsQuery(UnitEventsQuery):
    """Which events of all units."""

    severity: Literal["amber", "red"] | None = None
    unit: Annotated[Text, Field(max_length=64)] | None = Field(None, description="Of this unit only")
    before_id: int | None = Field(None, ge=0, le=2**31 - 1, description="Older than this event")
    since: AwareDatetime | None = None


class AckQuery(BaseModel):
    """Who acknowledges, as 0.4.0 took it."""

    model_config = ConfigDict(extra="forbid")

    by: Annotated[Text, Field(min_length=1, max_length=100)] | None = None


class Remark(Input):
    """What somebody has to say about an event."""

    note: Annotated[Prose, Field(min_length=1, max_length=2000)] | None = None
    cause: Annotated[Text, Field(min_length=1, max_length=32)] | None = Field(
        None, description="What it was, such as piling, traffic, thunder or calibration"
    )


class CloseReason(Input):
    """Why an event is closed by hand."""

    reason: Annotated[Prose, Field(min_length=3, max_length=2000)]


class NewShelf(Input):
    """What to snooze, and for how long."""

    minutes: Annotated[int, Field(ge=1, le=10_080, description="At most 7 days")]
    reason: Annotated[Prose, Field(min_length=3, max_length=500)]
    rule_id: Annotated[int, Field(ge=1, le=2**31 - 1)] | None = Field(None, description="Null for the whole unit")
    one_shot: bool = Field(False, description="Ends with the next return to normal")


class RuleState(BaseModel):
    """Where a rule stands: the axes apart, and the one word that is shown."""

    model_config = ConfigDict(extra="allow")

    shown: str
    condition: str
    error: str | None


class Rule(BaseModel):
    """A rule; lists are text with commas, as in 0.4.0."""

    model_config = ConfigDict(extra="forbid")

    id: int
    unit_id: str
    name: str
    metric: str
    comparison: str
    threshold_db: float
    red_threshold_db: Level
    severity: str
    duration_s: int
    clear_duration_s: int | None
    clear_margin_db: float
    cooldown_s: int
    window_s: int
    source: str
    schedule_start: str | None
    schedule_end: str | None
    schedule_days: str | None
    on_holidays: str
    holiday_calendar: str | None
    timezone: str | None
    at_window_end: str
    on_no_data: str
    latch: bool
    require_measuring: bool
    channels: str
    recipients: str | None
    remind_after_s: str | None
    escalate_after_s: int | None
    escalation_channels: str | None
    escalation_recipients: str | None
    limit_id: int | None
    limit_warns: bool
    enabled: bool
    version: int
    created_at: str
    words: str | None = Field(description="The rule as a sentence")
    level_name: str | None = Field(description="What the level it watches is called, such as LAF or LAeq,15min")
    interval_s: float | None = Field(description="How often it has the meter read when nobody watches")
    advice: list[str] = Field(description="What one should know about such a rule")
    state: RuleState


class RuleAnswer(Ok):
    """One rule; data says the same."""

    rule: Rule
    data: Rule


class RulesAnswer(BaseModel):
    """The rules of a unit."""

    status: Literal["ok"] = "ok"
    unit_id: str
    count: int
    rules: list[Rule]


class Event(BaseModel):
    """An alert event; what stands after ``status`` in 0.4.0 is there too."""

    model_config = ConfigDict(extra="forbid")

    id: int
    uid: str | None
    incident_id: int | None
    rule_id: int = Field(description="0 for a lost meter")
    unit_id: str
    rule_name: str | None
    metric: str
    level_name: str | None
    comparison: str | None
    threshold_db: float = Field(description="Beyond this it began; as the rule was at the onset")
    red_threshold_db: Level = Field(description="Beyond this it turns red; null for a rule of one threshold")
    severity: str
    status: Literal["active", "cleared"]
    breach_at: str | None
    onset_at: str
    onset_value: Level
    peak_value: Level
    peak_at: str | None
    recovered_at: str | None
    clear_at: str | None
    end_reason: str | None
    is_latched: bool
    suppressed: bool
    occurrences: int
    flags: list[str]
    detail: str | None
    cause: str | None
    acknowledged_at: str | None
    acknowledged_by: str | None
    notes: str | None


class EventAnswer(Ok):
    """One event; data says the same."""

    event: Event
    data: Event


class EventsAnswer(BaseModel):
    """Events, newest first."""

    status: Literal["ok"] = "ok"
    count: int
    events: list[Event]


class UnitEventsAnswer(EventsAnswer):
    """Events of one unit, newest first."""

    unit_id: str


class Transition(BaseModel):
    """One thing that happened to an event."""

    kind: str
    at: str
    value: Level
    actor: str | None
    reason: str | None


class EventStory(EventAnswer):
    """An event with all that happened to it and who was told."""

    transitions: list[Transition]
    messages: list[Delivery]


class Shelf(BaseModel):
    """Something snoozed."""

    id: int
    unit_id: str
    rule_id: int | None
    until: str
    one_shot: bool
    created_by: str
    created_at: str
    reason: str


class ShelfAnswer(Ok):
    """One of them."""

    shelf: Shelf


class ShelvesAnswer(BaseModel):
    """What is snoozed now."""

    status: Literal["ok"] = "ok"
    shelves: list[Shelf]


class SummaryAnswer(BaseModel):
    """How much is open."""

    status: Literal["ok"] = "ok"
    open: int
    unacknowledged: int
    red: int = Field(description="Of those nobody has acknowledged")
    messages: dict[str, int] = Field(description="Messages by what became of them")
    heartbeat: dict[str, Any] | None = Field(description="Whether the outside hears that the service lives")
