"""Series in, transitions out."""

import json
import math
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slmm.alerts import machine
from slmm.alerts.rules import AtWindowEnd, Comparison, OnNoData, Rule, Severity
from slmm.alerts.state import IDLE, ChangeKind, EndReason, Phase, State
from tests.alerts.series import rule as made
from tests.alerts.series import samples, trace

ON3_OFF3 = {"duration_s": 3.0, "clear_duration_s": 3.0}


@pytest.mark.parametrize(
    ("members", "series", "expected"),
    [
        pytest.param(ON3_OFF3, "80 86 87 88x3 82x4", [("onset", 4), ("ended", 9)], id="both delays"),
        pytest.param({"duration_s": 3.0}, "80 90x3 80x5", [], id="one sample short"),
        pytest.param({"duration_s": 3.0}, "90x4 80", [("onset", 3), ("ended", 4)], id="inclusive"),
        pytest.param({}, "85x3", [], id="at the threshold is not above"),
        pytest.param({"comparison": Comparison.AT_LEAST}, "85 83 82.9", [("onset", 0), ("ended", 2)], id="at least"),
        pytest.param(
            {"clear_margin_db": 3.0}, "86 84 82.1 85.5 82", [("onset", 0), ("ended", 4)], id="margin of three"
        ),
        pytest.param({"clear_margin_db": 0.0}, "86 85", [("onset", 0), ("ended", 1)], id="no dead point"),
        pytest.param({"clear_duration_s": 3.0}, "90 80x3 84 80x4", [("onset", 0), ("ended", 8)], id="band restarts"),
        pytest.param({"clear_duration_s": 5.0}, "90 80x3 91 80x6", [("onset", 0), ("ended", 10)], id="one event"),
        pytest.param(
            {"comparison": Comparison.LESS, "threshold_db": 20.0},
            "30 15 21 22",
            [("onset", 1), ("ended", 3)],
            id="below",
        ),
        pytest.param({"duration_s": 6.0}, "90x3 _x3 90x2", [("onset", 6)], id="short hole counted"),
        pytest.param({"duration_s": 6.0}, "90x5 gap300 90x7", [("onset", 311)], id="long gap starts anew"),
        pytest.param({"duration_s": 60.0}, "90 gap300 90", [], id="two samples are no minute"),
        pytest.param({"duration_s": 900.0}, "90x600 gap90 90x400", [("onset", 991)], id="a short outage is left out"),
        pytest.param({"duration_s": 900.0}, "90x600 gap600 90x1000", [("onset", 2100)], id="a long one starts anew"),
        pytest.param(
            {"duration_s": 2.0, "comparison": Comparison.EQUAL, "threshold_db": 60.0, "clear_margin_db": 0.0},
            "59.9 60x3 60.1",
            [("onset", 3), ("ended", 4)],
            id="equal",
        ),
        pytest.param(
            {"comparison": Comparison.UNEQUAL, "threshold_db": 60.0},
            "60 60.1 60",
            [("onset", 1), ("ended", 2)],
            id="unequal",
        ),
        pytest.param(
            {"cooldown_s": 10.0},
            "90 80 90 80 90x10",
            [("onset", 0), ("ended", 1), ("recurred", 2), ("recurrence_ended", 3), ("recurred", 4), ("onset", 10)],
            id="a breach in the cooldown recurs, and is an onset if it lasts",
        ),
        pytest.param(
            {"red_threshold_db": 90.0, "duration_s": 2.0},
            "86x4 91x3 86 80",
            [("onset", 2), ("escalated", 6), ("ended", 8)],
            id="amber turns red in the same event",
        ),
    ],
)
def test_scenarios(members: dict[str, object], series: str, expected: list[tuple[str, float]]) -> None:
    assert trace(made(**members), series) == expected


def test_a_jump_beyond_red_is_one_red_onset() -> None:
    rule = made(red_threshold_db=90.0, duration_s=2.0)
    state, onset = IDLE, None
    for at_s, level in samples("95x4"):
        state, changes = machine.step(rule, state, at_s, level)
        onset = next((change for change in changes if change.kind is ChangeKind.ONSET), onset)
    assert onset is not None
    assert (onset.at_s, onset.state.is_red) == (2.0, True)
    assert made(severity=Severity.RED, threshold_db=85.0).severity is Severity.RED


@pytest.mark.parametrize("reload_at", range(1, 12))
def test_saving_and_loading_changes_nothing(reload_at: int) -> None:
    rule = made(duration_s=4.0, clear_duration_s=3.0)
    series = "80 90x6 80x6"
    assert trace(rule, series, reload_at=float(reload_at)) == trace(rule, series) != []


@pytest.mark.parametrize("level", [None, math.nan, math.inf, -math.inf])
def test_what_is_no_level_is_no_evidence(level: float | None) -> None:
    rule = made(duration_s=3.0)
    for state in (IDLE, State(phase=Phase.PENDING, covered_s=1.0), State(phase=Phase.ACTIVE, has_event=True)):
        assert machine.step(rule, state, 10.0, level) == (state, ())


# -- people -------------------------------------------------------------------------------------------------


def after(rule: Rule, series: str, state: State = IDLE, start_s: float = 0.0) -> tuple[State, list[tuple[str, float]]]:
    found = []
    for at_s, level in samples(series):
        state, changes = machine.step(rule, state, start_s + at_s, level)
        found += [(change.kind.value, change.at_s) for change in changes]
    return state, found


def test_a_latched_event_stays_until_it_is_acknowledged() -> None:
    rule = made(is_latching=True)
    state, found = after(rule, "90 80x2")
    assert found == [("onset", 0), ("returned", 1)]
    assert (state.is_latched, state.has_event) == (True, True)
    state, changes = machine.acknowledge(state, 3.0)
    assert [(change.kind.value, change.reason) for change in changes] == [("ended", EndReason.CLEARED)]
    assert not state.has_event
    assert machine.acknowledge(state, 4.0) == (state, ())


def test_an_acknowledged_latching_event_ends_when_it_recovers() -> None:
    rule = made(is_latching=True)
    state, _ = after(rule, "90")
    state, changes = machine.acknowledge(state, 0.5)
    assert changes == ()
    _, found = after(rule, "80", state, 1.0)
    assert found == [("ended", 1)]


def test_a_breach_while_latched_alarms_again_on_the_same_event() -> None:
    rule = made(is_latching=True, cooldown_s=300.0)
    state, found = after(rule, "90 80 91")
    assert found == [("onset", 0), ("returned", 1), ("realarm", 2)]
    assert (state.occurrences, state.is_acknowledged, state.peak_db) == (2, False, 91.0)


def test_acknowledging_while_it_gets_loud_again_ends_the_old_event_and_times_a_new_one() -> None:
    rule = made(is_latching=True, duration_s=2.0)
    state, _ = after(rule, "90x3 80 90")
    assert (state.phase, state.is_latched) == (Phase.PENDING, True)
    state, changes = machine.acknowledge(state, 4.5)
    assert [change.kind for change in changes] == [ChangeKind.ENDED]
    _, found = after(rule, "90x2", state, 5.0)
    assert found == [("onset", 6)]


def test_an_edit_ends_the_event_and_needs_new_evidence() -> None:
    rule = made(duration_s=2.0, cooldown_s=600.0)
    state, found = after(rule, "90x5")
    assert found[-1] == ("onset", 2)
    state, changes = machine.cancel(state, 5.0, EndReason.RULE_CHANGED)
    assert [(change.kind, change.reason) for change in changes] == [(ChangeKind.ENDED, EndReason.RULE_CHANGED)]
    _, found = after(rule, "90x3", state, 5.0)
    assert found[-1] == ("onset", 7)


def test_a_rule_deleted_while_pending_leaves_nothing() -> None:
    state, _ = after(made(duration_s=3.0), "90x2")
    assert machine.cancel(state, 2.0, EndReason.RULE_DELETED) == (IDLE, ())


def test_what_was_closed_by_hand_fires_again_only_after_quiet() -> None:
    rule = made()
    state, _ = after(rule, "90")
    state, changes = machine.close_by_hand(state, 0.5)
    assert [change.reason for change in changes] == [EndReason.CLOSED_BY_HAND]
    state, found = after(rule, "91 84 91", state, 1.0)
    assert found == []
    _, found = after(rule, "80 90", state, 4.0)
    assert found == [("onset", 5)]


# -- schedules, meters ------------------------------------------------------------------------------------------


def test_a_window_that_ends_closes_without_calling_it_recovered() -> None:
    rule = made()
    state, _ = after(rule, "90")
    _, changes = machine.close_window(rule, state, 7.0)
    assert [(change.reason, change.at_s, change.recovered_at_s) for change in changes] == [
        (EndReason.SCHEDULE_END, 7.0, None)
    ]


def test_a_held_alarm_may_clear_after_its_window_but_nothing_begins() -> None:
    rule = made(at_window_end=AtWindowEnd.HOLD)
    state, _ = after(rule, "90")
    state, changes = machine.close_window(rule, state, 1.0)
    assert changes == ()
    state, changes = machine.step(rule, state, 2.0, 80.0, may_start=False)
    assert [change.reason for change in changes] == [EndReason.CLEARED]
    assert machine.step(rule, state, 3.0, 99.0, may_start=False) == (state, ())


def test_a_pending_alarm_does_not_survive_its_window() -> None:
    rule = made(duration_s=10.0)
    state, _ = after(rule, "90x8")
    state, changes = machine.close_window(rule, state, 8.0)
    assert (changes, state.phase) == ((), Phase.IDLE)
    _, found = after(rule, "90x8", state, 9.0)
    assert found == [("pending", 9)]


def test_a_new_measurement_ends_what_was_said_of_the_old_one() -> None:
    state, _ = after(made(), "90")
    _, changes = machine.restart_measurement(state, 3.0)
    assert [change.reason for change in changes] == [EndReason.MEASUREMENT_RESTARTED]


def test_an_outage_freezes_and_one_sample_after_it_does_not_clear() -> None:
    rule = made(clear_duration_s=10.0)
    state, _ = after(rule, "90")
    assert machine.lose_data(rule, state, 60.0) == (state, ())
    state, found = after(rule, "80x5", state, 400.0)
    assert found == [("clearing", 400)]
    state, found = after(rule, "80x7", state, 405.0)
    assert found == [("ended", 410)]


def test_a_rule_may_end_or_begin_with_silence() -> None:
    clearing = made(on_no_data=OnNoData.CLEAR)
    state, _ = after(clearing, "90")
    _, changes = machine.lose_data(clearing, state, 60.0)
    assert [change.reason for change in changes] == [EndReason.NO_DATA]
    alarming = made(on_no_data=OnNoData.ALARM, comparison=Comparison.LESS, threshold_db=20.0, clear_margin_db=0.0)
    state, changes = machine.lose_data(alarming, IDLE, 60.0)
    assert [(change.kind, change.value_db) for change in changes] == [(ChangeKind.ONSET, None)]
    _, found = after(alarming, "40", state, 61.0)
    assert found == [("ended", 61)]


# -- properties --------------------------------------------------------------------------------------------------

LEVELS = st.one_of(st.none(), st.integers(min_value=780, max_value=920).map(lambda tenths: tenths / 10))
SERIES = st.lists(st.tuples(st.sampled_from([1.0, 1.0, 1.0, 2.5, 5.0, 7.0, 80.0]), LEVELS), max_size=60)
RULES = st.builds(
    made,
    comparison=st.sampled_from(Comparison),
    duration_s=st.sampled_from([0.0, 1.0, 3.0, 10.0]),
    clear_duration_s=st.sampled_from([None, 0.0, 2.0, 5.0]),
    clear_margin_db=st.sampled_from([0.0, 0.5, 2.0]),
    cooldown_s=st.sampled_from([0.0, 20.0]),
    is_latching=st.booleans(),
)


def run(rule: Rule, series: list[tuple[float, float | None]], shift_s: float = 0.0) -> list[tuple[str, float]]:
    state, at_s, found = IDLE, shift_s, []
    for pause_s, level in series:
        at_s += pause_s
        state, changes = machine.step(rule, state, at_s, level)
        found += [(change.kind.value, round(change.at_s - shift_s, 6)) for change in changes]
    return found


@given(RULES, SERIES)
@settings(max_examples=300, deadline=None)
def test_onset_and_end_alternate(rule: Rule, series: list[tuple[float, float | None]]) -> None:
    is_open = False
    for kind, _ in run(rule, series):
        if kind == "onset":
            assert not is_open
            is_open = True
        elif kind in ("ended", "realarm", "returned", "escalated"):
            assert is_open
            is_open = kind != "ended"


@given(RULES, SERIES, st.integers(min_value=0, max_value=60))
@settings(max_examples=200, deadline=None)
def test_reloading_anywhere_changes_nothing(rule: Rule, series: list[tuple[float, float | None]], at: int) -> None:
    state, at_s, found = IDLE, 0.0, []
    for index, (pause_s, level) in enumerate(series):
        at_s += pause_s
        if index == at:
            state = State.from_json(json.loads(json.dumps(state.as_json())))
        state, changes = machine.step(rule, state, at_s, level)
        found += [(change.kind.value, round(at_s, 6)) for change in changes]
    assert found == run(rule, series)


@given(RULES, SERIES, st.sampled_from([1e3, 1.7e9]))
@settings(max_examples=200, deadline=None)
def test_only_differences_of_time_matter(rule: Rule, series: list[tuple[float, float | None]], shift_s: float) -> None:
    assert run(rule, series, shift_s) == run(rule, series)


@given(RULES, SERIES)
@settings(max_examples=200, deadline=None)
def test_missing_levels_change_nothing(rule: Rule, series: list[tuple[float, float | None]]) -> None:
    kept: list[tuple[float, float | None]] = []
    waited_s = 0.0
    for pause_s, level in series:
        waited_s += pause_s
        if level is not None:
            kept.append((waited_s, level))
            waited_s = 0.0
    assert run(rule, kept) == run(rule, series)


MIRRORED = {
    Comparison.GREATER: Comparison.LESS,
    Comparison.AT_LEAST: Comparison.AT_MOST,
    Comparison.LESS: Comparison.GREATER,
    Comparison.AT_MOST: Comparison.AT_LEAST,
    Comparison.EQUAL: Comparison.EQUAL,
    Comparison.UNEQUAL: Comparison.UNEQUAL,
}


@given(RULES, SERIES)
@settings(max_examples=200, deadline=None)
def test_upside_down_is_the_same(rule: Rule, series: list[tuple[float, float | None]]) -> None:
    turned = replace(rule, comparison=MIRRORED[rule.comparison], threshold_db=-rule.threshold_db)
    assert run(turned, [(pause_s, None if level is None else -level) for pause_s, level in series]) == run(rule, series)


@given(RULES, SERIES)
@settings(max_examples=200, deadline=None)
def test_every_onset_has_its_evidence(rule: Rule, series: list[tuple[float, float | None]]) -> None:
    state, at_s = IDLE, 0.0
    covered_s, last_s = 0.0, None
    for pause_s, level in series:
        at_s += pause_s
        if level is not None:
            if not rule.breaches(level):
                covered_s, last_s = 0.0, None
            else:
                gap_s = 0.0 if last_s is None else at_s - last_s
                covered_s = 0.0 if gap_s > rule.gap_reset_s else covered_s + (gap_s if gap_s <= rule.max_gap_s else 0.0)
                last_s = at_s
        before = state
        state, changes = machine.step(rule, state, at_s, level)
        for change in changes:
            if change.kind is ChangeKind.ONSET and before.phase is not Phase.ACTIVE:
                assert covered_s >= rule.duration_s - 1e-6


@given(RULES, st.integers(min_value=700, max_value=1000).map(lambda tenths: tenths / 10))
def test_no_level_breaks_a_rule_and_has_recovered(rule: Rule, level: float) -> None:
    assert not (rule.breaches(level) and rule.has_recovered(level))
    if rule.clear_margin_db == 0:
        assert rule.breaches(level) is not rule.has_recovered(level)
