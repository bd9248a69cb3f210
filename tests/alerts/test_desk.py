"""Who is told what, on a real database: incidents, snoozes, reminders and time-outs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from slmm.alerts.channelbook import Channelbook, ReadyChannel
from slmm.alerts.channels.base import Channel, Progress
from slmm.alerts.desk import Desk
from slmm.alerts.letters import CONNECTIVITY, Surroundings, Target, Wishes
from slmm.alerts.links import LinkMaker
from slmm.alerts.messages import DeliveryFailed, Message
from slmm.alerts.outbox import Outbox
from slmm.alerts.people import People
from slmm.alerts.writing import CONTACT_RULE
from slmm.storage import upgrade
from slmm.storage.database import Database
from slmm.storage.models import ChannelRow, EventRow, IncidentRow, NotificationRow, ShelfRow
from slmm.storage.secrets import KEY_FILE, SecretBox
from slmm.storage.upgrade import MIGRATIONS
from tests.alerts.http_receiver import Receiver

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
"""A Monday."""
BERLIN = "Europe/Berlin"
ANNA, BEN = "anna@example.org", "ben@example.org"
HOOK, MAIL = Target("hook"), Target("mail", ANNA)


class Postman(Channel):
    """Keeps every message, and fails as it is told."""

    takes_recipients = True

    def __init__(self) -> None:
        super().__init__(5.0)
        self.messages: list[Message] = []
        self.troubles: list[DeliveryFailed | None] = []
        self.before: Callable[[Message], None] | None = None

    def _deliver(self, message: Message, progress: Progress) -> str:
        self.messages.append(message)
        if self.before is not None:
            self.before(message)
        trouble = self.troubles.pop(0) if self.troubles else None
        if trouble is not None:
            raise trouble
        return "taken"


class Machine(Postman):
    """The same for a machine."""

    takes_recipients = False


def trouble(code: int = 500, **members: Any) -> DeliveryFailed:
    return DeliveryFailed(f"it answered {code}", stage="answer", code=code, **members)


class Mailroom:
    """Desk, channels and outbox over one database, on a clock that goes when it is told to."""

    def __init__(self, path: Path, chance: float = 0.5) -> None:
        self.now = NOON
        self.chance = chance
        self.group_wait_s = 10.0
        self.path = path
        self.database = Database.open(f"sqlite:///{path / 'slmm.db'}")
        self.database.in_pool(upgrade.upgrade, self.database.engine, MIGRATIONS, path / "backups")
        self.box = SecretBox.open(path / KEY_FILE)
        self.book = Channelbook(self.database, lambda: self.now)
        self.book.load(self.box)
        self.people = People(self.database)
        self.outbox = self.another_outbox()
        self._count = 0

    def another_outbox(self) -> Outbox:
        return Outbox(self.database, self.book, lambda *_: (), lambda: self.now, lambda: self.chance)

    def go(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    def send(self, after_s: float = 0.0) -> int:
        """What is due after that time; how many messages went out."""
        self.go(after_s)
        return self.outbox.send_due(wait=True)

    # -- channels --------------------------------------------------------------------------------------

    def add_webhook(self, name: str, receiver: Receiver | int, **config: Any) -> None:
        port = receiver if isinstance(receiver, int) else receiver.port
        url = f"http://127.0.0.1:{port}/hook"
        self.book.add(name, "webhook", {"url": url, "allow_private": True, **config})

    def add_email(self, name: str, port: int, **config: Any) -> None:
        plain = {"host": "127.0.0.1", "port": port, "security": "none", "sender": "slmm@example.org"}
        self.book.add(name, "email", {**plain, **config})

    def hire(self, name: str, kind: str = "email") -> Postman:
        """A channel of that kind that keeps what it is given."""
        if kind == "email":
            self.add_email(name, 9)
        else:
            self.add_webhook(name, 9)
        postman = Postman() if kind == "email" else Machine()
        self.book._ready[name] = ReadyChannel(name, kind, postman)
        return postman

    def channel(self, name: str) -> ChannelRow:
        found = self.database.read(lambda session: session.scalar(select(ChannelRow).where(ChannelRow.name == name)))
        assert found is not None
        return found

    # -- what happens to events ------------------------------------------------------------------------

    def at_desk(self, work: Callable[[Desk, Session], Any]) -> Any:
        around = Surroundings(
            BERLIN, LinkMaker("https://slmm.example.org", b"key"), self.group_wait_s, self.book.people_channels()
        )
        return self.database.write(lambda session: work(Desk(session, self.now, around), session))

    def open(self, *targets: Target, rule_id: int = 1, unit: str = "a", severity: str = "amber", **wished: Any) -> str:
        """A rule of a unit is broken; the event's uid."""
        self._count += 1
        uid = f"event-{self._count}"
        is_lost = rule_id == CONTACT_RULE
        wishes = Wishes(targets, **wished)

        def work(desk: Desk, session: Session) -> None:
            event = EventRow(
                uid=uid,
                rule_id=rule_id,
                unit_id=unit,
                rule_name=f"Rule {rule_id}",
                rule_json={"remind_after_s": list(wishes.remind_after_s), "words": "alarm above 85 dB"},
                metric=CONNECTIVITY if is_lost else "lp",
                severity=severity,
                threshold_db=85.0,
                breach_at=self.now,
                onset_at=self.now,
                onset_value=None if is_lost else 90.0,
                status="active",
            )
            session.add(event)
            session.flush()
            desk.opened(event, CONNECTIVITY if is_lost else "level", wishes)

        self.at_desk(work)
        return uid

    def _with(self, uid: str, work: Callable[[Desk, EventRow], Any]) -> Any:
        def found(desk: Desk, session: Session) -> Any:
            event = session.scalar(select(EventRow).where(EventRow.uid == uid))
            assert event is not None
            return work(desk, event)

        return self.at_desk(found)

    def worsen(self, uid: str, *targets: Target, **wished: Any) -> None:
        def work(desk: Desk, event: EventRow) -> None:
            event.severity, event.acknowledged_at = "red", None
            desk.worsened(event, Wishes(targets, **wished))

        self._with(uid, work)

    def end(self, uid: str, reason: str = "cleared") -> None:
        def work(desk: Desk, event: EventRow) -> None:
            event.clear_at, event.end_reason, event.status = self.now, reason, "cleared"
            desk.ended(event)

        self._with(uid, work)

    def acknowledge(self, uid: str) -> None:
        def work(desk: Desk, event: EventRow) -> None:
            event.acknowledged_at = self.now
            assert event.incident_id is not None
            desk.acknowledged(event.incident_id)

        self._with(uid, work)

    def alarm_again(self, uid: str, *targets: Target, **wished: Any) -> None:
        def work(desk: Desk, event: EventRow) -> None:
            event.occurrences += 1
            desk.alarmed_again(event, Wishes(targets, **wished))

        self._with(uid, work)

    def shelve(self, rule_id: int | None = None, *, for_s: float = 3600.0, is_one_shot: bool = False) -> int:
        row = ShelfRow(
            unit_id="a",
            rule_id=rule_id,
            until=self.now + timedelta(seconds=for_s),
            is_one_shot=is_one_shot,
            created_by="kim",
            created_at=self.now,
            reason="calibration",
        )
        self.database.write(lambda session: session.add(row))
        return row.id

    def unshelve(self, shelf_id: int) -> None:
        def work(desk: Desk, session: Session) -> None:
            row = session.get(ShelfRow, shelf_id)
            assert row is not None
            row.ended_at = self.now
            session.flush()
            desk.unshelved(row.unit_id, row.rule_id)

        self.at_desk(work)

    # -- what is on record -----------------------------------------------------------------------------

    def all(self, kind: Any) -> list[Any]:
        return self.database.read(lambda session: list(session.scalars(select(kind).order_by(kind.id))))

    @property
    def rows(self) -> list[NotificationRow]:
        return self.all(NotificationRow)

    def row(self, kind: str, target: Target = HOOK) -> NotificationRow:
        (found,) = [
            row
            for row in self.rows
            if (row.kind, row.channel, row.recipient) == (kind, target.channel, target.recipient)
        ]
        return found

    @property
    def story(self) -> list[tuple[str, str]]:
        """Kind and status of every message."""
        return [(row.kind, row.status) for row in self.rows]


@contextmanager
def running_mailroom(path: Path, **options: Any) -> Iterator[Mailroom]:
    made = Mailroom(path, **options)
    try:
        yield made
    finally:
        made.outbox.stop(within_s=0.1)
        made.database.close()


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Mailroom]:
    with running_mailroom(tmp_path) as made:
        yield made


def kinds(postman: Postman) -> list[str]:
    return [message.kind.value for message in postman.messages]


# -- once per incident -----------------------------------------------------------------------------


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


# -- snoozed ---------------------------------------------------------------------------------------


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


# -- quiet hours -----------------------------------------------------------------------------------


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


# -- reminders and time-outs ------------------------------------------------------------------------------------------


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
