"""Configurations: what is shown, what stays, what goes."""

from typing import Any

import pytest

from slmm.alerts.channels.config import public_view
from slmm.alerts.channels.registry import KINDS, configuration, make, merged
from slmm.errors import Invalid
from tests.alerts.channels.conftest import a_message

MAIL: dict[str, Any] = {
    "host": "mail.example.org",
    "sender": "slmm@example.org",
    "security": "tls",
    "username": "slmm",
    "password": "hidden",
    "timeout_s": 20.0,
}
HOOK: dict[str, Any] = {"url": "https://hooks.example.org/", "headers": {"Authorization": "hidden"}}
PUSH: dict[str, Any] = {"url": "json://hidden:hidden@example.org/hidden"}


def test_the_secrets_of_each_kind_are_known() -> None:
    secrets = {kind: model.secrets() for kind, model in KINDS.items()}
    assert secrets["email"] == {"password"}
    assert secrets["webhook"] == {"secret", "old_secret", "headers"}
    assert secrets["mqtt"] == {"password"}
    assert secrets["apprise"] == {"url"}
    assert secrets["log"] == frozenset()


def test_secrets_are_neither_shown_nor_printed() -> None:
    for config in (configuration("email", MAIL), configuration("webhook", HOOK), configuration("apprise", PUSH)):
        assert "hidden" not in str(public_view(config))
        assert "hidden" not in repr(config)


def test_the_view_says_which_secrets_are_set() -> None:
    view = public_view(configuration("webhook", HOOK))
    assert view == {
        "url": "https://hooks.example.org/",
        "allow_private": False,
        "headers_set": True,
        "old_secret_set": False,
        "secret_set": False,
    }


@pytest.mark.parametrize("name", list(MAIL))
def test_every_omitted_member_stays_as_stored(name: str) -> None:
    given = {key: value for key, value in MAIL.items() if key != name}
    stored = merged("email", None, MAIL)
    assert merged("email", stored, given) == stored


def test_the_test_of_an_unsaved_change_keeps_the_rest() -> None:
    stored = merged("email", None, MAIL)
    assert merged("email", stored, {"host": "new.example.org"}) == {**stored, "host": "new.example.org"}


def test_an_empty_secret_stays_as_stored() -> None:
    assert merged("email", MAIL, {"password": ""})["password"] == "hidden"
    assert merged("webhook", HOOK, {"headers": {}})["headers"] == {"Authorization": "hidden"}


def test_null_clears() -> None:
    changed = merged("email", MAIL, {"password": None, "username": None, "timeout_s": None})
    assert (changed["password"], changed["username"], changed["timeout_s"]) == (None, None, 10.0)
    assert merged("webhook", HOOK, {"headers": None})["headers"] == {}


def test_a_view_can_be_sent_back() -> None:
    stored = merged("email", None, MAIL)
    assert merged("email", stored, public_view(configuration("email", stored))) == stored


def test_members_that_an_older_release_stored_do_no_harm() -> None:
    assert merged("log", {"colour": "red"}, {}) == {}


def test_a_required_member_is_named() -> None:
    with pytest.raises(Invalid, match="sender is missing") as caught:
        merged("email", None, {"host": "mail.example.org"})
    assert caught.value.field == "sender"


def test_an_unknown_kind_is_named() -> None:
    with pytest.raises(Invalid, match="kind 'pigeon' is not allowed: log, email"):
        configuration("pigeon", {})


def test_a_channel_of_one_receiver_takes_no_address() -> None:
    channel = make("log", {})
    assert not channel.takes_recipients
    assert channel.check_recipient("") == ""
    with pytest.raises(Invalid, match="recipient 'somebody' is not allowed"):
        channel.check_recipient("somebody")


def test_every_kind_can_be_made_of_its_configuration() -> None:
    assert make("email", MAIL).takes_recipients
    assert not make("webhook", HOOK).takes_recipients
    assert not make("mqtt", {"host": "broker.example.org"}).takes_recipients
    assert not make("apprise", PUSH).takes_recipients


def test_the_log_gets_one_line_whatever_a_name_holds(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO", "slmm.alerts"):
        said = make("log", {}).send(a_message(subject="meter\r\nERROR all is lost"))
    assert said == "written to the log"
    assert [(record.levelname, record.getMessage()) for record in caplog.records] == [
        ("WARNING", "onset: meter ERROR all is lost (msg-1)")
    ]
