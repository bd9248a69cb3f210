"""What can happen: frozen values that climb from the meter to viewers, store and alerts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

Decibels = float
"""A level in dB re 20 µPa with the meter's 0.1 dB resolution; None where the meter shows ``-.-``."""


@dataclass(frozen=True, slots=True)
class Levels:
    """What the meter shows for one channel; names as in the field, None means not known."""

    lp: Decibels | None = None
    leq: Decibels | None = None
    le: Decibels | None = None
    lmax: Decibels | None = None
    lmin: Decibels | None = None
    ln1: Decibels | None = None
    ln2: Decibels | None = None
    ln3: Decibels | None = None
    ln4: Decibels | None = None
    ln5: Decibels | None = None
    lpeak: Decibels | None = None
    lieq: Decibels | None = None
    leq_mov: Decibels | None = None
    ltm5: Decibels | None = None
    over: bool | None = None
    """Overload since the measurement started (for DRD: in this 100 ms); None for a channel not in use."""
    under: bool | None = None


class RunState(StrEnum):
    """The two answers of ``Measure?`` that count; anything else is ignored as noise."""

    MEASURING = "Start"
    STOPPED = "Stop"


class FeedStatus(StrEnum):
    """Whether a unit's feed carries fresh data."""

    OK = "ok"
    UNREACHABLE = "unreachable"


class FeedMode(StrEnum):
    """Why, and so how often, a meter is being read."""

    OFF = "off"
    WATCHED = "watched"
    IDLE = "idle"
    BACKGROUND = "background"
    BACKOFF = "backoff"


@dataclass(frozen=True, slots=True)
class Labels:
    """What the figures of one meter are called: weightings and percentiles, as read from the meter.

    None means not read yet; pages then show the bare symbol without a weighting.
    """

    frequency_weighting: str | None = None
    time_weighting: str | None = None
    percentiles: tuple[str | None, ...] = (None, None, None, None, None)


@dataclass(frozen=True, slots=True)
class Reading:
    """One reading of one meter's display (DOD), with what is known about the run it belongs to."""

    unit_id: str
    at: datetime
    """Aware UTC instant at which the last byte of the reply arrived."""
    main: Levels
    raw: str
    """The data line as it came, without its line end."""
    subs: tuple[Levels, ...] = ()
    run_state: RunState | None = None
    measurement_started_at: datetime | None = None
    counter: int | None = None
    """Counter of a DRD frame; DOD has none."""
    flags: tuple[str, ...] = ()
    """Quality flags, such as ``lmax_fell``; empty for a reading without a blemish."""
    labels: Labels = field(default_factory=Labels)


@dataclass(frozen=True, slots=True)
class StreamedLevels:
    """100 ms of sound from a DRD stream; levels are those of the 100 ms, not of the measurement."""

    unit_id: str
    at: datetime
    main: Levels
    raw: str
    counter: int
    run_state: RunState | None = None
    measurement_started_at: datetime | None = None
    device_clock: datetime | None = None
    """The meter's own clock, naive local time; None where ``DRD?status`` is not to be had."""
    power: str | None = None
    battery: str | None = None
    sd_free_mb: float | None = None


@dataclass(frozen=True, slots=True)
class StreamEnd:
    """A DRD stream that cannot go on, and why; who followed it is told and let go."""

    unit_id: str
    at: datetime
    reason: str


class LogLevel(StrEnum):
    """How much an entry of a device's log matters."""

    DEBUG = "DEBUG"
    INFO = "INFO"
    WARNING = "WARNING"
    ERROR = "ERROR"


class LogCategory(StrEnum):
    """What an entry of a device's log is about; names are those of 0.4.0."""

    TCP = "TCP"
    FTP = "FTP"
    POLL = "POLL"
    COMMAND = "COMMAND"
    STATE = "STATE"
    SYNC = "SYNC"
    ALERT = "ALERT"


@dataclass(frozen=True, slots=True)
class LogEntry:
    """One line of a device's log."""

    unit_id: str
    at: datetime
    level: LogLevel
    category: LogCategory
    message: str


@dataclass(frozen=True, slots=True)
class ContactChange:
    """A meter became unreachable, or can be reached again."""

    unit_id: str
    at: datetime
    is_reachable: bool
    reason: str
    """One sentence for a person: why it was lost, or how long it had been away."""


@dataclass(frozen=True, slots=True)
class MeasurementChange:
    """A run started or ended, seen as a change between two recognised states."""

    unit_id: str
    at: datetime
    run_state: RunState
    started_at: datetime | None
    """When the run began; None if it was already running when we first looked."""
    was_asked_for: bool = False
    """A start or stop of ours that the meter has accepted."""
    state_read_before_at: datetime | None = None
    """When the state before was last read; None if nobody looked since contact was lost or the service began."""


@dataclass(frozen=True, slots=True)
class RunSettingsRead:
    """What the running measurement is stored under, and the settings it is made with, as far as they were read."""

    unit_id: str
    at: datetime
    store_name: str | None
    """Four digits; None where the meter gives none."""
    settings: Mapping[str, str]
    """By their names in ``slmm.fleet.procedures``; weightings and percentiles are labels and told by ``LabelsRead``."""


@dataclass(frozen=True, slots=True)
class RunChange:
    """A run began, ended, or more is known of it; it is on record when this is told."""

    unit_id: str
    at: datetime
    run_id: int
    change: str
    """``started``, ``ended`` or ``described``."""
    started_at: datetime
    is_start_exact: bool
    """False: it was running already when we first looked, so it began earlier."""
    ended_at: datetime | None = None
    is_end_exact: bool = False
    how: str | None = None
    """``stopped`` through us, ``by_itself``, ``unseen`` while nobody looked, ``superseded`` by another start."""
    store_name: str | None = None


@dataclass(frozen=True, slots=True)
class ModeChange:
    """The cadence of a unit's feed changed (watched, idle, background, back-off, off)."""

    unit_id: str
    at: datetime
    mode: FeedMode


@dataclass(frozen=True, slots=True)
class LabelsRead:
    """The weightings and percentiles of a meter were read, and differ from what was known."""

    unit_id: str
    at: datetime
    labels: Labels


@dataclass(frozen=True, slots=True)
class HoldChange:
    """Something holds the meter, so that its silence is no failure; or lets go of it."""

    unit_id: str
    at: datetime
    held_by: str | None
    """What holds it, in words, such as ``download of /NL-43/Auto_0019``."""


@dataclass(frozen=True, slots=True)
class RosterChange:
    """A unit was added, changed or removed."""

    unit_id: str
    at: datetime
    change: str
    """``added``, ``changed`` or ``removed``."""


@dataclass(frozen=True, slots=True)
class OperationChange:
    """A long operation on a meter (settings, cycle, download) began, made progress or ended."""

    unit_id: str
    at: datetime
    operation_id: str
    kind: str
    state: str
    """``running``, ``done`` or ``failed``."""
    step: str
    """What is being done now, in words."""
    done: int = 0
    total: int | None = None
    """Progress in ``unit``; None while the total is not known."""
    unit: str = "steps"
    """``steps`` or ``bytes``."""
    error: str | None = None


@dataclass(frozen=True, slots=True)
class AlertChange:
    """Something happened to an alert that is on record."""

    unit_id: str
    at: datetime
    kind: str
    """``onset``, ``escalated``, ``realarm``, ``returned``, ``ended``, ``recurred``, ``acknowledged`` …"""
    event: Mapping[str, Any]
    """The event as the REST interface shows it."""


@dataclass(frozen=True, slots=True)
class LimitsStanding:
    """Where the limits of a unit stand, for who watches."""

    unit_id: str
    at: datetime
    limits: tuple[Mapping[str, Any], ...]
    """Each as the REST interface shows it; all of the unit that are switched on."""


@dataclass(frozen=True, slots=True)
class MinuteMade:
    """A minute of a unit is over and on record, or was made anew with what its SD card told."""

    unit_id: str
    at: datetime
    """The end of the minute."""
    interval: Any
    """An ``acoustics.intervals.Interval``."""
