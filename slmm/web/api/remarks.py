"""Remarks on a unit's record, and exclusions from its judged figures; withdrawn, never deleted."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from slmm.errors import Invalid
from slmm.storage import remarks as book
from slmm.storage.models import RemarkRow
from slmm.times import timestamp, timestamp_or_none
from slmm.web import context
from slmm.web.api.alerts import acting_as
from slmm.web.api.models import UnitPath
from slmm.web.api.record_models import NewRemark, RemarkAnswer, RemarkPath, RemarksAnswer, RemarksQuery
from slmm.web.openapi import ON_RECORD, UNIT_PROBLEMS, Api

api = Api("remarks", "Remarks on the record, and what is excluded from it", group=ON_RECORD)


def remark_view(row: RemarkRow) -> dict[str, Any]:
    """A remark as JSON shows it."""
    return {
        "id": row.id,
        "unit_id": row.unit_id,
        "starts_at": timestamp(row.starts_at),
        "ends_at": timestamp(row.ends_at),
        "reason": row.reason,
        "excludes": row.excludes,
        "text": row.text,
        "made_by": row.made_by,
        "made_at": timestamp(row.made_at),
        "calibration_id": row.calibration_id,
        "withdrawn_by": row.withdrawn_by,
        "withdrawn_at": timestamp_or_none(row.withdrawn_at),
    }


def _span_of(body: NewRemark) -> tuple[datetime, datetime]:
    """Both ends of what a remark is about; raises Invalid unless a moment or a whole span is given."""
    if body.at is not None:
        if body.starts_at is not None or body.ends_at is not None:
            raise Invalid("at stands alone: give a moment (at) or a span (starts_at and ends_at)", field="at")
        return body.at, body.at
    for field, value in (("starts_at", body.starts_at), ("ends_at", body.ends_at)):
        if value is None:
            raise Invalid(f"{field} is missing: give a moment (at) or a span (starts_at and ends_at)", field=field)
    assert body.starts_at is not None
    assert body.ends_at is not None
    return body.starts_at, body.ends_at


@api.route_for("get", "/<unit_id>/remarks", needs="viewer", answer=RemarksAnswer, problems=UNIT_PROBLEMS)
def remarks(path: UnitPath, query: RemarksQuery) -> dict[str, Any]:
    """Remarks and exclusions that touch a span, the newest made first; also of a unit no longer on the roster."""
    unit_id = context.checked_unit_id(path.unit_id)
    found = context.runtime().remarks.find(
        unit_id,
        starts_at=query.starts_at,
        ends_at=query.ends_at,
        with_withdrawn=query.withdrawn,
        limit=query.limit,
        before_id=query.before_id,
    )
    if not found:
        context.device(unit_id)
    return {"status": "ok", "unit_id": unit_id, "count": len(found), "remarks": [remark_view(row) for row in found]}


@api.route_for("post", "/<unit_id>/remarks", needs="operator", answer=RemarkAnswer, problems=(*UNIT_PROBLEMS, 500, 503))
def make_remark(path: UnitPath, body: NewRemark) -> dict[str, Any]:
    """Say something about a moment or a span; one that excludes takes the span out of the judged figures."""
    unit_id = context.device(path.unit_id).unit_id
    starts_at, ends_at = _span_of(body)
    new = book.NewRemark(starts_at, ends_at, body.reason, body.excludes, body.text)
    row = context.runtime().remarks.add(unit_id, new, acting_as())
    return {"status": "ok", "message": None, "remark": remark_view(row)}


@api.route_for("get", "/<unit_id>/remarks/<int:remark_id>", needs="viewer", answer=RemarkAnswer, problems=UNIT_PROBLEMS)
def read_remark(path: RemarkPath) -> dict[str, Any]:
    """One remark, withdrawn or not."""
    unit_id = context.checked_unit_id(path.unit_id)
    row = context.runtime().remarks.get(unit_id, path.remark_id)
    return {"status": "ok", "message": None, "remark": remark_view(row)}


@api.route_for(
    "delete",
    "/<unit_id>/remarks/<int:remark_id>",
    needs="operator",
    answer=RemarkAnswer,
    problems=(*UNIT_PROBLEMS, 500, 503),
)
def withdraw_remark(path: RemarkPath) -> dict[str, Any]:
    """Withdraw a remark: it counts no more, and stays on record with who withdrew it."""
    unit_id = context.checked_unit_id(path.unit_id)
    row = context.runtime().remarks.withdraw(unit_id, path.remark_id, acting_as())
    return {"status": "ok", "message": f"remark {row.id} counts no more", "remark": remark_view(row)}
