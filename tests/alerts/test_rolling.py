"""Rolling LAeq from the 100 ms stream and from differences of LE."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from slmm.acoustics.energy import energy
from slmm.alerts.rolling import ExposureWindow, Rolling, StreamWindow
from slmm.alerts.rules import ROLLING, Rule, Source
from slmm.alerts.unit import RuleRun, UnitAlerts
from slmm.alerts.watchdog import Limits
from slmm.events import Levels, Reading, RunState, StreamedLevels
from slmm.steady import SteadyClock

MINUTE_S, QUARTER_S = 60.0, 900.0


def leq(parts: list[tuple[float, float]]) -> float:
    """Energy mean of (seconds, dB)."""
    return 10 * math.log10(sum(length * energy(level) for length, level in parts) / sum(length for length, _ in parts))


def stream(window_s: float, parts: list[tuple[float, float]], start_s: float = 0.0) -> tuple[StreamWindow, float]:
    """A window fed every 100 ms with levels that last so long; and the time at its end."""
    window, tenths = StreamWindow(window_s), 0
    for length_s, level in parts:
        for _ in range(round(length_s * 10)):
            tenths += 1
            window.add(start_s + tenths / 10, level)
    return window, start_s + tenths / 10


def exposure(window_s: float, parts: list[tuple[float, float]], every_s: float = 1.0) -> tuple[ExposureWindow, float]:
    """A window fed with the LE of a measurement, as a meter shows it: rounded to 0.1 dB."""
    window, now_s, total = ExposureWindow(window_s), 0.0, 0.0
    for length_s, level in parts:
        for _ in range(round(length_s / every_s)):
            now_s += every_s
            total += energy(level) * every_s
            window.add(now_s, round(10 * math.log10(total), 1))
    return window, now_s


# -- means are means of energy ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("parts", "expected_db"),
    [
        pytest.param([(20, 60.0), (20, 65.0), (20, 70.0)], 66.7, id="T01"),
        pytest.param([(15, 68.2), (15, 71.5), (15, 66.9), (15, 80.3)], 75.2, id="T02"),
        pytest.param([(25, 75.0), (55, 60.0), (20, 55.0)], 69.3, id="T03, a second for six minutes"),
    ],
)
def test_levels_are_averaged_by_energy(parts: list[tuple[float, float]], expected_db: float) -> None:
    window, now_s = stream(sum(length for length, _ in parts), parts)
    assert window.value(now_s).level_db == pytest.approx(expected_db, abs=0.05)


def test_a_loud_minute_counts_for_exactly_the_length_of_the_window() -> None:
    """T16: 14 minutes at 60 dB, one at 85, 20 at 60."""
    window, told = StreamWindow(QUARTER_S), {}
    for minute, level in enumerate([60.0] * 14 + [85.0] + [60.0] * 20, start=1):
        for tenth in range(600):
            window.add((minute - 1) * MINUTE_S + (tenth + 1) / 10, level)
        value = window.value(minute * MINUTE_S).level_db
        told[minute] = None if value is None else round(value, 1)
    assert [told[minute] for minute in (1, 6, 11)] == [None] * 3  # less than 80 % of the window
    assert {told[minute] for minute in range(15, 30)} == {73.4}
    assert {told[minute] for minute in range(30, 36)} == {60.0}


def test_a_quarter_of_an_hour_across_two_fixed_ones_is_louder_than_both() -> None:
    """T17: 85 dB for a minute on both sides of the quarter; each fixed quarter has 75.3 dB or less, this one 78.3."""
    loud = 78.3 + 10 * math.log10(15 / 2) - 10 * math.log10(1)
    parts = [(14 * 60, 30.0), (60, loud), (60, loud), (14 * 60, 30.0)]
    window, now_s = StreamWindow(QUARTER_S), 0
    best = -math.inf
    for length, level in parts:
        for _ in range(int(length * 10)):
            now_s += 1
            window.add(now_s / 10, level)
            if now_s % 600 == 0:
                best = max(best, window.value(now_s / 10).level_db or -math.inf)
    assert best == pytest.approx(78.3, abs=0.05)


# -- the 100 ms stream ------------------------------------------------------------------------------------------


@settings(max_examples=60, deadline=None)
@given(
    parts=st.lists(st.tuples(st.integers(1, 40), st.floats(25, 130)), min_size=1, max_size=12),
    window_s=st.integers(5, 60),
    start_s=st.integers(0, 10_000),
)
@example(parts=[(1, 28.0), (5, 25.0)], window_s=5, start_s=0)  # a tenth too many is 0.08 dB
def test_the_stream_is_the_energy_mean_of_the_last_seconds(
    parts: list[tuple[int, float]], window_s: int, start_s: int
) -> None:
    window, now_s = stream(window_s, [(float(length), level) for length, level in parts], start_s)
    seconds = [level for length, level in parts for _ in range(length)][-window_s:]
    value = window.value(now_s)
    assert value.coverage == pytest.approx(len(seconds) / window_s)
    if len(seconds) < 0.8 * window_s:
        assert value.level_db is None
    elif len(seconds) > 0.81 * window_s:
        assert value.level_db == pytest.approx(leq([(1.0, level) for level in seconds]), abs=0.05)


@settings(max_examples=40, deadline=None)
@given(
    levels=st.lists(st.floats(25, 130), min_size=120, max_size=300), window_s=st.integers(5, 10), phase=st.floats(0, 1)
)
def test_between_seconds_the_window_is_at_most_one_second_longer(
    levels: list[float], window_s: int, phase: float
) -> None:
    window = StreamWindow(window_s)
    for index, level in enumerate(levels):
        window.add(phase + index / 10, level)
    value = window.value(phase + (len(levels) - 1) / 10).level_db
    means = [leq([(0.1, level) for level in levels[-count:]]) for count in range(window_s * 10, window_s * 10 + 12)]
    assert value is not None
    assert min(abs(value - mean) for mean in means) < 0.05


def test_what_is_missing_in_the_stream_is_neither_silence_nor_average() -> None:
    window, _ = stream(10.0, [(4, 80.0)])
    for tenth in range(1, 61):
        if tenth > 10:  # one second was lost
            window.add(4 + tenth / 10, 80.0)
    value = window.value(10.0)
    assert (value.coverage, value.level_db) == (pytest.approx(0.9), pytest.approx(80.0))


def test_a_stream_that_stopped_says_nothing_soon_after() -> None:
    window, now_s = stream(10.0, [(10, 80.0)])
    assert window.value(now_s + 1).level_db == pytest.approx(80.0)
    assert window.value(now_s + 3).level_db is None
    assert window.value(now_s + 3).coverage == pytest.approx(0.7)
    assert window.value(now_s + 60) == Rolling(None, 0.0)


def test_a_burst_after_a_stall_adds_no_time() -> None:
    window = StreamWindow(10.0)
    for tenth in range(100):
        window.add(5.2 + tenth / 1000, 80.0)  # ten seconds' worth within a tenth
    assert window.value(5.3).coverage == pytest.approx(0.1)


def test_a_quiet_minute_after_a_deafening_one_is_quiet() -> None:
    window, now_s = stream(MINUTE_S, [(60, 140.0), (61, 25.0)])
    assert window.value(now_s).level_db == pytest.approx(25.0, abs=0.05)


def test_forgetting_everything_begins_anew() -> None:
    window, now_s = stream(10.0, [(10, 80.0)])
    window.clear()
    assert window.value(now_s) == Rolling(None, 0.0)


# -- differences of LE ----------------------------------------------------------------------------------------------


@settings(max_examples=200, deadline=None)
@given(
    before=st.tuples(st.integers(0, 4000), st.floats(25, 120)),
    minute=st.tuples(st.just(60), st.floats(25, 120)),
)
def test_what_is_told_from_rounded_exposure_levels_is_right_within_its_own_decibel(
    before: tuple[int, float], minute: tuple[int, float]
) -> None:
    assume(before[0] > 0)
    total = energy(before[1]) * before[0]
    window = ExposureWindow(MINUTE_S)
    window.add(0.0, round(10 * math.log10(total), 1))
    for second in range(1, 61):
        total += energy(minute[1])
        window.add(float(second), round(10 * math.log10(total), 1))
    value = window.value(60.0)
    if value.level_db is None:
        assert value.needs_stream
    else:
        assert value.level_db == pytest.approx(minute[1], abs=1.0)


def test_a_new_measurement_needs_no_stream() -> None:
    window, now_s = exposure(MINUTE_S, [(120, 70.0)])
    value = window.value(now_s)
    assert value.level_db == pytest.approx(70.0, abs=1.0)
    assert not value.needs_stream


def test_after_an_hour_a_minute_cannot_be_told_from_exposure_levels() -> None:
    """R31."""
    window, now_s = exposure(MINUTE_S, [(3600, 73.0)])
    assert window.value(now_s) == Rolling(None, 1.0, needs_stream=True)


def test_after_an_hour_a_quarter_of_an_hour_can_still_be_told() -> None:
    window, now_s = exposure(QUARTER_S, [(3600, 73.0)], every_s=30.0)
    assert window.value(now_s).level_db == pytest.approx(73.0, abs=1.0)


def test_an_exposure_level_that_stands_still_needs_the_stream() -> None:
    window, now_s = exposure(MINUTE_S, [(60, 110.0), (60, 40.0)])
    assert window.value(now_s) == Rolling(None, 1.0, needs_stream=True)


def test_an_exposure_level_that_falls_begins_a_new_measurement() -> None:
    window, now_s = exposure(MINUTE_S, [(300, 80.0)])
    window.add(now_s + 1, 60.0)
    assert window.value(now_s + 1) == Rolling(None, 0.0)
    for second in range(2, 70):
        window.add(now_s + second, round(60.0 + 10 * math.log10(second), 1))
    assert window.value(now_s + 69).level_db == pytest.approx(60.0, abs=1.0)


@pytest.mark.parametrize(("seconds", "is_told"), [(47, False), (49, True)])
def test_less_than_four_fifths_of_the_window_say_nothing(seconds: int, is_told: bool) -> None:
    window, now_s = exposure(MINUTE_S, [(seconds + 1, 70.0)])  # the first reading is a begin, not a part
    assert (window.value(now_s).level_db is not None) is is_told


def test_an_old_exposure_level_says_nothing_about_now() -> None:
    window, now_s = exposure(MINUTE_S, [(120, 70.0)])
    assert window.value(now_s + 11).level_db is not None
    assert window.value(now_s + 13).level_db is None


def test_the_first_reading_after_a_long_silence_is_not_taken_for_the_window() -> None:
    window, now_s = exposure(QUARTER_S, [(900, 60.0)], every_s=30.0)
    total = energy(60.0) * 900 + energy(60.0) * 2940 + energy(85.0) * 60
    window.add(now_s + 3000, round(10 * math.log10(total), 1))
    assert window.value(now_s + 3000).level_db is None  # 50 minutes are no quarter of an hour


def test_the_reading_nearest_to_the_begin_stands_for_it() -> None:
    window = ExposureWindow(100.0)
    for at_s, le in ((0.0, 60.0), (48.0, 83.0), (145.0, 90.0)):
        window.add(at_s, le)
    assert window.value(145.0).level_db == pytest.approx(10 * math.log10((energy(90.0) - energy(83.0)) / 97.0))


def test_one_reading_alone_says_nothing() -> None:
    window = ExposureWindow(MINUTE_S)
    assert window.value(0.0) == Rolling(None, 0.0)
    window.add(0.0, 80.0)
    assert window.value(0.0) == Rolling(None, 0.0)


def test_forgetting_the_exposure_begins_anew() -> None:
    window, now_s = exposure(MINUTE_S, [(120, 70.0)])
    window.clear()
    assert window.value(now_s) == Rolling(None, 0.0)


# -- never from momentary levels -------------------------------------------------------------------------------------


@pytest.mark.parametrize("source", Source)
def test_momentary_levels_are_no_part_of_a_rolling_level(source: Source) -> None:
    clock = SteadyClock(lambda: 0.0, lambda: 0.0)
    unit = UnitAlerts("a", clock, Limits())
    rule = Rule(1, "a", metric=ROLLING, threshold_db=60.0, window_s=60.0, source=source)
    unit.runs[1] = RuleRun(rule)
    for second in range(200):
        at = datetime(2026, 3, 2, tzinfo=UTC) + timedelta(seconds=second)
        reading = Reading("a", at, Levels(lp=120.0, leq=120.0, lmax=120.0), "", run_state=RunState.MEASURING)
        records, _ = unit.take(reading, float(second))
        assert records == []
        streamed = StreamedLevels("a", at, Levels(lp=120.0), "", 0, RunState.MEASURING)
        assert unit.take_streamed(streamed, second + 0.5)[0] == []
