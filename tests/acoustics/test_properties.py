"""What must hold for any levels, against brute force: more than a hundred thousand cases."""

from __future__ import annotations

import math

import numpy as np
import pytest

from slmm.acoustics.allowance import Heard, allowance
from slmm.acoustics.energy import ResidualVerdict, energy, mean_level, rounded, rounded_down, subtract_residual
from slmm.acoustics.intervals import combine
from slmm.acoustics.percentiles import Histogram
from slmm.acoustics.periods import Scheme
from slmm.acoustics.ratings import cnel, lden, ldn
from slmm.acoustics.windows import rolling, running
from tests.acoustics.minutes import MINUTE, NOON, pieces

TOLERANCE_DB = 0.05


def brute(levels: np.ndarray, durations: np.ndarray) -> np.ndarray:
    """The energy mean along the last axis; NaN is missing."""
    known = np.where(np.isnan(levels), 0.0, durations)
    powers = np.where(np.isnan(levels), 0.0, np.power(10.0, np.nan_to_num(levels) / 10.0))
    with np.errstate(divide="ignore", invalid="ignore"):
        return 10.0 * np.log10((powers * known).sum(-1) / known.sum(-1))


def levels_with_gaps(random: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    levels = random.uniform(20.0, 130.0, shape)
    levels[random.random(shape) < 0.1] = np.nan
    return levels


def test_energy_is_conserved_under_any_split() -> None:
    random = np.random.default_rng(1)
    cases = 6000
    levels, durations = levels_with_gaps(random, (cases, 24)), random.uniform(0.1, 1000.0, (cases, 24))
    expected = brute(levels, durations)
    for number, cut in enumerate(random.integers(1, 24, cases)):
        level, time = levels[number], durations[number]
        parts = [mean_level(level[:cut], time[:cut]), mean_level(level[cut:], time[cut:])]
        times = [time[piece][~np.isnan(level[piece])].sum() for piece in (slice(cut), slice(cut, None))]
        whole = mean_level(level, time)
        assert whole == pytest.approx(expected[number], abs=1e-9)
        assert mean_level(np.array(parts, dtype=float), times) == pytest.approx(whole, abs=1e-9)
        assert np.nanmin(level) - 1e-9 <= (whole or 0.0) <= np.nanmax(level) + 1e-9


def test_periods_of_any_pieces_are_what_brute_force_says() -> None:
    random = np.random.default_rng(2)
    for _ in range(300):
        levels = levels_with_gaps(random, (60,))
        minutes = pieces([None if math.isnan(level) else float(level) for level in levels])
        cut = int(random.integers(1, 60))
        whole = combine(minutes, NOON, NOON + 60 * MINUTE)
        parts = [combine(minutes, NOON, NOON + cut * MINUTE), combine(minutes, NOON + cut * MINUTE, NOON + 60 * MINUTE)]
        assert whole.laeq == pytest.approx(float(brute(levels, np.ones(60))), abs=TOLERANCE_DB)
        assert sum(part.energy_s for part in parts) == pytest.approx(whole.energy_s)
        assert sum(part.valid_s for part in parts) == pytest.approx(whole.valid_s)
        assert whole.coverage == pytest.approx(np.count_nonzero(~np.isnan(levels)) / 60)


def test_rolling_and_running_levels_are_what_brute_force_says() -> None:
    random = np.random.default_rng(3)
    windows = 0
    for width in range(1, 61):
        levels = levels_with_gaps(random, (120,))
        minutes = pieces([None if math.isnan(level) else float(level) for level in levels])
        views = np.lib.stride_tricks.sliding_window_view(levels, width)
        expected, coverage = brute(views, np.ones(width)), np.mean(~np.isnan(views), axis=-1)
        found = rolling(minutes, width * 60.0, least_coverage=0.5)
        assert all(window.laeq is None for window in found[: width - 1])
        for window, level, covered in zip(found[width - 1 :], expected, coverage, strict=True):
            assert window.coverage == pytest.approx(covered)
            assert (window.laeq is not None) == (covered >= 0.5)
            assert window.laeq is None or window.laeq == pytest.approx(level, abs=1e-6)
        windows += len(found)
        last = running(minutes, NOON)[-1]
        assert last.so_far_db == pytest.approx(float(brute(levels, np.ones(120))), abs=1e-6)
    assert windows == 60 * 120


def test_percentiles_are_those_of_the_sorted_samples_and_in_order() -> None:
    random = np.random.default_rng(4)
    percents = np.array([1, 5, 10, 33.3, 50, 90, 95, 99])
    for _ in range(2000):
        samples = random.normal(60.0, 12.0, int(random.integers(1, 400)))
        descending = np.sort(samples)[::-1]
        places = np.maximum(np.ceil(percents / 100.0 * samples.size - 1e-9).astype(int), 1) - 1
        cut = int(random.integers(0, samples.size + 1))
        counted = Histogram.of(samples[:cut]) + Histogram.of(samples[cut:])
        found = np.array([counted.ln(float(percent)) for percent in percents])
        assert np.abs(found - descending[places]).max() <= TOLERANCE_DB + 1e-9
        assert (np.diff(found) <= 0).all()
        assert counted.count == samples.size


def test_day_levels_are_what_brute_force_says_and_lie_within_their_parts() -> None:
    random = np.random.default_rng(5)
    cases = 12_000
    day, evening, night = random.uniform(20.0, 100.0, (3, cases))
    parts = np.stack([day, evening + 5.0, night + 10.0], axis=1)
    schemes = {
        Scheme(): (12.0, 4.0, 8.0),
        Scheme(evening=20.0, night=22.0): (13.0, 2.0, 9.0),
    }
    for scheme, hours in schemes.items():
        found = np.array([lden(*map(float, row), scheme) for row in zip(day, evening, night, strict=True)])
        assert np.abs(found - brute(parts, np.array(hours))).max() < 1e-9
        assert (found <= parts.max(axis=1) + 1e-9).all()
        assert (found >= parts.min(axis=1) - 1e-9).all()
        assert (found >= brute(np.stack([day, evening, night], axis=1), np.array(hours)) - 1e-9).all()
    community = np.array([cnel(*map(float, row)) for row in zip(day, evening, night, strict=True)])
    assert np.abs(community - brute(parts, np.array([12.0, 3.0, 9.0]))).max() < 1e-9
    both = np.array([ldn(float(one), float(other)) for one, other in zip(day, night, strict=True)])
    assert np.abs(both - brute(parts[:, [0, 2]], np.array([15.0, 9.0]))).max() < 1e-9


def test_rounding_is_that_of_whole_numbers() -> None:
    hundredths = np.random.default_rng(6).integers(-5000, 15_000, 25_000)
    expected = (hundredths + 5) // 10
    for number, tenths in zip(hundredths.tolist(), expected.tolist(), strict=True):
        assert rounded(number / 100.0) == tenths / 10.0
        assert rounded_down(number / 100.0) == number // 10 / 10.0


def test_what_the_residual_leaves_makes_the_total_again() -> None:
    random = np.random.default_rng(7)
    residuals, differences = random.uniform(20.0, 90.0, 15_000), random.uniform(-5.0, 15.0, 15_000)
    for residual, difference in zip(residuals.tolist(), differences.tolist(), strict=True):
        found = subtract_residual(residual + difference, residual)
        if found.level_db is None:
            assert difference < 3.0 + 1e-6
        elif found.verdict is ResidualVerdict.CORRECTED:
            assert 10 * math.log10(energy(found.level_db) + energy(residual)) == pytest.approx(residual + difference)
        else:
            assert difference > 10.0 - 1e-6


def test_the_rest_level_keeps_the_limit_and_a_tenth_more_would_not() -> None:
    random = np.random.default_rng(8)
    cases = 15_000
    limits, above = random.uniform(40.0, 90.0, cases).round(1), random.uniform(-25.0, 12.0, cases)
    for limit, offset, elapsed in zip(limits.tolist(), above.tolist(), random.uniform(0.01, 0.99, cases), strict=True):
        heard = Heard(energy(limit + offset) * float(elapsed), float(elapsed), float(elapsed), now_db=limit + offset)
        found = allowance(limit, 1.0, heard)
        assert found.is_lost == (found.used_ratio >= 1.0)
        if found.rest_level_db is None:
            assert found.is_lost
            continue
        kept, louder = (
            heard.energy_s + found.rest_s * energy(found.rest_level_db + more) for more in (0.0, 0.1 + 1e-6)
        )
        assert kept <= energy(limit) * (1 + 1e-9) < louder * (1 + 1e-8)
        assert found.exhausted_in_s is not None
        assert (found.exhausted_in_s >= found.rest_s) == (offset <= 0) or abs(offset) < 1e-6
