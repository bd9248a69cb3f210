"""Channels and recipients: how and when people are told."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime
from typing import Any

from slmm.alerts.messages import DeliveryFailed, Message, MessageKind
from slmm.errors import Invalid
from slmm.storage.models import RecipientRow
from slmm.web import context
from slmm.web.access import caller
from slmm.web.api.channel_models import (
    ChannelAnswer,
    ChannelChange,
    ChannelPath,
    ChannelsAnswer,
    ChannelTest,
    ChannelTestAnswer,
    NewChannel,
    RecipientAnswer,
    RecipientInput,
    RecipientPath,
    RecipientsAnswer,
)
from slmm.web.api.models import Ok
from slmm.web.limits import limited
from slmm.web.openapi import PLAIN_PROBLEMS, Api

api = Api("channels", "Channels and recipients of alerts")

TESTS = "20 per minute"
TEST_WITHIN_S = 15.0


@api.route_for("get", "/_alerts/channels", needs="operator", answer=ChannelsAnswer, problems=())
def channels() -> dict[str, Any]:
    """All channels with their health, without their secrets."""
    return {"status": "ok", "channels": context.runtime().alerts.channels.all()}


@api.route_for("post", "/_alerts/channels", needs="admin", answer=ChannelAnswer, problems=(409, *PLAIN_PROBLEMS))
def create_channel(body: NewChannel) -> dict[str, Any]:
    """Make a channel; its settings are kept encrypted."""
    book = context.runtime().alerts.channels
    return {"status": "ok", "channel": book.add(body.name, body.kind, body.config, is_enabled=body.enabled)}


@api.route_for("get", "/_alerts/channels/<name>", needs="operator", answer=ChannelAnswer, problems=(404, 422))
def read_channel(path: ChannelPath) -> dict[str, Any]:
    """One channel."""
    return {"status": "ok", "channel": context.runtime().alerts.channels.get(path.name)}


@api.route_for("put", "/_alerts/channels/<name>", needs="admin", answer=ChannelAnswer, problems=(404, 422))
def change_channel(path: ChannelPath, body: ChannelChange) -> dict[str, Any]:
    """Change a channel; one that had stopped by itself starts again."""
    book = context.runtime().alerts.channels
    return {"status": "ok", "channel": book.change(path.name, body.config, is_enabled=body.enabled)}


@api.route_for("delete", "/_alerts/channels/<name>", needs="admin", answer=Ok, problems=(404, 422))
def delete_channel(path: ChannelPath) -> dict[str, Any]:
    """Remove a channel; what waits for it is given up and can be seen."""
    context.runtime().alerts.channels.remove(path.name)
    return {"status": "ok", "message": f"channel {path.name} is removed"}


@api.route_for("post", "/_alerts/channels/test", needs="admin", answer=ChannelTestAnswer, problems=(404, 422, 429))
@limited(TESTS)
def test_channel(body: ChannelTest) -> dict[str, Any]:
    """Send a test message now, also through settings that are not saved; what is left out is as saved."""
    book = context.runtime().alerts.channels
    if body.kind is None and body.name is None:
        raise Invalid("kind is missing: name a saved channel, or a kind and its settings", field="kind")
    kind = body.kind or book.kind_of(str(body.name))
    channel = book.draft(kind, body.name, body.config)
    recipient = channel.check_recipient(body.recipient)
    subject = "[TEST] SLMM can reach you"
    text = f"This is a test message, sent by {caller().name}. Nothing has happened."
    uid = secrets.token_hex(16)
    payload = {"id": uid, "kind": "test", "summary": subject, "is_active": False, "unit_id": None}
    now = datetime.now(UTC)
    try:
        detail = channel.send(
            Message(uid, MessageKind.TEST, recipient, subject, text, payload, uid, now), within_s=TEST_WITHIN_S
        )
    except DeliveryFailed as failure:
        return {
            "status": "ok",
            "delivered": False,
            "detail": str(failure),
            "stage": failure.stage,
            "code": failure.code,
        }
    return {"status": "ok", "delivered": True, "detail": detail, "stage": None, "code": None}


def _recipient_view(row: RecipientRow) -> dict[str, Any]:
    return {column.name: getattr(row, column.name) for column in RecipientRow.__table__.columns}


@api.route_for("get", "/_alerts/recipients", needs="operator", answer=RecipientsAnswer, problems=())
def recipients() -> dict[str, Any]:
    """What is known of those who are told."""
    return {"status": "ok", "recipients": [_recipient_view(row) for row in context.runtime().alerts.people.all()]}


@api.route_for(
    "put", "/_alerts/recipients/<address>", needs="operator", answer=RecipientAnswer, problems=PLAIN_PROBLEMS
)
def put_recipient(path: RecipientPath, body: RecipientInput) -> dict[str, Any]:
    """Describe a recipient: name and quiet hours."""
    if not path.address.isprintable():
        raise Invalid(f"address {path.address!r}: printable characters only", field="address")
    row = context.runtime().alerts.people.put(path.address, body.model_dump())
    return {"status": "ok", "recipient": _recipient_view(row)}


@api.route_for("delete", "/_alerts/recipients/<address>", needs="operator", answer=Ok, problems=(404, 422))
def delete_recipient(path: RecipientPath) -> dict[str, Any]:
    """Forget what was known of a recipient; rules that name the address go on telling it."""
    context.runtime().alerts.people.remove(path.address)
    return {"status": "ok", "message": f"nothing is known of {path.address} any more"}
