"""What people bring: settings, limits, rules, rosters, backups and old databases."""

from __future__ import annotations

import hashlib
import io
import json
import tempfile
import zipfile
from functools import cache
from pathlib import Path
from typing import Any

from slmm import settings
from slmm.alerts import rulebook
from slmm.errors import DiskTrouble, Invalid
from slmm.limits import templates
from slmm.limits.calendar import Timetable
from slmm.limits.document import parse, to_json
from slmm.storage import archive
from slmm.storage.devices import Device
from slmm.storage.models import RuleRow
from slmm.web.api import roster_csv
from slmm.web.api.alert_models import NewRule
from tests.fuzz import old_database
from tests.fuzz.target import Target

ODD_ZONES = (b"America", b"../../etc/passwd", b"Europe/Berlin", b"posixrules", b"x" * 300, b"\xed\xa0\x80", b"+02:00")
JSON_WORDS = (
    *(
        b"null",
        b"true",
        b"{}",
        b"[]",
        b'"',
        b"NaN",
        b"1e999",
        b"-1",
        b'"07:00"',
        b'"24:00"',
        b'"15min"',
        b'"DE-BE"',
        b",",
    ),
    *(
        b'"2026-02-29"',
        b'"0001-01-01"',
        b'"9999-12-31"',
        b'"whole"',
        b'"\\ud800"',
        b'"\\u0000"',
        b"[" * 2000,
        *ODD_ZONES,
    ),
)


def environment(data: bytes) -> None:
    """A .env file."""
    with tempfile.NamedTemporaryFile() as file:
        file.write(data)
        file.flush()
        settings.where_set({}, Path(file.name))
        settings.load({}, Path(file.name))


def limit(data: bytes) -> None:
    """A limit document; one that is taken has a timetable, and can be written and read again."""
    found = parse(_json(data))
    assert parse(json.loads(json.dumps(to_json(found)))) == found
    for row in found.rows:
        found.label(row)
    Timetable(found, "Europe/Berlin")


def rule(data: bytes) -> None:
    """The body of an alert rule."""
    given = _json(data)
    if not isinstance(given, dict):
        return
    body = NewRule(**given)
    members = {name: value for name, value in body.model_dump().items() if name in RuleRow.__table__.columns}
    row = RuleRow(**members)
    rulebook.check(row)
    rulebook.advice(row)


def _json(data: bytes) -> Any:
    """As the interface reads it; what is none never comes as far as a document."""
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        return None


class _Roster(dict[str, Device]):
    def get(self, unit_id: str, default: Any = None) -> Device:
        return self[unit_id]


@cache
def _devices() -> _Roster:
    return _Roster(a=Device(unit_id="a", host="10.0.0.1"))


def roster(data: bytes) -> None:
    """A roster from a spreadsheet; what is taken can be written again."""
    lines = roster_csv.read(data.decode("utf-8", "surrogateescape"), _devices())  # type: ignore[arg-type]
    for line in lines:
        json.dumps(line.view())
        assert line.device is not None or line.verdict == "refused"
    roster_csv.written(line.device for line in lines if line.device is not None)


def backup(data: bytes) -> None:
    """A backup from elsewhere: read to its end and unpacked, and nothing stands beside the folder then."""
    with tempfile.TemporaryDirectory() as directory:
        path, into = Path(directory, "b.zip"), Path(directory, "tree", "into")
        path.write_bytes(data)
        try:
            archive.verify(path)
            archive.unpack(path, into)
        finally:
            outside = [each for each in Path(directory).rglob("*") if not each.is_relative_to(into)]
            assert set(outside) <= {path, into.parent}, outside
            assert not any(each.is_symlink() for each in into.rglob("*"))


def _zip(held: dict[str, bytes], **changes: Any) -> bytes:
    manifest = {
        "format": 2,
        "version": "1",
        "schema": None,
        "made_at": "2026-11-21T12:00:00Z",
        "members": {name: hashlib.sha256(data).hexdigest() for name, data in held.items()},
        **changes,
    }
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, content in held.items():
            packed.writestr(name, content)
        packed.writestr("manifest.json", json.dumps(manifest))
    return file.getvalue()


def _bomb() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("manifest.json", b" " * 300_000_000)
    return file.getvalue()


def _symlink() -> bytes:
    file = io.BytesIO(_zip({"slmm.db": b"x"}))
    with zipfile.ZipFile(file, "a") as packed:
        info = zipfile.ZipInfo("record/link")
        info.external_attr = 0o120777 << 16
        packed.writestr(info, "/etc/passwd")
    return file.getvalue()


ENV = b"""# settings
SLMM_PORT=8100
SLMM_TIMEZONE="Europe/Berlin"
SLMM_LOG_LEVEL=INFO
SLMM_FTP_DATA_PORTS=50000-50019
SLMM_CORS_ORIGINS=https://a.example.org, https://b.example.org
export SLMM_LOGIN_RATE='10 per minute; 60 per hour'
TCP_KEEPALIVE_COUNT=3
SLMM_PUBLIC_URL=https://slmm.example.org
"""
ENV_WORDS = (
    *(
        b"SLMM_",
        b"SLMM_TIMEZONE=",
        b"SLMM_PORT=",
        b"SLMM_AUTH=",
        b"=",
        b"\n",
        b'"',
        b"'",
        b"${HOME}",
        b"\\",
        b"\x00",
        b"#",
    ),
    *(b"\xff", b"export ", b"SLMM_DATABASE_URL=", b"SLMM_HOST=::1%", b"[", b"]", b" per second", *ODD_ZONES),
)
RULES: tuple[dict[str, Any], ...] = (
    {"name": "loud", "metric": "lp", "comparison": "above", "threshold_db": 70.0, "duration_s": 5},
    {
        "name": "night",
        "metric": "leq",
        "comparison": "above",
        "threshold_db": 45,
        "schedule_start": "22:00",
        "schedule_end": "06:00",
        "schedule_days": [0, 1],
        "timezone": "Europe/Berlin",
        "holiday_calendar": "DE-BE",
    },
)
CSV = (
    b"\xef\xbb\xbfunit_id,name,host,tcp_port,timezone,latitude,tcp_enabled\r\na,North,10.0.0.1,2255,Europe/Berlin,53.5,true\r\n"
    b"b,'=1+1,meter.example.org,2255,UTC,,no\r\n"
)
BACKUPS = (
    _zip({"slmm.db": b"SQLite format 3\0", "record/minutes/a.parquet": b"PAR1"}),
    *(_zip({"slmm.db": b"x", "../out": b"y"}), _zip({"slmm.db": b"x"}, members=[]), _zip({"/slmm.db": b"x"})),
    *(_zip({}, members=[]), _zip({}, members={"": ""}), _zip({}, format="2"), _symlink()),
)


def _documents() -> tuple[bytes, ...]:
    return tuple(json.dumps(templates.document(name)).encode() for name in templates.names())


PEOPLE = (
    "slmm.settings",
    "slmm.limits",
    "slmm.web.api.roster_csv",
    "slmm.storage.archive",
    "slmm.alerts.rulebook",
    "dotenv",
)
TARGETS = (
    Target("environment", ".env files", environment, (ENV,), ENV_WORDS, (Invalid,), PEOPLE),
    Target("limit", "limit documents", limit, _documents(), JSON_WORDS, (Invalid,), PEOPLE, is_json=True),
    Target(
        *("rule", "alert rules", rule, tuple(json.dumps(each).encode() for each in RULES), JSON_WORDS),
        *((Invalid, ValueError), PEOPLE),
        is_json=True,
    ),
    Target(
        "roster",
        "rosters as CSV",
        roster,
        (CSV,),
        (b",", b";", b"\t", b'"', b"\r", b"unit_id", *ODD_ZONES),
        (Invalid,),
        PEOPLE,
    ),
    Target(
        *(
            "backup",
            "backups as ZIP",
            backup,
            BACKUPS,
            (b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06", b"\x0e\0", b"../"),
        ),
        *((Invalid, DiskTrouble), PEOPLE),
    ),
    old_database.TARGET,
)
