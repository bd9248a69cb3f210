"""Fan-out: everybody gets every frame in order, a slow viewer hurts nobody, and returns are seamless."""

import json
import socket
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, ClassVar

import gevent
import pytest

from slmm import events, signals
from slmm.errors import NotFound
from slmm.live import delivery
from slmm.live.feed import CATCH_UP_FRAMES
from slmm.live.formats import SSE, WEBSOCKET
from slmm.live.hub import Hub
from slmm.live.outlet import Outlet
from slmm.live.viewer import Start, Viewer
from tests.conftest import eventually


@pytest.fixture
def hub() -> Iterator[Hub]:
    running = Hub(heartbeat_s=0.3)
    running.start()
    running.add_unit("a")
    running.add_unit("b")
    yield running
    running.stop()
    while Reader.open_sockets:
        Reader.open_sockets.pop().close()


def reading(unit_id: str, lp: float) -> events.Reading:
    return events.Reading(unit_id, datetime.now(UTC), events.Levels(lp=lp), raw="x" * 300)


def publish(unit_id: str, lp: float) -> None:
    signals.publish(signals.reading_taken, reading(unit_id, lp))


class Reader:
    """A viewer on one end of a socket pair, and what came out at the other."""

    open_sockets: ClassVar[list[socket.socket]] = []

    def __init__(self, hub: Hub, viewer: Viewer, send_buffer: int = 262_144) -> None:
        self.hub = hub
        self.viewer = viewer
        left, self.sock = socket.socketpair()
        self.open_sockets.append(self.sock)
        left.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, send_buffer)
        self.sock.settimeout(5)
        self._buffer = b""
        self._greenlet = gevent.spawn(self._run, left)

    def _run(self, sock: socket.socket) -> None:
        try:
            self.hub.serve(self.viewer, Outlet(sock))
        except OSError:
            pass
        finally:
            self.hub.leave(self.viewer)
            sock.close()

    def event(self) -> tuple[str, str, dict[str, Any]]:
        while b"\n\n" not in self._buffer:
            data = self.sock.recv(65_536)
            if not data:
                raise EOFError
            self._buffer += data
        text, _, self._buffer = self._buffer.partition(b"\n\n")
        fields = dict(line.split(": ", 1) for line in text.decode().split("\n"))
        return fields.get("event", ""), fields.get("id", ""), json.loads(fields["data"])

    def to_the_end(self) -> None:
        while True:
            self.event()

    def levels(self, count: int) -> list[float]:
        found = []
        with gevent.Timeout(5, AssertionError("fewer frames than expected")):
            while len(found) < count:
                name, _, data = self.event()
                if not name:
                    found.append(data["lp"])
        return found


def join(hub: Hub, units: list[str] | None, *, send_buffer: int = 262_144, **options: Any) -> Reader:
    return Reader(hub, hub.join(units, SSE, **options), send_buffer)


def flowing(*readers: Reader) -> None:
    eventually(lambda: all(reader.viewer.is_flowing for reader in readers))


def test_a_new_viewer_gets_the_last_frame_at_once(hub: Hub) -> None:
    publish("a", 50.0)
    publish("a", 51.0)
    assert join(hub, ["a"]).levels(1) == [51.0]


def test_every_viewer_gets_every_frame_in_order(hub: Hub) -> None:
    readers = [join(hub, ["a"]) for _ in range(5)]
    flowing(*readers)
    for number in range(20):
        publish("a", float(number))
    for reader in readers:
        assert reader.levels(20) == [float(number) for number in range(20)]


def test_order_holds_when_so_many_watch_that_frames_go_out_in_slices(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delivery, "SLICE_VIEWERS", 3)
    many = [join(hub, ["a"]) for _ in range(10)]
    both = join(hub, ["a", "b"])
    flowing(both, *many)
    for number in range(8):
        publish("a", float(number))
        publish("b", 100.0 + number)
    late = join(hub, ["a"], start=Start(resume="earliest"))
    for reader in many:
        assert reader.levels(8) == [float(number) for number in range(8)]
    found = [both.event() for _ in range(16)]
    ids = [int(event_id.split("-")[1]) for _, event_id, _ in found]
    assert ids == sorted(set(ids))
    assert late.levels(8) == [float(number) for number in range(8)]


def test_a_viewer_that_stops_reading_is_skipped_to_the_newest_and_told_so(hub: Hub) -> None:
    slow, quick = join(hub, ["a"], send_buffer=4096), join(hub, ["a"])
    flowing(slow, quick)
    for number in range(200):
        publish("a", float(number))
        assert quick.levels(1) == [float(number)]
    seen, skipped = [], 0
    while not seen or seen[-1] != 199.0:
        name, _, data = slow.event()
        if not name:
            seen.append(data["lp"])
            skipped += data.get("skipped", 0)
    assert skipped > CATCH_UP_FRAMES
    assert len(seen) + skipped == 200
    assert seen == sorted(seen)


def test_a_returning_viewer_gets_exactly_what_it_missed(hub: Hub) -> None:
    first = join(hub, ["a"])
    flowing(first)
    for number in range(3):
        publish("a", float(number))
    ids = [first.event()[1] for _ in range(3)]
    for number in range(3, 40):
        publish("a", float(number))
    assert join(hub, ["a"], start=Start(resume=ids[1])).levels(38) == [float(number) for number in range(2, 40)]


def test_an_id_of_an_earlier_life_gives_just_the_last_frame(hub: Hub) -> None:
    for number in range(3):
        publish("a", float(number))
    assert join(hub, ["a"], start=Start(resume="0ld-1")).levels(1) == [2.0]


def test_who_passes_on_what_it_hears_gets_for_newcomers_the_newest_and_the_past_of_one_unit(hub: Hub) -> None:
    first = join(hub, ["a", "b"])
    flowing(first)
    for number in range(3):
        publish("a", float(number))
        publish("b", float(10 + number))
    last = [first.event()[1] for _ in range(6)][-1]
    assert join(hub, ["a", "b"], start=Start(last, with_newest=True)).levels(2) == [2.0, 12.0]
    replayed = join(hub, ["a", "b"], start=Start(last, with_newest=True, replayed=frozenset({"b"})))
    assert replayed.levels(4) == [10.0, 11.0, 2.0, 12.0]
    assert join(hub, ["a", "b"], start=Start(last, replayed=frozenset({"*"}))).levels(6)[-1] == 12.0


def test_silence_brings_heartbeats_that_are_not_cached(hub: Hub) -> None:
    reader = join(hub, ["a"])
    name, event_id, data = reader.event()
    assert (name, event_id, data) == ("heartbeat", "", {"heartbeat": True, "feed_status": "ok"})


def test_a_lost_meter_is_told_once_and_kept_for_newcomers(hub: Hub) -> None:
    reader = join(hub, ["a"])
    flowing(reader)
    change = events.ContactChange("a", datetime.now(UTC), is_reachable=False, reason="no route")
    signals.publish(signals.contact_changed, change)
    name, _, data = reader.event()
    assert (name, data["feed_status"], data["reason"]) == ("", "unreachable", "no route")
    assert reader.event()[2] == {"heartbeat": True, "feed_status": "unreachable"}
    assert join(hub, ["a"]).event()[2]["feed_status"] == "unreachable"


def test_a_page_follows_units_that_come_later_and_hears_of_the_roster(hub: Hub) -> None:
    reader = join(hub, None, with_notices=True)
    flowing(reader)
    signals.publish(signals.roster_changed, events.RosterChange("c", datetime.now(UTC), "added"))
    publish("c", 60.0)
    heard = [reader.event(), reader.event()]
    assert [(name, data["unit_id"]) for name, _, data in heard] == [("roster", "c"), ("", "c")]


def test_watchers_are_counted_for_single_and_page_streams(hub: Hub) -> None:
    counts: dict[str, int] = {}
    hub.watchers_changed = lambda channel, unit_id, count: counts.__setitem__(unit_id, count)
    one, page = hub.join(["a"], SSE), hub.join(None, SSE)
    assert counts == {"a": 2, "b": 1}
    hub.add_unit("c")
    assert counts["c"] == 1
    hub.leave(one)
    hub.leave(page)
    hub.leave(page)
    assert counts == {"a": 0, "b": 0, "c": 0}


def test_a_unit_nobody_knows_has_no_feed(hub: Hub) -> None:
    with pytest.raises(NotFound, match="nope"):
        hub.join(["nope"], SSE)


def test_a_removed_unit_ends_the_streams_that_followed_nothing_else(hub: Hub) -> None:
    alone, page = join(hub, ["a"]), join(hub, None)
    flowing(alone, page)
    hub.remove_unit("a")
    with pytest.raises(EOFError):
        alone.to_the_end()
    publish("b", 44.0)
    assert page.levels(1) == [44.0]


def test_stopping_says_goodbye_and_when_to_come_back() -> None:
    stopping = Hub(heartbeat_s=60)
    stopping.start()
    stopping.add_unit("a")
    reader = join(stopping, ["a"])
    flowing(reader)
    stopping.stop()
    assert b'"code":"closing"' in (said := reader.sock.recv(4096))
    assert said.startswith(b"retry: ")


def test_a_websocket_frame_is_one_whole_text_message(hub: Hub) -> None:
    publish("a", 50.0)
    viewer = hub.join(["a"], WEBSOCKET)
    data = viewer.take()
    assert data[:2] == b"\x81\x7e"
    size = int.from_bytes(data[2:4], "big")
    assert json.loads(data[4 : 4 + size])["lp"] == 50.0
    assert len(data) == 4 + size
