"""MQTT: an event for each message, and a retained state that Home Assistant finds by itself."""

from __future__ import annotations

import re
import socket
import uuid
from collections.abc import Callable
from typing import Annotated, Any, ClassVar, Literal, Self

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.reasoncodes import ReasonCode
from pydantic import AfterValidator, Field, model_validator

from slmm.alerts.channels.base import Channel, Progress
from slmm.alerts.channels.config import SECRET, ChannelConfig
from slmm.alerts.channels.dial import dial, network_failures, tls_context
from slmm.alerts.channels.topics import publications
from slmm.alerts.messages import DeliveryFailed, Message

LOGIN_CODES = {134, 135}  # MQTT 5.0, 3.2.2.2: bad user name or password, not authorized
NOT_AUTHORIZED = 135
TURN_S = 0.5
"""How long one turn of the loop may wait; the deadline ends it earlier."""
PROTOCOLS = {"3.1.1": paho.MQTTv311, "5": paho.MQTTv5}


def _host(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9.:_-]{1,253}", text):
        raise ValueError("a host name or an IP address")
    return text


def _topic(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+)*", text):
        raise ValueError("levels of A–Z, a–z, 0–9, _, . and -, with / between them")
    return text


def _topic_or_none(text: str) -> str:
    return text and _topic(text)


class MqttConfig(ChannelConfig):
    """The broker; an own certificate authority comes in by the variable SSL_CERT_FILE."""

    kind: ClassVar[str] = "mqtt"

    host: Annotated[str, AfterValidator(_host)]
    port: Annotated[int, Field(ge=1, le=65_535)] | None = None
    """None is 1883, or 8883 with TLS."""
    tls: bool = False
    protocol: Literal["3.1.1", "5"] = "5"
    """By 3.1.1 a broker cannot say that it dropped a message for want of rights."""
    username: Annotated[str, Field(max_length=1000)] | None = None
    password: Annotated[Annotated[str, Field(max_length=1000)] | None, SECRET] = None
    client_id: Annotated[str, Field(min_length=1, max_length=64, pattern="^[A-Za-z0-9_.-]+$")] | None = None
    """None is another one for each connection: the broker throws out the older of two that are alike."""
    prefix: Annotated[str, Field(max_length=100), AfterValidator(_topic)] = "slmm"
    discovery_prefix: Annotated[str, Field(max_length=100), AfterValidator(_topic_or_none)] = "homeassistant"
    """Where Home Assistant looks; empty is off."""
    timeout_s: Annotated[float, Field(ge=1, le=60)] = 10.0
    """For all of it."""

    @model_validator(mode="after")
    def _password_has_a_user(self) -> Self:
        if self.password is not None and self.username is None:
            raise ValueError("a password needs a username")
        return self


class MqttChannel(Channel):
    """Connects, publishes, waits until the broker has acknowledged everything, and leaves."""

    def __init__(self, config: MqttConfig) -> None:
        super().__init__(config.timeout_s)
        self.config = config
        self._port = config.port or (8883 if config.tls else 1883)
        self._broker = f"the broker at {config.host}:{self._port}"

    def _deliver(self, message: Message, progress: Progress) -> str:
        try:
            wanted = publications(message, self.config.prefix, self.config.discovery_prefix)
        except (TypeError, ValueError) as error:
            raise DeliveryFailed(f"the message is no JSON: {error}", stage="config", is_final=True) from error
        with network_failures(self._broker, progress):
            visit = _Visit(self._client(progress))
            try:
                self._connect(visit, progress)
                progress.stage = "data"
                for publication in wanted:
                    visit.publish(publication.topic, publication.payload, is_retained=publication.is_retained)
                self._wait(visit, lambda: len(visit.told) == len(wanted), progress)
            finally:
                visit.client.disconnect()
        self._raise_for(visit)
        return f"{self._broker} took {len(wanted)} of {len(wanted)}"

    def _client(self, progress: Progress) -> paho.Client:
        config = self.config
        client = _Client(
            lambda: dial(config.host, self._port, progress, timeout_s=config.timeout_s, tls=config.tls),
            client_id=config.client_id
            or f"slmm{uuid.uuid4().hex[:18]}",  # 22: what every broker takes (3.1.1, 3.1.3.1)
            protocol=PROTOCOLS[config.protocol],
        )
        if config.username is not None:
            client.username_pw_set(config.username, config.password)
        if config.tls:
            client.tls_set_context(tls_context())
        return client

    def _connect(self, visit: _Visit, progress: Progress) -> None:
        visit.client.connect(self.config.host, self._port)
        progress.stage = "auth"
        self._wait(visit, lambda: visit.welcome is not None, progress)
        if visit.welcome is not None and visit.welcome.is_failure:
            code = visit.welcome.value
            raise DeliveryFailed(
                f"{self._broker} refused the connection: {visit.welcome}",
                stage="auth" if code in LOGIN_CODES else "connect",
                code=code,
                pauses_channel=code in LOGIN_CODES,
            )

    def _wait(self, visit: _Visit, condition: Callable[[], bool], progress: Progress) -> None:
        """Drive paho's loop in this greenlet, without a thread of its own."""
        while not condition():
            failed = visit.client.loop(TURN_S)
            if failed and not condition():
                told = paho.error_string(failed).rstrip(".")
                raise DeliveryFailed(f"{self._broker} broke off: {told}", stage=progress.stage)

    def _raise_for(self, visit: _Visit) -> None:
        refused = [reason for reason in visit.told.values() if reason.is_failure]
        if refused:
            raise DeliveryFailed(
                f"{self._broker} refused {len(refused)} of {len(visit.told)} publications: {refused[0]}",
                stage="data",
                code=refused[0].value,
                is_final=refused[0].value == NOT_AUTHORIZED,
            )


class _Client(paho.Client):
    """Connects as the other channels do: paho's own way tells no stages and leaves the socket open where TLS fails."""

    def __init__(self, opened: Callable[[], socket.socket], client_id: str, protocol: MQTTProtocolVersion) -> None:
        super().__init__(
            CallbackAPIVersion.VERSION2, client_id=client_id, protocol=protocol, reconnect_on_failure=False
        )
        self._opened = opened

    def _create_socket(self) -> socket.socket:
        return self._opened()


class _Visit:
    """A client, and what the broker has said to it."""

    def __init__(self, client: paho.Client) -> None:
        self.client = client
        self.welcome: ReasonCode | None = None
        self.told: dict[int, ReasonCode] = {}
        """The acknowledgements by message number."""
        client.on_connect = self._on_connect
        client.on_publish = self._on_publish

    def publish(self, topic: str, payload: str, *, is_retained: bool) -> None:
        self.client.publish(topic, payload, qos=1, retain=is_retained)

    def _on_connect(self, _client: Any, _data: Any, _flags: Any, reason: ReasonCode, _properties: Any) -> None:
        self.welcome = reason

    def _on_publish(self, _client: Any, _data: Any, number: int, reason: ReasonCode, _properties: Any) -> None:
        self.told[number] = reason
