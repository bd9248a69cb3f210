"""An SLMM 0.4.0 taken over while everything runs: read at once, judged at once, and nothing doubled."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from slmm.emulator.process import RunningEmulator
from slmm.web.api import takeovers
from tests.conftest import eventually
from tests.web.conftest import BASE

TABLES = """
create table nl43_config (unit_id varchar primary key, host varchar, tcp_port integer, ftp_password varchar,
    poll_enabled boolean, monitor_enabled boolean);
create table nl43_status (unit_id varchar primary key, last_seen datetime, measurement_state varchar, lp varchar);
create table nl43_readings (id integer primary key, unit_id varchar, timestamp datetime, lp varchar);
create table alert_rules (id integer primary key, unit_id varchar, name varchar, metric varchar, comparison varchar,
    threshold_db float, duration_s integer, clear_margin_db float, cooldown_s integer, channels varchar,
    enabled boolean, created_at datetime);
create table alert_events (id integer primary key, rule_id integer, unit_id varchar, rule_name varchar,
    metric varchar, threshold_db float, onset_at datetime, status varchar);
insert into nl43_status values ('north', '2026-05-01 10:00:00', 'Start', '61.2');
insert into nl43_readings values (1, 'north', '2026-05-01 10:00:00', '61.2'), (2, 'gone', '2026-05-01 10:00:00', '1');
insert into alert_rules values (7, 'north', 'Night', 'lp', 'above', 20.0, 1, 2.0, 0, 'log', 1, '2026-04-01 00:00:00');
insert into alert_rules values (8, 'here', 'Day', 'lp', 'above', 150.0, 1, 2.0, 0, 'log', 1, '2026-04-01 00:00:00');
insert into alert_events values (1, 8, 'here', 'Day', 'lp', 150.0, '2026-05-01 10:00:00', 'active');
"""


@pytest.fixture
def old(tmp_path: Path, fast_emulator: RunningEmulator) -> bytes:
    """A database of 0.4.0 whose meters answer."""
    path = tmp_path / "old.db"
    with closing(sqlite3.connect(path)) as db, db:
        db.executescript(TABLES)
        meters = zip(("north", "here"), fast_emulator.meters, strict=False)
        rows = [(unit, meter.host, meter.port, "hunter2", 1, 1) for unit, meter in meters]
        db.executemany("insert into nl43_config values (?, ?, ?, ?, ?, ?)", rows)
        db.execute("insert into nl43_config values ('bad', 'no host!', 1, null, 0, 0)")
    return path.read_bytes()


def sent(client: FlaskClient, content: bytes, *, mimetype: str = "application/octet-stream", **query: Any) -> Any:
    return client.post(f"{BASE}/_roster/takeover", query_string=query, data=content, content_type=mimetype)


def taken(answer: Any) -> dict[str, tuple[int, int, int]]:
    assert answer.status_code == 200, answer.text
    return {kind["name"]: (kind["taken"], kind["present"], len(kind["skipped"])) for kind in answer.json["tables"]}


def test_meters_are_read_and_rules_in_force_as_soon_as_it_is_done(client: FlaskClient, old: bytes) -> None:
    runtime = client.application.extensions["slmm"]
    client.post(f"{BASE}/roster", json={"unit_id": "here", "host": "127.0.0.1", "tcp_port": 9, "poll_enabled": False})
    rehearsed = taken(sent(client, old, dry_run="true"))
    assert rehearsed["devices"] == (1, 1, 1)
    assert [device.unit_id for device in runtime.roster.all()] == ["here"]

    done = sent(client, old)
    assert taken(done) == rehearsed
    assert "no host!" in str(done.json["tables"][0]["skipped"])
    assert "hunter2" not in done.text + rehearsed.__repr__()
    assert runtime.roster.get("north").ftp_password == "hunter2"
    assert client.get(f"{BASE}/here/config").json["data"]["tcp_port"] == 9  # was here, and stays as it is
    assert client.get(f"{BASE}/north/history?hours=48").status_code == 200

    def is_read() -> bool:
        status = client.get(f"{BASE}/north/status").json["data"]
        return bool(status["is_reachable"] and status["last_seen"] > "2026-05-02")

    eventually(is_read)
    opened = eventually(lambda: client.get(f"{BASE}/_alerts/events?state=open&unit=north").json["events"])
    assert opened[0]["rule_name"] == "Night"
    (adopted,) = client.get(f"{BASE}/_alerts/events?state=open&unit=here").json["events"]
    assert adopted["rule_name"] == "Day"  # open when it was taken over, and watched by its rule from now on
    assert [run.event_uid for run in runtime.alerts.engine.units["here"].runs.values()] == [adopted["uid"]]

    again = taken(sent(client, old))
    assert {name: count for name, (count, _, _) in again.items() if count} == {}
    assert list(runtime.settings.data_dir.glob("takeover-*")) == []


def test_what_is_no_database_of_040_is_refused(client: FlaskClient, tmp_path: Path) -> None:
    other = tmp_path / "other.db"
    with closing(sqlite3.connect(other)) as db, db:
        db.execute("create table treasure (gold integer)")
    for content, said in (
        (b"", "empty"),
        (b"GIF89a" * 100, "no SQLite database"),
        (b"SQLite format 3\0" + b"x" * 5000, "cannot be read"),
        (other.read_bytes(), "has no table nl43_config"),
    ):
        answer = sent(client, content)
        assert (answer.status_code, said in answer.json["detail"]) == (422, True), answer.json
        assert str(tmp_path) not in answer.text
    assert sent(client, b"{}", mimetype="application/json").status_code == 415


def test_a_large_database_is_let_in_and_one_beyond_all_measure_is_not(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert sent(client, b"x" * 2_000_000).status_code == 422  # above what other bodies may be
    monkeypatch.setattr(takeovers, "MOST_BYTES", 1000)
    answer = sent(client, takeovers.MAGIC * 100)
    assert (answer.status_code, "1000 bytes" in answer.json["detail"]) == (413, True)
