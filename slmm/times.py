"""Instants as everybody outside reads them: RFC 3339 in UTC with milliseconds and ``Z``."""

from __future__ import annotations

from datetime import UTC, datetime


def timestamp(at: datetime) -> str:
    """An aware instant as text."""
    if at.tzinfo is not UTC:
        at = at.astimezone(UTC)
    return at.isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"


def timestamp_or_none(at: datetime | None) -> str | None:
    """The same; None stays None."""
    return timestamp(at) if at else None
