"""The record as a whole: from readings to minutes, hours, days and files, and through what goes wrong on the way."""

import contextlib
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import duckdb
import gevent
import pytest

from slmm import signals
from slmm.acoustics.intervals import combine
from slmm.acoustics.quality import Flag
from slmm.emulator.sound import Scenario
from slmm.errors import DiskTrouble
from slmm.events import MinuteMade
from slmm.record.frames import Source
from slmm.record.office import RecordOffice
from slmm.record.rollup import UNITS_AT_ONCE
from slmm.record.store import Store
from slmm.settings import Settings
from tests.record.past import NOON, RARE_BANGS, Past, close_all, record_polls, record_stream, simulate

HOUR = timedelta(hours=1)


def laeq(office: RecordOffice, past: Past, length: timedelta) -> float:
    """From the record."""
    until = past.starts_at + length
    level = combine(office.rollup.minutes(past.unit_id, past.starts_at, until), past.starts_at, until).laeq
    assert level is not None
    return level


@pytest.mark.parametrize("scenario", ["traffic", "site", RARE_BANGS], ids=["traffic", "hammering", "rare bangs"])
@pytest.mark.parametrize("kind", ["stream", "sd"])
def test_a_quarter_and_an_hour_are_true_within_a_fifth_of_a_decibel(
    office: RecordOffice, scenario: str | Scenario, kind: str
) -> None:
    past = simulate("m", 3600.0, scenario)
    if kind == "stream":
        record_stream(office, past)
    else:
        office.historian.write(past.stored())
    close_all(office, NOON + HOUR)
    assert laeq(office, past, timedelta(minutes=15)) == pytest.approx(past.laeq(0, 900), abs=0.2)
    assert laeq(office, past, HOUR) == pytest.approx(past.laeq(), abs=0.2)
    (hour,) = office.rollup.hours("m", NOON, NOON + HOUR)
    assert hour.laeq == pytest.approx(past.laeq(), abs=0.2)
    assert hour.coverage == 1.0
    assert hour.lmax == pytest.approx(float(past.lp.max()), abs=0.06)


@pytest.mark.parametrize("scenario", ["traffic", "site", RARE_BANGS], ids=["traffic", "hammering", "rare bangs"])
def test_from_polls_alone_a_level_says_how_uncertain_it_is(office: RecordOffice, scenario: str | Scenario) -> None:
    past = simulate("m", 3600.0, scenario)
    record_polls(office, past)
    close_all(office, NOON + HOUR)
    minutes = office.rollup.minutes("m", NOON, NOON + HOUR)
    assert all(minute.uncertainty_db is not None for minute in minutes)
    (hour,) = office.rollup.hours("m", NOON, NOON + HOUR)
    assert hour.laeq is not None
    assert hour.uncertainty_db is not None
    assert abs(hour.laeq - past.laeq()) <= hour.uncertainty_db
    assert hour.source == "poll"


def test_the_card_fills_what_was_missed_and_corrects_what_was_sampled(office: RecordOffice) -> None:
    past = simulate("m", 3600.0, "site")
    for reading in past.polls():
        if not NOON + timedelta(minutes=20) < reading.at < NOON + timedelta(minutes=31):
            office.historian.on_reading("m", event=reading)
    office.historian.flush()
    close_all(office, NOON + HOUR)
    before = combine(office.rollup.minutes("m", NOON, NOON + HOUR), NOON, NOON + HOUR)
    assert before.coverage == pytest.approx(49 / 60, abs=0.02)
    office.historian.write(past.stored())
    remade = office.rollup.remake("m", NOON, NOON + HOUR)
    assert len(remade) == 60
    after = combine(office.rollup.minutes("m", NOON, NOON + HOUR), NOON, NOON + HOUR)
    assert (after.coverage, after.sources) == (1.0, {"sd"})
    assert after.laeq == pytest.approx(past.laeq(), abs=0.1)
    assert office.rollup.hours("m", NOON, NOON + HOUR)[0].laeq == pytest.approx(past.laeq(), abs=0.1)


def test_long_intervals_alone_keep_their_energy(office: RecordOffice) -> None:
    """A card that holds only quarters of an hour: their sum is the truth, their minutes are even."""
    past = simulate("m", 3600.0, "site")
    office.historian.write(past.stored(900.0, Source.SD_LEQ))
    office.rollup.remake("m", NOON, NOON + HOUR)
    minutes = office.rollup.minutes("m", NOON, NOON + HOUR)
    assert len(minutes) == 60
    assert all(Flag.SPREAD in minute.flags for minute in minutes)
    assert laeq(office, past, HOUR) == pytest.approx(past.laeq(), abs=0.1)
    assert laeq(office, past, timedelta(minutes=15)) == pytest.approx(past.laeq(0, 900), abs=0.1)


def test_every_minute_is_told_once_it_is_on_record(office: RecordOffice) -> None:
    told: list[tuple[str, datetime, int]] = []

    def hear(sender: str, event: MinuteMade) -> None:
        on_record = office.rollup.minutes("m", NOON, event.at)
        told.append((event.unit_id, event.at, len(on_record)))

    record_polls(office, simulate("m", 180.0))
    with signals.minute_made.connected_to(hear):
        close_all(office, NOON + timedelta(minutes=3))
    assert told == [("m", NOON + timedelta(minutes=number), number) for number in (1, 2, 3)]


def test_minutes_of_many_units_are_made_in_parts_and_none_is_left_out(office: RecordOffice) -> None:
    units = [f"m{number:03}" for number in range(2 * UNITS_AT_ONCE + 3)]
    polls = list(simulate("m", 60.0).polls())
    for unit_id in units:
        for reading in polls:
            office.historian.on_reading(unit_id, event=replace(reading, unit_id=unit_id))
    office.historian.flush()
    told: list[str] = []

    def hear(sender: str, event: MinuteMade) -> None:
        told.append(event.unit_id)

    with signals.minute_made.connected_to(hear):
        close_all(office, NOON + timedelta(minutes=1))
    assert told == units
    levels = {round(office.rollup.minutes(unit_id, NOON, NOON + HOUR)[0].energy_s, 6) for unit_id in units}
    assert len(levels) == 1


def test_minutes_wait_for_frames_that_are_not_written_yet(office: RecordOffice) -> None:
    past = simulate("m", 120.0)
    for reading in past.polls():
        office.historian.on_reading("m", event=reading)
    assert office.close_minutes(NOON + timedelta(minutes=10)) == 0
    office.historian.flush()
    assert office.close_minutes(NOON + timedelta(minutes=10)) > 0


def test_a_restart_goes_on_where_it_was(office: RecordOffice) -> None:
    record_polls(office, simulate("m", 600.0))
    office.close_minutes(NOON + timedelta(minutes=5, seconds=30))
    assert len(office.rollup.minutes("m", NOON, NOON + HOUR)) == 5
    office.stop()
    office.start()
    close_all(office, NOON + timedelta(minutes=10))
    minutes = office.rollup.minutes("m", NOON, NOON + timedelta(minutes=10))
    assert len(minutes) == 10
    assert len({minute.starts_at for minute in minutes}) == 10


def test_minutes_that_come_once_more_are_made_of_all_that_was_heard(office: RecordOffice) -> None:
    record_polls(office, simulate("m", 600.0))
    close_all(office, NOON + timedelta(minutes=10))
    before = office.rollup.minutes("m", NOON, NOON + HOUR)
    told: list[datetime] = []

    def hear(sender: str, event: MinuteMade) -> None:
        told.append(event.at)

    set_back = NOON + timedelta(minutes=5, seconds=10)
    with signals.minute_made.connected_to(hear):
        assert office.close_minutes(set_back) == 0, "they are not over yet"
        for reading in simulate("m", 180.0).polls():
            louder = replace(reading.main, lp=(reading.main.lp or 0.0) + 20.0)
            again = replace(reading, at=set_back + (reading.at - NOON), main=louder)
            office.historian.on_reading("m", event=again)
        office.historian.flush()
        office.close_minutes(set_back + timedelta(minutes=3))
    assert told == [NOON + timedelta(minutes=number) for number in (6, 7, 8)]
    minutes = office.rollup.minutes("m", NOON, NOON + HOUR)
    assert len(minutes) == 10
    is_louder = [new.energy_s > 5 * old.energy_s for new, old in zip(minutes, before, strict=True)]
    assert is_louder == [False] * 5 + [True] * 3 + [False] * 2
    assert all(minute.valid_s <= 60.0 for minute in minutes)
    assert office.rollup.mark() == NOON + timedelta(minutes=8)


def test_weeks_without_the_service_are_jumped_over(office: RecordOffice) -> None:
    earlier = NOON - timedelta(days=40)
    record_polls(office, simulate("m", 120.0, starts_at=earlier))
    close_all(office, earlier + timedelta(minutes=2))
    record_polls(office, simulate("m", 120.0))
    began_s = time.monotonic()
    close_all(office, NOON + timedelta(minutes=2))
    assert len(office.rollup.minutes("m", NOON, NOON + timedelta(minutes=2))) == 2
    assert office.rollup.minutes("m", earlier + HOUR, NOON - HOUR) == []
    assert time.monotonic() - began_s < 30  # 57,600 empty minutes would take minutes


def test_days_are_civil_days_and_hours_are_the_clocks(make_settings: Callable[..., Settings]) -> None:
    """On the day the clocks go back a day in Berlin has 25 hours; in Kolkata hours begin at half past of UTC."""
    zones = {"berlin": ZoneInfo("Europe/Berlin"), "kolkata": ZoneInfo("Asia/Kolkata")}
    settings = make_settings()
    office = RecordOffice(settings, zones.__getitem__)
    office.start()
    start = datetime(2026, 10, 24, 18, 0, tzinfo=UTC)
    for unit_id in zones:
        past = simulate(unit_id, 60.0)
        for hour in range(36):
            shifted = Past(unit_id, start + hour * HOUR, past.leq, past.lp, past.lpeak)
            office.historian.write(shifted.stored())
    for unit_id in zones:
        office.rollup.remake(unit_id, start, start + timedelta(hours=36))
    (day,) = office.rollup.days("berlin", start, start + timedelta(hours=36))
    assert (day.ends_at - day.starts_at) == timedelta(hours=25)
    assert day.starts_at == datetime(2026, 10, 24, 22, 0, tzinfo=UTC)
    assert day.valid_s == 25 * 60
    assert {hour.starts_at.minute for hour in office.rollup.hours("kolkata", start, start + timedelta(hours=30))} == {
        30
    }
    office.stop()


def test_frames_wait_in_memory_while_the_disk_does_not_take_them(make_settings: Callable[..., Settings]) -> None:
    settings = make_settings()
    settings.data_dir.mkdir(parents=True)
    blocker = settings.data_dir / "record"
    blocker.write_text("a file where the folder should be")
    office = RecordOffice(settings, lambda unit_id: ZoneInfo("UTC"))
    office.start()
    assert office.trouble is not None
    assert "record" in office.trouble
    past = simulate("m", 60.0)
    record_polls(office, past)
    assert office.historian.pending == len(list(past.polls()))
    assert office.historian.last_error is not None
    assert office.problems()[0].startswith("nothing is recorded: ")
    office.settle()
    assert (office.move_days(), office.prune(NOON)) == ([], [])
    blocker.unlink()
    office.close_minutes(NOON + timedelta(minutes=3))
    assert office.trouble is None
    office.historian.flush()
    assert (office.historian.pending, office.historian.dropped, office.problems()) == (0, 0, [])
    close_all(office, NOON + timedelta(minutes=1))
    assert len(office.rollup.minutes("m", NOON, NOON + HOUR)) == 1
    office.stop()


def test_a_record_of_a_newer_version_is_left_alone(office: RecordOffice) -> None:
    office.store.write(lambda connection: connection.execute("insert into schema_version values (99)"))
    office.stop()
    fresh = Store(office.store.path)
    with pytest.raises(Exception, match="schema 99; this version knows 1"):
        fresh.open()


WRITER = """
import sys
from gevent import monkey
monkey.patch_all()
from datetime import UTC, datetime, timedelta
from pathlib import Path
import gevent
from slmm.events import Levels, Reading
from slmm.record.historian import Historian
from slmm.record.store import Store
store = Store(Path(sys.argv[1]))
store.open()
historian = Historian(store)
historian.start()
number = store.read(lambda c: c.execute("select count(*) from frames").fetchone()[0])
while True:
    at = datetime.now(UTC)
    historian.on_reading("m", event=Reading("m", at, Levels(lp=60.0), ""))
    number += 1
    print(number, at.timestamp(), flush=True)
    gevent.sleep(0.002)
"""


def test_a_killed_process_loses_two_seconds_at_most_and_never_the_file(tmp_path: Path) -> None:
    path = tmp_path / "record.duckdb"
    for _ in range(4):
        with subprocess.Popen([sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE, text=True) as writer:
            assert writer.stdout is not None
            ends_s = None
            last = ""
            for line in writer.stdout:
                ends_s = ends_s or time.monotonic() + 2.6
                last = line
                if time.monotonic() > ends_s:
                    writer.send_signal(signal.SIGKILL)
                    break
            last = (writer.stdout.read().strip().splitlines() or [last])[-1]
        acknowledged, at = last.split()
        with duckdb.connect(str(path)) as found:
            row = found.execute("select count(*), max(epoch(ends_at)) from frames").fetchone()
        assert row is not None
        assert float(at) - row[1] < 2.0
        assert row[0] <= int(acknowledged)


def test_nothing_is_fetched_from_outside_when_a_record_is_made(tmp_path: Path) -> None:
    """DuckDB's extensions come with it; one that is missing must be an error and not a download."""
    store = Store(tmp_path / "record.duckdb")
    store.open()
    row = store.read(lambda c: c.execute("select current_setting('autoinstall_known_extensions')").fetchone())
    assert row == (False,)
    store.close()
    shutil.rmtree(tmp_path)


def test_a_question_that_is_under_way_does_not_break_the_end(office: RecordOffice) -> None:
    """Somebody asks until the record is closed, and is then told so."""
    record_polls(office, simulate("m", 60.0))

    def ask() -> int:
        asked = 0
        with contextlib.suppress(DiskTrouble):
            while True:
                office.store.read(lambda c: c.execute("select count(*) from range(2000000)").fetchone())
                asked += 1
        return asked

    asking = [gevent.spawn(ask) for _ in range(4)]
    gevent.sleep(0.2)
    office.stop()
    assert not office.store.is_open
    assert all(greenlet.get(timeout=5) > 0 for greenlet in asking)
    office.start()
    assert office.trouble is None
