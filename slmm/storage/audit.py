"""The audit log: committed before whoever asked is told what came of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import delete, select

from slmm.storage.database import Database
from slmm.storage.models import AuditRow


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """Who did what, when, from where, and what came of it."""

    entry_id: int
    at: datetime
    who: str
    how: str
    address: str
    action: str
    unit_id: str | None
    detail: Any
    outcome: str


class AuditLog:
    """Written once, never changed."""

    def __init__(self, database: Database, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._database = database
        self._now = now

    def write(
        self,
        *,
        who: str,
        how: str,
        address: str,
        action: str,
        outcome: str,
        unit_id: str | None = None,
        detail: Any = None,
    ) -> None:
        """Add an entry; it is in the database when this returns."""
        row = AuditRow(
            at=self._now(),
            who=who[:64],
            how=how,
            address=address[:64],
            action=action[:200],
            unit_id=unit_id,
            detail=detail,
            outcome=outcome[:64],
        )
        self._database.write(lambda session: session.add(row))

    def find(
        self,
        limit: int,
        *,
        before_id: int | None = None,
        who: str | None = None,
        unit_id: str | None = None,
        action: str | None = None,
    ) -> list[AuditEntry]:
        """Entries that fit, newest first; *action* is a part of it."""
        query = select(AuditRow).order_by(AuditRow.entry_id.desc()).limit(limit)
        if before_id is not None:
            query = query.where(AuditRow.entry_id < before_id)
        if who is not None:
            query = query.where(AuditRow.who == who)
        if unit_id is not None:
            query = query.where(AuditRow.unit_id == unit_id)
        if action is not None:
            query = query.where(AuditRow.action.contains(action, autoescape=True))
        rows = self._database.read(lambda session: list(session.scalars(query)))
        return [AuditEntry(**{name: getattr(row, name) for name in AuditEntry.__slots__}) for row in rows]

    def prune(self, before: datetime) -> None:
        """Remove what is older."""
        self._database.write(lambda session: session.execute(delete(AuditRow).where(AuditRow.at < before)))
