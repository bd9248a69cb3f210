"""The log of each device."""

from __future__ import annotations

from typing import Any

from slmm.times import timestamp
from slmm.web import context
from slmm.web.api.meter_models import ClearedAnswer, LogsAnswer, LogsQuery
from slmm.web.api.models import UnitPath
from slmm.web.openapi import UNIT_PROBLEMS, Api

api = Api("logs", "The log of each device")

MOST_ENTRIES = 1000


@api.route_for("get", "/<unit_id>/logs", needs="viewer", answer=LogsAnswer, problems=UNIT_PROBLEMS)
def read_logs(path: UnitPath, query: LogsQuery) -> dict[str, Any]:
    """Commands, connections, changes and errors of a unit, newest first."""
    context.device(path.unit_id)
    log = context.runtime().device_log
    limit = min(query.limit, MOST_ENTRIES)
    rows = log.page(path.unit_id, limit=limit, offset=query.offset, level=query.level, category=query.category)
    stats = log.counts(path.unit_id)
    for name in ("oldest", "newest"):
        stats[name] = timestamp(stats[name]) if stats[name] else None
    return {
        "status": "ok",
        "unit_id": path.unit_id,
        "logs": [{**row, "timestamp": timestamp(row["timestamp"])} for row in rows],
        "count": len(rows),
        "stats": stats,
        "filters": {"level": query.level, "category": query.category},
        "pagination": {"limit": limit, "offset": query.offset},
    }


@api.route_for("delete", "/<unit_id>/logs", needs="admin", answer=ClearedAnswer, problems=UNIT_PROBLEMS)
def clear_logs(path: UnitPath) -> dict[str, Any]:
    """Forget the log of a unit; it is evidence, so that only administrators may, and the audit log says who did."""
    context.device(path.unit_id)
    count = context.runtime().device_log.clear(path.unit_id)
    return {"status": "ok", "message": f"Cleared {count} log entries for {path.unit_id}", "deleted_count": count}
