"""A copy of a record that is being written: as it is at one instant, and writers hardly wait for it."""

import os
import shutil
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pytest

from slmm.events import Levels
from slmm.record import frames, snapshot
from slmm.record.frames import Frame, Source
from slmm.record.store import Store
from slmm.storage import archive
from tests.conftest import eventually

NOW = datetime(2026, 7, 1, 12, 0, tzinfo=UTC)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """A record with some rows in its database, not only in the log."""
    opened = Store(tmp_path / "record" / "record.duckdb")
    opened.open()
    put(opened, 1000)
    opened.write(lambda connection: None)
    opened.close()
    opened = Store(tmp_path / "record" / "record.duckdb")
    opened.open()
    yield opened
    opened.close()


def put(store: Store, count: int) -> None:
    rows = [Frame("a", NOW + timedelta(seconds=number), Source.POLL, Levels(lp=60.0)) for number in range(count)]
    store.write(lambda connection: frames.insert(store, connection, rows))


def rows_in(copy: Path) -> int:
    with duckdb.connect(str(copy / "record.duckdb"), read_only=True) as connection:
        found = connection.execute("select count(*) from (from frames union all from settled)").fetchone()
    assert found is not None
    return int(found[0])


def let_the_file_rest(folder: Path) -> None:
    """Until a change would bear another time."""
    rest_ns = snapshot.CLOCK_TICK_NS
    eventually(lambda: time.time_ns() - (folder / snapshot.FILE).stat().st_mtime_ns > rest_ns)


def test_only_the_log_is_copied_while_writers_wait(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(store, 10)
    let_the_file_rest(store.path.parent)
    copied_alone: list[str] = []
    is_alone = False
    real_alone, real_copy = snapshot.alone, shutil.copyfile

    @contextmanager
    def alone(folder: Path) -> Iterator[None]:
        nonlocal is_alone
        with real_alone(folder):
            is_alone = True
            yield
            is_alone = False

    def copy(source: Path, target: Path) -> Path:
        if is_alone:
            copied_alone.append(Path(source).name)
        return real_copy(source, target)

    monkeypatch.setattr(snapshot, "alone", alone)
    monkeypatch.setattr(snapshot.shutil, "copyfile", copy)
    copied = snapshot.take(store.path.parent, tmp_path / "copy", lambda: None)
    assert copied is not None
    assert (copied.frames, rows_in(tmp_path / "copy")) == (1010, 1010)
    assert copied_alone == ["record.duckdb.wal"]


def test_a_database_that_changes_while_it_is_copied_is_copied_again(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = snapshot._copy_ahead

    def outrun(database: Path, copy: Path) -> object:
        """A checkpoint comes between the copy and the lock."""
        found = real(database, copy)
        put(store, 5)
        store.write(lambda connection: connection.execute("insert into marks values ('x', null)"))
        store.read(lambda connection: connection.execute("checkpoint"))
        return found

    monkeypatch.setattr(snapshot, "_copy_ahead", outrun)
    copied = snapshot.take(store.path.parent, tmp_path / "copy", lambda: None)
    assert copied is not None
    assert (copied.frames, rows_in(tmp_path / "copy")) == (1005, 1005)


def test_the_database_beside_it_is_as_it_was_at_that_instant(store: Store, tmp_path: Path) -> None:
    place = tmp_path / "slmm.db"
    with closing(sqlite3.connect(place)) as database:
        database.execute("pragma journal_mode=wal")
        database.execute("create table notes (number integer)")
        database.execute("insert into notes values (1)")
        database.commit()

        def taken(into: Path, pin: object) -> dict[str, int]:
            assert callable(pin)
            pin()
            database.execute("insert into notes values (2)")
            database.commit()
            return {}

        workshop = tmp_path / "workshop"
        workshop.mkdir()
        archive._copy(place, workshop, taken)
    with closing(sqlite3.connect(workshop / archive.DATABASE)) as copy:
        assert copy.execute("select number from notes").fetchall() == [(1,)]


def test_what_a_killed_backup_left_is_cleared_and_one_at_work_is_left_alone(tmp_path: Path) -> None:
    left = tmp_path / f"{archive.WORKSHOP}left"
    left.mkdir()
    (left / "slmm.db").write_bytes(b"x" * 100)
    with archive.workshop_in(tmp_path) as ours:
        assert not left.exists()
        archive.clear_workshops(tmp_path)
        assert ours.exists()
    assert not ours.exists()
    assert os.listdir(tmp_path) == []
