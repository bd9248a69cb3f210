"""What the fleet says of itself: one row per unit for monitor, poller and connections."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import datetime

from slmm.events import FeedMode
from slmm.fleet.worker import MeterWorker


@dataclass(frozen=True, slots=True)
class MonitorStatus:
    """The shared feed of one unit."""

    running: bool
    subscribers: int
    keepalive: bool
    reachable: bool | None
    mode: FeedMode
    interval_s: float | None
    """Seconds between polls at present, back-off included; None when it is not read."""
    stream_subscribers: int = 0
    held_by: str | None = None


@dataclass(frozen=True, slots=True)
class PollStatus:
    """The background poller and one unit."""

    unit_id: str
    poll_enabled: bool
    poll_interval_seconds: int
    covered_by_feed: bool
    """A running feed reads the meter anyway, so the poller leaves it alone."""
    last_poll_attempt: datetime | None
    last_success: datetime | None
    consecutive_failures: int
    is_reachable: bool | None
    last_error: str | None


@dataclass(frozen=True, slots=True)
class ConnectionStatus:
    """The link to one unit; ages in seconds, counters since the service started."""

    unit_id: str
    host: str
    port: int
    state: str
    connected: bool
    age_s: float | None
    idle_s: float | None
    last_round_trip_s: float | None
    opened: int
    open_failures: int
    commands: int
    replies: int
    refusals: int
    timeouts: int
    garbled: int
    lost: int
    retries: int
    stale_bytes: int


def monitor_status(worker: MeterWorker) -> MonitorStatus:
    """The feed of a unit: running while watched or kept alive."""
    demand = worker.demand
    return MonitorStatus(
        running=demand.is_allowed and (demand.watchers > 0 or demand.is_pinned),
        subscribers=worker.watchers,
        keepalive=demand.is_pinned,
        reachable=worker.status.is_reachable,
        mode=worker.mode,
        interval_s=worker.interval_s,
        stream_subscribers=worker.stream_watchers,
        held_by=worker.held_by,
    )


def poll_status(worker: MeterWorker) -> PollStatus:
    """The background poller's view of a unit."""
    demand, status = worker.demand, worker.status
    return PollStatus(
        unit_id=worker.unit_id,
        poll_enabled=worker.device.poll_enabled,
        poll_interval_seconds=worker.device.poll_interval_seconds,
        covered_by_feed=demand.is_allowed and (demand.watchers > 0 or demand.is_pinned),
        last_poll_attempt=status.last_poll_attempt,
        last_success=status.last_success,
        consecutive_failures=status.consecutive_failures,
        is_reachable=status.is_reachable,
        last_error=status.last_error,
    )


def connection_status(worker: MeterWorker) -> ConnectionStatus:
    """The link of a unit as it stands now."""
    meter, now_s = worker.meter, time.monotonic()
    counters = meter.counters
    opened_s, used_s = meter.opened_s, meter.last_reply_s
    return ConnectionStatus(
        unit_id=worker.unit_id,
        host=meter.host,
        port=meter.port,
        state=meter.state.value,
        connected=meter.is_open,
        age_s=None if opened_s is None else now_s - opened_s,
        idle_s=None if opened_s is None else now_s - max(opened_s, used_s or opened_s),
        last_round_trip_s=meter.last_round_trip_s,
        opened=counters.opened,
        open_failures=counters.open_failures,
        commands=counters.commands,
        replies=counters.replies,
        refusals=counters.refusals,
        timeouts=counters.timeouts,
        garbled=counters.garbled,
        lost=counters.lost,
        retries=counters.retries,
        stale_bytes=counters.stale_bytes,
    )
