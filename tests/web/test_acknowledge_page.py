"""The page behind the link in a message: opening it changes nothing, pressing acknowledges, and only the link can."""

from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from slmm.alerts import links
from slmm.app import create_app
from slmm.errors import DiskTrouble
from slmm.runtime import Runtime
from slmm.settings import Settings
from slmm.storage.devices import Device
from slmm.storage.models import IncidentRow
from tests.conftest import FAST, eventually
from tests.web.conftest import BASE

WHO = "ada@example.org"


@pytest.fixture
def app(make_settings: Callable[..., Settings]) -> Iterator[Flask]:
    """A service that asks everybody who they are, with a unit that is not talked to."""
    made = create_app(make_settings(**FAST, auth="on", public_url="https://slmm.example.org"))
    runtime: Runtime = made.extensions["slmm"]
    runtime.start()
    runtime.roster.add(Device("north", "127.0.0.1", poll_enabled=False, tcp_enabled=False, timezone="Europe/Berlin"))
    yield made
    runtime.stop()


@pytest.fixture
def runtime(app: Flask) -> Runtime:
    found: Runtime = app.extensions["slmm"]
    return found


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    """Somebody without session or token."""
    return app.test_client()


@pytest.fixture
def operate(app: Flask, runtime: Runtime) -> Callable[..., None]:
    """Posts over the interface as an operator."""
    _, secret = runtime.tokens.create("operator", "operator", None, None, "test")
    headers = {"Authorization": f"Bearer {secret}"}

    def post(path: str, body: dict[str, Any]) -> None:
        answer = app.test_client().post(f"{BASE}{path}", json=body, headers=headers)
        assert answer.status_code == 200, answer.json

    return post


@pytest.fixture
def link(runtime: Runtime, operate: Callable[..., None]) -> str:
    """The path of the link that was sent for an incident with two open events."""
    for name, severity in (("Night", "red"), ("Day", "amber")):
        rule = {"name": name, "severity": severity, "threshold_db": 70, "clear_duration_s": 0, "cooldown_s": 0}
        operate("/north/alerts/rules", rule)
    operate("/north/status", {"lp": 72.1})
    eventually(lambda: runtime.alerts.inbox.counts()["open"] == 2)
    uid = runtime.database.read(lambda session: session.scalar(select(IncidentRow.uid)))
    return path_of(runtime, str(uid))


def path_of(runtime: Runtime, incident_uid: str) -> str:
    address = runtime.alerts.links.acknowledge(incident_uid, WHO)
    assert address is not None
    return urlsplit(address).path


def who_acknowledged(runtime: Runtime) -> list[str | None]:
    return [event.acknowledged_by for event in runtime.alerts.inbox.events(10)]


def test_opening_the_link_tells_what_it_is_and_changes_nothing(
    client: FlaskClient, runtime: Runtime, link: str
) -> None:
    for answer in (client.get(link), client.head(link), client.get(link)):
        assert answer.status_code == 200
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["Referrer-Policy"] == "no-referrer"
    text = answer.text
    for words in ("Alert at north", "Night", "Day", "Red", "Amber", "72.1 dB", " CE", "not acknowledged", WHO):
        assert words in text
    assert '<form method="post">' in text
    assert who_acknowledged(runtime) == [None, None]


def test_pressing_acknowledges_every_open_event_without_a_login(
    client: FlaskClient, runtime: Runtime, link: str
) -> None:
    answer = client.post(link, headers={"Origin": "http://localhost"})
    assert answer.status_code == 200
    assert f"acknowledged by {WHO}" in answer.text
    assert '<form method="post">' not in answer.text
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert who_acknowledged(runtime) == [WHO, WHO]


def test_a_second_press_finds_nothing_left(client: FlaskClient, runtime: Runtime, link: str) -> None:
    client.post(link)
    at = [event.acknowledged_at for event in runtime.alerts.inbox.events(10)]
    assert "nothing left to acknowledge" in client.post(link).text
    assert "nothing left to acknowledge" in client.get(link).text
    assert [event.acknowledged_at for event in runtime.alerts.inbox.events(10)] == at


def test_what_is_over_is_shown_and_needs_nobody(
    client: FlaskClient, runtime: Runtime, operate: Callable[..., None], link: str
) -> None:
    operate("/north/status", {"lp": 50.0})
    eventually(lambda: runtime.alerts.inbox.counts()["open"] == 0)
    text = client.get(link).text
    assert "the level is back to normal" in text
    assert '<form method="post"' not in text
    assert client.post(link).status_code == 200
    assert who_acknowledged(runtime) == [None, None]


def test_a_forged_and_an_old_link_lead_nowhere(
    client: FlaskClient, runtime: Runtime, link: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(links, "VALID_S", links.VALID_S)
    for path in ("/acknowledge/abc", f"{link[:-3]}xyz", link.replace(".", "x", 1)):
        for answer in (client.get(path), client.post(path)):
            assert answer.status_code == 404
            assert answer.mimetype == "text/html"
            assert "older than a week, or not whole" in answer.text
    monkeypatch.setattr(links, "VALID_S", -1)
    assert client.post(link).status_code == 404
    assert who_acknowledged(runtime) == [None, None]


def test_an_incident_that_is_no_longer_kept_is_gone(client: FlaskClient, runtime: Runtime) -> None:
    answer = client.get(path_of(runtime, "0" * 32))
    assert answer.status_code == 410
    assert "no longer kept" in answer.text


def test_no_link_is_believed_before_the_key_is_there(make_settings: Callable[..., Settings]) -> None:
    client = create_app(make_settings(**FAST)).test_client()
    forged = links.LinkMaker("https://slmm.example.org", b"not started").acknowledge("0" * 32, WHO)
    assert forged is not None
    answer = client.post(urlsplit(forged).path)
    assert answer.status_code == 503
    assert "starting or stopping" in answer.text


def test_a_page_of_another_site_cannot_press(client: FlaskClient, runtime: Runtime, link: str) -> None:
    assert client.post(link, headers={"Origin": "https://evil.example"}).status_code == 403
    assert who_acknowledged(runtime) == [None, None]


def test_the_audit_log_names_who_but_not_the_link(client: FlaskClient, runtime: Runtime, link: str) -> None:
    client.post(link)
    entry = runtime.audit.find(1)[0]
    assert (entry.who, entry.action) == (WHO, "POST /acknowledge/<token>")
    assert link.rpartition("/")[2] not in repr(entry)


def test_trouble_with_the_disk_is_told_on_the_page_and_the_log_keeps_the_link_to_itself(
    client: FlaskClient,
    runtime: Runtime,
    link: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def fail(*args: Any, **kwargs: Any) -> None:
        raise DiskTrouble("alerts cannot be written at present: disk full")

    monkeypatch.setattr(runtime.alerts.inbox, "acknowledge_incident", fail)
    answer = client.post(link)
    assert answer.status_code == 503
    assert "nothing is acknowledged" in answer.text
    assert '<form method="post">' in answer.text
    assert "could not be acknowledged by its link" in caplog.text
    assert link.rpartition("/")[2] not in caplog.text


def test_one_address_cannot_try_for_ever(client: FlaskClient) -> None:
    answers = [client.post("/acknowledge/abc").status_code for _ in range(31)]
    assert answers == [404] * 30 + [429]
