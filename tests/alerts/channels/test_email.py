"""Mail, handed over to a real server."""

import email
import email.policy
from collections.abc import Callable
from email.message import EmailMessage
from typing import Any

import pytest
from gevent.server import StreamServer

from slmm.alerts.channels.config import checked
from slmm.alerts.channels.email import EmailChannel, EmailConfig
from slmm.alerts.messages import Attachment
from slmm.errors import Invalid
from tests.alerts.channels.conftest import a_message, failure_of, ticking
from tests.alerts.smtp_sink import RunningSink, running_sink
from tests.server import free_port

TO = "night@example.org"
LONG_NAME = "sound-level-meters.department-of-the-environment.example.org"


def channel_to(port: int, **given: Any) -> EmailChannel:
    members = {"host": "localhost", "port": port, "security": "none", "sender": "slmm@example.org", "timeout_s": 5}
    config = checked(EmailConfig, {**members, **given})
    assert isinstance(config, EmailConfig)
    return EmailChannel(config)


def parsed(sink: RunningSink) -> EmailMessage:
    mail = email.message_from_string(sink.next_mail()["content"], policy=email.policy.default)
    assert isinstance(mail, EmailMessage)
    return mail


def test_a_mail_arrives_and_the_server_is_quoted() -> None:
    with running_sink() as sink:
        said = channel_to(sink.port, hostname="slmm.example.org").send(a_message(recipient=TO))
        mail = sink.next_mail()
    assert said == "250 2.0.0 queued as 1"
    assert mail["mail_from"] == "slmm@example.org"
    assert mail["rcpt_tos"] == [TO]
    assert mail["hostname"] == "slmm.example.org"
    assert not mail["is_tls"]


def test_headers_name_the_incident_and_keep_robots_quiet() -> None:
    with running_sink() as sink:
        channel_to(sink.port, sender_name="Lärm, Süd", hostname=LONG_NAME).send(a_message(recipient=TO))
        mail = parsed(sink)
    assert mail["Subject"] == "NL-43 Süd: LAeq above 70 dB"
    assert mail["From"].addresses[0].display_name == "Lärm, Süd"
    assert mail["From"].addresses[0].addr_spec == "slmm@example.org"
    assert mail["To"] == TO
    assert mail["Date"] == "Sun, 01 Mar 2026 22:15:30 +0000"
    assert mail["Message-ID"] == f"<msg-1@{LONG_NAME}>"
    assert mail["In-Reply-To"] == f"<incident-1@{LONG_NAME}>"
    assert mail["References"] == f"<incident-1@{LONG_NAME}>"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["X-Auto-Response-Suppress"] == "All"
    assert mail.get_content_type() == "text/plain"
    assert mail.get_content().rstrip() == "LAeq 74.2 dB since 23:15 – limit 70 dB."


def test_long_identifiers_are_not_folded_into_encoded_words() -> None:
    uid = "0198f0f0-7c5e-7c3a-9c57-8f2b6f1d2c3e"
    with running_sink() as sink:
        channel_to(sink.port, hostname=LONG_NAME).send(a_message(recipient=TO, uid=uid, thread=uid))
        lines = sink.next_mail()["content"].splitlines()
    for header in ("Message-ID", "In-Reply-To", "References"):
        assert f"{header}: <{uid}@{LONG_NAME}>" in lines


def test_a_message_of_no_incident_begins_a_thread_of_its_own() -> None:
    with running_sink() as sink:
        channel_to(sink.port).send(a_message(recipient=TO, thread=""))
        mail = parsed(sink)
    assert mail["References"] is None
    assert mail["Message-ID"] == "<msg-1@example.org>"


def test_every_attempt_sends_the_same_bytes() -> None:
    message = a_message(recipient=TO, attachments=(Attachment("trail.csv", "text/csv; charset=utf-8", b"time;dB\n"),))
    with running_sink() as sink:
        channel = channel_to(sink.port)
        channel.send(message)
        channel.send(message)
        assert sink.next_mail()["content"] == sink.next_mail()["content"]


def test_attachments_go_along_while_there_is_room() -> None:
    attachments = (
        Attachment("chart.svg", "image/svg+xml", b"<svg/>" * 1000),
        Attachment("trail.csv", "text/csv; charset=utf-8", b"time;dB\n"),
    )
    with running_sink() as sink:
        channel_to(sink.port, max_attachment_bytes=1000).send(a_message(recipient=TO, attachments=attachments))
        mail = parsed(sink)
    attached = list(mail.iter_attachments())
    assert [part.get_filename() for part in attached] == ["trail.csv"]
    assert attached[0].get_payload(decode=True) == b"time;dB\n"
    body = mail.get_body()
    assert body is not None
    assert "Left out, as too large for this channel: chart.svg (6 kB)." in body.get_content()


@pytest.mark.parametrize(
    "given", [{"subject": "meter\r\nBcc: all@example.org"}, {"subject": "a\nb"}, {"uid": "a\r\nb"}]
)
def test_line_breaks_in_headers_are_refused_for_good(given: dict[str, str]) -> None:
    with running_sink() as sink:
        failed = failure_of(channel_to(sink.port), a_message(recipient=TO, **given))
        assert failed.is_final
        assert sink.rest() == []


def test_line_breaks_in_an_attachment_name_are_refused_for_good() -> None:
    attachments = (Attachment("a\r\nBcc: b.csv", "text/csv", b""),)
    assert failure_of(channel_to(free_port()), a_message(recipient=TO, attachments=attachments)).is_final


def test_half_a_surrogate_pair_in_the_text_is_replaced() -> None:
    with running_sink() as sink:
        channel_to(sink.port).send(a_message(recipient=TO, text="meter \ud83d\n"))
        assert parsed(sink).get_content().strip() == "meter ?"


@pytest.mark.parametrize(
    ("options", "stage", "code", "is_final", "pauses"),
    [
        (["--refuse", TO], "recipient", 550, True, False),
        (["--defer", TO], "recipient", 451, False, False),
        (["--answer-mail", "553 5.7.1 not your address"], "sender", 553, True, False),
        (["--answer-mail", "530 5.7.0 authentication required"], "sender", 530, False, True),
        (["--answer-data", "554 5.6.0 looks like spam"], "data", 554, True, False),
        (["--answer-data", "452 4.3.1 disk full"], "data", 452, False, False),
    ],
)
def test_answers_are_sorted_by_what_another_attempt_is_worth(
    options: list[str], stage: str, code: int, is_final: bool, pauses: bool
) -> None:
    with running_sink(*options) as sink:
        failed = failure_of(channel_to(sink.port), a_message(recipient=TO))
    assert (failed.stage, failed.code, failed.is_final, failed.pauses_channel) == (stage, code, is_final, pauses)
    assert str(code) in str(failed)


def test_one_recipient_refused_is_nobody_elses_trouble() -> None:
    with running_sink("--refuse", TO) as sink:
        channel = channel_to(sink.port)
        assert failure_of(channel, a_message(recipient=TO)).is_final
        channel.send(a_message(recipient="day@example.org"))
        assert sink.next_mail()["rcpt_tos"] == ["day@example.org"]


def test_a_right_login_is_accepted() -> None:
    with running_sink("--login", "slmm:right") as sink:
        channel_to(sink.port, username="slmm", password="right").send(a_message(recipient=TO))
        assert sink.next_mail()["login"] == "slmm"


def test_a_wrong_password_pauses_the_channel_and_is_not_told() -> None:
    with running_sink("--login", "slmm:right") as sink:
        failed = failure_of(channel_to(sink.port, username="slmm", password="wr0ng-one"), a_message(recipient=TO))
    assert (failed.stage, failed.code) == ("auth", 535)
    assert failed.pauses_channel
    assert "wr0ng-one" not in str(failed)


def test_a_login_that_fails_for_now_is_tried_again() -> None:
    with running_sink("--login", "slmm:right", "--auth-answer", "454 4.7.0 temporary failure") as sink:
        failed = failure_of(channel_to(sink.port, username="slmm", password="right"), a_message(recipient=TO))
    assert (failed.stage, failed.code, failed.pauses_channel, failed.is_final) == ("auth", 454, False, False)


def test_a_server_without_logins_is_told() -> None:
    with running_sink() as sink:
        failed = failure_of(channel_to(sink.port, username="slmm", password="right"), a_message(recipient=TO))
    assert (failed.stage, str(failed)) == ("auth", "localhost does not offer a login")


def test_a_server_that_takes_no_mail_at_present_is_tried_again() -> None:
    server = StreamServer(("127.0.0.1", 0), lambda line, _address: line.sendall(b"554 5.3.2 not now\r\n"))
    server.start()
    try:
        failed = failure_of(channel_to(server.server_port), a_message(recipient=TO))
    finally:
        server.stop(timeout=1)
    assert (failed.stage, failed.code, failed.is_final) == ("connect", 554, False)


def test_a_recipient_that_is_no_address_is_given_up_at_once() -> None:
    failed = failure_of(channel_to(free_port()), a_message(recipient="night"))
    assert (failed.stage, failed.is_final) == ("recipient", True)


@pytest.mark.parametrize(("security", "options"), [("starttls", []), ("tls", ["--tls"])])
def test_tls_is_used_as_configured(security: str, options: list[str], certificate: Callable[[str], str]) -> None:
    with running_sink("--certificate", certificate("localhost"), *options) as sink:
        channel_to(sink.port, security=security).send(a_message(recipient=TO))
        assert sink.next_mail()["is_tls"]


@pytest.mark.parametrize(("security", "options"), [("starttls", []), ("tls", ["--tls"])])
def test_a_certificate_for_another_name_stops_the_mail(
    security: str, options: list[str], certificate: Callable[[str], str]
) -> None:
    with running_sink("--certificate", certificate("mail.example.org"), *options) as sink:
        failed = failure_of(channel_to(sink.port, security=security), a_message(recipient=TO))
        assert sink.rest() == []
    assert (failed.stage, failed.is_final) == ("tls", False)
    assert "certificate of localhost" in str(failed)


def test_a_server_without_starttls_gets_no_mail() -> None:
    with running_sink() as sink:
        failed = failure_of(channel_to(sink.port, security="starttls"), a_message(recipient=TO))
        assert sink.rest() == []
    assert failed.stage == "tls"
    assert "does not offer STARTTLS" in str(failed)


def test_a_server_without_tls_is_named_as_such() -> None:
    with running_sink() as sink:
        failed = failure_of(channel_to(sink.port, security="tls"), a_message(recipient=TO))
    assert failed.stage == "tls"


def test_a_closed_port_is_told_as_the_connection() -> None:
    failed = failure_of(channel_to(free_port()), a_message(recipient=TO))
    assert (failed.stage, failed.is_final) == ("connect", False)
    assert "Connection refused" in str(failed)


def test_an_unknown_host_is_told_as_the_name() -> None:
    failed = failure_of(channel_to(25, host="mail.invalid"), a_message(recipient=TO))
    assert (failed.stage, failed.is_final) == ("dns", False)


@pytest.mark.parametrize(("hang", "stage"), [("connect", "connect"), ("data", "data")])
def test_a_silent_server_is_left_and_holds_up_nobody(hang: str, stage: str) -> None:
    with running_sink("--hang", hang) as sink, ticking():
        failed = failure_of(channel_to(sink.port, timeout_s=1), a_message(recipient=TO))
    assert (failed.stage, failed.is_final) == (stage, False)


def test_the_deadline_may_be_made_shorter() -> None:
    with running_sink("--hang", "connect") as sink:
        failed = failure_of(channel_to(sink.port), a_message(recipient=TO), within_s=0.3)
    assert failed.stage == "connect"
    assert "within 0.3 s" in str(failed)


def test_recipients_are_single_addresses_with_an_ascii_domain() -> None:
    channel = channel_to(25)
    assert channel.takes_recipients
    assert channel.check_recipient(" Night.Duty@Exämple.org ") == "Night.Duty@xn--exmple-cua.org"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "night",
        "a@" + "x" * 64 + ".org",
        "a@b..org",
        "a@b@c",
        "Night <a@b.org>",
        "a@b.org, c@d.org",
        "a@b.org\r\nBcc: c",
        "ä@b.org",
    ],
)
def test_what_is_no_address_is_named(text: str) -> None:
    with pytest.raises(Invalid, match=r"recipient .* is not allowed: one mail address such as") as caught:
        channel_to(25).check_recipient(text)
    assert caught.value.field == "recipient"


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"security": "ssl"}, "security='ssl' is not allowed: 'none', 'starttls' or 'tls'"),
        ({"timeout_s": 0}, "timeout_s=0 is not allowed: greater than or equal to 1"),
        ({"sender": "nobody"}, "sender='nobody' is not allowed: one mail address"),
        ({"sender_name": "a\nb"}, "is not allowed: printable characters on one line"),
        ({"username": "slmm"}, "username and password belong together"),
        ({"host": "a b"}, "host='a b' is not allowed: a host name or an IP address"),
        ({"hostname": "a_b"}, "hostname='a_b' is not allowed: a host name such as"),
        ({"username": "slmm", "password": "pässword"}, "password is not allowed: printable ASCII"),
    ],
)
def test_a_wrong_configuration_names_member_value_and_what_is_allowed(given: dict[str, Any], told: str) -> None:
    with pytest.raises(Invalid) as caught:
        channel_to(25, **given)
    assert told in str(caught.value)
