"""Webhooks, posted to a real receiver."""

import json
import ssl
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any

import pytest
from standardwebhooks.webhooks import Webhook

from slmm.alerts.channels.config import checked
from slmm.alerts.channels.webhook import WebhookChannel, WebhookConfig, signature
from slmm.errors import Invalid
from tests.alerts.channels.conftest import AT, a_message, failure_of, ticking
from tests.alerts.http_receiver import Receiver, Reply, running_receiver
from tests.server import free_port

SECRET = "whsec_plJ3nmyCDGBKInavdOK15jsl"
OLD_SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def channel_to(port: int, now: Callable[[], float] | None = None, **given: Any) -> WebhookChannel:
    members = {"url": f"http://127.0.0.1:{port}/hook?site=1", "secret": SECRET, "allow_private": True}
    config = checked(WebhookConfig, {**members, **given})
    assert isinstance(config, WebhookConfig)
    return WebhookChannel(config, now) if now else WebhookChannel(config)


def test_the_signature_is_the_known_one() -> None:
    body = b'{"event_type":"ping","data":{"success":true}}'
    known = "v1,rAvfW3dJ/X/qxhsaXPOyyCGmRKsaKWcsNccKXlIktD0="
    assert signature(SECRET, "msg_loFOjxBNrRLzqYUf", 1_731_705_121, body) == known


def test_a_message_arrives_as_json_that_an_independent_verifier_accepts(receiver: Receiver) -> None:
    said = channel_to(receiver.port).send(a_message())
    (request,) = receiver.requests
    assert said == "204 No Content"
    assert (request.method, request.path) == ("POST", "/hook?site=1")
    assert request.headers["host"] == f"127.0.0.1:{receiver.port}"
    assert request.headers["content-type"] == "application/json"
    assert request.headers["webhook-id"] == "msg-1"
    verified = Webhook(SECRET).verify(request.body.decode(), request.headers)
    assert verified == {
        "type": "alert.onset",
        "timestamp": "2026-03-01T22:15:30Z",
        "data": {"unit_id": "nl43-1", "is_active": True, "level_db": 74.2},
    }


def test_both_secrets_verify_while_they_change(receiver: Receiver) -> None:
    channel_to(receiver.port, old_secret=OLD_SECRET).send(a_message())
    (request,) = receiver.requests
    for secret in (SECRET, OLD_SECRET):
        assert Webhook(secret).verify(request.body.decode(), request.headers)
    assert len(request.headers["webhook-signature"].split(" ")) == 2


def test_each_attempt_is_signed_anew_over_the_same_bytes(receiver: Receiver) -> None:
    times = iter([1_000.0, 1_000.0, 5_000.9])
    receiver.script = [Reply("500 Internal Server Error")]
    channel = channel_to(receiver.port, now=lambda: next(times))
    failure_of(channel, a_message())
    channel.send(a_message())
    first, second = receiver.requests
    assert first.body == second.body
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert (first.headers["webhook-timestamp"], second.headers["webhook-timestamp"]) == ("1000", "5000")
    assert first.headers["webhook-signature"] == signature(SECRET, "msg-1", 1_000, first.body)
    assert second.headers["webhook-signature"] == signature(SECRET, "msg-1", 5_000, second.body)


def test_without_a_secret_nothing_is_signed(receiver: Receiver) -> None:
    channel_to(receiver.port, secret=None).send(a_message())
    assert "webhook-signature" not in receiver.requests[0].headers


def test_configured_headers_are_sent_along(receiver: Receiver) -> None:
    channel_to(receiver.port, headers={"Authorization": "Bearer t0ken"}).send(a_message())
    assert receiver.requests[0].headers["authorization"] == "Bearer t0ken"


@pytest.mark.parametrize(
    ("status", "is_final", "pauses"),
    [
        ("301 Moved Permanently", True, False),
        ("307 Temporary Redirect", True, False),
        ("400 Bad Request", True, False),
        ("401 Unauthorized", True, False),
        ("404 Not Found", True, False),
        ("408 Request Timeout", False, False),
        ("410 Gone", False, True),
        ("425 Too Early", False, False),
        ("429 Too Many Requests", False, False),
        ("500 Internal Server Error", False, False),
        ("503 Service Unavailable", False, False),
    ],
)
def test_statuses_are_sorted_by_what_another_attempt_is_worth(
    status: str, is_final: bool, pauses: bool, receiver: Receiver
) -> None:
    receiver.script = [Reply(status, body=b"because\r\nof \x1b[31mreasons")]
    failed = failure_of(channel_to(receiver.port), a_message())
    assert (failed.stage, failed.code) == ("answer", int(status[:3]))
    assert (failed.is_final, failed.pauses_channel) == (is_final, pauses)
    assert str(failed) == f"http://127.0.0.1:{receiver.port} answered {status} because of [31mreasons"


def test_a_redirect_to_this_computer_is_not_followed(receiver: Receiver) -> None:
    with running_receiver() as inner:
        receiver.script = [Reply("302 Found", {"Location": f"http://127.0.0.1:{inner.port}/admin"})]
        assert failure_of(channel_to(receiver.port), a_message()).is_final
        assert inner.requests == []


@pytest.mark.parametrize(
    ("told", "wait_s"),
    [
        ("120", 120.0),
        ("86400", 3600.0),
        ("-5", None),
        ("soon", None),
        (format_datetime(datetime(2026, 3, 1, 22, 20, 30, tzinfo=UTC), usegmt=True), 300.0),
        (format_datetime(datetime(2026, 3, 9, 22, 20, 30, tzinfo=UTC), usegmt=True), 3600.0),
        (format_datetime(datetime(2026, 2, 1, 22, 20, 30, tzinfo=UTC), usegmt=True), 0.0),
    ],
)
def test_retry_after_is_understood_and_bounded(told: str, wait_s: float | None, receiver: Receiver) -> None:
    receiver.script = [Reply("429 Too Many Requests", {"Retry-After": told})]
    failed = failure_of(channel_to(receiver.port, now=AT.timestamp), a_message())
    assert failed.retry_after_s == wait_s


def test_secrets_that_a_receiver_repeats_are_not_told(receiver: Receiver) -> None:
    receiver.script = [Reply("400 Bad Request", body=b"unknown: Bearer t0ken")]
    failed = failure_of(channel_to(receiver.port, headers={"Authorization": "Bearer t0ken"}), a_message())
    assert "t0ken" not in str(failed)


def test_the_path_of_the_url_is_not_told(receiver: Receiver) -> None:
    receiver.script = [Reply("500 Internal Server Error")]
    assert "site" not in str(failure_of(channel_to(receiver.port), a_message()))


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "127.1",
        "2130706433",
        "0x7f000001",
        "[::1]",
        "169.254.169.254",
        "[::ffff:127.0.0.1]",
        "[::ffff:169.254.169.254]",
        "[64:ff9b::7f00:1]",
        "[2002:7f00:1::]",
        "0.0.0.0",
        "[::]",
        "10.1.2.3",
        "192.168.1.1",
        "100.64.0.1",
        "224.0.0.1",
        "255.255.255.255",
        "[fe80::1]",
        "[fd00:ec2::254]",
        "168.63.129.16",
        "localhost",
    ],
)
def test_addresses_within_the_house_are_refused(host: str, receiver: Receiver) -> None:
    failed = failure_of(channel_to(0, url=f"http://{host}:{receiver.port}/", allow_private=False), a_message())
    assert (failed.stage, failed.is_final) == ("dns", True)
    assert "must not be reached" in str(failed)
    assert receiver.requests == []


@pytest.mark.parametrize(
    "host", ["169.254.169.254", "[fe80::1]", "[fd00:ec2::254]", "0.0.0.0", "[::]", "224.0.0.1", "100.100.100.200"]
)
def test_some_addresses_are_refused_even_where_private_ones_are_allowed(host: str, receiver: Receiver) -> None:
    failed = failure_of(channel_to(0, url=f"http://{host}:{receiver.port}/"), a_message())
    assert (failed.stage, failed.is_final) == ("dns", True)


def test_tls_is_held_to_the_name_though_the_address_is_dialled(certificate: Callable[[str], str]) -> None:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate("localhost"))
    names: list[str | None] = []
    context.sni_callback = lambda _line, name, _context: names.append(name)
    with running_receiver(context) as receiver:
        url = f"https://localhost:{receiver.port}/"
        channel_to(0, url=url).send(a_message())
        assert receiver.requests[0].headers["host"] == f"localhost:{receiver.port}"
    assert names == ["localhost"]


def test_a_certificate_for_another_name_stops_the_message(certificate: Callable[[str], str]) -> None:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate("hooks.example.org"))
    with running_receiver(context) as receiver:
        failed = failure_of(channel_to(0, url=f"https://localhost:{receiver.port}/"), a_message())
        assert receiver.requests == []
    assert (failed.stage, failed.is_final) == ("tls", False)


def test_a_receiver_that_hangs_ends_by_the_deadline_and_holds_up_nobody(receiver: Receiver) -> None:
    receiver.script = [Reply(hangs=True)]
    with ticking():
        failed = failure_of(channel_to(receiver.port), a_message(), within_s=0.5)
    assert (failed.stage, failed.is_final) == ("answer", False)


def test_a_slow_drip_ends_by_the_deadline(receiver: Receiver) -> None:
    receiver.script = [Reply("200 OK", drips_s=0.05)]
    failed = failure_of(channel_to(receiver.port), a_message(), within_s=0.5)
    assert (failed.stage, failed.is_final) == ("answer", False)
    assert "within 0.5 s" in str(failed)


def test_of_a_large_answer_only_the_beginning_is_read(receiver: Receiver) -> None:
    receiver.script = [Reply("400 Bad Request", body=b"x" * 10_000_000)]
    assert len(str(failure_of(channel_to(receiver.port), a_message()))) < 300


def test_what_is_no_http_is_tried_again(receiver: Receiver) -> None:
    receiver.script = [Reply("no number")]
    failed = failure_of(channel_to(receiver.port), a_message())
    assert (failed.stage, failed.is_final) == ("answer", False)


def test_a_closed_port_is_tried_again() -> None:
    failed = failure_of(channel_to(free_port()), a_message())
    assert (failed.stage, failed.is_final) == ("connect", False)


def test_an_unknown_host_is_tried_again() -> None:
    failed = failure_of(channel_to(0, url="https://hooks.invalid/"), a_message())
    assert (failed.stage, failed.is_final) == ("dns", False)


@pytest.mark.parametrize("payload", [{"level_db": float("nan")}, {"at": AT}, {"text": "x" * 20_000}])
def test_what_cannot_be_sent_is_given_up_at_once(payload: dict[str, Any], receiver: Receiver) -> None:
    failed = failure_of(channel_to(receiver.port), a_message(payload=payload))
    assert (failed.stage, failed.is_final) == ("config", True)
    assert receiver.requests == []


def test_all_of_the_body_is_json(receiver: Receiver) -> None:
    channel_to(receiver.port).send(a_message(payload={"unit": "Süd \ud83d"}))
    assert json.loads(receiver.requests[0].body)["data"] == {"unit": "Süd \ud83d"}


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"url": "ftp://example.org/"}, "url='ftp://example.org/' is not allowed: http:// or https://"),
        ({"url": "http://slmm:hidden@example.org/"}, "url='http://…@example.org/' is not allowed"),
        ({"url": "http://example.org:99999/"}, "is not allowed"),
        ({"url": "http:///path"}, "is not allowed"),
        ({"secret": "hidden"}, "secret is not allowed: whsec_ and 16–64 bytes in base64"),
        ({"headers": {"X-Key": "hidden\r\nHost: x"}}, "headers is not allowed: the value of 'X-Key' is more than"),
        ({"headers": {"Host": "hidden"}}, "headers is not allowed: 'Host' is no header that can be added"),
        ({"allow_private": "yes"}, "allow_private='yes' is not allowed: a valid boolean"),
        ({"token": "hidden"}, "'token' is no member of a channel of kind 'webhook': url, secret"),
    ],
)
def test_a_wrong_configuration_is_told_without_secrets(given: dict[str, Any], told: str) -> None:
    with pytest.raises(Invalid) as caught:
        channel_to(80, **given)
    assert told in str(caught.value)
    assert "hidden" not in str(caught.value)
