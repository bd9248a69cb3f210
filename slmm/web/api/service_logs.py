"""The log of the whole service: what its meters' logs say, and what it says itself."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from slmm.logs import Line
from slmm.storage.devicelog import Wanted
from slmm.times import timestamp
from slmm.web import context
from slmm.web.access import caller
from slmm.web.api.service_log_models import AllLogsAnswer, AllLogsQuery
from slmm.web.openapi import PLAIN_PROBLEMS, Api

api = Api("service_logs", "What the service and its meters have to tell")

LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
SERVICE = "SERVICE"
"""The category of the service's own lines."""


def at_least(level: str | None) -> frozenset[str]:
    """That level and all above it."""
    return frozenset(LEVELS[LEVELS.index(level) if level else 0 :])


@api.route_for("get", "/_logs", needs="operator", answer=AllLogsAnswer, problems=PLAIN_PROBLEMS)
def all_logs(query: AllLogsQuery) -> dict[str, Any]:
    """Entries of all meters and of the service itself, newest first.

    Older ones: give ``next`` back as ``before_id`` and ``before_line``. Newer ones: ``newest`` as ``after_id`` and
    ``after_line``. The service's own lines are those since its start, as far as memory holds them.
    """
    seen = caller().units
    units = seen if query.unit is None else frozenset({query.unit}) & (seen if seen is not None else {query.unit})
    rows: list[dict[str, Any]] = []
    if query.source != "service" and query.category != SERVICE:
        rows = context.runtime().device_log.search(_wanted(query, units))
    if query.source != "units" and query.unit is None and query.category in (None, SERVICE) and seen is None:
        rows += [_line_view(line) for line in _lines(context.runtime().log_ring.lines(), query)]
    rows.sort(key=lambda row: (row["timestamp"], row["id"]), reverse=True)
    shown = rows[: query.limit]
    return {
        "status": "ok",
        "logs": [{"line": None, **row, "timestamp": timestamp(row["timestamp"])} for row in shown],
        "count": len(shown),
        "next": {
            "before_id": min((row["id"] for row in shown if row.get("line") is None), default=query.before_id),
            "before_line": min((row["line"] for row in shown if row.get("line")), default=query.before_line),
        }
        if len(rows) >= query.limit
        else None,
        "newest": {
            "after_id": max((row["id"] for row in rows if row.get("line") is None), default=query.after_id or 0),
            "after_line": max((row["line"] for row in rows if row.get("line")), default=query.after_line or 0),
        },
    }


def _wanted(query: AllLogsQuery, units: frozenset[str] | None) -> Wanted:
    return Wanted(
        units,
        at_least(query.level) if query.level else None,
        query.category,
        query.text,
        query.from_at,
        query.until_at,
        query.before_id,
        query.after_id,
        query.limit,
    )


def _lines(lines: Iterable[Line], query: AllLogsQuery) -> list[Line]:
    levels, text = at_least(query.level), (query.text or "").casefold()
    found = [
        line
        for line in lines
        if line.level in levels
        and text in f"{line.source} {line.message}".casefold()
        and _is_between(line.at, query.from_at, query.until_at)
        and (query.before_line is None or line.number < query.before_line)
        and (query.after_line is None or line.number > query.after_line)
    ]
    return found[-query.limit :]


def _is_between(at: datetime, from_at: datetime | None, until_at: datetime | None) -> bool:
    return (from_at is None or at >= from_at) and (until_at is None or at < until_at)


def _line_view(line: Line) -> dict[str, Any]:
    return {
        "id": line.number,
        "line": line.number,
        "unit_id": None,
        "timestamp": line.at,
        "level": line.level,
        "category": SERVICE,
        "message": f"{line.source}: {line.message}",
    }
