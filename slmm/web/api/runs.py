"""Measurements on record, those of removed units included."""

from __future__ import annotations

from typing import Any

from slmm.storage.models import RunRow
from slmm.times import timestamp, timestamp_or_none
from slmm.web import context
from slmm.web.api.models import UnitPath
from slmm.web.api.record_models import RunAnswer, RunPath, RunsAnswer, SpanQuery
from slmm.web.openapi import ON_RECORD, UNIT_PROBLEMS, Api

api = Api("runs", "Measurements from start to stop", group=ON_RECORD)


def run_view(row: RunRow) -> dict[str, Any]:
    """A run as the interface shows it."""
    return {
        "id": row.id,
        "unit_id": row.unit_id,
        "store_name": row.store_name,
        "started_at": timestamp(row.started_at),
        "is_start_exact": row.is_start_exact,
        "ended_at": timestamp_or_none(row.ended_at),
        "is_end_exact": row.is_end_exact,
        "how": row.how,
        "fingerprint": row.fingerprint,
        "settings": row.settings,
        "card": row.card,
        "card_note": row.card_note,
        "card_at": timestamp_or_none(row.card_at),
    }


@api.route_for("get", "/<unit_id>/runs", needs="viewer", answer=RunsAnswer, problems=UNIT_PROBLEMS)
def runs(path: UnitPath, query: SpanQuery) -> dict[str, Any]:
    """The measurements of a unit that touch a span, newest first; also of a unit no longer on the roster."""
    unit_id = context.checked_unit_id(path.unit_id)
    found = context.runtime().runs.book.find(
        unit_id, starts_at=query.starts_at, ends_at=query.ends_at, limit=query.limit, before_id=query.before_id
    )
    if not found:
        context.device(unit_id)
    return {"status": "ok", "unit_id": unit_id, "count": len(found), "runs": [run_view(row) for row in found]}


@api.route_for("get", "/<unit_id>/runs/<int:run_id>", needs="viewer", answer=RunAnswer, problems=UNIT_PROBLEMS)
def run(path: RunPath) -> dict[str, Any]:
    """One measurement."""
    unit_id = context.checked_unit_id(path.unit_id)
    return {"status": "ok", "run": run_view(context.runtime().runs.book.get(unit_id, path.run_id))}
