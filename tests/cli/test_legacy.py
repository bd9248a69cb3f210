"""Taking over a database of 0.4.0: what is taken, what is refused with its reason, and that nothing is doubled."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import requests

from slmm.storage import upgrade
from slmm.storage.database import Database
from slmm.storage.upgrade import MIGRATIONS
from tests.cli.conftest import Run
from tests.server import RunningServer

SCHEMA_04 = """
create table nl43_config (unit_id varchar primary key, host varchar, tcp_port integer, tcp_enabled boolean,
    ftp_enabled boolean, ftp_port integer, ftp_username varchar, ftp_password varchar, web_enabled boolean,
    poll_interval_seconds integer, poll_enabled boolean, monitor_enabled boolean);
create table nl43_status (unit_id varchar primary key, last_seen datetime, measurement_state varchar,
    measurement_start_time datetime, counter varchar, lp varchar, leq varchar, lmax varchar, lmin varchar,
    lpeak varchar, ln1 varchar, ln2 varchar, battery_level varchar, power_source varchar, sd_remaining_mb varchar,
    sd_free_ratio varchar, raw_payload text, is_reachable boolean, consecutive_failures integer,
    last_poll_attempt datetime, last_success datetime, last_error text, start_time_sync_attempted boolean);
create table nl43_readings (id integer primary key, unit_id varchar, timestamp datetime, lp varchar, leq varchar,
    lmax varchar, ln1 varchar, ln2 varchar);
create table device_logs (id integer primary key, unit_id varchar, timestamp datetime, level varchar,
    category varchar, message text);
create table alert_rules (id integer primary key, unit_id varchar, name varchar, metric varchar, comparison varchar,
    threshold_db float, duration_s integer, clear_margin_db float, cooldown_s integer, schedule_start varchar,
    schedule_end varchar, schedule_days varchar, channels varchar, recipients text, enabled boolean,
    created_at datetime);
create table alert_events (id integer primary key, rule_id integer, unit_id varchar, rule_name varchar,
    metric varchar, threshold_db float, onset_at datetime, onset_value float, peak_value float, clear_at datetime,
    status varchar, acknowledged_at datetime, acknowledged_by varchar, notes text);
"""
SCHEMA_01 = """
create table nl43_config (unit_id varchar primary key, host varchar, tcp_port integer, tcp_enabled boolean,
    ftp_enabled boolean, web_enabled boolean);
create table nl43_status (unit_id varchar primary key, last_seen datetime, measurement_state varchar, lp varchar);
"""


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """A database of 0.4.0 with all that one holds, and some that none should."""
    path = tmp_path / "old.db"
    with closing(sqlite3.connect(path)) as db, db:
        db.executescript("pragma journal_mode=wal;" + SCHEMA_04)
        config = "insert into nl43_config values (?, ?, 2255, 1, 1, 21, 'USER', 'hunter2', 0, ?, 1, 1)"
        db.executemany(config, [("north", "10.0.0.1", 60), ("fast", "10.0.0.2", 10)])
        db.executemany(config, [("a/../b", "10.0.0.3", 60), ("bad", "no host!", 60)])
        status = "insert into nl43_status values ({})".format(", ".join("?" * 23))
        when = "2026-05-01 10:00:00.000000"
        levels = ("61.2", "60.1", "72.4", "-.-", "", "64.0", None)
        rest = ("Full", None, None, None, "raw", 1, 0, when, when, None, 0)
        db.execute(status, ("north", when, "Start", "2026-05-01 08:00:00", "12", *levels, *rest))
        reading = "insert into nl43_readings (unit_id, timestamp, lp, leq, lmax, ln1, ln2) values (?, ?, ?, ?, ?, ?, ?)"
        for minute in range(50):
            at = f"2026-05-01 09:{minute:02d}:00"
            db.execute(reading, ("north", at, f"{50 + minute / 10:.1f}", "60.0", "-.-", None, "55.5"))
        db.execute(reading, ("north", "2026-05-01 09:55:00", "loud", "60.0", None, None, None))
        db.execute(reading, ("gone", "2026-05-01 09:55:00", "60.0", "60.0", None, None, None))
        db.execute("insert into device_logs values (1, 'north', '2026-05-01 09:00:00', 'INFO', 'TCP', 'connected')")
        rule = (
            "insert into alert_rules values (?, ?, 'Night', ?, 'above', 55.0, 60, 2.0, 300, '22:00', '07:00', "
            "'0,1,2', 'log,email', 'a@example.org', 1, '2026-04-01 00:00:00')"
        )
        db.executemany(rule, [(7, "north", "leq"), (8, "north", "loudness"), (9, "gone", "lp")])
        event = (
            "insert into alert_events values (?, ?, ?, 'Night', 'leq', 55.0, '2026-04-30 23:00:00', 57.5, 61.0, "
            "'2026-04-30 23:10:00', 'cleared', '2026-05-01 07:00:00', 'ada', 'crane')"
        )
        db.executemany(event, [(1, 7, "north"), (2, 0, "gone")])
    return path


def tables(answer: Any) -> dict[str, Any]:
    return {table["name"]: table for table in answer.json["tables"]}


def counts(answer: Any) -> dict[str, tuple[int, int, int]]:
    found = tables(answer)
    return {name: (table["taken"], table["present"], len(table["skipped"])) for name, table in found.items()}


def test_everything_sound_is_taken_and_the_rest_is_told_with_its_reason(
    run: Run, old: Path, server: Callable[..., RunningServer]
) -> None:
    running = server(SLMM_POLLING_ENABLED="false")
    running.terminate()
    data = {"SLMM_DATA_DIR": str(running.directory / "data")}
    before = old.read_bytes()
    done = run("import-0.4", str(old), "--json", **data)
    assert done.code == 3, done.err
    assert counts(done) == {
        "devices": (2, 0, 2),
        "status": (1, 0, 0),
        "readings": (50, 0, 2),
        "alert rules": (1, 0, 2),
        "alert events": (2, 0, 0),
        "device logs": (1, 0, 0),
    }
    found = tables(done)
    assert "polled every 30 s instead of 10 s" in found["devices"]["changed"][0]
    assert any("'no host!'" in why for why in found["devices"]["skipped"])
    assert any("'loudness'" in why for why in found["alert rules"]["skipped"])
    assert "hunter2" not in done.out + done.err
    assert old.read_bytes() == before, "the old database is only read"

    again = run("import-0.4", str(old), "--json", **data)
    assert {name: taken for name, (taken, _, _) in counts(again).items()} == dict.fromkeys(found, 0)
    with closing(sqlite3.connect(running.directory / "data/slmm.db")) as db:
        assert db.execute("select message from device_logs").fetchall() == [("connected",)]
        assert db.execute("select min(lp), max(leq), max(lmax) from nl43_readings").fetchone() == (50.0, 60.0, None)
    assert b"hunter2" not in (running.directory / "data/slmm.db").read_bytes()

    running.start()
    roster = requests.get(f"{running.api}/roster", timeout=5).json()["devices"]
    assert [(unit["unit_id"], unit["poll_interval_seconds"]) for unit in roster] == [("fast", 30), ("north", 60)]
    assert roster[1]["ftp_password_set"]
    status = requests.get(f"{running.api}/north/status", timeout=5).json()["data"]
    assert (status["lp"], status["lmin"], status["ln1"], status["ln2"]) == (61.2, None, 64.0, None)
    assert status["measurement_start_time"] == "2026-05-01T08:00:00.000Z"
    with closing(sqlite3.connect(running.directory / "data/slmm.db")) as db:
        told = db.execute(
            "select e.unit_id, e.acknowledged_by, r.name from alert_events e "
            "left join alert_rules r on r.id = e.rule_id order by e.unit_id"
        ).fetchall()
    assert told == [("gone", "ada", None), ("north", "ada", "Night")]


def test_of_several_open_events_the_newest_of_a_known_rule_stays_open(run: Run, old: Path, tmp_path: Path) -> None:
    with closing(sqlite3.connect(old)) as db, db:
        event = (
            "insert into alert_events values (?, ?, 'north', 'Night', ?, 55.0, ?, 57.5, 61.0, "
            "null, 'active', null, null, null)"
        )
        for number, rule, metric, onset in (
            (11, 7, "leq", "2026-05-01 01:00:00"),
            (12, 7, "leq", "2026-05-01 02:00:00"),
            (13, 99, "leq", "2026-05-01 03:00:00"),
            (14, 0, "connectivity", "2026-05-01 04:00:00"),
        ):
            db.execute(event, (number, rule, metric, onset))
    assert run("import-0.4", str(old)).code in (0, 3)
    with closing(sqlite3.connect(tmp_path / "data/slmm.db")) as db:
        still_open = db.execute("select onset_at from alert_events where clear_at is null order by 1").fetchall()
    assert [onset[:19] for (onset,) in still_open] == ["2026-05-01 02:00:00", "2026-05-01 04:00:00"]


def test_a_dry_run_says_the_same_and_does_nothing(run: Run, old: Path) -> None:
    looked = run("import-0.4", str(old), "--dry-run", "--json")
    assert counts(looked)["readings"] == (50, 0, 2)
    assert counts(run("import-0.4", str(old), "--json")) == counts(looked)


def test_a_dry_run_leaves_no_database_and_no_key(run: Run, old: Path, tmp_path: Path) -> None:
    assert run("import-0.4", str(old), "--dry-run").code == 3
    assert {path.name for path in (tmp_path / "data").iterdir()} == {"runtime.lock"}


def test_a_dry_run_leaves_a_database_of_an_earlier_schema_as_it_is(run: Run, old: Path, tmp_path: Path) -> None:
    run("db", "upgrade")
    path = tmp_path / "data/slmm.db"
    database = Database.open(f"sqlite:///{path}")
    upgrade.downgrade(database.engine, MIGRATIONS, "0004")
    database.close()
    before = path.read_bytes()
    assert counts(run("import-0.4", str(old), "--dry-run", "--json"))["alert events"] == (2, 0, 0)
    assert path.read_bytes() == before
    assert upgrade.current(f"sqlite:///{path}") == "0004"


def test_an_import_that_fails_half_way_leaves_nothing(run: Run, old: Path, tmp_path: Path) -> None:
    run("db", "upgrade")
    with closing(sqlite3.connect(tmp_path / "data/slmm.db")) as db, db:
        db.execute("create trigger full before insert on device_logs begin select raise(abort, 'disk full'); end")
    refused = run("import-0.4", str(old))
    assert refused.code == 1
    assert "nothing was imported" in refused.err
    with closing(sqlite3.connect(tmp_path / "data/slmm.db")) as db:
        for table in ("nl43_config", "nl43_status", "nl43_readings", "alert_rules", "alert_events"):
            assert db.execute(f"select count(*) from {table}").fetchone() == (0,), table


def test_units_that_are_here_are_kept_unless_they_are_to_be_replaced(run: Run, old: Path) -> None:
    run("import-0.4", str(old))
    with closing(sqlite3.connect(old)) as db, db:
        db.execute("update nl43_config set host = '10.9.9.9' where unit_id = 'north'")
    kept = run("import-0.4", str(old), "--json")
    assert counts(kept)["devices"] == (0, 2, 2)
    replaced = run("import-0.4", str(old), "--json", "--replace")
    assert counts(replaced)["devices"] == (2, 0, 2)


def test_a_database_of_the_first_version_is_taken_too(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "first.db"
    with closing(sqlite3.connect(path)) as db, db:
        db.executescript(SCHEMA_01)
        db.execute("insert into nl43_config values ('north', '10.0.0.1', 2255, 1, 0, 0)")
        db.execute("insert into nl43_status values ('north', '2026-01-01 00:00:00', 'unknown', '50.0')")
    done = run("import-0.4", str(path), "--json")
    assert done.code == 0, done.err
    assert counts(done)["devices"] == (1, 0, 0)
    assert counts(done)["status"] == (1, 0, 0)


def test_what_is_no_old_database_is_refused(run: Run, tmp_path: Path) -> None:
    (tmp_path / "text.db").write_text("hello " * 1000)
    for name, why in (("missing.db", "there is no database"), ("text.db", "cannot be read as a database")):
        refused = run("import-0.4", str(tmp_path / name))
        assert refused.code == 1
        assert why in refused.err
    run("db", "upgrade")
    ours = run("import-0.4", str(tmp_path / "data/slmm.db"))
    assert "of this SLMM" in ours.err


def test_an_import_beside_a_running_service_is_refused(
    run: Run, old: Path, server: Callable[..., RunningServer]
) -> None:
    running = server()
    refused = run("import-0.4", str(old), SLMM_DATA_DIR=str(running.directory / "data"))
    assert refused.code == 1
    assert "stop it first" in refused.err
