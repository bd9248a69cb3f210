"""Alert rows as the REST interface, streams and webhooks show them; member names are those of 0.4.0."""

from __future__ import annotations

from typing import Any

from slmm.storage.models import EventRow
from slmm.times import timestamp_or_none


def event_view(event: EventRow) -> dict[str, Any]:
    """An event with everything that is known of it."""
    rule = event.rule_json or {}
    return {
        "id": event.id,
        "uid": event.uid,
        "incident_id": event.incident_id,
        "rule_id": event.rule_id,
        "unit_id": event.unit_id,
        "rule_name": event.rule_name,
        "metric": event.metric,
        "level_name": rule.get("level_name"),
        "comparison": rule.get("comparison"),
        "threshold_db": event.threshold_db,
        "red_threshold_db": rule.get("red_threshold_db"),
        "severity": event.severity,
        "status": event.status,
        "breach_at": timestamp_or_none(event.breach_at),
        "onset_at": timestamp_or_none(event.onset_at),
        "onset_value": event.onset_value,
        "peak_value": event.peak_value,
        "peak_at": timestamp_or_none(event.peak_at),
        "recovered_at": timestamp_or_none(event.recovered_at),
        "clear_at": timestamp_or_none(event.clear_at),
        "end_reason": event.end_reason,
        "is_latched": event.is_latched,
        "suppressed": event.suppressed,
        "occurrences": event.occurrences,
        "flags": [flag for flag in (event.flags or "").split(",") if flag],
        "detail": event.detail or rule.get("words"),
        "cause": event.cause,
        "acknowledged_at": timestamp_or_none(event.acknowledged_at),
        "acknowledged_by": event.acknowledged_by,
        "notes": event.notes,
    }
