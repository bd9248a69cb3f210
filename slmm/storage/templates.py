"""Sets of meter settings that people have named and kept."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from slmm.errors import Conflict, NotFound
from slmm.storage.database import Database
from slmm.storage.models import SettingsTemplateRow

MOST_TEMPLATES = 200


class SettingsTemplates:
    """All of them; every call goes to the database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def all(self) -> list[SettingsTemplateRow]:
        """By name."""
        wanted = select(SettingsTemplateRow).order_by(SettingsTemplateRow.name)
        return self._database.read(lambda session: list(session.scalars(wanted)))

    def add(self, name: str, note: str, settings: Mapping[str, str], made_by: str) -> SettingsTemplateRow:
        """Keep one; raises Conflict when the name is taken or there are too many."""
        row = SettingsTemplateRow(
            name=name, note=note, settings=dict(settings), made_by=made_by, made_at=datetime.now(UTC)
        )

        def keep(session: Session) -> SettingsTemplateRow:
            if session.scalar(select(SettingsTemplateRow.id).where(SettingsTemplateRow.name == name)) is not None:
                raise Conflict(f"there is a template {name!r} already")
            if (session.scalar(select(func.count(SettingsTemplateRow.id))) or 0) >= MOST_TEMPLATES:
                raise Conflict(f"there are {MOST_TEMPLATES} templates already; remove one first")
            session.add(row)
            session.flush()
            return row

        return self._database.write(keep)

    def remove(self, template_id: int) -> None:
        """Forget one; raises NotFound."""

        def forget(session: Session) -> None:
            row = session.get(SettingsTemplateRow, template_id)
            if row is None:
                raise NotFound(f"there is no template {template_id}")
            session.delete(row)

        self._database.write(forget)
