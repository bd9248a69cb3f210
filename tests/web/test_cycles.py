"""Whole cycles against a meter with a card: start under a free name, stop, fetch, check; and what may go wrong."""

import hashlib
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import gevent
import pytest
from flask.testing import FlaskClient

from slmm.app import create_app
from slmm.emulator.process import RunningEmulator, running_emulator
from slmm.settings import Settings
from tests.conftest import FAST, FAST_EMULATOR, eventually
from tests.web.conftest import BASE

Add = Callable[..., str]
AUTO = (
    *("--card", "--register", "Store Mode=Auto", "--register", "FTP=On", "--stopped"),
    *("--register", "Lp Store Interval=100ms", "--register", "Leq Calculation Interval Preset=Manual"),
    *("--register", "Leq Calculation Interval (Num)=1", "--register", "Leq Calculation Interval (Unit)=s"),
)


@pytest.fixture
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
def unit(add: Add, meter: RunningEmulator) -> str:
    address = meter.meters[0]
    return add(address, ftp_port=address.ftp_port, ftp_enabled=True)


def post(client: FlaskClient, path: str, body: dict[str, Any] | None = None) -> Any:
    answer = client.post(f"{BASE}/{path}", json=body)
    assert answer.status_code == 200, answer.json
    return answer.json


def measured(meter: RunningEmulator, store: str, rows: int = 3) -> None:
    """Wait until a measurement has written some rows."""
    card = meter.meters[0].card
    assert card is not None
    file = card / f"NL-43/Auto_{store}/Auto_Leq/NL_0001_SLM_Leq_{store}_0001.rnd"
    eventually(lambda: file.exists() and file.read_bytes().count(b"\r\n") >= rows + 2)


def test_a_cycle_takes_the_next_free_name_and_brings_the_measurement_home(
    client: FlaskClient, unit: str, meter: RunningEmulator
) -> None:
    card = meter.meters[0].card
    assert card is not None
    for name in ("Auto_0002", "Auto_0003"):
        (card / "NL-43" / name).mkdir()
    begun = post(client, f"{unit}/start-cycle", {"sync_clock": True})
    assert (begun["old_index"], begun["new_index"], begun["attempts_made"]) == (1, 4, 3)
    assert begun["clock_synced"]
    assert begun["started"]
    assert [step["state"] for step in begun["steps"]] == ["done"] * len(begun["steps"])
    measured(meter, "0004")

    ended = post(client, f"{unit}/stop-cycle", {"download": True})
    assert ended["stopped"], ended
    assert ended["ftp_enabled"]
    assert ended["download_success"], ended
    assert ended["downloaded_folder"] == "Auto_0004"
    with zipfile.ZipFile(ended["local_path"]) as archive:
        packed = {name: hashlib.sha256(archive.read(name)).hexdigest() for name in archive.namelist()}
    on_card = {
        str(path.relative_to(card / "NL-43")): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in (card / "NL-43/Auto_0004").rglob("*")
        if path.is_file()
    }
    assert packed == on_card
    assert len(packed) == 3


def test_the_names_wrap_and_a_card_without_a_free_one_is_409(
    client: FlaskClient, unit: str, meter: RunningEmulator
) -> None:
    card = meter.meters[0].card
    assert card is not None
    meter.client.register(0, "Store Name", "9999")
    assert post(client, f"{unit}/start-cycle", {"sync_clock": False})["new_index"] == 0
    meter.client.keypad(0, "stop")
    for number in range(1, 102):
        (card / f"NL-43/Auto_{number:04d}").mkdir()
    full = client.post(f"{BASE}/{unit}/start-cycle", json={"sync_clock": False})
    assert (full.status_code, full.json["code"]) == (409, "conflict")
    assert client.get(f"{BASE}/{unit}/index-number").json["index_number"] == "0000", "the name is put back"


def test_a_stop_stays_a_success_when_the_download_fails(client: FlaskClient, unit: str, meter: RunningEmulator) -> None:
    post(client, f"{unit}/start-cycle", {"sync_clock": False})
    measured(meter, "0002")
    meter.client.ftp(0, way_back="425")
    ended = post(client, f"{unit}/stop-cycle", {"download": True})
    assert ended["stopped"]
    assert not ended["download_success"]
    assert "connect back" in ended["download_error"]
    assert client.get(f"{BASE}/{unit}/measurement-state").json["is_measuring"] is False


def test_the_zip_goes_where_it_is_wanted_below_the_downloads_of_the_unit(
    client: FlaskClient, unit: str, meter: RunningEmulator
) -> None:
    post(client, f"{unit}/start-cycle", {"sync_clock": False})
    measured(meter, "0002")
    ended = post(client, f"{unit}/stop-cycle", {"download": True, "download_path": "nights/first.zip"})
    downloads = client.application.extensions["slmm"].settings.data_dir / "downloads"
    assert Path(ended["local_path"]) == downloads / unit / "nights" / "first.zip"
    assert zipfile.is_zipfile(ended["local_path"])


def test_while_a_transfer_blocks_the_control_port_the_feed_says_so_and_comes_back(
    client: FlaskClient, add: Add, meter: RunningEmulator
) -> None:
    address = meter.meters[0]
    assert address.card is not None
    (address.card / "NL-43/Auto_0009").mkdir()
    (address.card / "NL-43/Auto_0009/big.rnd").write_bytes(bytes(400_000))
    unit = add(address, ftp_port=address.ftp_port, ftp_enabled=True, monitor_enabled=True)
    runtime = client.application.extensions["slmm"]
    status = runtime.board.status(unit)
    eventually(lambda: status.is_reachable)
    meter.client.quirk(0, "control_blocked_by_transfer", "true")
    meter.client.ftp(0, bytes_a_second=60_000)
    events = client.get(f"{BASE}/_monitor/events?units={unit}")
    heard: list[bytes] = []
    listener = gevent.spawn(lambda: heard.extend(events.response))
    download = gevent.spawn(
        client.application.test_client().post,
        f"{BASE}/{unit}/ftp/download",
        json={"remote_path": "/NL-43/Auto_0009/big.rnd"},
    )
    eventually(lambda: status.held_by is not None)
    seen: set[Any] = set()
    while not download.ready():
        seen.add(status.is_reachable)
        gevent.sleep(0.05)
    ended_s = time.monotonic()
    answer = download.value
    assert answer.status_code == 200, answer.json
    assert len(answer.data) == 400_000
    before = status.last_success
    eventually(lambda: status.last_success != before, 10, "the feed after the transfer")
    assert time.monotonic() - ended_s <= 10
    assert seen == {True}, "a meter that is busy with a transfer is not lost"
    told = b"".join(heard)
    assert b'"held_by":"a download of /NL-43/Auto_0009/big.rnd"' in told
    assert b'"held_by":null' in told
    assert b'"feed_status":"unreachable"' not in told
    listener.kill()


def test_a_persons_command_during_a_transfer_that_blocks_says_what_holds_the_meter(
    client: FlaskClient, unit: str, meter: RunningEmulator
) -> None:
    address = meter.meters[0]
    assert address.card is not None
    (address.card / "NL-43/big.rnd").write_bytes(bytes(300_000))
    meter.client.quirk(0, "control_blocked_by_transfer", "true")
    meter.client.ftp(0, bytes_a_second=60_000)
    begun = client.post(f"{BASE}/{unit}/ftp/download?wait=false", json={"remote_path": "/NL-43/big.rnd"})
    place = begun.headers["Location"]
    eventually(lambda: client.get(place).json["operation"]["done"] > 0)
    answer = client.get(f"{BASE}/{unit}/battery")
    assert (answer.status_code, answer.json["code"]) == (503, "device_busy")
    assert "a download of /NL-43/big.rnd" in answer.json["detail"]
    assert int(answer.headers["Retry-After"]) > 0
    eventually(lambda: client.get(place).json["operation"]["state"] == "done")


def test_ftp_counts_as_on_when_its_port_answers_and_not_before(
    client: FlaskClient, unit: str, meter: RunningEmulator
) -> None:
    assert client.post(f"{BASE}/{unit}/ftp/disable").status_code == 200
    assert client.get(f"{BASE}/{unit}/ftp/files").status_code == 502
    meter.client.quirk(0, "ftp_open_delay_s", 3.0)
    assert client.post(f"{BASE}/{unit}/ftp/enable").status_code == 200
    listed = client.get(f"{BASE}/{unit}/ftp/files", query_string={"path": "/NL-43"})
    assert listed.status_code == 200, listed.json
