"""Channels in the database: settings that go in and never come out, health, and drafts."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from slmm.alerts.channelbook import Channelbook
from slmm.alerts.channels.email import EmailChannel
from slmm.alerts.channels.webhook import WebhookChannel
from slmm.errors import Conflict, Invalid, NotFound
from slmm.storage.models import ChannelRow
from slmm.storage.secrets import SecretBox
from tests.alerts.mailroom import NOON, Mailroom, running_mailroom

SECRET = "whsec_plJ3nmyCDGBKInavdOK15jsl"
URL = "https://example.org/hook"
MAIL = {
    "host": "mail.example.org",
    "sender": "slmm@example.org",
    "security": "tls",
    "username": "u",
    "password": "geheim",
}


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Mailroom]:
    with running_mailroom(tmp_path) as made:
        yield made


@pytest.fixture
def book(room: Mailroom) -> Channelbook:
    return room.book


def reloaded(room: Mailroom) -> Channelbook:
    book = Channelbook(room.database, lambda: NOON)
    book.load(room.box)
    return book


def overwrite(room: Mailroom, name: str, **members: Any) -> None:
    statement = update(ChannelRow).where(ChannelRow.name == name).values(**members)
    room.database.write(lambda session: session.execute(statement))


# -- coming and going ---------------------------------------------------------------------------------------


def test_secrets_go_in_and_never_come_out(room: Mailroom) -> None:
    shown = room.book.add("hook", "webhook", {"url": URL, "secret": SECRET})
    assert shown["config"]["secret_set"] is True
    assert SECRET not in json.dumps([shown, room.book.get("hook"), room.book.all()])
    assert SECRET not in room.channel("hook").config_sealed
    assert URL not in room.channel("hook").config_sealed


def test_channels_are_there_after_a_restart(room: Mailroom) -> None:
    room.book.add("mail", "email", MAIL)
    again = reloaded(room)
    ready = again.ready("mail")
    assert ready is not None
    assert isinstance(ready.channel, EmailChannel)
    assert ready.channel.config.password == "geheim"
    assert again.takes_recipients() == {"mail": True, "log": False}
    assert again.people_channels() == {"mail"}


def test_a_name_is_taken_once(book: Channelbook) -> None:
    book.add("hook", "webhook", {"url": URL})
    with pytest.raises(Conflict, match="exists already"):
        book.add("hook", "webhook", {"url": URL})
    with pytest.raises(Conflict):
        book.add("log", "webhook", {"url": URL})


@pytest.mark.parametrize(("kind", "config"), [("pigeon", {}), ("log", {}), ("webhook", {"url": "ftp://x"})])
def test_what_cannot_be_used_is_not_kept(room: Mailroom, kind: str, config: dict[str, Any]) -> None:
    with pytest.raises(Invalid):
        room.book.add("bad", kind, config)
    assert room.all(ChannelRow) == []


def test_a_channel_that_is_not_there_is_not_found(book: Channelbook) -> None:
    for ask in (book.get, book.kind_of, book.remove):
        with pytest.raises(NotFound):
            ask("nothing")
    with pytest.raises(NotFound):
        book.change("nothing", {})


def test_everybody_hears_of_a_change(book: Channelbook) -> None:
    heard: list[dict[str, str]] = []
    book.changed = lambda: heard.append(book.kinds())
    book.add("hook", "webhook", {"url": URL})
    book.change("hook", {"url": URL + "/2"})
    book.remove("hook")
    assert heard == [{"log": "log", "hook": "webhook"}, {"log": "log", "hook": "webhook"}, {"log": "log"}]


# -- changing ---------------------------------------------------------------------------------------------------


def test_what_is_left_out_stays_and_an_empty_secret_stays_too(room: Mailroom) -> None:
    room.book.add("mail", "email", MAIL)
    room.book.change("mail", {"host": "other.example.org", "password": ""})
    ready = room.book.ready("mail")
    assert ready is not None
    assert isinstance(ready.channel, EmailChannel)
    config = ready.channel.config
    assert (config.host, config.password, config.security) == ("other.example.org", "geheim", "tls")


def test_a_change_that_cannot_be_used_changes_nothing(room: Mailroom) -> None:
    room.book.add("mail", "email", MAIL)
    with pytest.raises(Invalid):
        room.book.change("mail", {"port": 0})
    assert reloaded(room).get("mail")["config"]["port"] is None


def test_a_change_starts_what_had_stopped_by_itself(room: Mailroom) -> None:
    room.book.add("mail", "email", MAIL)
    overwrite(room, "mail", is_paused=True, failures=7, failing_since=NOON, not_before=NOON)
    assert room.book.get("mail")["health"] == "paused"
    assert room.book.change("mail", {})["health"] == "ok"
    row = room.channel("mail")
    assert (row.is_paused, row.failures, row.failing_since, row.not_before) == (False, 0, None, None)


def test_health_tells_how_it_stands(room: Mailroom) -> None:
    room.book.add("mail", "email", MAIL)
    assert room.book.get("mail")["health"] == "ok"
    overwrite(room, "mail", failures=2, last_error="451 later")
    assert (room.book.get("mail")["health"], room.book.get("mail")["last_error"]) == ("failing", "451 later")
    assert room.book.change("mail", {}, is_enabled=False)["health"] == "off"
    assert room.book.change("mail", {}, is_enabled=True)["health"] == "ok"


# -- broken ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "broken",
    [
        pytest.param({"config_sealed": "fernet:gAAAAAnonsense"}, id="no key opens it"),
        pytest.param({"config_sealed": "no json"}, id="no JSON"),
        pytest.param({"config_sealed": '{"url": 7, "colour": "blue"}'}, id="of another release"),
        pytest.param({"config_sealed": "[]"}, id="no object"),
        pytest.param({"kind": "pigeon"}, id="of a kind nobody knows"),
    ],
)
def test_settings_that_cannot_be_read_break_their_channel_only(room: Mailroom, broken: dict[str, Any]) -> None:
    room.book.add("hook", "webhook", {"url": URL})
    room.book.add("mail", "email", MAIL)
    overwrite(room, "hook", **broken)
    book = reloaded(room)
    assert {view["name"]: view["health"] for view in book.all()} == {"hook": "broken", "mail": "ok"}
    shown = book.get("hook")
    assert shown["last_error"]
    assert shown["config"] == {}
    assert set(book.takes_recipients()) == {"hook", "mail", "log"}


def test_a_broken_channel_is_mended_by_giving_everything_again(room: Mailroom) -> None:
    room.book.add("hook", "webhook", {"url": URL, "secret": SECRET})
    overwrite(room, "hook", config_sealed="fernet:gAAAAAnonsense")
    book = reloaded(room)
    with pytest.raises(Invalid, match="url"):
        book.change("hook", {"allow_private": True})
    assert book.change("hook", {"url": URL})["health"] == "ok"
    assert book.get("hook")["config"]["secret_set"] is False


def test_an_older_key_still_opens_what_it_sealed(room: Mailroom, tmp_path: Path) -> None:
    from cryptography.fernet import Fernet

    room.book.add("hook", "webhook", {"url": URL, "secret": SECRET})
    key_file = tmp_path / "secret.key"
    old = [line for line in key_file.read_text().splitlines() if line and not line.startswith("#")]
    key_file.write_text("\n".join([Fernet.generate_key().decode(), *old]) + "\n")
    book = Channelbook(room.database)
    book.load(SecretBox.open(key_file))
    assert book.get("hook")["health"] == "ok"


def test_before_the_key_is_known_nothing_can_be_added(room: Mailroom) -> None:
    with pytest.raises(Conflict, match="not loaded yet"):
        Channelbook(room.database).add("hook", "webhook", {"url": URL})


# -- drafts -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("left_out", sorted(MAIL))
def test_every_member_left_out_of_a_draft_is_the_saved_one(book: Channelbook, left_out: str) -> None:
    book.add("mail", "email", MAIL)
    draft = book.draft("email", "mail", {name: value for name, value in MAIL.items() if name != left_out})
    assert isinstance(draft, EmailChannel)
    assert {name: getattr(draft.config, name) for name in MAIL} == MAIL


def test_a_draft_changes_what_it_names_and_saves_nothing(book: Channelbook) -> None:
    book.add("mail", "email", MAIL)
    draft = book.draft("email", "mail", {"port": 2525, "password": ""})
    assert isinstance(draft, EmailChannel)
    assert (draft.config.port, draft.config.password, draft.config.security) == (2525, "geheim", "tls")
    assert book.get("mail")["config"]["port"] is None


def test_a_draft_of_nothing_saved_stands_alone(book: Channelbook) -> None:
    draft = book.draft("webhook", None, {"url": URL})
    assert isinstance(draft, WebhookChannel)
    with pytest.raises(Invalid, match="url"):
        book.draft("webhook", None, {})


def test_a_draft_does_not_take_secrets_from_a_channel_of_another_kind(book: Channelbook) -> None:
    book.add("mail", "email", MAIL)
    with pytest.raises(Invalid, match="kind"):
        book.draft("mqtt", "mail", {"host": "elsewhere.example.org"})


def test_the_log_can_be_tried_too(book: Channelbook) -> None:
    assert book.draft("log", "log", {}).takes_recipients is False
    with pytest.raises(NotFound):
        book.draft("webhook", "nothing", {"url": URL})
