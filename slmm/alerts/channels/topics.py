"""What is published about a message: topics, payloads and what Home Assistant has to know of them; pure."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import slmm
from slmm.alerts.messages import Message, MessageKind


@dataclass(frozen=True, slots=True)
class Publication:
    """One thing to publish."""

    topic: str
    payload: str
    is_retained: bool


def safe(name: str) -> str:
    """The name as part of a topic and of an identifier; two names never become the same."""
    replaced = re.sub(r"[^A-Za-z0-9_-]", "_", name)
    if replaced == name and name:
        return name
    return f"{replaced}_{hashlib.sha256(name.encode('utf-8', 'replace')).hexdigest()[:6]}"


def publications(message: Message, prefix: str, discovery_prefix: str) -> list[Publication]:
    """In the order in which a receiver needs them; raises ValueError for a payload that is no JSON.

    A test, and what is about no unit, is an event only and leaves the state alone.
    """
    unit_id, is_active = message.payload.get("unit_id"), message.payload.get("is_active")
    content = json.dumps(dict(message.payload), allow_nan=False)
    if not isinstance(unit_id, str) or not unit_id:
        return [Publication(f"{prefix}/alert/event", content, is_retained=False)]
    base = f"{prefix}/{safe(unit_id)}/alert"
    event = Publication(f"{base}/event", content, is_retained=False)
    if not isinstance(is_active, bool) or message.kind is MessageKind.TEST:
        return [event]
    published = [
        Publication(f"{base}/attributes", content, is_retained=True),
        Publication(f"{base}/state", "ON" if is_active else "OFF", is_retained=True),
        event,
    ]
    if discovery_prefix:
        identifier = f"{safe(prefix)}_{safe(unit_id)}"
        topic = f"{discovery_prefix}/binary_sensor/{identifier}_alert/config"
        found = json.dumps(_discovery(unit_id, identifier, base))
        published.insert(0, Publication(topic, found, is_retained=True))
    return published


def _discovery(unit_id: str, identifier: str, base: str) -> Mapping[str, Any]:
    # home-assistant.io/integrations/binary_sensor.mqtt
    return {
        "name": "Alert",
        "unique_id": f"{identifier}_alert",
        "device_class": "problem",
        "state_topic": f"{base}/state",
        "payload_on": "ON",
        "payload_off": "OFF",
        "json_attributes_topic": f"{base}/attributes",
        "qos": 1,
        "device": {"identifiers": [identifier], "name": unit_id, "manufacturer": "Rion", "model": "NL-43/NL-53"},
        "origin": {"name": "SLMM", "sw_version": slmm.__version__},
    }
