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

from slmm.alerts.channelbook import Channelbook
from slmm.alerts.letters import Target
from slmm.alerts.messages import Attachment, MessageKind
from slmm.errors import Conflict, NotFound
from slmm.storage.models import NotificationRow
from slmm.storage.secrets import KEY_FILE, SecretBox
from tests.alerts.http_receiver import Receiver, Reply, running_receiver
from tests.alerts.mailroom import ANNA, BEN, HOOK, MAIL, Mailroom, kinds, running_mailroom, trouble
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


# -- channels that stop and start ----------------------------------------------------------------------------------


def test_a_receiver_that_is_gone_stops_its_channel_until_it_is_changed(room: Mailroom, receiver: Receiver) -> None:
    room.add_webhook("hook", receiver)
    receiver.script = [Reply("410 Gone")]
    room.open(HOOK)
    room.send()
    assert room.channel("hook").is_paused
    assert room.book.get("hook")["health"] == "paused"
    room.open(HOOK, unit="b")
    room.send(3600)
    assert len(receiver.requests) == 1
    room.book.change("hook", {"url": f"http://127.0.0.1:{receiver.port}/new"})
    room.send()
    assert [request.path for request in receiver.requests] == ["/hook", "/new", "/new"]
    assert room.story == [("onset", "sent"), ("onset", "sent")]
    assert room.book.get("hook")["health"] == "ok"


def test_a_refused_password_stops_the_channel_and_burns_no_attempts(room: Mailroom) -> None:
    hook = room.hire("hook", "webhook")
    with running_sink("--login", "slmm:right") as sink:
        room.add_email("mail", sink.port, username="slmm", password="wrong")
        room.open(Target("mail", ANNA), Target("mail", BEN))
        room.send(10)
        room.send(600)
        assert room.channel("mail").is_paused
        assert sum(row.attempts for row in room.rows if row.channel == "mail") <= 2
        assert [message.kind for message in hook.messages] == [MessageKind.SYSTEM]
        room.book.change("mail", {"password": "right"})
        room.send()
        assert {sink.next_mail()["rcpt_tos"][0] for _ in range(2)} == {ANNA, BEN}


def test_a_channel_whose_settings_no_key_opens_is_broken_and_the_others_work(room: Mailroom, tmp_path: Path) -> None:
    room.hire("hook", "webhook")
    room.add_webhook("lost", 9)
    (tmp_path / KEY_FILE).unlink()
    room.book = Channelbook(room.database, lambda: room.now)
    room.book.load(SecretBox.open(tmp_path / KEY_FILE))
    assert {view["name"]: view["health"] for view in room.book.all()} == {"hook": "broken", "lost": "broken"}
    room.outbox = room.another_outbox()
    with running_receiver() as receiver:
        room.add_webhook("new", receiver)
        room.open(Target("lost"), Target("new"))
        room.send()
        assert len(receiver.requests) == 1
    assert (room.row("onset", Target("lost")).status, room.row("onset", Target("new")).status) == ("pending", "sent")
    assert room.book.get("lost")["last_error"]


def test_five_failures_in_a_row_leave_a_channel_to_a_probe_now_and_then(room: Mailroom, receiver: Receiver) -> None:
    room.add_webhook("hook", receiver)
    receiver.script = [DOWN] * 9
    for number in range(8):
        room.open(HOOK, unit=f"unit-{number}")
    for _ in range(50):
        room.send(1)
    assert len(receiver.requests) == 8  # each once, before it was known how it stands
    assert room.channel("hook").failures == 8
    probe_at = room.channel("hook").not_before
    assert probe_at is not None
    room.send((probe_at - room.now).total_seconds())
    assert len(receiver.requests) == 9
    probe_at = room.channel("hook").not_before
    assert probe_at is not None
    room.send((probe_at - room.now).total_seconds())
    assert len(receiver.requests) == 10
    for _ in range(10):
        room.send(60)
    assert {status for _, status in room.story} == {"sent"}


def test_a_system_alarm_goes_through_another_channel_once_an_hour(room: Mailroom, receiver: Receiver) -> None:
    hook = room.hire("hook", "webhook")
    room.add_webhook("bad", receiver)
    receiver.script = [Reply("404 Not Found")] * 3
    for number in range(3):
        room.open(Target("bad"), unit=f"unit-{number}")
        room.send(10)
    room.send(10)
    assert [message.subject for message in hook.messages] == ["SLMM: channel bad does not deliver"]
    assert hook.messages[0].payload["channel"] == "bad"


def test_a_system_alarm_that_is_not_delivered_raises_no_other(room: Mailroom, receiver: Receiver) -> None:
    hook = room.hire("hook", "webhook")
    hook.troubles = [trouble(404, is_final=True)]
    room.add_webhook("bad", receiver)
    receiver.script = [Reply("404 Not Found")]
    room.open(Target("bad"))
    room.send()
    room.send(10)
    assert room.story == [("onset", "dead"), ("system", "dead")]


def test_a_mail_server_that_fails_is_told_of_by_the_hook_and_a_hook_by_mail(room: Mailroom) -> None:
    mail, hook = room.hire("mail"), room.hire("hook", "webhook")
    mail.troubles = [trouble(550, is_final=True)]
    room.open(MAIL)
    room.send(10)
    room.send()
    assert kinds(hook) == ["system"]


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
