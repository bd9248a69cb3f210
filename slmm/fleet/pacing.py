"""When to speak to a meter next: mode, cadence and back-off as arithmetic without a clock."""

from __future__ import annotations

from dataclasses import dataclass

from slmm.events import FeedMode


@dataclass(frozen=True, slots=True)
class Cadences:
    """How often a meter is read in each mode, in seconds."""

    watched_s: float = 0.25
    idle_s: float = 10.0
    state_refresh_s: float = 30.0
    health_refresh_s: float = 900.0
    """Clock, battery and SD card."""
    timezone: str = "UTC"
    """The zone of a meter's clock unless its configuration says otherwise."""
    backoff_base_s: float = 1.0
    backoff_max_s: float = 60.0
    backoff_watched_max_s: float = 5.0


@dataclass(frozen=True, slots=True)
class AlertDemand:
    """What the alert rules of a unit want of its feed."""

    interval_s: float | None = None
    """Most time between two readings; None without rules."""
    polled_s: float | None = None
    """The same for rules on figures that the 100 ms stream does not carry."""
    needs_stream: bool = False
    """Whether a rule can only be judged with the 100 ms stream."""


NO_RULES = AlertDemand()
UNWATCHED_STREAM_READING_S = 30.0
"""Pause between the readings that interrupt a stream which only rules follow."""


@dataclass(frozen=True, slots=True)
class Demand:
    """Why a meter would be read at all."""

    is_allowed: bool
    """Device active, TCP enabled, service not in standby."""
    watchers: int = 0
    stream_watchers: int = 0
    """Viewers of the 100 ms stream (DRD)."""
    is_kept_alive: bool = False
    background_s: float | None = None
    """Interval of the background poller, or None when it is off for this device."""
    alerts: AlertDemand = NO_RULES

    @property
    def is_pinned(self) -> bool:
        """Whether the feed runs though nobody watches: on request, or because a rule needs it."""
        return self.is_kept_alive or self.alerts.interval_s is not None

    @property
    def is_streamed(self) -> bool:
        """Whether the 100 ms stream is wanted."""
        return self.stream_watchers > 0 or self.alerts.needs_stream


def feed_mode(demand: Demand) -> FeedMode:
    """The mode a reachable meter is read in; a feed covers the background poller."""
    if not demand.is_allowed:
        return FeedMode.OFF
    if demand.watchers > 0:
        return FeedMode.WATCHED
    if demand.is_pinned:
        return FeedMode.IDLE
    if demand.background_s is not None:
        return FeedMode.BACKGROUND
    return FeedMode.OFF


def backoff_s(failures: int, base_s: float, cap_s: float) -> float:
    """Pause after the n-th failure in a row: base, doubled each time, up to the cap."""
    return float(min(cap_s, base_s * 2 ** min(max(failures, 1) - 1, 30)))


def _usual_s(mode: FeedMode, demand: Demand, cadences: Cadences) -> float:
    if mode is FeedMode.BACKGROUND:
        return demand.background_s or 0.0
    if demand.is_streamed:  # each reading interrupts the stream for about two seconds
        slow_s = max(cadences.watched_s, cadences.idle_s)
        if demand.alerts.needs_stream and not demand.watchers:  # a rule wants the window whole; nobody waits for frames
            slow_s = max(slow_s, UNWATCHED_STREAM_READING_S)
        return slow_s if demand.alerts.polled_s is None else min(slow_s, demand.alerts.polled_s)
    if mode is FeedMode.WATCHED:
        return cadences.watched_s
    return cadences.idle_s if demand.alerts.interval_s is None else min(cadences.idle_s, demand.alerts.interval_s)


def interval_s(demand: Demand, failures: int, cadences: Cadences) -> float | None:
    """Seconds from the end of one poll to the next; None means not at all.

    A watched meter backs off less far. The meter's own pacing is a floor that the caller keeps.
    """
    mode = feed_mode(demand)
    if mode is FeedMode.OFF:
        return None
    usual_s = _usual_s(mode, demand, cadences)
    if failures == 0:
        return usual_s
    cap_s = cadences.backoff_watched_max_s if mode is FeedMode.WATCHED else cadences.backoff_max_s
    pause_s = backoff_s(failures, cadences.backoff_base_s, cap_s)
    # A meter that is only polled in the background is not asked more often for being away.
    return max(pause_s, usual_s) if mode is FeedMode.BACKGROUND else pause_s
