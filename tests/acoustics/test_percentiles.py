"""Histograms of 0.1 dB and the levels exceeded."""

from __future__ import annotations

import math

import numpy as np
import pytest

from slmm.acoustics.percentiles import Histogram
from slmm.errors import Invalid


def test_each_level_counts_in_the_class_nearest() -> None:
    found = Histogram.of([65.34, 65.35, 65.3, -0.05, -0.06, math.nan, math.inf, None])
    assert dict(zip(found.classes.tolist(), found.counts.tolist(), strict=True)) == {-1: 1, 0: 1, 653: 2, 654: 1}
    assert (found.classes.dtype, found.counts.dtype) == (np.int16, np.int64)


def test_levels_in_tenths_stay_where_they_are() -> None:
    tenths = np.arange(-500, 1600)
    assert Histogram.of(tenths / 10.0).classes.tolist() == tenths.tolist()


def test_without_samples_there_is_no_level() -> None:
    assert Histogram.empty().ln(50) is None
    assert Histogram.of([]) == Histogram.of([math.nan]) == Histogram.empty()
    assert (Histogram.empty() + Histogram.empty()).count == 0


def test_counts_add_up() -> None:
    one, other = Histogram.of([50.0, 50.0, 60.0]), Histogram.of([60.0, 70.0])
    assert one + other == Histogram.of([50.0, 50.0, 60.0, 60.0, 70.0])
    assert Histogram.total([one, Histogram.empty()]) == one
    assert Histogram.total(iter([])) == Histogram.empty()
    assert Histogram.total([one] * 1000).count == 3000


def test_an_order_statistic_at_its_edges() -> None:
    hundred = Histogram.of(np.arange(1, 101) / 1.0)
    assert [hundred.ln(percent) for percent in (0, 1, 1.5, 5, 50, 95, 99, 100)] == [100, 100, 99, 96, 51, 6, 2, 1]


def test_float_arithmetic_moves_no_class() -> None:
    assert Histogram.of([80.0] * 3 + [60.0] * 7).ln(30) == 80.0
    assert Histogram.of([80.0] * 7 + [60.0] * 93).ln(7) == 80.0  # 0.07·100 is a little more than 7


@pytest.mark.parametrize("percent", [-1, 100.1, math.nan])
def test_a_part_of_the_time_is_between_none_and_all(percent: float) -> None:
    with pytest.raises(Invalid, match="percent"):
        Histogram.of([60.0]).ln(percent)


@pytest.mark.parametrize(
    ("classes", "counts", "message"),
    [
        ([1, 2], [1], "1 counts for 2 classes"),
        ([[1]], [[1]], "one for each"),
        ([2, 1], [1, 1], "not ascending"),
        ([1, 1], [1, 1], "not ascending"),
        ([1], [0], "1 or more"),
    ],
)
def test_what_is_no_histogram_is_refused(classes: list[int], counts: list[int], message: str) -> None:
    with pytest.raises(Invalid, match=message):
        Histogram(np.array(classes), np.array(counts))


def test_what_is_no_level_is_refused() -> None:
    with pytest.raises(Invalid, match=r"beyond ±3276\.7 dB"):
        Histogram.of([1e9])


def test_nobody_changes_a_histogram() -> None:
    classes = np.array([500, 600], dtype=np.int16)
    found = Histogram(classes, np.array([1, 2]))
    classes[0] = 0
    assert found.classes.tolist() == [500, 600]
    with pytest.raises(ValueError, match="read-only"):
        found.counts[0] = 9


def test_like_histograms_are_equal_and_have_one_hash() -> None:
    assert hash(Histogram.of([60.0])) == hash(Histogram.of([60.02]))
    assert Histogram.of([60.0]) != Histogram.of([60.0, 60.0])
    assert Histogram.of([60.0]) != "60"


def test_a_part_of_the_counts() -> None:
    found = Histogram.of([50.0] * 10 + [60.0] * 4 + [70.0]).scaled(0.25)
    assert (found.classes.tolist(), found.counts.tolist()) == ([500, 600], [3, 1])
