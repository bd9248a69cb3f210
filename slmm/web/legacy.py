"""Takes over the database of an SLMM 0.4.0: rows are checked as REST checks them, and none is lost silently.

Facts about the old tables are those of its models: levels are text, times are naive UTC.
"""

from __future__ import annotations

import math
import re
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from slmm.errors import Garbled, Invalid
from slmm.nl43.readings import parse_level, parse_run_state
from slmm.storage.models import DeviceRow, EventRow, LogRow, ReadingRow, RuleRow, StatusRow
from slmm.web.api.models import NewDevice
from slmm.web.context import UNIT_ID

BATCH = 5000
LEAST_POLL_S, MOST_POLL_S = 30, 21_600
METRICS = frozenset({"lp", "leq", "lmax", "lmin", "lpeak", "ln1", "ln2"})
_TIME_OF_DAY = re.compile(r"([01]\d|2[0-3]):[0-5]\d")
_DAYS = re.compile(r"[0-6](,[0-6])*")

Row = dict[str, Any]


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
            unit_id = str(row["unit_id"])
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
                kind.skipped.append(f"{unit_id!r}: {_why(error)}")
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
            kind.changed.append(f"{wanted['unit_id']!r}: polled every {fitting} s instead of {given} s")
            wanted["poll_interval_seconds"] = fitting

    def _statuses(self, kind: Kind) -> Kind:
        known, present = self._units(), set(self._session.scalars(select(StatusRow.unit_id)))
        for row in self._rows("nl43_status"):
            unit_id = str(row["unit_id"])
            if unit_id in present and not self._replace:
                kind.present += 1
                continue
            try:
                if unit_id not in known:
                    raise ValueError("there is no such unit")
                self._session.merge(StatusRow(**_status(row)))
            except (ValueError, Garbled) as error:
                kind.skipped.append(f"{unit_id!r}: {error}")
            else:
                kind.taken += 1
        self._session.flush()
        return kind

    def _readings(self, kind: Kind) -> Kind:
        known = self._units()
        present: dict[str, set[datetime]] = {}
        batch: list[Row] = []
        for row in self._rows("nl43_readings"):
            unit_id = str(row["unit_id"])
            try:
                if unit_id not in known:
                    raise ValueError("there is no such unit")
                at = _instant(row["timestamp"])
                if at is None:
                    raise ValueError("it has no time")
                levels = {name: _level(row.get(name)) for name in ("lp", "leq", "lmax", "ln1", "ln2")}
            except (ValueError, Garbled) as error:
                kind.skipped.append(f"{unit_id!r} at {row['timestamp']}: {error}")
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
                values = _rule(row, known)
            except ValueError as error:
                kind.skipped.append(f"rule {row['id']} ({row.get('name')!r}): {error}")
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
            self._rule_ids[int(row["id"])] = rule.id
        return kind

    def _events(self, kind: Kind) -> Kind:
        rows = sorted(self._rows("alert_events"), key=lambda row: int(row["id"]))
        # One event of a rule and unit can be open: the newest.
        newest = {(row["rule_id"], row["unit_id"]): row["id"] for row in rows if not row.get("clear_at")}
        for row in rows:
            try:
                values = _event(row)
            except ValueError as error:
                kind.skipped.append(f"event {row['id']}: {error}")
                continue
            values["rule_id"] = self._rule_ids.get(int(row["rule_id"]), 0)
            is_newest = newest.get((row["rule_id"], row["unit_id"])) == row["id"]
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
            unit_id, at = str(row["unit_id"]), _instant(row["timestamp"])
            if unit_id not in known or at is None:
                kind.skipped.append(f"entry {row['id']} of {unit_id!r}: no such unit, or no time")
                continue
            if unit_id not in present:
                there = select(LogRow.timestamp, LogRow.message).where(LogRow.unit_id == unit_id)
                present[unit_id] = {(found.timestamp, found.message) for found in self._session.execute(there)}
            message = str(row["message"])
            if (at, message) in present[unit_id]:
                kind.present += 1
                continue
            level, category = str(row["level"] or "INFO")[:10], str(row["category"] or "GENERAL")[:16]
            self._session.add(LogRow(unit_id=unit_id, timestamp=at, level=level, category=category, message=message))
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


def _why(error: ValidationError) -> str:
    """Every field and what is wrong with it; values only where they are no secret."""
    found = []
    for item in error.errors(include_url=False):
        name = str(item["loc"][0])
        shown = "" if "password" in name else f" {item.get('input')!r}"
        found.append(f"{name}{shown}: {item['msg'].removeprefix('Value error, ')}")
    return "; ".join(found)


def _level(text: object) -> float | None:
    """Text, a number, or nothing; raises Garbled for what is no level."""
    if text is None or text == "":
        return None
    return parse_level(f"{text:.1f}" if isinstance(text, (int, float)) else str(text))


def _instant(text: object) -> datetime | None:
    """Naive text is UTC; raises ValueError."""
    if text is None or text == "":
        return None
    at = datetime.fromisoformat(str(text))
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)


def _status(row: Row) -> Row:
    texts = ("raw_payload", "battery_level", "power_source", "sd_remaining_mb", "sd_free_ratio", "last_error")
    counter = str(row.get("counter") or "").strip()
    return {
        "unit_id": row["unit_id"],
        "measurement_state": parse_run_state(str(row.get("measurement_state") or "")),
        "counter": int(counter) if counter.isdigit() else None,
        **{name: _level(row.get(name)) for name in ("lp", "leq", "lmax", "lmin", "lpeak", "ln1", "ln2")},
        **{name: row.get(name) for name in texts},
        "is_reachable": None if row.get("is_reachable") is None else bool(row["is_reachable"]),
        "consecutive_failures": int(row.get("consecutive_failures") or 0),
        **{
            name: _instant(row.get(name))
            for name in ("last_seen", "measurement_start_time", "last_poll_attempt", "last_success")
        },
    }


def _rule(row: Row, units: set[str]) -> Row:
    """A rule as it may be; raises ValueError."""
    if row["unit_id"] not in units:
        raise ValueError(f"there is no unit {row['unit_id']!r}")
    if row["metric"] not in METRICS:
        raise ValueError(f"metric {row['metric']!r} is none of {', '.join(sorted(METRICS))}")
    if row["comparison"] not in ("above", "below"):
        raise ValueError(f"comparison {row['comparison']!r} is neither above nor below")
    threshold = float(row["threshold_db"])
    if not math.isfinite(threshold):
        raise ValueError(f"threshold_db {threshold} is no level")
    for name in ("schedule_start", "schedule_end"):
        if row.get(name) and not _TIME_OF_DAY.fullmatch(row[name]):
            raise ValueError(f"{name} {row[name]!r} is no time of day such as 22:00")
    days = str(row.get("schedule_days") or "").replace(" ", "").strip(",")
    if days and not _DAYS.fullmatch(days):
        raise ValueError(f"schedule_days {days!r} are no days 0–6")
    return {
        "unit_id": row["unit_id"],
        "name": str(row["name"])[:128],
        "metric": row["metric"],
        "comparison": row["comparison"],
        "threshold_db": threshold,
        "duration_s": max(0, int(row["duration_s"] or 0)),
        "clear_margin_db": max(0.0, float(row["clear_margin_db"] or 0.0)),
        "cooldown_s": max(0, int(row["cooldown_s"] or 0)),
        "schedule_start": row.get("schedule_start") or None,
        "schedule_end": row.get("schedule_end") or None,
        "schedule_days": days or None,
        "channels": str(row["channels"] or "log")[:255],
        "recipients": row.get("recipients"),
        "enabled": bool(row["enabled"]),
        "created_at": _instant(row.get("created_at")) or datetime.now(UTC),
    }


def _event(row: Row) -> Row:
    """An event as it was; those of units that are gone stay too. Raises ValueError."""
    if not UNIT_ID.fullmatch(str(row["unit_id"])):
        raise ValueError(f"{row['unit_id']!r} is no name of a unit")
    onset_at = _instant(row["onset_at"])
    if onset_at is None:
        raise ValueError("it has no onset")
    by, name = row.get("acknowledged_by"), row.get("rule_name")
    return {
        "unit_id": row["unit_id"],
        "rule_name": str(name)[:128] if name is not None else None,
        "metric": str(row["metric"])[:32],
        "threshold_db": float(row["threshold_db"]),
        "onset_at": onset_at,
        "onset_value": row.get("onset_value"),
        "peak_value": row.get("peak_value"),
        "clear_at": _instant(row.get("clear_at")),
        "status": "cleared" if row.get("clear_at") else str(row.get("status") or "active")[:16],
        "acknowledged_at": _instant(row.get("acknowledged_at")),
        "acknowledged_by": str(by)[:128] if by is not None else None,
        "notes": row.get("notes"),
    }
