"""Takes over the database of an SLMM 0.4.0: rows are checked as REST checks them, and none is lost silently.

Facts about the old tables are those of its models: levels are text, times are naive UTC.
"""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from pydantic import ValidationError
from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from slmm.errors import Invalid
from slmm.storage.models import DeviceRow, EventRow, LogRow, ReadingRow, RuleRow, StatusRow
from slmm.web.api.models import NewDevice
from slmm.web.legacy_rows import UNUSABLE, Row, event_of, instant, level, number, reason, rule_of, status_of, why

BATCH = 5000
LEAST_POLL_S, MOST_POLL_S = 30, 21_600


@dataclass(slots=True)
class Kind:
    """What became of one table."""

    name: str
    taken: int = 0
    present: int = 0
    """Was here already, and stays as it is."""
    skipped: list[str] = field(default_factory=list)
    """What could not be taken, and why."""
    changed: list[str] = field(default_factory=list)
    """What was taken with a change, and which."""


@contextmanager
def opened(path: Path, called: str = "") -> Iterator[sqlite3.Connection]:
    """A copy of the old database, so that it may be in use; raises Invalid when it is none.

    *called* is what people know it by, where that is not its path.
    """
    called = called or str(path)
    if not path.is_file():
        raise Invalid(f"there is no database at {path}")
    with tempfile.TemporaryDirectory(prefix="slmm-import-") as directory:
        copy = Path(directory) / "old.db"
        try:
            with (
                closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as source,
                closing(sqlite3.connect(copy)) as destination,
            ):
                source.backup(destination)
            with closing(sqlite3.connect(copy)) as old:
                old.row_factory = sqlite3.Row
                old.execute("pragma trusted_schema = off")  # it may come from anywhere
                tables = {row[0] for row in old.execute("select name from sqlite_master where type = 'table'")}
                if "alembic_version" in tables:
                    raise Invalid(f"{called} is a database of this SLMM, not of 0.4.0; slmm restore takes backups")
                if "nl43_config" not in tables:
                    raise Invalid(f"{called} is no database of SLMM 0.4.0: it has no table nl43_config")
                yield old
        except sqlite3.DatabaseError as error:
            raise Invalid(f"{called} cannot be read as a database: {error}") from error


class Takeover:
    """One import, within one transaction of the new database."""

    def __init__(
        self, old: sqlite3.Connection, session: Session, seal: Callable[[str], str], *, replace: bool = False
    ) -> None:
        self._old = old
        self._session = session
        self._seal = seal
        self._replace = replace
        self._tables = {row[0] for row in old.execute("select name from sqlite_master where type = 'table'")}
        self._rule_ids: dict[int, int] = {0: 0}

    def run(self) -> list[Kind]:
        """Everything there is, table by table."""
        return [
            self._devices(Kind("devices")),
            self._statuses(Kind("status")),
            self._readings(Kind("readings")),
            self._rules(Kind("alert rules")),
            self._events(Kind("alert events")),
            self._logs(Kind("device logs")),
        ]

    def _rows(self, table: str) -> Iterator[Row]:
        """Rows as dictionaries; a table or column that an older version lacks is simply not there."""
        if table not in self._tables:
            return
        for row in self._old.execute(f"select * from {table} order by rowid"):
            yield dict(row)

    def _units(self) -> set[str]:
        return set(self._session.scalars(select(DeviceRow.unit_id)))

    # -- units ----------------------------------------------------------------------------------------

    def _devices(self, kind: Kind) -> Kind:
        known = self._units()
        for row in self._rows("nl43_config"):
            unit_id = str(row.get("unit_id"))
            if unit_id in known and not self._replace:
                kind.present += 1
                continue
            wanted = {name: row[name] for name in NewDevice.model_fields if row.get(name) is not None}
            for name in ("tcp_enabled", "ftp_enabled", "web_enabled", "poll_enabled", "monitor_enabled"):
                if name in wanted:
                    wanted[name] = bool(wanted[name])
            self._fit_interval(wanted, kind)
            try:
                checked = NewDevice(**wanted)
            except ValidationError as error:
                kind.skipped.append(f"{unit_id!r}: {why(error)}")
                continue
            values = {**_DEVICE_DEFAULTS, **checked.model_dump(exclude_none=True)}
            if values["ftp_password"]:
                values["ftp_password"] = self._seal(values["ftp_password"])
            self._session.merge(DeviceRow(**values))
            kind.taken += 1
        self._session.flush()
        return kind

    @staticmethod
    def _fit_interval(wanted: Row, kind: Kind) -> None:
        given = wanted.get("poll_interval_seconds")
        if isinstance(given, int) and not LEAST_POLL_S <= given <= MOST_POLL_S:
            fitting = min(max(given, LEAST_POLL_S), MOST_POLL_S)
            kind.changed.append(f"{wanted.get('unit_id')!r}: polled every {fitting} s instead of {given} s")
            wanted["poll_interval_seconds"] = fitting

    def _statuses(self, kind: Kind) -> Kind:
        known, present = self._units(), set(self._session.scalars(select(StatusRow.unit_id)))
        for row in self._rows("nl43_status"):
            unit_id = str(row.get("unit_id"))
            if unit_id in present and not self._replace:
                kind.present += 1
                continue
            try:
                if unit_id not in known:
                    raise ValueError("there is no such unit")
                self._session.merge(StatusRow(**status_of(row)))
            except UNUSABLE as error:
                kind.skipped.append(f"{unit_id!r}: {reason(error)}")
            else:
                kind.taken += 1
        self._session.flush()
        return kind

    def _readings(self, kind: Kind) -> Kind:
        known = self._units()
        present: dict[str, set[datetime]] = {}
        batch: list[Row] = []
        for row in self._rows("nl43_readings"):
            unit_id = str(row.get("unit_id"))
            try:
                if unit_id not in known:
                    raise ValueError("there is no such unit")
                at = instant(row["timestamp"])
                if at is None:
                    raise ValueError("it has no time")
                levels = {name: level(row.get(name)) for name in ("lp", "leq", "lmax", "ln1", "ln2")}
            except UNUSABLE as error:
                kind.skipped.append(f"{unit_id!r} at {row.get('timestamp')}: {reason(error)}")
                continue
            if unit_id not in present:
                there = select(ReadingRow.timestamp).where(ReadingRow.unit_id == unit_id)
                present[unit_id] = set(self._session.scalars(there))
            if at in present[unit_id]:
                kind.present += 1
                continue
            present[unit_id].add(at)
            batch.append({"unit_id": unit_id, "timestamp": at, **levels})
            if len(batch) >= BATCH:
                self._session.execute(insert(ReadingRow), batch)
                batch = []
            kind.taken += 1
        if batch:
            self._session.execute(insert(ReadingRow), batch)
        return kind

    # -- alerts and logs ------------------------------------------------------------------------------

    def _rules(self, kind: Kind) -> Kind:
        known = self._units()
        for row in self._rows("alert_rules"):
            try:
                values, old_id = rule_of(row, known), int(row["id"])
            except UNUSABLE as error:
                kind.skipped.append(f"rule {row.get('id')} ({row.get('name')!r}): {reason(error)}")
                continue
            same = select(RuleRow).where(
                *(getattr(RuleRow, name) == values[name] for name in ("unit_id", "name", "metric", "created_at"))
            )
            rule = self._session.scalar(same)
            if rule is None:
                rule = RuleRow(**values)
                self._session.add(rule)
                self._session.flush()
                kind.taken += 1
            else:
                kind.present += 1
            self._rule_ids[old_id] = rule.id
        return kind

    def _events(self, kind: Kind) -> Kind:
        rows = sorted(self._rows("alert_events"), key=lambda row: number(row.get("id")))
        # One event of a rule and unit can be open: the newest.
        newest = {(row.get("rule_id"), row.get("unit_id")): row.get("id") for row in rows if not row.get("clear_at")}
        for row in rows:
            try:
                values = event_of(row)
            except UNUSABLE as error:
                kind.skipped.append(f"event {row.get('id')}: {reason(error)}")
                continue
            values["rule_id"] = self._rule_ids.get(number(row.get("rule_id")), 0)
            is_newest = newest.get((row.get("rule_id"), row.get("unit_id"))) == row.get("id")
            has_rule = values["rule_id"] != 0 or values["metric"] == "connectivity"
            if values["clear_at"] is None and not (is_newest and has_rule):
                values |= {"clear_at": values["onset_at"], "status": "cleared", "end_reason": "orphaned"}
            same = select(EventRow.id).where(
                *(getattr(EventRow, name) == values[name] for name in ("unit_id", "metric", "onset_at", "rule_name"))
            )
            if self._session.scalar(same) is not None:
                kind.present += 1
                continue
            self._session.add(EventRow(**values))
            self._session.flush()
            kind.taken += 1
        return kind

    def _logs(self, kind: Kind) -> Kind:
        known = self._units()
        present: dict[str, set[tuple[datetime, str]]] = {}
        for row in self._rows("device_logs"):
            unit_id = str(row.get("unit_id"))
            try:
                at = instant(row.get("timestamp"))
            except UNUSABLE:
                at = None
            if unit_id not in known or at is None:
                kind.skipped.append(f"entry {row.get('id')} of {unit_id!r}: no such unit, or no time")
                continue
            if unit_id not in present:
                there = select(LogRow.timestamp, LogRow.message).where(LogRow.unit_id == unit_id)
                present[unit_id] = {(found.timestamp, found.message) for found in self._session.execute(there)}
            message = str(row.get("message"))
            if (at, message) in present[unit_id]:
                kind.present += 1
                continue
            grade, category = str(row.get("level") or "INFO")[:10], str(row.get("category") or "GENERAL")[:16]
            self._session.add(LogRow(unit_id=unit_id, timestamp=at, level=grade, category=category, message=message))
            kind.taken += 1
        self._session.flush()
        return kind


_DEVICE_DEFAULTS: Row = {
    "tcp_port": 2255,
    "ftp_port": 21,
    "tcp_enabled": True,
    "ftp_enabled": False,
    "ftp_username": None,
    "ftp_password": None,
    "web_enabled": False,
    "poll_enabled": True,
    "poll_interval_seconds": 60,
    "monitor_enabled": False,
    "is_active": True,
}
