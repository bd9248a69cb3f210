"""Quiet hours hold messages back, and red ones wake people."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.alerts.mailroom import (
    ANNA,
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


def asleep(room: Mailroom, **members: Any) -> None:
    """Anna sleeps from 22:00 to 07:00 in Berlin; it is 23:00 there."""
    room.people.put(ANNA, {"quiet_start": "22:00", "quiet_end": "07:00", "quiet_for_red": False, **members})
    room.now = datetime(2026, 3, 2, 22, 0, tzinfo=UTC)


MORNING = datetime(2026, 3, 3, 6, 0, tzinfo=UTC)


def test_amber_waits_for_the_morning(room: Mailroom) -> None:
    mail = room.hire("mail")
    asleep(room)
    room.open(MAIL)
    room.send(3600)
    assert mail.messages == []
    room.now = MORNING
    room.send()
    assert kinds(mail) == ["onset"]


def test_what_began_and_ended_at_night_is_one_message_in_the_morning(room: Mailroom) -> None:
    mail = room.hire("mail")
    asleep(room)
    uid = room.open(MAIL)
    room.send(3600)
    room.end(uid)
    room.send(3600)
    assert mail.messages == []
    room.now = MORNING
    room.send()
    assert kinds(mail) == ["merged"]


@pytest.mark.parametrize(("waits_for_red", "expected"), [(False, ["onset"]), (True, [])])
def test_red_goes_through_unless_the_person_wants_to_sleep(
    room: Mailroom, waits_for_red: bool, expected: list[str]
) -> None:
    mail = room.hire("mail")
    asleep(room, quiet_for_red=waits_for_red)
    room.open(MAIL, severity="red")
    room.send()
    assert kinds(mail) == expected


def test_amber_that_turns_red_at_night_wakes_once(room: Mailroom) -> None:
    mail = room.hire("mail")
    asleep(room)
    uid = room.open(MAIL)
    room.send(600)
    room.worsen(uid, MAIL)
    room.send()
    room.now = MORNING
    room.send()
    assert [message.subject for message in mail.messages] == ["RED a: Rule 1, lp 90.0 dB"]


def test_reminders_of_amber_let_people_sleep(room: Mailroom) -> None:
    mail = room.hire("mail")
    room.people.put(ANNA, {"quiet_start": "22:00", "quiet_end": "07:00", "quiet_for_red": False})
    room.now = datetime(2026, 3, 2, 20, 30, tzinfo=UTC)  # 21:30 in Berlin
    room.open(MAIL, remind_after_s=(1200.0,))
    room.send(10)
    room.send(1200)
    assert kinds(mail) == ["onset", "reminder"]
    while room.now < MORNING - timedelta(seconds=700):
        room.send(600)
    assert kinds(mail) == ["onset", "reminder"]
    room.now = MORNING
    room.send()
    assert kinds(mail) == ["onset", "reminder", "reminder"]


def test_the_time_out_of_amber_lets_people_sleep_and_that_of_red_does_not(room: Mailroom) -> None:
    mail = room.hire("mail")
    asleep(room)
    room.hire("hook", "webhook")
    room.open(HOOK, escalate_after_s=600.0, escalation_targets=(MAIL,))
    room.open(HOOK, unit="b", severity="red", escalate_after_s=600.0, escalation_targets=(MAIL,))
    room.send()
    room.send(600)
    assert [message.subject for message in mail.messages] == ["RED, not acknowledged: b: Rule 1, lp 90.0 dB"]


def test_who_heard_of_amber_only_is_not_woken_by_the_end_of_red(room: Mailroom) -> None:
    mail = room.hire("mail")
    room.hire("hook", "webhook")
    room.people.put(ANNA, {"quiet_start": "22:00", "quiet_end": "07:00"})
    room.now = datetime(2026, 3, 2, 20, 30, tzinfo=UTC)  # 21:30 in Berlin
    amber = room.open(MAIL, rule_id=1)
    room.send(10)
    red = room.open(HOOK, rule_id=2, severity="red")
    room.go(3 * 3600)
    for uid in (amber, red):
        room.end(uid)
    room.send()
    assert kinds(mail) == ["onset"]
    room.now = MORNING
    room.send()
    assert kinds(mail) == ["onset", "clear"]


def test_machines_never_sleep(room: Mailroom) -> None:
    hook = room.hire("hook", "webhook")
    asleep(room)
    room.open(HOOK)
    room.send()
    assert kinds(hook) == ["onset"]
