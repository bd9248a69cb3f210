"""What can happen: frozen values that climb from the meter to viewers, store and alerts."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

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
class RosterChange:
    """A unit was added, changed or removed."""

    unit_id: str
    at: datetime
    change: str
    """``added``, ``changed`` or ``removed``."""
