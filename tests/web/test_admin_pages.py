"""The pages of the administration: who may see which, and what the operations behind them tell."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from slmm.app import create_app
from slmm.settings import Settings
from slmm.storage.devices import Device
from tests.conftest import FAST
from tests.web.conftest import BASE

PASSWORD = "correct horse battery"
OWN = {"Sec-Fetch-Site": "same-origin"}
FOR_OPERATORS = ("/admin", "/admin/shares", "/admin/channels", "/admin/limits")
FOR_ADMINS = ("/admin/users", "/admin/tokens", "/admin/audit")


@pytest.fixture
def app(make_settings: Callable[..., Settings]) -> Iterator[Flask]:
    app = create_app(make_settings(**FAST, auth="on", public_url="https://noise.example.org"))
    runtime = app.extensions["slmm"]
    runtime.start()
    runtime.roster.add(Device("a", "127.0.0.1", 9, poll_enabled=False, name="North fence", site="Harbour"))
    yield app
    runtime.stop()


def logged_in(app: Flask, role: str, **headers: str) -> FlaskClient:
    """A browser of somebody with that role, who is named after it."""
    accounts = app.extensions["slmm"].accounts
    if role not in {user.name for user in accounts.all()}:
        accounts.create(role, PASSWORD, role)
    client = app.test_client()
    answer = client.post(f"{BASE}/_login", json={"name": role, "password": PASSWORD}, headers=headers)
    assert answer.status_code == 200, answer.json
    return client


def test_each_role_is_shown_the_pages_it_may_use(app: Flask) -> None:
    admin, operator, viewer = (logged_in(app, role) for role in ("admin", "operator", "viewer"))
    for path in (*FOR_OPERATORS, *FOR_ADMINS, "/account"):
        assert admin.get(path).status_code == 200, path
    for path in FOR_OPERATORS:
        assert operator.get(path).status_code == 200, path
        assert viewer.get(path).status_code == 403, path
    landing = operator.get("/admin").text
    assert "/admin/shares" in landing
    assert "/admin/users" not in landing
    assert "/admin/audit" in admin.get("/admin").text
    assert operator.get("/admin/users").status_code == 403
    assert viewer.get("/account").status_code == 200
    assert "no-login" not in admin.get("/admin").text


def test_a_service_that_asks_nobody_says_what_that_means(client: FlaskClient) -> None:
    assert "No login is asked for." in client.get("/admin/users").text
    assert "there is no password to change" in client.get("/account").text


def test_the_limits_of_all_units_stand_on_one_page(app: Flask) -> None:
    operator = logged_in(app, "operator")
    assert "No limit yet" in operator.get("/admin/limits").text
    rows = [{"from": "00:00", "until": "24:00", "level_db": 70}]
    body = {"name": "Permit 12", "quantity": "laeq", "period": {"kind": "fixed", "length": "15min"}, "rows": rows}
    assert operator.post(f"{BASE}/a/limits", json=body, headers=OWN).status_code == 200
    page = operator.get("/admin/limits").text
    assert "North fence" in page
    assert "Permit 12" in page
    assert "LAeq,15min" in page
    assert 'href="/unit/a/limits"' in page


def test_the_logins_of_somebody_are_seen_and_ended_by_an_administrator(app: Flask) -> None:
    admin = logged_in(app, "admin")
    phone = logged_in(app, "viewer", **{"User-Agent": "a phone that was lost"})
    desk = logged_in(app, "viewer")
    assert phone.get(f"{BASE}/roster").status_code == 200
    users = {user["name"]: user for user in admin.get(f"{BASE}/_users").json["users"]}
    assert users["viewer"]["sessions"] == 2
    assert users["viewer"]["last_seen_at"] is not None
    sessions = admin.get(f"{BASE}/_users/viewer/sessions").json["sessions"]
    (lost,) = [session for session in sessions if session["user_agent"] == "a phone that was lost"]
    path = f"{BASE}/_users/viewer/sessions/{lost['id']}"
    assert admin.delete(f"{BASE}/_users/admin/sessions/{lost['id']}", headers=OWN).status_code == 404
    assert desk.delete(path, headers=OWN).status_code == 403
    assert admin.delete(path, headers=OWN).status_code == 200
    assert phone.get(f"{BASE}/roster").status_code == 401
    assert desk.get(f"{BASE}/roster").status_code == 200
    assert admin.get(f"{BASE}/_users/nobody/sessions").status_code == 404


def test_a_link_leads_to_the_public_address_in_the_language_it_names(app: Flask) -> None:
    operator = logged_in(app, "operator")
    url = operator.post(f"{BASE}/_shares", json={"name": "x", "units": ["a"]}, headers=OWN).json["url"]
    assert url.startswith("https://noise.example.org/share/")
    guest = app.test_client()
    opened = guest.get(url.removeprefix("https://noise.example.org") + "?lang=de")
    assert opened.headers["Location"] == "/shared?lang=de"
    chosen = guest.get(opened.headers["Location"])
    assert (chosen.status_code, chosen.headers["Location"]) == (302, "/shared")
    page = guest.get("/shared")
    assert '<html lang="de"' in page.text
    assert "North fence" in page.text
    assert "Harbour" in page.text
    assert "127.0.0.1" not in page.text
    assert guest.get("/account").headers["Location"] == "/shared"


def test_a_link_that_is_over_says_so_in_words(app: Flask) -> None:
    runtime: Any = app.extensions["slmm"]
    share, secret = runtime.shares.create("link", ("a",), None, "test")
    guest = app.test_client()
    guest.get(f"/share/{secret}")
    runtime.shares.revoke(share.share_id)
    again = guest.get(f"/share/{secret}")
    assert again.status_code == 404
    assert "This link is not valid" in again.text
    led = guest.get("/shared")
    assert led.headers["Location"] == "/login?next=/shared"
    runtime.accounts.create("ada", PASSWORD, "admin")
    assert "it has expired or was withdrawn" in guest.get(led.headers["Location"]).text


def test_people_of_the_service_can_see_what_a_guest_sees(app: Flask) -> None:
    runtime: Any = app.extensions["slmm"]
    runtime.roster.add(Device("b", "127.0.0.1", 9, poll_enabled=False))
    viewer = logged_in(app, "viewer")
    assert 'data-unit-id="b"' not in viewer.get("/shared?units=a,ghost").text
    _, secret = runtime.shares.create("only b", ("b",), None, "test")
    viewer.get(f"/share/{secret}")
    page = viewer.get("/shared").text
    assert "only b" in page
    assert 'data-unit-id="a"' not in page
