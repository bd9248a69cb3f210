"""Rules at work: edits, hours, meters and what is missing."""

from __future__ import annotations

import math
from typing import Any

import pytest

from slmm import events, signals
from slmm.errors import DiskTrouble, Invalid
from slmm.events import RunState
from tests.alerts.conftest import START, Bench

# -- rules -------------------------------------------------------------------------------------------------------


def test_another_threshold_ends_the_event_and_needs_new_evidence(bench: Bench) -> None:
    rule_id = bench.add(duration_s=2)
    bench.series("90x5")
    bench.office.rules.change("a", rule_id, {"threshold_db": 86.0}, by="kim")
    bench.series("90x3")
    assert bench.spans() == [(2, 5, "rule_changed"), (7, None, None)]
    assert bench.office.rules.get("a", rule_id).version == 2


def test_evidence_for_what_a_rule_said_before_does_not_come_back_with_a_restart(bench: Bench) -> None:
    rule_id = bench.add(duration_s=10)
    bench.series("90x9")
    bench.engine.scribe.flush(checkpoint_all=True)
    bench.office.rules.change("a", rule_id, {"threshold_db": 84.0})
    bench.restart()
    bench.series("90x8")
    assert bench.events == []


def test_another_name_or_delay_keeps_the_event(bench: Bench) -> None:
    rule_id = bench.add(duration_s=2)
    bench.series("90x5")
    bench.office.rules.change("a", rule_id, {"name": "Night", "duration_s": 60, "channels": "log"})
    bench.series("90x3")
    assert bench.spans() == [(2, None, None)]


def test_switching_off_and_deleting_end_the_event_without_calling_it_recovered(bench: Bench) -> None:
    first, second = bench.add(), bench.add()
    bench.series("90")
    bench.office.rules.change("a", first, {"enabled": False})
    bench.office.rules.remove("a", second)
    assert [event.end_reason for event in bench.events] == ["rule_disabled", "rule_deleted"]
    bench.series("95")
    assert len(bench.events) == 2
    assert [row.kind for row in bench.messages if row.stage == "end"] == ["merged"]


def test_a_unit_that_goes_ends_its_events_which_stay_on_record(bench: Bench) -> None:
    bench.add()
    bench.series("90")
    bench.roster.remove("a")
    bench.engine.scribe.flush()
    assert [event.end_reason for event in bench.events] == ["unit_removed"]


def test_what_arrives_while_a_rule_is_edited_is_judged_afterwards(bench: Bench) -> None:
    rule_id = bench.add(duration_s=3)
    bench.series("90x2")
    with bench.engine.changing("a"):
        for _ in range(3):
            signals.publish(signals.reading_taken, bench.reading(lp=90.0))
            bench.time.go(1.0)
    bench.engine.scribe.flush()
    assert bench.spans() == [(3, None, None)]
    assert bench.office.rules.get("a", rule_id).version == 1


def test_an_edit_that_cannot_be_written_changes_nothing(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    rule_id = bench.add()
    bench.series("90")
    monkeypatch.setattr(bench.engine.scribe, "flush", lambda **_: False)
    with pytest.raises(DiskTrouble):
        bench.office.rules.change("a", rule_id, {"threshold_db": 99.0})
    monkeypatch.undo()
    bench.series("80")
    assert bench.spans() == [(0, 1, "cleared")]


@pytest.mark.parametrize(
    ("members", "field"),
    [
        ({"red_threshold_db": 80.0}, "red_threshold_db"),
        ({"schedule_start": "22:00"}, "schedule_end"),
        ({"schedule_start": "22:00", "schedule_end": "22:00"}, "schedule_end"),
        ({"on_holidays": "skip"}, "on_holidays"),
        ({"on_holidays": "skip", "holiday_calendar": "XX"}, "holiday_calendar"),
        ({"escalate_after_s": 600}, "escalate_after_s"),
    ],
)
def test_a_rule_that_makes_no_sense_is_refused_and_not_kept(bench: Bench, members: dict[str, Any], field: str) -> None:
    with pytest.raises(Invalid) as refused:
        bench.add(**members)
    assert refused.value.field == field
    assert bench.office.rules.all() == []


# -- schedules -----------------------------------------------------------------------------------------------------


def test_hours_end_an_alarm_though_no_sample_comes(bench: Bench) -> None:
    bench.add(schedule_start="07:00", schedule_end="13:00")
    bench.series("90")
    bench.tick(3599.0)
    assert bench.spans()[0] == (0, 3600, "schedule_end")


def test_outside_its_hours_a_rule_sees_nothing_and_inside_only_what_is_new(bench: Bench) -> None:
    bench.add(schedule_start="12:05", schedule_end="13:00", duration_s=10)
    for _ in range(320):
        bench.sound(90.0)
    assert bench.spans() == [(310, None, None)]


def test_hours_that_ended_while_the_service_was_away_end_the_alarm(bench: Bench) -> None:
    bench.add(schedule_start="07:00", schedule_end="13:00")
    bench.series("90")
    bench.restart(2 * 3600.0)
    bench.tick()
    assert bench.spans()[0][1:] == (3600, "schedule_end")


def test_hours_follow_the_zone_of_the_unit(bench: Bench) -> None:
    bench.roster.change("a", timezone="America/New_York")  # 07:00 there
    bench.add(schedule_start="06:30", schedule_end="08:00")
    bench.series("90")
    assert len(bench.events) == 1
    bench.roster.change("a", timezone="Asia/Tokyo")  # 21:00 there
    bench.tick()
    bench.series("90")
    assert bench.spans()[0][2] == "schedule_end"


# -- meters --------------------------------------------------------------------------------------------------------


def test_figures_of_a_measurement_are_nothing_while_none_runs(bench: Bench) -> None:
    bench.add(metric="leq")
    bench.sound(90.0, leq=90.0, run_state=RunState.STOPPED)
    assert bench.events == []
    bench.sound(90.0, leq=90.0)
    assert len(bench.events) == 1


def test_a_new_measurement_ends_the_alarm_of_a_running_figure(bench: Bench) -> None:
    bench.add(metric="lmax")
    bench.sound(60.0, lmax=90.0)
    signals.publish(signals.measurement_changed, events.MeasurementChange("a", START, RunState.MEASURING, START))
    bench.engine.scribe.flush()
    assert bench.spans()[0][2] == "measurement_restarted"


def test_a_rolling_level_alarms_on_energy_and_not_on_moments(bench: Bench) -> None:
    bench.add(metric="laeq_rolling", window_s=60, threshold_db=70.0, source="exposure")
    energy = 0.0
    for second in range(1, 91):
        energy += 10 ** ((60.0 if second <= 60 else 90.0) / 10)
        le = round(10 * math.log10(energy), 1)
        bench.sound(30.0, le=le, leq=le)
    (event,) = bench.events
    assert bench.second(event.onset_at) == 60  # one second of 90 dB among 59 of 60 dB: 72.3 dB
    assert event.metric == "laeq_rolling"


def test_when_rounding_eats_the_exposure_the_stream_is_asked_for(bench: Bench) -> None:
    bench.add(metric="laeq_rolling", window_s=60, threshold_db=70.0)
    energy = 10 ** (60.0 / 10) * 36_000
    for _ in range(70):
        energy += 10 ** (60.0 / 10)
        bench.sound(60.0, le=round(10 * math.log10(energy), 1))
    assert bench.demands["a"].needs_stream


def test_a_rule_pins_the_feed_and_tightens_it(bench: Bench) -> None:
    rule_id = bench.add(duration_s=6, clear_duration_s=6)
    assert (bench.demands["a"].interval_s, "b" in bench.demands) == (2.0, False)
    bench.office.rules.change("a", rule_id, {"duration_s": 600, "clear_duration_s": None})
    assert bench.demands["a"].interval_s == bench.settings.monitor_idle_poll_interval
    bench.office.rules.change("a", rule_id, {"enabled": False})
    assert bench.demands["a"].interval_s is None


def test_a_lost_meter_is_an_alarm_of_its_own_with_the_verdict(bench: Bench) -> None:
    bench.add()
    bench.series("90")
    lost = events.ContactChange("a", START, False, "wedged: power-cycle the meter")
    signals.publish(signals.contact_changed, lost)
    signals.publish(signals.contact_changed, lost)
    bench.engine.scribe.flush()
    level, contact = bench.events
    assert (level.clear_at, contact.rule_id, contact.metric) == (None, 0, "connectivity")
    assert contact.detail == "wedged: power-cycle the meter"
    bench.time.go(300.0)
    bench.series("90x11")
    level, contact = bench.events
    assert (level.clear_at, contact.end_reason) == (None, "online")
    assert bench.second(contact.clear_at) == 311


def test_silence_is_an_alarm_after_a_minute_and_ends_with_ten_seconds_of_data(bench: Bench) -> None:
    bench.add()
    for _ in range(100):
        bench.sound(60.0)
    for _ in range(200):
        bench.tick(1.0)
    for _ in range(30):
        bench.sound(60.0)
    for _ in range(90):
        bench.tick(1.0)
    assert bench.spans() == [(159, 310, "online"), (389, None, None)]


def test_a_meter_that_is_held_or_left_alone_is_not_missed(bench: Bench) -> None:
    bench.add()
    bench.series("60x5")
    bench.board.status("a").held_by = "download of /NL-43/Auto_0001"
    for _ in range(100):
        bench.tick(1.0)
    assert bench.events == []


def test_a_meter_read_now_and_then_is_back_with_its_first_reading_also_after_a_restart(bench: Bench) -> None:
    lost = events.ContactChange("b", START, False, "no route")
    signals.publish(signals.contact_changed, lost)
    bench.engine.scribe.flush()
    bench.restart(300.0)
    assert bench.spans() == [(0, None, None)]
    bench.sound(50.0, "b")
    assert bench.spans() == [(0, 300, "online")]


def test_a_meter_that_fails_now_and_then_is_still_missed(bench: Bench) -> None:
    bench.add()
    bench.series("60x5")
    for second in range(70):
        mode = (events.FeedMode.BACKOFF, events.FeedMode.IDLE)[second % 2]
        signals.publish(signals.mode_changed, events.ModeChange("a", START, mode))
        bench.tick(1.0)
    assert [event.metric for event in bench.events] == ["connectivity"]


def test_in_standby_nothing_is_missed(bench: Bench) -> None:
    bench.add()
    bench.series("60x5")
    signals.publish(signals.mode_changed, events.ModeChange("a", START, events.FeedMode.OFF))
    for _ in range(30):
        bench.tick(10.0)
    assert bench.events == []
    signals.publish(signals.mode_changed, events.ModeChange("a", START, events.FeedMode.IDLE))
    for _ in range(13):
        bench.tick(10.0)
    assert [event.metric for event in bench.events] == ["connectivity"]


def test_a_unit_that_is_left_alone_is_lost_no_more(bench: Bench) -> None:
    bench.add()
    signals.publish(signals.contact_changed, events.ContactChange("a", START, False, "no route"))
    signals.publish(signals.mode_changed, events.ModeChange("a", START, events.FeedMode.OFF))
    bench.engine.scribe.flush()
    assert bench.spans() == [(0, 0, "left_alone")]


def test_the_peak_of_an_open_event_is_on_record_within_ten_seconds(bench: Bench) -> None:
    bench.add()
    for level in (90.0, 97.0, *[91.0] * 11):
        bench.sound(level)
        bench.engine.tick()
    bench.engine.scribe.flush()
    assert (bench.events[0].peak_value, bench.second(bench.events[0].peak_at)) == (97.0, 1)
