"""What clients send that no client should: each is told what is wrong, and nothing of it gets through."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient

from slmm.web.api.models import ConfigInput, NewDevice, StatusInput
from tests.web.conftest import BASE

Add = Callable[..., str]

TEXT_MEMBERS = [
    *[("config", name) for name in ("host", "ftp_username", "ftp_password", "timezone", "name", "site")],
    *[("status", name) for name in StatusInput.model_fields],
]


def send(client: FlaskClient, body: bytes | str, content_type: str = "application/json") -> Any:
    return client.put(f"{BASE}/a/config", data=body, content_type=content_type)


EVIL = ["\r\n", "\n", "\r", "\x00", "\x1b[2J", "\x7f", "\x85", "\u2028", "\ud800"]


@pytest.mark.parametrize(("where", "member"), TEXT_MEMBERS)
def test_no_control_character_passes_in_any_text(client: FlaskClient, add: Add, where: str, member: str) -> None:
    add()
    call = client.put if where == "config" else client.post
    for text in (form.format(evil) for evil in EVIL for form in ("10.0{}DOD?", "{}10.0", "10.0{}")):
        answer = call(f"{BASE}/a/{where}", json={member: text})
        assert (answer.status_code, answer.json["errors"][0]["field"]) == (422, member), repr(text)


def test_every_text_member_is_in_the_table_above() -> None:
    texts = {
        name
        for model in (ConfigInput, NewDevice)
        for name, info in model.model_fields.items()
        if info.annotation is str or "str" in repr(info.annotation)
    }
    assert texts - {"unit_id"} == {member for where, member in TEXT_MEMBERS if where == "config"}


@pytest.mark.parametrize(
    "host",
    [
        "fe80::1%eth0\r\nDOD?",
        "fe80::1% x",
        "fe80::1%",
        "[::1]",
        "http://10.0.0.1",
        "10.0.0.1:2255",
        "10.0.0.1/24",
        "user@host",
        "10.0.0",
        "-lead.example",
        "trail-.example",
        "two..dots",
        "under_score",
        "a" * 64,
        ".".join(["a" * 60] * 4) + ".abcdefghij",
        "mètre.example",
        "١٠.0.0.1",
        " 10.0.0.1",
    ],
)
def test_what_is_no_address_is_no_host(client: FlaskClient, host: str) -> None:
    answer = client.post(f"{BASE}/roster", json={"unit_id": "a", "host": host})
    assert (answer.status_code, answer.json["errors"][0]["field"]) == (422, "host")


@pytest.mark.parametrize("host", ["10.0.0.1", "::1", "fe80::1%eth0", "meter", "meter-7.site.example", "meter.example."])
def test_addresses_and_names_are_hosts(client: FlaskClient, host: str) -> None:
    answer = client.post(f"{BASE}/roster", json={"unit_id": "a", "host": host})
    assert (answer.status_code, answer.json["data"]["host"]) == (200, host)


@pytest.mark.parametrize(
    "body",
    [b"{", b"{'a': 1}", b'{"host": "\xff"}', b'{"tcp_port": NaN}', b'{"tcp_port": -Infinity}', b"[" * 200_000, b"{}{}"],
)
def test_what_is_not_json_is_400(client: FlaskClient, add: Add, body: bytes) -> None:
    add()
    answer = send(client, body)
    assert (answer.status_code, answer.json["code"]) == (400, "bad_request")
    assert answer.json["detail"].startswith("the body is not JSON: ")


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ("[]", "array"),
        ("null", "null"),
        ("5", "number"),
        ("true", "boolean"),
        (json.dumps('{"tcp_port": 77}'), "string"),
    ],
)
def test_a_body_that_is_no_object_is_422(client: FlaskClient, add: Add, body: str, kind: str) -> None:
    add()
    answer = send(client, body)
    assert (answer.status_code, kind in answer.json["detail"]) == (422, True)
    assert client.get(f"{BASE}/a/config").json["data"]["tcp_port"] == 9


def test_a_body_that_is_missing_is_422(client: FlaskClient, add: Add) -> None:
    add()
    answer = send(client, "")
    assert (answer.status_code, answer.json["errors"][0]["field"]) == (422, "body")


def test_a_body_that_is_too_large_is_413(client: FlaskClient, add: Add) -> None:
    add()
    assert send(client, b" " * 1_000_001).status_code == 413


def test_an_impossible_name_comes_before_a_broken_body(client: FlaskClient) -> None:
    answer = client.put(f"{BASE}/_x/config", data="{", content_type="text/plain")
    assert (answer.status_code, answer.json["errors"][0]["field"]) == (422, "unit_id")


def test_an_unknown_member_is_named_but_its_value_is_not_repeated(client: FlaskClient, add: Add) -> None:
    add()
    answer = client.put(f"{BASE}/a/config", json={"ftp_pasword": "hush"})
    assert (answer.status_code, "ftp_pasword" in answer.json["detail"]) == (422, True)
    assert "hush" not in answer.text


def test_a_problem_names_field_value_and_what_is_allowed(client: FlaskClient, add: Add) -> None:
    add()
    answer = client.put(f"{BASE}/a/config", json={"tcp_port": 70_000, "poll_interval_seconds": 5})
    assert answer.json["errors"] == [
        {
            "field": "tcp_port",
            "message": "70000 is not allowed: it should be less than or equal to 65535",
            "value": 70_000,
        },
        {
            "field": "poll_interval_seconds",
            "message": "5 is not allowed: it should be greater than or equal to 30",
            "value": 5,
        },
    ]
    assert answer.json["detail"].startswith("tcp_port 70000 is not allowed: it should be less than")


def test_a_long_value_is_cut_in_the_problem(client: FlaskClient, add: Add) -> None:
    add()
    answer = client.put(f"{BASE}/a/config", json={"host": "x" * 100_000})
    assert (answer.status_code, len(answer.data) < 1000) == (422, True)


@pytest.mark.parametrize("level", [True, [1], {}, "72", "72.44", "1e3", 1e9, "72,4"])
def test_what_is_no_level_cannot_be_pushed(client: FlaskClient, add: Add, level: Any) -> None:
    add()
    answer = client.post(f"{BASE}/a/status", json={"lp": level})
    assert (answer.status_code, [item["field"] for item in answer.json["errors"]]) == (422, ["lp"])


def test_percentiles_can_be_pushed_and_null_changes_nothing(client: FlaskClient, add: Add) -> None:
    add()
    client.post(f"{BASE}/a/status", json={"lp": 50.0, "ln1": "61.2", "ln2": 57})
    data = client.post(f"{BASE}/a/status", json={"lp": None, "leq": 49.5}).json["data"]
    assert (data["lp"], data["leq"], data["ln1"], data["ln2"]) == (50.0, 49.5, 61.2, 57.0)
