"""Pieces of time put together: what counts, what is left out, and what is said of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from slmm.acoustics.energy import energy, mean_level
from slmm.acoustics.intervals import Interval, Span, combine
from slmm.acoustics.percentiles import Histogram
from slmm.acoustics.quality import NO_FLAGS, Bound, Flag
from slmm.errors import Invalid
from tests.acoustics.minutes import HOUR, MINUTE, NOON, pieces, utc


def test_a_piece_tells_its_level_and_its_coverage() -> None:
    piece = Interval.of_level(NOON, NOON + MINUTE, 70.0, valid_s=45.0)
    assert piece.laeq == pytest.approx(70.0)
    assert (piece.expected_s, piece.coverage) == (60.0, 0.75)
    assert Interval.of_level(NOON, NOON + MINUTE, None).laeq is None
    assert replace(piece, valid_s=60.1).coverage == 1.0


@pytest.mark.parametrize("length", [timedelta(0), -MINUTE])
def test_time_has_a_length(length: timedelta) -> None:
    with pytest.raises(Invalid, match="is not after"):
        Interval.of_level(NOON, NOON + length, 60.0)
    with pytest.raises(Invalid, match="is not after"):
        combine([], NOON, NOON + length)


def test_time_has_a_zone() -> None:
    naive = NOON.replace(tzinfo=None)
    with pytest.raises(Invalid, match="no time zone"):
        Span(naive, NOON)
    with pytest.raises(Invalid, match="no time zone"):
        Span(NOON, naive + HOUR)


@pytest.mark.parametrize("field", ["energy_s", "valid_s", "received_s"])
@pytest.mark.parametrize("value", [-1.0, float("nan"), float("inf")])
def test_sums_are_finite_and_not_below_zero(field: str, value: float) -> None:
    sums = {"energy_s": 1.0, "valid_s": 60.0, "received_s": 60.0, field: value}
    with pytest.raises(Invalid, match=field):
        Interval(NOON, NOON + MINUTE, **sums)


def test_a_span_is_half_open() -> None:
    span = Span(NOON, NOON + MINUTE)
    assert NOON in span
    assert NOON + MINUTE not in span
    assert span.overlap_s(NOON + MINUTE, NOON + HOUR) == 0.0
    assert span.overlap_s(NOON - HOUR, NOON + MINUTE / 2) == 30.0
    assert span.duration_s == 60.0


def test_nothing_stored_is_a_gap_and_no_level() -> None:
    found = combine([], NOON, NOON + HOUR)
    assert (found.laeq, found.lmax, found.ln(50), found.coverage, found.laeq_at_least) == (None, None, None, 0.0, None)
    assert (found.flags, found.bound, found.sources) == (Flag.GAP, Bound.NONE, frozenset())
    assert not found.is_judged(0.0)


def test_extremes_are_taken_and_the_counts_added() -> None:
    parts = [
        Interval.of_level(NOON, NOON + MINUTE, 60.0, lmax=70.0, lmin=50.0, lpeak=90.0, histogram=Histogram.of([60.0])),
        Interval.of_level(NOON + MINUTE, NOON + 2 * MINUTE, 65.0, lmax=69.0, lmin=52.0, lpeak=95.0, source="poll"),
        Interval.of_level(
            NOON + 2 * MINUTE, NOON + 3 * MINUTE, 62.0, lmax=71.0, lmin=49.0, histogram=Histogram.of([62.0])
        ),
    ]
    found = combine(reversed(parts), NOON, NOON + 3 * MINUTE)
    assert (found.lmax, found.lmin, found.lpeak, found.ln(50), found.ln(100)) == (71.0, 49.0, 95.0, 62.0, 60.0)
    assert found.sources == {"sd", "poll"}
    assert (found.flags, found.coverage, found.received_s) == (NO_FLAGS, 1.0, 180.0)


def test_what_is_missing_within_a_piece_lowers_the_coverage_alone() -> None:
    found = combine([Interval.of_level(NOON, NOON + MINUTE, 70.0, valid_s=30.0)], NOON, NOON + MINUTE)
    assert found.laeq == pytest.approx(70.0)
    assert (found.coverage, found.flags) == (0.5, NO_FLAGS)


def test_more_time_than_there_is_covers_no_more_than_all() -> None:
    assert combine([replace(pieces([70.0])[0], valid_s=61.0)], NOON, NOON + MINUTE).coverage == 1.0


def test_a_piece_partly_outside_is_left_out() -> None:
    quarter = pieces([60.0, 90.0], NOON - 15 * MINUTE, 15 * MINUTE)
    found = combine(quarter, NOON - 10 * MINUTE, NOON + 15 * MINUTE)
    assert found.laeq == pytest.approx(90.0)
    assert found.coverage == pytest.approx(15 / 25)
    assert Flag.GAP in found.flags


def test_a_spread_piece_counts_with_the_part_inside() -> None:
    hour = Interval.of_level(
        NOON, NOON + HOUR, 70.0, histogram=Histogram.of([70.0] * 600), flags=Flag.SPREAD, lmax=80.0
    )
    found = combine([hour], NOON + 15 * MINUTE, NOON + 30 * MINUTE)
    assert found.laeq == pytest.approx(70.0)
    assert (found.valid_s, found.coverage, found.histogram.count, found.lmax) == (900.0, 1.0, 150, 80.0)
    assert found.flags == Flag.SPREAD
    assert combine([hour], NOON + HOUR, NOON + 2 * HOUR).laeq is None


def test_what_is_excluded_takes_its_pieces_along() -> None:
    levels = pieces([60.0, 95.0, 95.0, 60.0])
    span = Span(NOON + MINUTE + timedelta(seconds=30), NOON + 2 * MINUTE + timedelta(seconds=1))
    found = combine(levels, NOON, NOON + 4 * MINUTE, [span])
    assert found.laeq == pytest.approx(60.0)
    assert (found.coverage, found.flags, found.received_s) == (0.5, Flag.EXCLUDED, 240.0)
    touching = Span(NOON + 3 * MINUTE, NOON + HOUR)
    assert combine(levels[:3], NOON, NOON + 3 * MINUTE, [touching]).flags == NO_FLAGS


@pytest.mark.parametrize("flag", [Flag.WEATHER, Flag.CALIBRATION, Flag.EXCLUDED])
def test_flagged_pieces_are_left_out_and_told(flag: Flag) -> None:
    levels = pieces([60.0]) + pieces([94.0], NOON + MINUTE, flags=flag)
    levels[1] = replace(levels[1], lmax=94.1)
    found = combine(levels, NOON, NOON + 2 * MINUTE)
    assert found.laeq == pytest.approx(60.0)
    assert (found.coverage, found.flags, found.lmax, found.bound) == (0.5, flag, None, Bound.NONE)


def test_both_results_can_be_had_of_windy_minutes() -> None:
    levels = pieces([60.0]) + pieces([70.0], NOON + MINUTE, flags=Flag.WEATHER)
    found = combine(levels, NOON, NOON + 2 * MINUTE, left_out=NO_FLAGS)
    assert found.laeq == pytest.approx(mean_level([60.0, 70.0]))
    assert (found.coverage, found.flags) == (1.0, Flag.WEATHER)


def test_over_range_makes_a_lower_bound_that_still_may_be_a_breach() -> None:
    levels = pieces([60.0] * 9) + pieces([100.0], NOON + 9 * MINUTE, flags=Flag.OVER)
    levels[9] = replace(levels[9], lmax=112.0, lpeak=130.0)
    found = combine(levels, NOON, NOON + 10 * MINUTE)
    assert found.laeq == pytest.approx(60.0)
    assert found.laeq_at_least == pytest.approx(90.0, abs=0.01)
    assert (found.bound, found.lmax, found.lpeak, found.over_s) == (Bound.LOWER, 112.0, 130.0, 60.0)
    within = combine(levels, NOON, NOON + 10 * MINUTE, left_out=NO_FLAGS)
    assert (within.laeq, within.bound) == (pytest.approx(90.0, abs=0.01), Bound.LOWER)


def test_over_range_without_any_level_is_a_bound_all_the_same() -> None:
    levels = [*pieces([60.0]), Interval(NOON + MINUTE, NOON + 2 * MINUTE, 0.0, 0.0, 60.0, flags=Flag.OVER)]
    found = combine(levels, NOON, NOON + 2 * MINUTE)
    assert (found.bound, found.over_s, found.coverage) == (Bound.LOWER, 0.0, 0.5)


def test_over_range_that_was_excluded_bounds_nothing() -> None:
    levels = pieces([60.0]) + pieces([100.0], NOON + MINUTE, flags=Flag.OVER)
    found = combine(levels, NOON, NOON + 2 * MINUTE, [Span(NOON + MINUTE, NOON + 2 * MINUTE)])
    assert (found.bound, found.flags) == (Bound.NONE, Flag.OVER | Flag.EXCLUDED)


def test_under_range_is_an_upper_bound_where_it_can_be_told() -> None:
    quiet = pieces([25.0], NOON + MINUTE, flags=Flag.UNDER)
    alone = combine(quiet, NOON + MINUTE, NOON + 2 * MINUTE)
    assert (alone.laeq, alone.bound) == (pytest.approx(25.0), Bound.UPPER)
    beside = combine(pieces([60.0]) + quiet, NOON, NOON + 2 * MINUTE)
    assert (beside.bound, beside.flags) == (Bound.NONE, Flag.UNDER)


def test_independent_uncertainties_add_in_quadrature_of_energies() -> None:
    minutes = [replace(piece, uncertainty_db=2.0, source="poll") for piece in pieces([60.0] * 16)]
    assert combine(minutes[:1], NOON, NOON + MINUTE).uncertainty_db == pytest.approx(2.0)
    relative = (energy(2.0) - 1) / 4
    found = combine(minutes, NOON, NOON + 16 * MINUTE).uncertainty_db
    assert found is not None
    assert energy(found) == pytest.approx(1 + relative)
    # What was integrated is known, and makes the whole better known.
    mixed = combine(minutes + pieces([60.0] * 16, NOON + 16 * MINUTE), NOON, NOON + 32 * MINUTE)
    assert mixed.uncertainty_db is not None
    assert energy(mixed.uncertainty_db) == pytest.approx(1 + relative / 2)


def test_the_uncertainty_of_a_loud_minute_outweighs_those_of_quiet_ones() -> None:
    loud = replace(pieces([80.0])[0], uncertainty_db=3.0)
    quiet = [replace(piece, uncertainty_db=3.0) for piece in pieces([50.0] * 9, NOON + MINUTE)]
    assert combine([loud, *quiet], NOON, NOON + 10 * MINUTE).uncertainty_db == pytest.approx(3.0, abs=0.05)


def test_without_energy_there_is_no_uncertainty() -> None:
    piece = Interval(NOON, NOON + MINUTE, 0.0, 0.0, 60.0, uncertainty_db=1.0)
    assert combine([piece], NOON, NOON + MINUTE).uncertainty_db is None


def test_days_of_a_clock_change_have_their_real_length() -> None:
    begin = utc("2026-03-28T23:00")
    found = combine(pieces([55.0] * 23, begin, HOUR), begin, utc("2026-03-29T22:00"))
    assert (found.expected_s, found.coverage) == (23 * 3600.0, 1.0)
