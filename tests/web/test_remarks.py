"""Remarks, exclusions and calibrations over the interface."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient

from slmm.app import create_app
from slmm.settings import Settings
from tests.conftest import FAST
from tests.web.conftest import BASE

Add = Callable[..., str]
SPAN = {"starts_at": "2026-03-29T10:00:00Z", "ends_at": "2026-03-29T11:00:00Z"}


@pytest.fixture
def unit(client: FlaskClient, add: Add) -> str:
    return add(tcp_enabled=False)


def post(client: FlaskClient, path: str, expected: int = 200, **body: Any) -> Any:
    answer = client.post(f"{BASE}/a/{path}", json=body)
    assert answer.status_code == expected, answer.json
    return answer.json


@pytest.mark.usefixtures("unit")
def test_an_exclusion_is_made_found_and_withdrawn(client: FlaskClient) -> None:
    made = post(client, "remarks", **SPAN, reason="weather", excludes=True, text="rain\nand wind")["remark"]
    assert (made["starts_at"], made["made_by"], made["excludes"]) == ("2026-03-29T10:00:00.000Z", "anybody", True)
    query = {"from": "2026-03-29T12:30:00+02:00", "until": "2026-03-29T12:31:00+02:00"}
    assert client.get(f"{BASE}/a/remarks", query_string=query).json["remarks"] == [made]
    withdrawn = client.delete(f"{BASE}/a/remarks/{made['id']}").json["remark"]
    assert withdrawn == {**made, "withdrawn_by": "anybody", "withdrawn_at": withdrawn["withdrawn_at"]}
    assert client.get(f"{BASE}/a/remarks").json["count"] == 0
    assert client.get(f"{BASE}/a/remarks?withdrawn=true").json["remarks"] == [withdrawn]
    assert client.get(f"{BASE}/a/remarks/{made['id']}").json["remark"] == withdrawn


@pytest.mark.usefixtures("unit")
def test_a_remark_may_be_about_a_moment(client: FlaskClient) -> None:
    made = post(client, "remarks", at="2026-03-29T12:00:00+02:00", text="a thunderclap")["remark"]
    assert made["starts_at"] == made["ends_at"] == "2026-03-29T10:00:00.000Z"
    assert (made["reason"], made["excludes"]) == ("remark", False)


BAD_REMARKS: list[tuple[dict[str, Any], str, str]] = [
    ({**SPAN}, "text", "is missing"),
    ({**SPAN, "text": ""}, "text", "at least 1"),
    ({**SPAN, "text": "a\x00"}, "text", "printable"),
    ({"text": "x"}, "starts_at", "give a moment"),
    ({"text": "x", "starts_at": SPAN["starts_at"]}, "ends_at", "give a moment"),
    ({"text": "x", "at": SPAN["starts_at"], "ends_at": SPAN["ends_at"]}, "at", "stands alone"),
    ({"text": "x", "at": "2026-03-29T10:00:00"}, "at", "a time with its zone"),
    ({"text": "x", "at": 1767225600}, "at", "a time with its zone"),
    ({"text": "x", "at": "9999-12-31T23:59:59-14:00"}, "at", "from 1970 to 2200"),
    ({"text": "x", "at": SPAN["starts_at"], "excludes": True}, "ends_at", "needs a span"),
    ({"text": "x", "starts_at": SPAN["ends_at"], "ends_at": SPAN["starts_at"]}, "ends_at", "before starts_at"),
    ({**SPAN, "text": "x", "reason": "noise"}, "reason", "'noise' is not allowed"),
    ({**SPAN, "text": "x", "excludes": "yes"}, "excludes", "boolean"),
    ({**SPAN, "text": "x", "made_by": "somebody else"}, "made_by", "not a member"),
]


@pytest.mark.usefixtures("unit")
def test_a_remark_that_cannot_be_is_refused(client: FlaskClient) -> None:
    for body, field, words in BAD_REMARKS:
        problem = post(client, "remarks", 422, **body)
        assert [error["field"] for error in problem["errors"]] == [field], body
        assert words in problem["detail"], body
    assert client.get(f"{BASE}/a/remarks?withdrawn=true").json["count"] == 0


@pytest.mark.usefixtures("unit")
def test_too_much_drift_excludes_the_span_and_that_can_be_withdrawn(client: FlaskClient) -> None:
    post(client, "calibrations", kind="before", measured_db=94.0, at="2026-03-29T06:00:00Z", calibrator="NC-75")
    answer = post(client, "calibrations", kind="after", measured_db=93.2, at="2026-03-29T18:00:00Z")
    calibration, (remark,) = answer["calibration"], answer["voided"]
    assert (calibration["drift_db"], calibration["deviation_db"]) == (-0.8, -0.8)
    assert (remark["starts_at"], remark["ends_at"]) == ("2026-03-29T06:00:00.000Z", "2026-03-29T18:00:00.000Z")
    assert (remark["reason"], remark["calibration_id"], remark["excludes"]) == ("calibration", calibration["id"], True)
    assert "excluded from the judged figures" in answer["message"]
    assert client.get(f"{BASE}/a/remarks").json["remarks"] == [remark]
    assert client.delete(f"{BASE}/a/remarks/{remark['id']}").status_code == 200
    listed = client.get(f"{BASE}/a/calibrations").json["calibrations"]
    assert [(found["kind"], found["drift_db"]) for found in listed] == [("after", -0.8), ("before", None)]


@pytest.mark.usefixtures("unit")
def test_drift_within_the_tolerance_is_told(client: FlaskClient) -> None:
    post(client, "calibrations", kind="before", measured_db=94.0, at="2026-03-29T06:00:00Z")
    answer = post(client, "calibrations", kind="after", measured_db=94.9, tolerance_db=1.0)
    assert (answer["voided"], answer["message"]) == ([], "drift +0.9 dB is within 1 dB")


BAD_CALIBRATIONS: list[tuple[dict[str, Any], str]] = [
    ({"measured_db": 94.0}, "kind"),
    ({"kind": "during", "measured_db": 94.0}, "kind"),
    ({"kind": "before"}, "measured_db"),
    ({"kind": "before", "measured_db": "94"}, "measured_db"),
    ({"kind": "before", "measured_db": 940.0}, "measured_db"),
    ({"kind": "before", "measured_db": 94.0, "tolerance_db": -1.0}, "tolerance_db"),
    ({"kind": "before", "measured_db": 94.0, "at": "2199-01-01T00:00:00Z"}, "at"),
    ({"kind": "before", "measured_db": 94.0, "at": "yesterday"}, "at"),
]


@pytest.mark.usefixtures("unit")
def test_a_calibration_that_cannot_be_is_refused(client: FlaskClient) -> None:
    for body, field in BAD_CALIBRATIONS:
        problem = post(client, "calibrations", 422, **body)
        assert [error["field"] for error in problem["errors"]] == [field], body
    assert client.get(f"{BASE}/a/calibrations").json["count"] == 0


@pytest.mark.usefixtures("unit")
def test_rows_outlive_their_unit(client: FlaskClient) -> None:
    made = post(client, "remarks", **SPAN, excludes=True, text="x")["remark"]
    post(client, "calibrations", kind="before", measured_db=94.0)
    assert client.delete(f"{BASE}/a/config").status_code == 200
    assert client.get(f"{BASE}/a/remarks").json["remarks"] == [made]
    assert client.get(f"{BASE}/a/calibrations").json["count"] == 1
    assert client.delete(f"{BASE}/a/remarks/{made['id']}").json["remark"]["withdrawn_by"] == "anybody"
    post(client, "remarks", 404, **SPAN, text="x")
    assert client.get(f"{BASE}/b/remarks").status_code == 404


def test_who_may_do_what(make_settings: Callable[..., Settings], caplog: pytest.LogCaptureFixture) -> None:
    """Guests read remarks without their authors, viewers read all, operators write."""
    app = create_app(make_settings(**FAST, auth="on"))
    app.extensions["slmm"].start()
    try:
        code = re.search(r"enter the code (\S+)", caplog.text)
        assert code is not None
        admin = app.test_client()
        site = {"Origin": "http://localhost"}
        first = {"code": code[1], "name": "ada", "password": "correct horse battery"}
        assert admin.post(f"{BASE}/_setup", json=first, headers=site).status_code == 200
        unit = {"unit_id": "a", "host": "127.0.0.1", "tcp_enabled": False}
        assert admin.post(f"{BASE}/roster", json=unit, headers=site).status_code == 200
        body = {**SPAN, "excludes": True, "text": "x"}
        check = {"kind": "before", "measured_db": 94.0}

        def holder(role: str) -> dict[str, str]:
            made = admin.post(f"{BASE}/_tokens", json={"name": role, "role": role}, headers=site).json
            return {"Authorization": f"Bearer {made['secret']}"}

        operator, viewer = holder("operator"), holder("viewer")
        asking = app.test_client()
        made = asking.post(f"{BASE}/a/remarks", json=body, headers=operator)
        assert (made.status_code, made.json["remark"]["made_by"]) == (200, "operator")
        assert asking.post(f"{BASE}/a/calibrations", json=check, headers=operator).status_code == 200
        assert asking.post(f"{BASE}/a/remarks", json=body, headers=viewer).status_code == 403
        assert asking.post(f"{BASE}/a/calibrations", json=check, headers=viewer).status_code == 403
        assert asking.delete(f"{BASE}/a/remarks/1", headers=viewer).status_code == 403
        for path in ("runs", "remarks", "calibrations"):
            assert asking.get(f"{BASE}/a/{path}", headers=viewer).status_code == 200
            assert asking.get(f"{BASE}/a/{path}").status_code == 401
        link = admin.post(f"{BASE}/_shares", json={"name": "site", "units": ["a"]}, headers=site).json
        guest = app.test_client()
        assert guest.get(link["url"].removeprefix("http://localhost")).status_code == 302
        for path in ("remarks", "remarks/1", "calibrations"):
            assert guest.get(f"{BASE}/a/{path}").status_code == 403, path
    finally:
        app.extensions["slmm"].stop()
