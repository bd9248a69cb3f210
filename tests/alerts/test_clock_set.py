"""Rules whose service starts again with a clock that was set while it was away."""

from __future__ import annotations

import pytest

from tests.alerts.conftest import Bench


@pytest.mark.parametrize("step_s", [-3600.0, -30.0])
def test_a_delay_goes_on_after_a_start_with_a_clock_that_was_set_back(bench: Bench, step_s: float) -> None:
    bench.add(duration_s=5)
    bench.series("90x3")
    bench.time.wall_s += step_s
    bench.restart(with_checkpoint=True)
    bench.series("90x2")
    assert bench.events == []
    bench.series("90x3")
    (event,) = bench.events
    assert event.clear_at is None


def test_an_alarm_that_ended_is_not_mute_for_as_long_as_the_clock_was_set_back(bench: Bench) -> None:
    bench.add(duration_s=1, clear_duration_s=1, cooldown_s=30)
    bench.series("90x3 40x3")
    bench.time.wall_s -= 3600.0
    bench.restart(with_checkpoint=True)
    bench.time.go(31.0)
    bench.series("90x3")
    assert len(bench.events) == 2
