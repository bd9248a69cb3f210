"""What a meter shows that we look at all the time: one row for each run, and no row for an odd reading."""

from __future__ import annotations

import pytest

from slmm.events import RunState
from slmm.record.runs import Runs
from slmm.steady import SteadyClock
from slmm.storage.board import StatusBoard
from tests.record.runs.meter import Meter, at, ends, rows, starts


def test_a_run_started_and_stopped_through_us_is_exact(runs: Runs, meter: Meter) -> None:
    meter.start(0)
    meter.show(60, age_s=60)
    meter.stop(100)
    (row,) = rows(runs)
    assert (starts(row), ends(row)) == ((0, True), (100, True, "stopped"))


def test_a_run_started_and_stopped_at_the_keypad_is_seen_with_the_next_look(runs: Runs, meter: Meter) -> None:
    meter.start(0, asked=False)
    meter.stop(100, asked=False)
    (row,) = rows(runs)
    assert (starts(row), ends(row)) == ((0, True), (100, True, "by_itself"))


def test_a_start_or_stop_is_not_exact_where_looks_are_rare(runs: Runs, meter: Meter) -> None:
    meter.start(0, asked=False, looked_before_s=300)
    meter.stop(1000, asked=False, looked_before_s=300)
    (row,) = rows(runs)
    assert (starts(row), ends(row)) == ((0, False), (1000, False, "by_itself"))


def test_a_meter_that_measures_when_first_seen_began_earlier(runs: Runs, meter: Meter) -> None:
    meter.found(0, RunState.MEASURING)
    meter.show(1, age_s=5000)
    meter.show(2, age_s=5001)
    (row,) = rows(runs)
    assert (starts(row), ends(row)) == ((1, False), (None, False, None))


def test_nothing_is_known_before_the_state_was_read(runs: Runs, meter: Meter, board: StatusBoard) -> None:
    board.status("a").run_state = RunState.MEASURING  # as an earlier service left it
    meter.show(1, age_s=5000)
    assert rows(runs) == []


def test_what_was_pushed_is_no_run(runs: Runs, meter: Meter) -> None:
    meter.show(1, age_s=5000)
    assert rows(runs) == []


@pytest.mark.parametrize("step_s", [3600.0, -3600.0])
def test_a_clock_that_is_set_makes_no_other_run(
    runs: Runs, meter: Meter, monkeypatch: pytest.MonkeyPatch, step_s: float
) -> None:
    ahead_s = 0.0
    monkeypatch.setattr(runs, "_clock", SteadyClock(lambda: ahead_s, lambda: 0.0))
    meter.start(0)
    meter.show(600, age_s=600)
    ahead_s = step_s
    for second in (601, 602, 603):
        meter.show(second + step_s, age_s=second)
    (row,) = rows(runs)
    assert row.ended_at is None
    meter.show(604 + step_s, age_s=4, lmax=60.0)
    meter.show(605 + step_s, age_s=5, lmax=60.0)
    assert len(rows(runs)) == 2, "another run is seen all the same"


def test_another_run_while_we_looked_supersedes_the_first(runs: Runs, meter: Meter) -> None:
    meter.start(0)
    meter.show(60, age_s=60)
    meter.show(70, age_s=4)
    meter.show(80, age_s=14)
    first, second = rows(runs)
    assert ends(first) == (60, False, "superseded")
    assert starts(second) == (70, False)


def test_one_wrong_reading_is_no_other_run(runs: Runs, meter: Meter) -> None:
    """Too low is not believed at once; too high is not held against those after it."""
    meter.start(0)
    for second in range(10, 100, 10):
        meter.show(second, age_s=second, lmax={40: 50.0, 70: 130.0}.get(second))
    meter.stop(100)
    (row,) = rows(runs)
    assert ends(row) == (100, True, "stopped")


def test_a_display_that_shows_the_run_before_for_a_moment_is_no_other_run(runs: Runs, meter: Meter) -> None:
    meter.start(0)
    meter.show(0.5, age_s=5000, lmax=110.0)
    for second in (2, 6, 7, 8):
        meter.show(second, age_s=second)
    assert len(rows(runs)) == 1


def test_a_new_run_that_is_stopped_before_a_second_reading_is_a_run(runs: Runs, meter: Meter) -> None:
    meter.start(0)
    meter.show(60, age_s=60)
    meter.show(120, age_s=5)
    meter.stop(130)
    first, second = rows(runs)
    assert (ends(first), starts(second), ends(second)) == (
        (60, False, "superseded"),
        (120, False),
        (130, True, "stopped"),
    )


def test_a_start_found_while_a_row_is_open_ends_that_first(runs: Runs, meter: Meter) -> None:
    meter.start(0)
    meter.show(60, age_s=60)
    meter.start(100)
    first, second = rows(runs)
    assert (ends(first), starts(second)) == ((60, False, "unseen"), (100, True))


def test_a_run_found_running_does_not_begin_before_the_last_one_ended(
    runs: Runs, meter: Meter, board: StatusBoard
) -> None:
    meter.start(0)
    meter.stop(100)
    meter.found(200, RunState.MEASURING)
    board.status("a").measurement_started_at = at(0)  # kept from before
    meter.show(201, age_s=50)
    first, second = rows(runs)
    assert (ends(first), starts(second)) == ((100, True, "stopped"), (100, False))


def test_a_clock_that_was_set_back_makes_no_run_of_negative_length(runs: Runs, meter: Meter) -> None:
    meter.start(0)
    meter.stop(-5)
    (row,) = rows(runs)
    assert ends(row) == (0, True, "stopped")
