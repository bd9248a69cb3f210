"""Reminders and time-outs: as long as nobody acknowledges."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from slmm.alerts.letters import Target
from slmm.alerts.writing import CONTACT_RULE
from tests.alerts.mailroom import (
    HOOK,
    Mailroom,
    Postman,
    kinds,
    running_mailroom,
    trouble,
)


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Mailroom]:
    with running_mailroom(tmp_path) as made:
        yield made


def reminders(room: Mailroom, postman: Postman, seconds: int, every_s: int = 60) -> list[float]:
    """At which seconds from now reminders go out."""
    begin, found, before = room.now, [], len(postman.messages)
    for _ in range(seconds // every_s):
        room.send(every_s)
        found += [(room.now - begin).total_seconds() for message in postman.messages[before:]]
        before = len(postman.messages)
    return found


def test_reminders_come_after_each_pause_and_the_last_one_repeats(room: Mailroom) -> None:
    hook = room.hire("hook", "webhook")
    room.open(HOOK, remind_after_s=(300.0, 900.0))
    room.send()
    assert reminders(room, hook, 4000) == [300, 1200, 2100, 3000, 3900]
    assert len({message.uid for message in hook.messages}) == 6
    assert hook.messages[-1].subject == "Reminder a: Rule 1, lp 90.0 dB"
    assert hook.messages[-1].payload["id"] == hook.messages[-1].uid


def test_nobody_is_reminded_of_what_is_acknowledged(room: Mailroom) -> None:
    hook = room.hire("hook", "webhook")
    uid = room.open(HOOK, remind_after_s=(300.0,))
    room.send()
    assert reminders(room, hook, 600) == [300, 600]
    room.acknowledge(uid)
    assert reminders(room, hook, 3600) == []
    room.end(uid)
    room.send()
    assert kinds(hook)[-1] == "clear"


def test_nobody_is_reminded_of_what_is_over(room: Mailroom) -> None:
    hook = room.hire("hook", "webhook")
    uid = room.open(HOOK, remind_after_s=(300.0,))
    room.send()
    room.end(uid)
    room.send()
    assert reminders(room, hook, 3600) == []


def test_an_acknowledgement_that_comes_while_a_reminder_is_sent_is_the_last_word(room: Mailroom) -> None:
    hook = room.hire("hook", "webhook")
    uid = room.open(HOOK, remind_after_s=(300.0,))
    room.send()
    hook.before = lambda message: room.acknowledge(uid)
    hook.troubles = [trouble(503)]
    room.send(300)
    assert reminders(room, hook, 3600) == []
    assert [row.status for row in room.rows if row.kind == "reminder"] == ["cancelled"]


def test_a_reminder_that_got_through_during_the_acknowledgement_has_no_successor(room: Mailroom) -> None:
    hook = room.hire("hook", "webhook")
    uid = room.open(HOOK, remind_after_s=(300.0,))
    room.send()
    hook.before = lambda message: room.acknowledge(uid)
    room.send(300)
    assert [row.status for row in room.rows if row.kind == "reminder"] == ["sent"]


def test_a_further_rule_that_nobody_acknowledged_is_reminded_of(room: Mailroom) -> None:
    hook = room.hire("hook", "webhook")
    room.acknowledge(room.open(HOOK, rule_id=1, remind_after_s=(300.0,)))
    room.send()
    room.open(HOOK, rule_id=2, remind_after_s=(300.0,))
    assert reminders(room, hook, 900) == [300, 600, 900]


def test_turning_red_after_the_acknowledgement_reminds_and_times_out_anew(room: Mailroom) -> None:
    hook, boss = room.hire("hook", "webhook"), room.hire("boss", "webhook")
    wished: dict[str, Any] = {
        "remind_after_s": (300.0,),
        "escalate_after_s": 600.0,
        "escalation_targets": (Target("boss"),),
    }
    uid = room.open(HOOK, **wished)
    room.send()
    room.acknowledge(uid)
    room.worsen(uid, HOOK, **wished)
    room.send()
    assert kinds(hook) == ["onset", "escalation"]
    assert reminders(room, hook, 900) == [300, 600, 900]
    assert [message.subject for message in boss.messages] == ["RED, not acknowledged: a: Rule 1, lp 90.0 dB"]


def test_two_rules_with_reminders_remind_once(room: Mailroom) -> None:
    hook = room.hire("hook", "webhook")
    room.open(HOOK, rule_id=1, remind_after_s=(300.0,))
    room.open(HOOK, rule_id=2, remind_after_s=(300.0,))
    room.send()
    assert reminders(room, hook, 900) == [300, 600, 900]


@pytest.mark.parametrize("rule_id", [None, 1])
def test_reminders_and_time_outs_wait_while_snoozed(room: Mailroom, rule_id: int | None) -> None:
    hook, boss = room.hire("hook", "webhook"), room.hire("boss", "webhook")
    room.open(HOOK, remind_after_s=(300.0,), escalate_after_s=300.0, escalation_targets=(Target("boss"),))
    room.send()
    shelf = room.shelve(rule_id, for_s=30 * 3600)
    assert reminders(room, hook, 30 * 3600 - 60, every_s=600) == []
    assert boss.messages == []
    room.unshelve(shelf)
    room.send(61)
    assert (kinds(hook)[-1], kinds(boss)) == ("reminder", ["escalation"])


def test_another_snoozed_rule_does_not_stop_reminders(room: Mailroom) -> None:
    hook = room.hire("hook", "webhook")
    room.open(HOOK, rule_id=1, remind_after_s=(300.0,))
    room.send()
    room.shelve(rule_id=2)
    assert reminders(room, hook, 600) == [300, 600]


def test_reminders_wait_while_the_meter_delivers_nothing(room: Mailroom) -> None:
    hook = room.hire("hook", "webhook")
    room.open(HOOK, remind_after_s=(300.0,))
    room.send()
    lost = room.open(HOOK, rule_id=CONTACT_RULE)
    room.send()
    assert reminders(room, hook, 1200) == []
    room.end(lost, "online")
    room.send()
    hook.messages.clear()
    assert reminders(room, hook, 360)[0] <= 60


def test_a_time_out_tells_others_and_they_hear_of_the_end(room: Mailroom) -> None:
    room.hire("hook", "webhook")
    boss = room.hire("boss", "webhook")
    uid = room.open(HOOK, escalate_after_s=600.0, escalation_targets=(Target("boss"),))
    room.send()
    room.send(599)
    assert boss.messages == []
    room.send(1)
    room.end(uid)
    room.send()
    assert kinds(boss) == ["escalation", "clear"]


@pytest.mark.parametrize("act", ["acknowledge", "end"])
def test_a_time_out_is_cancelled_by_acknowledgement_and_end(room: Mailroom, act: str) -> None:
    room.hire("hook", "webhook")
    boss = room.hire("boss", "webhook")
    uid = room.open(HOOK, escalate_after_s=600.0, escalation_targets=(Target("boss"),))
    room.send()
    getattr(room, act)(uid)
    room.send(3600)
    assert boss.messages == []


def test_a_time_out_that_fails_is_not_tried_again_after_the_acknowledgement(room: Mailroom) -> None:
    room.hire("hook", "webhook")
    boss = room.hire("boss", "webhook")
    uid = room.open(HOOK, escalate_after_s=600.0, escalation_targets=(Target("boss"),))
    room.send()
    boss.troubles = [trouble(503)]
    boss.before = lambda message: room.acknowledge(uid)
    room.send(600)
    room.send(600)
    assert kinds(boss) == ["escalation"]


def test_who_heard_of_the_time_out_is_not_told_of_a_further_rule(room: Mailroom) -> None:
    room.hire("hook", "webhook")
    boss = room.hire("boss", "webhook")
    room.open(HOOK, rule_id=1, escalate_after_s=600.0, escalation_targets=(Target("boss"),))
    room.send()
    room.send(600)
    room.open(Target("boss"), rule_id=2)
    room.send()
    assert kinds(boss) == ["escalation"]


def test_an_amber_time_out_that_becomes_red_does_not_come_later_for_it(room: Mailroom) -> None:
    room.hire("hook", "webhook")
    boss = room.hire("boss", "webhook")
    wished: dict[str, Any] = {"escalate_after_s": 600.0, "escalation_targets": (Target("boss"),)}
    uid = room.open(HOOK, **wished)
    room.send(590)
    room.worsen(uid, HOOK, **wished)
    room.send()
    room.send(10)
    assert [message.subject for message in boss.messages] == ["RED, not acknowledged: a: Rule 1, lp 90.0 dB"]
    room.send(3600)
    assert len(boss.messages) == 1


def test_the_soonest_of_two_time_outs_counts(room: Mailroom) -> None:
    room.hire("hook", "webhook")
    boss = room.hire("boss", "webhook")
    room.open(HOOK, rule_id=1, escalate_after_s=3600.0, escalation_targets=(Target("boss"),))
    room.open(HOOK, rule_id=2, escalate_after_s=300.0, escalation_targets=(Target("boss"),))
    room.send()
    room.send(300)
    assert [message.subject for message in boss.messages] == ["AMBER, not acknowledged: a: Rule 2, lp 90.0 dB"]
    room.send(3600)
    assert len(boss.messages) == 1
