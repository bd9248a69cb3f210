"""What goes in and comes out of the operations on a meter; member names are those of 0.4.0."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from slmm.web.api.fields import Input, Level
from slmm.web.api.models import Ok, UnitPath

ChannelName = Literal["Main", "Sub1", "Sub2", "Sub3"]
MeasurementPreset = Literal["10s", "1m", "5m", "10m", "15m", "30m", "1h", "8h", "24h", "Manual"]
LeqPreset = Literal["Off", "10s", "1m", "5m", "10m", "15m", "30m", "1h", "8h", "24h", "Manual"]
LpPreset = Literal["Off", "10ms", "25ms", "100ms", "200ms", "1s"]


def _clock(value: str) -> str:
    text = value.replace(",", " ", 1)
    for form in ("%Y/%m/%d %H:%M:%S", "%Y/%m/%dT%H:%M:%S"):
        try:
            moment = datetime.strptime(text, form)  # noqa: DTZ007 - the meter's clock has no zone
        except ValueError:
            continue
        if not 2023 <= moment.year <= 2079:
            raise ValueError("a year from 2023 to 2079: the meter's clock knows no other")
        return f"{moment:%Y/%m/%d %H:%M:%S}"
    raise ValueError("a time such as 2026/11/21 14:05:00, in the zone of the meter")


class ClockInput(Input):
    """A time for the meter's clock, or none for the present moment in the meter's zone."""

    datetime: Annotated[str, AfterValidator(_clock)] | None = Field(
        None, description="YYYY/MM/DD hh:mm:ss in the zone of the meter; a comma between date and time is taken too"
    )


class FrequencyWeightingInput(Input):
    """A frequency weighting for one channel."""

    weighting: Literal["A", "C", "Z"]
    channel: ChannelName = "Main"


class TimeWeightingInput(Input):
    """A time weighting for one channel."""

    weighting: Literal["F", "S", "I"]
    channel: ChannelName = "Main"


class MeasurementTimeInput(Input):
    """How long a measurement lasts."""

    preset: MeasurementPreset


class LeqIntervalInput(Input):
    """Over how long the stored Leq are taken."""

    preset: LeqPreset


class LpIntervalInput(Input):
    """How often Lp is stored."""

    preset: LpPreset


class IndexInput(Input):
    """A store name: the number of the folder on the SD card."""

    index: int = Field(ge=0, le=9999)


class ChannelQuery(BaseModel):
    """Which channel."""

    model_config = ConfigDict(extra="forbid")

    channel: ChannelName = "Main"


class WaitQuery(BaseModel):
    """Whether the answer waits for the end of a long operation."""

    model_config = ConfigDict(extra="forbid")

    wait: bool = Field(True, description="false: answer 202 with the operation at once, and follow it")


class FetchQuery(WaitQuery):
    """Whether a fetch may wait for its turn."""

    queue: bool = Field(
        False, description="With wait=false: while something runs on the unit, wait for its end instead of 503"
    )


class SettingsQuery(WaitQuery):
    """How much is read."""

    complete: bool = Field(False, description="Everything the meter can tell: takes some minutes")


class ResultData(BaseModel):
    """The result of the running or last measurement, main channel in dB; raw_data is the line as it came."""

    device_key: str
    raw_data: str
    leq: Level
    le: Level
    lmax: Level
    lmin: Level
    lpeak: Level
    ln1: Level
    ln2: Level
    ln3: Level
    ln4: Level
    ln5: Level
    lieq: Level
    leq_mov: Level
    ltm5: Level
    over: bool | None
    under: bool | None
    labels: dict[str, Any]


class ResultsAnswer(Ok):
    """DLC."""

    data: ResultData


class PauseAnswer(Ok):
    """Whether the measurement is held."""

    is_paused: bool


class SleepAnswer(Ok):
    """On or Off."""

    sleep_status: str


class BatteryAnswer(Ok):
    """A word of the meter's, such as Full."""

    battery_level: str


class ClockAnswer(Ok):
    """The meter's clock."""

    clock: str = Field(description="YYYY/MM/DD hh:mm:ss as the meter shows it")
    timezone: str = Field(description="The zone it is taken to be in")
    offset_s: float = Field(description="Seconds by which it is ahead of the service, within half a second")


class FrequencyWeightingAnswer(Ok):
    """A, C or Z."""

    frequency_weighting: str
    channel: ChannelName


class TimeWeightingAnswer(Ok):
    """F, S or I."""

    time_weighting: str
    channel: ChannelName


class MeasurementTimeAnswer(Ok):
    """The preset."""

    measurement_time: str


class LeqIntervalAnswer(Ok):
    """The preset."""

    leq_interval: str


class LpIntervalAnswer(Ok):
    """The preset."""

    lp_interval: str


class IndexAnswer(Ok):
    """The store name, as 0.4.0 called it."""

    index_number: str


class OverwriteAnswer(Ok):
    """Whether the next store would overwrite something."""

    overwrite_status: str
    will_overwrite: bool
    safe_to_store: bool


class SettingsAnswer(Ok):
    """Values as the meter gives them; an item that could not be read says so: ``Error: …``."""

    unit_id: str
    settings: dict[str, str]
    changed: dict[str, list[str | None]] = Field(
        description="Settings that differ from those of the fingerprint: then and now"
    )
    fingerprint_taken_at: str | None


class FingerprintAnswer(Ok):
    """The settings that count as the right ones from now on."""

    unit_id: str
    taken_at: str
    sha256: str


class OperationPath(UnitPath):
    """One operation of a unit."""

    operation_id: Annotated[str, Field(pattern="^[0-9a-f]{1,32}$")]


class OperationStep(BaseModel):
    """One step and what became of it."""

    name: str
    state: Literal["running", "done", "failed", "skipped"]
    detail: str | None


class OperationView(BaseModel):
    """A long operation: what it does, how far it is, and how it ended."""

    operation_id: str
    unit_id: str
    kind: str
    subject: str | None = Field(description="What it is about, such as a path on the card")
    state: Literal["queued", "running", "done", "failed", "cancelled"]
    position: int | None = Field(description="Its place among those that wait, from 1; null unless it waits")
    steps: list[OperationStep]
    done: int
    total: int | None
    unit: Literal["steps", "bytes", "files"]
    started_at: str
    ended_at: str | None
    error: str | None
    result: dict[str, Any] | None
    can_be_stopped: bool = Field(description="Whether DELETE ends it, or takes it out of the queue")
    has_file: bool = Field(description="Whether GET …/file gives what it has brought")


class OperationAnswer(Ok):
    """One operation."""

    operation: OperationView


class OperationsAnswer(Ok):
    """The operations of a unit that are remembered, newest first."""

    operations: list[OperationView]


class LogsQuery(BaseModel):
    """Which entries."""

    model_config = ConfigDict(extra="forbid")

    limit: int = Field(100, ge=1, description="Clamped to 1,000")
    offset: int = Field(0, ge=0, le=2**31 - 1)
    level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] | None = None
    category: Literal["TCP", "FTP", "POLL", "COMMAND", "STATE", "SYNC", "ALERT"] | None = None


class LogEntryView(BaseModel):
    """One line."""

    id: int
    timestamp: str
    level: str
    category: str
    message: str


class LogStats(BaseModel):
    """How many entries there are."""

    total: int
    by_level: dict[str, int]
    by_category: dict[str, int]
    oldest: str | None
    newest: str | None


class LogsAnswer(Ok):
    """Entries, newest first."""

    unit_id: str
    logs: list[LogEntryView]
    count: int
    stats: LogStats
    filters: dict[str, str | None]
    pagination: dict[str, int]


class ClearedAnswer(Ok):
    """How many entries were removed."""

    deleted_count: int


class DiagnosticTest(BaseModel):
    """One step of the diagnostics, as in 0.4.0."""

    status: Literal["pass", "fail", "warning", "skip"]
    message: str


class VerdictView(BaseModel):
    """One thing that is so: a sentence, what to do about it, and a cure that can be asked for."""

    code: str
    severity: Literal["ok", "info", "warning", "error"]
    sentence: str
    advice: str
    cure: str | None


class DiagnosticsAnswer(Ok):
    """Steps as in 0.4.0, and verdicts in words; the first verdict tells about the way to the meter."""

    unit_id: str
    timestamp: str
    overall_status: Literal["pass", "degraded", "fail"]
    tests: dict[str, DiagnosticTest]
    verdicts: list[VerdictView]
    database_dump: dict[str, Any]


class CureInput(Input):
    """What is to be done; only what the last diagnostics offered makes sense."""

    cure: Literal["reconnect", "end_sleep", "set_clock", "ftp_off", "accept_settings"]


class CureAnswer(Ok):
    """What was done."""

    unit_id: str
    cure: str
