"""The diagnostics bundle: secrets are planted everywhere, and none of them is in it."""

import io
import json
import logging
import zipfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from flask.testing import FlaskClient

from slmm import signals
from slmm.app import create_app
from slmm.events import LogCategory, LogEntry, LogLevel
from slmm.settings import Settings
from slmm.web.api.bundle import Hidden
from tests.conftest import FAST
from tests.web.conftest import BASE

FTP, HOOK, SMTP, BEAT = 'fTp pass"w\u00f6rd', "hook-9f3k2", "smtp!Passw0rd", "beat-77aa1"
CHANNELS = {
    "hook": ("webhook", {"url": f"https://hooks.example.org/services/{HOOK}"}),
    "mail": ("email", {"host": "smtp.example.org", "sender": "a@example.org", "username": "a", "password": SMTP}),
}


@pytest.fixture
def client(make_settings: Callable[..., Settings]) -> Iterator[FlaskClient]:
    """A service whose settings hold a secret, too."""
    url = f"https://hc.example.org/{BEAT}"
    app = create_app(make_settings(**FAST, alert_heartbeat_url=url, alert_heartbeat_s=86_400))
    runtime = app.extensions["slmm"]
    runtime.alerts.beat = lambda: None  # nobody out there is told of this test
    runtime.start()
    yield app.test_client()
    runtime.stop()


def planted(client: FlaskClient) -> list[str]:
    """Secrets everywhere, and each of them written into the logs as well."""

    def post(path: str, body: dict[str, Any]) -> Any:
        answer = client.post(f"{BASE}{path}", json=body)
        assert answer.status_code == 200, answer.json
        return answer.json

    post("/roster", {"unit_id": "a", "host": "127.0.0.1", "tcp_enabled": False, "ftp_password": FTP})
    for name, (kind, config) in CHANNELS.items():
        post("/_alerts/channels", {"name": name, "kind": kind, "config": config})
    post("/_users", {"name": "ada", "role": "admin", "password": "correct horse battery"})
    token = post("/_tokens", {"name": "portal", "role": "viewer"})["secret"]
    share = post("/_shares", {"name": "neighbour", "units": ["a"]})["url"].rpartition("/")[2]
    logger = logging.getLogger("slmm.test")
    for secret in (FTP, HOOK, SMTP, BEAT):
        logger.warning("the device said %s to us", secret)
        entry = LogEntry("a", datetime.now(UTC), LogLevel.INFO, LogCategory.FTP, f"PASS {secret}")
        signals.publish(signals.logged, entry)
    logger.warning("GET /share/%s with Authorization: Bearer %s", share, token)
    box = client.application.extensions["slmm"].secret_box
    logger.warning("sealed as %s", sealed := box.seal(FTP))
    return [FTP, json.dumps(FTP)[1:-1], HOOK, SMTP, BEAT, "correct horse", token, share, sealed]


def test_no_planted_secret_is_in_the_bundle(client: FlaskClient) -> None:
    secrets = planted(client)
    answer = client.get(f"{BASE}/_system/bundle")
    assert answer.status_code == 200
    with zipfile.ZipFile(io.BytesIO(answer.data)) as archive:
        texts = {name.removeprefix("slmm/"): archive.read(name).decode() for name in archive.namelist()}
    assert set(texts) == {
        "README.txt", "report.json", "settings.json", "meters.json", "logs.jsonl", "service.log", "schema.json",
        "packages.txt",
    }  # fmt: skip
    found = [(name, secret) for name, text in texts.items() for secret in secrets if secret in text]
    assert found == []
    assert "the device said *** to us" in texts["service.log"]
    assert json.loads(texts["meters.json"])[0]["config"]["ftp_password_set"] is True
    assert json.loads(texts["settings.json"])["alert_heartbeat_url"] == "***"
    assert "nl43_config" in json.loads(texts["schema.json"])
    assert json.loads(texts["report.json"])["versions"]["slmm"]
    assert "duckdb==" in texts["packages.txt"]


def test_a_secret_within_another_leaves_nothing_of_either() -> None:
    assert Hidden(["abcd", "abcdefgh"]).taken_out("x abcdefgh y abcd") == "x *** y ***"
    assert Hidden([]).taken_out("nothing known") == "nothing known"
