"""The calibration log of a unit."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from slmm.storage import calibrations as book
from slmm.storage.calibrations import Calibration, Recorded
from slmm.times import timestamp
from slmm.web import context
from slmm.web.api.alerts import acting_as
from slmm.web.api.models import UnitPath
from slmm.web.api.record_models import CalibrationAnswer, CalibrationsAnswer, NewCalibration, SpanQuery
from slmm.web.api.remarks import remark_view
from slmm.web.openapi import ON_RECORD, UNIT_PROBLEMS, Api

api = Api("calibrations", "Checks with a sound calibrator; drift is recorded, never applied", group=ON_RECORD)


def calibration_view(found: Calibration) -> dict[str, Any]:
    """A check as the interface shows it."""
    row = found.row
    return {
        "id": row.id,
        "unit_id": row.unit_id,
        "at": timestamp(row.at),
        "kind": row.kind,
        "calibrator": row.calibrator,
        "serial_number": row.serial_number,
        "nominal_db": row.nominal_db,
        "measured_db": row.measured_db,
        "adjusted_db": row.adjusted_db,
        "deviation_db": float(Decimal(str(row.measured_db)) - Decimal(str(row.nominal_db))),
        "drift_db": found.drift_db,
        "reference_id": found.reference.id if found.reference else None,
        "note": row.note,
        "made_by": row.made_by,
        "made_at": timestamp(row.made_at),
    }


def _sentence(recorded: Recorded, tolerance_db: float) -> str:
    """What came of it, for a person."""
    found = recorded.calibration
    if recorded.voided:
        spans = "; ".join(
            f"{timestamp(remark.starts_at)} to {timestamp(remark.ends_at)}: {remark.text}" for remark in recorded.voided
        )
        return f"excluded from the judged figures: {spans}"
    if found.row.kind == "before":
        return "the check that ends the measurement will be compared with this one"
    if found.drift_db is None:
        return "there is no check before it to compare with: drift is not known, and nothing is excluded"
    if abs(found.drift_db) > tolerance_db:
        return f"drift {found.drift_db:+g} dB is beyond {tolerance_db:g} dB; the check after the measurement decides"
    return f"drift {found.drift_db:+g} dB is within {tolerance_db:g} dB"


@api.route_for("get", "/<unit_id>/calibrations", needs="viewer", answer=CalibrationsAnswer, problems=UNIT_PROBLEMS)
def calibrations(path: UnitPath, query: SpanQuery) -> dict[str, Any]:
    """The checks of a unit, the newest on record first, each with its drift; also of a unit no longer on the roster."""
    unit_id = context.checked_unit_id(path.unit_id)
    found = context.runtime().calibrations.find(
        unit_id, starts_at=query.starts_at, ends_at=query.ends_at, limit=query.limit, before_id=query.before_id
    )
    if not found:
        context.device(unit_id)
    views = [calibration_view(calibration) for calibration in found]
    return {"status": "ok", "unit_id": unit_id, "count": len(views), "calibrations": views}


@api.route_for(
    "post", "/<unit_id>/calibrations", needs="operator", answer=CalibrationAnswer, problems=(*UNIT_PROBLEMS, 500, 503)
)
def record_calibration(path: UnitPath, body: NewCalibration) -> dict[str, Any]:
    """Record a check; where it differs too much from the one before, the span between them is excluded.

    The exclusion is a remark and can be withdrawn. A check entered late may void a span whose end is on record.
    """
    unit_id = context.device(path.unit_id).unit_id
    members = body.model_dump(exclude={"tolerance_db", "at"})
    new = book.NewCalibration(at=body.at or datetime.now(UTC), **members)
    recorded = context.runtime().calibrations.add(unit_id, new, acting_as(), body.tolerance_db)
    return {
        "status": "ok",
        "message": _sentence(recorded, body.tolerance_db),
        "calibration": calibration_view(recorded.calibration),
        "voided": [remark_view(row) for row in recorded.voided],
    }
