"""What is snoozed is withheld, and told when the snooze ends if it still matters."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from slmm.alerts.letters import Target
from slmm.storage.models import ShelfRow
from tests.alerts.mailroom import (
    ANNA,
    BEN,
    HOOK,
    MAIL,
    Mailroom,
    kinds,
    running_mailroom,
)


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Mailroom]:
    with running_mailroom(tmp_path) as made:
        yield made


def test_what_is_snoozed_is_on_record_and_told_when_the_snooze_ends(room: Mailroom) -> None:
    hook = room.hire("hook", "webhook")
    shelf = room.shelve()
    room.open(HOOK)
    room.send(1800)
    assert room.story == [("onset", "suppressed")]
    room.unshelve(shelf)
    room.unshelve(shelf)
    room.send()
    assert kinds(hook) == ["onset"]


def test_what_is_over_before_the_snooze_ends_is_never_told(room: Mailroom) -> None:
    room.hire("hook", "webhook")
    shelf = room.shelve()
    room.end(room.open(HOOK))
    room.unshelve(shelf)
    assert room.story == [("onset", "suppressed")]
    assert room.send(60) == 0


def test_after_a_snooze_of_days_the_message_still_goes_out(room: Mailroom) -> None:
    mail = room.hire("mail")
    shelf = room.shelve(for_s=3 * 86_400)
    room.open(MAIL)
    room.go(3 * 86_400)
    room.unshelve(shelf)
    room.send(10)
    assert kinds(mail) == ["onset"]


def test_a_snoozed_rule_does_not_silence_the_others(room: Mailroom) -> None:
    hook = room.hire("hook", "webhook")
    room.shelve(rule_id=1)
    room.open(HOOK, rule_id=1)
    room.open(HOOK, rule_id=2)
    room.send()
    assert [message.subject for message in hook.messages] == ["AMBER a: Rule 2, lp 90.0 dB"]


def test_the_end_of_one_snooze_does_not_tell_what_another_one_holds_back(room: Mailroom) -> None:
    mail = room.hire("mail")
    first, _second = room.shelve(rule_id=1), room.shelve(rule_id=2)
    room.open(Target("mail", ANNA), rule_id=1)
    room.open(Target("mail", BEN), Target("mail", ANNA), rule_id=2)
    room.unshelve(first)
    room.send(10)
    assert [(message.recipient, message.subject) for message in mail.messages] == [
        (ANNA, "AMBER a: Rule 1, lp 90.0 dB")
    ]


def test_either_of_two_snoozed_rules_is_told_when_its_snooze_ends(room: Mailroom) -> None:
    hook = room.hire("hook", "webhook")
    _first, second = room.shelve(rule_id=1), room.shelve(rule_id=2)
    room.open(HOOK, rule_id=1)
    room.open(HOOK, rule_id=2)
    room.unshelve(second)
    room.send()
    assert [message.subject for message in hook.messages] == ["AMBER a: Rule 2, lp 90.0 dB"]


def test_what_turned_red_while_snoozed_is_told_once_and_as_red(room: Mailroom) -> None:
    hook = room.hire("hook", "webhook")
    shelf = room.shelve()
    uid = room.open(HOOK)
    room.worsen(uid, HOOK)
    room.unshelve(shelf)
    room.send()
    assert [message.subject for message in hook.messages] == ["RED a: Rule 1, lp 90.0 dB"]


def test_who_knew_before_the_snooze_is_not_told_again(room: Mailroom) -> None:
    hook = room.hire("hook", "webhook")
    uid = room.open(HOOK)
    room.send()
    shelf = room.shelve()
    room.open(HOOK, rule_id=2)
    room.alarm_again(uid, HOOK)
    room.unshelve(shelf)
    room.send()
    assert kinds(hook) == ["onset"]


def test_turning_red_while_snoozed_waits_for_the_end_of_the_snooze(room: Mailroom) -> None:
    hook = room.hire("hook", "webhook")
    uid = room.open(HOOK)
    room.send()
    shelf = room.shelve()
    room.worsen(uid, HOOK)
    room.send()
    assert kinds(hook) == ["onset"]
    room.unshelve(shelf)
    room.send()
    assert kinds(hook) == ["onset", "escalation"]


def test_reminders_and_time_outs_begin_with_the_end_of_the_snooze(room: Mailroom) -> None:
    hook, boss = room.hire("hook", "webhook"), room.hire("boss", "webhook")
    shelf = room.shelve()
    room.open(HOOK, remind_after_s=(600.0,), escalate_after_s=900.0, escalation_targets=(Target("boss"),))
    room.send(1800)
    room.unshelve(shelf)
    room.send()
    room.send(599)
    assert (kinds(hook), kinds(boss)) == (["onset"], [])
    room.send(1)
    room.send(300)
    assert (kinds(hook), kinds(boss)) == (["onset", "reminder"], ["escalation"])


def test_a_one_shot_snooze_of_a_rule_ends_with_the_return_to_normal(room: Mailroom) -> None:
    hook = room.hire("hook", "webhook")
    room.shelve(rule_id=1, is_one_shot=True)
    room.end(room.open(HOOK, rule_id=1))
    assert room.all(ShelfRow)[0].ended_by == "back to normal"
    room.open(HOOK, rule_id=1)
    room.send()
    assert kinds(hook) == ["onset"]


def test_a_one_shot_snooze_of_a_unit_lasts_until_all_of_it_is_normal(room: Mailroom) -> None:
    room.hire("hook", "webhook")
    room.shelve(is_one_shot=True)
    first, second = room.open(HOOK, rule_id=1), room.open(HOOK, rule_id=2)
    room.end(first)
    assert room.all(ShelfRow)[0].ended_at is None  # the second would never be told
    room.end(second)
    assert room.all(ShelfRow)[0].ended_at == room.now
