"""All units at a glance over the interface: minutes, limits, alerts, warnings, and what a guest gets of it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from flask.testing import FlaskClient

from slmm.app import create_app
from slmm.errors import DiskTrouble
from slmm.record import periods
from slmm.record.last_hour import MINUTES, LastHour
from slmm.record.periods import Made
from slmm.runtime import Runtime
from slmm.settings import Settings
from slmm.storage.devices import Device
from slmm.storage.models import EventRow
from slmm.times import timestamp
from tests.conftest import FAST
from tests.limits.pieces import MINUTE, minutes
from tests.web.conftest import BASE

Add = Callable[..., str]
ROLLING = {
    "quantity": "laeq",
    "period": {"kind": "rolling", "length": "15min"},
    "timezone": "UTC",
}


def runtime_of(client: FlaskClient) -> Runtime:
    found: Runtime = client.application.extensions["slmm"]
    return found


def this_minute() -> datetime:
    return datetime.now(UTC).replace(second=0, microsecond=0)


def put_on_record(client: FlaskClient, unit_id: str, levels: list[float | None], until: datetime) -> None:
    record = runtime_of(client).record
    made = [Made(unit_id, piece) for piece in minutes(until - len(levels) * MINUTE, levels)]
    record.store.write(lambda connection: periods.put(record.store, connection, "minutes", made))
    record._mark = until


def wall(client: FlaskClient, **query: Any) -> Any:
    answer = client.get(f"{BASE}/_wall", query_string=query)
    assert answer.status_code == 200, answer.json
    return answer.json


def unit(client: FlaskClient, unit_id: str = "a") -> Any:
    return next(each for each in wall(client)["units"] if each["unit_id"] == unit_id)


def test_an_empty_roster_gives_no_units(client: FlaskClient) -> None:
    assert wall(client)["units"] == []


def test_the_last_hour_is_there_minute_by_minute_and_gaps_are_null(client: FlaskClient, add: Add) -> None:
    add(tcp_enabled=False, name="North gate", site="Pier 7", latitude=53.5, longitude=9.9)
    add(unit_id="b", tcp_enabled=False)
    until = this_minute()
    put_on_record(client, "a", [60.04, None, 61.26, 70.0], until)
    found = wall(client)
    assert found["minutes_start_at"] == timestamp(until - MINUTES * MINUTE)
    assert found["trouble"] is None
    first, second = found["units"]
    assert first["laeq_1min"] == [None] * (MINUTES - 4) + [60.0, None, 61.3, 70.0]
    assert second["laeq_1min"] == [None] * MINUTES
    names = ("name", "site", "latitude", "longitude")
    assert [first[name] for name in names] == ["North gate", "Pier 7", 53.5, 9.9]
    assert [second[name] for name in names] == [None] * 4


def test_a_page_that_has_the_hour_asks_for_its_end(client: FlaskClient, add: Add) -> None:
    add(tcp_enabled=False)
    until = this_minute()
    put_on_record(client, "a", [60.0, 61.0, 62.0], until)
    found = wall(client, minutes=2)
    assert found["minutes_start_at"] == timestamp(until - 2 * MINUTE)
    assert found["units"][0]["laeq_1min"] == [61.0, 62.0]
    assert wall(client, minutes=0)["units"][0]["laeq_1min"] == []
    assert client.get(f"{BASE}/_wall?minutes=61").status_code == 422


def test_where_the_limits_stand_and_the_worst_of_them(client: FlaskClient, add: Add) -> None:
    add(tcp_enabled=False)
    put_on_record(client, "a", [75.0] * 30, this_minute())
    assert unit(client)["worst"] is None
    for level_db in (90.0, 70.0):
        rows = [{"from": "00:00", "until": "24:00", "level_db": level_db}]
        assert (
            client.post(f"{BASE}/a/limits", json=ROLLING | {"name": f"{level_db:g}", "rows": rows}).status_code == 200
        )
    assert not unit(client)["is_ready"]
    runtime_of(client).limits.look()
    found = unit(client)
    assert found["is_ready"]
    assert found["worst"] == "red"
    assert {each["verdict"] for each in found["limits"]} == {"ok", "red"}
    told = client.get(f"{BASE}/a/limits/standing").json["limits"]
    assert [set(each) for each in found["limits"]] == [set(each) for each in told]


def test_open_alerts_are_counted_and_the_worst_named(client: FlaskClient, add: Add) -> None:
    add(tcp_enabled=False)
    assert unit(client)["alerts"] == {"open": 0, "unacknowledged": 0, "severity": None}
    now = datetime.now(UTC)
    rows = [("amber", None, None), ("red", now, None), ("red", None, now)]
    for number, (severity, acknowledged_at, clear_at) in enumerate(rows):
        row = EventRow(uid=f"e{number}", unit_id="a", severity=severity, threshold_db=70.0, onset_at=now)
        row.rule_id, row.rule_name, row.metric, row.status = number + 1, "loud", "lp", "active"
        row.acknowledged_at, row.clear_at = acknowledged_at, clear_at
        runtime_of(client).database.write(lambda session, row=row: session.add(row))
    assert unit(client)["alerts"] == {"open": 2, "unacknowledged": 1, "severity": "red"}


def test_what_wants_looking_after_has_a_word_and_a_sentence(client: FlaskClient, add: Add) -> None:
    add(tcp_enabled=False)
    status = runtime_of(client).board.status("a")
    assert unit(client)["warnings"] == []
    status.battery_level, status.clock_offset_s, status.sd_days_left = "Low", 12.4, 2.5
    status.is_reachable, status.verdict, status.last_error = False, "wedged", "refused, while FTP answers"
    status.held_by = "a transfer"
    found = {each["code"]: each for each in unit(client)["warnings"]}
    assert list(found) == ["wedged", "clock_off", "sd_low", "battery_low", "transfer"]
    assert (found["clock_off"]["value"], found["sd_low"]["value"]) == (12.4, 2.5)
    assert found["wedged"]["sentence"] == "refused, while FTP answers"
    assert found["clock_off"]["severity"] == "error"


def test_a_record_that_cannot_be_read_leaves_gaps_and_says_why(
    client: FlaskClient, add: Add, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(tcp_enabled=False)

    def fail(question: Any) -> Any:
        raise DiskTrouble("the record is closed")

    monkeypatch.setattr(runtime_of(client).record.store, "read", fail)
    found = wall(client)
    assert found["trouble"] == "the record is closed"
    assert found["units"][0]["laeq_1min"] == [None] * MINUTES


def test_a_guest_gets_levels_and_limits_of_the_shared_units_and_nothing_else(
    make_settings: Callable[..., Settings],
) -> None:
    app = create_app(make_settings(**FAST, auth="on"))
    runtime: Runtime = app.extensions["slmm"]
    runtime.start()
    try:
        for unit_id in ("a", "b"):
            device = Device(unit_id, "127.0.0.1", 9, tcp_enabled=False, site="Pier 7", latitude=53.5, longitude=9.9)
            runtime.roster.add(device)
        guest = app.test_client()
        assert guest.get(f"{BASE}/_wall").status_code == 401
        _, secret = runtime.shares.create("neighbours", ("a",), None, "ada")
        assert guest.get(f"/share/{secret}").status_code == 302
        (found,) = wall(guest)["units"]
        assert found["unit_id"] == "a"
        hidden = ("site", "latitude", "longitude", "alerts", "warnings")
        assert [found[name] for name in hidden] == [None] * len(hidden)
        assert found["limits"] == []
    finally:
        runtime.stop()


class Counting:
    """A record that counts what it is asked."""

    def __init__(self, until: datetime) -> None:
        self.made_until: datetime | None = until
        self.asked = 0
        self.store: Any = self
        self.unit_ids: dict[int, str] = {}

    def read(self, question: Callable[[Any], Any]) -> Any:
        self.asked += 1
        return question(self)

    def execute(self, *_: Any) -> Any:
        return self

    def fetchnumpy(self) -> dict[str, Any]:
        return {"starts_at": np.array([], "datetime64[s]"), "unit": np.array([]), "mean": np.array([])}


def test_the_record_is_asked_once_a_minute_whoever_looks() -> None:
    noon = datetime(2026, 3, 2, 12, tzinfo=UTC)
    record = Counting(noon)
    hour = LastHour(record)
    for second in range(30):
        assert hour.read(noon + timedelta(seconds=second)).starts_at == noon - MINUTES * MINUTE
    assert record.asked == 1
    record.made_until = noon + MINUTE
    assert hour.read(noon + timedelta(seconds=68)).starts_at == noon - 59 * MINUTE
    assert record.asked == 2


def test_minutes_that_do_not_come_are_gaps_and_no_reason_to_stand_still() -> None:
    noon = datetime(2026, 3, 2, 12, tzinfo=UTC)
    hour = LastHour(Counting(noon))
    assert hour.read(noon + timedelta(seconds=119)).starts_at == noon - MINUTES * MINUTE
    assert hour.read(noon + timedelta(minutes=5)).starts_at == noon - 55 * MINUTE
