"""One run or another: by what only ever goes one way, and by how long it has measured."""

import math
from datetime import UTC, datetime, timedelta

import pytest

from slmm.events import Levels
from slmm.record.same_run import Figures, has_begun_anew, is_as_old_as_expected, may_continue, measured_s

START = datetime(2026, 3, 29, 0, 59, 30, tzinfo=UTC)


def shown(age_s: float, *, leq: float = 60.0, lmax: float = 80.0, lmin: float = 40.0) -> Levels:
    """What a meter shows of a run of that age, rounded as it does."""
    return Levels(lp=55.0, leq=leq, le=round(leq + 10 * math.log10(age_s), 1), lmax=lmax, lmin=lmin)


def figures(at_s: float, levels: Levels) -> Figures:
    return Figures(START + timedelta(seconds=at_s), levels)


@pytest.mark.parametrize("age_s", [1.0, 10.0, 59.0, 3600.0, 86_400.0])
def test_the_elapsed_time_is_known_to_the_rounding(age_s: float) -> None:
    found = measured_s(shown(age_s))
    assert found == pytest.approx(age_s, rel=0.024)


def test_without_le_or_leq_the_elapsed_time_is_not_known() -> None:
    assert measured_s(Levels(leq=60.0)) is None
    assert measured_s(Levels(le=60.0)) is None


@pytest.mark.parametrize(
    ("change", "is_new"),
    [({"lmax": 79.9}, True), ({"lmax": 80.1}, False), ({"lmin": 40.1}, True), ({"lmin": 39.9}, False), ({}, False)],
)
def test_a_figure_that_goes_back_shows_a_new_run(change: dict[str, float], is_new: bool) -> None:
    assert has_begun_anew(shown(100), shown(101, **change)) is is_new


def test_le_falls_with_a_new_run() -> None:
    assert has_begun_anew(shown(100), shown(50))
    assert not has_begun_anew(shown(100), shown(100))


def test_what_is_not_shown_proves_nothing() -> None:
    assert not has_begun_anew(shown(100), Levels(lp=30.0))
    assert not has_begun_anew(Levels(), shown(1))


def test_a_louder_run_after_a_long_gap_is_found_by_its_age() -> None:
    """Begun in the gap and louder in every figure: only its age gives it away."""
    before = figures(0, shown(600))
    louder = shown(3000, leq=75.0, lmax=99.0, lmin=30.0)
    assert not has_begun_anew(before.levels, louder)
    assert not may_continue(before, figures(7200, louder))


def test_a_run_goes_on_over_a_long_gap() -> None:
    assert may_continue(figures(0, shown(600)), figures(7200, shown(7800, leq=62.0)))


def test_a_run_that_was_paused_in_a_gap_and_is_older_than_the_gap_goes_on() -> None:
    assert may_continue(figures(0, shown(50_000)), figures(7200, shown(50_100)))


def test_a_young_run_that_is_paused_for_a_short_while_goes_on() -> None:
    assert may_continue(figures(0, shown(10)), figures(300, shown(12)))


def test_without_an_age_only_the_figures_speak() -> None:
    before, later = Levels(lmax=80.0), Levels(lmax=85.0)
    assert may_continue(figures(0, before), figures(7200, later))
    assert not may_continue(figures(0, later), figures(7200, before))
    assert not is_as_old_as_expected(figures(0, before), figures(1, later))


@pytest.mark.parametrize(("age_s", "is_expected"), [(163.0, True), (120.0, False), (200.0, False)])
def test_the_age_that_is_expected(age_s: float, is_expected: bool) -> None:
    assert is_as_old_as_expected(figures(0, shown(100)), figures(60, shown(age_s))) is is_expected
