"""E-mail over SMTP: one connection per mail, so that one recipient's refusal is nobody else's."""

from __future__ import annotations

import re
import smtplib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Annotated, ClassVar, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from slmm.alerts.channels.base import Channel, Progress, one_sentence
from slmm.alerts.channels.config import SECRET, ChannelConfig
from slmm.alerts.channels.dial import dial, network_failures, tls_context
from slmm.alerts.channels.mail import Sender, compose
from slmm.alerts.messages import DeliveryFailed, Message
from slmm.errors import Invalid

PORTS = {"none": 25, "starttls": 587, "tls": 465}
ANSWERS_IN_DEADLINE = 3
"""The whole mail may take as long as this many answers."""
LOGIN_CODES = {530, 534, 535}
"""The server wants another login than the channel has (RFC 4954); no other mail will get through either."""

_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_DOMAIN = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
_LOCAL = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")


def _address(text: str) -> str:
    local, _, domain = text.strip().rpartition("@")
    try:
        ascii_domain = domain.encode("idna").decode().lower()
    except UnicodeError:
        ascii_domain = ""
    is_address = _LOCAL.fullmatch(local) and _DOMAIN.fullmatch(ascii_domain)
    if not is_address or len(local) > 64 or len(ascii_domain) > 253:
        raise ValueError("one mail address such as noise@example.org, without a name, ASCII before the @")
    return f"{local}@{ascii_domain}"


def _host(text: str) -> str:
    if not _DOMAIN.fullmatch(text) and not re.fullmatch(r"[0-9A-Fa-f:.]{2,45}", text):
        raise ValueError("a host name or an IP address")
    return text


def _domain(text: str) -> str:
    if not _DOMAIN.fullmatch(text):
        raise ValueError("a host name such as slmm.example.org")
    return text


def _one_line(text: str) -> str:
    if not text.isprintable():
        raise ValueError("printable characters on one line")
    return text


def _ascii(text: str) -> str:
    if not (text.isascii() and text.isprintable()):
        raise ValueError("printable ASCII, as smtplib sends no other")
    return text


class EmailConfig(ChannelConfig):
    """Where mail is handed over; an own certificate authority comes in by the variable SSL_CERT_FILE."""

    kind: ClassVar[str] = "email"

    host: Annotated[str, AfterValidator(_host)]
    port: Annotated[int, Field(ge=1, le=65_535)] | None = None
    """None is 25, 587 or 465, as *security* has it."""
    security: Literal["none", "starttls", "tls"] = "starttls"
    username: Annotated[str, AfterValidator(_ascii)] | None = None
    password: Annotated[Annotated[str, AfterValidator(_ascii)] | None, SECRET] = None
    sender: Annotated[str, AfterValidator(_address)]
    sender_name: Annotated[str, Field(max_length=100), AfterValidator(_one_line)] = "SLMM"
    hostname: Annotated[str, AfterValidator(_domain)] | None = None
    """Said in EHLO and part of each Message-ID; None is the sender's domain."""
    timeout_s: Annotated[float, Field(ge=1, le=60)] = 10.0
    """For each answer of the server."""
    max_attachment_bytes: Annotated[int, Field(ge=0, le=20_000_000)] = 2_000_000
    """For all attachments of a mail together."""

    @model_validator(mode="after")
    def _login_is_whole(self) -> Self:
        if (self.username is None) != (self.password is None):
            raise ValueError("username and password belong together: give both or neither")
        return self


class EmailChannel(Channel):
    """Hands each mail to the configured server."""

    takes_recipients = True

    def __init__(self, config: EmailConfig) -> None:
        super().__init__(deadline_s=ANSWERS_IN_DEADLINE * config.timeout_s)
        self.config = config
        hostname = config.hostname or config.sender.rpartition("@")[2]
        self._sender = Sender(config.sender, config.sender_name, hostname, config.max_attachment_bytes)

    def check_recipient(self, text: str) -> str:
        """The address with its domain in ASCII; raises Invalid for what is none."""
        try:
            return _address(text)
        except ValueError as error:
            raise Invalid(f"recipient {text!r} is not allowed: {error}", "recipient") from None

    def _deliver(self, message: Message, progress: Progress) -> str:
        try:
            recipient = self.check_recipient(message.recipient)
        except Invalid as error:
            raise DeliveryFailed(str(error), stage="recipient", is_final=True) from None
        mail = compose(self._sender, message, recipient)
        with network_failures(self.config.host, progress), _smtp_failures(self.config, progress):
            server = self._open(progress)
            try:
                self._greet(server, progress)
                return self._hand_over(server, recipient, mail, progress)
            finally:
                # The answer to QUIT is not waited for: the mail is theirs, whatever they say now.
                with suppress(OSError, smtplib.SMTPException):
                    server.putcmd("quit")
                server.close()

    def _open(self, progress: Progress) -> smtplib.SMTP:
        config = self.config
        port, is_tls = config.port or PORTS[config.security], config.security == "tls"
        line = dial(config.host, port, progress, timeout_s=config.timeout_s, tls=is_tls)
        server = smtplib.SMTP(local_hostname=self._sender.hostname, timeout=config.timeout_s)
        server.sock = line
        # The name that starttls() holds the certificate to; the public way to set it dials as well.
        server._host = config.host  # type: ignore[attr-defined]
        return server

    def _greet(self, server: smtplib.SMTP, progress: Progress) -> None:
        progress.stage = "connect"
        code, told = server.getreply()
        if code != 220:
            raise smtplib.SMTPConnectError(code, told)
        server.ehlo_or_helo_if_needed()
        if self.config.security == "starttls":
            progress.stage = "tls"
            server.starttls(context=tls_context())
            server.ehlo_or_helo_if_needed()
        if self.config.username is not None and self.config.password is not None:
            progress.stage = "auth"
            server.login(self.config.username, self.config.password)

    def _hand_over(self, server: smtplib.SMTP, recipient: str, mail: bytes, progress: Progress) -> str:
        progress.stage = "sender"
        _accepted(server.mail(self.config.sender))
        progress.stage = "recipient"
        _accepted(server.rcpt(recipient))
        progress.stage = "data"
        code, told = _accepted(server.data(mail))
        return f"{code} {one_sentence(told, [self.config.password])}"


def _accepted(answer: tuple[int, bytes]) -> tuple[int, bytes]:
    if not 200 <= answer[0] < 300:
        raise smtplib.SMTPResponseException(*answer)
    return answer


@contextmanager
def _smtp_failures(config: EmailConfig, progress: Progress) -> Iterator[None]:
    """What smtplib raises, as DeliveryFailed."""
    try:
        yield
    except smtplib.SMTPResponseException as error:
        raise _refusal(config, progress.stage, error) from error
    except smtplib.SMTPNotSupportedError as error:
        what = "STARTTLS" if progress.stage == "tls" else "a login"
        raise DeliveryFailed(f"{config.host} does not offer {what}", stage=progress.stage) from error
    except smtplib.SMTPException as error:
        told = one_sentence(str(error), [config.password])
        raise DeliveryFailed(f"{config.host}: {told} (stage {progress.stage})", stage=progress.stage) from error


def _refusal(config: EmailConfig, stage: str, error: smtplib.SMTPResponseException) -> DeliveryFailed:
    code = error.smtp_code
    told = one_sentence(error.smtp_error, [config.password])
    pauses = code in LOGIN_CODES or (stage == "auth" and code >= 500)
    is_final = not pauses and code >= 500 and stage in {"sender", "recipient", "data"}
    return DeliveryFailed(
        f"{config.host} answered {code} {told} (stage {stage})",
        stage=stage,
        code=code,
        is_final=is_final,
        pauses_channel=pauses,
    )
