"""Live against card: how much they differ, and by how much their clocks do."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from numpy.typing import NDArray

from slmm.record.card.comparison import best_shift_s, compare

NOON = datetime(2025, 12, 23, 12, tzinfo=UTC)
Series = NDArray[np.float64]
FINE = 100
"""Steps of the true sound in a second."""


def minutes(*levels: float | None) -> list[tuple[datetime, float | None]]:
    return [(NOON + timedelta(minutes=number), level) for number, level in enumerate(levels)]


def test_only_what_both_have_is_compared() -> None:
    found = compare(minutes(60.0, 61.0, None, 64.0, 70.0), minutes(60.2, 61.0, 55.0, 63.0))
    assert (found.count, found.only_live, found.only_sd) == (3, 1, 1)
    assert found.mean_db == pytest.approx(0.8 / 3)
    assert found.median_db == 0.0
    assert found.max_abs_db == pytest.approx(1.0)
    assert found.worst_at == NOON + timedelta(minutes=3)


def test_nothing_in_common_is_no_difference() -> None:
    found = compare(minutes(60.0), [])
    assert (found.count, found.mean_db, found.max_abs_db, found.only_live) == (0, None, None, 1)


def sound(seconds: int, seed: int, memory: float = 0.9) -> Series:
    """A level that wanders, in steps of 10 ms."""
    random = np.random.default_rng(seed)
    level, levels = 0.0, []
    for kick in random.standard_normal(seconds):
        level = memory * level + kick
        levels.append(level)
    return 60.0 + 2.0 * np.repeat(levels, FINE) + random.standard_normal(seconds * FINE)


def leq(fine: Series, ends_s: Series) -> Series:
    """The equivalent level of the second before each time."""
    summed = np.concatenate(([0.0], np.cumsum(10.0 ** (fine / 10.0))))
    ends = np.round(ends_s * FINE).astype(int)
    return 10.0 * np.log10((summed[ends] - summed[ends - FINE]) / FINE)


def both(seed: int, seconds: int = 900, memory: float = 0.9) -> tuple[Series, Series, Series, Series]:
    """Received and stored, of the same sound; the seconds of the two begin at different fractions."""
    fine = sound(seconds + 20, seed, memory)
    live_s, sd_s = np.arange(10.0, 10.0 + seconds) + 0.37, np.arange(9.0, 9.0 + seconds)
    return live_s, np.round(leq(fine, live_s), 1), sd_s, np.round(leq(fine, sd_s), 1)


@pytest.mark.parametrize("shift_s", [0.0, 0.3, -0.5, 1.0, -7.46, 55.5, -90.12, 118.0])
@pytest.mark.parametrize("memory", [0.0, 0.9, 0.98])
def test_a_known_shift_is_found_to_a_twentieth_of_a_second(shift_s: float, memory: float) -> None:
    live_s, live_db, sd_s, sd_db = both(7, memory=memory)
    assert best_shift_s(live_s, live_db, sd_s - shift_s, sd_db) == pytest.approx(shift_s, abs=0.05)


@pytest.mark.parametrize("seed", range(5))
def test_noise_gaps_and_another_level_do_not_hide_it(seed: int) -> None:
    live_s, live_db, sd_s, sd_db = both(seed)
    random = np.random.default_rng(seed)
    live_db = live_db + random.standard_normal(live_db.size) + 3.0
    live_db[random.random(live_db.size) < 0.02] = np.nan
    live_s, live_db = np.delete(live_s, np.s_[300:420]), np.delete(live_db, np.s_[300:420])
    sd_s, sd_db = np.delete(sd_s, np.s_[600:640]), np.delete(sd_db, np.s_[600:640])
    order = random.permutation(sd_s.size)
    found = best_shift_s(live_s, live_db, sd_s[order] + 12.3, sd_db[order])
    assert found == pytest.approx(-12.3, abs=0.15)


def test_levels_polled_every_second_or_two_will_do() -> None:
    live_s, live_db, sd_s, sd_db = both(3, seconds=1800)
    polled = np.cumsum(np.random.default_rng(3).integers(1, 3, 1100))
    polled = polled[polled < live_s.size]
    assert best_shift_s(live_s[polled], live_db[polled], sd_s - 4.0, sd_db) == pytest.approx(4.0, abs=0.3)


@pytest.mark.parametrize("memory", [0.0, 0.9, 0.98])
def test_different_sounds_have_no_shift(memory: float) -> None:
    for seed in range(10):
        live_s, live_db, _, _ = both(seed, memory=memory)
        _, _, sd_s, sd_db = both(seed + 100, memory=memory)
        assert best_shift_s(live_s, live_db, sd_s, sd_db) is None, seed


def test_weak_evidence_is_none() -> None:
    time_s = np.arange(1800.0)
    beat = 60.0 + 5.0 * np.sin(time_s * 2.0 * np.pi / 20.0)
    assert best_shift_s(time_s, beat, time_s - 3.0, beat) is None, "a machine that repeats itself"
    day = 60.0 + 10.0 * np.sin(time_s / 3000.0)
    assert best_shift_s(time_s, day, time_s - 3.0, day) is None, "a trend"
    assert best_shift_s(time_s, beat * 0.0 + 60.0, time_s, beat * 0.0 + 60.0) is None, "a calibrator"
    live_s, live_db, sd_s, sd_db = both(1)
    assert best_shift_s(live_s[:100], live_db[:100], sd_s, sd_db) is None, "too short"
    assert best_shift_s(live_s, live_db, sd_s + 5000.0, sd_db) is None, "nothing in common"
    assert best_shift_s(live_s, live_db, sd_s - 300.0, sd_db) is None, "further than was searched"
    assert best_shift_s(live_s, live_db * np.nan, sd_s, sd_db) is None, "no level"
    assert best_shift_s(live_s[::4], live_db[::4], sd_s, sd_db) is None, "too sparse"


def test_what_does_not_belong_together_is_refused() -> None:
    with pytest.raises(ValueError, match="do not belong together"):
        best_shift_s([1.0], [1.0, 2.0], [1.0], [1.0])
    with pytest.raises(ValueError, match="within_s: 0 is not allowed"):
        best_shift_s([1.0], [1.0], [1.0], [1.0], within_s=0)
