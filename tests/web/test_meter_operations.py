"""Every operation on a meter: good call, unknown unit, disabled, unreachable, wrong state, bad input."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import gevent
import pytest
from flask.testing import FlaskClient

from slmm.emulator.process import RunningEmulator
from tests.conftest import eventually
from tests.web.conftest import BASE

Add = Callable[..., str]


@dataclass(frozen=True)
class Operation:
    """One row of the contract's table."""

    method: str
    path: str
    members: frozenset[str] = frozenset({"status", "message"})
    body: dict[str, Any] | None = None
    stopped: bool = False
    """The meter must not measure for a good call."""
    refused: str = ""
    """``measuring`` or ``stopped``: the state in which the meter says R+0004."""
    bad: tuple[dict[str, Any], ...] = ()
    bad_query: tuple[str, ...] = ()
    good: int = 200
    result: str | None = field(default=None)

    @property
    def name(self) -> str:
        return f"{self.method} {self.path}"


def setting(path: str, body: dict[str, Any], *bad: dict[str, Any]) -> Operation:
    return Operation("put", path, body=body, stopped=True, refused="measuring", bad=({}, *bad))


def reading(path: str, *members: str, **more: Any) -> Operation:
    return Operation("get", path, frozenset({"status", *members}), **more)


def command(path: str, **more: Any) -> Operation:
    return Operation("post", path, **more)


INJECTION = "A\r\nMeasure,Start"

CYCLE_BEGUN = frozenset(
    {"unit_id", "clock_synced", "server_time", "old_index", "new_index", "attempts_made", "started", "steps"}
)
CYCLE_ENDED = frozenset(
    {
        "unit_id",
        "stopped",
        "ftp_enabled",
        "download_attempted",
        "download_success",
        "downloaded_folder",
        "local_path",
        "steps",
    }
)

OPERATIONS = [
    command("start", stopped=True, refused="measuring"),
    command("stop", refused="stopped"),
    command("pause"),
    command("resume"),
    command("reset", good=409, result="R+0001"),
    command("store", stopped=True, refused="measuring"),
    command("sleep", stopped=True, refused="measuring"),
    command("wake", stopped=True),
    reading("measurement-state", "measurement_state", "is_measuring"),
    reading("results", "data"),
    reading("live", "data"),
    reading("sleep/status", "sleep_status"),
    reading("ftp/status", "ftp_enabled", "ftp_status"),
    command("ftp/disable"),
    command(
        "start-cycle",
        body={"sync_clock": True},
        members=CYCLE_BEGUN,
        stopped=True,
        refused="measuring",
        bad=({"sync_clock": "yes"}, {"sync": True}),
    ),
    command(
        "stop-cycle",
        body={"download": False},
        members=CYCLE_ENDED,
        bad=({"download": 1}, {"download_path": "../../x.zip"}, {"download_path": "a\r\nb"}, {"download_path": ""}),
    ),
    reading("battery", "battery_level"),
    reading("clock", "clock", "timezone", "offset_s"),
    reading(
        "frequency-weighting", "frequency_weighting", "channel", bad_query=("channel=Sub9", f"channel={'%0d%0aX'}")
    ),
    reading("time-weighting", "time_weighting", "channel", bad_query=("channel=", "chanel=Main")),
    reading("measurement-time", "measurement_time"),
    reading("leq-interval", "leq_interval"),
    reading("lp-interval", "lp_interval"),
    reading("index-number", "index_number"),
    reading("overwrite-check", "overwrite_status", "will_overwrite", "safe_to_store"),
    Operation(
        "put",
        "clock",
        body={"datetime": "2026/11/21 10:00:00"},
        stopped=True,
        refused="measuring",
        bad=(
            {"datetime": "2026-11-21 10:00:00"},
            {"datetime": "2026/13/21 10:00:00"},
            {"datetime": "2026/11/21 10:00:00\r\nMeasure,Start"},
            {"datetime": 5},
            {"when": "now"},
        ),
    ),
    setting("frequency-weighting", {"weighting": "C"}, {"weighting": "B"}, {"weighting": INJECTION}, {"weighting": 1}),
    setting("time-weighting", {"weighting": "S", "channel": "Sub1"}, {"weighting": "X"}, {"channel": INJECTION}),
    setting("measurement-time", {"preset": "15m"}, {"preset": "7m"}, {"preset": INJECTION}),
    setting("leq-interval", {"preset": "1m"}, {"preset": "1 m"}, {"preset": INJECTION}),
    setting("lp-interval", {"preset": "1s"}, {"preset": "2s"}, {"preset": INJECTION}),
    setting("index-number", {"index": 42}, {"index": 10_000}, {"index": -1}, {"index": "0042"}, {"index": 1.5}),
]
LONG = [
    reading("settings", "unit_id", "settings", "changed", "fingerprint_taken_at", bad_query=("wait=perhaps",)),
    reading("settings/all", "unit_id", "settings", "changed", "fingerprint_taken_at"),
    Operation("put", "settings/fingerprint", frozenset({"status", "unit_id", "taken_at", "sha256"})),
    command("ftp/enable", bad_query=("wait=perhaps",)),
]
ALL = OPERATIONS + LONG


def call(client: FlaskClient, operation: Operation, unit_id: str, body: Any = None, query: str = "") -> Any:
    body = operation.body if body is None else body
    path = f"{BASE}/{unit_id}/{operation.path}" + (f"?{query}" if query else "")
    return client.open(path, method=operation.method.upper(), json=body)


def named(operations: list[Operation]) -> Any:
    return pytest.mark.parametrize("operation", operations, ids=[operation.name for operation in operations])


@named(ALL)
def test_a_good_call_answers_with_the_members_of_the_contract(
    client: FlaskClient, add: Add, fast_emulator: RunningEmulator, operation: Operation
) -> None:
    unit_id = add(fast_emulator.meters[0])
    if operation.stopped:
        fast_emulator.client.keypad(0, "stop")
    answer = call(client, operation, unit_id)
    assert answer.status_code == operation.good, answer.json
    if operation.good == 200:
        assert answer.json["status"] == "ok"
        assert set(answer.json) >= operation.members
    else:
        assert answer.json["device_result"] == operation.result


@named(ALL)
def test_an_unknown_unit_is_404(client: FlaskClient, operation: Operation) -> None:
    answer = call(client, operation, "nobody")
    assert (answer.status_code, answer.json["code"]) == (404, "not_found")


@named(ALL)
def test_a_disabled_device_is_403(client: FlaskClient, add: Add, operation: Operation) -> None:
    answer = call(client, operation, add(tcp_enabled=False))
    assert (answer.status_code, answer.json["code"]) == (403, "device_disabled")


@named(OPERATIONS)
def test_an_unreachable_device_is_502(client: FlaskClient, add: Add, operation: Operation) -> None:
    answer = call(client, operation, add())
    assert (answer.status_code, answer.json["code"]) == (502, "device_unreachable")


@named([operation for operation in LONG if operation.method == "get"])
def test_settings_that_cannot_be_read_say_so_in_place(client: FlaskClient, add: Add, operation: Operation) -> None:
    answer = call(client, operation, add())
    assert answer.status_code == 200
    assert all(value.startswith("Error: ") for value in answer.json["settings"].values())


@named([operation for operation in ALL if operation.refused])
def test_the_wrong_state_is_409_with_the_result_code_of_the_meter(
    client: FlaskClient, add: Add, fast_emulator: RunningEmulator, operation: Operation
) -> None:
    unit_id = add(fast_emulator.meters[0])
    if operation.refused == "stopped":
        fast_emulator.client.keypad(0, "stop")
    answer = call(client, operation, unit_id)
    assert (answer.status_code, answer.json["code"], answer.json["device_result"]) == (409, "wrong_state", "R+0004")


BAD = [(operation, body) for operation in ALL for body in operation.bad]


@pytest.mark.parametrize(("operation", "body"), BAD, ids=[f"{operation.name} {body}" for operation, body in BAD])
def test_bad_input_is_422_names_the_field_and_never_reaches_the_meter(
    client: FlaskClient, add: Add, fast_emulator: RunningEmulator, operation: Operation, body: dict[str, Any]
) -> None:
    unit_id = add(fast_emulator.meters[0])
    before = fast_emulator.client.counters(0)["received"]
    answer = call(client, operation, unit_id, body)
    assert answer.status_code == 422, answer.json
    assert answer.json["errors"][0]["field"]
    assert fast_emulator.client.counters(0)["received"] == before


BAD_QUERIES = [(operation, query) for operation in ALL for query in operation.bad_query]


@pytest.mark.parametrize(("operation", "query"), BAD_QUERIES)
def test_a_bad_query_is_422(client: FlaskClient, add: Add, operation: Operation, query: str) -> None:
    assert call(client, operation, add(), query=query).status_code == 422


@pytest.mark.parametrize("unit_id", ["a%0d%0aMeasure,Start", "_a", ".a", "a b", "x" * 65])
def test_a_name_that_cannot_be_is_422_on_every_operation(client: FlaskClient, unit_id: str) -> None:
    for operation in ALL:
        assert call(client, operation, unit_id).status_code == 422, operation.name


def test_a_meter_that_answers_too_late_is_504(client: FlaskClient, add: Add, fast_emulator: RunningEmulator) -> None:
    unit_id = add(fast_emulator.meters[0])
    fast_emulator.client.fault(0, "silence", count=5)
    answer = client.get(f"{BASE}/{unit_id}/battery")
    assert (answer.status_code, answer.json["code"]) == (504, "device_timeout")


def test_standby_is_503(client: FlaskClient, add: Add, fast_emulator: RunningEmulator) -> None:
    unit_id = add(fast_emulator.meters[0])
    client.post(f"{BASE}/_system/standby")
    answer = client.get(f"{BASE}/{unit_id}/battery")
    assert (answer.status_code, answer.json["code"]) == (503, "standby")
    assert int(answer.headers["Retry-After"]) > 0


def test_a_setting_is_what_was_set(client: FlaskClient, add: Add, fast_emulator: RunningEmulator) -> None:
    unit_id = add(fast_emulator.meters[0])
    fast_emulator.client.keypad(0, "stop")
    for path, body, member, value in (
        ("frequency-weighting", {"weighting": "C"}, "frequency_weighting", "C"),
        ("time-weighting", {"weighting": "S"}, "time_weighting", "S"),
        ("measurement-time", {"preset": "15m"}, "measurement_time", "15m"),
        ("leq-interval", {"preset": "1m"}, "leq_interval", "1m"),
        ("lp-interval", {"preset": "1s"}, "lp_interval", "1s"),
        ("index-number", {"index": 7}, "index_number", "0007"),
    ):
        assert client.put(f"{BASE}/{unit_id}/{path}", json=body).status_code == 200
        assert client.get(f"{BASE}/{unit_id}/{path}").json[member] == value


def test_the_clock_is_set_to_now_and_its_offset_is_told(
    client: FlaskClient, add: Add, fast_emulator: RunningEmulator
) -> None:
    unit_id = add(fast_emulator.meters[0], timezone="America/New_York")
    fast_emulator.client.keypad(0, "stop")
    fast_emulator.client.fault(0, "clock_jump", value=500)
    assert client.put(f"{BASE}/{unit_id}/clock", json={}).status_code == 200
    answer = client.get(f"{BASE}/{unit_id}/clock").json
    assert answer["timezone"] == "America/New_York"
    assert abs(answer["offset_s"]) <= 1.0


def test_a_fingerprint_shows_what_was_changed_at_the_keypad(
    client: FlaskClient, add: Add, fast_emulator: RunningEmulator
) -> None:
    unit_id = add(fast_emulator.meters[0])
    fast_emulator.client.keypad(0, "stop")
    assert client.put(f"{BASE}/{unit_id}/settings/fingerprint").status_code == 200
    assert client.get(f"{BASE}/{unit_id}/settings").json["changed"] == {}
    client.put(f"{BASE}/{unit_id}/time-weighting", json={"weighting": "S"})
    assert client.get(f"{BASE}/{unit_id}/settings").json["changed"] == {"time_weighting": ["F", "S"]}


def test_results_carry_the_line_and_its_levels(client: FlaskClient, add: Add, fast_emulator: RunningEmulator) -> None:
    unit_id = add(fast_emulator.meters[0])
    eventually(lambda: client.get(f"{BASE}/{unit_id}/live").json["data"]["leq"])  # the first sample
    client.post(f"{BASE}/{unit_id}/stop")
    data = client.get(f"{BASE}/{unit_id}/results").json["data"]
    assert data["raw_data"].count(",") == 63
    assert "lp" not in data
    assert data["leq"] > 20
    assert data["lmin"] <= data["lmax"]


def test_a_long_operation_can_be_followed_instead_of_waited_for(
    client: FlaskClient, add: Add, fast_emulator: RunningEmulator
) -> None:
    unit_id = add(fast_emulator.meters[0])
    accepted = client.get(f"{BASE}/{unit_id}/settings?wait=false")
    assert accepted.status_code == 202
    where = accepted.headers["Location"]
    busy = client.get(f"{BASE}/{unit_id}/settings")
    assert (busy.status_code, busy.json["code"]) == (503, "device_busy")
    seen = set()
    while (operation := client.get(where).json["operation"])["state"] == "running":
        seen.add(operation["done"])
        gevent.sleep(0.01)
    assert operation["state"] == "done"
    assert len(seen) > 3
    assert operation["result"]["settings"]["battery_level"] == "Full"
    assert all(step["state"] == "done" for step in operation["steps"])
    assert client.get(f"{BASE}/{unit_id}/operations").json["operations"][0]["operation_id"] in where


def test_the_log_tells_commands_with_their_result_codes(
    client: FlaskClient, add: Add, fast_emulator: RunningEmulator
) -> None:
    unit_id = add(fast_emulator.meters[0])
    client.get(f"{BASE}/{unit_id}/battery")
    client.post(f"{BASE}/{unit_id}/start")
    logs = client.get(f"{BASE}/{unit_id}/logs").json
    messages = [(entry["level"], entry["category"], entry["message"]) for entry in logs["logs"]]
    assert any(m[:2] == ("INFO", "TCP") and m[2].startswith("connected to") for m in messages)
    assert any(m[:2] == ("INFO", "COMMAND") and m[2].startswith("Battery Level? → R+0000 in") for m in messages)
    assert any(m[:2] == ("WARNING", "COMMAND") and m[2].startswith("Measure,Start → R+0004") for m in messages)
    assert logs["stats"]["total"] == logs["count"]
    only = client.get(f"{BASE}/{unit_id}/logs?level=WARNING&limit=1").json
    assert [entry["level"] for entry in only["logs"]] == ["WARNING"]
    assert client.delete(f"{BASE}/{unit_id}/logs").json["deleted_count"] >= logs["count"]
    assert client.get(f"{BASE}/{unit_id}/logs").json["count"] == 0
