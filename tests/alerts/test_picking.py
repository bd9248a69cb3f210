"""What goes out now, and what waits: order, digests, bounds, and channels that do not get in each other's way."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import update

from slmm.alerts import retry
from slmm.alerts.letters import Target
from slmm.alerts.messages import Message
from slmm.storage.models import ChannelRow, NotificationRow, RuleRow
from tests.alerts.mailroom import ANNA, BEN, HOOK, MAIL, Mailroom, Postman, kinds, running_mailroom, trouble


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Mailroom]:
    with running_mailroom(tmp_path) as made:
        yield made


def subjects(postman: Postman) -> list[str]:
    return [message.subject for message in postman.messages]


def change(room: Mailroom, uid: str, **members: object) -> None:
    """Another hand on a row of the outbox."""
    statement = update(NotificationRow).where(NotificationRow.uid == uid).values(**members)
    room.database.write(lambda session: session.execute(statement))


def set_channel(room: Mailroom, name: str, **members: object) -> None:
    statement = update(ChannelRow).where(ChannelRow.name == name).values(**members)
    room.database.write(lambda session: session.execute(statement))


def add_rule(room: Mailroom, **members: object) -> None:
    plain = {"unit_id": "a", "name": "Night", "metric": "lp", "comparison": ">", "threshold_db": 85.0, "duration_s": 0}
    more = {"clear_margin_db": 2.0, "cooldown_s": 0, "enabled": True, "created_at": room.now}
    room.database.write(lambda session: session.add(RuleRow(**{**plain, **more, **members})))


# -- one after the other ---------------------------------------------------------------------------


def test_an_end_waits_while_its_onset_is_under_way(room: Mailroom) -> None:
    hook = room.hire("hook", "webhook")
    uid = room.open(HOOK)

    def over_meanwhile(_message: Message) -> None:
        if len(hook.messages) == 1:
            room.end(uid)
            room.outbox.send_due()

    hook.before = over_meanwhile
    room.send()
    assert kinds(hook) == ["onset"]
    room.send()
    assert kinds(hook) == ["onset", "clear"]


def test_an_onset_that_fails_while_it_ends_is_told_with_the_end_and_only_so(room: Mailroom) -> None:
    hook = room.hire("hook", "webhook")
    uid = room.open(HOOK)
    hook.before = lambda message: room.end(uid) if len(hook.messages) == 1 else None
    hook.troubles = [trouble(503)]
    room.send()
    room.send(60)  # both are due by now
    assert kinds(hook) == ["onset", "merged"]
    assert hook.messages[1].subject == "Occurred and ended a: Rule 1"
    assert (hook.messages[1].payload["kind"], hook.messages[1].payload["summary"]) == (
        "merged",
        "Occurred and ended a: Rule 1",
    )
    assert room.story == [("onset", "merged"), ("merged", "sent")]


def test_an_end_whose_onset_was_refused_says_that_it_occurred(room: Mailroom) -> None:
    hook = room.hire("hook", "webhook")
    uid = room.open(HOOK)
    hook.before = lambda message: room.end(uid) if len(hook.messages) == 1 else None
    hook.troubles = [trouble(404, is_final=True)]
    room.send()
    room.send()
    assert kinds(hook) == ["onset", "merged"]


def test_a_machine_gets_onset_and_worse_one_after_the_other(room: Mailroom) -> None:
    hook = room.hire("hook", "webhook")
    hook.troubles = [trouble(503)]
    uid = room.open(HOOK)
    room.send()
    room.worsen(uid, HOOK)
    room.send(1)
    assert kinds(hook) == ["onset"]
    room.send(10)
    room.send()
    assert kinds(hook) == ["onset", "onset", "escalation"]


def test_a_person_whom_amber_did_not_reach_gets_red_alone(room: Mailroom) -> None:
    mail = room.hire("mail")
    mail.troubles = [trouble(451)]
    uid = room.open(MAIL)
    room.send(10)
    room.worsen(uid, MAIL)
    room.send()
    room.send(60)
    assert subjects(mail) == ["AMBER a: Rule 1, lp 90.0 dB", "RED a: Rule 1, lp 90.0 dB"]


def test_a_reminder_does_not_overtake_its_onset(room: Mailroom) -> None:
    hook = room.hire("hook", "webhook")
    hook.troubles = [trouble(503, retry_after_s=600.0)]
    room.open(HOOK, remind_after_s=(60.0,))
    room.send()
    room.send(120)
    assert kinds(hook) == ["onset"]
    room.send(480)
    room.send(61)
    assert kinds(hook) == ["onset", "onset", "reminder"]


def test_a_time_out_in_the_future_holds_nothing_up(room: Mailroom) -> None:
    hook = room.hire("hook", "webhook")
    uid = room.open(HOOK, escalate_after_s=3600.0, escalation_targets=(HOOK,), remind_after_s=(300.0,))
    room.send()
    room.worsen(uid, HOOK)
    room.send()
    room.send(300)
    assert kinds(hook) == ["onset", "escalation", "reminder"]


# -- grouped ---------------------------------------------------------------------------------------


def test_two_onsets_are_one_mail_and_two_posts(room: Mailroom) -> None:
    mail, hook = room.hire("mail"), room.hire("hook", "webhook")
    room.open(MAIL, HOOK, unit="a")
    room.go(6)
    room.open(MAIL, HOOK, unit="b")
    room.send()
    assert kinds(hook) == ["onset", "onset"]
    room.send(4)
    room.send(60)
    assert subjects(mail) == ["2 units: 2 messages about alerts"]
    assert "AMBER a: Rule 1" in mail.messages[0].text
    assert "AMBER b: Rule 1" in mail.messages[0].text


def test_one_onset_alone_stays_what_it_is(room: Mailroom) -> None:
    mail = room.hire("mail")
    room.open(MAIL)
    room.send(9)
    assert mail.messages == []
    room.send(1)
    assert kinds(mail) == ["onset"]


def test_two_persons_have_a_digest_each(room: Mailroom) -> None:
    mail = room.hire("mail")
    for unit in ("a", "b"):
        room.open(MAIL, Target("mail", BEN), unit=unit)
    room.send(10)
    assert sorted(message.recipient for message in mail.messages) == [ANNA, BEN]
    assert kinds(mail) == ["digest", "digest"]


def test_red_neither_waits_nor_hides_in_a_digest(room: Mailroom) -> None:
    mail = room.hire("mail")
    room.open(MAIL, unit="a")
    room.go(10)
    room.open(MAIL, unit="b", severity="red")
    room.send()
    assert sorted(subjects(mail)) == ["AMBER a: Rule 1, lp 90.0 dB", "RED b: Rule 1, lp 90.0 dB"]


def test_an_end_waits_for_the_digest_with_its_onset(room: Mailroom) -> None:
    mail = room.hire("mail")
    mail.troubles = [trouble(451)]
    uid = room.open(MAIL, unit="a")
    room.open(MAIL, unit="b")
    room.send(10)
    room.end(uid)
    room.send(1)
    assert kinds(mail) == ["digest"]
    room.send(10)
    room.send()
    assert kinds(mail) == ["digest", "digest", "clear"]


def test_a_digest_that_dies_can_be_sent_again_and_no_end_is_told_of_it(room: Mailroom) -> None:
    mail = room.hire("mail")
    mail.troubles = [trouble(550, is_final=True)]
    uid = room.open(MAIL, unit="a")
    room.open(MAIL, unit="b")
    room.send(10)
    digest = next(row for row in room.rows if row.kind == "digest")
    assert digest.status == "dead"
    room.end(uid)
    assert room.send() == 0
    room.outbox.redeliver(digest.uid)
    room.send()
    assert kinds(mail) == ["digest", "digest"]


def test_a_reminder_in_a_digest_has_a_successor(room: Mailroom) -> None:
    mail = room.hire("mail")
    for unit in ("a", "b"):
        room.open(MAIL, unit=unit, remind_after_s=(300.0,))
    room.send(10)
    room.send(300)
    room.send(300)
    assert kinds(mail) == ["digest"] * 3
    assert [row.stage for row in room.rows if row.kind == "reminder"] == ["1", "1", "2", "2", "3", "3"]


# -- bounded ---------------------------------------------------------------------------------------


def flood(room: Mailroom, count: int, severity: str = "amber", first: int = 0) -> None:
    """So many incidents, one after the other."""
    for number in range(first, first + count):
        room.open(MAIL, unit=f"unit-{number}", severity=severity)
        room.send(11)


def test_the_31st_message_of_an_hour_waits_for_a_digest_and_red_does_not(room: Mailroom) -> None:
    mail = room.hire("mail")
    flood(room, 30)
    assert kinds(mail) == ["onset"] * 30
    flood(room, 5, first=30)
    assert len(mail.messages) == 30
    room.open(MAIL, unit="loud", severity="red")
    room.send()
    assert subjects(mail)[30:] == ["RED loud: Rule 1, lp 90.0 dB"]
    room.send(retry.DIGEST_EVERY_S)
    assert subjects(mail)[31:] == ["5 units: 5 messages about alerts"]


def test_the_bound_is_for_each_person_and_not_for_machines(room: Mailroom) -> None:
    mail, hook = room.hire("mail"), room.hire("hook", "webhook")
    flood(room, 30)
    for number in range(40):
        room.open(HOOK, Target("mail", BEN) if number == 0 else HOOK, unit=f"more-{number}")
    for _ in range(12):
        room.send()
    room.send(10)
    assert len(hook.messages) == 40
    assert mail.messages[-1].recipient == BEN


def test_after_an_hour_messages_go_out_as_usual(room: Mailroom) -> None:
    mail = room.hire("mail")
    flood(room, 30)
    room.go(3600)
    flood(room, 1, first=30)
    assert kinds(mail) == ["onset"] * 31


def test_what_failed_in_an_outage_does_not_break_the_bound(room: Mailroom) -> None:
    mail = room.hire("mail")
    for number in range(40):
        mail.troubles = [trouble(451)]
        room.open(MAIL, unit=f"unit-{number}")
        set_channel(room, "mail", failures=0, not_before=None)
        room.send(11)
        for row in room.rows:
            if row.status == "pending":
                change(room, row.uid, not_before=room.now + timedelta(hours=1))
    mail.messages.clear()
    mail.troubles = []
    set_channel(room, "mail", failures=0, not_before=None)
    room.go(3600)
    for _ in range(20):
        room.send(11)
    assert len(mail.messages) <= retry.MOST_PER_HOUR
    assert all(f"unit-{number}:" in "".join(message.text for message in mail.messages) for number in range(40))


def test_a_flood_of_red_is_one_digest_when_the_hour_is_full(room: Mailroom) -> None:
    mail = room.hire("mail")
    flood(room, 30)
    for number in range(5):
        room.open(MAIL, unit=f"loud-{number}", severity="red")
    room.send()
    assert subjects(mail)[30:] == ["5 units: 5 messages about alerts, RED"]


# -- channels by themselves ------------------------------------------------------------------------


def test_a_channel_that_is_stopped_does_not_hold_up_another(room: Mailroom) -> None:
    room.hire("broken", "webhook")
    hook = room.hire("hook", "webhook")
    set_channel(room, "broken", is_paused=True)
    for number in range(250):
        room.open(Target("broken"), unit=f"unit-{number}")
    room.open(HOOK)
    room.send()
    assert kinds(hook) == ["onset"]


def test_a_disabled_channel_sends_nothing_and_is_no_trouble(room: Mailroom) -> None:
    mail, hook = room.hire("mail"), room.hire("hook", "webhook")
    set_channel(room, "hook", is_enabled=False)
    room.open(HOOK)
    room.send()
    assert hook.messages == []
    room.send(25 * 3600)
    assert room.story == [("onset", "dead")]
    assert mail.messages == []


def test_a_failing_channel_is_probed_by_one_message_at_a_time(room: Mailroom) -> None:
    hook = room.hire("hook", "webhook")
    set_channel(room, "hook", failures=retry.BREAKER_FAILURES)
    rounds: list[int] = []
    hook.before = lambda message: rounds.append(room.outbox.send_due()) if len(hook.messages) == 1 else None
    hook.troubles = [trouble(503)]
    for number in range(4):
        room.open(HOOK, unit=f"unit-{number}")
    assert room.send() == 1
    assert rounds == [0]  # while the probe was under way
    assert room.send() == 0
    channel = room.channel("hook")
    assert channel.not_before is not None
    room.go((channel.not_before - room.now).total_seconds())
    assert room.send() == 1
    assert room.channel("hook").failures == 0
    assert room.send() >= 2


def test_messages_of_a_channel_that_is_gone_are_given_up_and_others_told(room: Mailroom) -> None:
    room.hire("hook", "webhook")
    mail = room.hire("mail")
    room.open(HOOK)
    add_rule(room, channels="hook, mail", recipients=ANNA)
    room.book.remove("hook")
    room.send()
    assert room.row("onset").last_error == "there is no channel 'hook' any more"
    assert room.row("onset").status == "dead"
    room.send()
    assert [(message.recipient, message.subject) for message in mail.messages] == [
        (ANNA, "SLMM: channel hook does not deliver")
    ]


def test_the_log_needs_no_settings_and_never_expires(room: Mailroom) -> None:
    room.open(Target("log"))
    room.send(48 * 3600)
    assert room.story == [("onset", "sent")]
