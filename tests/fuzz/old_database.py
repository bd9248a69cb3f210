"""The database of an SLMM 0.4.0 that somebody brings: damaged files, and sound files with odd rows."""

from __future__ import annotations

import json
import sqlite3
import tempfile
from contextlib import closing
from functools import cache
from pathlib import Path
from typing import Any

from sqlalchemy import create_engine
from sqlalchemy.engine import Engine
from sqlalchemy.orm import Session

from slmm.errors import Invalid
from slmm.storage.database import Base
from slmm.web.legacy import Takeover, opened
from tests.fuzz.target import Target

WHEN = "2026-05-01 10:00:00.000000"
ROWS: dict[str, list[dict[str, Any]]] = {
    "nl43_config": [
        {"unit_id": "a", "host": "10.0.0.1", "tcp_port": 2255, "tcp_enabled": 1, "ftp_password": "hunter2"},
        {"unit_id": "b", "host": "10.0.0.2", "tcp_port": 2255, "poll_interval_seconds": 10, "poll_enabled": 1},
    ],
    "nl43_status": [
        {
            "unit_id": "a",
            "last_seen": WHEN,
            "measurement_state": "Start",
            "counter": "12",
            "lp": "61.2",
            "ln2": "-.-",
            "measurement_start_time": WHEN,
            "is_reachable": 1,
            "consecutive_failures": 0,
            "last_error": None,
        }
    ],
    "nl43_readings": [{"id": 1, "unit_id": "a", "timestamp": WHEN, "lp": "61.2", "leq": "60.0", "lmax": "-.-"}],
    "alert_rules": [
        {
            "id": 7,
            "unit_id": "a",
            "name": "Night",
            "metric": "leq",
            "comparison": "above",
            "threshold_db": 55.0,
            "duration_s": 60,
            "clear_margin_db": 2.0,
            "cooldown_s": 300,
            "schedule_start": "22:00",
            "schedule_end": "07:00",
            "schedule_days": "0,1,2",
            "channels": "log",
            "recipients": None,
            "enabled": 1,
            "created_at": WHEN,
        }
    ],
    "alert_events": [
        {
            "id": 1,
            "rule_id": 7,
            "unit_id": "a",
            "rule_name": "Night",
            "metric": "leq",
            "threshold_db": 55.0,
            "onset_at": WHEN,
            "onset_value": 57.5,
            "peak_value": 61.0,
            "clear_at": None,
            "status": "active",
            "acknowledged_at": WHEN,
            "acknowledged_by": "ada",
            "notes": "crane",
        }
    ],
    "device_logs": [{"id": 1, "unit_id": "a", "timestamp": WHEN, "level": "INFO", "category": "TCP", "message": "on"}],
}


@cache
def _empty() -> Engine:
    engine = create_engine("sqlite://")
    Base.metadata.create_all(engine)
    return engine


def old_database(data: bytes) -> None:
    """A file, or rows as JSON, of which one is made; it is taken over in a transaction that keeps nothing."""
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory, "old.db")
        if data.startswith(b"{"):
            if not _write(path, data):
                return
        else:
            path.write_bytes(data)
        is_secret = data.count(b"hunter2") == 1 and b'"ftp_password": "hunter2"' in data  # it may stand elsewhere, too
        with opened(path, "what was sent") as old, Session(_empty()) as session:
            for kind in Takeover(old, session, lambda password: "sealed").run():
                assert not is_secret or "hunter2" not in str(kind)


def _write(path: Path, data: bytes) -> bool:
    """Make the file; tells whether SQLite can hold such rows."""
    try:
        tables = json.loads(data)
        with closing(sqlite3.connect(path, isolation_level=None)) as db:
            db.executescript("pragma journal_mode = memory; pragma synchronous = off")
            for table, rows in tables.items():
                names = list(dict.fromkeys(name for row in rows for name in row))
                db.execute(f'create table "{table}" ({", ".join(map(_quoted, names))})')
                marks = ", ".join("?" * len(names))
                db.executemany(
                    f'insert into "{table}" values ({marks})', [[row.get(name) for name in names] for row in rows]
                )
    except (ValueError, TypeError, AttributeError, sqlite3.Error, OverflowError, RecursionError):
        return False
    return True


def _quoted(name: str) -> str:
    return '"{}"'.format(name.replace('"', '""'))


def _file() -> bytes:
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory, "old.db")
        _write(path, json.dumps(ROWS).encode())
        return path.read_bytes()


TARGET = Target(
    "old_database",
    "databases of SLMM 0.4.0: damaged files, and odd rows",
    old_database,
    (_file(), json.dumps(ROWS).encode()),
    (b"\r\0", b"\x0d\0", b"create", b"view", b"\xff\xff"),
    (Invalid,),
    is_json=True,
)
