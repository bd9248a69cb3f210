"""Trying a meter that is not on the roster yet: each step is told, and what fails is told with its cure."""

import json
import socket
from collections.abc import Callable, Iterator
from typing import Any

import gevent
import pytest
from flask.testing import FlaskClient

from slmm.emulator.process import Address, RunningEmulator, running_emulator
from tests.conftest import FAST_EMULATOR, eventually
from tests.web.conftest import BASE

Add = Callable[..., str]
Steps = dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def meters() -> Iterator[RunningEmulator]:
    """Each test has a meter of its own."""
    with running_emulator(8, "--card", *FAST_EMULATOR) as running:
        yield running


def tried(client: FlaskClient, meter: Address, **members: Any) -> Steps:
    body = {"host": meter.host, "tcp_port": meter.port, "ftp_port": meter.ftp_port, "timezone": "UTC", **members}
    answer = client.post(f"{BASE}/_roster/probe", json=body)
    assert (answer.status_code, answer.mimetype) == (200, "application/x-ndjson"), answer.text
    return {line["step"]: line for line in map(json.loads, answer.text.splitlines())}


def codes(steps: Steps) -> dict[str, str]:
    return {name: step["code"] for name, step in steps.items() if name != "end"}


def switch_ftp_on(meters: RunningEmulator, number: int) -> None:
    """The card answers a moment after its register says so."""
    meters.client.register(number, "FTP", "On")
    meter = meters.meters[number]
    eventually(lambda: _answers(meter.host, meter.ftp_port), within_s=20)


def _answers(host: str, port: int | None) -> bool:
    try:
        socket.create_connection((host, port), timeout=5).close()
    except ConnectionRefusedError:
        return False
    return True


def test_a_good_meter_passes_every_step_and_is_let_go(client: FlaskClient, meters: RunningEmulator) -> None:
    switch_ftp_on(meters, 0)
    steps = tried(client, meters.meters[0])
    assert codes(steps) == {
        "resolve": "resolved",
        "roster": "not_known",
        "connect": "connected",
        "answer": "answers",
        "model": "model",
        "clock": "clock_right",
        "run_state": "measuring",
        "sleep": "sleep_off",
        "ftp": "ftp_open",
    }
    assert "NL-43" in steps["model"]["sentence"]
    assert steps["end"]["state"] == "ok"
    counters = meters.client.counters(0)
    assert (counters["connections"], counters["open_now"], counters["too_soon"]) == (1, 0, 0)


def test_the_clock_sleep_and_ftp_of_a_meter_are_told_without_failing_it(
    client: FlaskClient, meters: RunningEmulator
) -> None:
    meters.client.fault(1, "clock_jump", value=95.0)
    meters.client.keypad(1, "stop")
    meters.client.register(1, "Sleep Mode", "On")
    meters.client.register(1, "FTP", "Off")
    steps = tried(client, meters.meters[1])
    assert codes(steps).items() >= {"clock": "clock_off", "run_state": "stopped", "sleep": "sleep_on"}.items()
    assert (steps["ftp"]["code"], steps["ftp"]["state"]) == ("ftp_is_off", "ok")
    assert (steps["end"]["state"], "ahead" in steps["clock"]["sentence"]) == ("warning", True)
    elsewhere = tried(client, meters.meters[1], timezone="Asia/Kolkata")
    assert elsewhere["clock"]["code"] == "clock_off"  # five and a half hours are no whole hours


def test_a_clock_of_another_zone_and_a_wrong_password_are_named(client: FlaskClient, meters: RunningEmulator) -> None:
    switch_ftp_on(meters, 2)
    steps = tried(client, meters.meters[2], timezone="Asia/Tokyo", ftp_password="wrong")
    assert (steps["clock"]["code"], steps["clock"]["found"]["hours"]) == ("clock_zone", -9)
    assert (steps["ftp"]["code"], "0000" in steps["ftp"]["advice"]) == ("ftp_login", True)


def test_a_meter_held_by_somebody_else_is_named_so(client: FlaskClient, meters: RunningEmulator) -> None:
    meter = meters.meters[3]
    with socket.create_connection((meter.host, meter.port), 5):
        steps = tried(client, meter)
    assert (steps["connect"]["state"], steps["answer"]["code"]) == ("ok", "held_by_other")
    assert "one connection" in steps["answer"]["advice"]
    assert "model" not in steps
    assert steps["end"]["state"] == "failed"


def test_a_port_that_refuses_and_one_that_is_wedged(client: FlaskClient, meters: RunningEmulator) -> None:
    switch_ftp_on(meters, 4)
    meters.client.fault(4, "refused_control_port", value=30)
    assert codes(tried(client, meters.meters[4]))["connect"] == "wedged"
    meters.client.fault(5, "unplugged")
    refused = tried(client, meters.meters[5])["connect"]
    assert (refused["code"], "2255" in refused["advice"]) == ("refused", True)


def test_a_meter_that_stops_answering_half_way(client: FlaskClient, meters: RunningEmulator) -> None:
    meters.client.fault(6, "silence", count=2, only="Clock?")
    steps = tried(client, meters.meters[6])
    assert (steps["clock"]["code"], "run_state" in steps) == ("broke_off", False)


def test_what_is_no_meter_and_what_is_no_address(client: FlaskClient) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            while True:
                caller, _ = listener.accept()
                caller.recv(100)
                caller.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n\x1b[31mboo\r\n")
                caller.close()

        server = gevent.spawn(serve)
        steps = tried(client, Address("127.0.0.1", listener.getsockname()[1], 9))
        server.kill()
    assert steps["answer"]["code"] in ("nonsense", "held_by_other")
    assert "boo" not in json.dumps(steps)
    nowhere = tried(client, Address("no-such-host.invalid", 2255, 21))
    assert codes(nowhere) == {"resolve": "unresolved"}


def test_a_meter_of_the_roster_is_not_asked_a_second_time(
    client: FlaskClient, meters: RunningEmulator, add: Add
) -> None:
    meter = meters.meters[7]
    add(meter, unit_id="north")
    steps = tried(client, meter)
    assert (steps["roster"]["code"], "north" in steps["roster"]["sentence"]) == ("known_unheard", True)
    assert "connect" not in steps
    assert client.get(f"{BASE}/north/live").status_code == 200
    assert tried(client, meter)["roster"]["code"] == "known_answers"


def test_one_trial_of_a_host_at_a_time_and_none_in_standby(client: FlaskClient) -> None:
    prober = client.application.extensions["slmm"].prober
    body = {"host": "127.0.0.1", "tcp_port": 9}
    with socket.create_server(("127.0.0.1", 0)) as mute:
        slow = body | {"tcp_port": mute.getsockname()[1]}
        answer = client.post(f"{BASE}/_roster/probe", json=slow, buffered=False)
        lines = iter(answer.response)
        assert json.loads(next(lines))["step"] == "resolve"
        busy = client.post(f"{BASE}/_roster/probe", json=body)
        assert (busy.status_code, busy.json["code"]) == (503, "device_busy")
        answer.close()  # whoever asked has gone
    assert prober._hosts == set()
    assert client.post(f"{BASE}/_roster/probe", json=body).status_code == 200
    client.post(f"{BASE}/_system/standby")
    assert client.post(f"{BASE}/_roster/probe", json=body).status_code == 503


@pytest.mark.parametrize("host", ["http://x", "a b", "x\r\nDOD?", ""])
def test_only_addresses_are_tried(client: FlaskClient, host: str) -> None:
    assert client.post(f"{BASE}/_roster/probe", json={"host": host}).status_code == 422
