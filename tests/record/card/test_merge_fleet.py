"""A day of many meters: live levels with outages, cards fetched now and then, clocks that are off, a DST night.

What the cards hold has to be on record, each interval once, at its place and with its source; the levels are the truth.
Of eight meters with Lp each 10 s, for time's sake; of ``SLMM_TEST_EXAMPLES`` meters and ``SLMM_TEST_STEPS`` times as
often when they are set, so 20 of them and 10 for each second:

    SLMM_TEST_EXAMPLES=20 SLMM_TEST_STEPS=10 python -m pytest tests/record/card/test_merge_fleet.py
"""

import os
import random
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from slmm.acoustics.intervals import combine
from slmm.record.card.alignment import ClockReading
from slmm.record.office import RecordOffice
from slmm.settings import Settings
from tests.record.card.bench import Bench, a_bench
from tests.record.card.cards import Meter, Run, wandering

METERS = int(os.environ.get("SLMM_TEST_EXAMPLES", "8"))
"""Seven have everything once that can happen to one."""
DAY_S = 86_400
BEGIN = datetime(2026, 10, 24, 18, tzinfo=UTC)
"""In the night that follows the clocks of Berlin go back."""
SUMMER_S = 7200.0
LP_S = max(1, 10 // int(os.environ.get("SLMM_TEST_STEPS", "1")))
WITHIN_S = 1.6
"""A clock that shows whole seconds, read in whole seconds."""


@pytest.fixture
def bench(office: RecordOffice, make_settings: Callable[..., Settings], tmp_path: Path) -> Iterator[Bench]:
    with a_bench(office, make_settings(), tmp_path / "downloads") as made:
        yield made


class Site:
    """One meter over the day, and what becomes of it."""

    def __init__(self, number: int) -> None:
        self.chance = chance = random.Random(number)
        off_s = chance.uniform(-90.0, 90.0)
        start = BEGIN + timedelta(seconds=chance.random())
        self.meter = Meter(f"m{number:02d}", start, wandering(DAY_S, number), SUMMER_S + off_s)
        begin_s, end_s = chance.randrange(0, 600), DAY_S - chance.randrange(0, 600)
        self.runs = [self.run("0001", begin_s, end_s)]
        noon_s = chance.randrange(DAY_S // 3, DAY_S // 2)
        match number % 7:
            case 1:
                self.meter.clock_set = [(noon_s, SUMMER_S + chance.uniform(-3.0, 3.0))]
            case 2:  # somebody sets it to winter time after breakfast
                self.meter.clock_set = [(noon_s, self.meter.ahead_s - 3600.0)]
            case 3:
                self.runs[0].lost = [(noon_s, noon_s + chance.randrange(600, 5400))]
            case 4:  # the card is cleared and its store name used again
                later_s = noon_s + chance.randrange(100, 4000)
                self.runs = [
                    self.run("0001", begin_s, noon_s),
                    self.run("0001", later_s, end_s),
                ]
            case 5:
                self.runs = [
                    self.run("0001", begin_s, noon_s),
                    self.run("0002", noon_s + 60, end_s),
                ]

    def run(self, store: str, begin_s: int, end_s: int) -> Run:
        return Run(self.meter, store, begin_s, end_s, lp_s=LP_S, rows_a_file=3600 // LP_S)

    def outages(self) -> list[tuple[int, int]]:
        """When nothing is received."""
        found, second = [], 0
        while second < DAY_S:
            second += self.chance.randrange(1800, 4 * 3600)
            ends_s = min(DAY_S, second + int(self.chance.expovariate(1 / 1500.0)) + 10)
            found.append((second, ends_s))
            second = ends_s
        return found

    def held(self) -> np.ndarray:
        """Of which seconds of the day its card tells."""
        found = np.zeros(DAY_S, dtype=bool)
        for run in self.runs:
            for interval_s in (LP_S, 60):
                for start in run.starts(interval_s).astype(int):
                    found[start : start + interval_s] = True
        return found


def live(bench: Bench, site: Site) -> np.ndarray:
    """Its display is looked at every 10 s but in outages and while it has no power; in which seconds nobody could."""
    is_deaf = np.zeros(DAY_S, dtype=bool)
    for begin_s, end_s in site.outages():
        is_deaf[begin_s:end_s] = True
    for run in site.runs:
        for begin_s, end_s in run.lost:
            is_deaf[begin_s:end_s] = True
    begin = 0
    for end in [*np.flatnonzero(np.diff(is_deaf)).tolist(), DAY_S - 1]:
        if not is_deaf[end]:
            bench.live(site.meter, begin, end, every_s=10.0, is_made=False)
        begin = end + 1
    return is_deaf


def clock_is_read(bench: Bench, site: Site) -> None:
    """About each hour, as an answer over a mobile network has it."""
    changes = [second for second, _ in site.meter.clock_set]
    for hour in range(24):
        second = hour * 3600 + site.chance.randrange(0, 600)
        late_s = site.chance.uniform(-0.7, 0.7)
        reading = ClockReading(site.meter.at(second), site.meter.ahead_at(second) + late_s)
        assert all(abs(second - change) > 0 for change in changes)
        bench.merge.ledger.note_clock(site.meter.unit_id, reading)


def bring(bench: Bench, site: Site) -> None:
    """Each run while it goes on, its last lines cut off, and when it has ended; some twice."""
    for run in site.runs:
        for _ in range(site.chance.randrange(0, 2)):
            until_s = site.chance.randrange(run.begin_s + 1000, run.end_s)
            files = run.files(until_s)
            bench.read_clock(run.meter, until_s)
            cut = site.chance.randrange(0, 60)
            torn = {path: text[: len(text) - cut] for path, text in files.items() if path.endswith(".rnd")}
            bench.bring(run, until_s, {**files, **torn})
        for _ in range(site.chance.choice((1, 1, 1, 2))):
            bench.bring(run)


@pytest.mark.deadline(600.0)
def test_a_day_of_many_meters_is_what_their_cards_hold(bench: Bench) -> None:
    sites = [Site(number) for number in range(METERS)]
    filled = 0
    for site in sites:
        is_deaf = live(bench, site)
        clock_is_read(bench, site)
        bring(bench, site)
        bench.office.settle(BEGIN + timedelta(days=9))
        meter = site.meter
        bench.check_all(meter.unit_id, site.runs, WITHIN_S)

        minutes = bench.office.rollup.minutes(meter.unit_id, BEGIN, BEGIN + timedelta(seconds=DAY_S))
        held = site.held()
        filled += int(np.count_nonzero(held & is_deaf))
        day = combine(minutes, BEGIN, BEGIN + timedelta(seconds=DAY_S))
        by_card_s = sum(minute.valid_s for minute in minutes if minute.source == "sd")
        edges = 1 + len(site.runs) + len(meter.clock_set) + sum(len(run.lost) for run in site.runs)
        assert day.valid_s >= held.sum() - 5.0, meter.unit_id
        assert abs(by_card_s - held.sum()) <= 120.0 * edges, (meter.unit_id, by_card_s, held.sum())
        levels = []
        for minute in minutes:
            second = (minute.starts_at - meter.starts_at).total_seconds()
            low, high = int(second) - 3, int(second) + 63
            if low >= 0 and high <= DAY_S and held[low:high].all():
                assert (minute.source, round(minute.valid_s, 0)) == ("sd", 60.0), (meter.unit_id, minute.starts_at)
                levels.append((minute.laeq, meter.laeq(second, second + 60)))
        # A row of 10 s that lies across two minutes is shared evenly among them.
        found, true = np.array(levels).T
        assert np.sqrt(np.mean(np.square(found - true))) < (0.15 if LP_S <= 2 else 0.5), meter.unit_id
        day_db, true_db = (10.0 * np.log10(np.mean(10.0 ** (each / 10.0))) for each in (found, true))
        assert day_db == pytest.approx(true_db, abs=0.01)
    assert filled > METERS * 1000, "the outages were worth it"
