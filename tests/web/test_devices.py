"""Units over REST: what a good call answers, and what each bad one is told."""

from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient

from slmm.emulator.process import RunningEmulator
from tests.web.conftest import BASE

Add = Callable[..., str]


def test_a_unit_is_created_read_changed_and_removed(client: FlaskClient, add: Add) -> None:
    add(unit_id="site.north-1")
    entry = client.get(f"{BASE}/roster").json["devices"][0]
    assert (entry["unit_id"], entry["tcp_port"], entry["poll_interval_seconds"]) == ("site.north-1", 9, 60)
    changed = client.put(f"{BASE}/site.north-1/config", json={"host": "10.0.0.9", "ftp_password": "hush"})
    assert (changed.json["data"]["host"], changed.json["data"]["ftp_password_set"]) == ("10.0.0.9", True)
    assert "hush" not in client.get(f"{BASE}/site.north-1/config").text
    assert client.delete(f"{BASE}/site.north-1/config").status_code == 200
    assert client.get(f"{BASE}/site.north-1/config").status_code == 404


def test_put_takes_on_a_unit_but_needs_its_host(client: FlaskClient) -> None:
    missing = client.put(f"{BASE}/new/config", json={"tcp_port": 2255})
    assert (missing.status_code, missing.json["errors"][0]["field"]) == (422, "host")
    assert client.put(f"{BASE}/new/config", json={"host": "10.0.0.1"}).status_code == 200


def test_a_name_that_is_taken_is_a_conflict(client: FlaskClient, add: Add) -> None:
    add()
    answer = client.post(f"{BASE}/roster", json={"unit_id": "a", "host": "10.0.0.1"})
    assert (answer.status_code, answer.json["code"]) == (409, "conflict")


@pytest.mark.parametrize("name", ["_x", ".x", "a b", "ä", "a" * 65, "a%0d%0aDOD", "a%00", "a;b"])
def test_a_name_that_cannot_be_is_refused_before_anything_else(client: FlaskClient, name: str) -> None:
    for path in (f"{name}/status", f"{name}/config", f"{name}/monitor/events", f"{name}/history"):
        answer = client.get(f"{BASE}/{path}")
        assert (answer.status_code, answer.mimetype) == (422, "application/problem+json"), path


BAD = [
    ("host", "http://x"),
    ("host", "a b"),
    ("host", "1.2.3.400"),
    ("host", "x\r\nDOD?"),
    ("host", ""),
    ("host", 7),
    ("tcp_port", 0),
    ("tcp_port", 65_536),
    ("tcp_port", "2255"),
    ("tcp_port", 1.5),
    ("poll_interval_seconds", 29),
    ("poll_interval_seconds", 21_601),
    ("poll_enabled", "yes"),
    ("ftp_username", "a\nb"),
    ("ftp_password", "a\x1bb"),
    ("colour", "red"),
]


@pytest.mark.parametrize(("field", "value"), BAD)
def test_bad_input_names_the_field_and_changes_nothing(client: FlaskClient, add: Add, field: str, value: Any) -> None:
    add()
    before = client.get(f"{BASE}/a/config").json
    answer = client.put(f"{BASE}/a/config", json={field: value})
    assert answer.status_code == 422
    assert answer.json["errors"][0]["field"].split(".")[0] == field
    assert field in answer.json["detail"]
    assert client.get(f"{BASE}/a/config").json == before


def test_a_secret_is_not_repeated_in_an_error(client: FlaskClient, add: Add) -> None:
    add()
    answer = client.put(f"{BASE}/a/config", json={"ftp_password": "hush\n"})
    assert answer.status_code == 422
    assert "hush" not in answer.text


def test_a_body_that_is_no_json_is_400_and_another_type_415(client: FlaskClient) -> None:
    broken = client.post(f"{BASE}/roster", data="{", content_type="application/json")
    assert (broken.status_code, broken.json["code"]) == (400, "bad_request")
    form = client.post(f"{BASE}/roster", data="unit_id=a")
    assert (form.status_code, form.json["code"]) == (415, "unsupported_media_type")


def test_a_live_reading_is_fresh_and_shown_in_the_status(
    client: FlaskClient, add: Add, fast_emulator: RunningEmulator
) -> None:
    add(fast_emulator.meters[0])
    nothing = client.get(f"{BASE}/a/status")
    assert (nothing.status_code, nothing.json["code"]) == (404, "not_found")
    live = client.get(f"{BASE}/a/live").json["data"]
    assert isinstance(live["lp"], float)
    assert live["last_seen"].endswith("Z")
    assert client.get(f"{BASE}/a/status").json["data"]["raw_payload"] == live["raw_payload"]


def test_a_pushed_snapshot_is_shown_like_a_reading(client: FlaskClient, add: Add) -> None:
    add()
    answer = client.post(f"{BASE}/a/status", json={"lp": "55.5", "leq": 54.2, "lmax": "-.-", "battery_level": "Full"})
    data = answer.json["data"]
    assert (data["lp"], data["leq"], data["lmax"], data["battery_level"]) == (55.5, 54.2, None, "Full")
    assert data["flags"] == ["pushed"]
    wrong = client.post(f"{BASE}/a/status", json={"lp": "loud"})
    assert (wrong.status_code, wrong.json["errors"][0]["field"]) == (422, "lp")


@pytest.mark.parametrize(("hours", "used"), [("2", 2.0), ("0.001", 0.1), ("500", 48.0), ("-1", 0.1)])
def test_history_hours_are_clamped(client: FlaskClient, add: Add, hours: str, used: float) -> None:
    add()
    answer = client.get(f"{BASE}/a/history?hours={hours}").json
    assert (answer["hours"], answer["readings"]) == (used, [])


@pytest.mark.parametrize("hours", ["x", "nan", "inf", ""])
def test_history_hours_must_be_a_number(client: FlaskClient, add: Add, hours: str) -> None:
    add()
    assert client.get(f"{BASE}/a/history?hours={hours}").status_code == 422


def test_unit_id_rules_hold_for_the_largest_and_smallest_names(client: FlaskClient, add: Add) -> None:
    for unit_id in ("a", "Z9", "-x", "a" * 64, "a.b_c-d"):
        add(unit_id=unit_id)
        assert client.get(f"{BASE}/{unit_id}/config").status_code == 200
