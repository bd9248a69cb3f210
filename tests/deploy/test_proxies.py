"""The shipped nginx and Caddy files before a real service: live, over TLS and HTTP/2, and through a restart."""

import json
import ssl

import requests
from simple_websocket import Client

from tests.conftest import eventually
from tests.deploy.proxies import NAME, FrontDoor
from tests.deploy.visitors import FROM, Events, Visitor
from tests.server import RunningServer


def test_frames_arrive_one_by_one_and_uncompressed(door: FrontDoor, ada: Visitor) -> None:
    with Events(door, ada.cookie) as stream:
        assert " 200 " in stream.head.splitlines()[0]
        assert "text/event-stream" in stream.head
        assert "content-encoding" not in stream.head.lower()
        for _ in range(3):  # each is a few hundred bytes; a proxy that buffers would wait for thousands
            stream.until(b"data: {")
            frame = json.loads(b"{" + stream.until(b"\n"))
            assert frame["unit_id"] == "a"


def test_a_websocket_is_let_through(door: FrontDoor, ada: Visitor) -> None:
    trusting = ssl.create_default_context(cafile=str(door.authority))
    address = door.url.replace("https", "wss") + "/api/nl43/a/monitor"
    origin = f"https://{NAME}"  # this client names the host without its port
    feed = Client(address, ssl_context=trusting, headers={"Cookie": ada.cookie, "Origin": origin})
    try:
        assert json.loads(str(feed.receive(timeout=10)))["unit_id"] == "a"
    finally:
        feed.close()


def test_http_2_is_spoken_and_pages_are_compressed(door: FrontDoor, ada: Visitor) -> None:
    with door.tls("h2", "http/1.1") as connection:
        assert connection.selected_alpn_protocol() == "h2"
    script = ada.get("//static/js/slmm-client.js")
    assert (script.status_code, script.headers["Content-Encoding"]) == (200, "gzip")
    assert ada.get("/roster").headers["Strict-Transport-Security"]


def test_the_service_knows_who_came_and_how(door: FrontDoor, ada: Visitor) -> None:
    assert all(cookie.secure for cookie in ada.session.cookies), "it knows that there is TLS before it"
    spoofed = {"X-Forwarded-For": "203.0.113.9", "X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "http"}
    made = ada.post("/_tokens", {"name": f"by {door.kind}"}, headers=spoofed)
    assert made.status_code == 200, made.text
    entries = ada.get("/_audit").json()["entries"]
    entry = next(entry for entry in entries if f"by {door.kind}" in json.dumps(entry))
    assert entry["address"] == FROM, "neither the proxy's address nor one that the visitor made up"


def test_a_large_upload_reaches_the_service(door: FrontDoor, ada: Visitor) -> None:
    headers = {"Content-Type": "application/octet-stream"}
    body = b"SQLite format 3\0" + bytes(1_500_000)
    answer = ada.post("/_roster/takeover?dry_run=true", body, headers=headers)
    assert answer.headers["Content-Type"].startswith("application/problem+json"), answer.text
    assert answer.status_code not in (413, 502), "the service has read it, and says what is wrong with it"


def test_a_restart_is_a_502_for_a_request_and_a_pause_for_a_stream(
    door: FrontDoor, ada: Visitor, service: RunningServer
) -> None:
    with Events(door, ada.cookie) as stream:
        stream.until(b"data: {")
        assert service.terminate() == 0
        try:
            assert ada.get("/roster").status_code == 502
            with Events(door, ada.cookie) as closed:
                assert " 200 " in closed.head.splitlines()[0], "an EventSource gives up for ever on anything else"
                assert closed.until(b"\n\n").startswith(b"retry: 3000\nevent: error\ndata: {")
        finally:
            service.start()

    def is_back() -> bool:
        answer: requests.Response = ada.get("/roster")
        return answer.status_code == 200

    eventually(is_back, 10, "the proxy finds the service again")
    with Events(door, ada.cookie) as stream:
        stream.until(b"data: {")
