"""Line ends and control characters in every text that the interface takes: refused by name, and no meter hears them."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from flask.testing import FlaskClient

from slmm.emulator.process import RunningEmulator
from tests.web.conftest import BASE
from tests.web.test_meter_operations import Add

EVIL = ["a\r\nMeasure,Start", "a\nb", "a\x00b", "a\x1b[2Jb", "a\u2028b"]


def schema_of(spec: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    """The schema itself, wherever it is."""
    while "$ref" in schema:
        schema = spec["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return schema


def takes_text(spec: dict[str, Any], schema: dict[str, Any]) -> bool:
    schema = schema_of(spec, schema)
    choices = [*schema.get("anyOf", []), *schema.get("oneOf", [])]
    is_list_of_texts = schema.get("type") == "array" and takes_text(spec, schema.get("items", {}))
    return schema.get("type") == "string" or is_list_of_texts or any(takes_text(spec, choice) for choice in choices)


def is_list(spec: dict[str, Any], schema: dict[str, Any]) -> bool:
    schema = schema_of(spec, schema)
    return schema.get("type") == "array" or any(is_list(spec, choice) for choice in schema.get("anyOf", []))


def body_members(spec: dict[str, Any]) -> Iterator[tuple[str, str, str, bool]]:
    """Method, path and member of every text in a body."""
    for path, operations in spec["paths"].items():
        for method, operation in operations.items():
            content = operation.get("requestBody", {}).get("content", {}).get("application/json")
            if content is None:
                continue
            for member, schema in schema_of(spec, content["schema"])["properties"].items():
                if takes_text(spec, schema):
                    yield method, path, member, is_list(spec, schema)


def query_members(spec: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
    """Method, path and name of every text in a query, but those of streams."""
    for path, operations in spec["paths"].items():
        for method, operation in operations.items():
            for parameter in operation.get("parameters", []):
                if (
                    parameter["in"] == "query"
                    and takes_text(spec, parameter["schema"])
                    and not path.endswith("/events")
                ):
                    yield method, path, parameter["name"]


PROSE = {"note", "reason", "text"}
"""What people write about an alert or a time may have several lines; it goes to no meter and into no header."""


@pytest.mark.parametrize("evil", EVIL)
def test_no_text_with_control_characters_passes_anywhere(
    client: FlaskClient, add: Add, fast_emulator: RunningEmulator, evil: str
) -> None:
    unit_id = add(fast_emulator.meters[0])
    before = fast_emulator.client.counters(0)["received"]
    spec: dict[str, Any] = client.get("/openapi.json").json
    seen = 0
    for method, path, member, in_list in body_members(spec):
        if member in PROSE and all(line.isprintable() for line in evil.replace("\r\n", "\n").split("\n")):
            continue
        address = re.sub(r"\{\w+_id\}", "1", path.replace("{unit_id}", unit_id)).replace("{name}", "x")
        address = re.sub(r"\{\w+\}", "x", address)
        answer: Any = client.open(address, method=method.upper(), json={member: [evil] if in_list else evil})
        assert answer.status_code == 422, (method, path, member, answer.json)
        assert any(error["field"].startswith(member) for error in answer.json["errors"]), (path, member, answer.json)
        seen += 1
    assert seen > 30
    for method, path, name in query_members(spec):
        address = re.sub(r"\{\w+_id\}", "0", path.replace("{unit_id}", unit_id))
        answer = client.open(address, method=method.upper(), query_string={name: evil})
        assert answer.status_code == 422, (method, path, name, answer.json)
        seen += 1
    assert seen > 40
    assert client.get(f"{BASE}/_monitor/events", query_string={"units": f"a,{evil}"}).status_code == 422
    assert fast_emulator.client.counters(0)["received"] == before
