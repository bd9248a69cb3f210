"""Services of apprise: its JSON plugin against a real receiver."""

import inspect
import io
import json
import logging
import re
import subprocess
import sys
from typing import Any

import pytest

from slmm.alerts.channels import apprise_url
from slmm.alerts.channels.apprise_url import LOCAL, AppriseChannel, AppriseConfig
from slmm.alerts.channels.config import checked, public_view
from slmm.alerts.messages import MessageKind
from slmm.errors import Invalid
from tests.alerts.channels.conftest import a_message, failure_of, ticking
from tests.alerts.http_receiver import Receiver, Reply, running_receiver
from tests.server import TOP, free_port


def channel_to(url: str, **given: Any) -> AppriseChannel:
    config = checked(AppriseConfig, {"url": url, **given})
    assert isinstance(config, AppriseConfig)
    return AppriseChannel(config)


def test_a_message_arrives_and_only_the_schema_is_told(receiver: Receiver) -> None:
    said = channel_to(f"json://slmm:t0ken@127.0.0.1:{receiver.port}/hook").send(a_message(kind=MessageKind.CLEAR))
    body = json.loads(receiver.requests[0].body)
    assert said == "json://… took it"
    assert body["title"] == "NL-43 Süd: LAeq above 70 dB"
    assert body["message"].startswith("LAeq 74.2 dB since 23:15 – limit 70 dB.")
    assert body["type"] == "success"


@pytest.mark.parametrize("status", ["400 Bad Request", "429 Too Many Requests", "500 Internal Server Error"])
def test_every_failure_is_tried_again_as_apprise_does_not_tell_them_apart(status: str, receiver: Receiver) -> None:
    receiver.script = [Reply(status)]
    failed = failure_of(channel_to(f"json://slmm:t0ken@127.0.0.1:{receiver.port}/secret-path"), a_message())
    assert (failed.stage, failed.code) == ("data", int(status[:3]))
    assert (failed.is_final, failed.pauses_channel) == (False, False)
    assert len(receiver.requests) == 1


def test_nothing_of_the_url_is_told_or_logged(capfd: pytest.CaptureFixture[str]) -> None:
    heard = io.StringIO()
    handler = logging.StreamHandler(heard)
    logging.getLogger().addHandler(handler)
    try:
        channel = channel_to(f"json://slmm-user:t0ken%21@localhost:{free_port()}/secret-path?+Authorization=hidden")
        failed = failure_of(channel, a_message())
    finally:
        logging.getLogger().removeHandler(handler)
    assert str(failed).startswith("json://… failed: A Connection error occurred")
    for shown in (
        str(failed),
        heard.getvalue(),
        repr(channel.config),
        str(public_view(channel.config)),
        *capfd.readouterr(),
    ):
        assert not re.search("slmm-user|t0ken|localhost|secret-path|hidden", shown)


def test_a_plugin_that_breaks_is_told_by_the_kind_of_its_error_only() -> None:
    apprise_url._apprise()
    from apprise import NotifyBase
    from apprise.manager_plugins import NotificationManager

    class Breaks(NotifyBase):  # type: ignore[misc]
        app_id = service_name = "Breaks"
        protocol = "breaks"

        def __init__(self, **given: Any) -> None:
            super().__init__(**given)
            if self.host == "early":
                raise TypeError("hidden")

        def url(self, *_: Any, **__: Any) -> str:
            return "breaks://"

        def send(self, *_: Any, **__: Any) -> bool:
            raise RuntimeError("hidden")

    plugins = NotificationManager()
    assert plugins.add(Breaks, schemas="breaks")
    try:
        failed = failure_of(channel_to("breaks://late"), a_message())
        with pytest.raises(Invalid, match="url is not allowed"):
            channel_to("breaks://early")
    finally:
        plugins.remove("breaks")
    assert str(failed) == "breaks://… failed: RuntimeError"
    assert failed.__cause__ is None


@pytest.mark.parametrize("asked", ["", "?redirect=yes"])
def test_redirects_are_not_followed_whatever_the_url_says(asked: str, receiver: Receiver) -> None:
    with running_receiver() as inner:
        receiver.script = [Reply("302 Found", {"Location": f"http://127.0.0.1:{inner.port}/"})]
        failure_of(channel_to(f"json://127.0.0.1:{receiver.port}/{asked}"), a_message())
        assert inner.requests == []


def test_attempts_are_not_repeated_whatever_the_url_says(receiver: Receiver) -> None:
    receiver.script = [Reply("500 Internal Server Error")] * 3
    failure_of(channel_to(f"json://127.0.0.1:{receiver.port}/?retry=2&wait=0"), a_message())
    assert len(receiver.requests) == 1


def test_a_service_that_hangs_ends_by_the_deadline_and_holds_up_nobody(receiver: Receiver) -> None:
    receiver.script = [Reply(hangs=True)]
    channel = channel_to(f"json://127.0.0.1:{receiver.port}/", timeout_s=1)
    with ticking():
        failed = failure_of(channel, a_message())
    assert (failed.stage, failed.is_final) == ("data", False)


@pytest.mark.parametrize("schema", [*sorted(LOCAL), "SYSLOG", "mqtt", "xmpps"])
def test_schemas_of_this_computer_are_refused(schema: str) -> None:
    with pytest.raises(Invalid, match=r"url is not allowed: .*://") as caught:
        channel_to(f"{schema}://hidden")
    assert "hidden" not in str(caught.value)


def test_loading_the_plugins_holds_up_nobody() -> None:
    measured = """
from gevent import monkey; monkey.patch_all()
from slmm.alerts.channels.registry import make
from tests.alerts.channels.conftest import ticking
with ticking(0.2):
    make("apprise", {"url": "json://127.0.0.1/"})
"""
    done = subprocess.run([sys.executable, "-c", measured], cwd=TOP, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


def test_no_plugin_that_acts_on_this_computer_is_forgotten() -> None:
    apprise_url._apprise()
    from apprise.manager_plugins import NotificationManager

    local = re.compile(r"^\s*(import|from) (subprocess|dbus|gi\.repository|win32\w+|hid|syslog)\b", re.MULTILINE)
    over_the_network = {"rsyslog"}  # takes constants of the module syslog
    for plugin in NotificationManager().plugins():
        if local.search(inspect.getsource(sys.modules[plugin.__module__])):
            names = {plugin.protocol} if isinstance(plugin.protocol, str) else set(plugin.protocol)
            assert names <= LOCAL | over_the_network, plugin


@pytest.mark.parametrize(
    "url", ["", "hidden", "nope://hidden", "tgram://hidden", "json://a b", "json://a\r\nb", "file:///hidden"]
)
def test_what_apprise_cannot_use_is_refused_without_being_repeated(url: str) -> None:
    with pytest.raises(Invalid, match="url is not allowed") as caught:
        channel_to(url)
    assert "hidden" not in str(caught.value)
    assert caught.value.field == "url"


def test_a_url_with_a_place_for_it_takes_recipients(receiver: Receiver) -> None:
    channel = channel_to(f"json://127.0.0.1:{receiver.port}/to/{{recipient}}")
    assert channel.takes_recipients
    channel.send(a_message(recipient=channel.check_recipient(" +4912345 ")))
    assert receiver.requests[0].path == "/to/+4912345"


@pytest.mark.parametrize("text", ["", "a,b", "a/b", "a b", "a\r\nb", "ä"])
def test_a_recipient_cannot_become_several(text: str) -> None:
    channel = channel_to("json://127.0.0.1/to/{recipient}")
    with pytest.raises(Invalid, match=r"recipient .* is not allowed: an address as json://… takes it"):
        channel.check_recipient(text)


def test_a_url_for_one_receiver_takes_no_recipient() -> None:
    with pytest.raises(Invalid, match="one receiver of its own"):
        channel_to("json://127.0.0.1/").check_recipient("somebody")
