"""Days that are over, in files: what is found there, what comes later, and what is let go."""

from datetime import timedelta
from pathlib import Path

import duckdb
import pytest

from slmm.record.office import RecordOffice
from tests.record.past import NOON, close_all, record_polls, simulate

HOUR = timedelta(hours=1)


def test_past_days_go_into_files_that_any_tool_reads(office: RecordOffice) -> None:
    past = simulate("m", 1200.0)
    record_polls(office, past)
    close_all(office, NOON + timedelta(minutes=20))
    before = office.rollup.minutes("m", NOON, NOON + HOUR)
    seen: list[Path] = []
    office.file_written = lambda partition, path: seen.append(path)
    assert office.move_days(NOON + timedelta(hours=20)) == []
    moved = office.move_days(NOON + timedelta(days=3))
    assert [(each.kind, each.rows) for each in moved] == [("frames", len(list(past.polls()))), ("minutes", len(before))]
    assert all(path.is_file() for path in seen)
    assert office.rollup.minutes("m", NOON, NOON + HOUR) == before
    frames = next(path for path in seen if "frames" in path.parts)
    columns = "min(epoch(ends_at)), typeof(any_value(ends_at)), count(*)"
    with duckdb.connect() as another:
        table = another.execute(f"select {columns} from read_parquet('{frames}')").fetchone()
    assert table == (NOON.timestamp() + 0.7, "TIMESTAMP WITH TIME ZONE", moved[0].rows)


def test_what_comes_later_for_a_past_day_is_one_more_file_and_the_newest_minute_counts(office: RecordOffice) -> None:
    past = simulate("m", 600.0, "site")
    record_polls(office, past)
    close_all(office, NOON + timedelta(minutes=10))
    office.move_days(NOON + timedelta(days=3))
    office.historian.write(past.stored())
    office.rollup.remake("m", NOON, NOON + timedelta(minutes=10))
    office.settle(NOON + timedelta(days=3))
    moved = office.move_days(NOON + timedelta(days=3))
    assert [(each.kind, each.part) for each in moved] == [("frames", 2), ("minutes", 2)]
    minutes = office.rollup.minutes("m", NOON, NOON + HOUR)
    assert len(minutes) == 10
    assert {minute.source for minute in minutes} == {"sd"}


def test_frames_are_found_in_every_place_they_may_be(office: RecordOffice) -> None:
    """In a file, sorted, and as they came: all of one unit, none of the others."""

    def count() -> int:
        def question(connection: duckdb.DuckDBPyConnection) -> int:
            rows = office.partitions.relation(connection, "frames", "m", NOON, NOON + timedelta(days=9))
            row = connection.execute(f"select count(*) from {rows}").fetchone()
            assert row is not None
            return int(row[0])

        return office.store.read(question)

    for day in (0, 4, 5):
        for unit_id in ("m", "other"):
            record_polls(office, simulate(unit_id, 130.0, starts_at=NOON + timedelta(days=day)))
        if day == 0:
            office.move_days(NOON + timedelta(days=3))
        if day == 4:
            office.settle(NOON + timedelta(days=4, hours=3))
    assert count() == 300


def test_retention_removes_files_and_leaves_hours(office: RecordOffice) -> None:
    past = simulate("m", 3600.0)
    record_polls(office, past)
    close_all(office, NOON + HOUR)
    office.move_days(NOON + timedelta(days=3))
    assert office.prune(NOON + timedelta(days=20)) == []
    (gone,) = office.prune(NOON + timedelta(days=40))
    assert gone.kind == "frames"
    assert not gone.below(office.partitions.top).exists()
    assert len(office.rollup.minutes("m", NOON, NOON + HOUR)) == 60
    office.prune(NOON + timedelta(days=800))
    assert office.rollup.minutes("m", NOON, NOON + HOUR) == []
    assert office.rollup.hours("m", NOON, NOON + HOUR)[0].laeq == pytest.approx(past.laeq(), abs=0.5)


def test_a_move_that_was_cut_off_leaves_nothing_twice(office: RecordOffice) -> None:
    record_polls(office, simulate("m", 130.0))
    number = office.store.known_unit("m")
    assert number is not None
    made = office.store.read(lambda c: office.partitions._write_file(c, "frames", "m", number, NOON.date()))
    assert made is not None
    stray = made.below(office.partitions.top)
    assert stray.is_file()
    office.stop()
    office.start()
    assert not stray.exists()
    assert len(office.move_days(NOON + timedelta(days=3))) == 1


def test_a_disk_that_takes_no_file_leaves_the_days_where_they_are(
    office: RecordOffice, caplog: pytest.LogCaptureFixture
) -> None:
    record_polls(office, simulate("m", 130.0))
    close_all(office, NOON + timedelta(minutes=2))
    office.partitions.top.parent.mkdir(parents=True, exist_ok=True)
    office.partitions.top.write_text("a file where the folder should be")
    assert office.move_days(NOON + timedelta(days=3)) == []
    assert "past days stay in the database" in caplog.text
    assert len(office.rollup.minutes("m", NOON, NOON + HOUR)) == 2
    office.partitions.top.unlink()
    assert len(office.move_days(NOON + timedelta(days=3))) == 2
