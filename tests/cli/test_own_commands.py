"""Commands that need no running service: accounts, tokens, backup, doctor, settings, schema."""

import hashlib
import json
import os
import sqlite3
import stat
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import requests

from slmm.errors import Invalid
from slmm.storage import archive, restore
from tests.cli.conftest import Run
from tests.server import RunningServer

PASSWORD = "correct horse battery\n"


def test_accounts_are_made_changed_and_removed(run: Run) -> None:
    assert "slmm user add" in run("user", "list").out
    assert run("user", "add", "ada", "--role", "admin", "--password-stdin", stdin=PASSWORD).code == 0
    assert run("user", "add", "bob", "--password-stdin", stdin=PASSWORD).code == 0
    assert run("user", "role", "bob", "operator").out == "bob is operator now\n"
    assert [(user["name"], user["role"]) for user in run("user", "list", "--json").json] == [
        ("ada", "admin"),
        ("bob", "operator"),
    ]
    last = run("user", "remove", "ada")
    assert last.code == 1
    assert "last enabled administrator" in last.err
    assert run("user", "remove", "bob").code == 0
    assert run("user", "add", "eve", "--password-stdin", stdin="short\n").code == 1
    assert run("user", "add", "eve", "--role", "root").code == 2


def test_tokens_are_listed_without_their_secrets(run: Run) -> None:
    secret = run("token", "create", "portal", "--unit", "a", "--unit", "b").out.strip()
    assert secret.startswith("slmm_")
    listed = run("token", "list")
    assert secret not in listed.out
    assert "a, b" in listed.out
    assert run("token", "revoke", "1").code == 0
    assert run("token", "list", "--json").json[0]["revoked_at"] is not None
    assert run("token", "revoke", "99").code == 1


def test_a_backup_is_whole_private_and_brings_everything_back(
    run: Run, server: Callable[..., RunningServer], tmp_path: Path
) -> None:
    running = server()
    data = {"SLMM_DATA_DIR": str(running.directory / "data")}
    body = {"host": "127.0.0.1", "tcp_port": 9, "ftp_password": "hunter2 hunter2", "poll_enabled": False}
    assert requests.put(f"{running.api}/a/config", json=body, timeout=5).status_code == 200
    (running.directory / "data/downloads/a").mkdir(parents=True)
    (running.directory / "data/downloads/a/x.rnd").write_bytes(b"CSV")
    made = run("backup", "-o", "b.zip", "--with-downloads", "--json", **data)
    assert made.code == 0, made.err
    assert set(made.json["members"]) == {"slmm.db", "secret.key", "record/record.duckdb", "downloads/a/x.rnd"}
    assert stat.S_IMODE((tmp_path / "b.zip").stat().st_mode) == 0o600
    assert run("backup", "-o", "b.zip", **data).code == 1
    busy = run("restore", "b.zip", "--force", **data)
    assert busy.code == 1
    assert "stop it first" in busy.err

    running.terminate()
    refused = run("restore", "b.zip", **data)
    assert refused.code == 1
    assert "--force" in refused.err
    (running.directory / "data/slmm.db").write_bytes(b"garbage")
    restored = run("restore", "b.zip", "--force", "--json", **data)
    assert restored.code == 0, restored.err
    assert (Path(restored.json["set_aside"]) / "slmm.db").read_bytes() == b"garbage"
    assert stat.S_IMODE((running.directory / "data/secret.key").stat().st_mode) == 0o600
    running.start()
    config = requests.get(f"{running.api}/a/config", timeout=5).json()["data"]
    assert config["ftp_password_set"]


def test_a_restore_into_nothing_needs_no_force(run: Run, tmp_path: Path) -> None:
    run("user", "add", "ada", "--role", "admin", "--password-stdin", stdin=PASSWORD)
    assert run("backup", "-o", "b.zip").code == 0
    fresh = {"SLMM_DATA_DIR": str(tmp_path / "fresh")}
    assert run("restore", "b.zip", **fresh).code == 0
    assert [user["name"] for user in run("user", "list", "--json", **fresh).json] == ["ada"]


@pytest.mark.parametrize("name", ["../evil", "/etc/x", "downloads/../../evil", "runtime.lock", "downloads\\x"])
def test_a_backup_with_a_name_that_leads_elsewhere_is_refused(tmp_path: Path, name: str) -> None:
    manifest = {"format": 1, "version": "x", "schema": None, "made_at": "", "members": {}}
    manifest["members"] = {name: hashlib.sha256(b"x").hexdigest()}
    with zipfile.ZipFile(tmp_path / "b.zip", "w") as forged:
        forged.writestr("manifest.json", json.dumps(manifest))
        forged.writestr(name, b"x")
    with pytest.raises(Invalid):
        restore.restore(tmp_path / "b.zip", tmp_path / "data")
    assert not list(tmp_path.rglob("*evil*"))


@pytest.mark.parametrize("damage", ["cut", "changed", "text"])
def test_a_damaged_backup_is_refused_and_touches_nothing(run: Run, tmp_path: Path, damage: str) -> None:
    run("user", "add", "ada", "--role", "admin", "--password-stdin", stdin=PASSWORD)
    assert run("backup", "-o", "b.zip").code == 0
    whole = (tmp_path / "b.zip").read_bytes()
    broken = {
        "cut": whole[: len(whole) // 2],
        "changed": whole[: len(whole) // 2] + bytes([whole[len(whole) // 2] ^ 1]) + whole[len(whole) // 2 + 1 :],
        "text": b"hello",
    }[damage]
    (tmp_path / "b.zip").write_bytes(broken)
    answer = run("restore", "b.zip", "--force")
    assert answer.code == 1
    assert run("user", "list", "--json").json[0]["name"] == "ada"


def test_the_doctor_finds_what_is_wrong_and_says_what_to_do(run: Run, tmp_path: Path) -> None:
    well = run("doctor", "--json", SLMM_PORT="0", SLMM_URL="http://127.0.0.1:9")
    assert well.code in (0, 3), well.out
    assert {finding["check"] for finding in well.json} >= {"python", "clock", "data directory", "database", "key file"}
    data = tmp_path / "data"
    (data / "secret.key").write_text("x")
    os.chmod(data / "secret.key", 0o644)
    (data / "slmm.db").write_bytes(b"this is no database at all, but long enough to look at" * 40)
    ill = run("doctor", SLMM_PORT="0", SLMM_URL="http://127.0.0.1:9")
    assert ill.code == 1
    assert "chmod 600" in ill.out
    assert "slmm restore" in ill.out


def test_the_doctor_asks_the_service_about_its_meters(run: Run, server: Callable[..., RunningServer]) -> None:
    running = server(SLMM_CONNECT_TIMEOUT_S="0.5", SLMM_MONITOR_BACKOFF_BASE_S="0.05")
    told = run("doctor", SLMM_URL=running.url, SLMM_DATA_DIR=str(running.directory / "data"))
    assert "answers at" in told.out


def test_settings_and_schema_are_shown(run: Run) -> None:
    assert run("config", "show", "--json").json["port"] == 8100
    assert run("db", "upgrade", "--json").json["current"]
    current = run("db", "current", "--json").json
    assert current["current"] == current["newest"]
    wrong = run("config", "show", SLMM_PROT="1")
    assert wrong.code == 1
    assert "did you mean SLMM_PORT" in wrong.err


def test_secrets_in_the_database_url_are_not_shown(run: Run) -> None:
    shown = run("config", "show", SLMM_DATABASE_URL="postgresql+psycopg://slmm:hunter2@db/slmm")
    assert "hunter2" not in shown.out + shown.err


def test_the_path_of_the_heartbeat_is_its_password(run: Run) -> None:
    shown = run("config", "show", SLMM_ALERT_HEARTBEAT_URL="https://hc.example.org/hunter2")
    assert "SLMM_ALERT_HEARTBEAT_URL=***" in shown.out


def test_the_schema_of_a_file_without_tables_is_none(tmp_path: Path) -> None:
    sqlite3.connect(tmp_path / "empty.db").close()
    assert archive.schema_of(tmp_path / "empty.db") is None
