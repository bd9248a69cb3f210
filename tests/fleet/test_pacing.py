"""Mode, cadence and back-off are arithmetic."""

import pytest

from slmm.events import FeedMode
from slmm.fleet.pacing import AlertDemand, Cadences, Demand, backoff_s, feed_mode, interval_s

CADENCES = Cadences(watched_s=0.25, idle_s=10.0, backoff_base_s=1.0, backoff_max_s=60.0, backoff_watched_max_s=5.0)
WATCHED = Demand(is_allowed=True, watchers=1, is_kept_alive=True, background_s=60.0)
IDLE = Demand(is_allowed=True, is_kept_alive=True, background_s=60.0)
BACKGROUND = Demand(is_allowed=True, background_s=300.0)


@pytest.mark.parametrize(
    ("demand", "mode"),
    [
        (WATCHED, FeedMode.WATCHED),
        (IDLE, FeedMode.IDLE),
        (BACKGROUND, FeedMode.BACKGROUND),
        (Demand(is_allowed=True), FeedMode.OFF),
        (Demand(is_allowed=False, watchers=3, is_kept_alive=True, background_s=60.0), FeedMode.OFF),
    ],
)
def test_the_strongest_reason_decides_the_mode(demand: Demand, mode: FeedMode) -> None:
    assert feed_mode(demand) is mode


@pytest.mark.parametrize(("demand", "seconds"), [(WATCHED, 0.25), (IDLE, 10.0), (BACKGROUND, 300.0)])
def test_a_reachable_meter_is_read_at_its_cadence(demand: Demand, seconds: float) -> None:
    assert interval_s(demand, 0, CADENCES) == seconds


def test_nobody_wants_it_nobody_asks() -> None:
    assert interval_s(Demand(is_allowed=True), 0, CADENCES) is None


def test_back_off_doubles_up_to_its_cap() -> None:
    assert [backoff_s(failures, 1.0, 60.0) for failures in range(1, 9)] == [1, 2, 4, 8, 16, 32, 60, 60]
    assert backoff_s(10_000, 1.0, 60.0) == 60.0


def test_a_watched_meter_backs_off_less_far() -> None:
    assert interval_s(WATCHED, 20, CADENCES) == 5.0
    assert interval_s(IDLE, 20, CADENCES) == 60.0


def test_a_meter_polled_in_the_background_is_not_asked_more_often_for_being_away() -> None:
    assert interval_s(BACKGROUND, 1, CADENCES) == 300.0


def test_a_rule_keeps_the_feed_alive_and_tightens_it() -> None:
    pinned = Demand(True, alerts=AlertDemand(interval_s=2.0, polled_s=2.0))
    assert feed_mode(pinned) is FeedMode.IDLE
    assert interval_s(pinned, 0, Cadences()) == 2.0
    coarse = Demand(True, alerts=AlertDemand(interval_s=300.0))
    assert interval_s(coarse, 0, Cadences()) == Cadences().idle_s


def test_a_stream_for_rules_is_interrupted_as_little_as_their_other_figures_allow() -> None:
    streamed = AlertDemand(interval_s=1.0, needs_stream=True)
    assert interval_s(Demand(True, alerts=streamed), 0, Cadences()) == 30.0
    assert interval_s(Demand(True, watchers=1, alerts=streamed), 0, Cadences()) == Cadences().idle_s
    also_polled = AlertDemand(interval_s=1.0, polled_s=3.0, needs_stream=True)
    assert interval_s(Demand(True, alerts=also_polled), 0, Cadences()) == 3.0
