"""Who gets in, as what, and who does not: roles, logins, tokens, links, tickets, and what is written down."""

import re
import stat
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import gevent
import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.exc import OperationalError

from slmm.app import create_app
from slmm.emulator.process import RunningEmulator
from slmm.errors import Conflict
from slmm.events import ContactChange
from slmm.settings import Settings
from slmm.storage.devices import Device
from slmm.web.access import Role, needed_role
from tests.conftest import FAST, eventually
from tests.web.conftest import BASE

PASSWORD = "correct horse battery"
OWN = {"Sec-Fetch-Site": "same-origin"}
PORTAL = "https://portal.example.org"


@pytest.fixture
def app(make_settings: Callable[..., Settings]) -> Iterator[Flask]:
    """A service that asks everybody who they are."""
    app = create_app(make_settings(**FAST, auth="on", cors_origins=(PORTAL,), monitor_heartbeat_s=0.3))
    runtime = app.extensions["slmm"]
    runtime.start()
    yield app
    runtime.stop()


@pytest.fixture
def runtime(app: Flask) -> Any:
    return app.extensions["slmm"]


def bearer(runtime: Any, role: str, units: tuple[str, ...] | None = None, **more: Any) -> dict[str, str]:
    _, secret = runtime.tokens.create(f"{role} token", role, units, more.get("expires_at"), "test")
    return {"Authorization": f"Bearer {secret}"}


@pytest.fixture
def admin(app: Flask, runtime: Any) -> FlaskClient:
    """A browser in which an administrator is logged in."""
    runtime.accounts.create("ada", PASSWORD, "admin")
    return logged_in(app, "ada")


def logged_in(app: Flask, name: str, password: str = PASSWORD) -> FlaskClient:
    client = app.test_client()
    answer = client.post(f"{BASE}/_login", json={"name": name, "password": password})
    assert answer.status_code == 200, answer.json
    return client


def add_unit(runtime: Any, unit_id: str = "a", **members: Any) -> str:
    runtime.roster.add(Device(unit_id, "127.0.0.1", 9, poll_enabled=False, **members))
    return unit_id


# -- the walk ---------------------------------------------------------------------------------------


def requests_of(app: Flask) -> list[tuple[str, str, Role, str]]:
    """Every method and path of the application, with a unit and numbers that exist or not, its role and endpoint."""
    found = []
    for rule in app.url_map.iter_rules():
        if rule.endpoint == "static" or rule.websocket:
            continue
        needed = needed_role(app.view_functions[rule.endpoint])
        assert needed is not None, rule
        path = re.sub(r"<int:\w+>", "999", re.sub(r"<unit_id>", "a", rule.rule))
        path = re.sub(r"<\w+>", "abc", path)
        found += [
            (method, path, needed, rule.endpoint)
            for method in sorted((rule.methods or set()) & {"GET", "POST", "PUT", "DELETE"})
        ]
    return found


@pytest.mark.parametrize("caller", ["nobody", "guest", "viewer", "operator", "admin"])
def test_every_route_keeps_out_whoever_is_less_than_its_role(app: Flask, runtime: Any, caller: str) -> None:
    add_unit(runtime)
    rank = {"nobody": Role.PUBLIC}.get(caller) or Role(caller)
    for method, path, needed, endpoint in requests_of(app):
        client = app.test_client()
        headers = {}
        if caller == "guest":
            _, secret = runtime.shares.create("link", ("a",), None, "test")
            client.set_cookie("slmm_share", secret)
        elif caller != "nobody":
            headers = bearer(runtime, caller)
        if needed.rank <= rank.rank:
            continue  # what they may do is shown elsewhere; here nothing must slip through
        answer = client.open(path, method=method, headers=headers, json={} if method in ("POST", "PUT") else None)
        if caller == "nobody":
            is_page = endpoint.startswith("pages.")
            assert answer.status_code == (302 if is_page else 401), (method, path, answer.status_code)
        elif caller == "guest" and endpoint.startswith("pages."):
            assert (answer.status_code, answer.headers["Location"]) == (302, "/shared"), path
        else:
            assert answer.status_code == 403, (method, path, answer.status_code)
    assert len(runtime.roster) == 1


def test_nothing_is_asked_of_anybody_on_loopback(make_settings: Callable[..., Settings]) -> None:
    assert not make_settings().requires_login
    assert not make_settings(host="::1").requires_login
    assert make_settings(host="0.0.0.0").requires_login
    assert make_settings(host="meters.example.org").requires_login
    assert make_settings(auth="on").requires_login
    assert not make_settings(host="0.0.0.0", auth="off").requires_login


# -- the first account ------------------------------------------------------------------------------


def test_the_first_account_is_made_with_the_code_from_the_log(app: Flask, runtime: Any) -> None:
    client = app.test_client()
    assert client.get("/login").headers["Location"] == "/setup"
    body = {"name": "ada", "password": PASSWORD}
    wrong = client.post(f"{BASE}/_setup", json={**body, "code": "0000-0000-0000"})
    assert wrong.status_code == 401
    assert client.get(f"{BASE}/_me").json["needs_setup"] is True
    made = client.post(f"{BASE}/_setup", json={**body, "code": runtime.setup_code.lower()})
    assert made.status_code == 200, made.json
    assert client.get(f"{BASE}/_me").json["role"] == "admin"
    again = app.test_client().post(f"{BASE}/_setup", json={**body, "code": "x"})
    assert again.status_code == 409
    assert app.test_client().get("/setup").status_code == 302


def test_two_first_accounts_cannot_be_made_at_once(runtime: Any) -> None:
    def make(name: str) -> str:
        try:
            runtime.accounts.create_first(name, PASSWORD)
        except Conflict:
            return "refused"
        return "made"

    made = [gevent.spawn(make, f"user{number}") for number in range(4)]
    gevent.joinall(made)
    assert sorted(greenlet.value for greenlet in made) == ["made", "refused", "refused", "refused"]


# -- logins -----------------------------------------------------------------------------------------


def test_a_wrong_password_an_unknown_name_and_a_disabled_account_look_alike(app: Flask, runtime: Any) -> None:
    runtime.accounts.create("ada", PASSWORD, "admin")
    runtime.accounts.create("eve", PASSWORD, "viewer")
    runtime.accounts.change("eve", is_enabled=False)
    answers = [
        app.test_client().post(f"{BASE}/_login", json={"name": name, "password": password})
        for name, password in (("ada", "wrong password"), ("nobody", PASSWORD), ("eve", PASSWORD))
    ]
    assert {(answer.status_code, answer.json["detail"]) for answer in answers} == {
        (401, "the name or the password is wrong, or the account is disabled")
    }


def test_the_cookie_is_out_of_reach_for_scripts_and_other_sites(app: Flask, runtime: Any) -> None:
    runtime.accounts.create("ada", PASSWORD, "admin")
    body = {"name": "ADA", "password": PASSWORD}
    cookie = app.test_client().post(f"{BASE}/_login", json=body).headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert "Secure" not in cookie
    assert "Secure" in app.test_client().post(f"{BASE}/_login", json=body, base_url="https://x").headers["Set-Cookie"]


def test_a_login_can_be_seen_and_ended_from_another_browser(app: Flask, admin: FlaskClient) -> None:
    other = logged_in(app, "ada")
    sessions = other.get(f"{BASE}/_sessions").json["sessions"]
    assert [session["is_this"] for session in sessions] == [True, False]
    ended = other.delete(f"{BASE}/_sessions/{sessions[1]['id']}", headers=OWN)
    assert ended.status_code == 200
    assert admin.get(f"{BASE}/roster").status_code == 401
    assert other.get(f"{BASE}/roster").status_code == 200


def test_logging_out_ends_the_login_itself(app: Flask, admin: FlaskClient) -> None:
    secret = admin.get_cookie("slmm_session").value  # type: ignore[union-attr]
    assert admin.post(f"{BASE}/_logout", headers=OWN).status_code == 200
    stolen = app.test_client()
    stolen.set_cookie("slmm_session", secret)
    assert stolen.get(f"{BASE}/roster").status_code == 401


def test_a_new_password_ends_every_other_login(app: Flask, admin: FlaskClient) -> None:
    other = logged_in(app, "ada")
    assert other.get(f"{BASE}/roster").status_code == 200
    body = {"old_password": PASSWORD, "new_password": "a better password"}
    assert admin.put(f"{BASE}/_me/password", json={**body, "old_password": "x"}, headers=OWN).status_code == 401
    assert admin.put(f"{BASE}/_me/password", json=body, headers=OWN).status_code == 200
    assert admin.get(f"{BASE}/roster").status_code == 200
    assert other.get(f"{BASE}/roster").status_code == 401
    logged_in(app, "ada", "a better password")


def test_tries_at_a_password_are_limited(app: Flask, runtime: Any) -> None:
    runtime.accounts.create("ada", PASSWORD, "admin")
    client = app.test_client()
    answers = [
        client.post(f"{BASE}/_login", json={"name": "ada", "password": f"guess number {number}"})
        for number in range(11)
    ]
    assert [answer.status_code for answer in answers] == [401] * 10 + [429]
    assert int(answers[-1].headers["Retry-After"]) > 0
    assert client.get("/health").status_code == 200


def test_a_change_by_cookie_must_come_from_our_own_page(admin: FlaskClient, runtime: Any) -> None:
    add_unit(runtime)
    path = f"{BASE}/a/monitor/start"
    assert admin.post(path).status_code == 403, "no word of where it comes from"
    assert admin.post(path, headers={"Sec-Fetch-Site": "cross-site"}).status_code == 403
    assert admin.post(path, headers={"Sec-Fetch-Site": "same-site"}).status_code == 403
    assert admin.post(path, headers={"Origin": "https://evil.example"}).status_code == 403
    assert admin.post(path, headers={"Origin": PORTAL}).status_code == 403
    assert not runtime.roster.get("a").monitor_enabled
    assert admin.post(path, headers=OWN).status_code == 200
    assert admin.post(path, headers={"Origin": "http://localhost"}).status_code == 200


def test_a_person_is_led_to_the_login_page_and_back(app: Flask, admin: FlaskClient, runtime: Any) -> None:
    add_unit(runtime)
    led = app.test_client().get("/unit/a")
    assert (led.status_code, led.headers["Location"]) == (302, "/login?next=/unit/a")
    assert app.test_client().get("/login").status_code == 200
    assert admin.get("/unit/a").status_code == 200


# -- accounts ---------------------------------------------------------------------------------------


def test_the_last_administrator_stays(admin: FlaskClient) -> None:
    for change in ({"role": "viewer"}, {"is_enabled": False}):
        assert admin.put(f"{BASE}/_users/ada", json=change, headers=OWN).status_code == 409
    assert admin.delete(f"{BASE}/_users/ada", headers=OWN).status_code == 409
    body = {"name": "bob", "password": PASSWORD, "role": "admin"}
    assert admin.post(f"{BASE}/_users", json=body, headers=OWN).status_code == 200
    assert admin.post(f"{BASE}/_users", json={**body, "name": "Bob"}, headers=OWN).status_code == 409
    assert admin.delete(f"{BASE}/_users/ada", headers=OWN).status_code == 200
    assert admin.get(f"{BASE}/_users").status_code == 401, "who removed themselves is out"


def test_a_role_that_was_taken_is_taken_at_once(app: Flask, admin: FlaskClient, runtime: Any) -> None:
    runtime.accounts.create("bob", PASSWORD, "operator")
    bob = logged_in(app, "bob")
    add_unit(runtime)
    assert bob.post(f"{BASE}/a/monitor/start", headers=OWN).status_code == 200
    assert admin.put(f"{BASE}/_users/bob", json={"role": "viewer"}, headers=OWN).status_code == 200
    assert bob.post(f"{BASE}/a/monitor/start", headers=OWN).status_code == 403
    assert admin.put(f"{BASE}/_users/bob", json={"is_enabled": False}, headers=OWN).status_code == 200
    assert bob.get(f"{BASE}/roster").status_code == 401


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"name": "eve", "password": "short"}, "password"),
        ({"name": "evelynevelyn", "password": "EvelynEvelyn"}, "password"),
        ({"name": " eve", "password": PASSWORD}, "name"),
        ({"name": "e\r\nve", "password": PASSWORD}, "name"),
        ({"name": "eve", "password": PASSWORD, "role": "root"}, "role"),
    ],
)
def test_a_bad_account_is_refused_by_its_field(admin: FlaskClient, body: dict[str, str], field: str) -> None:
    answer = admin.post(f"{BASE}/_users", json=body, headers=OWN)
    assert answer.status_code == 422
    assert answer.json["errors"][0]["field"] == field
    assert body["password"] not in answer.text


# -- tokens and links -------------------------------------------------------------------------------


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


# -- what is written down ---------------------------------------------------------------------------


def test_every_change_is_in_the_audit_log_without_its_secrets(app: Flask, admin: FlaskClient, runtime: Any) -> None:
    body = {"unit_id": "m1", "host": "10.0.0.1", "ftp_password": "hunter2 hunter2", "poll_enabled": False}
    admin.post(f"{BASE}/roster", json=body, headers=OWN)
    admin.put(f"{BASE}/m1/config", json={"host": "bad host"}, headers=OWN)
    admin.get(f"{BASE}/roster")
    app.test_client().post(f"{BASE}/_login", json={"name": "mallory", "password": "guess guess"})
    app.test_client().post(f"{BASE}/m1/start")
    entries = admin.get(f"{BASE}/_audit").json["entries"]
    told = [(entry["who"], entry["how"], entry["action"], entry["unit_id"], entry["outcome"]) for entry in entries]
    assert told == [
        ("mallory", "none", f"POST {BASE}/_login", None, "401"),
        ("ada", "session", f"PUT {BASE}/<unit_id>/config", "m1", "422"),
        ("ada", "session", f"POST {BASE}/roster", None, "200"),
        ("ada", "none", f"POST {BASE}/_login", None, "200"),
    ]
    assert entries[2]["detail"]["host"] == "10.0.0.1"
    assert entries[2]["detail"]["ftp_password"] == "***"
    assert entries[2]["address"] == "127.0.0.1"
    assert "hunter2" not in str(entries)
    assert [entry["id"] for entry in admin.get(f"{BASE}/_audit?who=mallory").json["entries"]] == [entries[0]["id"]]
    page = admin.get(f"{BASE}/_audit?limit=1&before_id={entries[0]['id']}").json["entries"]
    assert [entry["id"] for entry in page] == [entries[1]["id"]]


def test_what_cannot_be_written_down_is_not_told_as_done(
    admin: FlaskClient, runtime: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(**entry: Any) -> None:
        raise OperationalError("insert into audit_log", {}, Exception("database is locked"))

    add_unit(runtime)
    monkeypatch.setattr(runtime.audit, "write", refuse)
    answer = admin.post(f"{BASE}/a/monitor/start", headers=OWN)
    assert (answer.status_code, answer.json["code"]) == (503, "not_audited")
    assert "answered 200" in answer.json["detail"]


def test_secrets_rest_encrypted_under_a_key_of_their_own(
    app: Flask, runtime: Any, make_settings: Callable[..., Settings]
) -> None:
    add_unit(runtime, "a", ftp_password="hunter2 hunter2", ftp_enabled=True)
    data_dir = runtime.settings.data_dir
    runtime.stop()
    key_file = data_dir / "secret.key"
    assert stat.S_IMODE(key_file.stat().st_mode) == 0o600
    assert b"hunter2" not in b"".join(path.read_bytes() for path in data_dir.glob("slmm.db*"))
    again = create_app(make_settings(**FAST)).extensions["slmm"]
    again.start()
    assert again.roster.get("a").ftp_password == "hunter2 hunter2"
    again.stop()


def test_a_lost_key_is_told_and_the_service_runs_on(
    app: Flask, runtime: Any, make_settings: Callable[..., Settings], caplog: pytest.LogCaptureFixture
) -> None:
    add_unit(runtime, "a", ftp_password="hunter2 hunter2")
    runtime.stop()
    key_file = runtime.settings.data_dir / "secret.key"
    key = key_file.read_text()
    key_file.unlink()
    without = create_app(make_settings(**FAST)).extensions["slmm"]
    without.start()
    assert without.roster.get("a").ftp_password is None
    assert "FTP password of a cannot be read" in caplog.text
    without.roster.change("a", poll_interval_seconds=120)
    without.stop()
    key_file.write_text(key)
    found = create_app(make_settings(**FAST)).extensions["slmm"]
    found.start()
    assert found.roster.get("a").ftp_password == "hunter2 hunter2", "what could not be read was not thrown away"
    found.stop()
