"""One service that many tests use one after another, each of them finding it as on its first day."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from typing import Any

import requests

from slmm.emulator.process import RunningEmulator
from tests.conftest import eventually
from tests.server import RunningServer

QUICK_SERVICE = {
    "SLMM_DEVICE_PACING_S": "0.05",
    "SLMM_MONITOR_POLL_INTERVAL": "0.5",
    "SLMM_MONITOR_IDLE_POLL_INTERVAL": "0.5",
    "SLMM_MONITOR_BACKOFF_BASE_S": "0.5",
    "SLMM_MONITOR_HEARTBEAT_S": "55",
    "SLMM_REPLY_TIMEOUT_S": "3",
    "SLMM_CONNECT_TIMEOUT_S": "3",
}
"""What is read without anybody watching is read as often, and nothing is heard of an empty roster for long."""

PASSWORD = "correct horse battery"
QUIET_DB = 80.0
"""Below every threshold of these tests; no meter is louder by itself."""

TOLD = ("notifications", "transitions", "shelves", "events", "incidents")


def cleared(server: RunningServer, emulator: RunningEmulator) -> None:
    """Take every unit and channel away, and what is told of them: that is kept for ever otherwise."""
    server.take_all_off()
    for channel in server.get("/_alerts/channels")["channels"]:
        if channel["kind"] != "log":
            assert requests.delete(f"{server.api}/_alerts/channels/{channel['name']}", timeout=40).status_code == 200
    for index in range(len(emulator.meters)):
        emulator.client.fault(index, "plugged")
        emulator.client.offset(index, 0)
    eventually(lambda: server.get("/_alerts/summary")["open"] == 0, 40, "no open alerts")
    with closing(sqlite3.connect(server.directory / "data" / "slmm.db", timeout=40)) as database, database:
        for table in TOLD:
            database.execute(f"DELETE FROM alert_{table}")


def furnished(server: RunningServer, emulator: RunningEmulator) -> None:
    """Put the meters on the roster; a level that was raised falls as slowly as the meter's weighting has it."""
    for index, meter in enumerate(emulator.meters):
        server.add(f"meter-{index}", meter)
    for index in range(len(emulator.meters)):
        path = f"/meter-{index}/live"
        eventually(lambda path=path: server.get(path)["data"]["lp"] < QUIET_DB, 40, f"a quiet meter-{index}")


def administrator(server: RunningServer) -> requests.Session:
    """The way in of ada, who has the first account of a service that asks everybody who they are."""
    session = requests.Session()
    session.headers["Origin"] = server.url
    code = re.search(r"enter the code (\S+)", server.log.read_text())
    assert code is not None
    asked(session, server, "/_setup", code=code[1], name="ada", password=PASSWORD)
    return session


def asked(session: requests.Session, server: RunningServer, path: str, **body: Any) -> Any:
    """What the service answers to an administrator."""
    answer = session.post(f"{server.api}{path}", json=body, timeout=40)
    assert answer.status_code == 200, answer.text
    return answer.json()
