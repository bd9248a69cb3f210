"""Rules that watch a limit: judged by minutes as reports judge them, told as other rules tell."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from slmm.acoustics.quality import Flag
from slmm.settings import Settings
from tests.alerts.conftest import START
from tests.alerts.ground import Ground, watch


@pytest.fixture
def ground(make_settings: Callable[..., Settings], tmp_path: Path) -> Iterator[Ground]:
    path = tmp_path / "alerts"
    path.mkdir()
    made = Ground(make_settings(), path)
    yield made
    made.close()


# -- judged periods ----------------------------------------------------------------------------------------------


def test_a_period_that_is_judged_red_is_told_when_it_has_ended(ground: Ground) -> None:
    ground.limit(name="Day")
    watch(ground, name="Building site")
    ground.sounds(*[60.0] * 15, *[72.1] * 14)
    assert ground.events == []
    ground.sounds(72.1)
    (event,) = ground.events
    assert (event.severity, event.onset_value, event.threshold_db, event.metric) == ("red", 72.1, 70.0, "limit")
    assert event.detail == "Day: exceeded 72.1 > 70.0 dB LAeq,15min, 12:15–12:30, coverage 100 %"
    ground.deliver()
    (letter,) = ground.messages
    assert letter.payload["summary"] == "RED a: Building site, LAeq,15min 72.1 dB"
    assert event.detail in letter.body
    ground.sounds(*[72.1] * 15)
    assert len(ground.events) == 1
    ground.sounds(*[69.0] * 15)
    assert ground.told_spans == [(30, 60, "red", "cleared")]


def test_what_is_not_judged_is_evidence_for_nothing(ground: Ground) -> None:
    ground.limit()
    watch(ground)
    ground.sounds(*[None] * 5, *[80.0] * 10)  # two thirds are known, three quarters are needed
    assert ground.events == []
    ground.sounds(*[None] * 3, *[80.0] * 12)
    ground.sounds(*[60.0] * 5, *[None] * 10)
    ground.sounds(*[None] * 15)
    assert ground.told_spans == [(30, None, "red", None)]
    assert "coverage 80 %" in (ground.events[0].detail or "")
    ground.sounds(*[60.0] * 15)
    assert ground.told_spans == [(30, 75, "red", "cleared")]


def test_a_period_is_judged_though_its_last_minutes_never_come(ground: Ground) -> None:
    ground.limit()
    watch(ground)
    ground.sounds(*[80.0] * 13)
    ground.silence(ground.at(14))
    assert ground.events == []
    ground.silence(ground.at(15))
    assert ground.told_spans == [(15, None, "red", None)]


def test_over_range_is_a_breach_or_proves_nothing(ground: Ground) -> None:
    ground.limit()
    watch(ground)
    ground.sounds(*[69.0] * 14)
    ground.sounds(69.0, flags=Flag.OVER)
    assert ground.events == []  # at most one cannot say that it was kept
    ground.sounds(*[60.0] * 13)
    ground.sounds(95.0, 95.0, flags=Flag.OVER)
    (event,) = ground.events
    assert (event.flags, event.onset_value) == ("over", 86.3)
    assert "exceeded at least 86.3 > 70.0" in (event.detail or "")


def test_the_comparator_and_the_rounding_are_those_of_the_limit(ground: Ground) -> None:
    ground.limit(comparator=">=", round_to_db=1.0)
    watch(ground)
    ground.sounds(*[69.4] * 15)
    assert ground.events == []
    ground.sounds(*[69.5] * 15)
    assert ground.events[0].onset_value == 70.0


def test_delays_count_periods(ground: Ground) -> None:
    ground.limit()
    watch(ground, duration_s=900, clear_duration_s=900)
    ground.sounds(*[75.0] * 15)
    assert ground.events == []
    ground.sounds(*[75.0] * 15, *[60.0] * 15)
    assert ground.told_spans == [(30, None, "red", None)]
    ground.sounds(*[60.0] * 15)
    assert ground.told_spans == [(30, 60, "red", "cleared")]


def test_latching_and_acknowledging_are_those_of_other_rules(ground: Ground) -> None:
    ground.limit()
    watch(ground, latch=True)
    ground.sounds(*[75.0] * 15, *[60.0] * 15)
    assert (ground.events[0].is_latched, ground.events[0].clear_at) == (True, None)
    ground.sounds(*[60.0] * 3)
    ground.office.inbox.acknowledge(ground.events[0].id, "kim")
    assert ground.events[0].end_reason == "cleared"
    ground.sounds(*[60.0] * 12)
    assert len(ground.events) == 1


# -- warnings ------------------------------------------------------------------------------------------------------


def test_a_warning_comes_as_soon_as_nothing_can_take_it_back(ground: Ground) -> None:
    ground.limit()
    watch(ground, limit_warns=True)
    ground.sounds(*[72.0] * 4)  # 4 of 15 min at 72: silence from now on would leave 66.3 dB
    assert ground.events == []
    ground.sounds(72.0)  # 67.2: beyond 67 whatever happens
    (event,) = ground.events
    assert (event.severity, event.onset_value, event.threshold_db) == ("amber", 67.2, 67.0)
    assert "52.8 % of the allowance is used; would exceed 72.0 > 70.0" in (event.detail or "")
    ground.sounds(*[72.0] * 4)
    assert ground.events[0].severity == "amber"
    ground.sounds(72.0)
    (event,) = ground.events
    assert (event.severity, ground.transitions) == ("red", ["onset", "escalated"])
    assert "105.6 % of the allowance is used" in (event.detail or "")
    ground.sounds(*[30.0] * 5)
    assert ground.told_spans == [(5, None, "red", None)]
    ground.sounds(*[30.0] * 15)
    assert ground.told_spans == [(5, 30, "red", "cleared")]


def test_a_loud_begin_alone_is_no_warning(ground: Ground) -> None:
    ground.limit()
    watch(ground, limit_warns=True)
    ground.sounds(74.0, 74.0, *[40.0] * 13)  # "would exceed" for a while, but comes to 65.3
    assert ground.events == []


# -- rolling -------------------------------------------------------------------------------------------------------


def test_a_rolling_limit_is_judged_each_minute_with_margin_and_delay(ground: Ground) -> None:
    ground.limit(period={"kind": "rolling", "length": "15min"})
    watch(ground, duration_s=120, clear_margin_db=3.0, clear_duration_s=60)
    ground.sounds(*[60.0] * 10, *[75.0] * 4)
    assert ground.events == []  # R13: not valid until the window is full
    ground.sounds(75.0)
    assert ground.events == []
    ground.sounds(75.0, 75.0)
    (event,) = ground.events
    assert ground.told_spans == [(17, None, "red", None)]
    assert (event.detail or "").startswith("site: exceeded")
    assert "LAeq,15min rolling" in (event.detail or "")
    ground.sounds(*[66.0] * 15)  # at minute 32 the last of the loud ones has left the window
    assert ground.told_spans == [(17, None, "red", None)]
    ground.sounds(66.0)
    assert ground.told_spans == [(17, 33, "red", "cleared")]


def test_the_hours_of_a_rolling_limit_close_what_is_open(ground: Ground) -> None:
    ground.limit(
        period={"kind": "rolling", "length": "5min"},
        rows=[{"from": "12:00", "until": "12:20", "level_db": 70.0}],
    )
    watch(ground)
    ground.sounds(*[80.0] * 40)
    assert ground.told_spans == [(5, 20, "red", "schedule_end")]


def test_the_last_period_of_the_day_stays_news_for_one_period_more(ground: Ground) -> None:
    ground.limit(rows=[{"from": "12:00", "until": "12:30", "level_db": 70.0}])
    watch(ground)
    ground.sounds(*[80.0] * 40)
    assert ground.told_spans == [(15, None, "red", None)]
    ground.sounds(*[80.0] * 10)
    assert ground.told_spans == [(15, 45, "red", "schedule_end")]


def test_outside_the_hours_of_the_limit_the_rule_says_so(ground: Ground) -> None:
    ground.limit(rows=[{"from": "13:00", "until": "14:00", "level_db": 70.0}])
    rule_id = watch(ground)
    ground.sounds(80.0)
    row = ground.office.rules.get("a", rule_id)
    assert ground.office.rules.state(row)["shown"] == "outside hours"


def test_a_night_limit_knows_the_clock_change_and_the_holiday(ground: Ground) -> None:
    """From 23:00 on Saturday the 28th, Berlin time, clocks jump from 2 to 3: the night lasts 7 hours."""
    rows = [
        {"from": "23:00", "until": "07:00", "level_db": 50.0, "on_holidays": "skip"},
        {"from": "23:00", "until": "07:00", "level_db": 40.0, "on_holidays": "only"},
    ]
    ground.limit(period={"kind": "whole"}, rows=rows, timezone="Europe/Berlin", more_holidays=["2026-03-29"])
    watch(ground)
    saturday = START + timedelta(days=26, hours=10)  # 22:00 UTC
    ground.silence(saturday)
    ground.sounds(*[45.0] * 420)
    assert ground.events == []
    ground.silence(saturday + timedelta(hours=23))
    ground.sounds(*[45.0] * 480)
    (event,) = ground.events
    assert (event.threshold_db, event.onset_at) == (40.0, saturday + timedelta(hours=31))
    assert "23:00–07:00" in (event.detail or "")
