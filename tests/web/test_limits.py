"""Limits over the interface: documents, judged periods, the line, standings, and rules that watch them."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from flask.testing import FlaskClient

from slmm import signals
from slmm.acoustics.intervals import Interval
from slmm.acoustics.quality import Flag
from slmm.events import MinuteMade
from slmm.limits import templates
from slmm.live.formats import SSE, WEBSOCKET
from slmm.record import periods
from slmm.record.periods import Made
from slmm.runtime import Runtime
from tests.limits.pieces import MINUTE, at, minutes
from tests.web.conftest import BASE

Add = Callable[..., str]
DAY = at("2026-03-02 00:00")
QUARTERS = {
    "name": "site",
    "quantity": "laeq",
    "period": {"kind": "fixed", "length": "15min"},
    "rows": [{"from": "00:00", "until": "24:00", "level_db": 70.0}],
    "timezone": "UTC",
}


@pytest.fixture
def unit(client: FlaskClient, add: Add) -> str:
    return add(tcp_enabled=False, timezone="Europe/Berlin")


def runtime_of(client: FlaskClient) -> Runtime:
    found: Runtime = client.application.extensions["slmm"]
    return found


def put_on_record(client: FlaskClient, pieces: Sequence[Interval], *, tell: bool = False) -> None:
    record = runtime_of(client).record
    made = [Made("a", piece) for piece in pieces]
    record.store.write(lambda connection: periods.put(record.store, connection, "minutes", made))
    record._mark = max(piece.ends_at for piece in pieces)
    for piece in pieces if tell else ():
        signals.publish(signals.minute_made, MinuteMade("a", piece.ends_at, piece))


def make(client: FlaskClient, expected: int = 200, **body: Any) -> Any:
    answer = client.post(f"{BASE}/a/limits", json=body)
    assert answer.status_code == expected, answer.json
    return answer.json


def get(client: FlaskClient, path: str, expected: int = 200, **query: Any) -> Any:
    answer = client.get(f"{BASE}/a/limits/{path}", query_string=query)
    assert answer.status_code == expected, answer.json
    return answer.json


# -- documents --------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("unit")
def test_every_template_makes_a_limit(client: FlaskClient) -> None:
    listed = client.get(f"{BASE}/_limits/templates").json["templates"]
    assert [each["name"] for each in listed] == list(templates.names())
    for each in listed:
        document = client.get(f"{BASE}/_limits/templates/{each['name']}").json["document"]
        made = make(client, template=each["name"])["limit"]
        assert (made["template"], made["name"], made["version"]) == (each["name"], document["name"], 1)
    assert client.get(f"{BASE}/a/limits").json["count"] == len(listed)


@pytest.mark.usefixtures("unit")
def test_members_beside_a_template_take_its_place(client: FlaskClient) -> None:
    made = make(client, template="uk-bs5228-a", name="Our site", amber_offset_db=5.0)["limit"]
    assert (made["name"], made["document"]["amber_offset_db"]) == ("Our site", 5.0)
    assert made["document"]["rows"] == get(client, str(made["id"]))["limit"]["document"]["rows"]


@pytest.mark.usefixtures("unit")
def test_each_change_is_another_version_and_a_stale_one_is_refused(client: FlaskClient) -> None:
    limit_id = make(client, document=QUARTERS)["limit"]["id"]
    path = f"{BASE}/a/limits/{limit_id}"
    changed = client.put(path, json={"comparator": ">=", "version": 1}).json["limit"]
    assert (changed["version"], changed["document"]["comparator"], changed["document"]["name"]) == (2, ">=", "site")
    assert client.put(path, json={"comparator": ">="}).json["limit"]["version"] == 2
    refused = client.put(path, json={"comparator": ">", "version": 1})
    assert (refused.status_code, "version 2, not 1" in refused.json["detail"]) == (409, True)
    assert client.put(path, json={"enabled": False}).json["limit"]["enabled"] is False
    log = client.get(f"{BASE}/_audit").json["entries"]
    assert [entry["action"] for entry in log if "limits" in entry["action"]].count("PUT " + RULE) == 4


RULE = "/api/nl43/<unit_id>/limits/<int:limit_id>"
BAD: list[tuple[dict[str, Any], int, str | None, str]] = [
    ({}, 422, "document", "is missing"),
    ({"template": "nowhere"}, 404, None, "no template"),
    ({"template": "uk-bs5228-a", "document": QUARTERS}, 422, "template", "not both"),
    ({"document": QUARTERS, "name": "x"}, 422, "document", "not both"),
    ({**QUARTERS, "quantity": "leq"}, 422, "quantity", "'leq'"),
    ({**QUARTERS, "nmae": "x"}, 422, "nmae", "is not a member"),
    ({**QUARTERS, "\ud800": "x"}, 422, None, "not allowed"),
    ({**QUARTERS, "name": "\ud800"}, 422, "name", "name"),
    ({**QUARTERS, "period": {"kind": "fixed", "length": "10s"}}, 422, "period.length", "whole minutes"),
    ({**QUARTERS, "period": {"kind": "fixed", "length": "7min"}}, 422, "period", "divide the day"),
    ({**QUARTERS, "timezone": "Mars/Base"}, 422, "timezone", "IANA"),
]


@pytest.mark.usefixtures("unit")
def test_what_cannot_be_a_limit_is_refused(client: FlaskClient) -> None:
    for body, status, field, word in BAD:
        problem = make(client, status, **body)
        assert word in problem["detail"]
        assert field is None or problem["errors"][0]["field"] == field
    assert client.get(f"{BASE}/a/limits").json["count"] == 0


@pytest.mark.usefixtures("unit")
def test_names_are_unique_and_other_units_limits_are_not_found(client: FlaskClient, add: Add) -> None:
    add(unit_id="b", tcp_enabled=False)
    limit_id = make(client, **QUARTERS)["limit"]["id"]
    assert "has a limit 'site' already" in make(client, 409, **QUARTERS)["detail"]
    assert client.get(f"{BASE}/b/limits/{limit_id}").status_code == 404
    assert client.put(f"{BASE}/b/limits/{limit_id}", json={"name": "x"}).status_code == 404
    assert client.delete(f"{BASE}/b/limits/{limit_id}").status_code == 404


@pytest.mark.usefixtures("unit")
def test_a_limit_that_a_rule_watches_stays(client: FlaskClient) -> None:
    limit_id = make(client, **QUARTERS)["limit"]["id"]
    rule = client.post(f"{BASE}/a/alerts/rules", json={"name": "Loud", "limit_id": limit_id}).json["rule"]
    assert (rule["metric"], rule["threshold_db"], rule["severity"]) == ("limit", 70.0, "red")
    refused = client.delete(f"{BASE}/a/limits/{limit_id}")
    assert (refused.status_code, "Loud" in refused.json["detail"]) == (409, True)
    assert client.delete(f"{BASE}/a/alerts/rules/{rule['id']}").status_code == 200
    assert client.delete(f"{BASE}/a/limits/{limit_id}").status_code == 200
    assert get(client, "standing")["limits"] == []


# -- what comes of them -----------------------------------------------------------------------------------------


@pytest.mark.usefixtures("unit")
def test_judged_periods_with_and_without_what_was_excluded(client: FlaskClient) -> None:
    limit_id = make(client, **QUARTERS)["limit"]["id"]
    put_on_record(client, minutes(DAY, [60.0] * 15 + [60.0] * 13 + [85.0] * 2 + [68.0] * 15))
    span = {"from": "2026-03-02T00:00:00Z", "until": "2026-03-02T01:00:00Z"}
    plain = get(client, f"{limit_id}/judgements", **span)
    assert [each["verdict"] for each in plain["judgements"]] == ["ok", "red", "amber"]
    loud = plain["judgements"][1]
    assert loud["why"] == "exceeded 76.3 > 70.0 dB LAeq,15min, 00:15–00:30, coverage 100 %"
    assert (loud["level_db"], loud["margin_db"], loud["as_measured"]) == (76.3, -6.3, None)
    blast = {"starts_at": "2026-03-02T00:28:00Z", "ends_at": "2026-03-02T00:30:00Z"}
    client.post(f"{BASE}/a/remarks", json={**blast, "reason": "foreign", "excludes": True, "text": "a blast"})
    cut = get(client, f"{limit_id}/judgements", **span)["judgements"][1]
    assert (cut["verdict"], cut["level_db"], cut["coverage"], cut["flags"]) == ("ok", 60.0, 0.8666, ["excluded"])
    loud.pop("as_measured")
    assert cut["as_measured"] == loud


@pytest.mark.usefixtures("unit")
def test_the_judgements_know_too_little_over_range_and_the_clock_change(client: FlaskClient) -> None:
    night = {**QUARTERS, "timezone": "Europe/Berlin", "period": {"kind": "whole"}}
    night["rows"] = [{"from": "23:00", "until": "07:00", "level_db": 45.0}]
    limit_id = make(client, **night)["limit"]["id"]
    begins = at("2026-03-28 22:00")  # the clock jumps from 2 to 3: the night lasts 7 h
    put_on_record(client, minutes(begins, [40.0] * 420))
    span = {"from": "2026-03-28T12:00:00Z", "until": "2026-03-29T12:00:00Z"}
    runtime_of(client).record._mark = at("2026-03-29 12:00")
    (found,) = get(client, f"{limit_id}/judgements", **span)["judgements"]
    assert (found["verdict"], found["coverage"], found["ends_at"]) == ("ok", 1.0, "2026-03-29T05:00:00.000Z")
    put_on_record(client, minutes(begins, [50.0] * 60, flags=Flag.OVER))
    runtime_of(client).record._mark = at("2026-03-29 12:00")
    (lost,) = get(client, f"{limit_id}/judgements", **span)["judgements"]
    assert (lost["verdict"], lost["bound"]) == ("not_proven", ">")


@pytest.mark.usefixtures("unit")
def test_rolling_and_noisiest_limits_are_judged_too(client: FlaskClient) -> None:
    rolling = make(client, **{**QUARTERS, "period": {"kind": "rolling", "length": "15min"}})["limit"]["id"]
    noisiest = {"kind": "noisiest", "length": "1h"}
    rows = [{"from": "00:00", "until": "04:00", "level_db": 70.0}]
    hour = make(client, **{**QUARTERS, "name": "n", "period": noisiest, "rows": rows})["limit"]["id"]
    put_on_record(client, minutes(DAY, [60.0] * 60 + [75.0] * 60 + [60.0] * 120))
    span = {"from": "2026-03-02T00:00:00Z", "until": "2026-03-02T04:00:00Z"}
    windows = get(client, f"{rolling}/judgements", **span)
    assert windows["count"] == 226  # from the first full window on
    (loudest,) = get(client, f"{hour}/judgements", **span)["judgements"]
    assert (loudest["level_db"], loudest["noisiest_starts_at"]) == (75.0, "2026-03-02T01:00:00.000Z")
    week = {"from": "2026-02-20T00:00:00Z", "until": "2026-03-02T04:00:00Z"}
    assert "minute by minute" in get(client, f"{rolling}/judgements", 422, **week)["detail"]


@pytest.mark.usefixtures("unit")
def test_the_limit_line_has_steps_where_limits_are(client: FlaskClient) -> None:
    rows = [
        {"from": "07:00", "until": "19:00", "level_db": 70.0, "days": ["mon"]},
        {"from": "19:00", "until": "22:00", "level_db": 60.0, "days": ["mon"]},
    ]
    limit_id = make(client, **{**QUARTERS, "rows": rows, "timezone": None})["limit"]["id"]
    line = get(client, f"{limit_id}/line", **{"from": "2026-03-02T00:00:00Z", "until": "2026-03-09T00:00:00Z"})
    assert line["timezone"] == "Europe/Berlin"
    steps = [(step["starts_at"][11:16], step["ends_at"][11:16], step["level_db"]) for step in line["steps"]]
    assert steps == [("06:00", "18:00", 70.0), ("18:00", "21:00", 60.0)]
    backwards = {"from": "2026-03-02T00:00:00Z", "until": "2026-03-01T00:00:00Z"}
    assert get(client, f"{limit_id}/line", 422, **backwards)["errors"][0]["field"] == "until"
    ages = {"from": "1971-03-02T00:00:00Z", "until": "2026-03-01T00:00:00Z"}
    assert "too many" in get(client, f"{limit_id}/line", 422, **ages)["detail"]


@pytest.mark.usefixtures("unit")
def test_the_standing_is_built_from_the_record_and_goes_on_with_new_minutes(client: FlaskClient) -> None:
    running = runtime_of(client)
    assert get(client, "standing")["limits"] == []
    limit_id = make(client, **QUARTERS)["limit"]["id"]
    running.limits._now = lambda: DAY + 20.5 * MINUTE
    put_on_record(client, minutes(DAY, [60.0] * 15 + [73.0] * 4))
    running.limits.look()
    (found,) = get(client, "standing")["limits"]
    assert (found["limit_id"], found["verdict"], found["resolution"]) == (limit_id, "amber", "minute")
    assert found["now"]["why"].startswith("would exceed 73.0 > 70.0 dB LAeq,15min, 00:15–00:19 so far")
    assert found["previous"]["level_db"] == 60.0
    put_on_record(client, minutes(DAY + 19 * MINUTE, [84.0]), tell=True)
    (after,) = get(client, "standing")["limits"]
    assert (after["verdict"], after["allowance"]["is_lost"], after["allowance"]["rest_level_db"]) == ("red", True, None)
    assert after["now"]["why"].endswith("whatever happens now")


@pytest.mark.usefixtures("unit")
def test_standings_are_named_events_beside_the_levels_and_no_frames_of_a_websocket(client: FlaskClient) -> None:
    running = runtime_of(client)
    make(client, **QUARTERS)
    running.limits._now = lambda: DAY + 5.5 * MINUTE
    put_on_record(client, minutes(DAY, [60.0] * 5))
    page = running.hub.join(["a"], SSE, with_limits=True)
    socket = running.hub.join(["a"], WEBSOCKET)
    running.limits.look()
    (event,) = [text for text in page.take().decode().split("\n\n") if "limits" in text]
    name, identity, data = event.split("\n")
    assert (name, identity[:4]) == ("event: limits", "id: ")
    told = json.loads(data.removeprefix("data: "))
    assert told["limits"] == get(client, "standing")["limits"]
    assert b"limits" not in socket.take()
    late = running.hub.join(["a"], SSE, with_limits=True)
    assert b"event: limits" in late.take()  # who comes later need not wait for the next
    for viewer in (page, socket, late):
        running.hub.leave(viewer)
