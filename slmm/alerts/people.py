"""Recipients as persons: a name and quiet hours for an address; an address nobody described has none."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import select

from slmm.errors import Invalid, NotFound
from slmm.storage.database import Database
from slmm.storage.models import RecipientRow


class People:
    """The address book."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def all(self) -> list[RecipientRow]:
        """Everybody, by address."""
        wanted = select(RecipientRow).order_by(RecipientRow.address)
        return self._database.read(lambda session: list(session.scalars(wanted)))

    def put(self, address: str, values: Mapping[str, Any]) -> RecipientRow:
        """Describe an address, all of it; raises Invalid for quiet hours with one end only."""
        unknown = {"name": None, "quiet_start": None, "quiet_end": None, "quiet_for_red": False, "timezone": None}
        row = RecipientRow(address=address, **{**unknown, **values})
        if bool(row.quiet_start) != bool(row.quiet_end):
            missing = "quiet_end" if row.quiet_start else "quiet_start"
            raise Invalid(f"{missing} is missing: quiet hours have two ends", field=missing)
        if row.quiet_start and row.quiet_start == row.quiet_end:
            raise Invalid(f"quiet_end {row.quiet_end} is quiet_start: nobody would ever be told", field="quiet_end")
        return self._database.write(lambda session: session.merge(row))

    def remove(self, address: str) -> None:
        """Forget what was known of an address; raises NotFound."""

        def erase(session: Any) -> None:
            row = session.get(RecipientRow, address)
            if row is None:
                raise NotFound(f"nothing is known of recipient {address!r}")
            session.delete(row)

        self._database.write(erase)
