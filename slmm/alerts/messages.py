"""What is sent to people and machines, and how a delivery can fail; pure values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from slmm.errors import SlmmError


class MessageKind(StrEnum):
    """Why a message is sent."""

    ONSET = "onset"
    ESCALATION = "escalation"
    """An incident became worse, or nobody has acknowledged it in time."""
    REMINDER = "reminder"
    CLEAR = "clear"
    MERGED = "merged"
    """The incident was over before its onset could be delivered."""
    NOTICE = "notice"
    """An incident ended for another reason than recovery, such as an edited rule."""
    DIGEST = "digest"
    SYSTEM = "system"
    """The service about itself, such as a channel that no longer delivers."""
    TEST = "test"


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file that goes with a message."""

    name: str
    content_type: str
    content: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Message:
    """One message for one recipient; every attempt to deliver it is made of the same words and the same *uid*."""

    uid: str
    """The idempotency key: receivers drop what they have seen."""
    kind: MessageKind
    recipient: str
    """Address on the channel; empty where the channel itself has one receiver only."""
    subject: str
    text: str
    payload: Mapping[str, Any]
    """The same for machines, ready for JSON."""
    thread: str
    """The incident's uid: mails of one incident stand together."""
    created_at: datetime
    attachments: tuple[Attachment, ...] = ()


class DeliveryFailed(SlmmError):
    """A channel did not take a message; the message is one sentence without secrets."""

    def __init__(
        self,
        message: str,
        *,
        stage: str,
        code: int | None = None,
        is_final: bool = False,
        pauses_channel: bool = False,
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(message)
        self.stage = stage
        """How far it came: dns, connect, tls, auth, sender, recipient, data, answer or config."""
        self.code = code
        """The code of HTTP or SMTP, if there was one."""
        self.is_final = is_final
        """Trying again is in vain."""
        self.pauses_channel = pauses_channel
        """Nothing else will get through either until somebody changes the channel: a wrong password, a gone address."""
        self.retry_after_s = retry_after_s
        """How long the receiver asked to be left alone, in s."""
