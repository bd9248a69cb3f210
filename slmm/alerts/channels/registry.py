"""Which kinds of channels there are, and how one is made of its configuration."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from slmm.alerts.channels.apprise_url import AppriseChannel, AppriseConfig
from slmm.alerts.channels.base import Channel
from slmm.alerts.channels.config import ChannelConfig, checked, overlaid
from slmm.alerts.channels.email import EmailChannel, EmailConfig
from slmm.alerts.channels.log import LogChannel, LogConfig
from slmm.alerts.channels.mqtt import MqttChannel, MqttConfig
from slmm.alerts.channels.webhook import WebhookChannel, WebhookConfig
from slmm.errors import Invalid

KINDS: dict[str, type[ChannelConfig]] = {
    model.kind: model for model in (LogConfig, EmailConfig, WebhookConfig, MqttConfig, AppriseConfig)
}


def configuration(kind: str, given: Mapping[str, Any]) -> ChannelConfig:
    """The checked configuration; raises Invalid naming the member, its value and what is allowed."""
    return checked(_model(kind), given)


def merged(kind: str, stored: Mapping[str, Any] | None, given: Mapping[str, Any]) -> dict[str, Any]:
    """What to store, or to test, when a client gives some members only.

    Every omitted member stays as stored, an empty secret stays too, and null goes back to the default.
    """
    return overlaid(_model(kind), stored, given)


def make(kind: str, config: ChannelConfig | Mapping[str, Any]) -> Channel:
    """A channel that is ready to send; raises Invalid for a configuration that cannot be used."""
    found = config if isinstance(config, ChannelConfig) else configuration(kind, config)
    match found:
        case EmailConfig():
            return EmailChannel(found)
        case WebhookConfig():
            return WebhookChannel(found)
        case MqttConfig():
            return MqttChannel(found)
        case AppriseConfig():
            return AppriseChannel(found)
        case LogConfig():
            return LogChannel(found)
    raise Invalid(f"kind {kind!r} has no sender", "kind")


def _model(kind: str) -> type[ChannelConfig]:
    if kind not in KINDS:
        raise Invalid(f"kind {kind!r} is not allowed: {', '.join(KINDS)}", "kind")
    return KINDS[kind]
