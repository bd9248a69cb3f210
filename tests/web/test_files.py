"""The SD card over REST: lists, downloads, faults on the way, and nothing that leaves its folder."""

import base64
import hashlib
import io
import os
import zipfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from slmm.emulator.process import RunningEmulator
from tests.conftest import eventually
from tests.nl43.ftp_meter import RunningFtpMeter, running_ftp_meter
from tests.web.conftest import BASE

FOLDER = "/NL-43/Auto_0019"
LP = f"{FOLDER}/Auto_Lp_01/NL_0001_SLM_Lp _0019_0001.rnd"
HEADER = f"{FOLDER}/NL_0001_SLM.rnh"
CONTENT = os.urandom(300_000)

StartCard = Callable[..., RunningFtpMeter]


@pytest.fixture
def start_card(tmp_path: Path) -> Iterator[StartCard]:
    """Starts the FTP server of a meter with one measurement on its card; more faults, more servers."""
    with ExitStack() as stack:

        def start(**faults: Any) -> RunningFtpMeter:
            place = tmp_path / f"meter{len(list(tmp_path.glob('meter*')))}"
            file = place / "card" / LP[1:]
            file.parent.mkdir(parents=True)
            file.write_bytes(CONTENT)
            (place / "card" / HEADER[1:]).write_bytes(b"CSV\r\n")
            return stack.enter_context(running_ftp_meter(place, **faults))

        yield start


@pytest.fixture
def downloads(client: FlaskClient) -> Path:
    """Where the service keeps what it has fetched."""
    folder: Path = client.application.extensions["slmm"].settings.data_dir / "downloads"
    return folder


@pytest.fixture
def add_card(add: Callable[..., str], fast_emulator: RunningEmulator) -> Callable[..., str]:
    """Takes on a unit with a control port and an FTP server."""

    def take_on(card: RunningFtpMeter, unit_id: str = "a", **members: Any) -> str:
        return add(fast_emulator.meters[0], unit_id, ftp_enabled=True, ftp_port=card.port, **members)

    return take_on


def download(client: FlaskClient, unit_id: str, remote_path: str, folder: bool = False) -> Any:
    path = f"{BASE}/{unit_id}/ftp/download{'-folder' if folder else ''}"
    return client.post(path, json={"remote_path": remote_path})


def kept_files(downloads: Path) -> dict[str, bytes]:
    """Everything under its final name."""
    return {
        str(path.relative_to(downloads)): path.read_bytes()
        for path in downloads.rglob("*")
        if path.is_file() and ".partial" not in path.parts
    }


def test_a_folder_is_listed_with_sizes_and_times(
    client: FlaskClient, add_card: Callable[..., str], start_card: StartCard
) -> None:
    unit_id = add_card(start_card(), timezone="Asia/Tokyo")
    answer = client.get(f"{BASE}/{unit_id}/ftp/files", query_string={"path": FOLDER})
    assert answer.status_code == 200, answer.json
    assert answer.json is not None
    assert answer.json["count"] == 2
    by_name = {file["name"]: file for file in answer.json["files"]}
    header = by_name["NL_0001_SLM.rnh"]
    assert header["path"] == HEADER
    assert header["size"] == 5
    assert not header["is_dir"]
    assert by_name["Auto_Lp_01"]["is_dir"]
    shown, instant = header["modified"], header["modified_timestamp"]
    ahead = (int(shown[11:13]) - int(instant[11:13])) % 24
    assert ahead == 9, "the card shows Tokyo's time, the instant is UTC"


def test_a_file_is_handed_on_whole_and_kept(
    client: FlaskClient, add_card: Callable[..., str], start_card: StartCard, downloads: Path
) -> None:
    unit_id = add_card(start_card())
    answer = download(client, unit_id, LP)
    assert answer.status_code == 200, answer.json
    assert answer.data == CONTENT
    assert answer.content_length == len(CONTENT)
    assert answer.headers["Content-Disposition"] == 'attachment; filename="NL_0001_SLM_Lp _0019_0001.rnd"'
    digest = base64.b64encode(hashlib.sha256(CONTENT).digest()).decode()
    assert answer.headers["Repr-Digest"] == f"sha-256=:{digest}:"
    assert kept_files(downloads) == {f"a{LP}": CONTENT}


def test_a_folder_is_handed_on_as_a_zip_with_its_tree_and_times(
    client: FlaskClient, add_card: Callable[..., str], start_card: StartCard
) -> None:
    unit_id = add_card(start_card())
    answer = download(client, unit_id, FOLDER, folder=True)
    assert answer.status_code == 200, answer.json
    assert answer.content_type == "application/zip"
    with zipfile.ZipFile(io.BytesIO(answer.data)) as archive:
        assert archive.testzip() is None
        assert {item.filename: item.file_size for item in archive.infolist()} == {
            LP.removeprefix("/NL-43/"): len(CONTENT),
            HEADER.removeprefix("/NL-43/"): 5,
        }
        assert all(item.date_time[0] > 2020 for item in archive.infolist())


def test_what_is_here_already_is_not_fetched_again(
    client: FlaskClient, add_card: Callable[..., str], start_card: StartCard
) -> None:
    card = start_card()
    unit_id = add_card(card)
    first = download(client, unit_id, FOLDER, folder=True)
    fetched = card.count("RETR")
    assert download(client, unit_id, FOLDER, folder=True).data == first.data
    assert card.count("RETR") == fetched


def test_a_download_can_be_followed_and_fetched_later(
    client: FlaskClient, add_card: Callable[..., str], start_card: StartCard
) -> None:
    unit_id = add_card(start_card())
    begun = client.post(f"{BASE}/{unit_id}/ftp/download?wait=false", json={"remote_path": LP})
    assert begun.status_code == 202, begun.json
    place = begun.headers["Location"]

    def ended() -> Any:
        operation = client.get(place).json["operation"]  # type: ignore[index]
        return operation if operation["state"] != "running" else None

    operation = eventually(ended)
    assert operation["state"] == "done"
    assert operation["result"]["sha256"] == hashlib.sha256(CONTENT).hexdigest()
    assert client.get(f"{place}/file").data == CONTENT


@pytest.mark.parametrize("path", ["/ftp/files?path=/NL-43/nothing", "/ftp/files?path=/nothing/at/all"])
def test_what_is_not_on_the_card_is_not_found(
    client: FlaskClient, add_card: Callable[..., str], start_card: StartCard, path: str
) -> None:
    assert client.get(f"{BASE}/{add_card(start_card())}{path}").status_code == 404


@pytest.mark.parametrize("path", ["relative", "/../etc", "/a\r\nDELE x", "/a\x00b", "/a\\b", "", "/" + "x" * 300, 5])
def test_a_path_that_is_none_is_refused_and_never_sent(
    client: FlaskClient, add_card: Callable[..., str], start_card: StartCard, path: Any
) -> None:
    card = start_card()
    unit_id = add_card(card)
    for name in ("download", "download-folder"):
        answer = client.post(f"{BASE}/{unit_id}/ftp/{name}", json={"remote_path": path})
        assert answer.status_code == 422, answer.json
        assert "remote_path" in str(answer.json)
    assert client.get(f"{BASE}/{unit_id}/ftp/files", query_string={"path": path}).status_code == 422
    assert card.commands == []


def test_a_unit_without_ftp_says_so(
    client: FlaskClient, add: Callable[..., str], fast_emulator: RunningEmulator
) -> None:
    unit_id = add(fast_emulator.meters[0])
    answer = client.get(f"{BASE}/{unit_id}/ftp/files")
    assert answer.status_code == 403
    assert "ftp_enabled" in str(answer.json)
    assert download(client, unit_id, LP).status_code == 403


def test_ftp_that_is_off_is_told_with_what_to_do(
    client: FlaskClient, add: Callable[..., str], fast_emulator: RunningEmulator
) -> None:
    unit_id = add(fast_emulator.meters[0], ftp_enabled=True, ftp_port=9)
    answer = client.get(f"{BASE}/{unit_id}/ftp/files")
    assert answer.status_code == 502
    assert "enable it first" in str(answer.json)


def test_the_start_of_a_measurement_is_taken_from_its_folder(
    client: FlaskClient, add_card: Callable[..., str], start_card: StartCard
) -> None:
    card = start_card()
    older = card.root / "NL-43/Auto_0018"
    older.mkdir()
    os.utime(older, (1e9, 1e9))
    unit_id = add_card(card, monitor_enabled=True)
    eventually(
        lambda: client.get(f"{BASE}/{unit_id}/measurement-state").json["is_measuring"]  # type: ignore[index]
    )
    latest = client.get(f"{BASE}/{unit_id}/ftp/latest-measurement-time").json
    assert latest is not None
    assert latest["latest_folder"] == "Auto_0019"
    synced = client.post(f"{BASE}/{unit_id}/sync-start-time")
    assert synced.status_code == 200, synced.json
    assert synced.json is not None
    assert synced.json["start_time"] == latest["latest_timestamp"]
    status = client.get(f"{BASE}/{unit_id}/status").json
    assert status is not None
    assert status["data"]["measurement_start_time"] == latest["latest_timestamp"]


NASTY = ["../../x", "..\\x", "/etc/passwd", "..", "a\x1bb", "CON", "x" * 300, "NL/../../../y", "\u202erxt"]


def nasty_listing() -> str:
    line = "-rwxrwxrwx   1 owner    group           5 Dec 23 19:40 "
    return "".join(f"{line}{name}\r\n" for name in NASTY).encode().decode("latin-1")


def test_nasty_names_lead_nowhere(
    client: FlaskClient, add_card: Callable[..., str], start_card: StartCard, downloads: Path
) -> None:
    unit_id = add_card(start_card(listings={FOLDER: nasty_listing()}))
    before = {path for path in downloads.parent.parent.rglob("*") if downloads not in path.parents}
    listed = client.get(f"{BASE}/{unit_id}/ftp/files", query_string={"path": FOLDER}).json
    assert listed is not None
    assert [file["name"] for file in listed["files"]] == ["CON"]
    assert len(listed["unusable"]) == len(NASTY) - 2, "'..' is no entry at all"
    answer = download(client, unit_id, FOLDER, folder=True)
    assert answer.status_code == 200, answer.json
    assert kept_files(downloads) == {}
    after = {path for path in downloads.parent.parent.rglob("*") if downloads not in path.parents}
    assert {path.name for path in after - before} <= {"slmm.db-wal", "slmm.db-shm", "downloads", "commands.log"}


FTP_OPERATIONS = [
    ("get", "ftp/files", None),
    ("get", "ftp/latest-measurement-time", None),
    ("post", "ftp/download", {"remote_path": "/x"}),
    ("post", "ftp/download-folder", {"remote_path": "/x"}),
]


@pytest.mark.parametrize(("method", "path", "body"), FTP_OPERATIONS)
def test_every_operation_on_a_card_answers_for_units_that_cannot(
    client: FlaskClient, add: Callable[..., str], method: str, path: str, body: Any
) -> None:
    def code(unit_id: str) -> tuple[int, str]:
        answer: Any = client.open(f"{BASE}/{unit_id}/{path}", method=method.upper(), json=body)
        return answer.status_code, answer.json["code"]

    assert code("nobody") == (404, "not_found")
    assert code(add(unit_id="off", ftp_enabled=False)) == (403, "device_disabled")
    assert code(add(unit_id="away", ftp_enabled=True, ftp_port=9)) == (502, "device_unreachable")
    client.post(f"{BASE}/away/deactivate")
    assert code("away") == (403, "device_disabled")
    client.post(f"{BASE}/_system/standby")
    assert code("off") == (503, "standby")


def test_a_start_is_taken_only_from_the_card_of_a_meter_that_measures(
    client: FlaskClient, add_card: Callable[..., str], start_card: StartCard, fast_emulator: RunningEmulator
) -> None:
    assert client.post(f"{BASE}/nobody/sync-start-time").status_code == 404
    fast_emulator.client.keypad(0, "stop")
    unit_id = add_card(start_card())
    client.get(f"{BASE}/{unit_id}/measurement-state")
    answer = client.post(f"{BASE}/{unit_id}/sync-start-time")
    assert (answer.status_code, answer.json["code"]) == (409, "conflict")  # type: ignore[index]
