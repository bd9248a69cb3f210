"""What people say about moments and spans of a unit's record; what excludes takes the span out of the judged figures.

A remark is withdrawn, never deleted: what was judged without a span can be explained afterwards.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import and_, func, or_, select
from sqlalchemy.orm import Session

from slmm.errors import Invalid, NotFound
from slmm.storage.database import Database
from slmm.storage.models import RemarkRow

REASONS = ("remark", "weather", "calibration", "foreign", "fault", "other")
"""``foreign`` is sound that is not the site's."""


@dataclass(frozen=True, slots=True)
class NewRemark:
    """A remark to be made; for one about a moment both ends are the same."""

    starts_at: datetime
    ends_at: datetime
    reason: str
    excludes: bool
    text: str
    calibration_id: int | None = None


@dataclass(frozen=True, slots=True)
class Exclusion:
    """A span that counts in no judged figure, why, and who says so."""

    starts_at: datetime
    ends_at: datetime
    reason: str
    who: str
    text: str
    remark_id: int


def check(remark: NewRemark) -> None:
    """Raise Invalid for one that makes no sense."""
    if remark.reason not in REASONS:
        raise Invalid(f"reason {remark.reason!r} is not allowed; it is one of {', '.join(REASONS)}", field="reason")
    if remark.ends_at < remark.starts_at:
        raise Invalid(
            f"ends_at {remark.ends_at.isoformat()} is before starts_at {remark.starts_at.isoformat()}", field="ends_at"
        )
    if remark.excludes and remark.ends_at == remark.starts_at:
        raise Invalid(
            f"excludes true needs a span, but both ends are {remark.starts_at.isoformat()}",
            field="ends_at",
        )


def put(session: Session, unit_id: str, remark: NewRemark, by: str, at: datetime) -> RemarkRow:
    """Write a checked remark within a transaction; *by* says who makes it, *at* when."""
    check(remark)
    row = RemarkRow(
        unit_id=unit_id,
        starts_at=remark.starts_at.astimezone(UTC),
        ends_at=remark.ends_at.astimezone(UTC),
        reason=remark.reason,
        excludes=remark.excludes,
        text=remark.text,
        made_by=by[:128],
        made_at=at,
        calibration_id=remark.calibration_id,
    )
    session.add(row)
    session.flush()
    return row


class RemarkBook:
    """Remarks of all units, those that are gone included."""

    def __init__(self, database: Database, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._database = database
        self._now = now

    def add(self, unit_id: str, remark: NewRemark, by: str) -> RemarkRow:
        """Make a remark; raises Invalid."""
        check(remark)
        return self._database.write(lambda session: put(session, unit_id, remark, by, self._now()))

    def withdraw(self, unit_id: str, remark_id: int, by: str) -> RemarkRow:
        """It counts no more; one that was withdrawn before stays as it is. Raises NotFound."""

        def work(session: Session) -> RemarkRow:
            row = _get(session, unit_id, remark_id)
            if row.withdrawn_at is None:
                row.withdrawn_by, row.withdrawn_at = by[:128], self._now()
            session.flush()
            return row

        return self._database.write(work)

    def get(self, unit_id: str, remark_id: int) -> RemarkRow:
        """One remark; raises NotFound."""
        return self._database.read(lambda session: _get(session, unit_id, remark_id))

    def find(
        self,
        unit_id: str,
        *,
        starts_at: datetime | None = None,
        ends_at: datetime | None = None,
        with_withdrawn: bool = False,
        limit: int = 100,
        before_id: int | None = None,
    ) -> list[RemarkRow]:
        """Remarks that touch the span from *starts_at* up to, but without, *ends_at*; the newest made first."""
        query = select(RemarkRow).where(RemarkRow.unit_id == unit_id).order_by(RemarkRow.id.desc()).limit(limit)
        if ends_at is not None:
            query = query.where(RemarkRow.starts_at < ends_at)
        if starts_at is not None:
            is_moment = and_(RemarkRow.starts_at == RemarkRow.ends_at, RemarkRow.ends_at >= starts_at)
            query = query.where(or_(RemarkRow.ends_at > starts_at, is_moment))
        if not with_withdrawn:
            query = query.where(RemarkRow.withdrawn_at.is_(None))
        if before_id is not None:
            query = query.where(RemarkRow.id < before_id)
        return self._database.read(lambda session: list(session.scalars(query)))

    def exclusions(self, unit_id: str, starts_at: datetime, ends_at: datetime) -> list[Exclusion]:
        """What is taken out of the figures of a span, by its beginning; spans may overlap and reach beyond it."""
        query = (
            select(RemarkRow)
            .where(
                RemarkRow.unit_id == unit_id,
                RemarkRow.excludes,
                RemarkRow.withdrawn_at.is_(None),
                RemarkRow.starts_at < ends_at,
                RemarkRow.ends_at > starts_at,
            )
            .order_by(RemarkRow.starts_at, RemarkRow.id)
        )
        rows = self._database.read(lambda session: list(session.scalars(query)))
        return [Exclusion(row.starts_at, row.ends_at, row.reason, row.made_by, row.text, row.id) for row in rows]

    def exclusion_marks(self) -> dict[str, tuple[int, int]]:
        """Of each unit how many exclusions hold and which is the newest: another when they are others."""
        query = (
            select(RemarkRow.unit_id, func.count(RemarkRow.id), func.max(RemarkRow.id))
            .where(RemarkRow.excludes, RemarkRow.withdrawn_at.is_(None))
            .group_by(RemarkRow.unit_id)
        )
        rows = self._database.read(lambda session: list(session.execute(query)))
        return {unit_id: (count, newest) for unit_id, count, newest in rows}


def _get(session: Session, unit_id: str, remark_id: int) -> RemarkRow:
    row = session.get(RemarkRow, remark_id)
    if row is None or row.unit_id != unit_id:
        raise NotFound(f"{unit_id} has no remark {remark_id}")
    return row
