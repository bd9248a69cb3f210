"""The log of each device: taken from the signal, written behind, read by page, pruned by age."""

from __future__ import annotations

import logging
from collections import deque
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from sqlalchemy import ColumnElement, CursorResult, delete, func, insert, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from slmm.events import LogEntry
from slmm.signals import logged
from slmm.storage.batch import why
from slmm.storage.database import Database
from slmm.storage.models.journal import LogRow

logger = logging.getLogger(__name__)

MOST_PENDING = 50_000
"""Entries kept while the database cannot be written; then the oldest go."""
MOST_AT_ONCE = 5_000


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which entries of the logs of many units."""

    units: frozenset[str] | None = None
    """None: all, also those that are no longer on the roster."""
    levels: frozenset[str] | None = None
    category: str | None = None
    text: str | None = None
    from_at: datetime | None = None
    until_at: datetime | None = None
    before_id: int | None = None
    after_id: int | None = None
    limit: int = 200


class DeviceLog:
    """All devices' logs."""

    def __init__(self, database: Database) -> None:
        self.last_error: str | None = None
        self._database = database
        self._pending: deque[dict[str, Any]] = deque(maxlen=MOST_PENDING)

    def start(self) -> None:
        """Listen."""
        logged.connect(self.on_entry, weak=False)

    def stop(self) -> None:
        """Write what is left."""
        logged.disconnect(self.on_entry)
        self.flush()

    def on_entry(self, sender: str, event: LogEntry) -> None:
        """Receiver of ``logged``."""
        self._pending.append(
            {
                "unit_id": event.unit_id,
                "timestamp": event.at,
                "level": event.level.value,
                "category": event.category.value,
                "message": event.message,
            }
        )

    def flush(self) -> None:
        """Write what waits; on failure it stays, and the next call tries again."""
        while self._pending:
            rows = [self._pending.popleft() for _ in range(min(len(self._pending), MOST_AT_ONCE))]
            try:
                self._database.write(partial(_insert, rows))
            except (SQLAlchemyError, OSError) as error:
                self._pending.extendleft(reversed(rows))
                level = logging.DEBUG if self.last_error else logging.WARNING
                self.last_error = why(error)
                logger.log(level, "device logs cannot be written and wait in memory: %s", self.last_error)
                return
            self.last_error = None

    def page(
        self, unit_id: str, *, limit: int, offset: int = 0, level: str | None = None, category: str | None = None
    ) -> list[dict[str, Any]]:
        """Entries of a unit, newest first: id, timestamp (aware UTC), level, category, message."""
        self.flush()
        wanted = select(LogRow.id, LogRow.timestamp, LogRow.level, LogRow.category, LogRow.message)
        wanted = wanted.where(LogRow.unit_id == unit_id)
        if level is not None:
            wanted = wanted.where(LogRow.level == level)
        if category is not None:
            wanted = wanted.where(LogRow.category == category)
        wanted = wanted.order_by(LogRow.id.desc()).offset(offset).limit(limit)
        return self._database.read(lambda session: [dict(row) for row in session.execute(wanted).mappings()])

    @property
    def pending(self) -> int:
        """Entries not written yet."""
        return len(self._pending)

    def search(self, wanted: Wanted) -> list[dict[str, Any]]:
        """Entries of many units, newest first: id, unit_id, timestamp (aware UTC), level, category, message."""
        self.flush()
        columns = (LogRow.id, LogRow.unit_id, LogRow.timestamp, LogRow.level, LogRow.category, LogRow.message)
        rows = select(*columns).where(*_conditions(wanted)).order_by(LogRow.id.desc()).limit(wanted.limit)
        return self._database.read(lambda session: [dict(row) for row in session.execute(rows).mappings()])

    def counts(self, unit_id: str) -> dict[str, Any]:
        """How many entries there are, by level and category, and from when to when."""
        return self._database.read(lambda session: _counts(session, unit_id))

    def clear(self, unit_id: str) -> int:
        """Forget a unit's entries; how many."""
        self.flush()
        return self._delete(LogRow.unit_id == unit_id)

    def prune(self, before: datetime) -> int:
        """Forget what is older than *before*; how many."""
        return self._delete(LogRow.timestamp < before)

    def _delete(self, condition: Any) -> int:
        result = self._database.write(lambda session: session.execute(delete(LogRow).where(condition)))
        return result.rowcount if isinstance(result, CursorResult) else 0


def _conditions(wanted: Wanted) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if wanted.units is not None:
        found.append(LogRow.unit_id.in_(wanted.units))
    if wanted.levels is not None:
        found.append(LogRow.level.in_(wanted.levels))
    if wanted.category is not None:
        found.append(LogRow.category == wanted.category)
    if wanted.text:
        found.append(LogRow.message.icontains(wanted.text, autoescape=True))
    if wanted.from_at is not None:
        found.append(LogRow.timestamp >= wanted.from_at)
    if wanted.until_at is not None:
        found.append(LogRow.timestamp < wanted.until_at)
    if wanted.before_id is not None:
        found.append(LogRow.id < wanted.before_id)
    if wanted.after_id is not None:
        found.append(LogRow.id > wanted.after_id)
    return found


def _insert(rows: list[dict[str, Any]], session: Session) -> None:
    session.execute(insert(LogRow), rows)


def _counts(session: Session, unit_id: str) -> dict[str, Any]:
    of_unit = LogRow.unit_id == unit_id
    grouped = session.execute(
        select(LogRow.level, LogRow.category, func.count()).where(of_unit).group_by(LogRow.level, LogRow.category)
    ).all()
    by_level: dict[str, int] = {}
    by_category: dict[str, int] = {}
    for level, category, count in grouped:
        by_level[level] = by_level.get(level, 0) + count
        by_category[category] = by_category.get(category, 0) + count
    oldest, newest = session.execute(
        select(func.min(LogRow.timestamp), func.max(LogRow.timestamp)).where(of_unit)
    ).one()
    return {
        "total": sum(by_level.values()),
        "by_level": by_level,
        "by_category": by_category,
        "oldest": oldest,
        "newest": newest,
    }
