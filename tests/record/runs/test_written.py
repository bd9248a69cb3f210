"""Runs on record before anybody is told, whatever the database does."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import gevent
import pytest
from sqlalchemy import event

from slmm import events, signals
from slmm.events import Labels, RunChange
from slmm.fleet.procedures import fingerprint
from slmm.record.runs import Runs
from slmm.storage.board import StatusBoard
from slmm.storage.database import Database
from slmm.storage.devices import Device, Roster
from tests.conftest import eventually
from tests.record.runs.meter import ALL_LABELS, SETTINGS, Meter, at, ends, rows, starts


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


def test_runs_of_a_whole_fleet_share_a_transaction_and_a_bad_one_harms_no_other(
    runs: Runs, board: StatusBoard, roster: Roster, database: Database, other_writer: sqlite3.Connection
) -> None:
    others = [Meter(board, f"u{number}") for number in range(20)]
    for other in others:
        roster.add(Device(other.unit_id, "10.0.0.2"))
    other_writer.execute("BEGIN IMMEDIATE")  # meanwhile they pile up
    for other in others:
        other.start(0)
    other_writer.rollback()
    commits: list[object] = []
    event.listen(database.engine, "commit", commits.append)
    runs.flush()
    assert len(commits) <= 2, "the first was perhaps being written"
    assert [len(runs.book.find(other.unit_id)) for other in others] == [1] * 20

    other_writer.execute("BEGIN IMMEDIATE")
    for number, other in enumerate(others):
        other.tell_name(5, "\ud800" if number == 7 else f"00{number}")
    other_writer.rollback()
    runs.flush()
    names = [runs.book.find(other.unit_id)[0].store_name for other in others]
    assert names == [None if number == 7 else f"00{number}" for number in range(20)]
    assert runs.dropped == 1


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
