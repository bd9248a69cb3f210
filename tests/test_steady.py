"""A clock that never steps, and what it says of UTC."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slmm.steady import STEP_S, SteadyClock

START_S = datetime(2026, 3, 2, 12, tzinfo=UTC).timestamp()


class Times:
    """Wall and monotonic time, moved by hand."""

    def __init__(self) -> None:
        self.wall_s, self.monotonic_s = START_S, 77.0

    def go(self, seconds: float) -> None:
        self.wall_s += seconds
        self.monotonic_s += seconds

    def clock(self) -> SteadyClock:
        return SteadyClock(lambda: self.wall_s, lambda: self.monotonic_s)


def test_it_begins_as_utc() -> None:
    clock = Times().clock()
    assert clock.now_s() == pytest.approx(START_S)
    assert clock.instant(clock.now_s()) == datetime(2026, 3, 2, 12, tzinfo=UTC)
    assert clock.check() is None


@pytest.mark.parametrize("step_s", [3600.0, -3600.0])
def test_a_step_of_the_wall_clock_moves_instants_after_the_check_and_never_the_steady_time(step_s: float) -> None:
    times = Times()
    clock = times.clock()
    times.go(10)
    before_s = clock.now_s()
    times.wall_s += step_s
    assert clock.now_s() == before_s
    assert clock.instant(before_s).timestamp() == pytest.approx(START_S + 10)
    assert clock.check() == pytest.approx(step_s)
    assert clock.now_s() == before_s
    assert clock.instant(before_s).timestamp() == pytest.approx(START_S + 10 + step_s)
    assert clock.check() is None
    times.go(5)
    assert clock.now_s() == pytest.approx(before_s + 5)
    assert clock.instant(clock.now_s()).timestamp() == pytest.approx(times.wall_s)


def test_there_and_back_again_is_where_it_was() -> None:
    times = Times()
    clock = times.clock()
    times.wall_s += 3600
    clock.check()
    times.wall_s -= 3600
    assert clock.check() == pytest.approx(-3600.0)
    assert clock.ahead_s == pytest.approx(0.0)


def test_noise_is_no_step_but_a_slow_drift_becomes_one() -> None:
    times = Times()
    clock = times.clock()
    times.wall_s += STEP_S - 0.01
    assert clock.check() is None
    times.wall_s += 0.02
    assert clock.check() == pytest.approx(STEP_S + 0.01)


@given(steps=st.lists(st.tuples(st.floats(0, 1e5), st.floats(-1e7, 1e7)), max_size=20))
def test_instants_lead_back_to_the_steady_time_and_order_is_kept(steps: list[tuple[float, float]]) -> None:
    times = Times()
    clock = times.clock()
    last_s = clock.now_s()
    for seconds, step_s in steps:
        times.go(seconds)
        times.wall_s += step_s
        clock.check()
        assert clock.now_s() >= last_s
        last_s = clock.now_s()
        assert clock.steady_s(clock.instant(last_s)) == pytest.approx(last_s, abs=1e-3)
        assert abs(clock.instant(last_s).timestamp() - times.wall_s) <= STEP_S + 1e-3
