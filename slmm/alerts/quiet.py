"""Quiet hours of people: until when a message that is not urgent waits; pure."""

from __future__ import annotations

from datetime import datetime, time

from slmm.alerts.schedule import Schedule


def quiet_until(at: datetime, start: str | None, end: str | None, zone: str) -> datetime | None:
    """The end of the quiet hours an instant falls in; None outside them."""
    if not start or not end or start == end:
        return None
    window = Schedule(zone, time.fromisoformat(start), time.fromisoformat(end)).window_at(at)
    return window.ends_at if window else None
