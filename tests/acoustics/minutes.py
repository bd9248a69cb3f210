"""Pieces of time for the tests of acoustics."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from slmm.acoustics.intervals import Interval
from slmm.acoustics.quality import NO_FLAGS, Flag

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)


def pieces(
    levels: Iterable[float | None],
    starts_at: datetime = NOON,
    length: timedelta = MINUTE,
    flags: Flag = NO_FLAGS,
) -> list[Interval]:
    """One piece after the other; None is a piece in which nothing was received."""
    return [
        Interval.of_level(starts_at + number * length, starts_at + (number + 1) * length, laeq, flags=flags)
        for number, laeq in enumerate(levels)
    ]


def utc(text: str) -> datetime:
    """An instant from text without a zone."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)
