"""Readings in, events on record: the engine over a real database, its writing and its restarts."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from slmm import events, signals
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
