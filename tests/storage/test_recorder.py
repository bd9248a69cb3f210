"""Write-behind: one row per unit and sample, nothing lost while the database is locked, no hub blocked."""

import logging
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import gevent
import pytest

from slmm import signals
from slmm.events import Labels, Levels, Reading, RunState
from slmm.storage.batch import Batch, store
from slmm.storage.board import StatusBoard
from slmm.storage.database import Database
from slmm.storage.devices import Device, Roster
from slmm.storage.history import trail
from slmm.storage.recorder import Recorder
from slmm.storage.retention import prune_trail
from tests.conftest import eventually

START = datetime(2026, 3, 29, 0, 59, 30, tzinfo=UTC)
LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)


@pytest.fixture
def board() -> StatusBoard:
    return StatusBoard()


@pytest.fixture
def recorder(database: Database, roster: Roster, board: StatusBoard) -> Recorder:
    roster.add(Device("a", "10.0.0.1"))
    return Recorder(database, board, 60.0)


def take(recorder: Recorder, board: StatusBoard, unit_id: str, at: datetime, lp: float | None = 50.0) -> Reading:
    reading = Reading(unit_id, at, Levels(lp=lp, leq=51.0), raw="line", run_state=RunState.MEASURING)
    board.status(unit_id).reading = reading
    recorder.on_reading(unit_id, event=reading)
    return reading


def rows(database: Database, unit_id: str = "a") -> list[dict[str, object]]:
    return database.read(lambda session: trail(session, unit_id, LONG_AGO))


def test_the_trail_has_the_first_reading_of_each_minute(
    database: Database, recorder: Recorder, board: StatusBoard
) -> None:
    for second in range(0, 150, 10):
        take(recorder, board, "a", START + timedelta(seconds=second), lp=float(second))
    recorder.flush()
    assert [(row["timestamp"], row["lp"]) for row in rows(database)] == [
        (START, 0.0),
        (START + timedelta(seconds=30), 30.0),
        (START + timedelta(seconds=90), 90.0),
    ]


def test_missing_levels_stay_missing(database: Database, recorder: Recorder, board: StatusBoard) -> None:
    take(recorder, board, "a", START, lp=None)
    recorder.flush()
    assert rows(database)[0]["lp"] is None


def test_the_board_comes_back_as_it_was(database: Database, recorder: Recorder, board: StatusBoard) -> None:
    reading = take(recorder, board, "a", START)
    status = board.status("a")
    status.labels = Labels("A", "F", ("5", "10", None, "90", "95"))
    status.run_state = RunState.MEASURING
    status.measurement_started_at = START
    status.is_reachable, status.consecutive_failures, status.last_error = False, 3, "no route"
    recorder.flush()
    restored = StatusBoard()
    restored.restore(database)
    found = restored.status("a")
    assert found.reading is not None
    assert (found.reading.main, found.reading.at, found.reading.raw) == (reading.main, START, "line")
    assert (found.labels, found.run_state, found.measurement_started_at) == (
        status.labels,
        RunState.MEASURING,
        START,
    )
    assert (found.is_reachable, found.consecutive_failures, found.last_error) == (False, 3, "no route")
    assert found.reading.main.lmax is None
    assert found.last_success is None


def test_a_unit_never_heard_comes_back_without_a_reading(
    database: Database, recorder: Recorder, board: StatusBoard
) -> None:
    board.status("a").consecutive_failures = 2
    board.mark_changed("a")
    recorder.flush()
    restored = StatusBoard()
    restored.restore(database)
    assert (restored.status("a").reading, restored.status("a").consecutive_failures) == (None, 2)


def test_a_status_written_again_is_the_newer_one(database: Database, recorder: Recorder, board: StatusBoard) -> None:
    for lp in (50.0, None):
        take(recorder, board, "a", START, lp=lp)
        recorder.flush()
    restored = StatusBoard()
    restored.restore(database)
    reading = restored.status("a").reading
    assert reading is not None
    assert (reading.main.lp, reading.main.leq) == (None, 51.0)


@pytest.fixture
def impatient(database: Database) -> None:
    """The writer's connection waits 0.3 s for a lock instead of 5 s."""
    database.write(lambda session: session.connection().exec_driver_sql("PRAGMA busy_timeout=300"))


@pytest.fixture
def other_writer(tmp_path: Path, database: Database) -> Iterator[sqlite3.Connection]:
    """Somebody else's connection, such as a shell; gives up its lock by rollback."""
    with closing(sqlite3.connect(tmp_path / "slmm.db", timeout=0.0)) as other:
        yield other


class Ticker:
    """Measures how long the hub was held up."""

    def __init__(self) -> None:
        self.longest_s = 0.0
        self._greenlet = gevent.spawn(self._run)

    def _run(self) -> None:
        last_s = time.monotonic()
        while True:
            gevent.sleep(0.01)
            now_s = time.monotonic()
            self.longest_s, last_s = max(self.longest_s, now_s - last_s), now_s

    def stop(self) -> float:
        self._greenlet.kill()
        return self.longest_s


@pytest.mark.usefixtures("impatient")
def test_a_locked_database_loses_nothing_and_blocks_nobody(
    database: Database,
    roster: Roster,
    recorder: Recorder,
    board: StatusBoard,
    other_writer: sqlite3.Connection,
) -> None:
    roster.add(Device("silent", "10.0.0.2"))
    ticker = Ticker()
    other_writer.execute("BEGIN IMMEDIATE")
    take(recorder, board, "a", START)
    board.status("silent").last_error = "kept for later"
    board.mark_changed("silent")
    recorder.flush()
    assert "locked" in str(recorder.last_error)
    assert (recorder.pending, recorder.write_failures) == (1, 1)
    take(recorder, board, "a", START + timedelta(minutes=1))
    other_writer.rollback()
    recorder.flush()
    assert ticker.stop() < 0.25
    assert (recorder.last_error, recorder.pending, recorder.dropped) == (None, 0, 0)
    assert [row["timestamp"] for row in rows(database)] == [START, START + timedelta(minutes=1)]
    restored = StatusBoard()
    restored.restore(database)
    assert restored.status("silent").last_error == "kept for later"


@pytest.mark.usefixtures("impatient")
def test_an_outage_is_told_once_and_so_is_its_end(
    recorder: Recorder,
    board: StatusBoard,
    other_writer: sqlite3.Connection,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG, "slmm.storage.recorder")
    other_writer.execute("BEGIN IMMEDIATE")
    take(recorder, board, "a", START)
    recorder.flush()
    recorder.flush()
    other_writer.rollback()
    recorder.flush()
    assert [record.levelno for record in caplog.records] == [logging.WARNING, logging.DEBUG, logging.INFO]
    assert "INSERT" not in caplog.text


@pytest.mark.usefixtures("impatient")
def test_too_long_an_outage_drops_the_oldest_and_says_so_once(
    database: Database,
    recorder: Recorder,
    board: StatusBoard,
    other_writer: sqlite3.Connection,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(recorder, "most_pending", 3)
    other_writer.execute("BEGIN IMMEDIATE")
    for minute in range(5):
        take(recorder, board, "a", START + timedelta(minutes=minute), lp=float(minute))
    recorder.flush()
    assert (recorder.pending, recorder.dropped) == (3, 2)
    other_writer.rollback()
    recorder.flush()
    assert [row["lp"] for row in rows(database)] == [2.0, 3.0, 4.0]
    assert sum("oldest are dropped" in record.message for record in caplog.records) == 1


def test_what_comes_in_during_a_write_is_not_lost_when_the_batch_is_full(
    database: Database,
    recorder: Recorder,
    board: StatusBoard,
    other_writer: sqlite3.Connection,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(recorder, "most_pending", 3)
    for minute in range(3):
        take(recorder, board, "a", START + timedelta(minutes=minute), lp=float(minute))
    other_writer.execute("BEGIN IMMEDIATE")
    flushing = gevent.spawn(recorder.flush)
    gevent.idle()
    eventually(lambda: recorder._writing)
    for minute in range(3, 6):
        take(recorder, board, "a", START + timedelta(minutes=minute), lp=float(minute))
    other_writer.rollback()
    flushing.get(timeout=10)
    recorder.flush()
    assert [row["lp"] for row in rows(database)] == [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]
    assert recorder.dropped == 0


def test_a_long_backlog_is_written_in_pieces(
    database: Database, recorder: Recorder, board: StatusBoard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorder, "most_at_once", 2)
    for minute in range(5):
        take(recorder, board, "a", START + timedelta(minutes=minute))
    recorder.flush()
    assert len(rows(database)) == 5
    assert recorder.pending == 0


def test_one_row_the_database_refuses_does_not_hold_up_the_others(
    database: Database, roster: Roster, recorder: Recorder, board: StatusBoard
) -> None:
    for number in range(5):
        roster.add(Device(f"u{number}", "10.0.0.1"))
        take(recorder, board, f"u{number}", START)
    board.status("u3").last_error = "\ud800"  # cannot be written as UTF-8
    recorder.flush()
    assert (recorder.pending, recorder.dropped, recorder.last_error) == (0, 1, None)
    assert [len(rows(database, f"u{number}")) for number in range(5)] == [1] * 5
    restored = StatusBoard()
    restored.restore(database)
    assert [status.unit_id for status in restored.all()] == ["u0", "u1", "u2", "u4"]


def test_a_missing_table_loses_nothing(database: Database, recorder: Recorder, board: StatusBoard) -> None:
    database.write(lambda session: session.connection().exec_driver_sql("ALTER TABLE nl43_readings RENAME TO x"))
    take(recorder, board, "a", START)
    recorder.flush()
    assert (recorder.pending, recorder.dropped) == (1, 0)
    database.write(lambda session: session.connection().exec_driver_sql("ALTER TABLE x RENAME TO nl43_readings"))
    recorder.flush()
    assert len(rows(database)) == 1


def test_a_batch_may_be_written_twice(database: Database, recorder: Recorder, board: StatusBoard) -> None:
    take(recorder, board, "a", START)
    batch = Batch(board.take_changed(), list(recorder._pending))
    assert store(database, batch) == []
    assert store(database, batch) == []
    recorder.flush()
    assert len(rows(database)) == 1


def test_a_restart_within_a_minute_makes_no_second_row_for_it(
    database: Database, recorder: Recorder, board: StatusBoard
) -> None:
    take(recorder, board, "a", START)
    recorder.flush()
    now = START + timedelta(seconds=20)
    again = Recorder(database, board, 60.0, now=lambda: now)
    again.start()
    take(again, board, "a", now)
    take(again, board, "a", START + timedelta(seconds=30))
    again.stop()
    assert [row["timestamp"] for row in rows(database)] == [START, START + timedelta(seconds=30)]
    assert again.last_flush_at == now


def test_a_reading_reaches_the_recorder_by_signal(database: Database, recorder: Recorder, board: StatusBoard) -> None:
    recorder.start()
    signals.publish(signals.reading_taken, Reading("a", START, Levels(lp=50.0), raw="line"))
    recorder.stop()
    signals.publish(signals.reading_taken, Reading("a", START + timedelta(hours=1), Levels(), raw="line"))
    assert (len(rows(database)), recorder.pending) == (1, 0)


def test_stopping_does_not_wait_for_ever_for_a_locked_database(
    recorder: Recorder,
    board: StatusBoard,
    other_writer: sqlite3.Connection,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(recorder, "stop_within_s", 0.2)
    recorder.start()
    take(recorder, board, "a", START)
    other_writer.execute("BEGIN IMMEDIATE")
    began_s = time.monotonic()
    recorder.stop()
    assert time.monotonic() - began_s < 2.0
    assert "1 trail rows that could not be written" in caplog.text
    other_writer.rollback()


def test_a_unit_taken_on_again_gets_nothing_of_its_namesake(
    database: Database, roster: Roster, recorder: Recorder, board: StatusBoard
) -> None:
    with signals.roster_changed.connected_to(recorder.on_roster):
        take(recorder, board, "a", START)
        roster.remove("a")
        roster.add(Device("a", "10.0.0.2"))
        recorder.flush()
    assert rows(database) == []
    assert board.status("a").reading is None


def test_a_removed_unit_leaves_nothing_and_does_not_come_back(
    database: Database, roster: Roster, recorder: Recorder, board: StatusBoard
) -> None:
    with signals.roster_changed.connected_to(recorder.on_roster):
        take(recorder, board, "a", START)
        recorder.flush()
        take(recorder, board, "a", START + timedelta(minutes=2))
        roster.remove("a")
        take(recorder, board, "a", START + timedelta(minutes=4))  # its worker may be in mid-exchange
    recorder.flush()
    assert (rows(database), recorder.dropped) == ([], 0)
    restored = StatusBoard()
    restored.restore(database)
    assert restored.take_changed() == []
    assert restored.status("a").reading is None


def test_the_writer_writes_by_itself_and_stopping_writes_the_rest(
    database: Database, recorder: Recorder, board: StatusBoard
) -> None:
    recorder.start()
    take(recorder, board, "a", START)
    eventually(lambda: recorder.last_flush_at)
    take(recorder, board, "a", START + timedelta(minutes=1))
    recorder.stop()
    assert len(rows(database)) == 2


def test_old_rows_are_pruned_and_young_ones_kept(database: Database, recorder: Recorder, board: StatusBoard) -> None:
    for minute in range(10):
        take(recorder, board, "a", START + timedelta(minutes=minute))
    recorder.flush()
    removed = database.write(lambda session: prune_trail(session, START + timedelta(minutes=4)))
    assert removed == 4
    assert len(rows(database)) == 6
