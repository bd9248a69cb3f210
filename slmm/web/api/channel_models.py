"""What goes in and comes out where people are told: channels, recipients and messages."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from slmm.web.api.fields import Clock, Input, Text, Zone
from slmm.web.api.models import Ok


class Delivery(BaseModel):
    """A message and what became of it."""

    uid: str
    kind: str
    unit_id: str | None
    incident_id: int | None
    severity: str
    channel: str
    recipient: str
    status: str
    subject: str
    attempts: int
    not_before: str
    last_error: str | None
    last_code: int | None
    answer: str | None
    merged_into: str | None = Field(description="The message it went out with")
    created_at: str
    sent_at: str | None


class ChannelPath(BaseModel):
    """A channel by name."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$")]


ChannelConfig = Annotated[dict[str, Any], Field(description="Settings of this kind of channel; secrets go in only")]


class NewChannel(Input):
    """A way to tell people."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$", description="Lower case, such as mail-office")]
    kind: Annotated[Text, Field(max_length=16, description="email, webhook, mqtt or apprise")]
    config: ChannelConfig
    enabled: bool = True


class ChannelChange(Input):
    """Settings left out, and secrets left empty, stay as they are; null goes back to the default."""

    config: ChannelConfig = Field(default_factory=dict)
    enabled: bool | None = None


class ChannelTest(Input):
    """A message to try a channel with, before or after it is saved."""

    name: Annotated[Text, Field(max_length=64)] | None = Field(None, description="A saved channel")
    kind: Annotated[Text, Field(max_length=16)] | None = None
    config: ChannelConfig = Field(default_factory=dict)
    recipient: Annotated[Text, Field(max_length=254)] = ""


class Channel(BaseModel):
    """A channel without its secrets, with its health."""

    id: int
    name: str
    kind: str
    enabled: bool
    health: Literal["ok", "failing", "paused", "off", "broken"]
    failures: int
    failing_since: str | None
    last_error: str | None
    last_ok_at: str | None
    takes_recipients: bool
    config: dict[str, Any]


class ChannelAnswer(Ok):
    """One channel."""

    channel: Channel


class ChannelsAnswer(BaseModel):
    """All channels."""

    status: Literal["ok"] = "ok"
    channels: list[Channel]


class ChannelTestAnswer(BaseModel):
    """What came of a test message."""

    status: Literal["ok"] = "ok"
    delivered: bool
    detail: str
    stage: str | None = Field(description="Where it failed: dns, connect, tls, auth, sender, recipient, data, answer")
    code: int | None


class RecipientPath(BaseModel):
    """A recipient by address."""

    address: Annotated[str, Field(min_length=1, max_length=254)]


class RecipientInput(Input):
    """What is known of somebody."""

    name: Annotated[Text, Field(max_length=128)] | None = None
    quiet_start: Clock | None = None
    quiet_end: Clock | None = None
    quiet_for_red: bool = Field(False, description="Whether even a red incident waits until the quiet hours end")
    timezone: Zone | None = None


class Recipient(RecipientInput):
    """Somebody who is told."""

    address: str


class RecipientAnswer(Ok):
    """One of them."""

    recipient: Recipient


class RecipientsAnswer(BaseModel):
    """All that is known."""

    status: Literal["ok"] = "ok"
    recipients: list[Recipient]


class MessagesQuery(BaseModel):
    """Which messages."""

    model_config = ConfigDict(extra="forbid")

    limit: int = Field(50, ge=1, le=1000)
    state: Literal["pending", "sending", "sent", "dead", "cancelled", "merged", "suppressed"] | None = None


class MessagePath(BaseModel):
    """A message by its key."""

    uid: Annotated[str, Field(pattern=r"^[A-Za-z0-9-]{1,64}$")]


class MessageAnswer(Ok):
    """One message."""

    delivery: Delivery


class MessagesAnswer(BaseModel):
    """Messages, newest first."""

    status: Literal["ok"] = "ok"
    count: int
    messages: list[Delivery]
