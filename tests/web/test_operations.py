"""Feeds, connections, measurement and the service itself over REST."""

from collections.abc import Callable

import pytest
from flask.testing import FlaskClient

from slmm.emulator.process import RunningEmulator
from tests.conftest import eventually
from tests.web.conftest import BASE

Add = Callable[..., str]


def test_keep_alive_is_switched_and_shown(client: FlaskClient, add: Add, fast_emulator: RunningEmulator) -> None:
    add(fast_emulator.meters[0])
    assert client.post(f"{BASE}/a/monitor/start").status_code == 200
    feed = client.get(f"{BASE}/_monitor/status").json["data"]["a"]
    assert (feed["running"], feed["keepalive"], feed["subscribers"]) == (True, True, 0)
    eventually(lambda: client.get(f"{BASE}/_monitor/status").json["data"]["a"]["reachable"])
    client.post(f"{BASE}/a/monitor/stop")
    assert client.get(f"{BASE}/_monitor/status").json["data"]["a"]["running"] is False


def test_the_background_poller_is_configured_and_shown(client: FlaskClient, add: Add) -> None:
    add()
    answer = client.put(f"{BASE}/a/polling/config", json={"poll_interval_seconds": 300}).json["data"]
    assert answer == {"unit_id": "a", "poll_enabled": False, "poll_interval_seconds": 300}
    status = client.get(f"{BASE}/_polling/status").json["data"]
    assert (status["poller_running"], status["total_devices"]) == (True, 1)
    assert client.put(f"{BASE}/a/polling/config", json={"poll_interval_seconds": 5}).status_code == 422


def test_connections_are_shown_closed_and_flushed(
    client: FlaskClient, add: Add, fast_emulator: RunningEmulator
) -> None:
    for index in range(2):
        add(fast_emulator.meters[index], unit_id=f"u{index}")
        client.get(f"{BASE}/u{index}/live")
    status = client.get(f"{BASE}/_connections/status").json["data"]
    assert status["active_connections"] == 2
    assert status["connections"][0]["connected"] is True
    assert client.post(f"{BASE}/u0/disconnect").json["disconnected"] is True
    assert client.post(f"{BASE}/u0/disconnect").json["disconnected"] is False
    assert client.post(f"{BASE}/_connections/flush").json["data"] == {"closed": 1}


def test_a_deactivated_unit_refuses_commands_until_it_is_activated(
    client: FlaskClient, add: Add, fast_emulator: RunningEmulator
) -> None:
    add(fast_emulator.meters[0])
    assert client.post(f"{BASE}/a/deactivate").json["data"]["is_active"] is False
    refused = client.get(f"{BASE}/a/live")
    assert (refused.status_code, refused.json["code"]) == (403, "device_disabled")
    client.post(f"{BASE}/a/activate")
    assert client.get(f"{BASE}/a/live").status_code == 200


def test_standby_refuses_commands_and_says_when_to_try_again(
    client: FlaskClient, add: Add, fast_emulator: RunningEmulator
) -> None:
    add(fast_emulator.meters[0])
    assert client.post(f"{BASE}/_system/standby").json["data"]["standby"] is True
    answer = client.get(f"{BASE}/a/live")
    assert (answer.status_code, answer.json["code"], "Retry-After" in answer.headers) == (503, "standby", True)
    stream = client.get(f"{BASE}/a/monitor/events")
    assert stream.status_code == 200
    assert "event: error" in stream.text
    assert client.post(f"{BASE}/_system/resume").json["data"]["standby"] is False
    assert client.get(f"{BASE}/a/live").status_code == 200


def test_measurement_is_stopped_started_and_asked(
    client: FlaskClient, add: Add, fast_emulator: RunningEmulator
) -> None:
    add(fast_emulator.meters[0])
    running = client.get(f"{BASE}/a/measurement-state").json
    assert (running["measurement_state"], running["is_measuring"]) == ("Start", True)
    twice = client.post(f"{BASE}/a/start")
    assert (twice.status_code, twice.json["code"], twice.json["device_result"]) == (409, "wrong_state", "R+0004")
    assert client.post(f"{BASE}/a/stop").json == {"status": "ok", "message": "Measurement stopped"}
    assert client.get(f"{BASE}/a/status").json["data"]["measurement_state"] == "Stop"
    assert client.post(f"{BASE}/a/start").status_code == 200


def test_a_stop_that_succeeded_stays_a_success_if_the_read_after_it_fails(
    client: FlaskClient, add: Add, fast_emulator: RunningEmulator
) -> None:
    add(fast_emulator.meters[0])
    fast_emulator.client.fault(0, "silence", count=2, only="Measure?")
    assert client.post(f"{BASE}/a/stop").status_code == 200


@pytest.mark.parametrize(
    ("fault", "status", "code"),
    [
        ("unplugged", 502, "device_unreachable"),
        ("silence", 504, "device_timeout"),
        ("garbled_reply", 502, "garbled_reply"),
        ("dropped_at_command", 502, "connection_lost"),
    ],
)
def test_each_kind_of_trouble_has_its_status_and_code(
    client: FlaskClient, add: Add, fast_emulator: RunningEmulator, fault: str, status: int, code: str
) -> None:
    add(fast_emulator.meters[0])
    fast_emulator.client.fault(0, fault, count=2)
    answer = client.get(f"{BASE}/a/live")
    assert (answer.status_code, answer.json["code"]) == (status, code)
    assert answer.json["detail"]


def test_a_meter_with_tcp_disabled_is_403(client: FlaskClient, add: Add) -> None:
    add(tcp_enabled=False)
    for path in ("live", "measurement-state"):
        assert client.get(f"{BASE}/a/{path}").status_code == 403


def test_a_unit_nobody_knows_is_404_everywhere(client: FlaskClient) -> None:
    reads = ("config", "status", "live", "history", "measurement-state", "polling/config", "monitor/events")
    acts = ("start", "stop", "monitor/start", "monitor/stop", "disconnect", "deactivate", "activate")
    answers = [client.get(f"{BASE}/ghost/{path}") for path in reads]
    answers += [client.post(f"{BASE}/ghost/{path}") for path in acts]
    assert {answer.status_code for answer in answers} == {404}
    assert {answer.json["code"] for answer in answers} == {"not_found"}


def test_health_is_answered_from_memory(client: FlaskClient, add: Add) -> None:
    add()
    answer = client.get("/health").json
    assert (answer["status"], answer["is_running"], answer["units"]) == ("ok", True, 1)
