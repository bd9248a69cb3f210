"""What a limit still allows."""

from __future__ import annotations

from dataclasses import replace

import pytest

from slmm.acoustics.allowance import Heard, allowance, allowance_of, heard_of
from slmm.acoustics.energy import energy, mean_level
from slmm.acoustics.intervals import Span, combine
from slmm.acoustics.quality import Flag
from slmm.errors import Invalid
from tests.acoustics.minutes import HOUR, MINUTE, NOON, pieces

HOUR_S = 3600.0


def test_five_minutes_at_90_use_a_fifth_of_twelve_hours_at_75() -> None:
    found = allowance(75.0, 12 * HOUR_S, Heard(300.0 * energy(90.0), 300.0, 300.0))
    assert f"{found.used_ratio:.0%}" == "22%"


def test_a_limit_that_is_lost_is_said_to_be() -> None:
    found = allowance(70.0, HOUR_S, Heard(HOUR_S * energy(70.0), 600.0, 600.0, recent_db=77.8, residual_db=50.0))
    assert (found.is_lost, found.rest_level_db, found.exhausted_in_s) == (True, None, 0.0)
    assert found.used_ratio == pytest.approx(1.0)
    assert found.floor_db is not None
    assert found.floor_db > 70.0


def test_a_period_that_ended_on_its_limit_is_not_lost() -> None:
    found = allowance(70.0, HOUR_S, Heard(HOUR_S * energy(70.0), HOUR_S, HOUR_S))
    assert (found.is_lost, found.rest_s, found.rest_level_db) == (False, 0.0, None)
    assert allowance(70.0, HOUR_S, Heard(HOUR_S * energy(70.01), HOUR_S, HOUR_S)).is_lost
    quiet = allowance(70.0, HOUR_S, Heard(HOUR_S * energy(60.0), HOUR_S, HOUR_S + 30.0))
    assert (quiet.is_lost, quiet.rest_level_db) == (False, None)


def test_what_was_missed_makes_the_used_part_an_interval() -> None:
    heard = Heard(1800 * energy(70.0), measured_s=1800, elapsed_s=2400, recent_db=73.0)
    found = allowance(75.0, HOUR_S, heard)
    budget_s = HOUR_S * energy(75.0)
    assert found.used_ratio == pytest.approx(1800 * energy(70.0) / budget_s)
    assert found.used_at_most == pytest.approx((1800 * energy(70.0) + 600 * energy(73.0)) / budget_s)
    assert found.rest_level_db is not None
    assert (mean_level([70.0, 73.0, found.rest_level_db], [1800, 600, 1200]) or 0.0) <= 75.0
    assert (mean_level([70.0, 73.0, found.rest_level_db + 0.1], [1800, 600, 1200]) or 0.0) > 75.0
    assert found.exhausted_in_s == pytest.approx((budget_s * (1 - found.used_at_most)) / energy(73.0))


def test_what_was_missed_and_cannot_be_guessed_is_not_promised() -> None:
    found = allowance(75.0, HOUR_S, Heard(1800 * energy(70.0), 1800, 2400, now_db=70.0))
    assert (found.used_at_most, found.rest_level_db, found.exhausted_in_s) == (None, None, None)
    assert not found.is_lost


def test_a_limit_that_may_be_lost_allows_nothing_and_is_not_said_to_be_lost() -> None:
    found = allowance(70.0, HOUR_S, Heard(1500 * energy(72.0), 1500, 2700, recent_db=75.0))
    assert found.used_at_most is not None
    assert found.used_at_most > 1.0 > found.used_ratio
    assert (found.is_lost, found.rest_level_db, found.exhausted_in_s) == (False, None, 0.0)


def test_without_a_present_level_nobody_knows_how_long() -> None:
    found = allowance(70.0, HOUR_S, Heard(600 * energy(60.0), 600, 600))
    assert (found.exhausted_in_s, found.floor_db, found.ceiling_db) == (None, None, None)
    assert found.used_at_most == found.used_ratio


def test_a_level_that_lasts_is_exhausted_after_the_end() -> None:
    found = allowance(70.0, HOUR_S, Heard(600 * energy(60.0), 600, 600, recent_db=60.0))
    assert found.exhausted_in_s is not None
    assert found.exhausted_in_s > found.rest_s == 3000


def test_forecasts_fill_the_rest_and_what_was_missed() -> None:
    heard = Heard(1200 * energy(70.0), 1200, 1800, recent_db=74.0, residual_db=50.0)
    found = allowance(75.0, HOUR_S, heard)
    assert found.floor_db == pytest.approx(mean_level([70.0, 50.0], [1200, 2400]))
    assert found.ceiling_db == pytest.approx(mean_level([70.0, 74.0], [1200, 2400]))


@pytest.mark.parametrize("field", ["energy_s", "measured_s", "elapsed_s"])
@pytest.mark.parametrize("value", [-1.0, float("nan")])
def test_sums_below_zero_are_refused(field: str, value: float) -> None:
    sums = {"energy_s": 1.0, "measured_s": 1.0, "elapsed_s": 1.0, field: value}
    with pytest.raises(Invalid, match=field):
        Heard(**sums)


def test_a_period_has_a_length() -> None:
    with pytest.raises(Invalid, match="period_s"):
        allowance(70.0, 0.0, Heard(0.0, 0.0, 0.0))


PERIOD = Span(NOON, NOON + HOUR)


def test_from_stored_minutes() -> None:
    levels = pieces([70.0] * 10 + [80.0] * 10)
    found = allowance_of(75.0, PERIOD, levels, NOON + 20 * MINUTE, residual_db=50.0)
    assert found.used_ratio == pytest.approx((600 * energy(70.0) + 600 * energy(80.0)) / (HOUR_S * energy(75.0)))
    assert found.ceiling_db == pytest.approx(
        mean_level([70.0, 80.0, mean_level([70.0, 80.0], [5, 10]) or 0.0], [10, 10, 40])
    )
    assert found.floor_db == pytest.approx(mean_level([70.0, 80.0, 50.0], [10, 10, 40]))


def test_a_silence_of_the_line_is_taken_to_be_as_it_was_before() -> None:
    found = allowance_of(75.0, PERIOD, pieces([72.0] * 20), NOON + 40 * MINUTE)
    assert found.used_at_most == pytest.approx(2 * found.used_ratio)


def test_the_recent_mean_may_come_from_before_the_period() -> None:
    found = allowance_of(75.0, PERIOD, pieces([72.0] * 15, NOON - 15 * MINUTE), NOON + 6 * MINUTE)
    assert found.used_ratio == 0.0
    assert found.used_at_most == pytest.approx(0.1 * energy(72.0 - 75.0))


def test_excluded_minutes_are_missing() -> None:
    levels = pieces([72.0] * 5 + [95.0] + [72.0] * 4)
    found = allowance_of(
        75.0, PERIOD, levels, NOON + 10 * MINUTE, excluded=[Span(NOON + 5 * MINUTE, NOON + 6 * MINUTE)]
    )
    assert found.used_at_most == pytest.approx(10 / 60 * energy(72.0 - 75.0))


def test_before_the_period_nothing_is_used_and_after_it_nothing_is_left() -> None:
    levels = pieces([72.0] * 90)
    before = allowance_of(75.0, PERIOD, levels, NOON)
    assert (before.used_ratio, before.used_at_most, before.rest_level_db) == (0.0, 0.0, 75.0)
    after = allowance_of(75.0, PERIOD, levels, NOON + 2 * HOUR)
    assert (after.rest_s, after.used_ratio) == (0.0, pytest.approx(energy(-3.0)))


def test_over_range_uses_at_least_what_the_meter_still_showed() -> None:
    levels = [replace(piece, flags=Flag.OVER) for piece in pieces([90.0])] + pieces([60.0], NOON + MINUTE)
    heard = heard_of(combine(levels, NOON, NOON + 2 * MINUTE))
    assert (heard.energy_s, heard.measured_s, heard.missing_s) == (pytest.approx(60 * energy(90.0) + 6e7), 120.0, 0.0)
