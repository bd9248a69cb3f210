"""What was fetched from the SD cards and what came of it, file by file; rows outlive their unit."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from slmm.storage.database import Database
from slmm.storage.models import CardFileRow, RunRow

WAITING = "wanted"


class CardBook:
    """The rows of ``card_files``, and what runs say of their cards."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def put(self, unit_id: str, remote_path: str, sha256: str, **members: Any) -> CardFileRow:
        """Write what is known of one version of a file; one that is there already is changed."""

        def work(session: Session) -> CardFileRow:
            row = session.scalar(
                select(CardFileRow).where(
                    CardFileRow.unit_id == unit_id,
                    CardFileRow.remote_path == remote_path,
                    CardFileRow.sha256 == sha256,
                )
            )
            if row is None:
                row = CardFileRow(
                    unit_id=unit_id, remote_path=remote_path, sha256=sha256, rows=0, merged_rows=0, is_growing=False
                )
                session.add(row)
            for name, value in members.items():
                setattr(row, name, value)
            session.flush()
            return row

        return self._database.write(work)

    def files(
        self,
        unit_id: str,
        *,
        run_id: int | None = None,
        limit: int = 1000,
        before_id: int | None = None,
    ) -> list[CardFileRow]:
        """What was fetched from the cards of a unit, newest first."""
        query = select(CardFileRow).where(CardFileRow.unit_id == unit_id).order_by(CardFileRow.id.desc()).limit(limit)
        if run_id is not None:
            query = query.where(CardFileRow.run_id == run_id)
        if before_id is not None:
            query = query.where(CardFileRow.id < before_id)
        return self._database.read(lambda session: list(session.scalars(query)))

    def is_there(self, unit_id: str, remote_path: str, sha256: str) -> bool:
        """Whether this version of a file was kept before."""
        query = select(CardFileRow.id).where(
            CardFileRow.unit_id == unit_id, CardFileRow.remote_path == remote_path, CardFileRow.sha256 == sha256
        )
        return self._database.read(lambda session: session.scalar(query)) is not None

    def waiting_runs(self, ended_after: datetime) -> list[RunRow]:
        """Runs that have ended and whose files are still to be fetched, or of which nobody has said so yet."""
        is_new = RunRow.card_at.is_(None) & (RunRow.card == "none") & (RunRow.ended_at > ended_after)
        query = (
            select(RunRow).where(RunRow.ended_at.is_not(None), or_(RunRow.card == WAITING, is_new)).order_by(RunRow.id)
        )
        return self._database.read(lambda session: list(session.scalars(query)))
