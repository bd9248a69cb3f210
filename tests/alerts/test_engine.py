"""Readings in, events on record: the engine over a real database."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from slmm import events, signals
from slmm.errors import Conflict, DiskTrouble, Invalid, NotFound
from slmm.events import RunState
from tests.alerts.conftest import START, Bench


def test_an_event_has_its_times_peak_and_quality(bench: Bench) -> None:
    bench.add(duration_s=2, clear_duration_s=2)
    bench.series("80 86 88")
    bench.sound(91.5, flags=("over",))
    bench.series("82x3")
    (event,) = bench.events
    assert (bench.second(event.breach_at), bench.second(event.onset_at), event.onset_value) == (1, 3, 91.5)
    assert (event.peak_value, bench.second(event.peak_at), event.flags) == (91.5, 3, "over")
    assert (bench.second(event.recovered_at), bench.second(event.clear_at)) == (4, 6)
    assert (event.status, event.end_reason) == ("cleared", "cleared")
    assert event.rule_json is not None
    assert event.rule_json["words"].startswith("alarm when Lp above 85.0 dB for 2 s")


def test_viewers_are_told_after_the_commit_and_not_before(bench: Bench) -> None:
    bench.add()
    signals.publish(signals.reading_taken, bench.reading(lp=90.0))
    assert bench.told == []
    bench.engine.scribe.flush()
    assert [(change.kind, change.event["onset_value"]) for change in bench.told] == [("onset", 90.0)]
    assert len(bench.events) == 1


def test_the_log_of_the_unit_tells_of_its_alerts(bench: Bench) -> None:
    lines = []

    def hear(sender: str, event: events.LogEntry) -> None:
        lines.append((event.level.value, event.category.value, event.message))

    bench.add(name="Night", red_threshold_db=95.0)
    with signals.logged.connected_to(hear):
        bench.series("90 96")
        bench.office.inbox.acknowledge(1, "kim")
        bench.series("80")
    assert lines == [
        ("WARNING", "ALERT", "amber alert: Night, Lp 90.0 dB"),
        ("WARNING", "ALERT", "red alert, worse: Night, Lp 96.0 dB"),
        ("INFO", "ALERT", "alert acknowledged by kim: Night"),
        ("INFO", "ALERT", "alert over: Night, the level is back to normal"),
    ]


def test_late_and_doubled_samples_are_dropped_and_counted(bench: Bench) -> None:
    bench.add(duration_s=2)
    for at_s in (0.0, 1.0, 1.0, 0.0, 2.0):
        bench.time.monotonic_s, bench.time.wall_s = 1000.0 + at_s, START.timestamp() + at_s
        bench.sound(90.0, then_s=0.0)
    assert bench.engine.units["a"].late_samples == 2
    assert bench.spans() == [(2, None, None)]


@pytest.mark.parametrize("step_s", [3600.0, -3600.0])
def test_setting_the_clock_changes_no_delay(bench: Bench, step_s: float) -> None:
    bench.add(duration_s=10)
    bench.series("90x5")
    bench.time.wall_s += step_s
    bench.tick()
    bench.series("90x6")
    (event,) = bench.events
    assert bench.second(event.onset_at) == 10 + step_s
    assert bench.second(event.breach_at) == step_s  # corrected with the clock


# -- writing ---------------------------------------------------------------------------------------------------


def test_what_cannot_be_written_is_kept_and_written_once(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.add()
    real = bench.database.write

    def locked(change: Any) -> Any:
        raise OperationalError("insert", {}, Exception("database is locked"))

    monkeypatch.setattr(bench.database, "write", locked)
    bench.series("90 91 80")
    assert (bench.events, bench.told) == ([], [])
    assert bench.engine.scribe.last_error == "database is locked"
    monkeypatch.setattr(bench.database, "write", real)
    bench.series("70")
    assert bench.spans() == [(0, 2, "cleared")]
    assert [change.kind for change in bench.told] == ["onset", "ended"]
    assert bench.engine.scribe.last_error is None


def test_a_crash_before_the_commit_leaves_nothing_and_the_next_sample_opens_it(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.add()
    monkeypatch.setattr(bench.engine.scribe, "flush", lambda **_: False)
    bench.sound(90.0)
    assert bench.messages == []
    bench.restart()
    bench.sound(90.0)
    assert bench.spans() == [(1, None, None)]
    assert [row.kind for row in bench.messages] == ["onset"]


def test_a_second_onset_of_a_rule_is_impossible_and_the_first_is_adopted(bench: Bench) -> None:
    rule_id = bench.add()
    with closing(sqlite3.connect(bench.path / "slmm.db")) as other, other:
        other.execute(
            "insert into alert_events (uid, rule_id, unit_id, rule_name, metric, threshold_db, onset_at, status) "
            "values ('theirs', ?, 'a', 'Alert', 'lp', 85.0, '2026-03-02 11:00:00.000000', 'active')",
            (rule_id,),
        )
    bench.series("90 91")
    assert [event.uid for event in bench.events] == ["theirs"]
    assert bench.messages == []
    bench.series("80")
    assert [(event.uid, event.end_reason) for event in bench.events] == [("theirs", "cleared")]


def test_a_broken_rule_does_not_stop_the_others(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    broken, good = bench.add(name="broken"), bench.add(name="good")
    run = bench.engine.units["a"].runs[broken]
    object.__setattr__(run.rule, "breaches", lambda level: 1 / 0)
    bench.series("90")
    assert [event.rule_id for event in bench.events] == [good]
    assert bench.office.rules.state(bench.office.rules.get("a", broken))["shown"] == "error"


# -- restarts ----------------------------------------------------------------------------------------------------


def test_an_open_event_is_adopted_and_not_told_again(bench: Bench) -> None:
    bench.add(clear_duration_s=3)
    bench.series("90x3")
    bench.deliver()
    bench.restart(30.0)
    bench.series("91 80x4")
    assert bench.spans() == [(0, 37, "cleared")]
    assert [(row.kind, row.stage) for row in bench.messages] == [("onset", "amber"), ("clear", "end")]


def test_evidence_survives_a_restart_but_the_time_away_does_not_count(bench: Bench) -> None:
    bench.add(duration_s=900)
    bench.series("90x600")
    bench.restart(90.0, with_checkpoint=True)
    bench.series("90x400")
    assert bench.spans() == [(991, None, None)]


def test_a_long_outage_starts_the_timer_anew(bench: Bench) -> None:
    bench.add(duration_s=900)
    bench.series("90x600")
    bench.restart(600.0, with_checkpoint=True)
    bench.series("90x905")
    assert bench.spans() == [(2100, None, None)]


def test_timers_are_saved_every_ten_seconds(bench: Bench) -> None:
    bench.add(duration_s=60)
    for _ in range(40):
        bench.sound(90.0)
        bench.engine.tick()
    bench.restart(40.0)
    bench.series("90x60")
    onset_s = bench.spans()[0][0]
    assert onset_s is not None
    assert 100 <= onset_s <= 111


def test_the_cooldown_survives_a_restart(bench: Bench) -> None:
    bench.add(cooldown_s=100)
    bench.series("90 80")
    bench.restart()
    bench.series("90 80")
    assert bench.spans() == [(0, 1, "cleared")]
    assert bench.events[0].occurrences == 2
    assert "recurred" in bench.transitions


def test_an_event_whose_rule_is_gone_is_ended_at_the_start(bench: Bench) -> None:
    rule_id = bench.add()
    bench.series("90")
    bench.database.write(lambda session: session.execute(text(f"delete from alert_rules where id = {rule_id}")))
    bench.restart()
    assert bench.spans()[0][2] == "orphaned"
    assert bench.incidents[0].closed_at is not None


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
        le = round(10 * _lg(energy), 1)
        bench.sound(30.0, le=le, leq=le)
    (event,) = bench.events
    assert bench.second(event.onset_at) == 60  # one second of 90 dB among 59 of 60 dB: 72.3 dB
    assert event.metric == "laeq_rolling"


def _lg(value: float) -> float:
    import math

    return math.log10(value)


def test_when_rounding_eats_the_exposure_the_stream_is_asked_for(bench: Bench) -> None:
    bench.add(metric="laeq_rolling", window_s=60, threshold_db=70.0)
    energy = 10 ** (60.0 / 10) * 36_000
    for _ in range(70):
        energy += 10 ** (60.0 / 10)
        bench.sound(60.0, le=round(10 * _lg(energy), 1))
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


# -- people --------------------------------------------------------------------------------------------------------


def test_acknowledging_names_who_and_keeps_the_first(bench: Bench) -> None:
    bench.add()
    bench.series("90")
    inbox = bench.office.inbox
    inbox.acknowledge(1, "kim", note="piling next door", cause="piling")
    inbox.acknowledge(1, "lee", note="still")
    (event,) = bench.events
    assert (event.acknowledged_by, event.cause, event.notes) == ("kim", "piling", "piling next door\nstill")
    assert bench.transitions.count("acknowledged") == 1
    assert [change.kind for change in bench.told] == ["onset", "acknowledged", "acknowledged"]


def test_taking_an_acknowledgement_back_brings_the_reminders_back(bench: Bench) -> None:
    bench.add(remind_after_s="600")
    bench.series("90")
    bench.deliver()
    bench.office.inbox.acknowledge(1, "kim")
    assert [row.status for row in bench.messages] == ["sent", "cancelled"]
    bench.time.go(300.0)
    bench.office.inbox.unacknowledge(1, "kim")
    bench.time.go(599.0)
    bench.deliver()
    assert bench.messages[1].status == "pending"
    bench.time.go(2.0)
    bench.deliver()
    assert [row.status for row in bench.messages] == ["sent", "sent", "pending"]


def test_an_acknowledgement_taken_back_revives_each_follow_up_once(bench: Bench) -> None:
    bench.add(remind_after_s="600", red_threshold_db=95.0, escalate_after_s=900, escalation_channels="log")
    bench.series("90 96")
    bench.office.inbox.acknowledge(1, "kim")
    follow_ups = [row for row in bench.messages if row.kind == "reminder" or row.stage.startswith("unacked")]
    assert {row.status for row in follow_ups} == {"cancelled"}
    assert len(follow_ups) > 2  # those of amber were called off for those of red
    bench.office.inbox.unacknowledge(1, "kim")
    revived = [row for row in bench.messages if row.id in {one.id for one in follow_ups} and row.status == "pending"]
    assert sorted((row.kind, row.severity) for row in revived) == [("escalation", "red"), ("reminder", "red")]


def test_who_was_told_of_what_goes_on_is_kept_however_long_it_lasts(bench: Bench) -> None:
    bench.add(clear_duration_s=0)
    bench.series("90")
    bench.deliver()
    bench.office.prune(START + timedelta(days=1000))
    assert [row.kind for row in bench.messages] == ["onset"]
    bench.series("80")
    bench.deliver()
    bench.office.prune(START + timedelta(days=1000))
    assert bench.messages == []
    assert len(bench.events) == 1


def test_turning_red_takes_the_acknowledgement_back(bench: Bench) -> None:
    bench.add(red_threshold_db=95.0)
    bench.series("90")
    bench.office.inbox.acknowledge(1, "kim")
    bench.series("96")
    (event,) = bench.events
    assert (event.severity, event.acknowledged_by) == ("red", None)
    assert [row.kind for row in bench.messages] == ["onset", "escalation"]


def test_a_latched_event_ends_with_the_acknowledgement(bench: Bench) -> None:
    bench.add(latch=True)
    bench.series("90 80x2")
    assert bench.events[0].is_latched
    bench.office.inbox.acknowledge(1, "kim")
    assert bench.spans() == [(0, 3, "cleared")]
    bench.restart()
    bench.series("80")
    assert bench.spans() == [(0, 3, "cleared")]


def test_an_event_closed_by_hand_stays_closed_until_it_was_quiet(bench: Bench) -> None:
    bench.add()
    bench.series("90")
    bench.office.inbox.close(1, "kim", "known and allowed")
    bench.series("91x5")
    assert [event.end_reason for event in bench.events] == ["closed_by_hand"]
    bench.restart()
    bench.series("91 80 91")
    assert len(bench.events) == 2
    with pytest.raises(Conflict):
        bench.office.inbox.close(1, "kim", "again")


def test_snoozed_is_recorded_and_told_when_it_ends_if_it_still_lasts(bench: Bench) -> None:
    bench.add()
    until = START + timedelta(minutes=1)
    shelf = bench.office.inbox.shelve("a", None, until, "kim", "calibration")
    bench.series("90")
    assert bench.events[0].suppressed
    assert [row.status for row in bench.messages] == ["suppressed"]
    bench.time.go(60.0)
    assert bench.office.inbox.expire_shelves() == 1
    assert [row.status for row in bench.messages] == ["pending"]
    bench.office.inbox.unshelve(shelf.id, "kim")
    assert len(bench.messages) == 1


def test_what_was_over_before_the_snooze_ended_is_never_told(bench: Bench) -> None:
    bench.add()
    bench.office.inbox.shelve("a", None, START + timedelta(minutes=1), "kim", "calibration")
    bench.series("90 80")
    bench.time.go(60.0)
    bench.office.inbox.expire_shelves()
    assert [row.status for row in bench.messages] == ["suppressed"]
    assert bench.spans() == [(0, 1, "cleared")]


def test_an_event_that_is_not_there_is_not_found(bench: Bench) -> None:
    with pytest.raises(NotFound, match="no alert event 7"):
        bench.office.inbox.acknowledge(7, "kim")


def test_several_rules_of_a_unit_make_one_incident(bench: Bench) -> None:
    for threshold_db in (70.0, 75.0, 80.0):
        bench.add(threshold_db=threshold_db)
    bench.series("72 78 82 60")
    assert [event.incident_id for event in bench.events] == [1, 1, 1]
    assert [(row.kind, row.channel) for row in bench.messages] == [("onset", "log"), ("merged", "log")]
