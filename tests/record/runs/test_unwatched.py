"""Runs over lost contact, restarts and removed units: the same run goes on, another is told from it."""

from __future__ import annotations

from collections.abc import Callable

from slmm.events import RunChange, RunState
from slmm.record.runs import Runs
from slmm.storage.board import StatusBoard
from slmm.storage.devices import Roster
from tests.record.runs.meter import Meter, ends, rows, starts


def test_lost_and_found_stopped_is_an_unseen_end_at_the_last_reading(runs: Runs, meter: Meter) -> None:
    meter.start(0)
    meter.show(60, age_s=60)
    meter.lose(100)
    meter.come_back(500)
    meter.show(500, age_s=70)  # the state is that of before; the figures are held
    meter.stop(502, asked=False, looked_before_s=None)
    (row,) = rows(runs)
    assert ends(row) == (60, False, "unseen")


def test_lost_and_found_going_on_is_one_run(runs: Runs, meter: Meter) -> None:
    meter.start(0)
    meter.show(60, age_s=60)
    meter.lose(100)
    meter.come_back(5000)
    meter.show(5000, age_s=5000)
    meter.found(5001, RunState.MEASURING)
    meter.show(5002, age_s=5002)
    meter.stop(6000)
    (row,) = rows(runs)
    assert ends(row) == (6000, True, "stopped")


def test_lost_and_found_in_another_run_makes_two_rows(runs: Runs, meter: Meter) -> None:
    meter.start(0)
    meter.show(60, age_s=60)
    meter.lose(100)
    meter.come_back(200)
    meter.found(200, RunState.MEASURING)
    meter.show(201, age_s=20)
    meter.show(202, age_s=21)
    first, second = rows(runs)
    assert ends(first) == (60, False, "unseen")
    assert (starts(second), ends(second)) == ((201, False), (None, False, None))


def test_a_restart_goes_on_with_the_row(begin: Callable[[], Runs], board: StatusBoard) -> None:
    begin()
    meter = Meter(board)
    meter.start(0)
    meter.show(60, age_s=60)
    runs = begin()
    board.status("a").state_read_at = None
    meter.show(90, age_s=90)
    meter.found(91, RunState.MEASURING)
    meter.show(92, age_s=92)
    meter.stop(100)
    (row,) = rows(runs)
    assert (starts(row), ends(row)) == ((0, True), (100, True, "stopped"))


def test_a_restart_finds_the_meter_stopped(begin: Callable[[], Runs], board: StatusBoard) -> None:
    begin()
    meter = Meter(board)
    meter.start(0)
    meter.show(60, age_s=60)
    runs = begin()
    meter.stop(500, asked=False, looked_before_s=None)
    (row,) = rows(runs)
    assert ends(row) == (60, False, "unseen")


def test_a_restart_finds_another_louder_run(begin: Callable[[], Runs], board: StatusBoard) -> None:
    begin()
    meter = Meter(board)
    meter.start(0)
    meter.show(60, age_s=60)
    runs = begin()
    meter.leq, meter.lmax = 75.0, 99.0
    meter.found(7200, RunState.MEASURING)
    meter.show(7201, age_s=3000)
    meter.show(7202, age_s=3001)
    first, second = rows(runs)
    assert (ends(first), starts(second)) == ((60, False, "unseen"), (7201, False))


def test_a_stop_that_was_not_written_down_is_made_up_for(begin: Callable[[], Runs], board: StatusBoard) -> None:
    """The service died between the stop and its row; the board knows that nothing runs, so no change is told."""
    begin()
    meter = Meter(board)
    meter.start(0)
    meter.show(60, age_s=60)
    runs = begin()
    meter.found(500, RunState.STOPPED)
    meter.show(501, age_s=70)
    (row,) = rows(runs)
    assert ends(row) == (60, False, "unseen")


def test_another_store_name_after_a_gap_is_another_run(runs: Runs, meter: Meter) -> None:
    meter.start(0)
    meter.tell_name(5, "0042")
    meter.show(60, age_s=60)
    meter.lose(100)
    meter.come_back(200)
    meter.found(200, RunState.MEASURING)
    meter.show(201, age_s=201)
    meter.tell_name(202, "0043")
    assert len(rows(runs)) == 1, "it may have ended before the name was read"
    meter.found(230, RunState.MEASURING)
    meter.show(231, age_s=231)
    first, second = rows(runs)
    assert (first.store_name, ends(first)[1:]) == ("0042", (False, "unseen"))
    assert (second.store_name, starts(second)) == ("0043", (202, False))


def test_a_name_set_for_the_next_run_is_not_that_of_this_one(runs: Runs, meter: Meter) -> None:
    meter.start(0)
    meter.tell_name(5, "0042")
    meter.tell_name(300, "0043")
    meter.found(330, RunState.MEASURING)
    meter.show(331, age_s=331)
    (row,) = rows(runs)
    assert (row.store_name, row.ended_at) == ("0042", None)


def test_a_removed_unit_keeps_its_rows_and_its_run_ends(
    runs: Runs, meter: Meter, roster: Roster, told: list[RunChange]
) -> None:
    meter.start(0)
    meter.show(60, age_s=60)
    roster.remove("a")
    meter.show(70, age_s=70)  # its worker may be in mid-exchange
    meter.start(80)
    (row,) = rows(runs)
    assert ends(row) == (60, False, "unseen")
    assert [change.change for change in told] == ["started", "ended"]


def test_a_unit_removed_while_we_were_away_has_no_open_run(
    begin: Callable[[], Runs], board: StatusBoard, roster: Roster
) -> None:
    runs = begin()
    meter = Meter(board)
    meter.start(0)
    rows(runs)
    runs.stop()
    roster.remove("a")
    (row,) = rows(begin())
    assert ends(row) == (0, False, "unseen")


def test_a_run_that_ends_before_its_new_name_is_confirmed_is_one_run(runs: Runs, meter: Meter) -> None:
    meter.start(0)
    meter.tell_name(5, "0042")
    meter.lose(100)
    meter.come_back(200)
    meter.found(200, RunState.MEASURING)
    meter.tell_name(202, "0043")
    meter.show(203, age_s=203)
    meter.stop(204, asked=False)
    (row,) = rows(runs)
    assert (row.store_name, ends(row)) == ("0042", (204, True, "by_itself"))


def test_a_name_that_was_the_same_after_the_gap_is_sure_again(runs: Runs, meter: Meter) -> None:
    meter.start(0)
    meter.tell_name(5, "0042")
    meter.lose(100)
    meter.come_back(200)
    meter.tell_name(202, "0042")
    meter.tell_name(300, "0043")
    meter.found(330, RunState.MEASURING)
    meter.show(331, age_s=331)
    assert [row.store_name for row in rows(runs)] == ["0042"]


def test_another_run_found_soon_after_a_restart_was_not_seen(begin: Callable[[], Runs], board: StatusBoard) -> None:
    begin()
    meter = Meter(board)
    meter.start(0)
    meter.show(60, age_s=60)
    runs = begin()
    meter.found(100, RunState.MEASURING)
    meter.show(101, age_s=5)
    meter.show(102, age_s=6)
    first, _ = rows(runs)
    assert ends(first) == (60, False, "unseen")


def test_figures_of_the_run_before_say_nothing_of_the_one_that_was_open(
    begin: Callable[[], Runs], board: StatusBoard
) -> None:
    """The service died before a reading of the second run was saved."""
    begin()
    meter = Meter(board)
    meter.start(0)
    meter.show(60, age_s=60)
    meter.stop(70)
    meter.start(80)
    runs = begin()
    meter.found(90, RunState.MEASURING)
    meter.show(91, age_s=11)
    meter.show(92, age_s=12)
    _, second = rows(runs)
    assert (starts(second), ends(second)) == ((80, True), (None, False, None))
