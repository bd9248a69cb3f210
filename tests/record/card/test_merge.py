"""Cards into the record: each interval once, at its place, whatever becomes of files, clock and service."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import gevent
import numpy as np
import pytest
from sqlalchemy.orm import Session

from slmm import signals
from slmm.acoustics.intervals import combine
from slmm.events import MinuteMade
from slmm.record.card.alignment import ClockReading
from slmm.record.frames import Source
from slmm.record.office import RecordOffice
from slmm.settings import Settings
from slmm.storage import runs
from tests.record.card.bench import Bench, a_bench
from tests.record.card.cards import MIDNIGHT, Meter, Run, wandering

HOUR = timedelta(hours=1)


@pytest.fixture
def bench(office: RecordOffice, make_settings: Callable[..., Settings], tmp_path: Path) -> Iterator[Bench]:
    with a_bench(office, make_settings(), tmp_path / "downloads") as made:
        yield made


def meter(seconds: int = 3700, seed: int = 1, off_s: float = 0.0, unit_id: str = "m") -> Meter:
    """In Berlin in winter."""
    return Meter(unit_id, MIDNIGHT, wandering(seconds, seed), 3600.0 + off_s)


def test_a_card_comes_on_record_once_and_fills_what_was_missed(bench: Bench) -> None:
    run = Run(meter(), "0007", 0, 3600)
    bench.live(run.meter, 0, 1200)
    done = bench.bring(run)
    assert (done.rows, done.new_rows, done.left_out) == (3660, 3660, 0)
    bench.check(run)
    minutes = bench.office.rollup.minutes("m", MIDNIGHT, MIDNIGHT + HOUR)
    hour = combine(minutes, MIDNIGHT, MIDNIGHT + HOUR)
    assert (hour.coverage, set(hour.sources)) == (1.0, {"sd"})
    assert hour.laeq == pytest.approx(run.meter.laeq(0, 3600), abs=0.05)
    assert done.minutes_filled == 40
    again = bench.bring(run)
    assert (again.rows, again.new_rows, again.minutes) == (3660, 0, 0)
    bench.check(run)


def test_a_file_that_grows_and_is_cut_off_in_a_row_is_fetched_again_and_again(bench: Bench) -> None:
    run = Run(meter(7300, off_s=-41.0), "0007", 5, 7205)
    for number, until_s in enumerate((900, 1913, 5400)):
        bench.read_clock(run.meter, until_s - 30.0 + number * 0.7)
        files = run.files(until_s)
        torn = {path: text[: -(7 + number * 9)] for path, text in files.items() if path.endswith(".rnd")}
        bench.bring(run, until_s, {**files, **torn})
    bench.bring(run)
    bench.check(run)
    ends = [ends[0] for (source, _), ends in sorted(bench.stored("m").items()) if source is Source.SD_LP]
    steps = np.diff([at.timestamp() for at in ends])
    assert np.abs(steps - 1.0).max() < 0.4, "what is fetched later lies behind what was fetched before"
    brought = [row.merged_rows for row in bench.files("m") if row.kind == "lp"]
    assert sum(brought) == 7200
    assert len(brought) == 6  # versions of the first hour and of the second that had something new


@pytest.mark.parametrize("back_s", [0.0, 86_400.0], ids=["a day later", "with the clock set back to the same second"])
def test_a_store_name_used_again_on_a_cleared_card_is_another_measurement(bench: Bench, back_s: float) -> None:
    first = Run(meter(1900), "0001", 0, 1800)
    later = Meter("m", MIDNIGHT + timedelta(days=1), wandering(1900, 2), 3600.0 - back_s)
    second = Run(later, "0001", 0, 1800)
    bench.read_clock(first.meter, 60, 1700)
    bench.bring(first)
    bench.check(first)
    bench.read_clock(later, 60, 1700)
    assert bench.bring(second).new_rows == 1830
    assert bench.bring(second).new_rows == 0
    found = bench.stored("m")
    assert {len(ends) for ends in found.values()} == {2}
    for (source, address), ends in found.items():
        interval_s = run_s(first, source)
        for run, at in zip((first, second), ends, strict=True):
            assert abs((at - run.meter.at(address * interval_s)).total_seconds()) <= 1.0
    originals = [row.local_path for row in bench.files("m") if row.kind == "lp"]
    assert len(set(originals)) == 2
    data = bench.office.folder.parent
    assert all((data / path).is_file() for path in originals), "the first is kept though its name was used again"


def run_s(run: Run, source: Source) -> int:
    seconds = run.lp_s if source is Source.SD_LP else run.leq_s
    assert seconds is not None
    return seconds


@pytest.mark.parametrize("off_s", [-88.4, 0.3, 61.7, 3600.0])
def test_a_clock_that_nobody_has_read_is_told_by_the_sound(bench: Bench, off_s: float) -> None:
    run = Run(meter(9000, off_s=off_s), "0003", 0, 9000, leq_s=60)
    bench.live(run.meter, 4000, 7000)
    bench.bring(run)
    bench.check(run, within_s=0.6)
    (row,) = [row for row in bench.files("m") if row.kind == "leq"]
    assert row.clock_offset_s == pytest.approx(off_s, abs=1.1)


def test_the_sound_contradicts_a_clock_that_was_set_after_the_run(bench: Bench) -> None:
    run = Run(meter(3700, off_s=75.0), "0003", 0, 3600)
    bench.live(run.meter, 600, 3000)
    bench.clocks["m"] = ClockReading(run.meter.at(3650), 3600.0)  # set right just after the end
    done = bench.bring(run)
    bench.check(run, within_s=0.6)
    assert any("not as it was read" in trouble for trouble in done.troubles)


def test_a_clock_set_while_it_measures_is_followed(bench: Bench) -> None:
    site = meter(7300, off_s=-83.0)
    site.clock_set = [(3000, 3600.0 + 2.0)]
    run = Run(site, "0004", 0, 7200)
    bench.read_clock(site, 300, 2700, 3300, 7000)
    done = bench.bring(run)
    bench.check(run, within_s=1.1)
    assert any("the meter's clock was set by" in trouble for trouble in done.troubles)


@pytest.mark.parametrize("is_read", [True, False])
def test_the_night_the_clocks_go_back(bench: Bench, is_read: bool) -> None:
    """The meter's clock does not; only what is called civil time changes beneath it."""
    start = datetime(2026, 10, 24, 23, 30, tzinfo=UTC)
    site = Meter("m", start, wandering(10_900, 5), 7200.0)
    run = Run(site, "0005", 0, 10_800, lp_s=10)
    if is_read:
        bench.read_clock(site, 100, 3700, 7300)
    for until_s in (1500, 4000, 7000, 10_800):
        bench.bring(run, until_s)
    bench.check(run)


def test_power_lost_and_rows_lost_with_it(bench: Bench) -> None:
    """The last rows before a power loss may vanish from the card again, and others come in their place."""
    site = meter(3700)
    bench.read_clock(site, 100, 3600)
    cut = Run(site, "0006", 0, 3600, lost=[(1500, 1900)])
    hasty = Run(site, "0006", 0, 1507, lp_s=1, leq_s=None)
    bench.bring(hasty, 1507)
    assert len(bench.stored("m")) == 1507
    bench.bring(cut)
    found = bench.stored("m")
    lp_ends = sorted(at for (source, _), ends in found.items() if source is Source.SD_LP for at in ends)
    expected = sorted({site.at(second + 1) for second in [*range(1507), *range(1900, 3600)]})
    assert len(lp_ends) == len(expected)
    assert max(abs((a - b).total_seconds()) for a, b in zip(lp_ends, expected, strict=True)) <= 1.0
    whole = combine(bench.office.rollup.minutes("m", MIDNIGHT, MIDNIGHT + HOUR), MIDNIGHT, MIDNIGHT + HOUR)
    # The Leq interval that the power loss cut off is not stored; the minute file begins anew at the restart.
    assert whole.valid_s == pytest.approx(1507 + 1700, abs=2.0)


def test_intervals_that_are_not_full_do_not_hide_or_double_others(bench: Bench) -> None:
    site = meter(3700)
    run = Run(site, "0008", 0, 1800, lp_s=None)
    files = run.files()
    path = next(path for path in files if path.endswith(".rnd"))
    lines = files[path].splitlines(keepends=True)
    # 12 whole minutes, one of 20 s, then on at once.
    short = lines[14].replace("00:01:00.0", "00:00:20.0")
    shifted = Run(Meter("m", site.at(-40), site.levels, site.ahead_s), "0008", 0, 1800, lp_s=None, first_address=1)
    rest = shifted.files()[path].splitlines(keepends=True)[15:]
    for count in (9, 15, 20, 32):
        bench.bring(run, files={**files, path: "".join([*lines[:14], short, *rest][:count])})
    found = bench.stored("m")
    assert len(found) == 30
    assert {len(ends) for ends in found.values()} == {1}
    ends = [found[Source.SD_LEQ, address][0] for address in range(1, 31)]
    steps = np.diff([at.timestamp() for at in ends])
    assert steps.tolist() == [60.0] * 11 + [20.0] + [60.0] * 17


def test_rows_that_stand_in_two_files_are_taken_once(bench: Bench) -> None:
    run = Run(meter(7300), "0009", 0, 7200, leq_s=None)
    files = run.files()
    first, second = sorted(path for path in files if path.endswith(".rnd"))
    head, *rows = files[second].split("\r\n", 2)
    repeated = "".join(files[first].splitlines(keepends=True)[-5:])
    files[second] = f"{head}\r\n{rows[0]}\r\n{repeated}{rows[1]}"
    done = bench.bring(run, files=files)
    bench.check(run)
    assert done.left_out == 5


def test_a_service_cut_off_anywhere_goes_on_where_it_was(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    run = Run(meter(7300), "0007", 0, 7200)
    bench.live(run.meter, 0, 600)

    class CutOff(BaseException):
        pass

    def cut(*args: Any, **kwargs: Any) -> Any:
        raise CutOff

    places = [
        (bench.merge.book, "put"),
        (bench.office.rollup, "remake"),
        (bench.merge.ledger, "spans_done"),
        (bench.office.rollup, "roll"),
    ]
    for target, name in places:
        with monkeypatch.context() as patched:
            patched.setattr(target, name, cut)
            with pytest.raises(CutOff):
                bench.bring(run)
    bench.merge.resume()
    done = bench.bring(run)
    assert done.new_rows == 0
    bench.check(run)
    whole = combine(bench.office.rollup.minutes("m", MIDNIGHT, MIDNIGHT + 2 * HOUR), MIDNIGHT, MIDNIGHT + 2 * HOUR)
    assert whole.coverage == pytest.approx(1.0, abs=1e-3)
    assert bench.merge.ledger.spans("m") == []


def test_minutes_that_changed_are_told_once_with_what_they_are_now(bench: Bench) -> None:
    run = Run(meter(), "0007", 600, 1200)
    bench.live(run.meter, 0, 900)
    told: list[MinuteMade] = []
    with signals.minute_made.connected_to(lambda sender, event: told.append(event)):
        bench.bring(run)
        bench.bring(run)
    assert [event.at for event in told] == [MIDNIGHT + timedelta(minutes=number) for number in range(11, 21)]
    assert {event.interval.source for event in told} == {"sd"}


def test_what_live_and_card_differ_by_is_on_record_with_the_file(bench: Bench) -> None:
    site = meter()
    run = Run(site, "0007", 0, 3600)
    bench.read_clock(site, 10, 3500)
    deaf = Meter("m", site.starts_at, site.levels - 2.0, site.ahead_s)
    bench.live(deaf, 0, 1800)
    bench.bring(run)
    (row,) = [row for row in bench.files("m") if row.kind == "lp"]
    assert row.differences is not None
    assert row.differences["count"] == 30
    assert row.differences["mean_db"] == pytest.approx(-2.0, abs=0.1)
    assert row.differences["minutes_filled"] == 30
    assert row.differences["filled_s"] == pytest.approx(1800, abs=5)
    assert (row.rows, row.merged_rows, row.troubles) == (3600, 3600, None)
    assert row.first_at is not None
    assert abs((row.first_at - MIDNIGHT).total_seconds()) <= 1.0


def add_run(bench: Bench, begin_s: int, end_s: int, name: str | None) -> None:
    """A measurement on record."""
    begun_at, ended_at = (MIDNIGHT + timedelta(seconds=second) for second in (begin_s, end_s))
    start = runs.Beginning("m", begun_at, True, {}, store_name=name)

    def change(session: Session) -> None:
        runs.begin(session, start)
        runs.finish(session, "m", ended_at, is_exact=True, how="stopped")

    bench.database.write(change)


def test_files_belong_to_the_run_of_their_name_and_time(bench: Bench) -> None:
    add_run(bench, 0, 1000, "0001")
    add_run(bench, 1200, 2400, "0001")
    add_run(bench, 2500, 3600, None)
    site = meter()
    bench.read_clock(site, 10, 3500)
    assert list(bench.bring(Run(site, "0001", 1200, 2400)).runs) == [2]
    assert list(bench.bring(Run(site, "0002", 2500, 3600)).runs) == [3]
    assert {row.run_id for row in bench.files("m") if row.kind != "other"} == {2, 3}


MERGER = """
import sys
from gevent import monkey
monkey.patch_all()
from pathlib import Path
from zoneinfo import ZoneInfo
from slmm import settings
from slmm.record.office import RecordOffice
from slmm.storage import runs
from tests.record.card.bench import a_bench
from tests.record.card.cards import MIDNIGHT, Meter, Run, wandering
made = settings.load({}, None, data_dir=Path(sys.argv[1]))
office = RecordOffice(made, lambda unit_id: ZoneInfo("Europe/Berlin"))
office.start()
with a_bench(office, made, Path(sys.argv[2])) as bench:
    run = Run(Meter("m", MIDNIGHT, wandering(14500, 1), 3600.0), "0007", 0, 14400, rows_a_file=600)
    bench.read_clock(run.meter, 5, 14000)
    print("begun", flush=True)
    bench.bring(run)
    print("done", flush=True)
"""


def test_a_service_killed_again_and_again_while_it_merges_doubles_and_loses_nothing(
    make_settings: Callable[..., Settings], tmp_path: Path
) -> None:
    settings = make_settings()
    settings.data_dir.mkdir(parents=True)
    command = [sys.executable, "-c", MERGER, str(settings.data_dir), str(tmp_path / "downloads")]
    for patience_s in (0.15, 0.4, 0.9):
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as merging:
            assert merging.stdout is not None
            assert merging.stdout.readline() == "begun\n"
            gevent.sleep(patience_s)
            merging.kill()
    office = RecordOffice(settings, lambda unit_id: ZoneInfo("Europe/Berlin"))
    office.start()
    with a_bench(office, settings, tmp_path / "downloads") as bench:
        run = Run(meter(14_500), "0007", 0, 14_400, rows_a_file=600)
        bench.bring(run)
        bench.check(run)
        assert bench.bring(run).new_rows == 0
        minutes = office.rollup.minutes("m", MIDNIGHT, MIDNIGHT + 4 * HOUR)
        assert sum(minute.valid_s for minute in minutes) == pytest.approx(14_400, abs=2)
        assert sum(row.merged_rows for row in bench.files("m")) == 14_400 + 240
    office.stop()


def manual(site: Meter, *rows: tuple[int, int]) -> dict[str, str]:
    """One row for each manual store: begin and length in s, both whole minutes."""
    run = Run(site, "0002", 0, 0)
    text = ""
    for number, (begin_s, length_s) in enumerate(rows):
        part = Run(site, "0002", begin_s, begin_s + length_s, leq_s=length_s, first_address=number + 1)
        text += f"{part.leq_rows(length_s)[0]}\r\n"
    path = "/NL-43/Manual_0002/NL_0001_SLM_MAN_0002_0000.rnd"
    header = next(text for path, text in run.files().items() if "Leq" in path)
    return {path: header + text}


def test_a_manual_store_counts_only_where_nothing_else_from_the_card_does(bench: Bench) -> None:
    site = meter(7300)
    bench.read_clock(site, 10, 3500)
    bench.bring(Run(site, "0001", 0, 1800))
    run = Run(site, "0002", 0, 3600)
    done = bench.bring(run, files=manual(site, (600, 600), (2400, 600)))
    assert done.new_rows == 1
    found = bench.stored("m", "0002")
    assert list(found) == [(Source.SD_LEQ, 2)]
    assert bench.bring(run, files=manual(site, (600, 600), (2400, 600))).new_rows == 0
    (row,) = [row for row in bench.files("m") if row.kind == "man"]
    assert (row.rows, row.merged_rows) == (2, 1)


def test_a_minute_never_gets_poorer_when_its_single_frames_are_gone(bench: Bench) -> None:
    """Leq intervals that come after the frames of the same time were let go of."""
    site = meter()
    run = Run(site, "0001", 0, 3600)
    bench.read_clock(site, 10, 3500)
    files = run.files()
    leq = {path: text for path, text in files.items() if "Leq" in path}
    bench.bring(run, files={path: text for path, text in files.items() if path not in leq})
    bench.office.move_days(MIDNIGHT + timedelta(days=3))
    bench.office.prune(MIDNIGHT + timedelta(days=40))
    before = bench.office.rollup.minutes("m", MIDNIGHT, MIDNIGHT + HOUR)
    part = leq.popitem()
    bench.bring(run, files={part[0]: part[1].rsplit("\r\n", 20)[0] + "\r\n"})
    after = bench.office.rollup.minutes("m", MIDNIGHT, MIDNIGHT + HOUR)
    assert [minute.histogram.count for minute in after] == [minute.histogram.count for minute in before]
    assert [minute.valid_s for minute in after] == [minute.valid_s for minute in before]


def test_a_header_of_another_measurement_is_told(bench: Bench) -> None:
    run = Run(meter(), "0001", 600, 1200)
    files = run.files()
    other = Run(run.meter, "0002", 900, 1200).files()
    header = next(path for path in files if path.endswith(".rnh"))
    files[header] = next(text for path, text in other.items() if path.endswith(".rnh"))
    done = bench.bring(run, files=files)
    assert any("the header is of store name 0002" in trouble for trouble in done.troubles)
    assert any("before the measurement of the header" in trouble for trouble in done.troubles)
