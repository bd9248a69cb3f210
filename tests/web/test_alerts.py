"""Alerts over the interface: rules and events as 0.4.0 had them, and what is beyond."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from slmm.app import create_app
from slmm.settings import Settings
from slmm.storage.devices import Device
from tests.alerts.http_receiver import Receiver, running_receiver
from tests.conftest import FAST, eventually
from tests.web.conftest import BASE

Add = Callable[..., str]

RULE_OF_0_4 = {
    "name": "Night",
    "metric": "lp",
    "comparison": "above",
    "threshold_db": 70.0,
    "duration_s": 0,
    "clear_margin_db": 2.0,
    "cooldown_s": 0,
    "schedule_start": "00:00",
    "schedule_end": "23:59",
    "schedule_days": "0,1,2,3,4,5,6",
    "channels": "log,email",
    "recipients": "a@example.org,+4915112345",
    "enabled": True,
}


@pytest.fixture
def unit(client: FlaskClient, add: Add) -> str:
    """A unit that is not talked to: what it measures is pushed."""
    return add(tcp_enabled=False)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with running_receiver() as running:
        yield running


def push(client: FlaskClient, unit_id: str, *levels: float) -> None:
    for level in levels:
        assert client.post(f"{BASE}/{unit_id}/status", json={"lp": level}).status_code == 200


def made(client: FlaskClient, unit_id: str, **members: Any) -> dict[str, Any]:
    body = {"threshold_db": 70.0, "cooldown_s": 0, **members}
    answer = client.post(f"{BASE}/{unit_id}/alerts/rules", json=body)
    assert answer.status_code == 200, answer.json
    rule: dict[str, Any] = answer.json["rule"]
    return rule


def events(client: FlaskClient, unit_id: str, **query: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = client.get(f"{BASE}/{unit_id}/alerts/events", query_string=query).json["events"]
    return found


# -- as in 0.4.0 ------------------------------------------------------------------------------------------------


def test_a_rule_of_0_4_is_taken_and_comes_back_with_its_members(client: FlaskClient, unit: str) -> None:
    answer = client.post(f"{BASE}/{unit}/alerts/rules", json=RULE_OF_0_4).json
    assert answer["status"] == "ok"
    assert {name: answer["data"][name] for name in RULE_OF_0_4} == RULE_OF_0_4
    rule_id = answer["rule"]["id"]
    assert client.get(f"{BASE}/{unit}/alerts/rules").json["rules"][0]["id"] == rule_id
    assert client.get(f"{BASE}/{unit}/alerts/rules/{rule_id}").json["rule"]["name"] == "Night"
    changed = client.put(f"{BASE}/{unit}/alerts/rules/{rule_id}", json={"threshold_db": 75.0}).json["rule"]
    assert (changed["threshold_db"], changed["name"], changed["version"]) == (75.0, "Night", 2)
    assert client.delete(f"{BASE}/{unit}/alerts/rules/{rule_id}").status_code == 200
    assert client.get(f"{BASE}/{unit}/alerts/rules/{rule_id}").status_code == 404


def test_an_event_is_listed_and_acknowledged_as_0_4_did(client: FlaskClient, unit: str) -> None:
    made(client, unit)
    push(client, unit, 60.0, 75.5)
    (event,) = eventually(lambda: events(client, unit, limit=50))
    assert (event["status"], event["onset_value"], event["clear_at"]) == ("active", 75.5, None)
    assert event["onset_at"].endswith("Z")
    done = client.post(f"{BASE}/{unit}/alerts/events/{event['id']}/ack?by=kim").json
    assert (done["status"], done["event"]["acknowledged_by"]) == ("ok", "kim")
    push(client, unit, 60.0)
    assert eventually(lambda: events(client, unit)[0]["status"] == "cleared")
    assert events(client, unit)[0]["peak_value"] == 75.5


def test_channels_that_0_4_named_are_taken_and_told_to_be_missing(client: FlaskClient, unit: str) -> None:
    rule = made(client, unit, channels="log,sms")
    assert "there is no channel 'sms': nobody is told through it" in rule["advice"]


@pytest.mark.parametrize(
    ("members", "field"),
    [
        ({}, "threshold_db"),
        ({"threshold_db": float("1e9")}, "threshold_db"),
        ({"threshold_db": "70"}, "threshold_db"),
        ({"threshold_db": 70.0, "metric": "loudness"}, "metric"),
        ({"threshold_db": 70.0, "comparison": "over"}, "comparison"),
        ({"threshold_db": 70.0, "duration_s": -1}, "duration_s"),
        ({"threshold_db": 70.0, "clear_margin_db": -1.0}, "clear_margin_db"),
        ({"threshold_db": 70.0, "schedule_start": "25:00"}, "schedule_start"),
        ({"threshold_db": 70.0, "schedule_start": "22:00"}, "schedule_end"),
        ({"threshold_db": 70.0, "schedule_days": "1,7"}, "schedule_days"),
        ({"threshold_db": 70.0, "timezone": "Mars/Base"}, "timezone"),
        ({"threshold_db": 70.0, "channels": "telegraph"}, "channels"),
        ({"threshold_db": 70.0, "name": "two\r\nlines"}, "name"),
        ({"threshold_db": 70.0, "recipients": "a@example.org\r\nBcc: b"}, "recipients"),
        ({"threshold_db": 70.0, "remind_after_s": "5"}, "remind_after_s"),
        ({"threshold_db": 70.0, "red_threshold_db": 60.0}, "red_threshold_db"),
        ({"threshold_db": 70.0, "colour": "red"}, "colour"),
    ],
)
def test_a_rule_that_cannot_be_names_the_member(
    client: FlaskClient, unit: str, members: dict[str, Any], field: str
) -> None:
    answer = client.post(f"{BASE}/{unit}/alerts/rules", json=members)
    assert (answer.status_code, answer.json["errors"][0]["field"]) == (422, field)
    assert client.get(f"{BASE}/{unit}/alerts/rules").json["rules"] == []


def test_what_is_not_there_is_not_found(client: FlaskClient, unit: str) -> None:
    for method, path in (
        ("get", f"{unit}/alerts/rules/7"),
        ("put", f"{unit}/alerts/rules/7"),
        ("delete", f"{unit}/alerts/rules/7"),
        ("post", f"{unit}/alerts/events/7/ack"),
        ("get", "nobody/alerts/rules"),
        ("get", "nobody/alerts/events"),
        ("get", "_alerts/events/7"),
        ("get", "_alerts/channels/none"),
        ("delete", "_alerts/shelves/7"),
        ("post", "_alerts/messages/none/redeliver"),
    ):
        call = getattr(client, method)
        answer = call(f"{BASE}/{path}", **({"json": {}} if method == "put" else {}))
        assert answer.status_code == 404, path


def test_a_rule_of_another_unit_cannot_be_touched(client: FlaskClient, unit: str, add: Add) -> None:
    other = add(unit_id="b", tcp_enabled=False)
    rule = made(client, unit)
    assert client.put(f"{BASE}/{other}/alerts/rules/{rule['id']}", json={"name": "x"}).status_code == 404
    assert client.delete(f"{BASE}/{other}/alerts/rules/{rule['id']}").status_code == 404


def test_events_outlive_their_unit(client: FlaskClient, unit: str) -> None:
    made(client, unit)
    push(client, unit, 75.0)
    eventually(lambda: events(client, unit))
    client.delete(f"{BASE}/{unit}/config")
    eventually(lambda: events(client, unit)[0]["end_reason"] == "unit_removed")


# -- beyond ---------------------------------------------------------------------------------------------------


def test_a_rule_says_itself_in_words_and_where_it_stands(client: FlaskClient, unit: str) -> None:
    rule = made(client, unit, duration_s=3, clear_duration_s=10, metric="lmax")
    assert rule["words"] == "alarm when Lmax above 70.0 dB for 3 s; clears at or below 68.0 dB for 10 s"
    assert (rule["level_name"], rule["state"]["shown"]) == ("Lmax", "normal")
    assert any("does not come back" in line for line in rule["advice"])


def test_an_enabled_rule_keeps_the_feed_alive(client: FlaskClient, add: Add) -> None:
    unit_id = add()
    rule = made(client, unit_id)
    monitor = client.get(f"{BASE}/_monitor/status").json["monitors"][unit_id]
    assert (monitor["running"], monitor["keepalive"]) == (True, True)
    client.put(f"{BASE}/{unit_id}/alerts/rules/{rule['id']}", json={"enabled": False})
    monitor = client.get(f"{BASE}/_monitor/status").json["monitors"][unit_id]
    assert (monitor["running"], monitor["keepalive"]) == (False, False)


def test_the_inbox_filters_and_tells_the_whole_story(client: FlaskClient, unit: str, add: Add) -> None:
    other = add(unit_id="b", tcp_enabled=False)
    made(client, unit, red_threshold_db=90.0)
    made(client, other)
    push(client, unit, 75.0, 95.0)
    push(client, other, 75.0, 60.0)
    eventually(lambda: len(client.get(f"{BASE}/_alerts/events?state=ended").json["events"]) == 1)
    (red,) = client.get(f"{BASE}/_alerts/events?severity=red").json["events"]
    assert (red["unit_id"], red["severity"]) == (unit, "red")
    assert client.get(f"{BASE}/_alerts/summary").json["unacknowledged"] == 1
    done = client.post(f"{BASE}/_alerts/events/{red['id']}/ack", json={"note": "piling", "cause": "piling"}).json
    assert done["event"]["notes"] == "piling"
    story = client.get(f"{BASE}/_alerts/events/{red['id']}").json
    assert [step["kind"] for step in story["transitions"]] == ["onset", "escalated", "acknowledged"]
    assert {message["kind"] for message in story["messages"]} == {"onset", "escalation"}
    closed = client.post(f"{BASE}/_alerts/events/{red['id']}/close", json={"reason": "allowed work"}).json
    assert closed["event"]["end_reason"] == "closed_by_hand"
    assert client.post(f"{BASE}/_alerts/events/{red['id']}/close", json={"reason": "again"}).status_code == 409
    assert client.post(f"{BASE}/_alerts/events/{red['id']}/unack").status_code == 409


def test_a_unit_is_snoozed_and_the_snooze_ended(client: FlaskClient, unit: str) -> None:
    made(client, unit)
    shelf = client.post(f"{BASE}/{unit}/alerts/shelve", json={"minutes": 30, "reason": "calibration"}).json["shelf"]
    push(client, unit, 75.0)
    (event,) = eventually(lambda: events(client, unit))
    assert event["suppressed"]
    assert client.get(f"{BASE}/_alerts/shelves").json["shelves"] == [shelf]
    assert client.delete(f"{BASE}/_alerts/shelves/{shelf['id']}").status_code == 200
    eventually(lambda: [m["status"] for m in client.get(f"{BASE}/_alerts/messages").json["messages"]] == ["sent"])


@pytest.mark.parametrize("body", [{"minutes": 0, "reason": "because"}, {"minutes": 20_000, "reason": "because"}])
def test_a_snooze_has_an_end_within_a_week(client: FlaskClient, unit: str, body: dict[str, Any]) -> None:
    assert client.post(f"{BASE}/{unit}/alerts/shelve", json=body).status_code == 422


def test_a_webhook_hears_of_onset_and_end(client: FlaskClient, unit: str, receiver: Receiver) -> None:
    config = {"url": f"http://127.0.0.1:{receiver.port}/hook", "allow_private": True, "secret": "whsec_" + "A" * 32}
    channel = client.post(
        f"{BASE}/_alerts/channels", json={"name": "portal", "kind": "webhook", "config": config}
    ).json["channel"]
    assert channel["config"]["secret_set"] is True
    assert "whsec" not in json.dumps(channel)
    made(client, unit, channels=["log", "portal"])
    push(client, unit, 75.0)
    eventually(lambda: len(receiver.requests) == 1)
    push(client, unit, 60.0)
    eventually(lambda: len(receiver.requests) == 2)
    bodies = [json.loads(request.body) for request in receiver.requests]
    assert [body["data"]["kind"] for body in bodies] == ["onset", "clear"]
    assert bodies[0]["data"]["event"]["onset_value"] == 75.0
    assert [body["data"]["is_active"] for body in bodies] == [True, False]
    assert client.get(f"{BASE}/_alerts/channels/portal").json["channel"]["last_ok_at"]


def test_a_channel_is_tried_before_and_after_it_is_saved(client: FlaskClient, receiver: Receiver) -> None:
    config = {"url": f"http://127.0.0.1:{receiver.port}/a", "allow_private": True}
    draft = client.post(f"{BASE}/_alerts/channels/test", json={"kind": "webhook", "config": config}).json
    assert draft["delivered"] is True
    client.post(f"{BASE}/_alerts/channels", json={"name": "portal", "kind": "webhook", "config": config})
    saved = client.post(
        f"{BASE}/_alerts/channels/test",
        json={"name": "portal", "config": {"url": f"http://127.0.0.1:{receiver.port}/b"}},
    ).json
    assert saved["delivered"] is True
    assert [request.path for request in receiver.requests] == ["/a", "/b"]
    gone = client.post(
        f"{BASE}/_alerts/channels/test", json={"name": "portal", "config": {"url": "http://127.0.0.1:9/"}}
    ).json
    assert (gone["delivered"], gone["stage"]) == (False, "connect")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"name": "Mail", "kind": "email", "config": {}}, "name"),
        ({"name": "mail", "kind": "pigeon", "config": {}}, "kind"),
        ({"name": "mail", "kind": "log", "config": {}}, "kind"),
        ({"name": "mail", "kind": "email", "config": {"host": "mail.example.org"}}, "sender"),
        ({"name": "hook", "kind": "webhook", "config": {"url": "ftp://example.org"}}, "url"),
        ({"name": "hook", "kind": "webhook", "config": {"url": "https://example.org", "colour": 1}}, "colour"),
    ],
)
def test_a_channel_that_cannot_be_names_the_member(client: FlaskClient, body: dict[str, Any], field: str) -> None:
    answer = client.post(f"{BASE}/_alerts/channels", json=body)
    assert (answer.status_code, answer.json["errors"][0]["field"]) == (422, field)


def test_a_rule_through_mail_needs_somebody_to_write_to(client: FlaskClient, unit: str) -> None:
    config = {"host": "127.0.0.1", "security": "none", "sender": "slmm@example.org"}
    client.post(f"{BASE}/_alerts/channels", json={"name": "email", "kind": "email", "config": config})
    without = client.post(f"{BASE}/{unit}/alerts/rules", json={"threshold_db": 70.0, "channels": "email"})
    wrong = client.post(
        f"{BASE}/{unit}/alerts/rules", json={"threshold_db": 70.0, "channels": "email", "recipients": "nobody"}
    )
    assert [answer.json["errors"][0]["field"] for answer in (without, wrong)] == ["recipients", "recipients"]


def test_quiet_hours_are_kept_with_the_recipient(client: FlaskClient) -> None:
    body = {"name": "Kim", "quiet_start": "22:00", "quiet_end": "07:00", "timezone": "Europe/Berlin"}
    assert client.put(f"{BASE}/_alerts/recipients/kim@example.org", json=body).status_code == 200
    (known,) = client.get(f"{BASE}/_alerts/recipients").json["recipients"]
    assert known == {"address": "kim@example.org", "quiet_for_red": False, **body}
    half = client.put(f"{BASE}/_alerts/recipients/kim@example.org", json={"quiet_start": "22:00"})
    assert half.json["errors"][0]["field"] == "quiet_end"
    assert client.delete(f"{BASE}/_alerts/recipients/kim@example.org").status_code == 200
    assert client.get(f"{BASE}/_alerts/recipients").json["recipients"] == []


# -- who may --------------------------------------------------------------------------------------------------


@pytest.fixture
def app(make_settings: Callable[..., Settings]) -> Iterator[Flask]:
    app = create_app(make_settings(**FAST, auth="on"))
    app.extensions["slmm"].start()
    yield app
    app.extensions["slmm"].stop()


def test_a_token_for_some_units_sees_and_acknowledges_only_theirs(app: Flask) -> None:
    runtime, client = app.extensions["slmm"], app.test_client()
    for name in ("a", "b"):
        runtime.roster.add(Device(name, "127.0.0.1", 9, tcp_enabled=False, poll_enabled=False))
    _, secret = runtime.tokens.create("portal", "operator", ("a",), None, "test")
    _, all_secret = runtime.tokens.create("all", "admin", None, None, "test")
    own, everything = ({"Authorization": f"Bearer {one}"} for one in (secret, all_secret))
    for name in ("a", "b"):
        body = {"threshold_db": 70.0}
        assert client.post(f"{BASE}/{name}/alerts/rules", json=body, headers=everything).status_code == 200
        client.post(f"{BASE}/{name}/status", json={"lp": 75.0}, headers=everything)
    eventually(lambda: client.get(f"{BASE}/_alerts/summary", headers=everything).json["open"] == 2)
    found = client.get(f"{BASE}/_alerts/events", headers=own).json["events"]
    assert [event["unit_id"] for event in found] == ["a"]
    assert client.get(f"{BASE}/_alerts/summary", headers=own).json["open"] == 1
    theirs = next(
        e for e in client.get(f"{BASE}/_alerts/events", headers=everything).json["events"] if e["unit_id"] == "b"
    )
    assert client.get(f"{BASE}/_alerts/events/{theirs['id']}", headers=own).status_code == 404
    assert client.post(f"{BASE}/b/alerts/events/{theirs['id']}/ack", headers=own).status_code == 404
    assert client.post(f"{BASE}/a/alerts/events/{theirs['id']}/ack", headers=own).status_code == 404
    done = client.post(f"{BASE}/a/alerts/events/{found[0]['id']}/ack?by=alice", headers=own).json
    assert done["event"]["acknowledged_by"] == "alice (through portal)"
    assert client.get(f"{BASE}/_alerts/channels", headers=own).status_code == 403


def test_secrets_of_channels_are_nowhere_in_clear(app: Flask, tmp_path: Any) -> None:
    runtime, client = app.extensions["slmm"], app.test_client()
    _, secret = runtime.tokens.create("all", "admin", None, None, "test")
    config = {"host": "127.0.0.1", "sender": "s@example.org", "username": "u", "password": "hunter2hunter2"}
    body = {"name": "mail", "kind": "email", "config": config}
    headers = {"Authorization": f"Bearer {secret}"}
    assert client.post(f"{BASE}/_alerts/channels", json=body, headers=headers).status_code == 200
    for path in ("_alerts/channels", "_audit"):
        assert "hunter2" not in client.get(f"{BASE}/{path}", headers=headers).text
    for file in (tmp_path / "data").glob("slmm.db*"):
        assert b"hunter2" not in file.read_bytes()
