"""The bad network does what its faults say, and counts it."""

import socket
from collections.abc import Iterator

import gevent
import pytest

from slmm.soak.proxy import FAULTS, Proxy
from tests.conftest import eventually

REPLY = b"R+0000\r\n 40.0, 41.0\r\n$"


class Echo:
    """Answers every line with REPLY."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.lines = 0
        self._greenlets = [gevent.spawn(self._accept)]

    def _accept(self) -> None:
        while True:
            client, _ = self._listener.accept()
            self._greenlets.append(gevent.spawn(self._serve, client))

    def _serve(self, client: socket.socket) -> None:
        with client:
            try:
                while data := client.recv(4096):
                    self.lines += data.count(b"\n")
                    client.sendall(REPLY * data.count(b"\n"))
            except OSError:
                return

    def close(self) -> None:
        gevent.killall(self._greenlets)
        self._listener.close()


@pytest.fixture
def meter() -> Iterator[Echo]:
    echo = Echo()
    yield echo
    echo.close()


@pytest.fixture
def proxy(meter: Echo) -> Iterator[Proxy]:
    made = Proxy("127.0.0.1", meter.port)
    made.open()
    yield made
    made.close()


def connected(proxy: Proxy) -> socket.socket:
    client = socket.create_connection((proxy.host, proxy.port), timeout=5)
    client.settimeout(5)
    return client


def answer(client: socket.socket, length: int = len(REPLY)) -> bytes:
    found = b""
    while len(found) < length:
        data = client.recv(4096)
        if not data:
            break
        found += data
    return found


@pytest.mark.parametrize(("name", "value"), [("latency", 0.05), ("jitter", 0.05), ("throttle", 2000.0), ("split", 0.0)])
def test_slow_networks_change_no_byte(proxy: Proxy, name: str, value: float) -> None:
    proxy.begin(name, value)
    with connected(proxy) as client:
        client.sendall(b"DOD?\r\n")
        assert answer(client) == REPLY


def test_garbage_is_nothing_a_reply_is_made_of(proxy: Proxy) -> None:
    proxy.begin("garbage", 1.0)
    with connected(proxy) as client:
        client.sendall(b"DOD?\r\n")
        found = answer(client)
    assert max(found) >= 0x80
    assert proxy.counters.spoiled == 1


def test_cut_ends_in_the_middle_in_order(proxy: Proxy) -> None:
    proxy.begin("cut", 1.0)
    with connected(proxy) as client:
        client.sendall(b"DOD?\r\n")
        assert answer(client) == REPLY[: len(REPLY) // 2]


def test_reset_ends_in_the_middle_with_rst(proxy: Proxy) -> None:
    proxy.begin("reset", 1.0)
    with connected(proxy) as client:
        client.sendall(b"DOD?\r\n")
        eventually(lambda: proxy.counters.spoiled)
        with pytest.raises(ConnectionResetError):
            answer(client, 4096)


def test_silence_passes_nothing_and_ends_without_a_new_connection(proxy: Proxy, meter: Echo) -> None:
    with connected(proxy) as client:
        proxy.begin("silence")
        client.sendall(b"DOD?\r\n")
        eventually(lambda: proxy.counters.commands == 1)
        proxy.end()
        client.sendall(b"DOD?\r\n")
        assert answer(client) == REPLY
    assert (meter.lines, proxy.counters.forwarded) == (1, 1)


def test_half_open_keeps_the_old_one_mute_and_lets_a_new_one_work(proxy: Proxy) -> None:
    with connected(proxy) as old, connected(proxy) as new:
        eventually(lambda: proxy.counters.accepted == 2)
        proxy.begin("half_open")
        with connected(proxy) as later:
            later.sendall(b"DOD?\r\n")
            assert answer(later) == REPLY
        old.sendall(b"DOD?\r\n")
        proxy.end()
        with pytest.raises(ConnectionResetError):
            old.recv(10)
        with pytest.raises(ConnectionResetError):
            new.recv(10)


def test_lockout_accepts_and_says_nothing(proxy: Proxy, meter: Echo) -> None:
    proxy.begin("lockout")
    with connected(proxy) as client:
        client.sendall(b"DOD?\r\n")
        eventually(lambda: proxy.counters.dropped_bytes)
        assert meter.lines == 0


def test_refused_comes_back_at_the_same_port(proxy: Proxy) -> None:
    port = proxy.port
    proxy.begin("refused")
    with pytest.raises(ConnectionRefusedError):
        connected(proxy)
    proxy.end()
    assert proxy.port == port
    with connected(proxy) as client:
        client.sendall(b"DOD?\r\n")
        assert answer(client) == REPLY


def test_connections_held_at_the_same_time_are_counted(proxy: Proxy) -> None:
    with connected(proxy), connected(proxy):
        eventually(lambda: proxy.counters.most_open == 2)


def test_one_after_the_other_is_one_at_a_time(proxy: Proxy) -> None:
    for _ in range(3):
        with connected(proxy) as client:
            client.sendall(b"DOD?\r\n")
            answer(client)
    eventually(lambda: proxy.counters.accepted == 3)
    assert proxy.counters.most_open == 1


def test_a_fault_that_does_not_exist_is_refused_with_those_there_are(proxy: Proxy) -> None:
    with pytest.raises(ValueError, match=", ".join(FAULTS)):
        proxy.begin("gremlins")
