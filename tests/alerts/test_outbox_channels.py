"""Channels that stop and start: broken, resting and probed, and who is told instead."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from slmm.alerts.channelbook import Channelbook
from slmm.alerts.letters import Target
from slmm.alerts.messages import MessageKind
from slmm.storage.secrets import KEY_FILE, SecretBox
from tests.alerts.http_receiver import Receiver, Reply, running_receiver
from tests.alerts.mailroom import ANNA, BEN, HOOK, MAIL, Mailroom, kinds, running_mailroom, trouble
from tests.alerts.smtp_sink import running_sink

DOWN = Reply("503 Service Unavailable")


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Mailroom]:
    with running_mailroom(tmp_path) as made:
        yield made


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with running_receiver() as made:
        yield made


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
