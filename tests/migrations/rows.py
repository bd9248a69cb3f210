"""Rows such as a database of any schema has: every column has a value, those the service understands a sensible one."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection, MetaData, Table

from slmm.storage.secrets import SecretBox

UNITS = ("north", "south")
FTP_PASSWORD = "hunter2 höher"
AT = datetime(2026, 3, 29, 1, 30, 15, 250_000)  # noqa: DTZ001 - UTC, as the tables have it
LEVELS = {"lp": 55.1, "leq": None, "le": 80.2, "lmax": 60.5, "over": False, "under": True}

_EXACT: dict[str, Any] = {
    "nl43_status.levels": LEVELS,
    "nl43_status.labels": {"ln1": "LA5"},
    "nl43_status.measurement_state": "Start",
    "nl43_config.timezone": "Europe/Berlin",
    "users.role": "admin",
    "api_tokens.role": "viewer",
    "api_tokens.revoked_at": None,
    "shares.revoked_at": None,
    "device_logs.level": "INFO",
    "device_logs.category": "POLL",
    "alert_rules.metric": "leq",
    "alert_rules.comparison": "above",
    "alert_rules.threshold_db": 70.0,
    "alert_rules.duration_s": 60,
    "alert_rules.clear_margin_db": 2.0,
    "alert_rules.cooldown_s": 300,
    "alert_rules.schedule_start": "22:00",
    "alert_rules.schedule_end": "06:00",
    "alert_rules.schedule_days": "0,1,2,3,4",
    "alert_rules.channels": "",
    "alert_rules.recipients": None,
    "alert_rules.limit_id": None,
    "alert_rules.holiday_calendar": "DE-BE",
    "alert_rules.timezone": "Europe/Berlin",
    "alert_rules.remind_after_s": "600",
    "alert_rules.escalate_after_s": 900,
    "alert_rules.escalation_channels": None,
    "alert_rules.escalation_recipients": None,
    "alert_rules.red_threshold_db": 80.0,
    "alert_rules.clear_duration_s": 30,
    "alert_events.metric": "leq",
    "alert_events.status": "cleared",
    "alert_events.rule_json": None,
    "alert_events.end_reason": "level",
    "alert_events.flags": None,
    "alert_events.cause": None,
    "alert_states.state": {},
    "alert_incidents.kind": "level",
    "alert_incidents.severity": "amber",
    "alert_channels.kind": "webhook",
    "alert_shelves.ended_at": AT,
    "alert_notifications.status": "sent",
    "alert_notifications.severity": "amber",
    "limits.enabled": False,
    "limits.template": None,
    "runs.card": "none",
    "runs.how": "command",
    "remarks.reason": "other",
    "calibrations.kind": "check",
}
"""Values that the service reads as words of its own."""


def _value(column: sa.Column[Any], table: str, number: int, box: SecretBox) -> Any:
    """What the row of that number, 1 or 2, has in a column."""
    name, kind = column.name, column.type
    if f"{table}.{name}" in _EXACT:
        return _EXACT[f"{table}.{name}"]
    if name == "unit_id":
        return UNITS[number - 1]
    if name == "ftp_password":
        return box.seal(FTP_PASSWORD)
    if name == "config_sealed":
        return box.seal('{"url": "https://example.org/hook"}')
    if name == "units":
        return list(UNITS)
    if isinstance(kind, sa.Boolean):
        return number == 1
    if isinstance(kind, sa.DateTime):
        return AT.replace(minute=number)
    if isinstance(kind, sa.Integer):
        return number
    if isinstance(kind, sa.Float):
        return 50.0 + number / 8
    if isinstance(kind, sa.JSON):
        return {"name": name, "umlaut": "Größe", "number": number}
    if isinstance(kind, sa.LargeBinary):
        return bytes(range(32)) * number
    text = f"{name} {number} ä" if column.nullable else f"{name}-{number}"
    return text[: kind.length] if isinstance(kind, sa.String) and kind.length else text


def tables(connection: Connection) -> list[Table]:
    """All tables as they are now, those that others refer to first."""
    found = MetaData()
    found.reflect(connection)
    return [table for table in found.sorted_tables if table.name != "alembic_version"]


def fill(connection: Connection, box: SecretBox) -> None:
    """Two rows in each table."""
    for table in tables(connection):
        for number in (1, 2):
            values = {column.name: _value(column, table.name, number, box) for column in table.columns}
            connection.execute(table.insert().values(values))


Content = dict[str, dict[tuple[Any, ...], dict[str, Any]]]
"""Rows by table and primary key."""


def content(connection: Connection) -> Content:
    """Everything there is."""
    found: Content = {}
    for table in tables(connection):
        keys = [column.name for column in table.primary_key.columns]
        rows = connection.execute(sa.select(table)).mappings().all()
        found[table.name] = {tuple(row[key] for key in keys): dict(row) for row in rows}
    return found


def differences(before: Content, after: Content) -> list[str]:
    """What tables and columns that are in both have lost or changed, row by row."""
    found = []
    for table in before.keys() & after.keys():
        if before[table].keys() != after[table].keys():
            found.append(f"{table}: rows {sorted(map(str, before[table].keys() ^ after[table].keys()))}")
            continue
        for key, row in before[table].items():
            other = after[table][key]
            found += [
                f"{table}.{name} of {key}: {row[name]!r} became {other[name]!r}"
                for name in row.keys() & other.keys()
                if row[name] != other[name]
            ]
    return sorted(found)
