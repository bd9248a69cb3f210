"""Stored rows on the time line: nothing doubled, nothing shifted by the meter's clock, no hour lost or gained."""

import dataclasses
import itertools
import math
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slmm.events import Levels
from slmm.nl43.stored import StoredInterval, StoredKind
from slmm.record.card.alignment import Alignment, ClockReading, JumpKind, align

BERLIN = ZoneInfo("Europe/Berlin")
NEW_YORK = ZoneInfo("America/New_York")
SECOND = timedelta(seconds=1)
HOUR_S = 3600.0

Clock = Callable[[datetime], float]
"""By how much the meter's clock is ahead of UTC at an instant, in s."""


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[misc, arg-type]


def shown(at: datetime, ahead_s: float, digits: int = 0) -> datetime:
    """The meter's clock, cut off to its resolution."""
    naive = at.replace(tzinfo=None) + timedelta(seconds=ahead_s)
    coarse = 10 ** (6 - digits)
    return naive.replace(microsecond=naive.microsecond // coarse * coarse)


def run(starts: Sequence[datetime], clock: Clock, duration_s: float, digits: int = 0) -> list[StoredInterval]:
    """Rows that truly began at these instants, as a meter with that clock stores them."""
    return [
        StoredInterval(number, shown(at, clock(at), digits), duration_s, Levels(leq=60.0), StoredKind.LEQ)
        for number, at in enumerate(starts, 1)
    ]


def steady(starts_at: datetime, count: int, every_s: float) -> list[datetime]:
    return [starts_at + timedelta(seconds=every_s * number) for number in range(count)]


def read(clock: Clock, *instants: datetime) -> list[ClockReading]:
    """Readings of that clock, which shows whole seconds, as the service takes them."""
    found = []
    for at in instants:
        seen = shown(at, clock(at))
        found.append(ClockReading(at, (seen - at.replace(tzinfo=None)).total_seconds() + 0.5))
    return found


def worst_s(aligned: Alignment, truth: Sequence[datetime]) -> float:
    """The largest error of a start."""
    assert len(aligned.intervals) == len(truth)
    return max(abs((found.starts_at - at).total_seconds()) for found, at in zip(aligned.intervals, truth, strict=True))


def overlap_s(aligned: Alignment) -> float:
    pairs = itertools.pairwise(aligned.intervals)
    return max((before.ends_at - after.starts_at).total_seconds() for before, after in pairs)


def test_without_readings_a_time_is_taken_as_it_stands() -> None:
    truth = steady(utc(2025, 12, 23, 18, 41, 12), 5, 60.0)
    aligned = align(run(truth, lambda at: HOUR_S, 60.0), BERLIN)
    assert [each.starts_at for each in aligned.intervals] == truth
    assert aligned.intervals[0].ends_at == utc(2025, 12, 23, 18, 42, 12)
    assert (aligned.jumps, aligned.doubled, aligned.is_ambiguous) == ((), 0, False)


def test_no_rows_are_no_alignment() -> None:
    assert align([], BERLIN) == Alignment()


def test_the_clocks_offset_is_taken_out() -> None:
    truth = steady(utc(2025, 12, 23, 18, 41, 12), 90, 60.0)
    clock: Clock = lambda at: HOUR_S + 83.0  # noqa: E731
    rows = run(truth, clock, 60.0)
    assert worst_s(align(rows, BERLIN, read(clock, utc(2025, 12, 23, 20))), truth) <= 0.5
    in_zone = ClockReading.in_zone(utc(2025, 12, 23, 20), 83.0, BERLIN)
    assert in_zone.ahead_s == HOUR_S + 83.0
    assert worst_s(align(rows, BERLIN, [in_zone]), truth) <= 0.5


@pytest.mark.parametrize("phase_s", [0.0, 0.3, 0.95])
def test_rows_closer_than_the_resolution_of_their_times_lie_on_one_grid(phase_s: float) -> None:
    truth = steady(utc(2025, 12, 23, 18, 41, 12) + phase_s * SECOND, 900, 0.1)
    aligned = align(run(truth, lambda at: 0.0, 0.1, digits=0), UTC, [ClockReading(truth[0], 0.0)])
    assert worst_s(aligned, truth) <= 0.051
    ends = [each.ends_at for each in aligned.intervals]
    assert {round((after - before).total_seconds(), 3) for before, after in itertools.pairwise(ends)} == {0.1}


@pytest.mark.parametrize(
    ("zone", "starts_at"),
    [
        (BERLIN, utc(2025, 10, 25, 22, 30)),
        (BERLIN, utc(2025, 10, 26, 0, 10)),
        (NEW_YORK, utc(2025, 11, 2, 4, 30)),
        (BERLIN, utc(2026, 3, 29, 0, 10)),
        (NEW_YORK, utc(2026, 3, 8, 6, 10)),
    ],
)
def test_a_run_through_a_clock_change_is_one_run(zone: ZoneInfo, starts_at: datetime) -> None:
    """The meter knows no summer time: its clock runs through, and shows hours that civil time has twice or never."""
    truth = steady(starts_at, 300, 60.0)
    ahead_s = starts_at.astimezone(zone).utcoffset().total_seconds()  # type: ignore[union-attr]
    clock: Clock = lambda at: ahead_s  # noqa: E731
    rows = run(truth, clock, 60.0)
    assert [each.starts_at for each in align(rows, zone).intervals] == truth
    later = ClockReading.in_zone(truth[-1], ahead_s - truth[-1].astimezone(zone).utcoffset().total_seconds(), zone)  # type: ignore[union-attr]
    aligned = align(rows, zone, [later])
    assert (worst_s(aligned, truth) <= 0.5, aligned.jumps) == (True, ())


@pytest.mark.parametrize(("changes_at", "is_back"), [(utc(2025, 10, 26, 1), True), (utc(2026, 3, 29, 1), False)])
@pytest.mark.parametrize("is_read", [False, True])
def test_a_clock_that_is_set_to_and_from_summer_time_leaves_no_gap(
    changes_at: datetime, is_back: bool, is_read: bool
) -> None:
    truth = steady(changes_at - timedelta(hours=3), 360, 60.0)
    clock: Clock = lambda at: at.astimezone(BERLIN).utcoffset().total_seconds()  # type: ignore[union-attr] # noqa: E731
    readings = read(clock, truth[-1]) if is_read else []
    aligned = align(run(truth, clock, 60.0), BERLIN, readings)
    assert worst_s(aligned, truth) <= 0.5 * is_read
    (jump,) = aligned.jumps
    assert (jump.kind, jump.jump_s, jump.address) == (JumpKind.STEP, -HOUR_S if is_back else HOUR_S, 181)


def test_a_run_that_begins_in_the_ambiguous_hour_says_so_unless_the_clock_was_read() -> None:
    truth = steady(utc(2025, 10, 26, 0, 30), 200, 60.0)
    clock: Clock = lambda at: 2 * HOUR_S  # noqa: E731
    rows = run(truth, clock, 60.0)
    aligned = align(rows, BERLIN)
    assert (aligned.is_ambiguous, aligned.intervals[0].starts_at) == (True, truth[0])
    winter: Clock = lambda at: HOUR_S  # noqa: E731
    truth = steady(utc(2025, 10, 26, 1, 30), 200, 60.0)
    aligned = align(run(truth, winter, 60.0), BERLIN, read(winter, utc(2025, 10, 26, 3)))
    assert (aligned.is_ambiguous, worst_s(aligned, truth) <= 0.5) == (False, True)


@pytest.mark.parametrize(("every_s", "digits"), [(0.1, 1), (1.0, 0), (1.0, 1), (60.0, 0)])
def test_a_row_that_is_missing_leaves_a_gap_of_its_length(every_s: float, digits: int) -> None:
    truth = steady(utc(2025, 12, 23, 18) + timedelta(milliseconds=140), 200, every_s)
    rows = run(truth, lambda at: 0.0, every_s, digits)
    del rows[50], truth[50]
    aligned = align(rows, UTC, [ClockReading(truth[0], 0.0)])
    (jump,) = aligned.jumps
    assert (jump.address, jump.kind) == (52, JumpKind.GAP)
    assert jump.jump_s == pytest.approx(every_s)
    assert worst_s(aligned, truth) <= 0.51 * 10**-digits


def test_a_pause_is_a_gap() -> None:
    truth = steady(utc(2025, 12, 23, 18), 10, 60.0) + steady(utc(2025, 12, 23, 18, 40, 7), 10, 60.0)
    clock: Clock = lambda at: -30.0  # noqa: E731
    aligned = align(run(truth, clock, 60.0), UTC, read(clock, truth[2], truth[15]))
    assert worst_s(aligned, truth) <= 0.5
    (jump,) = aligned.jumps
    assert (jump.kind, jump.jump_s, jump.is_measured, jump.address) == (JumpKind.GAP, 30 * 60.0 + 7.0, True, 11)
    assert not align(run(truth, clock, 60.0), UTC, read(clock, truth[-1])).jumps[0].is_measured


@pytest.mark.parametrize("step_s", [-7200.0, -300.0, -45.0, -10.0, 10.0, 45.0, 300.0, 7200.0])
def test_a_clock_set_within_a_run_is_found_by_readings_on_both_sides(step_s: float) -> None:
    truth = steady(utc(2025, 12, 23, 18), 240, 60.0)
    set_at = truth[100]
    clock: Clock = lambda at: HOUR_S + (step_s if at >= set_at else 0.0)  # noqa: E731
    readings = read(clock, *steady(utc(2025, 12, 23, 18, 5), 4, HOUR_S))
    aligned = align(run(truth, clock, 60.0), BERLIN, readings)
    assert worst_s(aligned, truth) <= 1.0
    (jump,) = aligned.jumps
    assert (jump.kind, jump.jump_s, jump.is_measured, jump.address) == (JumpKind.STEP, step_s, True, 101)
    assert overlap_s(aligned) <= 0.001


@pytest.mark.parametrize("step_s", [-7200.0, -300.0, -45.0, -5.0])
@pytest.mark.parametrize("is_read", [False, True])
def test_a_clock_that_was_set_back_tells_so_without_readings_before(step_s: float, is_read: bool) -> None:
    truth = steady(utc(2025, 12, 23, 18), 240, 60.0)
    clock: Clock = lambda at: step_s * (at >= truth[100]) - step_s * is_read  # noqa: E731
    aligned = align(run(truth, clock, 60.0), UTC, read(clock, truth[-1]) if is_read else [])
    assert worst_s(aligned, truth) <= 0.5
    (jump,) = aligned.jumps
    assert (jump.kind, jump.jump_s, jump.is_measured) == (JumpKind.STEP, step_s, False)
    assert overlap_s(aligned) <= 0.001


def test_a_clock_set_back_twice_and_a_pause_between() -> None:
    truth = [*steady(utc(2025, 12, 23, 18), 60, 60.0), *steady(utc(2025, 12, 23, 20), 120, 60.0)]
    clock: Clock = lambda at: 500.0 - 300.0 * (at >= truth[30]) - 200.0 * (at >= truth[150])  # noqa: E731
    aligned = align(run(truth, clock, 60.0), UTC, read(clock, truth[-1]))
    assert worst_s(aligned, truth) <= 0.5
    assert [(jump.kind, jump.jump_s) for jump in aligned.jumps] == [
        *((JumpKind.STEP, -300.0), (JumpKind.GAP, HOUR_S), (JumpKind.STEP, -200.0)),
    ]


@pytest.mark.parametrize("is_after", [False, True])
def test_one_reading_is_enough_for_a_clock_set_back(is_after: bool) -> None:
    truth = steady(utc(2025, 12, 23, 18), 240, 60.0)
    clock: Clock = lambda at: 700.0 - 3600.0 * (at >= truth[100])  # noqa: E731
    read_at = truth[-1] + 90 * SECOND if is_after else truth[0] - 20 * SECOND
    assert worst_s(align(run(truth, clock, 60.0), UTC, read(clock, read_at)), truth) <= 0.5


def test_a_set_clock_and_a_pause_right_after_it_are_told_apart() -> None:
    truth = steady(utc(2025, 12, 23, 18), 100, 60.0)
    truth += [at + 900 * SECOND for at in steady(truth[-1] + 60 * SECOND, 2, 60.0)]
    set_at = truth[-1]
    truth += steady(truth[-1] + 2760 * SECOND, 100, 60.0)
    clock: Clock = lambda at: 100.0 * (at < set_at)  # noqa: E731
    aligned = align(run(truth, clock, 60.0), UTC, read(clock, *steady(truth[0], 6, 2000.0)))
    assert worst_s(aligned, truth) <= 1.0
    assert [(jump.kind, jump.jump_s) for jump in aligned.jumps] == [
        *((JumpKind.GAP, 900.0), (JumpKind.STEP, -100.0), (JumpKind.GAP, 2700.0)),
    ]


def test_the_clock_of_many_pieces_is_found() -> None:
    truth = [at + number // 5 * 40 * SECOND for number, at in enumerate(steady(utc(2025, 12, 23, 18), 2000, 60.0))]
    clock: Clock = lambda at: -10.0 * ((at - truth[0]).total_seconds() // 40_000.0)  # noqa: E731
    rows = run(truth, clock, 60.0)
    aligned = align(rows, UTC, read(clock, *steady(truth[0], 70, 1900.0)))
    assert len(aligned.jumps) >= 399
    off_s = [abs((each.starts_at - at).total_seconds()) for each, at in zip(aligned.intervals, truth, strict=True)]
    assert sum(each_s > 1.5 for each_s in off_s) <= 10, "which of the pauses between two readings hid a set"


def test_a_drifting_clock_is_followed() -> None:
    truth = steady(utc(2025, 12, 1), 7 * 96, 900.0)
    clock: Clock = lambda at: 5.0 + 30e-6 * (at - truth[0]).total_seconds()  # noqa: E731
    # The meter counts its intervals with the clock that drifts: it stores them when the clock says so.
    instants = [at - timedelta(seconds=30e-6 / (1 + 30e-6) * (at - truth[0]).total_seconds()) for at in truth]
    readings = read(clock, *steady(utc(2025, 12, 1, 0, 7, 3), 7 * 24, 3607.3))
    aligned = align(run(instants, clock, 900.0), UTC, readings)
    assert worst_s(aligned, instants) <= 0.7, "18 s in the week if nobody had followed"
    assert aligned.jumps == ()


def test_an_outlier_of_a_few_seconds_does_not_move_the_rows() -> None:
    truth = steady(utc(2025, 12, 23, 18), 60, 60.0)
    readings = [ClockReading(at, ahead_s) for at, ahead_s in zip(truth[::20], (7.0, 9.5, 7.1), strict=True)]
    aligned = align(run(truth, lambda at: 7.0, 60.0), UTC, readings)
    assert worst_s(aligned, truth) <= 0.6


def test_a_file_read_again_after_it_grew_doubles_nothing() -> None:
    truth = steady(utc(2025, 12, 23, 18), 50, 60.0)
    rows = run(truth, lambda at: 0.0, 60.0)
    aligned = align([*rows[:30], *rows], UTC)
    assert ([each.starts_at for each in aligned.intervals], aligned.doubled) == (truth, 30)
    assert aligned.jumps == ()


def test_an_hour_that_comes_again_is_not_a_double_though_addresses_begin_anew_in_each_file() -> None:
    truth = steady(utc(2025, 10, 25, 22), 240, 60.0)
    clock: Clock = lambda at: at.astimezone(BERLIN).utcoffset().total_seconds()  # type: ignore[union-attr] # noqa: E731
    rows = [
        dataclasses.replace(row, address=number % 60 + 1, levels=Levels(leq=40.0 + number / 10))
        for number, row in enumerate(run(truth, clock, 60.0))
    ]
    aligned = align([*rows, *rows[-60:]], BERLIN)
    assert (worst_s(aligned, truth), aligned.doubled) == (0.0, 60)


def test_intervals_that_do_not_agree_with_the_clock_keep_to_it() -> None:
    truth = steady(utc(2025, 12, 23, 18), 500, 60.003)
    aligned = align(run(truth, lambda at: 0.0, 60.0), UTC)
    assert (worst_s(aligned, truth) <= 1.0, aligned.jumps) == (True, ())
    truth = steady(utc(2025, 12, 23, 18), 500, 59.997)
    aligned = align(run(truth, lambda at: 0.0, 60.0), UTC)
    assert worst_s(aligned, truth) <= 2.0
    assert overlap_s(aligned) <= 0.25


def test_the_ends_of_a_day_of_seconds_are_whole_milliseconds() -> None:
    truth = steady(utc(2025, 12, 23, 0, 0, 0) + timedelta(milliseconds=370), 5000, 1.0)
    clock: Clock = lambda at: 3.25  # noqa: E731
    aligned = align(run(truth, clock, 1.0, digits=1), UTC, [ClockReading(truth[0], 3.25)])
    assert worst_s(aligned, truth) <= 0.05
    assert all(each.ends_at.microsecond % 1000 == 0 for each in aligned.intervals)


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from([0.1, 1.0, 60.0, 900.0]),
    st.integers(0, 1),
    st.floats(-9000.0, 9000.0),
    st.floats(0.0, 1.0),
    st.lists(st.tuples(st.integers(1, 40), st.floats(-5000.0, 5000.0), st.floats(0.0, 9000.0)), max_size=3),
)
def test_whatever_the_clock_does_rows_stay_in_order_and_are_as_many(
    every_s: float, digits: int, ahead_s: float, phase_s: float, breaks: list[tuple[int, float, float]]
) -> None:
    """With the clock read in every piece and no step too small to be seen, all rows are where they were.

    Not so where the clock is set in a pause, which hides a part of the step, or after a piece of a few seconds.
    """
    at, truth, aheads = utc(2025, 12, 23, 18) + phase_s * SECOND, [], []
    for count, step_s, pause_s in [*breaks, (10, 0.0, 0.0)]:
        pieces = steady(at, count, every_s)
        truth += pieces
        aheads += [ahead_s] * count
        at = pieces[-1] + timedelta(seconds=every_s + math.floor(pause_s))
        ahead_s += math.floor(step_s)
    by_start = dict(zip(truth, aheads, strict=True))
    rows = run(truth, by_start.__getitem__, every_s, digits)
    readings = [ClockReading(each, by_start[each]) for each in truth]
    aligned = align(rows, UTC, readings)
    assert len(aligned.intervals) == len({(row.address, row.starts) for row in rows})
    steps = [abs(math.floor(step_s)) for _, step_s, _ in breaks]
    is_plain = all(count * every_s >= 30.0 and pause_s < 1.0 for count, _, pause_s in breaks)
    if is_plain and all(step_s > 20.0 for step_s in steps):
        assert worst_s(aligned, truth) <= 4.0
    assert all(interval.stored in rows for interval in aligned.intervals)
