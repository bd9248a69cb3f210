"""A clock that leaps far ahead removes nothing before it has gone on for a day."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from slmm.steady import SteadyClock
from slmm.storage.ages import Ages

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
DAY_S = 86_400.0


class Times:
    """A wall clock and the time that truly passes."""

    def __init__(self) -> None:
        self.wall_s, self.steady_s = NOON.timestamp(), 50.0
        self.ages = Ages(SteadyClock(lambda: self.wall_s, lambda: self.steady_s), lambda: self.steady_s)

    def go(self, seconds: float, leap_s: float = 0.0) -> None:
        self.wall_s += seconds + leap_s
        self.steady_s += seconds

    def are_believed(self, last_known: datetime | None = NOON) -> bool:
        return self.ages.are_believed(datetime.fromtimestamp(self.wall_s, UTC), last_known)


def test_days_that_pass_and_small_steps_are_believed() -> None:
    times = Times()
    assert times.are_believed()
    for _ in range(40):
        times.go(DAY_S)
        assert times.are_believed()
    times.go(600.0, leap_s=3600.0)
    assert times.are_believed()
    times.go(600.0, leap_s=-3600.0)
    assert times.are_believed()


def test_a_leap_of_years_is_believed_after_a_day() -> None:
    times = Times()
    assert times.are_believed()
    times.go(600.0, leap_s=54 * 365 * DAY_S)
    assert not times.are_believed()
    times.go(DAY_S - 1.0)
    assert not times.are_believed()
    times.go(1.0)
    assert times.are_believed()


def test_a_clock_that_is_set_right_again_is_believed_at_once() -> None:
    times = Times()
    assert times.are_believed()
    times.go(600.0, leap_s=400 * DAY_S)
    assert not times.are_believed()
    times.go(600.0, leap_s=-400 * DAY_S)
    assert times.are_believed()


def test_a_start_long_after_the_last_reading_waits_and_one_without_any_does_not() -> None:
    times = Times()
    assert not times.are_believed(NOON - timedelta(days=40))
    times.go(DAY_S)
    assert times.are_believed(NOON)
    assert Times().are_believed(None)
