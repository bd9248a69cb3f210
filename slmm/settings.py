"""Settings from the environment and .env, typed, every mistake reported at once.

Only this module reads the environment. Names carry the prefix ``SLMM_``; the names of 0.4.0
without prefix are accepted as aliases where 0.4.0 had them.
"""

from __future__ import annotations

import difflib
import ipaddress
import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from dotenv import dotenv_values
from pydantic import AfterValidator, AliasChoices, BeforeValidator, Field, ValidationError
from pydantic_settings import BaseSettings, NoDecode, PydanticBaseSettingsSource, SettingsConfigDict

from slmm.errors import Invalid

PREFIX = "SLMM_"

OWNED_ELSEWHERE = {"SLMM_TEST_REQUIRE", "SLMM_TEST_EXAMPLES", "SLMM_TEST_STEPS", "SLMM_URL", "SLMM_TOKEN"}
"""``SLMM_*`` names that the command line, scripts and tests read for themselves."""


def _known_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:  # OSError: the name of a folder, or a very long one
        raise ValueError(f"{name!r} is no IANA time zone, such as Europe/Berlin") from error
    return name


def _exact_origins(origins: tuple[str, ...]) -> tuple[str, ...]:
    for origin in origins:
        if not re.fullmatch(r"https?://[A-Za-z0-9.\-\[\]:]+", origin):
            raise ValueError(f"{origin!r} is no exact origin, such as https://portal.example.org")
    return origins


def _web_address(url: str) -> str:
    if url and not re.fullmatch(r"https?://[^\s/@]+(/\S*)?", url):
        raise ValueError("an address such as https://slmm.example.org")
    return url


def _port_range(text: object) -> object:
    """``50000-50019`` as a pair; raises ValueError for anything else."""
    if not isinstance(text, str):
        return text
    if not text.strip():
        return None
    match = re.fullmatch(r"\s*(\d{1,5})\s*-\s*(\d{1,5})\s*", text)
    ports = (int(match[1]), int(match[2])) if match else (0, 0)
    if not 0 < ports[0] <= ports[1] < 65_536:
        raise ValueError(f"{text!r} is no range of ports, such as 50000-50019")
    return ports


def _split(text: object) -> object:
    return tuple(part.strip() for part in text.split(",") if part.strip()) if isinstance(text, str) else text


def _also(name: str) -> AliasChoices:
    """Accept the name of 0.4.0 (without prefix) beside ours."""
    return AliasChoices(PREFIX + name, name)


def _time_of_day(text: str) -> str:
    if text and not re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d", text):
        raise ValueError(f"{text!r} is no time of day, such as 03:10; empty for never")
    return text


def _rates(text: str) -> str:
    one = r"\s*[1-9]\d{0,8} per (second|minute|hour|day)\s*"
    if text and not re.fullmatch(f"{one}(;{one})*", text):
        raise ValueError(f"{text!r} is no rate, such as 600 per minute; 6000 per hour")
    return text


Rate = Annotated[str, AfterValidator(_rates)]
"""Such as ``10 per minute; 60 per hour``; empty for no limit."""
Seconds = Annotated[float, Field(ge=0, le=86_400)]
TtlSeconds = Annotated[float, Field(ge=-1, le=31_536_000)]


class Settings(BaseSettings):
    """One object with everything that can be set; built once and handed down."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, frozen=True, extra="ignore", populate_by_name=True, hide_input_in_errors=False
    )

    host: str = "127.0.0.1"
    port: int = Field(8100, ge=0, le=65_535)
    data_dir: Path = Path("data")
    database_url: str = ""
    """Any SQLAlchemy URL; empty means SQLite in the data directory."""
    polling_enabled: bool = True
    """False starts in standby: no device connection is held."""

    monitor_poll_interval: Seconds = Field(0.25, validation_alias=_also("MONITOR_POLL_INTERVAL"))
    """Extra idle between polls while somebody watches, in s; the device's 1 s spacing is the floor."""
    monitor_idle_poll_interval: Seconds = Field(10.0, validation_alias=_also("MONITOR_IDLE_POLL_INTERVAL"))
    """Cadence when a feed is only kept alive, in s."""
    monitor_state_refresh_s: Seconds = Field(30.0, validation_alias=_also("MONITOR_STATE_REFRESH_S"))
    """How long the run state is taken for granted while the display does not show that it measures, in s."""
    monitor_health_refresh_s: Seconds = 900.0
    """How often clock, battery and SD card are looked at, in s."""
    monitor_backoff_base_s: float = Field(1.0, gt=0, le=3600, validation_alias=_also("MONITOR_BACKOFF_BASE_S"))
    monitor_backoff_max_s: float = Field(60.0, gt=0, le=86_400, validation_alias=_also("MONITOR_BACKOFF_MAX_S"))
    monitor_backoff_watched_max_s: float = Field(
        5.0, gt=0, le=3600, validation_alias=_also("MONITOR_BACKOFF_WATCHED_MAX_S")
    )
    monitor_trail_sample_s: float = Field(60.0, ge=1, le=3600, validation_alias=_also("MONITOR_TRAIL_SAMPLE_S"))
    monitor_trail_retention_hours: float = Field(
        24.0, gt=0, le=8784, validation_alias=_also("MONITOR_TRAIL_RETENTION_HOURS")
    )
    monitor_heartbeat_s: float = Field(25.0, ge=0.1, le=600, validation_alias=_also("MONITOR_HEARTBEAT_S"))

    tcp_persistent_enabled: bool = Field(True, validation_alias=_also("TCP_PERSISTENT_ENABLED"))
    tcp_idle_ttl: TtlSeconds = Field(-1, validation_alias=_also("TCP_IDLE_TTL"))
    """Close a connection after this many seconds idle; -1 never."""
    tcp_max_age: TtlSeconds = Field(-1, validation_alias=_also("TCP_MAX_AGE"))
    """Close a connection of this age, in s; -1 never."""
    tcp_keepalive_idle: int = Field(15, ge=1, le=32_767, validation_alias=_also("TCP_KEEPALIVE_IDLE"))
    tcp_keepalive_interval: int = Field(10, ge=1, le=32_767, validation_alias=_also("TCP_KEEPALIVE_INTERVAL"))
    tcp_keepalive_count: int = Field(3, ge=1, le=127, validation_alias=_also("TCP_KEEPALIVE_COUNT"))

    connect_timeout_s: float = Field(5.0, gt=0, le=120)
    reply_timeout_s: float = Field(5.0, gt=0, le=120)
    """How long one reply may take; the manual allows the meter 3 s."""
    device_pacing_s: float = Field(1.0, ge=0, le=10)
    """Least time between the end of one reply and the next command (NL-43 comm. guide: 1 s)."""

    ftp_data_ports: Annotated[tuple[int, int] | None, NoDecode, BeforeValidator(_port_range)] = None
    """First and last port on which a meter may connect back to us, such as 50000-50019; else any."""
    ftp_data_address: str = ""
    """Our address as the meters see it, where NAT hides the true one."""
    ftp_accepts_any_sender: bool = False
    """Take data connections from other addresses than the meter's: only for NAT that changes it."""
    ftp_limit_bytes_s: float = Field(0, ge=0)
    """Most bytes a second of one download, to spare a modem; 0 for no limit."""
    card_every_h: float = Field(24.0, ge=0, le=8784)
    """How often what a running measurement has stored on its SD card is fetched, in h; 0 only when it has ended."""
    card_limit_bytes_s: float = Field(0, ge=0)
    """Most bytes a second of a card that is fetched by itself; 0 for the same as any download."""
    ftp_stall_s: float = Field(15.0, gt=0, le=600)
    """A transfer that brings nothing for so long is broken off and gone on with."""
    ftp_retry_s: Seconds = 2.0
    """Pause before a broken transfer is gone on with, in s; then two and five times as long."""
    ftp_settle_s: Seconds = 10.0
    """Pause between FTP off and on at the end of a cycle, in s."""

    timezone: Annotated[str, Field(max_length=64), AfterValidator(_known_zone)] = "UTC"
    cors_origins: Annotated[tuple[str, ...], NoDecode, AfterValidator(_exact_origins)] = ()
    auth: Literal["auto", "on", "off"] = "auto"
    """Whether a login is asked for; auto: on any bind but loopback."""
    proxy_hops: int = Field(0, ge=0, le=10)
    """How many reverse proxies stand before the service, whose X-Forwarded headers are believed."""
    audit_retention_days: float = Field(730.0, gt=0, le=36_600)
    """How long the audit log is kept, in days."""
    log_retention_days: float = Field(7.0, gt=0, le=3660, validation_alias=_also("LOG_RETENTION_DAYS"))
    """How long the log of each device is kept, in days."""
    public_url: Annotated[str, AfterValidator(_web_address)] = ""
    """How people reach the service, such as https://slmm.example.org; without it messages carry no links."""
    alert_group_wait_s: Seconds = 10.0
    """How long a message about an amber onset waits for others to the same person, in s."""
    alert_no_data_after_s: float = Field(60.0, ge=5, le=86_400)
    """Silence after which a unit that should deliver data is an alarm, in s."""
    alert_recover_s: Seconds = 10.0
    """Continuous data after which that alarm ends, in s."""
    alert_startup_grace_s: Seconds = 120.0
    """How long nothing is expected of a unit after the start, in s."""
    alert_heartbeat_url: Annotated[str, AfterValidator(_web_address)] = Field("", repr=False)
    """Called again and again while alerts work, so that somebody outside notices when the service dies."""
    alert_heartbeat_s: float = Field(60.0, ge=5, le=86_400)
    """How often that address is called, in s."""
    alert_outbox_retention_days: float = Field(365.0, gt=0, le=36_600)
    """How long messages that went out are kept, in days; alert events are kept for ever."""
    record_frames_days: float = Field(30.0, ge=0, le=36_600)
    """How long every single reading is kept, in days; 0 for ever. Hours and days are kept for ever."""
    record_minutes_days: float = Field(730.0, ge=0, le=36_600)
    """How long minutes are kept, in days; 0 for ever."""
    record_memory_mb: int = Field(512, ge=64, le=1_048_576)
    """Most memory the historian's database may take, in MB."""
    backup_at: Annotated[str, AfterValidator(_time_of_day)] = "03:10"
    """When a backup is made by itself every day, in the zone of sites; empty for never."""
    backup_keep: int = Field(7, ge=1, le=1000)
    """How many of those are kept."""
    backup_record_days: int = Field(7, ge=0, le=366)
    """Every how many days what was measured is in it, where the disk has room; 0 for never."""
    backup_to: Annotated[Path | None, BeforeValidator(lambda given: given or None)] = None
    """A folder on another machine's disk, such as a mounted share, to which each of them is copied."""
    max_streams: int = Field(12_000, ge=1, le=100_000)
    """Most event streams and WebSockets at a time."""
    max_streams_per_address: int = Field(200, ge=1, le=100_000)
    """Most of them from one client address."""
    max_drd_units: int = Field(100, ge=1, le=10_000)
    """Most units whose 100 ms stream somebody follows at a time."""
    max_body_bytes: int = Field(1_000_000, ge=10_000, le=100_000_000)
    """Most bytes of a request's body; databases and backups that are sent in have bounds of their own."""
    max_export_rows: int = Field(20_000_000, ge=1)
    """Most rows of one export."""
    feed_memory_kb: int = Field(1000, ge=16, le=1_000_000)
    """Most memory of the frames that one feed keeps for viewers who come back, in kB."""
    feeds_memory_mb: int = Field(256, ge=1, le=1_000_000)
    """Most memory of the frames that the feeds of all units keep, in MB; they share it evenly."""
    login_rate: Rate = "10 per minute; 60 per hour"
    """How often one address may try a password or a code."""
    share_rate: Rate = "60 per minute"
    """How often one address may try a share link."""
    request_rate: Rate = ""
    """How often one address may ask for anything."""
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    log_format: Literal["text", "json"] = "text"
    """How log lines look: for people, or one JSON object each for a collector of logs."""
    access_log: bool = False
    """Whether every request is a line of the log, too."""

    @classmethod
    def settings_customise_sources(
        cls, settings_cls: type[BaseSettings], init_settings: PydanticBaseSettingsSource, *_: Any, **__: Any
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Take values only from the caller; ``load`` has already read the environment."""
        return (init_settings,)

    @property
    def requires_login(self) -> bool:
        """Whether anybody is asked who they are: always, never, or (auto) on any bind but loopback."""
        if self.auth != "auto":
            return self.auth == "on"
        try:
            return not ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host != "localhost"

    @property
    def sqlalchemy_url(self) -> str:
        """The database to use: the given URL, or SQLite in the data directory; a path in it is made absolute."""
        url = self.database_url or f"sqlite:///{self.data_dir.resolve() / 'slmm.db'}"
        if url.startswith("sqlite:///") and not url.startswith("sqlite:////"):
            return f"sqlite:///{Path(url.removeprefix('sqlite:///')).resolve()}"
        return url


def _environment_names() -> dict[str, str]:
    """Every accepted environment name (upper case) and the field it sets; ours before 0.4.0's."""
    names: dict[str, str] = {}
    for field_name, info in Settings.model_fields.items():
        names[PREFIX + field_name.upper()] = field_name
        if isinstance(info.validation_alias, AliasChoices):
            names.update({str(alias): field_name for alias in info.validation_alias.choices})
    return names


def _read_dotenv(path: Path | None) -> Mapping[str, str | None]:
    """What .env says, nothing where there is none; raises Invalid for a file that cannot be read as text."""
    if path is None or not path.is_file():
        return {}
    try:
        return dotenv_values(path)
    except (OSError, UnicodeDecodeError) as error:
        raise Invalid(f"settings: {path} cannot be read as UTF-8 text: {error}") from error


def where_set(environment: Mapping[str, str] | None = None, dotenv: Path | None = Path(".env")) -> dict[str, str]:
    """For each setting that is not at its default the name it was given by, and where: ``environment`` or ``.env``."""
    surroundings = os.environ if environment is None else environment
    file = _read_dotenv(dotenv)
    found: dict[str, str] = {}
    names = _environment_names()
    for name in sorted(names, key=lambda name: name.startswith(PREFIX)):
        if name in surroundings:
            found[names[name]] = f"{name} in the environment"
        elif file.get(name) is not None:
            found[names[name]] = f"{name} in .env"
    return found


def unknown_names(environment: Iterable[str]) -> list[str]:
    """Sentences about ``SLMM_*`` names nobody knows, each with the nearest known one."""
    known = _environment_names()
    complaints = []
    for name in sorted(environment):
        if not name.startswith(PREFIX) or name in known or name in OWNED_ELSEWHERE:
            continue
        near = difflib.get_close_matches(name, known, n=1)
        complaints.append(f"{name} is not a setting" + (f"; did you mean {near[0]}?" if near else ""))
    return complaints


def load(environment: Mapping[str, str] | None = None, dotenv: Path | None = Path(".env"), **given: Any) -> Settings:
    """Build the settings from the environment over .env; *given* wins over both.

    Raises Invalid with every mistake in one message: unknown names and values out of range.
    """
    surroundings: dict[str, str] = {}
    surroundings.update({k: v for k, v in _read_dotenv(dotenv).items() if v is not None})
    surroundings.update(os.environ if environment is None else environment)
    values: dict[str, Any] = {}
    names = _environment_names()
    for name in sorted(names, key=lambda name: name.startswith(PREFIX)):  # the prefixed name wins
        if name in surroundings:
            values[names[name]] = surroundings[name]
    if "cors_origins" in values:
        values["cors_origins"] = _split(values["cors_origins"])
    mistakes = unknown_names(surroundings)
    settings = None
    try:
        settings = Settings(**{**values, **given})
    except ValidationError as error:
        for item in error.errors():
            where = PREFIX + str(item["loc"][0]).removeprefix(PREFIX).upper()
            mistakes.append(f"{where}={item['input']!r}: {item['msg']}")
    if settings is None or mistakes:
        raise Invalid("settings: " + "; ".join(mistakes))
    return settings
