"""Write-behind: one row per unit and sample, nothing lost while the database is locked, no hub blocked."""

import sqlite3
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import gevent
import pytest

from slmm import signals
from slmm.events import Labels, Levels, Reading, RunState
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


def take(
    recorder: Recorder, board: StatusBoard, unit_id: str, at: datetime, lp: float | None = 50.0
) -> Reading:
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


def test_a_locked_database_loses_nothing_and_blocks_nobody(
    tmp_path: Path,
    database: Database,
    recorder: Recorder,
    board: StatusBoard,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    longest_s = 0.0

    def tick() -> None:
        nonlocal longest_s
        last_s = time.monotonic()
        while True:
            gevent.sleep(0.01)
            now_s = time.monotonic()
            longest_s, last_s = max(longest_s, now_s - last_s), now_s

    database.write(lambda session: session.connection().exec_driver_sql("PRAGMA busy_timeout=300"))
    ticker = gevent.spawn(tick)
    with closing(sqlite3.connect(tmp_path / "slmm.db")) as other:
        other.execute("BEGIN IMMEDIATE")
        take(recorder, board, "a", START)
        recorder.flush()
        assert recorder.last_error is not None
        assert recorder.pending == 1
        take(recorder, board, "a", START + timedelta(minutes=1))
        other.rollback()
    recorder.flush()
    ticker.kill()
    assert recorder.last_error is None
    assert len(rows(database)) == 2
    assert longest_s < 0.25


def test_a_removed_unit_leaves_nothing_and_does_not_come_back(
    database: Database, roster: Roster, recorder: Recorder, board: StatusBoard
) -> None:
    with signals.roster_changed.connected_to(recorder.on_roster):
        take(recorder, board, "a", START)
        recorder.flush()
        take(recorder, board, "a", START + timedelta(minutes=2))
        roster.remove("a")
    recorder.flush()
    assert rows(database) == []
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


def test_old_rows_are_pruned_and_young_ones_kept(
    database: Database, recorder: Recorder, board: StatusBoard
) -> None:
    for minute in range(10):
        take(recorder, board, "a", START + timedelta(minutes=minute))
    recorder.flush()
    removed = database.write(lambda session: prune_trail(session, START + timedelta(minutes=4)))
    assert removed == 4
    assert len(rows(database)) == 6
