"""The member names that clients of 0.4.0 read."""

from collections.abc import Callable

import pytest
from flask.testing import FlaskClient

from slmm.emulator.process import RunningEmulator
from tests.web.conftest import BASE

Add = Callable[..., str]


def test_the_status_of_feeds_keeps_its_names(client: FlaskClient, add: Add) -> None:
    add()
    started = client.post(f"{BASE}/a/monitor/start").json
    assert (started["unit_id"], started["monitor_enabled"], started["running"]) == ("a", True, True)
    feed = client.get(f"{BASE}/_monitor/status").json["monitors"]["a"]
    assert (feed["running"], feed["subscribers"], feed["keepalive"]) == (True, 0, True)
    assert client.post(f"{BASE}/a/monitor/stop").json["monitor_enabled"] is False


def test_the_connection_pool_keeps_its_names(client: FlaskClient, add: Add, fast_emulator: RunningEmulator) -> None:
    meter = fast_emulator.meters[0]
    key = f"{meter.host}:{meter.port}"
    add(meter)
    client.get(f"{BASE}/a/live")
    pool = client.get(f"{BASE}/_connections/status").json["pool"]
    assert (pool["enabled"], pool["active_connections"], pool["idle_ttl"], pool["keepalive_count"]) == (True, 1, -1, 3)
    assert set(pool["connections"][key]) == {"host", "port", "age_seconds", "idle_seconds", "alive"}
    closed = client.post(f"{BASE}/a/disconnect").json
    assert (closed["unit_id"], closed["device_key"], closed["disconnected"]) == ("a", key, True)
    assert client.get(f"{BASE}/_connections/status").json["pool"]["connections"] == {}


def test_deactivate_and_activate_tell_whether_a_unit_is_polled(client: FlaskClient, add: Add) -> None:
    add(poll_enabled=True)
    off, on = client.post(f"{BASE}/a/deactivate").json, client.post(f"{BASE}/a/activate").json
    assert (off["unit_id"], off["poll_enabled"], on["poll_enabled"]) == ("a", False, True)


def test_the_system_tells_its_mode(client: FlaskClient) -> None:
    assert client.get(f"{BASE}/_system/status").json["mode"] == "active"
    assert client.post(f"{BASE}/_system/standby").json["mode"] == "standby"
    standing_by = client.get(f"{BASE}/_system/status").json
    assert (standing_by["polling_active"], standing_by["active_connections"]) == (False, 0)
    assert client.post(f"{BASE}/_system/resume").json["mode"] == "active"


def test_standby_holds_no_connection_when_it_answers(
    client: FlaskClient, add: Add, fast_emulator: RunningEmulator
) -> None:
    for index in range(3):
        add(fast_emulator.meters[index], unit_id=f"u{index}")
        client.get(f"{BASE}/u{index}/live")
    assert client.get(f"{BASE}/_system/status").json["active_connections"] == 3
    assert client.post(f"{BASE}/_system/standby").json["active_connections"] == 0


def test_the_health_of_devices_keeps_its_names_and_asks_no_meter(
    client: FlaskClient, add: Add, fast_emulator: RunningEmulator
) -> None:
    meter = fast_emulator.meters[0]
    add(meter)
    add(unit_id="b")
    add(unit_id="off", tcp_enabled=False)
    before = fast_emulator.client.counters(0)
    unheard = client.get("/health/devices").json
    assert (unheard["status"], unheard["total_devices"], unheard["reachable_devices"]) == ("degraded", 2, 0)
    assert fast_emulator.client.counters(0) == before
    client.get(f"{BASE}/a/live")
    devices = {device["unit_id"]: device for device in client.get("/health/devices").json["devices"]}
    assert devices["a"] == {"unit_id": "a", "host": meter.host, "port": meter.port, "reachable": True, "error": None}
    assert (devices["b"]["reachable"], devices["b"]["error"]) == (False, "not asked yet")


@pytest.mark.parametrize("path", ["/health", "/healthz"])
def test_health_is_ok(client: FlaskClient, path: str) -> None:
    assert client.get(path).json["status"] == "ok"


def test_every_error_has_the_detail_that_old_clients_read(client: FlaskClient) -> None:
    for answer in (client.get(f"{BASE}/ghost/config"), client.get("/nowhere"), client.put(f"{BASE}/_system/status")):
        assert isinstance(answer.json["detail"], str)
        assert "\n" not in answer.json["detail"]
