"""POST as JSON, signed as Standard Webhooks says (standardwebhooks.com)."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import re
import time
from collections.abc import Callable
from typing import Annotated, ClassVar

from pydantic import AfterValidator, Field

from slmm.alerts.channels import exchange
from slmm.alerts.channels.base import Channel, Progress
from slmm.alerts.channels.config import SECRET, ChannelConfig
from slmm.alerts.messages import DeliveryFailed, Message

BODY_LIMIT_BYTES = 20_000
DEADLINE_S = 15.0

OWN_HEADERS = {"connection", "content-length", "content-type", "host", "te", "trailer", "transfer-encoding", "upgrade"}
OWN_HEADERS |= {"expect", "user-agent", "webhook-id", "webhook-signature", "webhook-timestamp"}
"""Not to be set by the channel's configuration."""


def _url(text: str) -> str:
    exchange.target_of(text)
    return text


def _headers(headers: dict[str, str]) -> dict[str, str]:
    for name, value in headers.items():
        if not re.fullmatch(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}", name) or name.lower() in OWN_HEADERS:
            raise ValueError(f"{name!r} is no header that can be added")
        if not re.fullmatch(r"[ -~]{0,2000}", value):
            raise ValueError(f"the value of {name!r} is more than one line of printable ASCII")
    return headers


def _key(secret: str) -> bytes:
    """The bytes of ``whsec_<base64>``; raises ValueError."""
    try:
        key = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    except binascii.Error:
        key = b""
    if not secret.startswith("whsec_") or not 16 <= len(key) <= 64:
        raise ValueError("whsec_ and 16–64 bytes in base64")
    return key


def _secret(text: str) -> str:
    _key(text)
    return text


WebhookSecret = Annotated[Annotated[str, AfterValidator(_secret)] | None, SECRET]


class WebhookConfig(ChannelConfig):
    """Where to post; an own certificate authority comes in by the variable SSL_CERT_FILE."""

    kind: ClassVar[str] = "webhook"

    url: Annotated[str, AfterValidator(_url)]
    secret: WebhookSecret = None
    """None sends without a signature."""
    old_secret: WebhookSecret = None
    """Signs as well while receivers change to the new one."""
    headers: Annotated[dict[str, str], AfterValidator(_headers), Field(max_length=20), SECRET] = Field(
        default_factory=dict
    )
    """Sent along, such as Authorization; given anew as a whole."""
    allow_private: bool = False
    """Also private (LAN) and loopback addresses; link-local, metadata and multicast never."""


def signature(secret: str, uid: str, at_s: int, body: bytes) -> str:
    """The ``v1`` signature of a body that is sent at this time."""
    signed = f"{uid}.{at_s}.".encode() + body
    return "v1," + base64.b64encode(hmac.new(_key(secret), signed, hashlib.sha256).digest()).decode()


def body_of(message: Message) -> bytes:
    """The same bytes on every attempt; raises DeliveryFailed for what is no JSON or too large."""
    content = {
        "type": f"alert.{message.kind.value}",
        "timestamp": message.created_at.isoformat().replace("+00:00", "Z"),
        "data": dict(message.payload),
    }
    try:
        body = json.dumps(content, allow_nan=False, separators=(",", ":")).encode()
    except (TypeError, ValueError) as error:
        raise DeliveryFailed(f"the message is no JSON: {error}", stage="config", is_final=True) from error
    if len(body) >= BODY_LIMIT_BYTES:
        told = f"the message has {len(body)} bytes, {BODY_LIMIT_BYTES} are too many"
        raise DeliveryFailed(told, stage="config", is_final=True)
    return body


class WebhookChannel(Channel):
    """Posts each message to the configured URL."""

    def __init__(self, config: WebhookConfig, now: Callable[[], float] = time.time) -> None:
        super().__init__(DEADLINE_S)
        self.config = config
        self._target = exchange.target_of(config.url)
        self._now = now

    def _deliver(self, message: Message, progress: Progress) -> str:
        body = body_of(message)
        answer = exchange.ask(
            self._target,
            "POST",
            progress,
            timeout_s=DEADLINE_S,
            allow_private=self.config.allow_private,
            headers=self._headers(message.uid, body),
            body=body,
        )
        secrets = [self.config.secret, self.config.old_secret, *self.config.headers.values()]
        if not 200 <= answer.status < 300:
            raise exchange.failure(self._target, answer, self._now(), secrets)
        return f"{answer.status} {answer.reason}".strip()

    def _headers(self, uid: str, body: bytes) -> dict[str, str]:
        # Signed anew for each attempt: with the time of the first one a late attempt would look like a replay.
        at_s = int(self._now())
        headers = {
            **self.config.headers,
            "Content-Type": "application/json",
            "webhook-id": uid,
            "webhook-timestamp": str(at_s),
        }
        signatures = [
            signature(secret, uid, at_s, body) for secret in (self.config.secret, self.config.old_secret) if secret
        ]
        if signatures:
            headers["webhook-signature"] = " ".join(signatures)
        return headers
