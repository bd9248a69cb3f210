"""What people do with alerts: acknowledge, close, snooze."""

from __future__ import annotations

from datetime import timedelta

import pytest

from slmm.errors import Conflict, NotFound
from tests.alerts.conftest import START, Bench


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
