"""The door to SQL: off the hub, one writer at a time, aware times only, nothing secret in errors."""

import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import gevent
import pytest
from gevent.monkey import get_original
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError, StatementError
from sqlalchemy.orm import Session

from slmm.errors import Invalid, NotFound
from slmm.storage import database as database_module
from slmm.storage.database import Database, engine_options
from slmm.storage.devices import Device, Roster
from slmm.storage.models import DeviceRow, ReadingRow

really_sleep = get_original("time", "sleep")
thread_ident = get_original("threading", "get_ident")


def test_slow_work_runs_in_another_thread_and_the_hub_goes_on(database: Database) -> None:
    ticks = 0

    def tick() -> None:
        nonlocal ticks
        while True:
            gevent.sleep(0.01)
            ticks += 1

    def slow() -> int:
        really_sleep(0.3)
        ident: int = thread_ident()
        return ident

    ticker = gevent.spawn(tick)
    assert database.in_pool(slow) != thread_ident()
    ticker.kill()
    assert ticks > 10


def test_an_error_in_the_pool_is_the_callers_and_takes_its_changes_back(database: Database, roster: Roster) -> None:
    roster.add(Device("a", "10.0.0.1"))

    def fail(session: Session) -> None:
        session.query(DeviceRow).delete()
        raise LookupError("on second thoughts")

    with pytest.raises(LookupError, match="second thoughts"):
        database.write(fail)
    assert database.read(lambda session: session.scalars(select(DeviceRow.unit_id)).all()) == ["a"]


def most_at_once(run: Callable[[Callable[[Session], None]], None]) -> int:
    """How many of five pieces of work ran side by side."""
    inside, most = 0, 0

    def work(_session: Session) -> None:
        nonlocal inside, most
        inside += 1
        most = max(most, inside)
        really_sleep(0.05)
        inside -= 1

    gevent.joinall([gevent.spawn(run, work) for _ in range(5)], raise_error=True)
    return most


def test_writers_take_turns_and_readers_need_not(database: Database) -> None:
    assert most_at_once(database.write) == 1
    assert most_at_once(database.read) > 1


def test_sqlite_is_set_up_for_many_readers_and_power_cuts(database: Database) -> None:
    def pragma(name: str) -> object:
        return database.read(lambda session: session.connection().exec_driver_sql(f"PRAGMA {name}").scalar())

    found = {name: pragma(name) for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")}
    assert found == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": 5000}


def test_a_time_without_zone_is_refused_and_one_elsewhere_becomes_utc(database: Database, roster: Roster) -> None:
    roster.add(Device("a", "10.0.0.1"))
    noon_in_tokyo = datetime(2026, 5, 1, 12, tzinfo=timezone(timedelta(hours=9)))
    with pytest.raises(StatementError, match="no time zone"):
        database.write(lambda session: session.add(ReadingRow(unit_id="a", timestamp=datetime(2026, 5, 1))))  # noqa: DTZ001
    database.write(lambda session: session.add(ReadingRow(unit_id="a", timestamp=noon_in_tokyo)))
    found = database.read(lambda session: session.scalars(select(ReadingRow.timestamp)).one())
    assert (found, found.tzinfo) == (datetime(2026, 5, 1, 3, tzinfo=UTC), UTC)


def test_the_error_of_a_statement_does_not_tell_its_values(database: Database) -> None:
    values = {"unit_id": "a", "ftp_password": "hush-hush"}
    with pytest.raises(IntegrityError) as caught:
        database.write(lambda session: session.add(DeviceRow(**values)))
    assert "hush-hush" not in str(caught.value)


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:", "no url"])
def test_a_database_that_keeps_nothing_is_refused(url: str) -> None:
    with pytest.raises(Invalid):
        engine_options(url)


def test_the_password_of_a_wrong_url_is_not_told() -> None:
    with pytest.raises(Invalid) as caught:
        engine_options("hush-hush")
    assert "hush" not in str(caught.value)


def test_closing_does_not_wait_for_ever_for_a_locked_database(
    tmp_path: Path, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database_module, "CLOSE_WITHIN_S", 0.2)
    with closing(sqlite3.connect(tmp_path / "slmm.db")) as other:
        other.execute("BEGIN IMMEDIATE")
        writing = gevent.spawn(Roster(database).add, Device("a", "10.0.0.1"))
        gevent.sleep(0)
        began_s = time.monotonic()
        database.close()
        assert time.monotonic() - began_s < 2.0
        other.rollback()
    writing.get(timeout=10)


def test_an_expected_error_is_raised_where_it_is_asked_and_nowhere_printed(
    database: Database, capfd: pytest.CaptureFixture[str]
) -> None:
    def refuse(session: Session) -> None:
        raise NotFound("there is no such row")

    for run in (database.read, database.write):
        with pytest.raises(NotFound, match="no such row"):
            run(refuse)
    assert capfd.readouterr().err == ""
