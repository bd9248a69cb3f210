"""Delivery over real sockets: patience, giving up, coming back, and nothing lost on the way."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from email import message_from_string
from pathlib import Path
from random import Random
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError

from slmm.alerts import waiting
from slmm.alerts.letters import Target
from slmm.alerts.messages import Attachment
from slmm.errors import Conflict, NotFound
from slmm.storage.models import NotificationRow
from tests.alerts.http_receiver import Receiver, Reply, running_receiver
from tests.alerts.mailroom import ANNA, BEN, HOOK, MAIL, NOON, Mailroom, kinds, running_mailroom, trouble
from tests.alerts.smtp_sink import running_sink
from tests.conftest import eventually

DOWN = Reply("503 Service Unavailable")


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Mailroom]:
    with running_mailroom(tmp_path) as made:
        yield made


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with running_receiver() as made:
        yield made


def ids(receiver: Receiver) -> list[str]:
    return [request.headers["webhook-id"] for request in receiver.requests]


def waits_s(room: Mailroom) -> float:
    (row,) = room.rows
    return (row.not_before - room.now).total_seconds()


# -- tried again -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("chance", "first_s", "second_s"), [(0.0, 2.5, 5.0), (1.0, 5.0, 10.0)])
def test_an_error_and_a_dead_line_are_tried_again_with_the_same_key(
    tmp_path: Path, receiver: Receiver, monkeypatch: pytest.MonkeyPatch, chance: float, first_s: float, second_s: float
) -> None:
    with running_mailroom(tmp_path, chance=chance) as room:
        room.add_webhook("hook", receiver)
        ready = room.book.ready("hook")
        assert ready is not None
        assert ready.channel is not None
        monkeypatch.setattr(ready.channel, "deadline_s", 0.2)
        receiver.script = [Reply("500 Oops"), Reply(hangs=True), Reply("200 OK")]
        room.open(HOOK)
        room.send()
        assert waits_s(room) == first_s
        room.send(first_s)
        assert waits_s(room) == second_s
        room.send(second_s)
        (row,) = room.rows
        assert (row.status, row.attempts, row.sent_at, row.last_error) == ("sent", 3, room.now, None)
        assert len(set(ids(receiver))) == 1
        assert len({request.body for request in receiver.requests}) == 1


def test_what_is_refused_for_good_is_dead_after_one_attempt(room: Mailroom, receiver: Receiver) -> None:
    room.add_webhook("hook", receiver)
    receiver.script = [Reply("404 Not Found")]
    room.open(HOOK)
    room.send()
    room.send(3600)
    (row,) = room.rows
    assert (row.status, row.attempts, row.last_code) == ("dead", 1, 404)
    assert len(receiver.requests) == 1
    assert room.outbox.dead == 1


def test_a_receiver_that_wants_to_be_left_alone_is(room: Mailroom, receiver: Receiver) -> None:
    room.add_webhook("hook", receiver)
    receiver.script = [Reply("429 Too Many Requests", {"Retry-After": "120"})]
    room.open(HOOK)
    room.send()
    assert waits_s(room) == 120
    room.send(119)
    assert len(receiver.requests) == 1
    room.send(1)
    assert room.story == [("onset", "sent")]


@pytest.mark.parametrize("seed", range(3))
def test_six_hours_of_failures_are_some_forty_attempts_then_it_is_given_up_and_told(room: Mailroom, seed: int) -> None:
    chances = Random(seed)
    mail, hook = room.hire("mail"), room.hire("hook", "webhook")
    room.outbox._chance = chances.random
    mail.troubles = [trouble(503)] * 200
    began = room.now
    room.open(MAIL, severity="red")
    while True:
        room.send()
        row = next(row for row in room.rows if row.kind == "onset")
        if row.status == "dead":
            break
        probe_at = room.channel("mail").not_before or room.now
        room.now = max(room.now + timedelta(seconds=1), min(max(row.not_before, probe_at), row.expires_at))
    room.send()
    assert room.now - began == timedelta(hours=6)
    assert row.status == "dead"
    assert 30 <= row.attempts <= 45
    assert [message.subject for message in hook.messages] == ["SLMM: channel mail does not deliver"]
    assert room.outbox.dead == 1


def test_machines_are_tried_for_a_day(room: Mailroom) -> None:
    hook = room.hire("hook", "webhook")
    hook.troubles = [trouble(503)] * 500
    room.open(HOOK)
    for _ in range(23):
        room.send(3600)
    assert room.story == [("onset", "pending")]
    room.send(3600)
    assert room.story == [("onset", "dead")]


# -- crashes ------------------------------------------------------------------------------------------------------


def test_a_crash_between_sending_and_writing_sends_the_same_key_again(
    room: Mailroom, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    room.add_webhook("hook", receiver)
    room.open(HOOK)

    def crash(*_: object) -> None:
        raise OperationalError("update", {}, Exception("disk I/O error"))

    monkeypatch.setattr(room.outbox, "_finish", crash)
    room.send()
    assert room.story == [("onset", "sending")]
    monkeypatch.undo()
    room.send(100)
    assert len(receiver.requests) == 1  # the lease still holds
    room.send(30)
    assert room.story == [("onset", "sent")]
    assert len(ids(receiver)) == 2
    assert len(set(ids(receiver))) == 1


def test_after_a_restart_what_was_under_way_goes_out_at_once(
    room: Mailroom, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    room.add_webhook("hook", receiver)
    room.open(HOOK)
    monkeypatch.setattr(room.outbox, "_finish", lambda *_: None)
    room.send()
    room.outbox = room.another_outbox()
    room.outbox.start()
    try:
        room.outbox.wake()
        assert receiver.has_request.wait(5)
        eventually(lambda: room.story == [("onset", "sent")])
    finally:
        room.outbox.stop()
    assert len(set(ids(receiver))) == 1


def test_what_got_through_after_its_lease_counts_as_sent(room: Mailroom) -> None:
    hook = room.hire("hook", "webhook")

    def lease_runs_out(_message: object) -> None:
        room.go(1000)
        for row in room.rows:
            if row.status == "sending":
                row.status = "pending"
                room.database.write(lambda session, row=row: session.merge(row))  # type: ignore[misc]

    hook.before = lease_runs_out
    room.open(HOOK)
    room.send()
    assert room.story == [("onset", "sent")]
    assert len(hook.messages) == 1


def test_a_lease_is_longer_than_the_slowest_attempt(room: Mailroom) -> None:
    room.add_email("mail", 9, timeout_s=60.0)
    leases: list[float] = []
    ready = room.book.ready("mail")
    assert ready is not None
    assert ready.channel is not None

    def look(*_: Any, **__: Any) -> str:
        (row,) = room.rows
        assert row.lease_until is not None
        leases.append((row.lease_until - room.now).total_seconds())
        return "taken"

    ready.channel.send = look  # type: ignore[method-assign]
    room.open(MAIL)
    room.send(10)
    assert leases[0] > ready.channel.deadline_s


def test_a_database_that_is_locked_is_tried_again(room: Mailroom, monkeypatch: pytest.MonkeyPatch) -> None:
    room.hire("hook", "webhook")
    room.open(HOOK)

    def locked(*_: object) -> None:
        raise OperationalError("select", {}, Exception("database is locked"))

    monkeypatch.setattr(room.database, "write", locked)
    with pytest.raises(OperationalError):
        room.send()
    monkeypatch.undo()
    room.send()
    assert room.story == [("onset", "sent")]


# -- mail --------------------------------------------------------------------------------------------------------------


def test_one_recipient_refused_is_nobody_elses_trouble(room: Mailroom) -> None:
    with running_sink("--refuse", BEN) as sink:
        room.add_email("mail", sink.port)
        uid = room.open(Target("mail", ANNA), Target("mail", BEN))
        room.send(10)
        room.send(60)
        mail = sink.next_mail()
        assert mail["rcpt_tos"] == [ANNA]
        assert room.row("onset", Target("mail", ANNA)).status == "sent"
        dead = room.row("onset", Target("mail", BEN))
        assert (dead.status, dead.attempts, dead.last_code) == ("dead", 1, 550)
        assert room.channel("mail").failures == 0
        room.end(uid)
        room.send()
        end = sink.next_mail()
        assert end["rcpt_tos"] == [ANNA]
        first, last = message_from_string(mail["content"]), message_from_string(end["content"])
        assert first["Message-ID"] != last["Message-ID"]
        assert sink.rest() == []


def test_a_recipient_who_is_deferred_is_tried_again(room: Mailroom) -> None:
    with running_sink("--defer", ANNA) as sink:
        room.add_email("mail", sink.port)
        room.open(MAIL)
        room.send(10)
        row = room.row("onset", MAIL)
        assert (row.status, row.last_code) == ("pending", 451)


def test_files_go_with_an_onset_and_a_trouble_with_them_does_not_stop_it(room: Mailroom) -> None:
    room.hire("mail")
    mail = room.book.ready("mail")
    assert mail is not None
    room.outbox._attach = lambda *_: (Attachment("levels.csv", "text/csv", b"1,2"),)
    room.open(MAIL)
    room.send(10)

    def broken(*_: object) -> Any:
        raise KeyError("threshold_db")

    room.outbox._attach = broken
    room.open(MAIL, unit="b")
    room.send(10)
    messages = mail.channel.messages  # type: ignore[union-attr]
    assert [len(message.attachments) for message in messages] == [1, 0]
    assert room.story == [("onset", "sent"), ("onset", "sent")]


# -- given up and sent again ----------------------------------------------------------------------------------------


def test_what_was_given_up_is_seen_and_can_be_sent_again(room: Mailroom, receiver: Receiver) -> None:
    room.add_webhook("hook", receiver)
    receiver.script = [Reply("404 Not Found")]
    room.open(HOOK)
    room.send()
    (dead,) = room.outbox.find(10, status="dead")
    assert "404" in (dead.last_error or "")
    assert room.outbox.counts() == {"dead": 1}
    room.go(48 * 3600)
    room.outbox.redeliver(dead.uid)
    room.send()
    assert room.outbox.counts() == {"sent": 1}
    assert len(set(ids(receiver))) == 1
    with pytest.raises(Conflict, match="is sent"):
        room.outbox.redeliver(dead.uid)
    with pytest.raises(NotFound):
        room.outbox.redeliver("nothing")


def test_what_is_over_by_the_time_it_is_sent_again_switches_nothing_on(room: Mailroom) -> None:
    hook = room.hire("hook", "webhook")
    hook.troubles = [trouble(404, is_final=True)]
    uid = room.open(HOOK)
    room.send()
    room.end(uid)
    room.outbox.redeliver(room.rows[0].uid)
    room.send()
    assert hook.messages[-1].payload["is_active"] is False


def test_a_waiting_message_can_be_hurried(room: Mailroom, receiver: Receiver) -> None:
    room.add_webhook("hook", receiver)
    receiver.script = [Reply("503 Service Unavailable", {"Retry-After": "3600"})]
    room.open(HOOK)
    room.send()
    room.outbox.redeliver(room.rows[0].uid)
    room.send()
    assert room.story == [("onset", "sent")]


def test_messages_are_found_by_state_incident_and_unit(room: Mailroom) -> None:
    room.hire("hook", "webhook")
    room.open(HOOK, unit="a")
    room.open(HOOK, unit="b")
    assert [row.unit_id for row in room.outbox.find(10)] == ["b", "a"]
    assert [row.unit_id for row in room.outbox.find(10, incident_id=1)] == ["a"]
    assert [row.unit_id for row in room.outbox.find(10, units=["b"])] == ["b"]
    assert [row.unit_id for row in room.outbox.find(1)] == ["b"]
    assert isinstance(room.outbox.find(1)[0], NotificationRow)


def test_a_reminder_that_came_too_late_is_followed_by_the_next(room: Mailroom) -> None:
    mail = room.hire("mail")
    room.open(MAIL, remind_after_s=(300.0,))
    room.send(10)
    mail.troubles = [trouble(451)] * 500
    for _ in range(7 * 60):
        room.send(60)
    assert "dead" in [row.status for row in room.rows if row.kind == "reminder"]
    mail.troubles = []
    mail.messages.clear()
    for _ in range(30):
        room.send(60)
    assert "reminder" in kinds(mail)


# -- the clock is set ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("step_s", [3600.0, -3600.0])
def test_a_message_waits_no_longer_and_no_shorter_when_the_clock_is_set(tmp_path: Path, step_s: float) -> None:
    with running_mailroom(tmp_path) as room:
        postman, ahead_s = room.hire("mail"), 0.0
        room.outbox._ahead_s = lambda: ahead_s
        postman.troubles = [trouble()]
        room.open(MAIL)
        room.send(10.0)
        assert len(postman.messages) == 1
        before_s = waits_s(room)
        ahead_s = step_s
        room.go(step_s)
        room.send()
        assert (len(postman.messages), waits_s(room)) == (1, before_s)
        room.send(before_s + 0.1)
        assert len(postman.messages) == 2
        (row,) = room.rows
        assert row.status == "sent"


def test_the_end_of_quiet_hours_is_of_the_wall_clock(tmp_path: Path) -> None:
    with running_mailroom(tmp_path) as room:
        room.hire("mail")
        room.people.put(ANNA, {"quiet_start": "12:30", "quiet_end": "14:00", "timezone": "Europe/Berlin"})
        room.open(MAIL)
        (row,) = room.rows
        assert row.not_before == NOON + timedelta(hours=1)
        room.outbox._ahead_s = lambda: -600.0
        room.go(-600.0)
        room.send()
        (after,) = room.rows
        assert after.not_before == row.not_before


def test_messages_go_out_though_the_clock_was_set_back_while_nobody_looked(tmp_path: Path) -> None:
    with running_mailroom(tmp_path) as room:
        postman = room.hire("mail")
        room.open(MAIL)
        room.go(-3600.0)
        assert room.send(60.0) == 0
        room.database.write(lambda session: waiting.catch_up(session, room.now))
        room.send(10.1)
        assert len(postman.messages) == 1
        room.database.write(lambda session: waiting.catch_up(session, room.now))
        (row,) = room.rows
        assert row.status == "sent"
