"""Lden, Ldn, CNEL, rating levels and Taktmaximal levels."""

from __future__ import annotations

import math

import numpy as np
import pytest

from slmm.acoustics.energy import rounded
from slmm.acoustics.periods import Scheme
from slmm.acoustics.ratings import (
    Adjustments,
    Mean,
    cnel,
    lden,
    ldn,
    ltm5,
    rating_level,
    takt_maxima,
    wirkpegel,
)
from slmm.errors import Invalid


def test_a_part_that_is_not_known_makes_the_whole_unknown() -> None:
    assert lden(60.0, None, 50.0) is None
    assert ldn(None, 50.0) is None
    assert cnel(60.0, 55.0, None) is None


def test_an_evening_that_weighs_nothing_need_not_be_known() -> None:
    assert ldn(60.0, 50.0) == pytest.approx(60.0)


def test_a_shortened_evening_weighs_less() -> None:
    shortened = lden(60.0, 60.0, 40.0, Scheme(evening=21.0))
    assert shortened is not None
    assert shortened == pytest.approx(10 * math.log10((14 * 1e6 + 2 * 10**6.5 + 8 * 1e5) / 24))
    assert shortened < (lden(60.0, 60.0, 40.0) or 0.0)


def test_a_scheme_may_have_other_penalties() -> None:
    assert lden(60.0, 60.0, 60.0, Scheme(evening_penalty_db=0.0, night_penalty_db=0.0)) == pytest.approx(60.0)


def test_a_rating_level_has_named_adjustments() -> None:
    assert rating_level(58.5, Adjustments(k_i=3.0, k_t=2.0, k_r=6.0, k_s=-5.0)) == pytest.approx(64.5)
    assert rating_level(58.5, Adjustments()) == 58.5
    assert rating_level(None, Adjustments(k_i=3.0)) is None


def test_the_highest_level_of_each_takt() -> None:
    offsets = [0.0, 4.99, 5.0, 9.0, 15.0, 16.0, 20.0, -0.1]
    levels = [60.0, 61.0, 70.0, 65.0, 50.0, math.nan, math.nan, 40.0]
    assert takt_maxima(offsets, levels).tolist() == [40.0, 61.0, 70.0, 50.0]
    assert takt_maxima([], []).size == 0


def test_takts_need_a_length_and_an_offset_each() -> None:
    with pytest.raises(Invalid, match="takt_s"):
        takt_maxima([0.0], [60.0], 0.0)
    with pytest.raises(Invalid, match="offsets_s"):
        takt_maxima([0.0], [60.0, 61.0])


def test_the_taktmaximal_level_is_an_energy_mean() -> None:
    assert rounded(ltm5([60.0, 70.0]) or 0.0) == 67.4
    assert ltm5([]) is None


def test_takt_maxima_never_lie_below_the_mean() -> None:
    levels = 60 + 8 * np.sin(np.arange(6000) / 7.0)
    mean = 10 * np.log10(np.mean(10 ** (levels / 10)))
    assert (ltm5(takt_maxima(np.arange(6000) / 10.0, levels)) or 0.0) > mean


@pytest.mark.parametrize(
    ("maxima", "level_db", "mean"),
    [
        ([70.0, 75.0, 79.9], 74.97, Mean.ARITHMETIC),
        ([70.0, 75.0, 80.0], 76.74, Mean.ENERGY),
        ([70.3, 80.2], 75.25, Mean.ARITHMETIC),
        ([70.1, 80.1], 77.50, Mean.ENERGY),  # 10 dB in decimals
        ([66.0, math.nan], 66.0, Mean.ARITHMETIC),
    ],
)
def test_avv_baulaerm_allows_the_arithmetic_mean_of_a_small_spread(
    maxima: list[float], level_db: float, mean: Mean
) -> None:
    found = wirkpegel(maxima)
    assert found is not None
    assert (round(found.level_db, 2), found.mean) == (level_db, mean)


def test_the_energy_mean_is_always_allowed() -> None:
    found = wirkpegel([70.0, 75.0], prefers_arithmetic=False)
    assert found is not None
    assert (rounded(found.level_db), found.mean) == (73.2, Mean.ENERGY)
    assert wirkpegel([]) is None
