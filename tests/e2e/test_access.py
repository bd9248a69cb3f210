"""A service that asks for a login, as a real server: streams and sockets included."""

import re
from collections.abc import Callable

import gevent
import pytest
import requests
from simple_websocket import Client

from slmm.emulator.process import RunningEmulator
from tests.conftest import eventually
from tests.server import RunningServer, event_stream

PASSWORD = "correct horse battery"


@pytest.fixture
def guarded(server: Callable[..., RunningServer]) -> RunningServer:
    return server(SLMM_AUTH="on")


def administrator(server: RunningServer) -> requests.Session:
    """Makes the first account with the code from the console, as a person would."""
    code = eventually(lambda: re.search(r"enter the code (\S+)", server.log.read_text()))[1]
    browser = requests.Session()
    browser.headers["Origin"] = server.url
    body = {"code": code, "name": "ada", "password": PASSWORD}
    assert browser.post(f"{server.api}/_setup", json=body, timeout=5).status_code == 200
    return browser


def handshake(server: RunningServer, headers: dict[str, str]) -> int:
    """What a WebSocket's opening request is answered with."""
    opening = {
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    }
    return requests.get(f"{server.api}/a/monitor", headers={**opening, **headers}, timeout=5).status_code


def test_streams_and_sockets_are_for_those_who_may(guarded: RunningServer, emulator: RunningEmulator) -> None:
    admin = administrator(guarded)
    meter = emulator.meters[0]
    body = {"unit_id": "a", "host": meter.host, "tcp_port": meter.port}
    assert admin.post(f"{guarded.api}/roster", json=body, timeout=5).status_code == 200
    assert requests.get(f"{guarded.api}/a/monitor/events", timeout=5).status_code == 401
    address = guarded.api.replace("http", "ws", 1) + "/a/monitor"
    assert handshake(guarded, {}) == 401
    token = admin.post(f"{guarded.api}/_tokens", json={"name": "portal"}, timeout=5).json()
    headers = {"Authorization": f"Bearer {token['secret']}"}
    feed = Client(address, headers=headers)
    assert '"unit_id":"a"' in str(feed.receive(timeout=10))
    assert handshake(guarded, {**headers, "Origin": "https://evil.example"}) == 403
    ticket = requests.post(f"{guarded.api}/_tickets", json={}, headers=headers, timeout=5).json()["ticket"]
    with event_stream(guarded, f"/api/nl43/a/monitor/events?ticket={ticket}") as stream:
        assert stream.frame()["unit_id"] == "a"
        revoked = admin.delete(f"{guarded.api}/_tokens/{token['token']['id']}", timeout=5)
        assert revoked.status_code == 200
        with gevent.Timeout(10):
            while stream.next()["event"] != "error":
                pass
    eventually(lambda: not feed.connected)


def test_logins_outlive_a_restart(guarded: RunningServer) -> None:
    admin = administrator(guarded)
    assert guarded.terminate() == 0
    guarded.start()
    assert admin.get(f"{guarded.api}/_me", timeout=5).json()["name"] == "ada"
    assert "enter the code" not in guarded.log.read_text().rpartition("stopped in")[2]
