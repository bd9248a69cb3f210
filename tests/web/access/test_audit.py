"""What is written down of what was done, and secrets at rest."""

import stat
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.exc import OperationalError

from slmm.app import create_app
from slmm.events import LogCategory, LogEntry, LogLevel
from slmm.settings import Settings
from tests.conftest import FAST
from tests.web.access.conftest import OWN, add_unit, bearer
from tests.web.conftest import BASE


def test_every_change_is_in_the_audit_log_without_its_secrets(app: Flask, admin: FlaskClient, runtime: Any) -> None:
    body = {"unit_id": "m1", "host": "10.0.0.1", "ftp_password": "hunter2 hunter2", "poll_enabled": False}
    admin.post(f"{BASE}/roster", json=body, headers=OWN)
    admin.put(f"{BASE}/m1/config", json={"host": "bad host"}, headers=OWN)
    admin.get(f"{BASE}/roster")
    app.test_client().post(f"{BASE}/_login", json={"name": "mallory", "password": "guess guess"})
    app.test_client().post(f"{BASE}/m1/start")
    entries = admin.get(f"{BASE}/_audit").json["entries"]
    told = [(entry["who"], entry["how"], entry["action"], entry["unit_id"], entry["outcome"]) for entry in entries]
    assert told == [
        ("mallory", "none", f"POST {BASE}/_login", None, "401"),
        ("ada", "session", f"PUT {BASE}/<unit_id>/config", "m1", "422"),
        ("ada", "session", f"POST {BASE}/roster", None, "200"),
        ("ada", "none", f"POST {BASE}/_login", None, "200"),
    ]
    assert entries[2]["detail"]["host"] == "10.0.0.1"
    assert entries[2]["detail"]["ftp_password"] == "***"
    assert entries[2]["address"] == "127.0.0.1"
    assert "hunter2" not in str(entries)
    assert [entry["id"] for entry in admin.get(f"{BASE}/_audit?who=mallory").json["entries"]] == [entries[0]["id"]]
    page = admin.get(f"{BASE}/_audit?limit=1&before_id={entries[0]['id']}").json["entries"]
    assert [entry["id"] for entry in page] == [entries[1]["id"]]


def test_only_an_administrator_clears_the_log_of_a_unit_and_it_is_written_down(
    app: Flask, admin: FlaskClient, runtime: Any
) -> None:
    add_unit(runtime)
    runtime.device_log.on_entry("test", LogEntry("a", datetime.now(UTC), LogLevel.INFO, LogCategory.STATE, "evidence"))
    refused = app.test_client().delete(f"{BASE}/a/logs", headers=bearer(runtime, "operator"))
    assert refused.status_code == 403
    assert "evidence" in admin.get(f"{BASE}/a/logs").text
    cleared = admin.delete(f"{BASE}/a/logs", headers=OWN)
    assert cleared.json["deleted_count"] >= 1
    assert "evidence" not in admin.get(f"{BASE}/a/logs").text
    entries = admin.get(f"{BASE}/_audit").json["entries"][:2]
    assert [(entry["who"], entry["action"], entry["unit_id"], entry["outcome"]) for entry in entries] == [
        ("ada", f"DELETE {BASE}/<unit_id>/logs", "a", "200"),
        ("operator token", f"DELETE {BASE}/<unit_id>/logs", "a", "403"),
    ]


def test_what_cannot_be_written_down_is_not_told_as_done(
    admin: FlaskClient, runtime: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(**entry: Any) -> None:
        raise OperationalError("insert into audit_log", {}, Exception("database is locked"))

    add_unit(runtime)
    monkeypatch.setattr(runtime.audit, "write", refuse)
    answer = admin.post(f"{BASE}/a/monitor/start", headers=OWN)
    assert (answer.status_code, answer.json["code"]) == (503, "not_audited")
    assert "answered 200" in answer.json["detail"]


def test_secrets_rest_encrypted_under_a_key_of_their_own(
    app: Flask, runtime: Any, make_settings: Callable[..., Settings]
) -> None:
    add_unit(runtime, "a", ftp_password="hunter2 hunter2", ftp_enabled=True)
    data_dir = runtime.settings.data_dir
    runtime.stop()
    key_file = data_dir / "secret.key"
    assert stat.S_IMODE(key_file.stat().st_mode) == 0o600
    assert b"hunter2" not in b"".join(path.read_bytes() for path in data_dir.glob("slmm.db*"))
    again = create_app(make_settings(**FAST)).extensions["slmm"]
    again.start()
    assert again.roster.get("a").ftp_password == "hunter2 hunter2"
    again.stop()


def test_a_lost_key_is_told_and_the_service_runs_on(
    app: Flask, runtime: Any, make_settings: Callable[..., Settings], caplog: pytest.LogCaptureFixture
) -> None:
    add_unit(runtime, "a", ftp_password="hunter2 hunter2")
    runtime.stop()
    key_file = runtime.settings.data_dir / "secret.key"
    key = key_file.read_text()
    key_file.unlink()
    without = create_app(make_settings(**FAST)).extensions["slmm"]
    without.start()
    assert without.roster.get("a").ftp_password is None
    assert "FTP password of a cannot be read" in caplog.text
    without.roster.change("a", poll_interval_seconds=120)
    without.stop()
    key_file.write_text(key)
    found = create_app(make_settings(**FAST)).extensions["slmm"]
    found.start()
    assert found.roster.get("a").ftp_password == "hunter2 hunter2", "what could not be read was not thrown away"
    found.stop()
