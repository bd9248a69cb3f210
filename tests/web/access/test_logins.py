"""Who gets in, as what, and who does not: roles, the first account, logins and accounts."""

import re
from collections.abc import Callable
from typing import Any

import gevent
import pytest
from flask import Flask
from flask.testing import FlaskClient

from slmm.errors import Conflict
from slmm.settings import Settings
from slmm.web.access import Role, needed_role
from tests.web.access.conftest import OWN, PASSWORD, PORTAL, add_unit, bearer, logged_in
from tests.web.conftest import BASE

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
