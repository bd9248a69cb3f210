"""Tokens, share links and tickets: what each opens, and that it ends."""

from datetime import UTC, datetime, timedelta
from typing import Any

import gevent
import pytest
from flask import Flask
from flask.testing import FlaskClient

from slmm.emulator.process import RunningEmulator
from slmm.events import ContactChange
from slmm.storage.devices import Device
from tests.conftest import eventually
from tests.web.access.conftest import OWN, PORTAL, add_unit, bearer
from tests.web.conftest import BASE


def test_a_token_is_shown_once_and_kept_as_a_hash(app: Flask, admin: FlaskClient, runtime: Any) -> None:
    made = admin.post(f"{BASE}/_tokens", json={"name": "portal", "role": "viewer"}, headers=OWN).json
    headers = {"Authorization": f"Bearer {made['secret']}"}
    assert app.test_client().get(f"{BASE}/roster", headers=headers).status_code == 200
    listed = admin.get(f"{BASE}/_tokens")
    assert made["secret"] not in listed.text
    assert listed.json["tokens"][0]["last_used_at"] is not None
    assert made["secret"].encode() not in (runtime.settings.data_dir / "slmm.db").read_bytes()
    assert admin.delete(f"{BASE}/_tokens/{made['token']['id']}", headers=OWN).status_code == 200
    assert app.test_client().get(f"{BASE}/roster", headers=headers).status_code == 401


def test_a_token_ends_with_its_time(app: Flask, runtime: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    ends_at = datetime.now(UTC) + timedelta(hours=1)
    headers = bearer(runtime, "viewer", expires_at=ends_at)
    client = app.test_client()
    assert client.get(f"{BASE}/roster", headers=headers).status_code == 200
    monkeypatch.setattr(runtime.tokens, "_now", lambda: ends_at)
    assert client.get(f"{BASE}/roster", headers=headers).status_code == 401


def test_a_token_for_some_units_sees_no_others(app: Flask, runtime: Any) -> None:
    add_unit(runtime, "a")
    add_unit(runtime, "b")
    client, headers = app.test_client(), bearer(runtime, "admin", ("b",))
    assert client.get(f"{BASE}/b/config", headers=headers).status_code == 200
    assert client.get(f"{BASE}/a/config", headers=headers).status_code == 404
    assert client.put(f"{BASE}/a/config", json={"host": "10.0.0.1"}, headers=headers).status_code == 404
    assert [unit["unit_id"] for unit in client.get(f"{BASE}/roster", headers=headers).json["devices"]] == ["b"]
    assert list(client.get(f"{BASE}/_monitor/status", headers=headers).json["data"]) == ["b"]
    assert client.get(f"{BASE}/_connections/status", headers=headers).json["data"]["connections"][0]["unit_id"] == "b"
    assert [row["unit_id"] for row in client.get("/health/devices", headers=headers).json["devices"]] == ["b"]
    assert client.get(f"{BASE}/_monitor/events?units=a", headers=headers).status_code == 404
    for method, path in (("POST", "/_system/standby"), ("POST", "/roster"), ("GET", "/_users")):
        answer = client.open(f"{BASE}{path}", method=method, headers=headers, json={} if method == "POST" else None)
        assert answer.status_code == 403, path
    assert not runtime.fleet.is_standby


def test_figures_of_the_whole_service_need_a_token_for_all_units(app: Flask, runtime: Any) -> None:
    client = app.test_client()
    assert client.get("/metrics").status_code == 401, "an address of this machine is no pass"
    assert client.get("/metrics", headers=bearer(runtime, "viewer")).status_code == 200
    refused = client.get("/metrics", headers=bearer(runtime, "admin", ("b",)))
    assert refused.status_code == 403
    assert "some units only" in refused.json["detail"]
    assert client.get("/readyz").status_code == client.get("/healthz").status_code == 200


def test_a_share_link_shows_the_levels_of_its_units_and_nothing_else(
    app: Flask, admin: FlaskClient, runtime: Any, fast_emulator: RunningEmulator
) -> None:
    meter = fast_emulator.meters[0]
    runtime.roster.add(Device("a", meter.host, meter.port, monitor_enabled=True))
    add_unit(runtime, "b")
    made = admin.post(f"{BASE}/_shares", json={"name": "neighbours", "units": ["a"]}, headers=OWN).json
    guest = app.test_client()
    opened = guest.get(made["url"].removeprefix("http://localhost"))
    assert (opened.status_code, opened.headers["Location"]) == (302, "/shared")
    page = guest.get("/shared")
    assert page.status_code == 200
    assert 'data-unit-id="a"' in page.text
    assert 'data-unit-id="b"' not in page.text
    for path in ("/", "/unit/a", "/unit/b", "/alerts", "/roster"):
        assert guest.get(path).headers["Location"] == "/shared", path
    eventually(lambda: guest.get(f"{BASE}/a/status").status_code == 200)
    answer = guest.get(f"{BASE}/roster")
    (unit,) = answer.json["devices"]
    assert set(unit) == {"unit_id", "name", "is_active", "status"}
    told = {name for name, value in unit["status"].items() if value is not None}
    assert told.isdisjoint({"raw_payload", "last_error", "battery_level", "power_source", "sd_remaining_mb", "verdict"})
    assert "127.0.0.1" not in answer.text
    for path in ("a/config", "a/logs", "a/diagnostics", "a/live", "a/remarks", "_monitor/status", "_audit", "_shares"):
        assert guest.get(f"{BASE}/{path}").status_code == 403, path
    for path in ("b/status", "b/limits/standing", "b/history?hours=1", "b/monitor/events", "_monitor/events?units=b"):
        assert guest.get(f"{BASE}/{path}").status_code == 404, path
    assert guest.post(f"{BASE}/a/start", headers=OWN).status_code == 403
    assert admin.delete(f"{BASE}/_shares/{made['share']['id']}", headers=OWN).status_code == 200
    assert guest.get(f"{BASE}/a/status").status_code == 401
    assert app.test_client().get(made["url"].removeprefix("http://localhost")).status_code == 404


def test_a_guest_follows_levels_and_limits_without_the_meters_own_lines(
    app: Flask, runtime: Any, fast_emulator: RunningEmulator
) -> None:
    meter = fast_emulator.meters[0]
    runtime.roster.add(Device("a", meter.host, meter.port, monitor_enabled=True))
    _, secret = runtime.shares.create("link", ("a",), None, "test")
    guest = app.test_client()
    guest.set_cookie("slmm_share", secret)
    answer = guest.get(f"{BASE}/_monitor/events")
    heard: list[bytes] = []
    listener = gevent.spawn(lambda: heard.extend(answer.response))
    eventually(lambda: b'"lp":' in b"".join(heard))
    contact = ContactChange("a", datetime.now(UTC), False, "[Errno 111] 10.0.0.7 refused")
    runtime.hub.on_contact("a", contact)
    eventually(lambda: b'"unreachable"' in b"".join(heard))
    assert runtime.hub.watchers("a") == 1, "who follows by a link has the meter read as well"
    runtime.shares.revoke(1)
    runtime.end_revoked_streams()
    listener.join(5)
    assert b"access_ended" in heard[-1]
    for told in (b"raw_payload", b"10.0.0.7", b"event: status", b"event: alert"):
        assert told not in b"".join(heard), told


def test_a_ticket_opens_streams_and_nothing_else(app: Flask, runtime: Any) -> None:
    add_unit(runtime, "a")
    add_unit(runtime, "b")
    token = bearer(runtime, "admin")
    client = app.test_client()
    ticket = client.post(f"{BASE}/_tickets", json={"units": ["a"]}, headers=token).json["ticket"]
    opened = client.get(f"{BASE}/a/monitor/events?ticket={ticket}")
    assert opened.status_code == 200
    opened.close()
    assert client.get(f"{BASE}/b/monitor/events?ticket={ticket}").status_code == 404
    assert client.get(f"{BASE}/roster?ticket={ticket}").status_code == 401
    assert client.post(f"{BASE}/a/start?ticket={ticket}").status_code == 401
    assert client.get(f"{BASE}/a/monitor/events?ticket={ticket}x").status_code == 401
    runtime.tokens.revoke(runtime.tokens.all()[0].token_id)
    assert client.get(f"{BASE}/a/monitor/events?ticket={ticket}").status_code == 401


def test_an_open_stream_ends_when_its_right_does(app: Flask, runtime: Any) -> None:
    add_unit(runtime)
    token = bearer(runtime, "viewer")
    answer = app.test_client().get(f"{BASE}/a/monitor/events", headers=token)
    heard: list[bytes] = []

    def listen() -> None:
        heard.extend(answer.response)

    listener = gevent.spawn(listen)
    eventually(lambda: runtime.hub.viewers() == 1)
    runtime.tokens.revoke(runtime.tokens.all()[0].token_id)
    runtime.end_revoked_streams()
    listener.join(5)
    assert listener.ready()
    assert b"access_ended" in b"".join(heard)


def test_a_portal_may_ask_with_a_token_and_no_cookie_is_let_through(app: Flask, runtime: Any) -> None:
    asked = app.test_client().get(f"{BASE}/roster", headers={**bearer(runtime, "viewer"), "Origin": PORTAL})
    assert asked.headers["Access-Control-Allow-Origin"] == PORTAL
    assert "Access-Control-Allow-Credentials" not in asked.headers
    preflight = app.test_client().options(
        f"{BASE}/roster", headers={"Origin": PORTAL, "Access-Control-Request-Method": "GET"}
    )
    assert preflight.status_code == 204
    assert "Authorization" in preflight.headers["Access-Control-Allow-Headers"]
