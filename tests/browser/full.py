"""A service as after a day of use, which asks everybody who they are: the demo's meters, past, limits and alerts."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import requests

from slmm import settings as settings_module
from slmm.alerts.links import LinkMaker
from slmm.cli import demo, demo_past
from slmm.cli.demo_seed import UNITS
from slmm.emulator.process import RunningEmulator, running_emulator
from slmm.storage.secrets import KEY_FILE, SecretBox
from tests.conftest import FAST_EMULATOR, eventually
from tests.server import RunningServer

if TYPE_CHECKING:
    from tests.browser.conftest import Browser

PASSWORD = "correct horse battery"
QUICK = {"SLMM_DEVICE_PACING_S": "0.05", "SLMM_MONITOR_POLL_INTERVAL": "1"}
"""A reading a second as from a real meter, but what people ask of it is done at once."""
ZONE = "UTC"
"""What the clocks of simulated meters show on a machine that is set so."""
LOUD_UNIT = "demo-site"
"""The one that breaks its limit by night, and whose mean is an open alert from the first reading on."""


@dataclass
class Full:
    """The service, its meters, and an administrator's way in."""

    server: RunningServer
    emulator: RunningEmulator
    admin: requests.Session

    def post(self, path: str, **body: Any) -> Any:
        """An answer of the interface to the administrator."""
        answer = self.admin.post(f"{self.server.api}{path}", json=body, timeout=30)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def get(self, path: str) -> Any:
        """The same without a body."""
        answer = self.admin.get(f"{self.server.api}{path}", timeout=30)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def use(self) -> None:
        """What people have made of it, for the pages of the administration."""
        self.post("/_tokens", name="Portal", role="viewer")
        self.post("/_alerts/channels", name="portal", kind="webhook", config={"url": "https://example.org/"})
        self.share_link()

    def use_card(self, unit_id: str, ftp_port: int | None) -> None:
        """Let the service fetch what is on the card of a meter."""
        wanted = {"ftp_enabled": True, "ftp_port": ftp_port}
        answer = self.admin.put(f"{self.server.api}/{unit_id}/config", json=wanted, timeout=30)
        assert answer.status_code == 200, answer.text

    def log_in(self, browser: Browser) -> None:
        """As the administrator, without the form."""
        browser.open(f"{self.server.url}/login")
        options = {
            "method": "POST",
            "headers": {"Content-Type": "application/json"},
            "body": json.dumps({"name": "ada", "password": PASSWORD}),
        }
        status = browser.evaluate(f"fetch('/api/nl43/_login', {json.dumps(options)}).then((answer) => answer.status)")
        assert status == 200

    def share_link(self) -> str:
        """Shows two of the meters for a week."""
        expires_at = (datetime.now(UTC) + timedelta(days=7)).isoformat()
        made = self.post("/_shares", name="Neighbours", units=list(UNITS)[:2], expires_at=expires_at)
        link: str = made["url"]
        return link

    def acknowledge_link(self) -> str:
        """As it stands in a message about the open alert."""
        data = self.server.directory / "data"
        eventually(lambda: self.get("/_alerts/events?state=open")["events"], 30, "an open alert")
        with closing(sqlite3.connect(f"file:{data / 'slmm.db'}?mode=ro", uri=True)) as database:
            (uid,) = database.execute("SELECT uid FROM alert_incidents WHERE unit_id = ?", (LOUD_UNIT,)).fetchone()
        maker = LinkMaker(self.server.url, SecretBox.open(data / KEY_FILE).derived_key("acknowledgement links"))
        link = maker.acknowledge(uid, "ada@example.org")
        assert link is not None
        return link


@contextmanager
def full_service(directory: Path) -> Iterator[Full]:
    """It has an account already; its meters measure, and one more of them is not on the roster yet."""
    settings = settings_module.load({}, None, data_dir=directory / "data", database_url="", timezone=ZONE)
    settings.data_dir.mkdir(parents=True)
    options = ("--measuring-for", str(demo_past.RECENT_S), "--card", "--seed-card", "--register", "FTP=On")
    with running_emulator(len(UNITS) + 1, *FAST_EMULATOR, *options) as emulator:
        demo.prepare(settings, replace(emulator, meters=emulator.meters[:-1]))
        server = RunningServer(directory, {"SLMM_AUTH": "on", "SLMM_TIMEZONE": ZONE, **QUICK})
        server.start()
        try:
            full = Full(server, emulator, _first_account(server))
            full.use_card(LOUD_UNIT, emulator.meters[list(UNITS).index(LOUD_UNIT)].ftp_port)
            full.use()
            yield full
        finally:
            server.kill()


def _first_account(server: RunningServer) -> requests.Session:
    code = re.search(r"enter the code (\S+)", server.log.read_text())
    assert code is not None
    admin = requests.Session()
    admin.headers["Origin"] = server.url
    first = {"code": code[1], "name": "ada", "password": PASSWORD}
    assert admin.post(f"{server.api}/_setup", json=first, timeout=10).status_code == 200
    return admin
