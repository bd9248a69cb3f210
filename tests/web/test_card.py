"""Cards of simulated meters over real FTP into the record: by a cycle, by itself, on demand; and what is told of it."""

import hashlib
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import gevent
import pytest
from flask.testing import FlaskClient

from slmm import signals
from slmm.app import create_app
from slmm.emulator.process import RunningEmulator, running_emulator
from slmm.events import ContactChange
from slmm.fleet.cardsync import AFTER_END_S, CardSync
from slmm.record.chain.seals import Kind
from slmm.settings import Settings
from tests.conftest import FAST, FAST_EMULATOR, eventually
from tests.web.conftest import BASE
from tests.web.test_cycles import AUTO, measured, post

Add = Callable[..., str]


@pytest.fixture(scope="module")
def meter() -> Iterator[RunningEmulator]:
    """One stopped meter in automatic store mode with a card."""
    with running_emulator(1, *FAST_EMULATOR, *AUTO) as running:
        yield running


@pytest.fixture
def client(make_settings: Callable[..., Settings]) -> Iterator[FlaskClient]:
    app = create_app(make_settings(**FAST, ftp_settle_s=0.05, ftp_stall_s=6.0, ftp_retry_s=0.05))
    runtime = app.extensions["slmm"]
    runtime.start()
    yield app.test_client()
    runtime.stop()


@pytest.fixture
def unit(add: Add, meter: RunningEmulator) -> Iterator[str]:
    address = meter.meters[0]
    meter.client.ftp(0, way_back="open")
    yield add(address, ftp_port=address.ftp_port, ftp_enabled=True, monitor_enabled=True)
    meter.client.keypad(0, "stop")


def sync_of(client: FlaskClient) -> CardSync:
    found: CardSync = client.application.extensions["slmm"].card_sync
    return found


def run_of(client: FlaskClient, unit: str) -> dict[str, Any]:
    """The newest run, when it is on record as ended."""

    def ended() -> Any:
        runs = client.get(f"{BASE}/{unit}/runs").json["runs"]
        return runs and runs[0]["ended_at"] and runs[0]

    found: dict[str, Any] = eventually(ended, what="the end of the run on record")
    return found


def on_card(meter: RunningEmulator, store: str) -> dict[str, int]:
    """Rows by kind of file."""
    card = meter.meters[0].card
    assert card is not None
    found: dict[str, int] = {"lp": 0, "leq": 0}
    for path in (card / f"NL-43/Auto_{store}").rglob("*.rnd"):
        kind = "lp" if "_Lp " in path.name else "leq"
        found[kind] += path.read_bytes().count(b"\r\n") - 2
    return found


def in_record(client: FlaskClient, unit: str, store: str) -> dict[str, int]:
    record = client.application.extensions["slmm"].record

    def question(connection: Any) -> Any:
        return connection.execute(
            "select source, count(*), count(distinct ends_at), count(distinct address) from"
            " (select * from frames union all select * from settled) where source >= 2 and store = ? group by source",
            [store],
        ).fetchall()

    found = {"lp": 0, "leq": 0}
    for source, count, ends, addresses in record.store.read(question):
        assert count == ends == addresses, "nothing is there twice"
        found["lp" if source == 3 else "leq"] = count
    return found


def begun(client: FlaskClient, unit: str, meter: RunningEmulator) -> str:
    """Start a cycle and let it store something; its store name."""
    answer = post(client, f"{unit}/start-cycle", {"sync_clock": True})
    store = f"{answer['new_index']:04d}"
    measured(meter, store)
    return store


def test_a_cycle_that_is_downloaded_is_on_record(client: FlaskClient, unit: str, meter: RunningEmulator) -> None:
    store = begun(client, unit, meter)
    ended = post(client, f"{unit}/stop-cycle", {"download": True})
    assert ended["download_success"], ended
    assert ended["steps"][-1]["name"] == "bring it into the record"
    assert ended["steps"][-1]["state"] == "done", ended["steps"][-1]
    assert in_record(client, unit, store) == on_card(meter, store)

    run = run_of(client, unit)
    told = client.get(f"{BASE}/{unit}/runs/{run['id']}/card").json
    assert {row["kind"] for row in told["files"]} == {"lp", "leq", "header"}
    assert told["rows"] == told["merged_rows"] == sum(on_card(meter, store).values())
    data = client.application.extensions["slmm"].settings.data_dir
    for row in told["files"]:
        assert hashlib.sha256((data / row["local_path"]).read_bytes()).hexdigest() == row["sha256"]
        assert row["troubles"] == []
    chain = client.application.extensions["slmm"].evidence.chain
    assert chain.counts().get(Kind.CARD) == 3, "each original is sealed once"

    again = client.post(f"{BASE}/{unit}/runs/{run['id']}/card").json
    assert (again["new_rows"], again["rows"]) == (0, told["rows"])
    assert client.get(f"{BASE}/{unit}/runs/{run['id']}").json["run"]["card"] == "merged"
    assert chain.counts().get(Kind.CARD) == 3
    everything = client.post(f"{BASE}/{unit}/card").json
    assert everything["rows"] >= told["rows"]
    assert in_record(client, unit, store) == on_card(meter, store)
    listed = client.get(f"{BASE}/{unit}/card/files?limit=2").json
    assert listed["count"] == 2
    older = client.get(f"{BASE}/{unit}/card/files?limit=2&before_id={listed['files'][-1]['id']}").json
    assert older["files"][0]["id"] < listed["files"][-1]["id"]


def test_a_measurement_that_ends_is_fetched_by_itself_with_ftp_switched_on_for_it(
    client: FlaskClient, unit: str, meter: RunningEmulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = begun(client, unit, meter)
    meter.client.register(0, "FTP", "Off")
    post(client, f"{unit}/stop-cycle", {"download": False})
    run = run_of(client, unit)
    sync = sync_of(client)
    sync.tick()
    assert client.get(f"{BASE}/{unit}/runs/{run['id']}").json["run"]["card"] == "wanted"
    monkeypatch.setattr(sync, "_now_s", lambda: time.monotonic() + AFTER_END_S + 1)
    sync.tick()
    assert sync.under_way == [unit]
    eventually(lambda: not sync.under_way, within_s=40)
    told = client.get(f"{BASE}/{unit}/runs/{run['id']}").json["run"]
    assert told["card"] == "merged", told["card_note"]
    assert in_record(client, unit, store) == on_card(meter, store)
    assert len(sync.wishes) == 0


def test_what_fails_waits_is_told_and_is_taken_up_after_a_restart(
    client: FlaskClient, unit: str, meter: RunningEmulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = begun(client, unit, meter)
    post(client, f"{unit}/stop-cycle", {"download": False})
    run = run_of(client, unit)
    meter.client.ftp(0, way_back="425")
    sync = sync_of(client)
    monkeypatch.setattr(sync, "_now_s", lambda: time.monotonic() + AFTER_END_S + 1)
    sync.tick()
    eventually(lambda: not sync.under_way, within_s=40)
    told = client.get(f"{BASE}/{unit}/runs/{run['id']}").json["run"]
    assert told["card"] == "wanted"
    assert "tried again in 5 minutes" in told["card_note"]
    sync.tick()
    assert sync.under_way == []
    meter.client.ftp(0, way_back="open")

    sync.stop()
    sync.wishes.forget(unit)
    sync.start()
    monkeypatch.setattr(sync, "_now_s", lambda: time.monotonic() + 100)
    sync.tick()
    eventually(lambda: not sync.under_way, within_s=40)
    assert client.get(f"{BASE}/{unit}/runs/{run['id']}").json["run"]["card"] == "merged"
    assert in_record(client, unit, store) == on_card(meter, store)


def test_after_an_outage_the_run_that_goes_on_is_fetched_and_what_follows_comes_later(
    client: FlaskClient, unit: str, meter: RunningEmulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    meter.client.register(0, "FTP", "On")
    store = begun(client, unit, meter)
    runs = client.application.extensions["slmm"].runs
    eventually(lambda: runs.open_run(unit), what="the run on record")
    eventually(lambda: runs.flush() and runs.book.open_runs())
    sync = sync_of(client)
    signals.publish(signals.contact_changed, ContactChange(unit, datetime.now(UTC), False, "silent"))
    monkeypatch.setattr(sync, "_now_s", lambda: time.monotonic() + 100)
    signals.publish(signals.contact_changed, ContactChange(unit, datetime.now(UTC), True, "there again"))
    sync.tick()
    monkeypatch.setattr(sync, "_now_s", lambda: time.monotonic() + 140)
    sync.tick()
    assert sync.under_way == [unit]
    eventually(lambda: not sync.under_way, within_s=40)
    (run, *_) = client.get(f"{BASE}/{unit}/runs").json["runs"]
    assert run["card"] == "partial", run
    first = in_record(client, unit, store)
    assert first["lp"] > 10
    post(client, f"{unit}/stop-cycle", {"download": True})
    assert in_record(client, unit, store) == on_card(meter, store)
    assert on_card(meter, store)["lp"] > first["lp"]


def test_a_person_goes_first(client: FlaskClient, unit: str, meter: RunningEmulator, tmp_path: Path) -> None:
    store = begun(client, unit, meter)
    post(client, f"{unit}/stop-cycle", {"download": False})
    run = run_of(client, unit)
    meter.client.ftp(0, bytes_a_second=300.0)
    sync = sync_of(client)
    wish = sync.wishes.add(unit, run["id"], "a test", 0.0)
    sync.tick()
    eventually(lambda: client.application.extensions["slmm"].board.status(unit).held_by)
    answer = client.post(f"{BASE}/{unit}/start-cycle", json={"sync_clock": False})
    assert answer.status_code == 200, answer.json
    assert sync.under_way == []
    assert wish.attempts == 0
    assert wish.not_before_s > time.monotonic()
    meter.client.ftp(0, bytes_a_second=0.0)
    client.post(f"{BASE}/{unit}/stop-cycle", json={"download": False})
    assert in_record(client, unit, store) == {"lp": 0, "leq": 0}
    done = client.post(f"{BASE}/{unit}/runs/{run['id']}/card")
    assert done.status_code == 200, done.json
    assert in_record(client, unit, store) == on_card(meter, store)


def test_what_cannot_be_is_said(client: FlaskClient, add: Add, unit: str) -> None:
    add(unit_id="plain")
    for path in ("plain/card", "plain/runs/1/card"):
        answer = client.post(f"{BASE}/{path}")
        assert answer.status_code in (403, 404), answer.json
    assert client.get(f"{BASE}/ghost/card/files").status_code == 404
    assert client.get(f"{BASE}/plain/card/files").json["files"] == []
    assert client.get(f"{BASE}/{unit}/runs/999/card").status_code == 404
    answer = client.post(f"{BASE}/{unit}/card?wait=false")
    assert answer.status_code == 202
    gevent.sleep(0)
