"""A record whose files are damaged: what can be read is kept, the rest is named, and recording goes on."""

import contextlib
import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import duckdb
import pytest

from slmm import __version__
from slmm.errors import DiskTrouble
from slmm.record import snapshot
from slmm.record.office import RecordOffice
from slmm.record.partitions import Partition
from slmm.settings import Settings
from slmm.storage import archive, broken
from tests.crash.damage import HARMS, Harm, cut_in_half, emptied, garbage_in_header, garbage_in_the_middle, overwrite
from tests.record import past
from tests.record.past import close_all, record_polls, simulate

HOUR = timedelta(hours=1)
NOON = past.NOON - timedelta(days=20)
LATER = NOON + timedelta(days=4)
ROWS = 400_000
"""Rows of the busy unit: more than three of DuckDB's groups."""
MakeSettings = Callable[..., Settings]


def opened(settings: Settings) -> RecordOffice:
    """An office whose jobs are the test's."""
    office = RecordOffice(settings, lambda unit_id: ZoneInfo("UTC"))
    office.start()
    return office


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data directory of a service: one past day in files, one in the tables, and a busy unit."""
    from slmm import settings as settings_module

    data_dir = tmp_path_factory.mktemp("template") / "data"
    data_dir.mkdir()
    office = opened(settings_module.load({}, None, data_dir=data_dir))
    record_polls(office, simulate("m", 300.0, starts_at=NOON))
    close_all(office, NOON + timedelta(minutes=5))
    office.move_days(NOON + timedelta(days=3))
    record_polls(office, simulate("m", 300.0, starts_at=LATER))
    close_all(office, LATER + timedelta(minutes=5))

    def much(connection: duckdb.DuckDBPyConnection) -> None:
        number = office.store.unit_number(connection, "busy")
        connection.execute(
            "insert into frames (unit, ends_at, source, lp) select ?, ?::timestamp +"
            f" to_milliseconds(range * 100), 0, 40 + 40 * random() from range({ROWS})",
            [number, (LATER + HOUR).replace(tzinfo=None)],
        )

    office.store.write(much)
    office.stop()
    return data_dir


@pytest.fixture
def settings(template: Path, make_settings: MakeSettings) -> Settings:
    """Settings with a copy of it."""
    made = make_settings()
    shutil.copytree(template, made.data_dir)
    return made


def count(office: RecordOffice, unit_id: str) -> int:
    """All frames of a unit, wherever they are."""

    def question(connection: duckdb.DuckDBPyConnection) -> int:
        span = (datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC))
        rows = office.partitions.relation(connection, "frames", unit_id, *span)
        row = connection.execute(f"select count(lp), sum(hash(each)) from {rows} as each").fetchone()
        return int(row[0]) if row else 0

    return office.store.read(question)


def minutes(office: RecordOffice, at: datetime) -> int:
    """Minutes on record after an instant."""
    return len(office.rollup.minutes("m", at, at + HOUR))


FRAMES = len(list(simulate("m", 300.0).polls()))


@pytest.mark.parametrize("harm", [*HARMS, Path.unlink], ids=lambda harm: harm.__name__)
def test_days_in_files_are_there_again_and_what_waited_is_recorded(settings: Settings, harm: Harm) -> None:
    path = settings.data_dir / "record" / snapshot.FILE
    harm(path)
    office = opened(settings)
    with contextlib.suppress(DiskTrouble):
        count(office, "busy")  # a damaged block is found by who reads it
    for reading in simulate("m", 60.0, starts_at=LATER + HOUR).polls():
        office.historian.on_reading("m", event=reading)
    assert any("damaged" in each or "gone" in each for each in office.problems()) == (office.trouble is not None)
    office.close_minutes(LATER + HOUR)
    assert office.trouble is None
    office.historian.flush()
    assert office.historian.pending == 0
    (found,) = broken.everything(settings.data_dir)
    assert found.what == "record"
    assert (settings.data_dir / found.aside / snapshot.FILE).exists() == (harm is not Path.unlink)
    assert minutes(office, NOON) == 5
    assert len(office.rollup.hours("m", NOON, NOON + HOUR)) == 1, "hours that are gone are made of minutes"
    assert count(office, "m") >= FRAMES + 46
    office.stop()


def test_of_a_file_with_a_damaged_block_most_is_saved(settings: Settings) -> None:
    """A block of the levels of one group of rows; short columns of many groups share blocks, and there more is lost."""
    overwrite(settings.data_dir / "record" / snapshot.FILE, 0.3, 1000)
    office = opened(settings)
    with contextlib.suppress(DiskTrouble):
        count(office, "busy")
    assert office.store.spoilt is not None
    office.close_minutes(LATER + HOUR)
    assert ROWS / 2 < count(office, "busy") < ROWS
    assert minutes(office, LATER) == 5
    assert "rows of it were saved" in broken.everything(settings.data_dir)[0].outcome
    office.stop()


@pytest.mark.parametrize("harm", [garbage_in_the_middle, cut_in_half, emptied, Path.unlink], ids=lambda x: x.__name__)
def test_a_damaged_log_costs_no_more_than_the_log(settings: Settings, tmp_path: Path, harm: Harm) -> None:
    """What is in the log only is what came since the file was last put in order."""
    office = opened(settings)
    record_polls(office, simulate("m", 120.0, starts_at=LATER + HOUR))
    cut_off = tmp_path / "cut off"
    shutil.copytree(settings.data_dir, cut_off)
    office.stop()
    log = cut_off / "record" / f"{snapshot.FILE}.wal"
    if harm is garbage_in_the_middle:
        overwrite(log, 0.5, 50)
    else:
        harm(log)
    after = opened(settings.model_copy(update={"data_dir": cut_off}))
    after.close_minutes(LATER + 2 * HOUR)
    assert (after.trouble, count(after, "busy")) == (None, ROWS)
    assert count(after, "m") >= 2 * FRAMES
    assert len(broken.everything(cut_off)) == (harm is garbage_in_the_middle)
    after.stop()


def test_where_nothing_can_be_read_a_backup_is_used_and_younger_files_too(settings: Settings) -> None:
    data_dir = settings.data_dir
    (data_dir / archive.DATABASE).touch()
    archive.write(
        data_dir,
        data_dir / archive.DATABASE,
        data_dir / "backups" / "good.zip",
        __version__,
        snapshot=snapshot.of(data_dir),
    )
    office = opened(settings)
    assert office.move_days(LATER + timedelta(days=9)), "the day in the tables goes into files after the backup"
    office.stop()
    garbage_in_header(data_dir / "record" / snapshot.FILE)
    office = opened(settings)
    office.close_minutes(LATER + HOUR)
    assert "good.zip" in broken.everything(data_dir)[0].outcome
    assert (count(office, "busy"), count(office, "m")) == (ROWS, 2 * FRAMES), "nothing twice, nothing missing"
    assert (minutes(office, NOON), minutes(office, LATER)) == (5, 5)
    office.stop()


def test_a_record_that_somebody_has_open_is_not_taken_for_a_damaged_one(settings: Settings) -> None:
    import subprocess
    import sys

    path = settings.data_dir / "record" / snapshot.FILE
    holding = "import duckdb, sys; c = duckdb.connect(sys.argv[1]); print(1, flush=True); sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", holding, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert other.stdout is not None
        other.stdout.readline()
        office = opened(settings)
        assert "lock" in (office.trouble or "")
        for reading in simulate("m", 60.0, starts_at=LATER + HOUR).polls():
            office.historian.on_reading("m", event=reading)
        office.historian.flush()
        assert office.historian.pending == 46
        other.communicate()
    office.close_minutes(LATER + HOUR)
    office.historian.flush()
    assert (office.trouble, office.historian.pending, broken.everything(settings.data_dir)) == (None, 0, [])
    assert count(office, "m") == 2 * FRAMES + 46
    office.stop()


# -- files of past days ------------------------------------------------------------------------------


def file_of(office: RecordOffice, kind: str) -> Path:
    """The file of the past day."""
    return Partition(kind, "m", NOON.date(), 1, 0).below(office.partitions.top)


@pytest.mark.parametrize("harm", [garbage_in_header, cut_in_half, emptied], ids=lambda harm: harm.__name__)
@pytest.mark.parametrize("kind", ["frames", "minutes"])
def test_a_damaged_file_is_set_aside_by_itself_and_the_rest_answers(settings: Settings, kind: str, harm: Harm) -> None:
    office = opened(settings)
    path = file_of(office, kind)
    whole = path.read_bytes()
    harm(path)
    assert minutes(office, NOON) == (0 if kind == "minutes" else 5)
    assert count(office, "m") == (FRAMES if kind == "frames" else 2 * FRAMES)
    assert minutes(office, LATER) == 5
    assert office.problems() == [
        f"files of past days are missing, and so are their levels in every answer: m {NOON:%Y-%m-%d} ({kind})"
    ]
    (found,) = broken.everything(settings.data_dir)
    assert f"the {kind} of m on {NOON:%Y-%m-%d}" in found.outcome
    assert not path.exists()
    path.write_bytes(whole)  # copied back from a backup
    assert (minutes(office, NOON), count(office, "m"), office.problems()) == (5, 2 * FRAMES, [])
    office.stop()


def test_a_file_that_is_gone_is_named_from_the_start_on(settings: Settings) -> None:
    office = opened(settings)
    file_of(office, "minutes").unlink()
    office.stop()
    office = opened(settings)
    assert f"m {NOON:%Y-%m-%d} (minutes)" in office.problems()[0]
    assert (minutes(office, NOON), minutes(office, LATER)) == (0, 5)
    office.stop()


def test_a_file_that_the_record_does_not_know_is_not_thrown_away(settings: Settings) -> None:
    office = opened(settings)
    office.store.write(lambda connection: connection.execute("delete from partitions"))
    office.stop()
    office = opened(settings)
    assert (minutes(office, NOON), count(office, "m")) == (5, 2 * FRAMES)
    office.stop()
