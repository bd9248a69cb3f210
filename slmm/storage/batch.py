"""One batch of what is written behind, and how it gets into the tables: whole, or without its bad rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Table, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, StatementError
from sqlalchemy.orm import Session

from slmm.storage.board import UnitStatus, to_row
from slmm.storage.database import Database
from slmm.storage.models import DeviceRow, ReadingRow, StatusRow

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Batch:
    """Statuses and trail rows that belong in one transaction."""

    statuses: list[UnitStatus]
    rows: list[Row]

    def __len__(self) -> int:
        return len(self.statuses) + len(self.rows)

    def halves(self) -> tuple[Batch, Batch]:
        """Two batches of about the same size."""
        status, row = (len(self.statuses) + 1) // 2, len(self.rows) // 2
        return (
            Batch(self.statuses[:status], self.rows[:row]),
            Batch(self.statuses[status:], self.rows[row:]),
        )


def store(database: Database, batch: Batch) -> list[str]:
    """Write the batch in one transaction; the same batch may be written again.

    One row that the database refuses for its content must not hold up all others for ever: such a batch is
    halved until the row stands alone, and the row is left out. Returns a sentence for each row left out.
    """
    try:
        database.write(lambda session: _write(session, batch))
    except (DataError, IntegrityError, StatementError, ValueError, OverflowError) as error:
        if not _is_about_a_row(error):
            raise
        if len(batch) == 1:
            unit_id = batch.statuses[0].unit_id if batch.statuses else batch.rows[0]["unit_id"]
            return [f"{unit_id}: {why(error)}"]
    else:
        return []
    return [refusal for half in batch.halves() for refusal in store(database, half)]


def why(error: Exception) -> str:
    """What the database said, without the statement."""
    return str(error.orig if isinstance(error, StatementError) and error.orig else error)


def _is_about_a_row(error: Exception) -> bool:
    """Whether other rows may fare better; a lock, a full disk or a missing table strikes all alike."""
    return isinstance(error, (DataError, IntegrityError)) or not isinstance(error, DBAPIError)


def _write(session: Session, batch: Batch) -> None:
    """A unit that has been removed meanwhile gets no rows: they would bring it back."""
    known = set(session.scalars(select(DeviceRow.unit_id)))
    connection = session.connection()
    statuses = [to_row(status) for status in batch.statuses if status.unit_id in known]
    _upsert(connection, StatusRow.metadata.tables[StatusRow.__tablename__], statuses)
    rows = [row for row in batch.rows if row["unit_id"] in known]
    _insert_new(connection, ReadingRow.metadata.tables[ReadingRow.__tablename__], rows)


def _upsert(connection: Connection, table: Table, rows: list[Row]) -> None:
    if not rows:
        return
    keys = [column.name for column in table.primary_key]
    statement = _dialect(connection).insert(table)
    fresh = {name: statement.excluded[name] for name in rows[0] if name not in keys}
    connection.execute(statement.on_conflict_do_update(index_elements=keys, set_=fresh), rows)


def _insert_new(connection: Connection, table: Table, rows: list[Row]) -> None:
    """Rows already there stay as they are: the last attempt may have succeeded without our knowing."""
    if rows:
        connection.execute(_dialect(connection).insert(table).on_conflict_do_nothing(), rows)


def _dialect(connection: Connection) -> Any:
    """Both databases speak ``on conflict``, each with an ``insert`` of its own."""
    return {"sqlite": sqlite, "postgresql": postgresql}[connection.dialect.name]
