"""What a mail looks like: headers that keep an incident together, and the text; pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from email.headerregistry import Address, HeaderRegistry, MessageIDHeader
from email.message import EmailMessage
from email.policy import SMTP, Policy
from email.utils import format_datetime

from slmm.alerts.messages import Attachment, DeliveryFailed, Message


class _Unfolded(MessageIDHeader):
    """An identifier in one piece: folded or taken for prose it would become several lines or encoded words."""

    name: str

    def fold(self, *, policy: Policy) -> str:
        return f"{self.name}: {self}{policy.linesep}"


_HEADERS = HeaderRegistry()
# typeshed wants a class that the registry derives itself.
for _name in ("message-id", "in-reply-to", "references"):
    _HEADERS.map_to_type(_name, _Unfolded)  # type: ignore[arg-type]
_POLICY = SMTP.clone(header_factory=_HEADERS)

_IDENTIFIER = re.compile(r"[A-Za-z0-9._-]{1,60}")
"""Short enough for a MIME boundary as well."""


@dataclass(frozen=True, slots=True)
class Sender:
    """Who writes, and how much may be attached."""

    address: str
    name: str
    hostname: str
    max_attachment_bytes: int


def compose(sender: Sender, message: Message, recipient: str) -> bytes:
    """The mail as it goes over the line, the same bytes for every attempt.

    Raises DeliveryFailed for a message that would break the headers.
    """
    mail = EmailMessage(policy=_POLICY)
    name, _, domain = sender.address.rpartition("@")
    mail["From"] = Address(sender.name, name, domain)
    mail["To"] = recipient
    mail["Subject"] = _header(message.subject, "subject")
    mail["Date"] = format_datetime(message.created_at)
    mail["Message-ID"] = _message_id(message.uid, sender.hostname)
    if message.thread:
        # Nobody has this mail: it is the root under which all mails of the incident stand, in any order.
        root = _message_id(message.thread, sender.hostname)
        mail["In-Reply-To"] = root
        mail["References"] = root
    mail["Auto-Submitted"] = "auto-generated"
    mail["X-Auto-Response-Suppress"] = "All"
    fitting, left_out = _fitting(message.attachments, sender.max_attachment_bytes)
    # Half a surrogate pair, as a broken name may hold, is no UTF-8.
    text = _text(message.text, left_out).encode("utf-8", "replace").decode()
    mail.set_content(text, cte="quoted-printable")
    for attachment in fitting:
        main, _, sub = attachment.content_type.partition(";")[0].partition("/")
        mail.add_attachment(attachment.content, maintype=main, subtype=sub, filename=_header(attachment.name, "name"))
    if mail.is_multipart():
        mail.set_boundary(f"=={message.uid}==")
    return mail.as_bytes()


def _header(text: str, what: str) -> str:
    """The value of a header; raises DeliveryFailed where it would begin another one."""
    if not text.isprintable():
        raise DeliveryFailed(f"the {what} {text!r} holds control characters", stage="config", is_final=True)
    return text


def _message_id(identifier: str, hostname: str) -> str:
    if not _IDENTIFIER.fullmatch(identifier):
        raise DeliveryFailed(f"{identifier!r} cannot stand in a Message-ID", stage="config", is_final=True)
    return f"<{identifier}@{hostname}>"


def _fitting(attachments: Sequence[Attachment], limit_bytes: int) -> tuple[list[Attachment], list[Attachment]]:
    """Those that go along, in their order, and those for which there is no room left."""
    fitting: list[Attachment] = []
    left_out: list[Attachment] = []
    for attachment in attachments:
        room_bytes = limit_bytes - sum(len(taken.content) for taken in fitting)
        (fitting if len(attachment.content) <= room_bytes else left_out).append(attachment)
    return fitting, left_out


def _text(text: str, left_out: Sequence[Attachment]) -> str:
    if not left_out:
        return text
    names = ", ".join(f"{attachment.name} ({len(attachment.content) / 1000:.0f} kB)" for attachment in left_out)
    return f"{text.rstrip()}\n\nLeft out, as too large for this channel: {names}.\n"
