"""Means, exposure levels, residuals and rounding."""

from __future__ import annotations

import math

import numpy as np
import pytest

from slmm.acoustics.energy import (
    ResidualVerdict,
    energy,
    exposure_level,
    leq_of_events,
    level,
    mean_level,
    rounded,
    rounded_down,
    rounded_up,
    subtract_residual,
)
from slmm.errors import Invalid


def test_energy_and_level_are_each_others_inverse() -> None:
    assert energy(70.0) == pytest.approx(1e7)
    assert level(1e7) == pytest.approx(70.0)


@pytest.mark.parametrize("nothing", [0.0, -1.0, math.nan])
def test_no_energy_has_no_level(nothing: float) -> None:
    assert level(nothing) is None


@pytest.mark.parametrize("unknown", [math.nan, None, -math.inf, math.inf])
def test_a_level_that_is_not_known_is_left_out_with_its_time(unknown: float | None) -> None:
    assert mean_level([70.0, unknown], [10.0, 1000.0]) == 70.0  # type: ignore[list-item]


@pytest.mark.parametrize("levels", [[], [math.nan], [None, None]])
def test_nothing_valid_has_no_mean(levels: list[float]) -> None:
    assert mean_level(levels) is None


def test_no_time_and_unknown_time_weigh_nothing() -> None:
    assert mean_level([90.0, 80.0, 60.0], [0.0, math.nan, 2.0]) == 60.0
    assert mean_level([90.0], [0.0]) is None


def test_a_constant_level_stays_exactly_what_it_is() -> None:
    assert mean_level(np.full(100_000, 64.3)) == 64.3


def test_huge_and_tiny_levels_do_not_overflow() -> None:
    assert mean_level([5000.0, 5000.0, -5000.0]) == pytest.approx(5000.0 + 10 * math.log10(2 / 3))


def test_each_level_has_its_own_duration() -> None:
    with pytest.raises(Invalid, match="durations_s: 1 for 2 levels") as refused:
        mean_level([60.0, 70.0], [1.0])
    assert refused.value.field == "durations_s"
    with pytest.raises(Invalid, match="-1 s is less than no time"):
        mean_level([60.0], [-1.0])


def test_exposure_level_and_back() -> None:
    assert exposure_level(70.0, 900.0) == pytest.approx(99.542, abs=1e-3)
    assert leq_of_events(exposure_level(70.0, 30.0), 10, 300.0) == pytest.approx(70.0)
    assert rounded(leq_of_events(85.0, 40, 16 * 3600.0)) == 53.4


@pytest.mark.parametrize("duration_s", [0.0, -1.0, math.nan, math.inf])
def test_no_length_of_time_has_no_exposure(duration_s: float) -> None:
    with pytest.raises(Invalid, match="duration_s"):
        exposure_level(70.0, duration_s)
    with pytest.raises(Invalid, match="duration_s"):
        leq_of_events(70.0, 1, duration_s)


@pytest.mark.parametrize("count", [0, -2, math.nan])
def test_no_event_has_no_level(count: float) -> None:
    with pytest.raises(Invalid, match="count"):
        leq_of_events(70.0, count, 60.0)


@pytest.mark.parametrize(
    ("total_db", "residual_db", "level_db", "verdict"),
    [
        (65.0, 60.0, 63.3, ResidualVerdict.CORRECTED),
        (63.0, 60.0, None, ResidualVerdict.NOT_POSSIBLE),
        (63.1, 60.1, None, ResidualVerdict.NOT_POSSIBLE),  # 3.0 in decimals, a little less in floats
        (63.1, 60.0, 60.2, ResidualVerdict.CORRECTED),
        (69.9, 60.0, 69.4, ResidualVerdict.CORRECTED),
        (70.0, 60.0, 70.0, ResidualVerdict.NOT_NEEDED),
        (70.3, 60.3, 70.3, ResidualVerdict.NOT_NEEDED),
        (50.0, 60.0, None, ResidualVerdict.NOT_POSSIBLE),
        (math.nan, 60.0, None, ResidualVerdict.NOT_POSSIBLE),
    ],
)
def test_the_residual_is_taken_off_where_that_says_something(
    total_db: float, residual_db: float, level_db: float | None, verdict: ResidualVerdict
) -> None:
    found = subtract_residual(total_db, residual_db)
    assert found.verdict is verdict
    assert (None if found.level_db is None else rounded(found.level_db)) == level_db


@pytest.mark.parametrize(
    ("exact", "digits", "shown"),
    [
        (75.25, 1, 75.3),
        (75.24999999999999, 1, 75.3),
        (75.2499, 1, 75.2),
        (75.35, 1, 75.4),
        (64.5, 0, 65.0),
        (65.5, 0, 66.0),
        (2.675, 2, 2.68),
        (-0.05, 1, 0.0),
        (-0.06, 1, -0.1),
        (-0.15, 1, -0.1),
        (1.005, 2, 1.01),
    ],
)
def test_half_is_rounded_up(exact: float, digits: int, shown: float) -> None:
    assert rounded(exact, digits) == shown
    assert math.copysign(1.0, rounded(exact, digits)) == (1.0 if shown >= 0 else -1.0)


def test_rounding_down_and_up() -> None:
    assert (rounded_down(72.854), rounded_down(72.8), rounded_down(-3.01)) == (72.8, 72.8, -3.1)
    assert (rounded_down(0.1 + 0.2), rounded_down(72.79999999999999)) == (0.3, 72.8)
    assert (rounded_up(0.11), rounded_up(0.2), rounded_up(0.1 + 0.2)) == (0.2, 0.2, 0.3)


@pytest.mark.parametrize("nothing", [math.nan, math.inf, -math.inf])
def test_what_is_no_level_is_not_rounded(nothing: float) -> None:
    with pytest.raises(Invalid, match="level_db"):
        rounded(nothing)
