"""MQTT, published to a real Mosquitto and heard by its own subscriber."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import gevent
import pytest
from gevent.server import StreamServer

from slmm.alerts.channels.config import checked
from slmm.alerts.channels.mqtt import MqttChannel, MqttConfig
from slmm.alerts.channels.topics import safe
from slmm.alerts.messages import MessageKind
from slmm.errors import Invalid
from tests.alerts.broker import PASSWORD, USER, Broker, running_broker
from tests.alerts.channels.conftest import a_message, failure_of, ticking
from tests.server import free_port

EVENT, STATE, ATTRIBUTES = (f"slmm/nl43-1/alert/{name}" for name in ("event", "state", "attributes"))
DISCOVERY = "homeassistant/binary_sensor/slmm_nl43-1_alert/config"


def channel_to(port: int, **given: Any) -> MqttChannel:
    members = {"host": "127.0.0.1", "port": port, "username": USER, "password": PASSWORD, "timeout_s": 5}
    config = checked(MqttConfig, {**members, **given})
    assert isinstance(config, MqttConfig)
    return MqttChannel(config)


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    with running_broker(tmp_path) as running:
        yield running


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
def test_an_onset_is_an_event_and_a_retained_state(protocol: str, broker: Broker) -> None:
    with broker.subscriber() as live:
        said = channel_to(broker.port, protocol=protocol).send(a_message())
        heard = live.until(EVENT)
    assert said == f"the broker at 127.0.0.1:{broker.port} took 4 of 4"
    assert json.loads(heard[EVENT]["payload"]) == {"unit_id": "nl43-1", "is_active": True, "level_db": 74.2}
    assert heard[EVENT]["qos"] == 1
    with broker.subscriber() as late:
        broker.publish("test/end", "1")
        retained = late.until("test/end")
    assert EVENT not in retained
    assert retained[STATE]["payload"] == "ON"
    assert json.loads(retained[ATTRIBUTES]["payload"])["level_db"] == 74.2


def test_a_clear_takes_the_state_back(broker: Broker) -> None:
    channel = channel_to(broker.port)
    channel.send(a_message())
    channel.send(a_message(uid="msg-2", kind=MessageKind.CLEAR, payload={"unit_id": "nl43-1", "is_active": False}))
    with broker.subscriber() as late:
        assert late.until(STATE)[STATE]["payload"] == "OFF"


def test_home_assistant_finds_the_state(broker: Broker) -> None:
    channel_to(broker.port).send(a_message())
    with broker.subscriber() as late:
        found = json.loads(late.until(DISCOVERY)[DISCOVERY]["payload"])
    assert found["state_topic"] == STATE
    assert found["json_attributes_topic"] == ATTRIBUTES
    assert found["unique_id"] == "slmm_nl43-1_alert"
    assert found["device_class"] == "problem"
    assert (found["payload_on"], found["payload_off"]) == ("ON", "OFF")
    assert found["device"]["identifiers"] == ["slmm_nl43-1"]


def test_discovery_can_be_switched_off_and_topics_moved(broker: Broker) -> None:
    with broker.subscriber() as live:
        channel_to(broker.port, discovery_prefix="", prefix="site/noise").send(a_message())
        heard = live.until("site/noise/nl43-1/alert/event")
    assert set(heard) == {f"site/noise/nl43-1/alert/{name}" for name in ("event", "state", "attributes")}


@pytest.mark.parametrize(
    ("given", "topic"),
    [
        ({"kind": MessageKind.TEST}, EVENT),
        ({"payload": {"unit_id": "nl43-1"}}, EVENT),
        ({"kind": MessageKind.SYSTEM, "payload": {"summary": "a channel fails"}}, "slmm/alert/event"),
    ],
)
def test_what_changes_no_state_is_an_event_only(given: dict[str, Any], topic: str, broker: Broker) -> None:
    with broker.subscriber() as live:
        channel_to(broker.port).send(a_message(**given))
        assert set(live.until(topic)) == {topic}


def test_unit_names_cannot_leave_their_topic(broker: Broker) -> None:
    unit = "../#/Süd +1"
    topic = f"slmm/{safe(unit)}/alert/event"
    with broker.subscriber() as live:
        channel_to(broker.port).send(a_message(payload={"unit_id": unit, "is_active": True}))
        heard = live.until(topic)
    assert len(topic.split("/")) == 4
    assert json.loads(heard[topic]["payload"])["unit_id"] == unit


def test_different_names_stay_different() -> None:
    assert safe("nl43-1") == "nl43-1"
    assert len({safe(name) for name in ("a.b", "a_b", "a b", "a/b", "")}) == 5


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
def test_a_wrong_password_pauses_the_channel_and_is_not_told(protocol: str, broker: Broker) -> None:
    failed = failure_of(channel_to(broker.port, protocol=protocol, password="wr0ng-one"), a_message())
    assert failed.stage == "auth"
    assert failed.pauses_channel
    assert "wr0ng-one" not in str(failed)


def test_a_publication_without_rights_is_told(tmp_path: Path) -> None:
    with running_broker(tmp_path, rights=f"user {USER}\ntopic readwrite test/#\n") as broker:
        failed = failure_of(channel_to(broker.port), a_message())
    assert (failed.stage, failed.code, failed.is_final) == ("data", 135, True)


def test_a_payload_that_is_no_json_is_given_up_at_once() -> None:
    failed = failure_of(channel_to(free_port()), a_message(payload={"level_db": float("nan")}))
    assert (failed.stage, failed.is_final) == ("config", True)


def test_tls_is_used_and_held_to_the_name(tmp_path: Path, certificate: Callable[[str], str]) -> None:
    with running_broker(tmp_path, certificate=certificate("localhost")) as broker:
        channel_to(broker.port, host="localhost", tls=True).send(a_message())
        failed = failure_of(channel_to(broker.port, host="127.0.0.1", tls=True), a_message())
    assert (failed.stage, failed.is_final) == ("tls", False)


def test_a_closed_port_is_tried_again() -> None:
    failed = failure_of(channel_to(free_port()), a_message())
    assert (failed.stage, failed.is_final, failed.pauses_channel) == ("connect", False, False)


def test_an_unknown_host_is_tried_again() -> None:
    assert failure_of(channel_to(1883, host="broker.invalid"), a_message()).stage == "dns"


def test_a_silent_broker_is_left_and_holds_up_nobody() -> None:
    server = StreamServer(("127.0.0.1", 0), lambda _line, _address: gevent.sleep(60))
    server.start()
    try:
        with ticking():
            failed = failure_of(channel_to(server.server_port, timeout_s=1), a_message())
    finally:
        server.stop(timeout=1)
    assert (failed.stage, failed.is_final) == ("auth", False)


def test_a_broker_that_hangs_up_is_tried_again() -> None:
    server = StreamServer(("127.0.0.1", 0), lambda line, _address: line.close())
    server.start()
    try:
        failed = failure_of(channel_to(server.server_port), a_message())
    finally:
        server.stop(timeout=1)
    assert (failed.stage, failed.is_final) == ("auth", False)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"prefix": "a/#"}, "prefix='a/#' is not allowed: levels of"),
        ({"username": None}, "a password needs a username"),
        ({"host": "mqtt://broker"}, "host='mqtt://broker' is not allowed"),
    ],
)
def test_a_wrong_configuration_is_named(given: dict[str, Any], told: str) -> None:
    with pytest.raises(Invalid) as caught:
        channel_to(1883, **given)
    assert told in str(caught.value)
