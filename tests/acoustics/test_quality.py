"""Flags, bounds and whether a level is judged."""

from __future__ import annotations

import pytest

from slmm.acoustics.quality import NO_FLAGS, Bound, Flag, flag_names, is_judged


def test_stored_flags_keep_their_values() -> None:
    names = ["over", "under", "gap", "paused", "reset", "weather", "calibration", "excluded", "spread"]
    assert [flag_names(1 << bit) for bit in range(9)] == [[name] for name in names]


def test_bits_of_a_later_release_are_not_told() -> None:
    assert flag_names(Flag.GAP | Flag.OVER | 1 << 14) == ["over", "gap"]
    assert Flag(1 << 14 | 1) & Flag.OVER
    assert flag_names(NO_FLAGS) == []


@pytest.mark.parametrize(
    ("flags", "bound"),
    [
        (NO_FLAGS, "="),
        (Flag.GAP | Flag.WEATHER, "="),
        (Flag.OVER, ">"),
        (Flag.UNDER, "<"),
        (Flag.UNDER | Flag.OVER, ">"),
    ],
)
def test_range_errors_make_bounds(flags: Flag, bound: str) -> None:
    assert Bound.of(flags) == bound


def test_coverage_at_the_minimum_is_enough() -> None:
    assert is_judged(0.75)
    assert is_judged(0.1 + 0.2, 0.3)
    assert is_judged(sum([0.1] * 9), 0.9)  # 0.8999999999999999
    assert not is_judged(0.7499)
