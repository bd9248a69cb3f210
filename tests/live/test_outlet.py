"""Whole writes: a slow reader never sees a torn frame, a publisher never waits."""

import socket
import ssl
import time
from collections.abc import Iterator

import gevent
import pytest
import trustme

from slmm.live.outlet import Offer, Outlet


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    left, right = socket.socketpair()
    with left, right:
        left.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        yield left, right


def drained(sock: socket.socket, size: int) -> bytes:
    sock.settimeout(10)
    data = b""
    while len(data) < size:
        more = sock.recv(65_536)
        assert more, "the stream ended early"
        data += more
    return data


def test_a_full_socket_keeps_the_rest_and_finishes_it_first(pair: tuple[socket.socket, socket.socket]) -> None:
    left, right = pair
    outlet = Outlet(left)
    big = bytes(range(256)) * 4000
    assert outlet.offer(big) is Offer.KEPT
    assert outlet.is_blocked
    assert outlet.offer(b"later") is Offer.REFUSED
    writer = gevent.spawn(outlet.send, b"tail")
    assert drained(right, len(big) + 4) == big + b"tail"
    writer.get(timeout=5)
    assert outlet.offer(b"x") is Offer.SENT


def test_an_offer_never_waits(pair: tuple[socket.socket, socket.socket]) -> None:
    outlet = Outlet(pair[0])
    began_s = time.monotonic()
    while outlet.offer(b"x" * 1000) is Offer.SENT:
        pass
    assert outlet.offer(b"y") is Offer.REFUSED
    assert time.monotonic() - began_s < 2.0


def test_a_peer_that_left_is_told(pair: tuple[socket.socket, socket.socket]) -> None:
    outlet = Outlet(pair[0])
    pair[1].close()
    assert outlet.offer(b"x") is Offer.GONE


def test_bytes_offered_while_another_greenlet_sends_do_not_come_between(
    pair: tuple[socket.socket, socket.socket],
) -> None:
    left, right = pair
    outlet = Outlet(left)
    big = b"a" * 500_000
    writer = gevent.spawn(outlet.send, big)
    gevent.sleep(0)
    assert outlet.offer(b"b") is Offer.REFUSED
    assert drained(right, len(big)) == big
    writer.get(timeout=5)


def test_nothing_goes_past_tls(pair: tuple[socket.socket, socket.socket]) -> None:
    authority = trustme.CA()
    here, there = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context()
    authority.issue_cert("meters.example").configure_cert(here)
    authority.configure_trust(there)
    handshake = gevent.spawn(here.wrap_socket, pair[0], server_side=True)
    with there.wrap_socket(pair[1], server_hostname="meters.example") as right, handshake.get(timeout=5) as left:
        outlet = Outlet(left)
        assert outlet.offer(b"at once") is Offer.REFUSED
        writer = gevent.spawn(outlet.send, b"in turn")
        assert drained(right, 7) == b"in turn"
        writer.get(timeout=5)
