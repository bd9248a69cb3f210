"""Backups over the interface: made while frames arrive, verified, brought, refused, and staged for the next start."""

import io
import json
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import gevent
import pytest
import requests
from flask.testing import FlaskClient

from slmm.events import Levels
from slmm.record import snapshot
from slmm.record.frames import Frame, Source
from slmm.runtime import Runtime
from slmm.storage import archive, restore
from tests.conftest import eventually
from tests.server import RunningServer
from tests.web.conftest import BASE

NOW = datetime.now(UTC).replace(microsecond=0)


def runtime_of(client: FlaskClient) -> Runtime:
    found: Runtime = client.application.extensions["slmm"]
    return found


def record(runtime: Runtime, count: int, days_ago: int = 0) -> None:
    """So many readings of one unit, one a second."""
    end = NOW - timedelta(days=days_ago)
    runtime.record.historian.write(
        [Frame("a", end - timedelta(seconds=number), Source.POLL, Levels(lp=60.0)) for number in range(count)]
    )


def made(client: FlaskClient, **body: Any) -> dict[str, Any]:
    """What the list says of a new backup."""
    assert client.post(f"{BASE}/_system/backups", json=body).status_code == 202

    def ended() -> dict[str, Any] | None:
        operation: dict[str, Any] = client.get(f"{BASE}/_system/backups").json["operation"]
        return operation if operation["state"] != "running" else None

    operation = eventually(ended, 30)
    assert operation["state"] == "done", operation["error"]
    return next(
        each
        for each in client.get(f"{BASE}/_system/backups").json["backups"]
        if each["name"] == operation["result"]["name"]
    )


def test_a_backup_made_beside_the_writer_holds_the_record(client: FlaskClient, tmp_path: Path) -> None:
    runtime = runtime_of(client)
    record(runtime, 100, days_ago=3)
    runtime.record.move_days()
    record(runtime, 50)
    backup = made(client)
    assert backup["parts"] == ["record", "secret.key", "slmm.db"]
    assert backup["missing"] == []
    record(runtime, 7)
    (tmp_path / "b.zip").write_bytes(client.get(f"{BASE}/_system/backups/{backup['name']}").data)
    manifest = archive.unpack(tmp_path / "b.zip", tmp_path / "tree")
    assert manifest.record is not None
    assert (manifest.record["frames"], manifest.record["files"]) == (50, 1)
    with duckdb.connect(str(tmp_path / "tree/record/record.duckdb")) as connection:
        rows = connection.execute("select count(*) from (from frames union all from settled)").fetchone()
        assert rows == (50,), "as it was at one instant"
    assert not list(runtime.settings.data_dir.glob(".backup-*")), "nothing is left over"
    assert client.delete(f"{BASE}/_system/backups/{backup['name']}").status_code == 200
    assert client.get(f"{BASE}/_system/backups/{backup['name']}").status_code == 404


def test_a_file_of_the_record_that_is_missing_is_told(client: FlaskClient) -> None:
    runtime = runtime_of(client)
    record(runtime, 10, days_ago=3)
    (part,) = runtime.record.move_days()
    part.below(runtime.record.partitions.top).unlink()
    assert made(client)["missing"] == [f"levels/frames/a/{part.day}.1.parquet"]


def test_writers_wait_while_the_record_is_copied(client: FlaskClient) -> None:
    runtime = runtime_of(client)
    record(runtime, 1)
    with snapshot.alone(runtime.record.folder):
        writing = gevent.spawn(record, runtime, 5)
        gevent.sleep(0.1)
        assert not writing.ready()
    writing.get(timeout=10)
    assert runtime.record.historian.written == 6


@pytest.mark.parametrize(
    ("name", "body", "status"),
    [
        ("x.zip", b"no zip at all", 422),
        ("x.zip", b"", 422),
        ("..%2fx.zip", b"PK", 415),
        (".hidden.zip", b"PK", 422),
        ("x.txt", b"PK", 422),
    ],
)
def test_what_is_no_backup_is_refused_and_leaves_nothing(
    client: FlaskClient, name: str, body: bytes, status: int
) -> None:
    answer = client.put(f"{BASE}/_system/backups/{name}", data=body, content_type="application/zip")
    assert answer.status_code == status, answer.json
    assert client.get(f"{BASE}/_system/backups").json["backups"] == []
    folder = runtime_of(client).settings.data_dir / "backups"
    assert [path.name for path in folder.iterdir() if path.suffix == ".part"] == []


def test_a_backup_goes_out_and_comes_in_again(client: FlaskClient) -> None:
    backup = made(client, with_record=False)
    data = client.get(f"{BASE}/_system/backups/{backup['name']}").data
    twice = client.put(f"{BASE}/_system/backups/{backup['name']}", data=data, content_type="application/zip")
    assert twice.status_code == 409
    brought = client.put(f"{BASE}/_system/backups/elsewhere.zip", data=data, content_type="application/zip")
    assert brought.status_code == 200, brought.json
    cut = client.put(f"{BASE}/_system/backups/cut.zip", data=data[:-40], content_type="application/zip")
    assert (cut.status_code, "cut.zip" in cut.json["detail"]) == (422, True)
    names = {each["name"]: each for each in client.get(f"{BASE}/_system/backups").json["backups"]}
    assert set(names) == {backup["name"], "elsewhere.zip"}
    assert names["elsewhere.zip"]["can_be_restored"]


def test_a_backup_of_a_newer_version_is_not_staged(client: FlaskClient) -> None:
    backup = made(client, with_record=False)
    folder = runtime_of(client).settings.data_dir / "backups"
    newer = io.BytesIO()
    with zipfile.ZipFile(folder / backup["name"]) as whole, zipfile.ZipFile(newer, "w") as changed:
        for name in whole.namelist():
            data = whole.read(name)
            if name == archive.MANIFEST:
                data = json.dumps({**json.loads(data), "schema": "9999", "version": "9.9"}).encode()
            changed.writestr(name, data)
    (folder / "newer.zip").write_bytes(newer.getvalue())
    assert client.post(f"{BASE}/_system/restore", json={"name": "newer.zip"}).status_code == 202
    operation = eventually(
        lambda: next(
            (each for each in [client.get(f"{BASE}/_system/backups").json["operation"]] if each["state"] == "failed"),
            None,
        )
    )
    assert "9.9" in operation["error"]
    assert client.get(f"{BASE}/_system/backups").json["pending"] is None
    assert client.delete(f"{BASE}/_system/restore").status_code == 404


def test_a_swap_that_was_cut_off_goes_on(tmp_path: Path) -> None:
    data, tree, aside = tmp_path / "data", tmp_path / "tree", tmp_path / "data/aside"
    for folder, word in ((data, "old"), (tree, "new")):
        (folder / "record").mkdir(parents=True)
        (folder / "record/x").write_text(word)
        (folder / "slmm.db").write_text(word)
    (data / "slmm.db-wal").write_text("old")
    aside.mkdir()
    (data / "slmm.db-wal").rename(aside / "slmm.db-wal")  # and then the power went
    restore.swap(tree, data, aside)
    restore.swap(tree, data, aside)
    assert [(data / name).read_text() for name in ("slmm.db", "record/x")] == ["new", "new"]
    assert sorted(path.name for path in aside.iterdir()) == ["record", "slmm.db", "slmm.db-wal"]


def test_a_real_service_puts_a_backup_in_place_at_its_next_start(server: Callable[..., RunningServer]) -> None:
    running = server(SLMM_POLLING_ENABLED="false")

    def post(path: str, **body: Any) -> requests.Response:
        return requests.post(f"{running.api}{path}", json=body, timeout=10)

    def ended() -> Any:
        found = running.get("/_system/backups")
        return found if found["operation"]["state"] != "running" else None

    post("/roster", unit_id="before", host="127.0.0.1", tcp_port=9, poll_enabled=False)
    post("/_system/backups")
    name = eventually(ended, 30)["backups"][0]["name"]
    post("/roster", unit_id="after", host="127.0.0.1", tcp_port=9, poll_enabled=False)
    assert post("/_system/restore", name=name).status_code == 202
    pending = eventually(lambda: ended() and running.get("/_system/backups")["pending"], 30)
    assert [unit["unit_id"] for unit in running.get("/roster")["devices"]] == ["after", "before"], "nothing yet"
    running.terminate()
    running.start()
    assert [unit["unit_id"] for unit in running.get("/roster")["devices"]] == ["before"]
    told = running.get("/_system/backups")
    assert told["pending"] is None
    assert told["restored"]["aside"] == pending["aside"]
    assert (running.directory / "data" / pending["aside"] / "slmm.db").exists()
