"""What the office adds to its parts: the outside heartbeat, files of a mail, what health says."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import insert

from slmm.settings import Settings
from slmm.storage.models import ReadingRow
from slmm.times import timestamp
from tests.alerts.conftest import START, Bench
from tests.alerts.http_receiver import Receiver, Reply, running_receiver


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with running_receiver() as running:
        yield running


@pytest.fixture
def beating(make_settings: Callable[..., Settings], tmp_path: Path, receiver: Receiver) -> Iterator[Bench]:
    path = tmp_path / "alerts"
    path.mkdir()
    made = Bench(make_settings(alert_heartbeat_url=f"http://127.0.0.1:{receiver.port}/ping/secret"), path)
    yield made
    made.close()


def test_the_outside_hears_that_alerts_work(beating: Bench, receiver: Receiver) -> None:
    beating.office.beat()
    assert [request.path for request in receiver.requests] == ["/ping/secret"]
    assert beating.office.pulse is not None
    assert beating.office.pulse.is_ok
    assert beating.office.problems() == []


def test_the_outside_hears_nothing_while_alerts_cannot_be_written(beating: Bench, receiver: Receiver) -> None:
    beating.engine.scribe.last_error = "database is locked"
    beating.office.beat()
    assert receiver.requests == []
    assert beating.office.problems() == ["alerts cannot be written: database is locked"]


def test_a_heartbeat_that_is_not_heard_is_told_without_its_address(beating: Bench, receiver: Receiver) -> None:
    receiver.script = [Reply("500 Internal Server Error")]
    beating.office.beat()
    (told,) = beating.office.problems()
    assert told.startswith("the outside heartbeat is not heard")
    assert "secret" not in told


def test_a_mail_carries_the_quarter_of_an_hour_before_from_trail_and_memory(bench: Bench) -> None:
    rows = [
        {"unit_id": "a", "timestamp": START - timedelta(minutes=minute), "lp": 50.0 + minute}
        for minute in (1, 5, 12, 20)
    ]
    bench.database.write(lambda session: session.execute(insert(ReadingRow), rows))
    frames = [
        {"timestamp": timestamp(START - timedelta(seconds=second)), "feed_status": "ok", "lp": 60.0}
        for second in (90, 60, 30)
    ]
    bench.office._recent_frames = lambda unit_id: [json.dumps(frame).encode() for frame in frames]
    payload = {"event": {"metric": "lp", "threshold_db": 55.0, "level_name": "LAF"}, "incident_kind": "level"}
    table, chart = bench.office._files("a", START, payload)
    levels = [line.rpartition(",")[2] for line in table.content.decode().splitlines() if line[:1].isdigit()]
    assert levels == ["62.0", "55.0", "60.0", "60.0", "60.0"]
    assert b"55.0 dB" in chart.content
    assert bench.office._files("a", START, {**payload, "incident_kind": "connectivity"}) == ()
