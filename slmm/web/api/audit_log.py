"""The audit log, to read."""

from __future__ import annotations

from typing import Any

from slmm.times import timestamp
from slmm.web import context
from slmm.web.api.access_models import AuditAnswer, AuditQuery
from slmm.web.openapi import Api

api = Api("audit", "Who did what, when, from where, and what came of it")

MOST_ENTRIES = 1000


@api.route_for("get", "/_audit", needs="admin", answer=AuditAnswer, problems=(422,))
def entries(query: AuditQuery) -> dict[str, Any]:
    """The audit log, newest first; ``before_id`` pages on."""
    found = context.runtime().audit.find(
        min(query.limit, MOST_ENTRIES),
        before_id=query.before_id,
        who=query.who,
        unit_id=query.unit_id,
        action=query.action,
    )
    return {
        "status": "ok",
        "entries": [
            {
                "id": entry.entry_id,
                "at": timestamp(entry.at),
                "who": entry.who,
                "how": entry.how,
                "address": entry.address,
                "action": entry.action,
                "unit_id": entry.unit_id,
                "detail": entry.detail,
                "outcome": entry.outcome,
            }
            for entry in found
        ],
    }
