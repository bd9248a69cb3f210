"""Levels from the growth of LE."""

from __future__ import annotations

import math

import pytest

from slmm.acoustics.energy import exposure_level, mean_level
from slmm.acoustics.exposure import growth


def test_growth_is_the_level_of_the_time_between() -> None:
    first = exposure_level(60.0, 300.0)
    last = exposure_level(mean_level([60.0, 75.0], [300.0, 60.0]) or 0.0, 360.0)
    found = growth(first, last, 60.0)
    assert found is not None
    assert found.level_db == pytest.approx(75.0)
    assert found.least_db < found.level_db < found.most_db
    assert found.is_sharp


def test_a_step_that_rounding_alone_may_have_made_has_no_least_level() -> None:
    found = growth(100.0, 100.1, 60.0)
    assert found is not None
    assert (found.least_db, found.is_sharp) == (-math.inf, False)


def test_rounding_may_spoil_it_upwards_or_downwards() -> None:
    up = growth(99.0, 99.25, 60.0)
    assert up is not None
    assert up.most_db - up.level_db > 1.0
    assert not up.is_sharp
    down = growth(99.0, 99.45, 60.0)  # ±22 %: 0.88 dB up, 1.1 dB down
    assert down is not None
    assert down.most_db - down.level_db < 1.0 < down.level_db - down.least_db
    assert not down.is_sharp


@pytest.mark.parametrize(("first", "last", "span_s"), [(100.0, 100.0, 60.0), (100.0, 99.0, 60.0), (90.0, 100.0, 0.0)])
def test_no_growth_has_no_level(first: float, last: float, span_s: float) -> None:
    assert growth(first, last, span_s) is None
