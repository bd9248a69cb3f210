"""Runs on record: one row for each measurement of each meter; rows outlive their unit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from slmm.errors import NotFound
from slmm.events import RunChange
from slmm.storage.database import Database
from slmm.storage.models import RunRow


@dataclass(frozen=True, slots=True)
class Beginning:
    """A run that began, or was found running."""

    unit_id: str
    started_at: datetime
    is_exact: bool
    settings: Mapping[str, str]
    fingerprint: str | None = None
    store_name: str | None = None


def begin(session: Session, run: Beginning) -> list[RunChange]:
    """Open a row; what is still open of the unit is ended by it. Doing it again changes nothing.

    A run that was found running cannot have begun before the one before it ended.
    """
    told = []
    row = open_row(session, run.unit_id)
    latest_end = session.scalar(select(func.max(RunRow.ended_at)).where(RunRow.unit_id == run.unit_id))
    started_at = run.started_at if run.is_exact or latest_end is None else max(run.started_at, latest_end)
    if row is not None and row.started_at != started_at:
        told += finish(session, run.unit_id, started_at, is_exact=False, how="superseded")
        row = None
    if row is None:
        row = RunRow(
            unit_id=run.unit_id,
            store_name=run.store_name,
            started_at=started_at,
            is_start_exact=run.is_exact,
            is_end_exact=False,
            fingerprint=run.fingerprint,
            settings=dict(run.settings) or None,
            card="none",
        )
        session.add(row)
        session.flush()
    return [*told, change_of(row, "started", row.started_at)]


def finish(session: Session, unit_id: str, ended_at: datetime, *, is_exact: bool, how: str) -> list[RunChange]:
    """End the open row of a unit; nothing where none is open."""
    row = open_row(session, unit_id)
    if row is None:
        return []
    row.ended_at = max(ended_at, row.started_at)
    row.is_end_exact, row.how = is_exact, how
    session.flush()
    return [change_of(row, "ended", row.ended_at)]


def describe(
    session: Session,
    unit_id: str,
    at: datetime,
    *,
    store_name: str | None,
    settings: Mapping[str, str],
    fingerprint: str | None,
) -> list[RunChange]:
    """More is known of the newest run of a unit, which may have ended; *at* is when it was learned."""
    row = session.scalar(select(RunRow).where(RunRow.unit_id == unit_id).order_by(RunRow.id.desc()).limit(1))
    if row is None:
        return []
    row.store_name, row.settings, row.fingerprint = store_name, dict(settings) or None, fingerprint
    session.flush()
    return [change_of(row, "described", at)]


def open_row(session: Session, unit_id: str) -> RunRow | None:
    """The run of a unit that has not ended."""
    return session.scalar(select(RunRow).where(RunRow.unit_id == unit_id, RunRow.ended_at.is_(None)))


def change_of(row: RunRow, change: str, at: datetime) -> RunChange:
    """What is told of a row."""
    return RunChange(
        unit_id=row.unit_id,
        at=at,
        run_id=row.id,
        change=change,
        started_at=row.started_at,
        is_start_exact=row.is_start_exact,
        ended_at=row.ended_at,
        is_end_exact=row.is_end_exact,
        how=row.how,
        store_name=row.store_name,
    )


class RunBook:
    """Finds runs."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def find(
        self,
        unit_id: str,
        *,
        starts_at: datetime | None = None,
        ends_at: datetime | None = None,
        limit: int = 100,
        before_id: int | None = None,
    ) -> list[RunRow]:
        """Runs that touch the span from *starts_at* up to, but without, *ends_at*; newest first."""
        query = select(RunRow).where(RunRow.unit_id == unit_id).order_by(RunRow.id.desc()).limit(limit)
        if ends_at is not None:
            query = query.where(RunRow.started_at < ends_at)
        if starts_at is not None:
            query = query.where(or_(RunRow.ended_at.is_(None), RunRow.ended_at > starts_at))
        if before_id is not None:
            query = query.where(RunRow.id < before_id)
        return self._database.read(lambda session: list(session.scalars(query)))

    def get(self, unit_id: str, run_id: int) -> RunRow:
        """One run; raises NotFound."""
        row = self._database.read(lambda session: session.get(RunRow, run_id))
        if row is None or row.unit_id != unit_id:
            raise NotFound(f"{unit_id} has no run {run_id}")
        return row

    def open_runs(self) -> list[RunRow]:
        """Those of all units that have not ended."""
        query = select(RunRow).where(RunRow.ended_at.is_(None))
        return self._database.read(lambda session: list(session.scalars(query)))

    def change(self, run_id: int, **members: Any) -> RunRow:
        """Write what became of a run's files: ``card``, ``card_note``, ``card_at``, ``store_name``; raises NotFound."""

        def work(session: Session) -> RunRow:
            row = session.get(RunRow, run_id)
            if row is None:
                raise NotFound(f"there is no run {run_id}")
            for name, value in members.items():
                setattr(row, name, value)
            session.flush()
            return row

        return self._database.write(work)
