"""What a bad network between service and meter costs: nothing that is not said, and no longer than it lasts."""

import pytest

from slmm.soak.proxy import FAULTS
from tests.faults.conftest import CALM, LOSING, PACING_S, Played, Theatre

ALL = (*FAULTS, CALM)
PASSING = tuple(name for name in FAULTS if name not in LOSING)


@pytest.fixture
def played(theatre: Theatre, request: pytest.FixtureRequest) -> Played:
    return theatre.played[request.param]


def of(*names: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("played", names, indirect=True, ids=names)


@of(*LOSING)
def test_viewers_are_told_once_and_the_status_says_why(played: Played) -> None:
    assert len(played.told) == 1
    assert played.during["is_reachable"] is False
    assert played.during["last_error"]


@of(*PASSING, CALM)
def test_what_lets_readings_pass_is_not_taken_for_a_loss(played: Played) -> None:
    assert played.told == []


@of(*FAULTS)
def test_readings_come_again_by_themselves(played: Played) -> None:
    assert played.recovered_s is not None


@of(*ALL)
def test_what_is_on_record_was_made_by_the_meter(played: Played) -> None:
    assert played.settled.recorded > 5
    assert played.settled.phantoms == []


@of(*ALL)
def test_what_viewers_saw_is_on_record(played: Played) -> None:
    assert played.settled.unkept_s == []


@of(*ALL)
def test_nothing_is_lost_but_while_the_fault_lasts(played: Played) -> None:
    until_s = played.recovered_s or 0.0
    outside = [at_s for at_s in played.settled.lost_s if not played.began_s - 0.25 <= at_s <= until_s + 0.25]
    assert outside == []


@of("latency", "jitter", "throttle", "split", CALM)
def test_nothing_at_all_is_lost_where_all_bytes_arrive(played: Played) -> None:
    assert played.settled.lost_s == []


@of(*ALL)
def test_a_meter_has_one_connection_and_its_pauses(played: Played) -> None:
    assert played.proxy is not None
    assert played.proxy.counters.most_open == 1
    assert played.meter["too_soon"] == 0
    assert played.meter["shortest_gap_s"] >= PACING_S
    assert played.meter["overlapping"] == 0


@of(*ALL)
def test_both_sides_count_the_same(played: Played) -> None:
    link, counted = played.link, played.counted
    assert counted is not None
    assert link["commands"] == counted.commands
    assert counted.forwarded == counted.received
    assert link["opened"] == counted.accepted
    failed = link["timeouts"] + link["garbled"] + link["lost"]
    assert link["commands"] <= link["replies"] + failed <= link["commands"] + link["lost"]
    assert 0 <= counted.answered - link["replies"] <= failed


@of(*ALL)
def test_no_level_alarm_comes_of_it(played: Played) -> None:
    assert [event for event in played.events if event["rule_id"]] == []


@of(*LOSING)
def test_one_alarm_tells_of_the_lost_meter_and_ends(played: Played) -> None:
    assert [event["end_reason"] for event in played.events] == ["online"]


@of(*PASSING, CALM)
def test_no_alarm_tells_of_a_meter_that_was_not_lost(played: Played) -> None:
    assert played.events == []


def test_no_frame_says_what_its_line_does_not(theatre: Theatre) -> None:
    assert theatre.observer.frames > 100
    assert theatre.complaints() == []
