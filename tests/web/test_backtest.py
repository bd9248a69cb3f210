"""Back-tests over the interface: what is asked, what is answered, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient

from slmm.events import Levels
from slmm.record.frames import Frame, Source
from tests.limits.pieces import MINUTE, minutes
from tests.web.conftest import BASE
from tests.web.test_limits import DAY, QUARTERS, make, put_on_record, runtime_of, unit

__all__ = ["unit"]  # a fixture
SPAN = {"from": "2026-03-02T00:00:00Z", "until": "2026-03-02T02:00:00Z"}


def ask(client: FlaskClient, expected: int = 200, **body: Any) -> Any:
    answer = client.post(f"{BASE}/a/alerts/rules/test", json={**SPAN, **body})
    assert answer.status_code == expected, answer.json
    return answer.json


@pytest.mark.usefixtures("unit")
def test_a_draft_of_a_limit_says_when_it_would_have_been_exceeded(client: FlaskClient) -> None:
    put_on_record(client, minutes(DAY, [60.0] * 15 + [75.0] * 20 + [60.0] * 40))
    found = ask(client, limit=QUARTERS)
    (event,) = found["events"]
    assert (event["onset_at"], event["clear_at"]) == ("2026-03-02T00:30:00.000Z", "2026-03-02T01:00:00.000Z")
    assert event["detail"] == "site: exceeded 75.0 > 70.0 dB LAeq,15min, 00:15–00:30, coverage 100 %"
    assert found["per_day"] == {"2026-03-02": 1}
    assert [each["resolution"] for each in found["resolution"]] == ["minutes", "none"]
    assert any("nothing can be told" in note for note in found["notes"])
    warned = ask(client, limit=QUARTERS, limit_warns=True)
    assert warned["events"][0]["onset_at"] < event["onset_at"]
    kept = make(client, **QUARTERS)["limit"]["id"]
    assert ask(client, rule={"limit_id": kept})["events"] == found["events"]
    assert client.get(f"{BASE}/a/alerts/events").json["count"] == 0  # nothing is written, nobody is told


@pytest.mark.usefixtures("unit")
def test_a_draft_of_a_rule_is_played_on_frames(client: FlaskClient) -> None:
    levels = [60.0] * 30 + [90.0] * 10 + [60.0] * 30
    record = runtime_of(client).record
    record.historian.write(
        [
            Frame("a", DAY + second * MINUTE / 60, Source.POLL, Levels(lp=level), is_measuring=True)
            for second, level in enumerate(levels)
        ]
    )
    found = ask(client, rule={"threshold_db": 85.0, "duration_s": 5, "clear_duration_s": 3})
    (event,) = found["events"]
    assert (event["onset_at"][17:19], event["clear_at"][17:19], event["peak_value"]) == ("35", "43", 90.0)
    assert (found["samples"], found["words"][:17]) == (70, "alarm when Lp abo")
    assert found["gap_s"] == pytest.approx(7200 - 69, abs=0.1)


@pytest.mark.usefixtures("unit")
def test_what_cannot_be_tried_out_is_refused(client: FlaskClient, add: Callable[..., str]) -> None:
    rule = {"threshold_db": 85.0}
    for body, word in (
        ({}, "either a rule or a limit"),
        ({"rule": rule, "limit": QUARTERS}, "either a rule or a limit"),
        ({"rule": {"duration_s": 5}}, "threshold_db"),
        ({"rule": {"limit_id": 99}}, "no limit of a"),
        ({"rule": rule, "from": "2026-01-02T00:00:00Z"}, "31 days are allowed"),
        ({"rule": rule, "from": "2026-03-03T00:00:00Z"}, "is not after from"),
        ({"limit": {**QUARTERS, "quantity": "x"}}, "quantity"),
        ({"rule": {**rule, "metric": "limit"}}, "limit_id"),
    ):
        assert word in str(ask(client, 422, **body)), body
    assert client.post(f"{BASE}/nobody/alerts/rules/test", json={**SPAN, "rule": rule}).status_code == 404
