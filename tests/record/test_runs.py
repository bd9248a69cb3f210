"""Runs as rows: what meters show, what is on record, and what is told."""

from __future__ import annotations

import logging
import math
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import gevent
import pytest

from slmm import events, signals
from slmm.events import Labels, Levels, MeasurementChange, RunChange, RunSettingsRead, RunState
from slmm.fleet.procedures import fingerprint
from slmm.record.runs import Runs
from slmm.storage import upgrade
from slmm.storage.board import StatusBoard
from slmm.storage.database import Database
from slmm.storage.devices import Device, Roster
from slmm.storage.models import RunRow
from slmm.storage.upgrade import MIGRATIONS
from tests.conftest import eventually

START = datetime(2026, 3, 29, 0, 59, 30, tzinfo=UTC)
ALL_LABELS = Labels("A", "F", ("5", "10", "50", "90", "95"))
SETTINGS = {
    "store_mode": "Auto",
    "lp_interval": "100ms",
    "leq_interval": "1m",
    "measurement_time": "Manual",
    "measurement_time_auto": "24h",
}


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


class Meter:
    """What the fleet would tell of one meter."""

    def __init__(self, board: StatusBoard, unit_id: str = "a") -> None:
        self.unit_id = unit_id
        self.board = board
        self.lmax = 80.0
        self.leq = 60.0

    @property
    def status(self) -> object:
        return self.board.status(self.unit_id)

    def change(
        self, second: float, state: RunState, *, asked: bool = False, looked_before_s: float | None = 30.0
    ) -> None:
        before = None if looked_before_s is None else at(second - looked_before_s)
        status = self.board.status(self.unit_id)
        status.run_state, status.state_read_at = state, at(second)
        status.measurement_started_at = at(second) if state is RunState.MEASURING else None
        change = MeasurementChange(self.unit_id, at(second), state, status.measurement_started_at, asked, before)
        signals.publish(signals.measurement_changed, change)

    def start(self, second: float, *, asked: bool = True, looked_before_s: float | None = 30.0) -> None:
        self.change(second, RunState.MEASURING, asked=asked, looked_before_s=looked_before_s)

    def stop(self, second: float, *, asked: bool = True, looked_before_s: float | None = 30.0) -> None:
        self.change(second, RunState.STOPPED, asked=asked, looked_before_s=looked_before_s)

    def found(self, second: float, state: RunState) -> None:
        """The state is read, and is what it was."""
        status = self.board.status(self.unit_id)
        status.run_state, status.state_read_at = state, at(second)

    def show(self, second: float, *, age_s: float, lmax: float | None = None) -> None:
        """A reading of a run of that age."""
        le = round(self.leq + 10 * math.log10(age_s), 1)
        levels = Levels(lp=55.0, leq=self.leq, le=le, lmax=self.lmax if lmax is None else lmax, lmin=40.0)
        status = self.board.status(self.unit_id)
        reading = events.Reading(self.unit_id, at(second), levels, raw="", run_state=status.run_state)
        status.reading = reading
        signals.publish(signals.reading_taken, reading)

    def lose(self, second: float) -> None:
        signals.publish(signals.contact_changed, events.ContactChange(self.unit_id, at(second), False, "gone"))

    def come_back(self, second: float) -> None:
        self.board.status(self.unit_id).state_read_at = None
        signals.publish(signals.contact_changed, events.ContactChange(self.unit_id, at(second), True, "back"))

    def tell_name(self, second: float, store_name: str | None, **settings: str) -> None:
        signals.publish(signals.run_settings_read, RunSettingsRead(self.unit_id, at(second), store_name, settings))


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = Database.open(f"sqlite:///{tmp_path / 'slmm.db'}")
    opened.in_pool(upgrade.upgrade, opened.engine, MIGRATIONS, tmp_path / "backups")
    yield opened
    opened.close()


@pytest.fixture
def board() -> StatusBoard:
    return StatusBoard()


@pytest.fixture
def roster(database: Database) -> Roster:
    loaded = Roster(database)
    loaded.load()
    loaded.add(Device("a", "10.0.0.1"))
    return loaded


@pytest.fixture
def begin(database: Database, roster: Roster, board: StatusBoard) -> Iterator[Callable[[], Runs]]:
    """Starts the follower; called again, it is a restart without a farewell."""
    started: list[Runs] = []

    def start() -> Runs:
        for runs in started:
            runs.flush()
            runs.stop()
        started[:] = [Runs(database, roster, board, fingerprint)]
        started[0].start()
        return started[0]

    yield start
    for runs in started:
        runs.stop()


@pytest.fixture
def runs(begin: Callable[[], Runs]) -> Runs:
    return begin()


@pytest.fixture
def meter(runs: Runs, board: StatusBoard) -> Meter:
    return Meter(board)


@pytest.fixture
def told() -> Iterator[list[RunChange]]:
    found: list[RunChange] = []

    def receive(sender: str, event: RunChange) -> None:
        found.append(event)

    with signals.run_changed.connected_to(receive):
        yield found


def rows(runs: Runs) -> list[RunRow]:
    """Oldest first."""
    runs.flush()
    return runs.book.find("a")[::-1]


def ends(row: RunRow) -> tuple[float | None, bool, str | None]:
    ended_s = None if row.ended_at is None else (row.ended_at - START).total_seconds()
    return ended_s, row.is_end_exact, row.how


def starts(row: RunRow) -> tuple[float, bool]:
    return (row.started_at - START).total_seconds(), row.is_start_exact


def test_a_run_started_and_stopped_through_us_is_exact(runs: Runs, meter: Meter) -> None:
    meter.start(0)
    meter.show(60, age_s=60)
    meter.stop(100)
    (row,) = rows(runs)
    assert (starts(row), ends(row)) == ((0, True), (100, True, "stopped"))


def test_a_run_started_and_stopped_at_the_keypad_is_seen_with_the_next_look(runs: Runs, meter: Meter) -> None:
    meter.start(0, asked=False)
    meter.stop(100, asked=False)
    (row,) = rows(runs)
    assert (starts(row), ends(row)) == ((0, True), (100, True, "by_itself"))


def test_a_start_or_stop_is_not_exact_where_looks_are_rare(runs: Runs, meter: Meter) -> None:
    meter.start(0, asked=False, looked_before_s=300)
    meter.stop(1000, asked=False, looked_before_s=300)
    (row,) = rows(runs)
    assert (starts(row), ends(row)) == ((0, False), (1000, False, "by_itself"))


def test_a_meter_that_measures_when_first_seen_began_earlier(runs: Runs, meter: Meter) -> None:
    meter.found(0, RunState.MEASURING)
    meter.show(1, age_s=5000)
    meter.show(2, age_s=5001)
    (row,) = rows(runs)
    assert (starts(row), ends(row)) == ((1, False), (None, False, None))


def test_nothing_is_known_before_the_state_was_read(runs: Runs, meter: Meter, board: StatusBoard) -> None:
    board.status("a").run_state = RunState.MEASURING  # as an earlier service left it
    meter.show(1, age_s=5000)
    assert rows(runs) == []


def test_what_was_pushed_is_no_run(runs: Runs, meter: Meter) -> None:
    meter.show(1, age_s=5000)
    assert rows(runs) == []


def test_lost_and_found_stopped_is_an_unseen_end_at_the_last_reading(runs: Runs, meter: Meter) -> None:
    meter.start(0)
    meter.show(60, age_s=60)
    meter.lose(100)
    meter.come_back(500)
    meter.show(500, age_s=70)  # the state is that of before; the figures are held
    meter.stop(502, asked=False, looked_before_s=None)
    (row,) = rows(runs)
    assert ends(row) == (60, False, "unseen")


def test_lost_and_found_going_on_is_one_run(runs: Runs, meter: Meter) -> None:
    meter.start(0)
    meter.show(60, age_s=60)
    meter.lose(100)
    meter.come_back(5000)
    meter.show(5000, age_s=5000)
    meter.found(5001, RunState.MEASURING)
    meter.show(5002, age_s=5002)
    meter.stop(6000)
    (row,) = rows(runs)
    assert ends(row) == (6000, True, "stopped")


def test_lost_and_found_in_another_run_makes_two_rows(runs: Runs, meter: Meter) -> None:
    meter.start(0)
    meter.show(60, age_s=60)
    meter.lose(100)
    meter.come_back(200)
    meter.found(200, RunState.MEASURING)
    meter.show(201, age_s=20)
    meter.show(202, age_s=21)
    first, second = rows(runs)
    assert ends(first) == (60, False, "unseen")
    assert (starts(second), ends(second)) == ((201, False), (None, False, None))


def test_another_run_while_we_looked_supersedes_the_first(runs: Runs, meter: Meter) -> None:
    meter.start(0)
    meter.show(60, age_s=60)
    meter.show(70, age_s=4)
    meter.show(80, age_s=14)
    first, second = rows(runs)
    assert ends(first) == (60, False, "superseded")
    assert starts(second) == (70, False)


def test_one_wrong_reading_is_no_other_run(runs: Runs, meter: Meter) -> None:
    """Too low is not believed at once; too high is not held against those after it."""
    meter.start(0)
    for second in range(10, 100, 10):
        meter.show(second, age_s=second, lmax={40: 50.0, 70: 130.0}.get(second))
    meter.stop(100)
    (row,) = rows(runs)
    assert ends(row) == (100, True, "stopped")


def test_a_display_that_shows_the_run_before_for_a_moment_is_no_other_run(runs: Runs, meter: Meter) -> None:
    meter.start(0)
    meter.show(0.5, age_s=5000, lmax=110.0)
    for second in (2, 6, 7, 8):
        meter.show(second, age_s=second)
    assert len(rows(runs)) == 1


def test_a_new_run_that_is_stopped_before_a_second_reading_is_a_run(runs: Runs, meter: Meter) -> None:
    meter.start(0)
    meter.show(60, age_s=60)
    meter.show(120, age_s=5)
    meter.stop(130)
    first, second = rows(runs)
    assert (ends(first), starts(second), ends(second)) == (
        (60, False, "superseded"),
        (120, False),
        (130, True, "stopped"),
    )


def test_a_restart_goes_on_with_the_row(begin: Callable[[], Runs], board: StatusBoard) -> None:
    begin()
    meter = Meter(board)
    meter.start(0)
    meter.show(60, age_s=60)
    runs = begin()
    board.status("a").state_read_at = None
    meter.show(90, age_s=90)
    meter.found(91, RunState.MEASURING)
    meter.show(92, age_s=92)
    meter.stop(100)
    (row,) = rows(runs)
    assert (starts(row), ends(row)) == ((0, True), (100, True, "stopped"))


def test_a_restart_finds_the_meter_stopped(begin: Callable[[], Runs], board: StatusBoard) -> None:
    begin()
    meter = Meter(board)
    meter.start(0)
    meter.show(60, age_s=60)
    runs = begin()
    meter.stop(500, asked=False, looked_before_s=None)
    (row,) = rows(runs)
    assert ends(row) == (60, False, "unseen")


def test_a_restart_finds_another_louder_run(begin: Callable[[], Runs], board: StatusBoard) -> None:
    begin()
    meter = Meter(board)
    meter.start(0)
    meter.show(60, age_s=60)
    runs = begin()
    meter.leq, meter.lmax = 75.0, 99.0
    meter.found(7200, RunState.MEASURING)
    meter.show(7201, age_s=3000)
    meter.show(7202, age_s=3001)
    first, second = rows(runs)
    assert (ends(first), starts(second)) == ((60, False, "unseen"), (7201, False))


def test_a_stop_that_was_not_written_down_is_made_up_for(begin: Callable[[], Runs], board: StatusBoard) -> None:
    """The service died between the stop and its row; the board knows that nothing runs, so no change is told."""
    begin()
    meter = Meter(board)
    meter.start(0)
    meter.show(60, age_s=60)
    runs = begin()
    meter.found(500, RunState.STOPPED)
    meter.show(501, age_s=70)
    (row,) = rows(runs)
    assert ends(row) == (60, False, "unseen")


def test_a_start_found_while_a_row_is_open_ends_that_first(runs: Runs, meter: Meter) -> None:
    meter.start(0)
    meter.show(60, age_s=60)
    meter.start(100)
    first, second = rows(runs)
    assert (ends(first), starts(second)) == ((60, False, "unseen"), (100, True))


def test_a_run_found_running_does_not_begin_before_the_last_one_ended(
    runs: Runs, meter: Meter, board: StatusBoard
) -> None:
    meter.start(0)
    meter.stop(100)
    meter.found(200, RunState.MEASURING)
    board.status("a").measurement_started_at = at(0)  # kept from before
    meter.show(201, age_s=50)
    first, second = rows(runs)
    assert (ends(first), starts(second)) == ((100, True, "stopped"), (100, False))


def test_what_is_known_at_the_start_is_written_and_the_rest_when_it_is_read(
    runs: Runs, meter: Meter, board: StatusBoard, told: list[RunChange]
) -> None:
    board.status("a").labels = Labels("A", "F")
    meter.start(0)
    (row,) = rows(runs)
    assert (row.settings, row.store_name, row.fingerprint) == (
        {"frequency_weighting": "A", "time_weighting": "F"},
        None,
        None,
    )
    meter.tell_name(5, "0042")
    signals.publish(signals.labels_read, events.LabelsRead("a", at(6), ALL_LABELS))
    meter.tell_name(9, "0042", **SETTINGS)
    (row,) = rows(runs)
    assert row.settings is not None
    assert (row.store_name, row.settings["percentile_5"], row.settings["lp_interval"]) == ("0042", "95", "100ms")
    assert row.fingerprint == fingerprint(row.settings)
    assert row.fingerprint is not None
    assert [(change.change, change.store_name) for change in told] == [
        ("started", None),
        *[("described", "0042")] * 3,
    ]


def test_another_store_name_after_a_gap_is_another_run(runs: Runs, meter: Meter) -> None:
    meter.start(0)
    meter.tell_name(5, "0042")
    meter.show(60, age_s=60)
    meter.lose(100)
    meter.come_back(200)
    meter.found(200, RunState.MEASURING)
    meter.show(201, age_s=201)
    meter.tell_name(202, "0043")
    assert len(rows(runs)) == 1, "it may have ended before the name was read"
    meter.found(230, RunState.MEASURING)
    meter.show(231, age_s=231)
    first, second = rows(runs)
    assert (first.store_name, ends(first)[1:]) == ("0042", (False, "unseen"))
    assert (second.store_name, starts(second)) == ("0043", (202, False))


def test_a_name_set_for_the_next_run_is_not_that_of_this_one(runs: Runs, meter: Meter) -> None:
    meter.start(0)
    meter.tell_name(5, "0042")
    meter.tell_name(300, "0043")
    meter.found(330, RunState.MEASURING)
    meter.show(331, age_s=331)
    (row,) = rows(runs)
    assert (row.store_name, row.ended_at) == ("0042", None)


def test_a_removed_unit_keeps_its_rows_and_its_run_ends(
    runs: Runs, meter: Meter, roster: Roster, told: list[RunChange]
) -> None:
    meter.start(0)
    meter.show(60, age_s=60)
    roster.remove("a")
    meter.show(70, age_s=70)  # its worker may be in mid-exchange
    meter.start(80)
    (row,) = rows(runs)
    assert ends(row) == (60, False, "unseen")
    assert [change.change for change in told] == ["started", "ended"]


def test_a_unit_removed_while_we_were_away_has_no_open_run(
    begin: Callable[[], Runs], board: StatusBoard, roster: Roster
) -> None:
    runs = begin()
    meter = Meter(board)
    meter.start(0)
    rows(runs)
    runs.stop()
    roster.remove("a")
    (row,) = rows(begin())
    assert ends(row) == (0, False, "unseen")


def test_runs_of_units_do_not_mix(runs: Runs, meter: Meter, board: StatusBoard, roster: Roster) -> None:
    roster.add(Device("b", "10.0.0.2"))
    other = Meter(board, "b")
    meter.start(0)
    other.start(10)
    meter.stop(20)
    runs.flush()
    assert ends(runs.book.find("b")[0]) == (None, False, None)
    assert runs.open_run("a") is None
    assert runs.open_run("b") is not None


def test_what_is_told_is_on_record_by_then(runs: Runs, meter: Meter, database: Database) -> None:
    seen: list[tuple[str, str | None]] = []

    def look(sender: str, event: RunChange) -> None:
        row = runs.book.get("a", event.run_id)
        seen.append((event.change, row.how))

    with signals.run_changed.connected_to(look):
        meter.start(0)
        eventually(lambda: seen)
        meter.stop(100)
        eventually(lambda: len(seen) == 2)
    assert seen == [("started", None), ("ended", "stopped")]


@pytest.fixture
def other_writer(tmp_path: Path, database: Database) -> Iterator[sqlite3.Connection]:
    """Somebody else holds the database; we wait 0.1 s for a lock instead of 5 s."""
    database.write(lambda session: session.connection().exec_driver_sql("PRAGMA busy_timeout=100"))
    with closing(sqlite3.connect(tmp_path / "slmm.db", timeout=0.0)) as other:
        yield other


def test_a_locked_database_loses_no_run_and_tells_nothing_too_early(
    runs: Runs,
    meter: Meter,
    other_writer: sqlite3.Connection,
    told: list[RunChange],
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, "slmm.record.runs")
    other_writer.execute("BEGIN IMMEDIATE")
    meter.start(0)
    meter.stop(100)
    meter.start(200)
    eventually(lambda: runs.write_failures)
    assert (told, "locked" in str(runs.last_error)) == ([], True)
    other_writer.rollback()
    eventually(lambda: len(told) == 3)
    assert [(change.change, change.how) for change in told] == [
        ("started", None),
        ("ended", "stopped"),
        ("started", None),
    ]
    assert [ends(row)[2] for row in rows(runs)] == ["stopped", None]
    assert [record.levelno for record in caplog.records] == [logging.WARNING, logging.INFO]


def test_what_cannot_be_written_at_all_does_not_hold_up_the_rest(runs: Runs, meter: Meter) -> None:
    meter.start(0)
    meter.tell_name(5, "\ud800")
    meter.stop(100)
    (row,) = rows(runs)
    assert (row.store_name, row.how, runs.dropped) == (None, "stopped", 1)


def test_receivers_return_at_once_though_the_database_is_locked(
    runs: Runs, meter: Meter, other_writer: sqlite3.Connection
) -> None:
    other_writer.execute("BEGIN IMMEDIATE")
    with gevent.Timeout(0.05, AssertionError("a receiver has waited")):
        meter.start(0)
        meter.show(10, age_s=10)
        meter.stop(20)
    other_writer.rollback()


def test_runs_are_found_by_the_span_they_touch(runs: Runs, meter: Meter) -> None:
    for start in (0, 1000, 2000):
        meter.start(start)
        meter.stop(start + 500)
    meter.start(3000)
    runs.flush()

    def found(start: float, end: float) -> list[float]:
        return [starts(row)[0] for row in runs.book.find("a", starts_at=at(start), ends_at=at(end))]

    assert found(0, 1000) == [0]
    assert found(400, 1001) == [1000, 0]
    assert found(500, 1000) == []
    assert found(9000, 9001) == [3000]
    newest = runs.book.find("a", limit=2)
    assert [starts(row)[0] for row in runs.book.find("a", limit=1, before_id=newest[-1].id)] == [1000]
