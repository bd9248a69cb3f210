"""A viewer that nobody waits for: how it falls behind, catches up and leaves, over real TCP."""

import json
import os
import socket
import struct
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import gevent
import pytest

from slmm import events, signals
from slmm.live.formats import SSE
from slmm.live.hub import FAREWELL_S, Hub
from slmm.live.keeper import Keeper
from slmm.live.outlet import BareSocket
from slmm.live.viewer import Viewer
from tests.conftest import eventually

CROWD = 200


@pytest.fixture
def hub() -> Iterator[Hub]:
    running = Hub(heartbeat_s=60)
    running.start()
    running.add_unit("a")
    yield running
    running.stop()


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0), backlog=CROWD) as server:
        yield server


class Guest:
    """The far end of a kept viewer."""

    def __init__(self, hub: Hub, listener: socket.socket, *, small: bool = False) -> None:
        self.sock = socket.socket()
        if small:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        self.sock.connect(listener.getsockname())
        accepted, _ = listener.accept()
        if small:
            accepted.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        self.ended: list[str] = []
        self.viewer: Viewer = hub.join(["a"], SSE)
        own = BareSocket(accepted.family, accepted.type, accepted.proto, fileno=accepted.detach())
        own.setblocking(False)
        Keeper(hub, self.viewer, own, b"HEAD\n\n", lambda: self.ended.append("once"))
        self.sock.settimeout(10)
        self._file = self.sock.makefile("rb")

    def event(self) -> str:
        """The next event's text; empty at the end of the stream."""
        lines = []
        while (line := self._file.readline()).strip():
            lines.append(line.decode())
        return "".join(lines)

    def frame(self) -> dict[str, Any]:
        """The next event's JSON."""
        found: dict[str, Any] = json.loads(self.event().partition("data: ")[2])
        return found

    def leave(self, *, with_reset: bool = False) -> None:
        """Close by FIN, or by RST."""
        if with_reset:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._file.close()
        self.sock.close()


def publish(lp: float) -> None:
    signals.publish(signals.reading_taken, events.Reading("a", datetime.now(UTC), events.Levels(lp=lp), raw="x" * 500))


def flowing(*guests: Guest) -> None:
    eventually(lambda: all(guest.viewer.is_flowing for guest in guests))


def open_files() -> int:
    return len(os.listdir("/proc/self/fd"))


def stalled(hub: Hub, listener: socket.socket) -> Guest:
    """A guest who reads nothing, and for whom frames are left."""
    guest = Guest(hub, listener, small=True)
    flowing(guest)
    for number in range(1000):
        publish(float(number))
        gevent.sleep(0)
        if guest.viewer.outlet is not None and guest.viewer.outlet.is_blocked:
            return guest
    raise AssertionError("the socket took everything")


@pytest.mark.parametrize("with_reset", [False, True], ids=["FIN", "RST"])
def test_when_a_crowd_has_left_nothing_of_it_is_kept(hub: Hub, listener: socket.socket, with_reset: bool) -> None:
    before = open_files()
    guests = [Guest(hub, listener) for _ in range(CROWD)]
    flowing(*guests)
    publish(50.0)
    assert {guest.event() for guest in guests} == {"HEAD\n"}
    assert {guest.frame()["lp"] for guest in guests} == {50.0}
    assert open_files() == before + 2 * CROWD
    for guest in guests:
        guest.leave(with_reset=with_reset)
    eventually(lambda: hub.viewers() == 0)
    assert open_files() == before
    assert hub.watchers("a") == 0
    assert all(guest.ended == ["once"] for guest in guests)


def test_who_will_say_no_more_has_gone(hub: Hub, listener: socket.socket) -> None:
    guest = Guest(hub, listener)
    flowing(guest)
    guest.sock.shutdown(socket.SHUT_WR)
    assert guest.event() == "HEAD\n"
    assert guest.event() == ""
    eventually(lambda: hub.viewers() == 0)
    guest.leave()


def test_what_a_viewer_says_is_not_heard(hub: Hub, listener: socket.socket) -> None:
    guest = Guest(hub, listener)
    flowing(guest)
    guest.sock.sendall(b"GET / HTTP/1.1\r\n\r\n" * 1000)
    publish(51.0)
    assert [guest.event(), guest.frame()["lp"]] == ["HEAD\n", 51.0]
    assert hub.viewers() == 1
    guest.leave()


def test_a_slow_viewer_catches_up_in_order_and_is_written_to_by_the_publisher_again(
    hub: Hub, listener: socket.socket
) -> None:
    guest = stalled(hub, listener)
    for number in range(1000, 1100):
        publish(float(number))
    assert guest.event() == "HEAD\n"
    seen, missed = [], 0
    while not seen or seen[-1] != 1099.0:
        frame = guest.frame()
        seen.append(frame["lp"])
        missed += frame.get("skipped", 0)
    assert seen == sorted(set(seen))
    assert missed == guest.viewer.skipped > 0
    flowing(guest)
    publish(2000.0)
    assert guest.frame()["lp"] == 2000.0
    assert guest.viewer.is_flowing, "nobody had to be woken for it"
    guest.leave()


@pytest.mark.parametrize("with_reset", [False, True], ids=["FIN", "RST"])
def test_a_stalled_viewer_that_leaves_is_let_go_at_once(hub: Hub, listener: socket.socket, with_reset: bool) -> None:
    before = open_files()
    guest = stalled(hub, listener)
    if with_reset:
        guest.leave(with_reset=True)
    else:
        guest.sock.shutdown(socket.SHUT_WR)  # closing with bytes unread would be a reset
    eventually(lambda: hub.viewers() == 0)
    guest.leave()
    assert guest.ended == ["once"]
    assert open_files() == before


def test_a_stalled_viewer_does_not_hold_up_the_end(listener: socket.socket) -> None:
    hub = Hub(heartbeat_s=60)
    hub.start()
    hub.add_unit("a")
    slow, quick = stalled(hub, listener), Guest(hub, listener)
    flowing(quick)
    with gevent.Timeout(FAREWELL_S / 2, AssertionError("it was waited for")):
        hub.stop()
    assert hub.viewers() == 0
    assert [slow.ended, quick.ended] == [["once"], ["once"]]
    said = "".join(iter(quick.event, ""))
    assert '"code":"closing"' in said
    assert "retry: " in said
    slow.leave()
    quick.leave()


def test_a_viewer_that_is_dismissed_before_its_first_byte_hears_why(hub: Hub, listener: socket.socket) -> None:
    guest = Guest(hub, listener)
    hub.close_viewers("the service is stopping")
    assert guest.event() == "HEAD\n"
    assert '"code":"closing"' in guest.event()
    assert guest.event() == ""
    guest.leave()
