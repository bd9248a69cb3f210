"""Every operation's answer fits the schema that /openapi.json gives for its status."""

from collections.abc import Callable
from typing import Any

import jsonschema
import pytest
from flask.testing import FlaskClient

from slmm.emulator.process import RunningEmulator
from tests.conftest import eventually
from tests.web.conftest import BASE

Add = Callable[..., str]
Fits = Callable[..., Any]


@pytest.fixture
def fits(client: FlaskClient) -> Fits:
    """Makes a call and checks its answer against the description."""
    spec: dict[str, Any] = client.get("/openapi.json").json

    def check(method: str, rule: str, expected: int = 200, **call: Any) -> Any:
        query = call.pop("query", "")
        described = spec["paths"][rule][method]["responses"][str(expected)]["content"]
        answer = client.open(rule.replace("{unit_id}", "a") + query, method=method.upper(), **call)
        assert answer.status_code == expected, answer.text
        schema = described[answer.mimetype]["schema"]
        jsonschema.Draft202012Validator({**schema, "components": spec["components"]}).validate(answer.json)
        return answer.json

    return check


def test_reads_fit_before_anything_was_heard(fits: Fits, add: Add) -> None:
    add()
    for rule in ("/roster", "/_monitor/status", "/_polling/status", "/_connections/status", "/_system/status"):
        fits("get", f"{BASE}{rule}")
    for rule in ("/config", "/history", "/polling/config"):
        fits("get", f"{BASE}/{{unit_id}}{rule}")
    for rule in ("/health", "/healthz", "/health/devices"):
        fits("get", rule)
    fits("get", f"{BASE}/{{unit_id}}/status", 404)


def test_reads_fit_with_a_meter(fits: Fits, add: Add, client: FlaskClient, fast_emulator: RunningEmulator) -> None:
    add(fast_emulator.meters[0])
    for rule in ("/live", "/status", "/measurement-state"):
        fits("get", f"{BASE}/{{unit_id}}{rule}")
    runtime = client.application.extensions["slmm"]
    eventually(lambda: runtime.recorder.pending == 0, what="the trail is written")
    point = eventually(lambda: fits("get", f"{BASE}/{{unit_id}}/history")["readings"], what="a reading in the trail")[0]
    assert set(point) == {"timestamp", "lp", "leq", "lmax", "ln1", "ln2"}
    assert point["timestamp"].endswith("Z")
    assert isinstance(fits("get", f"{BASE}/roster")["devices"][0]["status"]["lp"], float)
    for rule in ("/_monitor/status", "/_polling/status", "/_connections/status", "/_system/status"):
        fits("get", f"{BASE}{rule}")
    assert fits("get", "/health/devices")["reachable_devices"] == 1


def test_actions_fit(fits: Fits, fast_emulator: RunningEmulator) -> None:
    meter = fast_emulator.meters[0]
    where = {"host": meter.host, "tcp_port": meter.port, "poll_enabled": False}
    fits("post", f"{BASE}/roster", json={"unit_id": "a", **where})
    fits("put", f"{BASE}/{{unit_id}}/config", json={"ftp_password": "hush"})
    fits("put", f"{BASE}/{{unit_id}}/polling/config", json={"poll_interval_seconds": 300})
    for rule in ("stop", "start", "monitor/start", "monitor/stop", "disconnect", "deactivate", "activate"):
        fits("post", f"{BASE}/{{unit_id}}/{rule}")
    fits("post", f"{BASE}/{{unit_id}}/status", json={"lp": 50.1})
    for rule in ("_connections/flush", "_system/standby", "_system/resume"):
        fits("post", f"{BASE}/{rule}")
    fits("delete", f"{BASE}/{{unit_id}}/config")


def test_problems_fit(fits: Fits, add: Add) -> None:
    add(tcp_enabled=False)
    roster = f"{BASE}/roster"
    fits("post", roster, 409, json={"unit_id": "a", "host": "10.0.0.1"})
    fits("post", roster, 422, json={"unit_id": "b", "host": "a b", "colour": 1})
    fits("post", roster, 400, data="{", content_type="application/json")
    fits("post", roster, 415, data="{}", content_type="text/plain")
    fits("post", roster, 403, json={"unit_id": "b", "host": "10.0.0.1"}, headers={"Origin": "https://evil.example"})
    fits("post", f"{BASE}/{{unit_id}}/start", 403)
    fits("get", f"{BASE}/{{unit_id}}/history", 422, query="?hours=x")
    fits("post", f"{BASE}/_system/standby")
    fits("get", f"{BASE}/{{unit_id}}/live", 503)


def test_a_secret_stands_in_no_answer(client: FlaskClient, fits: Fits, add: Add) -> None:
    add(ftp_username="USER", ftp_password="hush-7391")
    paths = ["/openapi.json", "/health", "/health/devices"]
    paths += [f"{BASE}/{path}" for path in ("roster", "a/config", "_polling/status", "_connections/status")]
    for path in paths:
        assert "hush-7391" not in client.get(path).text, path
    assert fits("post", f"{BASE}/{{unit_id}}/activate")["data"]["ftp_password_set"] is True


def test_nothing_in_the_description_returns_the_password(client: FlaskClient) -> None:
    schemas = client.get("/openapi.json").json["components"]["schemas"]
    holders = {name for name, schema in schemas.items() if "ftp_password" in schema.get("properties", {})}
    assert holders == {"ConfigInput", "NewDevice", "ProbeInput"}, "these are taken, and never given"
