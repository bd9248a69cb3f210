"""What goes in and comes out of the REST interface; member names are those of 0.4.0."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator

from slmm.web.api.fields import (
    Fact,
    Host,
    Input,
    Latitude,
    Level,
    Longitude,
    PollInterval,
    Port,
    PushedLevel,
    Text,
    UnitId,
    Zone,
)


class UnitPath(BaseModel):
    """The unit in the path."""

    unit_id: UnitId = Field(description="1–64 letters, digits, '.', '_' or '-', not beginning with '_' or '.'")


FACTS = ("name", "site", "latitude", "longitude", "timezone")
"""What a unit need not have: null takes it away."""


class ConfigInput(Input):
    """A change of a unit's configuration: members left out stay as they are.

    So do those that are null, except name, site, latitude, longitude and timezone, which null takes away.
    """

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
    timezone: Zone | None = Field(None, description="The IANA zone the meter's clock shows; else that of the service")
    name: Fact | None = Field(None, description="What people call it")
    site: Fact | None = Field(None, description="Where it stands, in words")
    latitude: Latitude | None = Field(None, description="Degrees north (WGS 84), together with longitude")
    longitude: Longitude | None = Field(None, description="Degrees east", validate_default=True)

    @field_validator("longitude")
    @classmethod
    def _is_whole_position(cls, longitude: float | None, info: ValidationInfo) -> float | None:
        if "latitude" in info.data and (info.data["latitude"] is None) != (longitude is None):
            raise ValueError("given together with latitude, or neither of them")
        return longitude

    def changes(self) -> dict[str, Any]:
        """What this changes, by the name of the member."""
        given = self.model_dump(include=self.model_fields_set)
        if given.keys() & {"latitude", "longitude"}:  # one that is taken away takes the other with it
            given |= {"latitude": self.latitude, "longitude": self.longitude}
        return {name: value for name, value in given.items() if value is not None or name in FACTS}


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
    lp: PushedLevel | None = None
    leq: PushedLevel | None = None
    lmax: PushedLevel | None = None
    lmin: PushedLevel | None = None
    lpeak: PushedLevel | None = None
    ln1: PushedLevel | None = None
    ln2: PushedLevel | None = None
    battery_level: Annotated[Text, Field(max_length=16)] | None = None
    power_source: Annotated[Text, Field(max_length=16)] | None = None
    sd_remaining_mb: Annotated[Text, Field(max_length=32)] | None = None
    sd_free_ratio: Annotated[Text, Field(max_length=32)] | None = None
    raw_payload: Annotated[Text, Field(max_length=4096)] | None = None


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
    sd_days_left: float | None = Field(description="Until the SD card is full at the present rate")
    clock_offset_s: float | None = Field(description="Seconds by which the meter's clock is ahead of the service")
    sleep_mode: str | None
    held_by: str | None = Field(description="What keeps the meter from answering, such as a download")
    verdict: str | None = Field(description="Why the meter is lost, such as wedged; null while it answers")
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
    timezone: str | None
    name: str | None
    site: str | None
    latitude: float | None
    longitude: float | None


class RosterEntry(Config):
    """A unit with its state; null before anything was heard of it."""

    status: Status | None


class SharedEntry(BaseModel):
    """A unit as somebody with a share link sees it."""

    model_config = ConfigDict(extra="forbid")

    unit_id: str
    name: str | None
    is_active: bool
    status: Status | None


class RosterAnswer(BaseModel):
    """All units."""

    status: Literal["ok"] = "ok"
    devices: list[RosterEntry | SharedEntry]
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


class Monitor(BaseModel):
    """The shared feed of one unit."""

    running: bool
    subscribers: int
    keepalive: bool
    reachable: bool | None
    mode: Literal["off", "watched", "idle", "background", "backoff"]
    interval_s: float | None = Field(description="Seconds between polls at present")
    stream_subscribers: int
    held_by: str | None = Field(description="What keeps the meter from answering, such as a download")


class MonitorsAnswer(BaseModel):
    """Every unit's shared feed; data says the same."""

    status: Literal["ok"] = "ok"
    monitors: dict[str, Monitor]
    data: dict[str, Monitor]


class KeepAliveAnswer(Ok):
    """Whether a feed is kept alive though nobody watches."""

    unit_id: str
    monitor_enabled: bool
    running: bool


class PooledConnection(BaseModel):
    """One open connection."""

    host: str
    port: int
    age_seconds: float
    idle_seconds: float
    alive: bool


class Pool(BaseModel):
    """The open connections by host:port, and how connections are kept."""

    enabled: bool
    active_connections: int
    idle_ttl: float
    max_age: float
    keepalive_idle: int
    keepalive_interval: int
    keepalive_count: int
    connections: dict[str, PooledConnection]


class ConnectionsAnswer(DataAnswer):
    """The connections: pool as in 0.4.0, data with every unit's counters."""

    pool: Pool


class DisconnectAnswer(Ok):
    """Whether there was a connection to close."""

    unit_id: str
    device_key: str
    disconnected: bool


class ActivityAnswer(ConfigAnswer):
    """Whether a unit is looked after; poll_enabled tells whether it is polled now."""

    unit_id: str
    poll_enabled: bool


class SystemAnswer(DataAnswer):
    """What the service is doing."""

    mode: Literal["active", "standby"]
    polling_active: bool
    active_connections: int


class AliveAnswer(BaseModel):
    """The process answers."""

    status: Literal["ok"] = "ok"


class DeviceHealth(BaseModel):
    """Whether one meter could be reached of late."""

    unit_id: str
    host: str
    port: int
    reachable: bool
    error: str | None


class DevicesHealthAnswer(BaseModel):
    """Whether the meters can be reached, as far as known; no meter is asked."""

    status: Literal["ok", "degraded"]
    devices: list[DeviceHealth]
    total_devices: int
    reachable_devices: int


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
