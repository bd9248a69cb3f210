"""What is wrong with a meter: told in words, with what to do, and cured only when asked."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from slmm.emulator.process import RunningEmulator
from tests.conftest import eventually
from tests.nl43.ftp_meter import running_ftp_meter
from tests.web.conftest import BASE

Add = Callable[..., str]


def diagnostics(client: FlaskClient, unit_id: str) -> Any:
    answer = client.get(f"{BASE}/{unit_id}/diagnostics")
    assert answer.status_code == 200, answer.json
    return answer.json


def verdict(client: FlaskClient, unit_id: str, code: str) -> Any:
    """The verdict of that code; fails when it is not among them."""
    found = {each["code"]: each for each in diagnostics(client, unit_id)["verdicts"]}
    assert code in found, found
    return found[code]


def cure(client: FlaskClient, unit_id: str, name: str) -> Any:
    return client.post(f"{BASE}/{unit_id}/cure", json={"cure": name})


def test_a_meter_that_is_well_passes_every_step(client: FlaskClient, add: Add, fast_emulator: RunningEmulator) -> None:
    found = diagnostics(client, add(fast_emulator.meters[0]))
    assert set(found["tests"]) >= {"config_exists", "tcp_enabled", "tcp_connection", "command_response", "ftp_status"}
    assert {test["status"] for test in found["tests"].values()} == {"pass"}
    assert found["verdicts"][0]["code"] == "answers"


def test_a_wedged_control_port_is_told_from_a_meter_that_is_off(client: FlaskClient, add: Add, tmp_path: Path) -> None:
    with running_ftp_meter(tmp_path) as card:
        wedged = add(unit_id="wedged", ftp_port=card.port)
        found = diagnostics(client, wedged)
        assert found["overall_status"] == "fail"
        assert found["tests"]["wedge"]["status"] == "fail"
        assert found["verdicts"][0]["code"] == "wedged"
        assert "off and on" in found["verdicts"][0]["advice"]
        assert found["verdicts"][0]["cure"] is None, "nothing from here cures it"
    assert diagnostics(client, add(unit_id="off"))["verdicts"][0]["code"] == "refused"


def test_the_wedge_is_named_in_the_feed_and_the_status(
    client: FlaskClient, add: Add, fast_emulator: RunningEmulator, tmp_path: Path
) -> None:
    with running_ftp_meter(tmp_path) as card:
        unit_id = add(fast_emulator.meters[0], ftp_port=card.port, monitor_enabled=True)

        def status() -> Any:
            answer = client.get(f"{BASE}/{unit_id}/status")
            return answer.json["data"] if answer.status_code == 200 else {}

        client.put(f"{BASE}/{unit_id}/config", json={"host": "127.0.0.1", "tcp_port": 9})
        eventually(lambda: status().get("verdict") == "wedged", 20)
        assert status()["is_reachable"] is False
        client.put(f"{BASE}/{unit_id}/config", json={"tcp_port": fast_emulator.meters[0].port})
        eventually(lambda: status().get("is_reachable") and status()["verdict"] is None, 20)


def test_a_meter_held_by_another_client_is_told(client: FlaskClient, add: Add, fast_emulator: RunningEmulator) -> None:
    unit_id = add(fast_emulator.meters[0])
    fast_emulator.client.fault(0, "silence", count=50)
    found = verdict(client, unit_id, "held_by_other")
    assert found["cure"] == "reconnect"


@pytest.mark.parametrize(
    ("fault", "code"), [("dropped_connection", "cut_off"), ("dropped_at_command", "held_by_other")]
)
def test_a_connection_that_breaks_within_a_reply_is_told_from_one_that_is_not_let_in(
    client: FlaskClient, add: Add, fast_emulator: RunningEmulator, fault: str, code: str
) -> None:
    unit_id = add(fast_emulator.meters[0])
    fast_emulator.client.fault(0, fault, count=50)
    assert verdict(client, unit_id, code)["severity"] == "error"


def test_a_name_that_is_none_and_a_unit_that_is_off_are_told(client: FlaskClient, add: Add) -> None:
    unknown = add(unit_id="unknown", host="meter.invalid")
    assert diagnostics(client, unknown)["verdicts"][0]["code"] == "unresolved"
    client.put(f"{BASE}/off/config", json={"host": "127.0.0.1", "tcp_port": 9, "tcp_enabled": False})
    assert diagnostics(client, "off")["verdicts"][0]["code"] == "tcp_disabled"
    client.post(f"{BASE}/unknown/deactivate")
    assert diagnostics(client, unknown)["verdicts"][0]["code"] == "deactivated"


@pytest.mark.parametrize(("jump_s", "severity"), [(5, "warning"), (-60, "error")])
def test_a_wrong_clock_is_told_and_set_when_asked(
    client: FlaskClient, add: Add, fast_emulator: RunningEmulator, jump_s: int, severity: str
) -> None:
    unit_id = add(fast_emulator.meters[0])
    fast_emulator.client.keypad(0, "stop")
    fast_emulator.client.fault(0, "clock_jump", value=jump_s)
    found = verdict(client, unit_id, "clock_off")
    assert (found["severity"], found["cure"]) == (severity, "set_clock")
    assert ("ahead" if jump_s > 0 else "behind") in found["sentence"]
    assert cure(client, unit_id, "set_clock").status_code == 200
    assert "clock_off" not in {each["code"] for each in diagnostics(client, unit_id)["verdicts"]}


def test_sleep_mode_and_ftp_are_told_and_switched_off_when_asked(
    client: FlaskClient, add: Add, fast_emulator: RunningEmulator
) -> None:
    unit_id = add(fast_emulator.meters[0])
    fast_emulator.client.keypad(0, "stop")
    assert client.post(f"{BASE}/{unit_id}/sleep").status_code == 200
    assert client.post(f"{BASE}/{unit_id}/ftp/enable").status_code == 200
    assert verdict(client, unit_id, "sleep_mode_on")["cure"] == "end_sleep"
    assert verdict(client, unit_id, "ftp_active")["cure"] == "ftp_off"
    assert cure(client, unit_id, "end_sleep").status_code == 200
    assert cure(client, unit_id, "ftp_off").status_code == 200
    codes = {each["code"] for each in diagnostics(client, unit_id)["verdicts"]}
    assert not codes & {"sleep_mode_on", "ftp_active"}


def test_settings_that_were_changed_are_told_and_accepted_when_asked(
    client: FlaskClient, add: Add, fast_emulator: RunningEmulator
) -> None:
    unit_id = add(fast_emulator.meters[0], monitor_enabled=True)
    fast_emulator.client.keypad(0, "stop")
    assert client.put(f"{BASE}/{unit_id}/settings/fingerprint").status_code == 200
    assert client.put(f"{BASE}/{unit_id}/time-weighting", json={"weighting": "S"}).status_code == 200

    def is_seen() -> bool:
        status: Any = client.get(f"{BASE}/{unit_id}/status").json
        return bool(status["data"]["labels"]["time_weighting"] == "S")

    eventually(is_seen, 20)
    assert "time_weighting was F, is S" in verdict(client, unit_id, "settings_changed")["sentence"]
    assert cure(client, unit_id, "accept_settings").status_code == 200
    assert "settings_changed" not in {each["code"] for each in diagnostics(client, unit_id)["verdicts"]}


def test_a_measurement_that_ended_by_itself_is_told(
    client: FlaskClient, add: Add, fast_emulator: RunningEmulator
) -> None:
    unit_id = add(fast_emulator.meters[0])
    client.get(f"{BASE}/{unit_id}/measurement-state")
    fast_emulator.client.keypad(0, "stop")
    client.get(f"{BASE}/{unit_id}/measurement-state")
    assert "nobody stopped it from here" in verdict(client, unit_id, "stopped_by_itself")["sentence"]
    client.post(f"{BASE}/{unit_id}/start")
    client.post(f"{BASE}/{unit_id}/stop")
    client.get(f"{BASE}/{unit_id}/measurement-state")
    assert "stopped_by_itself" not in {each["code"] for each in diagnostics(client, unit_id)["verdicts"]}


def test_a_cure_that_is_none_is_422(client: FlaskClient, add: Add) -> None:
    assert cure(client, add(), "format_card").status_code == 422


def test_secrets_are_not_in_the_dump(client: FlaskClient, add: Add, fast_emulator: RunningEmulator) -> None:
    unit_id = add(fast_emulator.meters[0], ftp_password="hunter2-secret")
    assert "hunter2" not in str(diagnostics(client, unit_id))
