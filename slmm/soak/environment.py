"""The service's settings for a time that runs faster; pure."""

from __future__ import annotations

LEAST_REPLY_TIMEOUT_S = 1.5
"""Shorter than this, a busy computer is taken for a broken meter."""
FEED_MEMORY_KB = 256
"""The frames that feeds keep are memory that grows until they are full: a minute instead of ten."""
RECORD_MEMORY_MB = 128


def reply_timeout_s(speed: float) -> float:
    """How long a reply may take."""
    return max(LEAST_REPLY_TIMEOUT_S, 5.0 / speed)


def settings(speed: float) -> dict[str, str]:
    """Whatever recurs does so *speed* times as often; what has a least value is at it."""
    shorter = {
        "SLMM_DEVICE_PACING_S": 1.0,
        "SLMM_MONITOR_POLL_INTERVAL": 0.25,
        "SLMM_MONITOR_IDLE_POLL_INTERVAL": 10.0,
        "SLMM_MONITOR_STATE_REFRESH_S": 30.0,
        "SLMM_MONITOR_HEALTH_REFRESH_S": 900.0,
        "SLMM_MONITOR_BACKOFF_BASE_S": 1.0,
        "SLMM_MONITOR_BACKOFF_MAX_S": 60.0,
        "SLMM_MONITOR_BACKOFF_WATCHED_MAX_S": 5.0,
        "SLMM_ALERT_GROUP_WAIT_S": 10.0,
        "SLMM_ALERT_RECOVER_S": 10.0,
        "SLMM_ALERT_STARTUP_GRACE_S": 120.0,
    }
    found = {name: f"{value / speed:g}" for name, value in shorter.items()}
    timeout_s = f"{reply_timeout_s(speed):g}"
    return {
        **found,
        "SLMM_CONNECT_TIMEOUT_S": timeout_s,
        "SLMM_REPLY_TIMEOUT_S": timeout_s,
        "SLMM_MONITOR_TRAIL_SAMPLE_S": f"{max(1.0, 60.0 / speed):g}",
        "SLMM_MONITOR_HEARTBEAT_S": f"{max(0.5, 25.0 / speed):g}",
        "SLMM_ALERT_NO_DATA_AFTER_S": f"{max(5.0, 60.0 / speed):g}",
        "SLMM_FEED_MEMORY_KB": str(FEED_MEMORY_KB),
        "SLMM_RECORD_MEMORY_MB": str(RECORD_MEMORY_MB),
    }


def pacing_s(speed: float) -> float:
    """The least time from a reply to the next command that the meters ask for."""
    return 1.0 / speed
