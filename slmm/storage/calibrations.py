"""The calibration log: checks with a sound calibrator before, during and after a measurement.

Drift is recorded, never applied. Where it is beyond what is tolerated, the span between the two checks is excluded
from the judged figures (field rule R28), by a remark that can be withdrawn.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

from sqlalchemy import and_, or_, select
from sqlalchemy.orm import Session

from slmm.errors import Invalid
from slmm.storage import remarks
from slmm.storage.database import Database
from slmm.storage.models import CalibrationRow, RemarkRow
from slmm.times import timestamp

KINDS = ("before", "after", "check")
TOLERANCE_DB = 0.5
"""Practice in the UK and of ISO 1996; Hong Kong allows 1.0 dB."""
NOMINAL_DB = 94.0
"""1 Pa, the level of most sound calibrators (IEC 60942)."""


@dataclass(frozen=True, slots=True)
class NewCalibration:
    """A check to be recorded; levels in dB."""

    at: datetime
    kind: str
    measured_db: float
    nominal_db: float = NOMINAL_DB
    adjusted_db: float | None = None
    """What the meter showed after it was adjusted; None if it was not."""
    calibrator: str | None = None
    serial_number: str | None = None
    note: str | None = None


@dataclass(frozen=True, slots=True)
class Calibration:
    """A check on record, and what it says of the time before it."""

    row: CalibrationRow
    reference: CalibrationRow | None = None
    """The check it is compared with: the last ``before``, or the last ``check`` at which the meter was adjusted."""
    drift_db: float | None = None
    """How much higher the meter reads than at the reference; None for a ``before`` and without a reference."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """What came of recording a check."""

    calibration: Calibration
    voided: tuple[RemarkRow, ...]
    """The remarks that exclude spans whose drift is beyond what is tolerated."""


def drift_db(reference: CalibrationRow, later: CalibrationRow) -> float:
    """How much higher the meter reads now than at the reference, each against its own nominal level; exact decimals."""
    left_at = reference.measured_db if reference.adjusted_db is None else reference.adjusted_db
    then = Decimal(str(left_at)) - Decimal(str(reference.nominal_db))
    return float(Decimal(str(later.measured_db)) - Decimal(str(later.nominal_db)) - then)


class CalibrationBook:
    """Calibrations of all units, those that are gone included."""

    def __init__(self, database: Database, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._database = database
        self._now = now

    def add(self, unit_id: str, new: NewCalibration, by: str, tolerance_db: float = TOLERANCE_DB) -> Recorded:
        """Record a check, and exclude the span it spoils in the same transaction; raises Invalid.

        One that is entered late may begin a span whose end is on record already: then that is judged.
        """
        if new.kind not in KINDS:
            raise Invalid(f"kind {new.kind!r} is not allowed; it is one of {', '.join(KINDS)}", field="kind")
        if new.at > self._now():
            raise Invalid(f"at {new.at.isoformat()} lies in the future; record a check when it is done", field="at")

        def work(session: Session) -> Recorded:
            row = _row_of(unit_id, new, by, self._now())
            session.add(row)
            session.flush()
            ends = [found for found in (row, _next_end(session, row)) if found is not None and _ends_a_span(found)]
            tried = [self._void(session, _compared(session, end), by, tolerance_db) for end in ends]
            return Recorded(_compared(session, row), tuple(remark for remark in tried if remark is not None))

        return self._database.write(work)

    def _void(self, session: Session, found: Calibration, by: str, tolerance_db: float) -> RemarkRow | None:
        """Exclude the span that a check spoils, unless that is done."""
        row, reference, drift = found.row, found.reference, found.drift_db
        if reference is None or drift is None or abs(drift) <= tolerance_db:
            return None
        text = (
            f"calibration {reference.id} of {timestamp(reference.at)} and {row.id} of {timestamp(row.at)} "
            f"differ by {drift:+g} dB; {tolerance_db:g} dB is tolerated"
        )
        same = select(RemarkRow).where(
            RemarkRow.calibration_id == row.id, RemarkRow.starts_at <= reference.at, RemarkRow.withdrawn_at.is_(None)
        )
        if session.scalars(same).first() is not None:
            return None
        remark = remarks.NewRemark(reference.at, row.at, "calibration", True, text, row.id)
        return remarks.put(session, row.unit_id, remark, by, self._now())

    def find(
        self,
        unit_id: str,
        *,
        starts_at: datetime | None = None,
        ends_at: datetime | None = None,
        limit: int = 100,
        before_id: int | None = None,
    ) -> list[Calibration]:
        """Checks from *starts_at* up to, but without, *ends_at*; the newest on record first, each with its drift."""
        query = (
            select(CalibrationRow)
            .where(CalibrationRow.unit_id == unit_id)
            .order_by(CalibrationRow.id.desc())
            .limit(limit)
        )
        if starts_at is not None:
            query = query.where(CalibrationRow.at >= starts_at)
        if ends_at is not None:
            query = query.where(CalibrationRow.at < ends_at)
        if before_id is not None:
            query = query.where(CalibrationRow.id < before_id)
        return self._database.read(lambda session: [_compared(session, row) for row in session.scalars(query).all()])

    def last(self, unit_id: str) -> Calibration | None:
        """The latest check of a unit, if there is one."""
        query = (
            select(CalibrationRow)
            .where(CalibrationRow.unit_id == unit_id)
            .order_by(CalibrationRow.at.desc(), CalibrationRow.id.desc())
            .limit(1)
        )

        def work(session: Session) -> Calibration | None:
            row = session.scalar(query)
            return None if row is None else _compared(session, row)

        return self._database.read(work)


_IS_ADJUSTMENT = and_(CalibrationRow.kind == "check", CalibrationRow.adjusted_db.is_not(None))
"""A ``check`` without an adjustment only looks; with one it ends a span and begins the next."""
_BEGINS_A_SPAN = or_(CalibrationRow.kind == "before", _IS_ADJUSTMENT)
_ENDS_A_SPAN = or_(CalibrationRow.kind == "after", _IS_ADJUSTMENT)


def _ends_a_span(row: CalibrationRow) -> bool:
    """The same as ``_ENDS_A_SPAN``, of a row."""
    return row.kind == "after" or (row.kind == "check" and row.adjusted_db is not None)


def _row_of(unit_id: str, new: NewCalibration, by: str, made_at: datetime) -> CalibrationRow:
    return CalibrationRow(
        unit_id=unit_id,
        at=new.at.astimezone(UTC),
        kind=new.kind,
        calibrator=new.calibrator,
        serial_number=new.serial_number,
        nominal_db=new.nominal_db,
        measured_db=new.measured_db,
        adjusted_db=new.adjusted_db,
        note=new.note,
        made_by=by[:128],
        made_at=made_at,
    )


def _reference_of(session: Session, row: CalibrationRow) -> CalibrationRow | None:
    if row.kind == "before":
        return None
    return session.scalar(
        select(CalibrationRow)
        .where(CalibrationRow.unit_id == row.unit_id, CalibrationRow.at < row.at, _BEGINS_A_SPAN)
        .order_by(CalibrationRow.at.desc(), CalibrationRow.id.desc())
        .limit(1)
    )


def _compared(session: Session, row: CalibrationRow) -> Calibration:
    reference = _reference_of(session, row)
    return Calibration(row) if reference is None else Calibration(row, reference, drift_db(reference, row))


def _next_end(session: Session, row: CalibrationRow) -> CalibrationRow | None:
    """The later check that ends the span which *row* begins, if it begins one and its end is on record."""
    found = session.scalar(
        select(CalibrationRow)
        .where(CalibrationRow.unit_id == row.unit_id, CalibrationRow.at > row.at, _ENDS_A_SPAN)
        .order_by(CalibrationRow.at, CalibrationRow.id)
        .limit(1)
    )
    if found is None:
        return None
    reference = _reference_of(session, found)
    return found if reference is not None and reference.id == row.id else None
