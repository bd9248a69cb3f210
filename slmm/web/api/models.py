"""What goes in and comes out of the REST interface; member names are those of 0.4.0."""

from __future__ import annotations

import ipaddress
import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from slmm.web.context import UNIT_ID

_HOSTNAME = re.compile(r"(?=.{1,253}$)[A-Za-z0-9]([A-Za-z0-9-]{0,62})(\.[A-Za-z0-9]([A-Za-z0-9-]{0,62}))*\.?")


def _unit_id(value: str) -> str:
    if not UNIT_ID.fullmatch(value):
        raise ValueError("1–64 letters, digits, '.', '_' or '-', not beginning with '_' or '.'")
    return value


def _host(value: str) -> str:
    try:
        return str(ipaddress.ip_address(value))
    except ValueError:
        if not _HOSTNAME.fullmatch(value) or re.fullmatch(r"[\d.]+", value):
            raise ValueError("an IP address or a host name, without scheme, port or spaces") from None
    return value


def _printable(value: str) -> str:
    if not value.isprintable():
        raise ValueError("printable characters only: no line ends or other control characters")
    return value


UnitId = Annotated[str, AfterValidator(_unit_id)]
Host = Annotated[str, AfterValidator(_host)]
Text = Annotated[str, AfterValidator(_printable)]
Port = Annotated[int, Field(ge=1, le=65_535)]
PollInterval = Annotated[int, Field(ge=30, le=21_600, description="Seconds")]
Level = Annotated[float | None, Field(description="dB")]


class Input(BaseModel):
    """Bodies are strict: no unknown member, no text for a number."""

    model_config = ConfigDict(extra="forbid", strict=True)


class UnitPath(BaseModel):
    """The unit in the path."""

    unit_id: UnitId = Field(description="1–64 letters, digits, '.', '_' or '-', not beginning with '_' or '.'")


class ConfigInput(Input):
    """A change of a unit's configuration: members left out or null stay as they are."""

    host: Host | None = None
    tcp_port: Port | None = None
    ftp_port: Port | None = None
    tcp_enabled: bool | None = None
    ftp_enabled: bool | None = None
    ftp_username: Annotated[Text, Field(max_length=128)] | None = None
    ftp_password: Annotated[Text, Field(max_length=128)] | None = None
    web_enabled: bool | None = None
    poll_enabled: bool | None = None
    poll_interval_seconds: PollInterval | None = None
    monitor_enabled: bool | None = None


class NewDevice(ConfigInput):
    """A unit to take on; what is left out gets its default."""

    unit_id: UnitId
    host: Host


class PollingInput(Input):
    """A change of the background poller for one unit."""

    poll_enabled: bool | None = None
    poll_interval_seconds: PollInterval | None = None


class StatusInput(Input):
    """A snapshot pushed from outside; levels as numbers, or as text the way 0.4.0 took them."""

    measurement_state: Annotated[Text, Field(max_length=16)] | None = None
    lp: float | Text | None = None
    leq: float | Text | None = None
    lmax: float | Text | None = None
    lmin: float | Text | None = None
    lpeak: float | Text | None = None
    battery_level: Annotated[Text, Field(max_length=16)] | None = None
    power_source: Annotated[Text, Field(max_length=16)] | None = None
    sd_remaining_mb: Annotated[Text, Field(max_length=32)] | None = None
    sd_free_ratio: Annotated[Text, Field(max_length=32)] | None = None
    raw_payload: Annotated[Text, Field(max_length=4096)] | None = None


class HistoryQuery(BaseModel):
    """How far back."""

    model_config = ConfigDict(extra="forbid")

    hours: float = Field(2.0, allow_inf_nan=False, description="Clamped to 0.1–48")


class Ok(BaseModel):
    """It is done."""

    status: Literal["ok"] = "ok"
    message: str | None = None


class Labels(BaseModel):
    """What the figures are called; null while not read yet."""

    frequency_weighting: str | None
    time_weighting: str | None
    percentiles: list[str | None]


class Status(BaseModel):
    """The latest state of a unit, from memory."""

    unit_id: str
    last_seen: str | None
    measurement_state: str | None
    measurement_start_time: str | None
    counter: int | None
    lp: Level
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
    over: bool | None
    under: bool | None
    raw_payload: str | None
    flags: list[str]
    labels: Labels
    battery_level: str | None
    power_source: str | None
    sd_remaining_mb: str | None
    sd_free_ratio: str | None
    is_reachable: bool | None
    consecutive_failures: int
    last_poll_attempt: str | None
    last_success: str | None
    last_error: str | None


class Config(BaseModel):
    """The configuration of a unit, without its secrets."""

    unit_id: str
    host: str
    tcp_port: int
    ftp_port: int
    tcp_enabled: bool
    ftp_enabled: bool
    ftp_username: str | None
    ftp_password_set: bool
    web_enabled: bool
    poll_enabled: bool
    poll_interval_seconds: int
    monitor_enabled: bool
    is_active: bool


class RosterEntry(Config):
    """A unit with its state; null before anything was heard of it."""

    status: Status | None


class RosterAnswer(BaseModel):
    """All units."""

    status: Literal["ok"] = "ok"
    devices: list[RosterEntry]
    total: int


class ConfigAnswer(Ok):
    """One configuration."""

    data: Config


class StatusAnswer(Ok):
    """One state."""

    data: Status


class TrailPoint(BaseModel):
    """One sample of the trail."""

    timestamp: str
    lp: Level
    leq: Level
    lmax: Level
    ln1: Level
    ln2: Level


class HistoryAnswer(BaseModel):
    """The trail, oldest first."""

    status: Literal["ok"] = "ok"
    unit_id: str
    hours: float
    count: int
    readings: list[TrailPoint]


class DataAnswer(Ok):
    """Facts about the service."""

    data: dict[str, Any]


class MeasurementStateAnswer(BaseModel):
    """Whether a measurement runs."""

    status: Literal["ok"] = "ok"
    measurement_state: str | None
    is_measuring: bool


class DisconnectAnswer(Ok):
    """Whether there was a connection to close."""

    disconnected: bool


class HealthAnswer(BaseModel):
    """Whether the service does its work."""

    status: Literal["ok", "degraded", "starting"]
    service: str
    version: str
    is_running: bool
    is_standby: bool
    units: int
    viewers: int
    problems: list[str]
