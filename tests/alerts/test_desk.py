"""Who is told what, on a real database: once per incident, and of its end."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from slmm.alerts.letters import Target
from slmm.alerts.writing import CONTACT_RULE
from slmm.storage.models import IncidentRow
from tests.alerts.mailroom import (
    ANNA,
    BEN,
    HOOK,
    MAIL,
    Mailroom,
    kinds,
    running_mailroom,
    trouble,
)


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Mailroom]:
    with running_mailroom(tmp_path) as made:
        yield made


def test_three_broken_rules_are_one_incident_and_one_message(room: Mailroom) -> None:
    hook = room.hire("hook", "webhook")
    uids = [room.open(HOOK, rule_id=number) for number in (1, 2, 3)]
    room.send()
    for uid in uids:
        room.end(uid)
    room.send()
    assert len(room.all(IncidentRow)) == 1
    assert kinds(hook) == ["onset", "clear"]


def test_it_is_over_when_the_last_rule_is(room: Mailroom) -> None:
    room.hire("hook", "webhook")
    first, second = room.open(HOOK, rule_id=1), room.open(HOOK, rule_id=2)
    room.end(first)
    assert room.all(IncidentRow)[0].closed_at is None
    assert room.story == [("onset", "pending")]
    room.go(5)
    room.end(second)
    assert room.all(IncidentRow)[0].closed_at == room.now


def test_getting_worse_is_told_again_and_once(room: Mailroom) -> None:
    hook = room.hire("hook", "webhook")
    first = room.open(HOOK, rule_id=1)
    room.send()
    room.open(HOOK, rule_id=2, severity="red")
    room.worsen(first, HOOK)
    room.send()
    assert kinds(hook) == ["onset", "escalation"]
    assert hook.messages[1].subject == "RED a: Rule 2, lp 90.0 dB"
    assert room.all(IncidentRow)[0].severity == "red"


def test_a_red_incident_is_not_told_again_for_an_amber_rule(room: Mailroom) -> None:
    room.hire("hook", "webhook")
    room.open(HOOK, rule_id=1, severity="red")
    room.open(HOOK, rule_id=2)
    assert room.story == [("onset", "pending")]


def test_somebody_whom_only_a_later_rule_names_is_told_then(room: Mailroom) -> None:
    mail = room.hire("mail")
    room.open(Target("mail", ANNA), rule_id=1)
    room.send(10)
    room.open(Target("mail", ANNA), Target("mail", BEN), rule_id=2)
    room.send(10)
    assert [(message.recipient, message.kind.value) for message in mail.messages] == [(ANNA, "onset"), (BEN, "onset")]


def test_only_who_was_told_hears_of_the_end(room: Mailroom) -> None:
    mail = room.hire("mail")
    uid = room.open(Target("mail", ANNA))
    room.send(10)
    mail.troubles = [trouble(550, is_final=True)]
    room.open(Target("mail", BEN), rule_id=2)
    room.send(10)
    mail.messages.clear()
    for event in (uid, "event-2"):
        room.end(event)
    room.send()
    assert [(message.recipient, message.kind.value) for message in mail.messages] == [(ANNA, "clear")]


def test_an_onset_that_never_went_out_is_told_with_its_end(room: Mailroom) -> None:
    mail, hook = room.hire("mail"), room.hire("hook", "webhook")
    hook.troubles = [trouble(503)]
    uid = room.open(MAIL, HOOK)
    room.send()
    room.go(1)
    room.end(uid)
    room.send(30)
    assert kinds(mail) == ["merged"]
    assert kinds(hook) == ["onset", "merged"]
    assert mail.messages[0].subject == "Occurred and ended a: Rule 1"
    assert [row.status for row in room.rows if row.kind == "onset"] == ["merged", "merged"]


def test_an_end_that_is_no_recovery_is_not_called_one(room: Mailroom) -> None:
    hook = room.hire("hook", "webhook")
    uid = room.open(HOOK)
    room.send()
    room.end(uid, "rule_deleted")
    room.send()
    assert kinds(hook) == ["onset", "notice"]
    assert hook.messages[1].subject == "Ended a: Rule 1"
    assert "Ended: the rule was deleted." in hook.messages[1].text


def test_a_lost_meter_is_an_incident_of_its_own(room: Mailroom) -> None:
    room.hire("hook", "webhook")
    room.open(HOOK)
    lost = room.open(HOOK, rule_id=CONTACT_RULE)
    assert [incident.kind for incident in room.all(IncidentRow)] == ["level", "connectivity"]
    room.end(lost, "online")
    assert [incident.closed_at is None for incident in room.all(IncidentRow)] == [True, False]


def test_a_machine_sees_whether_anything_of_the_unit_is_open(room: Mailroom) -> None:
    hook = room.hire("hook", "webhook")
    level, lost = room.open(HOOK), room.open(HOOK, rule_id=CONTACT_RULE)
    room.send()
    room.end(level)
    room.send()
    room.end(lost, "online")
    room.send()
    assert [message.payload["is_active"] for message in hook.messages] == [True, True, True, False]


def test_a_latched_alarm_that_comes_again_is_told_again(room: Mailroom) -> None:
    hook = room.hire("hook", "webhook")
    uid = room.open(HOOK)
    room.send()
    for _ in range(2):
        room.alarm_again(uid, HOOK)
        room.send()
    assert [message.subject for message in hook.messages[1:]] == ["AMBER again a: Rule 1, lp 90.0 dB"] * 2


def test_red_takes_the_place_of_amber_that_still_waits_to_be_grouped(room: Mailroom) -> None:
    mail = room.hire("mail")
    uid = room.open(MAIL)
    room.go(3)
    room.worsen(uid, MAIL)
    room.send()
    room.send(60)
    assert [(message.kind.value, message.subject) for message in mail.messages] == [
        ("onset", "RED a: Rule 1, lp 90.0 dB")
    ]


def test_a_person_gets_a_link_to_acknowledge_and_a_machine_does_not(room: Mailroom) -> None:
    mail, hook = room.hire("mail"), room.hire("hook", "webhook")
    room.open(MAIL, HOOK)
    room.send(10)
    assert "Acknowledge: https://slmm.example.org/acknowledge/" in mail.messages[0].text
    assert "Acknowledge" not in hook.messages[0].text
    assert hook.messages[0].payload["links"] == {"Chart": "https://slmm.example.org/unit/a?at=2026-03-02T12:00:00Z"}
