"""What the service says of itself to its operators."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, Field

from slmm.web.api.models import Ok


class ProcessView(BaseModel):
    """The process; null where the system does not tell."""

    pid: int
    started_at: str | None
    uptime_s: float | None
    cpu_s: float = Field(description="Processor time since the start; its growth between two reports is the load")
    cores: int
    rss_bytes: int | None
    threads: int | None
    open_files: int | None
    most_files: int


class LagView(BaseModel):
    """How late the hub ran what was due, over the last minutes."""

    samples: int
    span_s: float
    p50_ms: float | None
    p99_ms: float | None
    max_ms: float | None


class UnitStreams(BaseModel):
    """Who follows one unit."""

    unit_id: str
    viewers: int
    by_kind: dict[str, int]


class StreamsView(BaseModel):
    """Open event streams."""

    total: int
    by_kind: dict[str, int]
    by_unit: list[UnitStreams]
    of_all_units: int = Field(description="Streams that follow every unit, counted at each unit too")
    frames_written: int
    frames_skipped: int = Field(description="Of the streams open now: what slow viewers did not get")
    blocked: int = Field(description="Viewers that take nothing at present")


class LinkView(BaseModel):
    """The connection to one meter."""

    unit_id: str
    state: str
    connected: bool
    age_s: float | None
    last_round_trip_s: float | None
    opened: int
    commands: int
    timeouts: int
    lost: int


class QueueView(BaseModel):
    """What waits to be written or sent."""

    name: Literal["record", "trail", "device logs", "messages"]
    pending: int
    dropped: int
    error: str | None


class TierView(BaseModel):
    """One kind of what is kept."""

    key: str
    setting: str | None
    value: float | None = Field(description="Of the setting, in its own unit")
    where_set: str | None = Field(description="By which name and where; null for the default")
    keeps_days: float | None
    size_bytes: int | None
    entries: int | None
    oldest: str | None
    bytes_a_day: float | None
    is_estimate: bool


class ForecastView(BaseModel):
    """How the disk goes on."""

    free_bytes: int
    bytes_a_day: float
    days_until_full: float | None = Field(description="Null when that does not happen within ten years")
    is_estimate: bool


class JobView(BaseModel):
    """What is done again and again."""

    name: str
    every_s: float
    runs: int
    failures: int
    last_run_at: str | None
    took_s: float | None
    error: str | None
    next_run_at: str | None


class TroubleView(BaseModel):
    """Something that needs attention, and what helps."""

    severity: Literal["error", "warning"]
    sentence: str
    cure: str


class Versions(BaseModel):
    """What runs here."""

    slmm: str
    python: str
    platform: str
    schema_: str | None = Field(alias="schema")
    record_schema: int
    libraries: dict[str, str]


class ReportAnswer(Ok):
    """Everything at once."""

    at: str
    standby: bool
    data_dir: str
    timezone: str
    versions: Versions
    process: ProcessView
    hub_lag: LagView
    streams: StreamsView
    connections: list[LinkView]
    queues: list[QueueView]
    record: dict[str, Any]
    tiers: list[TierView]
    forecast: ForecastView
    jobs: list[JobView]
    problems: list[TroubleView]


class RetentionAnswer(Ok):
    """How long what is kept, and what was last removed."""

    tiers: list[TierView]
    forecast: ForecastView
    pruned_at: str | None
    removed: dict[str, int] | None
    every_s: float


class PrunedAnswer(Ok):
    """What was removed just now."""

    removed: dict[str, int]
