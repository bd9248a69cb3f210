"""Event streams and WebSockets of a real gunicorn over real meters."""

import json
import os
import socket
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from statistics import median
from typing import Any

import gevent
import pytest
import requests
from simple_websocket import Client, ConnectionClosed

from slmm.emulator.process import RunningEmulator, running_emulator
from tests.conftest import eventually
from tests.server import EventStream, RunningServer, event_stream

Start = Callable[..., RunningServer]
FRAME_MEMBERS = [
    *("unit_id", "timestamp", "feed_status", "measurement_state", "measurement_start_time", "counter"),
    *("lp", "leq", "le", "lmax", "lmin", "lpeak", "ln1", "ln2", "ln3", "ln4", "ln5", "over", "under", "raw_payload"),
]
FIRST_FRAME_S = 0.050


@pytest.fixture(scope="module")
def meters() -> Iterator[RunningEmulator]:
    with running_emulator(3) as running:
        yield running


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    running = RunningServer(tmp_path_factory.mktemp("watched"), {})
    try:
        running.start()
        yield running
    finally:
        running.kill()


@pytest.fixture
def watched(started: RunningServer, meters: RunningEmulator) -> Iterator[RunningServer]:
    """One service for these tests, with three meters that nobody has read yet."""
    if not started.is_running:
        started.start()
    for index in range(3):
        started.add(f"u{index}", meters.meters[index], poll_enabled=False)
    yield started
    if started.is_running:
        started.take_all_off()


def first_frame_s(server: RunningServer, unit_id: str) -> float:
    began_s = time.monotonic()
    with event_stream(server, f"/api/nl43/{unit_id}/monitor/events") as stream:
        frame = stream.frame()
    assert frame["feed_status"] == "ok"
    return time.monotonic() - began_s


def test_the_first_frame_comes_at_once_with_and_without_a_running_poll(watched: RunningServer) -> None:
    requests.get(f"{watched.url}/health", timeout=5)
    assert first_frame_s(watched, "u0") <= FIRST_FRAME_S  # nobody has read this meter yet
    with event_stream(watched, "/api/nl43/u1/monitor/events") as running:
        running.frame()
        assert median(first_frame_s(watched, "u1") for _ in range(5)) <= FIRST_FRAME_S  # the machine may be busy


def test_a_stream_has_the_headers_that_keep_proxies_out_of_the_way(watched: RunningServer) -> None:
    with event_stream(watched, "/api/nl43/u0/monitor/events") as stream:
        assert stream.head.startswith("HTTP/1.1 200")
        for header in ("text/event-stream", "no-store, no-transform", "X-Accel-Buffering: no", "Connection: close"):
            assert header in stream.head
        event = stream.next()
        assert list(event["data"])[: len(FRAME_MEMBERS)] == FRAME_MEMBERS
        assert event["event"] == ""
        boot, _, sequence = event["id"].partition("-")
        assert boot
        assert sequence.isdecimal()


def test_curl_reads_the_same_frames_as_a_websocket(watched: RunningServer) -> None:
    with event_stream(watched, "/api/nl43/u0/monitor/events") as stream:
        ws = Client(f"ws://127.0.0.1:{watched.port}/api/nl43/u0/monitor")
        try:
            by_socket = [json.loads(ws.receive(timeout=10)) for _ in range(3)]
        finally:
            ws.close()
        by_stream = {frame["timestamp"]: frame for frame in (stream.frame() for _ in range(3))}
    both = [frame for frame in by_socket if frame["timestamp"] in by_stream]
    assert both
    assert all(by_stream[frame["timestamp"]] == frame for frame in both)


def test_a_page_gets_all_units_and_hears_of_changes_over_one_connection(watched: RunningServer) -> None:
    with event_stream(watched, "/api/nl43/_monitor/events") as stream:
        units = set()
        while len(units) < 3:
            units.add(stream.frame()["unit_id"])
        requests.post(f"{watched.api}/u0/deactivate", timeout=15)
        names: dict[str, Any] = {}
        while not {"roster", "status"} <= set(names):
            event = stream.next()
            names[event["event"]] = event["data"]
        assert names["roster"] == {**names["roster"], "unit_id": "u0", "change": "changed"}


def test_a_returning_client_gets_exactly_what_it_missed(watched: RunningServer) -> None:
    path = "/api/nl43/u0/monitor/events"
    with event_stream(watched, path) as keeper:
        with event_stream(watched, path) as stream:
            last_id = stream.next()["id"]
        missed = [keeper.next() for _ in range(4)]
        with event_stream(watched, f"{path}?last_event_id={last_id}") as again:
            replay = [again.next() for _ in range(3)]
    seen = [event["id"] for event in missed]
    start = seen.index(last_id) + 1 if last_id in seen else 0
    assert [event["id"] for event in replay][: len(seen) - start] == seen[start : start + 3]


def test_streams_of_nobody_are_refused_before_they_begin(watched: RunningServer) -> None:
    assert requests.get(f"{watched.api}/ghost/monitor/events", timeout=5).status_code == 404
    assert requests.get(f"{watched.api}/_monitor/events?units=u0,_x", timeout=5).status_code == 422
    handshake = {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
        "Sec-WebSocket-Version": "13",
    }
    ghost = requests.get(f"{watched.api}/ghost/monitor", headers=handshake, timeout=5)
    assert (ghost.status_code, ghost.json()["code"]) == (404, "not_found")
    evil = {**handshake, "Origin": "https://evil.example"}
    foreign = requests.get(f"{watched.api}/u0/monitor", headers=evil, timeout=5)
    assert (foreign.status_code, foreign.json()["code"]) == (403, "not_allowed")


def test_a_viewer_that_left_is_noticed_and_its_meter_left_alone(watched: RunningServer) -> None:
    with event_stream(watched, "/api/nl43/u0/monitor/events") as stream:
        stream.frame()
        assert watched.get("/_monitor/status")["data"]["u0"]["subscribers"] == 1
    with gevent.Timeout(2):
        while watched.get("/_monitor/status")["data"]["u0"]["subscribers"]:
            gevent.sleep(0.05)
    ws = Client(f"ws://127.0.0.1:{watched.port}/api/nl43/u1/monitor")
    ws.receive(timeout=5)
    ws.close()
    with gevent.Timeout(2):
        while watched.get("/_monitor/status")["data"]["u1"]["subscribers"]:
            gevent.sleep(0.05)


def open_sockets(pid: int) -> int:
    """How many sockets a process has open."""
    found = 0
    for name in os.listdir(f"/proc/{pid}/fd"):
        with suppress(FileNotFoundError):  # a file that was closed a moment ago
            found += os.readlink(f"/proc/{pid}/fd/{name}").startswith("socket:")
    return found


def test_nothing_is_kept_of_viewers_who_have_left(watched: RunningServer) -> None:
    path = "/api/nl43/u2/monitor/events"
    with event_stream(watched, path) as first:
        first.frame()
        before = open_sockets(watched.worker_pid)
        crowd = [EventStream(watched, path) for _ in range(200)]
        assert all(stream.frame()["unit_id"] == "u2" for stream in crowd)
        assert watched.get("/_monitor/status")["data"]["u2"]["subscribers"] == 201
        for index, stream in enumerate(crowd):
            if index % 2:  # every other one by RST
                stream.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            stream.close()
        eventually(lambda: open_sockets(watched.worker_pid) <= before)
        assert watched.get("/_monitor/status")["data"]["u2"]["subscribers"] == 1
        assert first.frame()["feed_status"] == "ok"


def test_silence_brings_heartbeats(server: Start) -> None:
    running = server(SLMM_MONITOR_HEARTBEAT_S="0.4")
    body = {"unit_id": "deaf", "host": "127.0.0.1", "tcp_port": 9, "tcp_enabled": False}
    requests.post(f"{running.api}/roster", json=body, timeout=5)
    with event_stream(running, "/api/nl43/deaf/monitor/events") as stream:
        event = stream.next()
    assert (event["event"], event["data"]) == ("heartbeat", {"heartbeat": True, "feed_status": "ok"})


def test_a_slow_websocket_gets_whole_frames(server: Start, fast_emulator: RunningEmulator) -> None:
    running = server(SLMM_DEVICE_PACING_S="0.05", SLMM_MONITOR_POLL_INTERVAL="0")
    running.add("u0", fast_emulator.meters[0], poll_enabled=False)
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
    sock.connect(("127.0.0.1", running.port))
    handshake = (
        f"GET /api/nl43/u0/monitor HTTP/1.1\r\nHost: 127.0.0.1:{running.port}\r\nUpgrade: websocket\r\n"
        "Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n"
    )
    with sock, event_stream(running, "/api/nl43/u0/monitor/events") as quick:
        sock.sendall(handshake.encode())
        for _ in range(150):  # 7 s of 20 frames a second fill every buffer on the way
            quick.frame()
        reader = sock.makefile("rb")
        with reader:
            while reader.readline().strip():
                pass
            frames, skipped = [], 0
            while not skipped:
                head = reader.read(2)
                assert head[0] == 0x81
                size = int.from_bytes(reader.read(2), "big") if head[1] == 126 else head[1]
                frames.append(json.loads(reader.read(size)))
                skipped = frames[-1].get("skipped", 0)
    assert len(frames) > 10


def test_one_viewer_that_stops_reading_costs_nobody_a_frame_and_is_told_what_it_missed(
    server: Start, fast_emulator: RunningEmulator
) -> None:
    running = server(SLMM_DEVICE_PACING_S="0.05", SLMM_MONITOR_POLL_INTERVAL="0")
    running.add("u0", fast_emulator.meters[0], poll_enabled=False)
    path = "/api/nl43/u0/monitor/events"
    others = [EventStream(running, path) for _ in range(10)]
    read(others, seconds=5)
    memory_before = resident_kib(running.worker_pid)
    with event_stream(running, path, receive_buffer=2048) as stalled:
        stalled.next()
        missed = read(others, seconds=STALL_S)
        memory_after = resident_kib(running.worker_pid)
        frame = stalled.frame()
        while "skipped" not in frame:
            frame = stalled.frame()
    for other in others:
        other.close()
    assert frame["skipped"] > 100
    assert missed == 0
    assert memory_after - memory_before < 16_384  # the database of the record warms up meanwhile


STALL_S = 30.0


def read(streams: list[EventStream], seconds: float) -> int:
    """Take every frame, from all streams at the same time; how many were skipped."""
    ends_s = time.monotonic() + seconds

    def skipped(stream: EventStream) -> int:
        found = 0
        while time.monotonic() < ends_s:
            found += stream.frame().get("skipped", 0)
        return found

    readers = [gevent.spawn(skipped, stream) for stream in streams]
    gevent.joinall(readers, raise_error=True)
    return sum(reader.value for reader in readers)


def resident_kib(pid: int) -> int:
    with open(f"/proc/{pid}/status") as status:
        line = next(line for line in status if line.startswith("VmRSS"))
    return int(line.split()[1])


def _receive_for_ever(ws: Client) -> None:
    while ws.receive(timeout=10):
        pass


def test_a_websocket_ends_when_the_service_stops(watched: RunningServer) -> None:
    ws = Client(f"ws://127.0.0.1:{watched.port}/api/nl43/u0/monitor")
    ws.receive(timeout=5)
    stopping = gevent.spawn(watched.terminate)
    with pytest.raises(ConnectionClosed):
        _receive_for_ever(ws)
    assert stopping.get(timeout=15) == 0
