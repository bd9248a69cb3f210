"""The worked examples of the field, to 0.1 dB, by their numbers."""

from __future__ import annotations

import math
from datetime import date, timedelta

import numpy as np
import pytest

from slmm.acoustics.allowance import Heard, allowance
from slmm.acoustics.energy import energy, mean_level, rounded
from slmm.acoustics.exposure import growth
from slmm.acoustics.intervals import combine
from slmm.acoustics.percentiles import Histogram
from slmm.acoustics.periods import NIGHT, periods_of
from slmm.acoustics.quality import Bound, Flag
from slmm.acoustics.ratings import cnel, lden, ldn
from slmm.acoustics.windows import fixed_periods, noisiest, rolling
from tests.acoustics.minutes import HOUR, MINUTE, NOON, pieces, utc

HOUR_S = 3600.0


def shown(level_db: float | None) -> float:
    assert level_db is not None
    return rounded(level_db)


def test_t01_a_mean_is_one_of_energies() -> None:
    assert shown(mean_level([60.0, 65.0, 70.0])) == 66.7


def test_t02_an_hour_of_four_quarters() -> None:
    quarters = pieces([68.2, 71.5, 66.9, 80.3], length=15 * MINUTE)
    assert shown(combine(quarters, NOON, NOON + HOUR).laeq) == 75.2
    assert shown(mean_level([68.2, 71.5, 66.9, 80.3])) == 75.2


def test_t03_a_working_day_of_unlike_parts() -> None:
    assert shown(mean_level([75.0, 60.0, 55.0], [2.5 * HOUR_S, 5.5 * HOUR_S, 2 * HOUR_S])) == 69.3


def test_t07_exceeded_levels() -> None:
    samples = Histogram.of([80.0] * 15 + [60.0] * 70 + [45.0] * 15)
    assert [samples.ln(percent) for percent in (10, 50, 90)] == [80.0, 60.0, 45.0]


def test_t09_percentiles_of_an_hour_come_from_its_counts() -> None:
    quarters = [Histogram.of(np.full(9000, level)) for level in (50.0, 50.0, 50.0, 80.0)]
    hour = Histogram.total(quarters)
    assert (hour.ln(10), hour.ln(90)) == (80.0, 50.0)
    assert sum(quarter.ln(10) or 0.0 for quarter in quarters) / 4 == 57.5  # what would be wrong


def test_t10_day_evening_night() -> None:
    assert shown(lden(62.0, 58.0, 52.0)) == 62.2


def test_t13_a_constant_level() -> None:
    assert (shown(lden(60.0, 60.0, 60.0)), shown(ldn(60.0, 60.0)), shown(cnel(60.0, 60.0, 60.0))) == (66.4, 66.4, 66.7)


def test_t16_a_rolling_quarter_of_an_hour() -> None:
    found = rolling(pieces([60.0] * 14 + [85.0] + [60.0] * 20), 900.0)
    levels = [None if window.laeq is None else rounded(window.laeq) for window in found]
    assert levels == [None] * 14 + [73.4] * 15 + [60.0] * 6
    assert found[5].coverage == pytest.approx(6 / 15)


def test_t17_a_rolling_quarter_is_louder_than_both_fixed_ones() -> None:
    loud = pieces([30.0] * 15 + [78.3] * 30 + [30.0] * 15, length=MINUTE / 2)
    quarters = [
        combine(loud, span.starts_at, span.ends_at)
        for span in fixed_periods(NOON, NOON + 30 * MINUTE, 900, "Europe/Berlin")
    ]
    assert [shown(quarter.laeq) for quarter in quarters] == [75.3, 75.3]
    assert max(rounded(window.laeq) for window in rolling(loud, 900.0) if window.laeq is not None) == 78.3


def test_t18_what_is_left_of_ten_hours_at_75() -> None:
    heard = Heard(
        energy_s=4 * HOUR_S * energy(77.0), measured_s=4 * HOUR_S, elapsed_s=4 * HOUR_S, now_db=77.0, residual_db=58.0
    )
    found = allowance(75.0, 10 * HOUR_S, heard)
    assert found.exhausted_in_s is not None
    assert found.rest_level_db == 72.8  # 72.854: down, since 72.9 would end at 75.02
    assert f"{found.used_ratio:.1%}" == "63.4%"
    assert timedelta(seconds=round(found.exhausted_in_s)) == timedelta(hours=2, minutes=18, seconds=34)
    assert shown(found.floor_db) == 73.1
    assert shown(mean_level([77.0, 72.9], [4.0, 6.0])) == 75.0
    assert (mean_level([77.0, 72.9], [4.0, 6.0]) or 0.0) > 75.01


def test_t22_what_is_missing_is_not_zero() -> None:
    hour = pieces([70.0] * 39 + [None] * 12)
    hour += pieces([96.0] * 6, NOON + 51 * MINUTE, flags=Flag.OVER)
    hour += pieces([81.0] * 3, NOON + 57 * MINUTE, flags=Flag.WEATHER)
    found = combine(hour, NOON, NOON + HOUR)
    assert (shown(found.laeq), found.coverage, found.is_judged(0.75)) == (70.0, 0.65, False)
    assert found.is_judged(0.65)
    assert found.bound is Bound.LOWER
    assert shown(10.0 * math.log10(found.energy_s / found.expected_s)) == 68.1  # what zero filling would give


def test_t25_the_eight_noisiest_hours_in_a_row() -> None:
    day = utc("2026-05-04T05:00")  # 07:00 to 18:00 in Copenhagen
    hours = pieces([50.0, 70.0, 55.0, 66.0, 66.0, 66.0, 66.0, 66.0, 66.0, 66.0, 40.0], day, HOUR)
    found = noisiest(hours, day, day + 11 * HOUR, 8 * HOUR_S)
    assert found is not None
    assert found.starts_at == day + HOUR
    assert shown(found.laeq) == shown(mean_level([70.0, 55.0] + [66.0] * 6))
    shorter = noisiest(hours, day, day + 11 * HOUR, HOUR_S)
    assert shorter is not None
    assert shown(shorter.laeq) == 70.0


@pytest.mark.parametrize(("day", "minutes"), [((2026, 3, 28), 420), ((2026, 10, 24), 540), ((2026, 6, 1), 480)])
def test_t27_a_night_has_its_real_length_and_weighs_eight_hours(day: tuple[int, int, int], minutes: int) -> None:
    night = periods_of(date(*day), "Europe/Berlin")[-1]
    assert (night.name, night.span.duration_s) == (NIGHT, minutes * 60.0)
    levels = pieces([50.0] * minutes, night.span.starts_at)
    found = combine(levels, night.span.starts_at, night.span.ends_at)
    assert (shown(found.laeq), found.coverage) == (50.0, 1.0)
    assert shown(lden(50.0, 50.0, found.laeq)) == 56.4


def test_t28_a_minute_out_of_a_running_hour_is_hardly_known() -> None:
    first = 70.0 + 10.0 * math.log10(59 * 60.0)
    last = 70.1 + 10.0 * math.log10(60 * 60.0)
    found = growth(first, last, 60.0)
    assert found is not None
    assert (rounded(found.least_db), rounded(found.most_db)) == (70.1, 75.8)
    assert not found.is_sharp
