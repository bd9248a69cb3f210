"""Whole writes to one viewer's socket: never a torn frame, never a wait for the publisher.

A send on a full socket may take only a part. The part that is left is kept here and goes out
before anything else does; simple-websocket ignores short writes and would tear its stream.
"""

from __future__ import annotations

import _socket
import socket
import ssl
from enum import Enum
from typing import Any

import gevent
from gevent.lock import Semaphore
from gevent.socket import wait_write

SEND_BUFFER_BYTES = 32_768
"""Kernel buffer per viewer: about fifty frames; what does not fit is skipped, not queued."""
DEAD_PEER_MS = 180_000
"""TCP_USER_TIMEOUT: how long written bytes may stay unacknowledged before the path counts as dead."""
SEND_DEADLINE_S = 240.0

_DONTWAIT = getattr(socket, "MSG_DONTWAIT", 0) | getattr(socket, "MSG_NOSIGNAL", 0)


class Offer(Enum):
    """What became of bytes that were offered without waiting."""

    SENT = "sent"
    KEPT = "kept"
    """A part was written, the rest is held back: the outlet is blocked until ``finish``."""
    REFUSED = "refused"
    """Nothing was written."""
    GONE = "gone"
    """The peer is gone."""


def tune(sock: socket.socket) -> None:
    """Small kernel buffer, no Nagle, keep-alive, and an end to dead paths."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    if sock.family in (socket.AF_INET, socket.AF_INET6):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for name, value in (
            ("TCP_KEEPIDLE", 30),
            ("TCP_KEEPINTVL", 10),
            ("TCP_KEEPCNT", 3),
            ("TCP_USER_TIMEOUT", DEAD_PEER_MS),
        ):
            if hasattr(socket, name):
                sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)


class BareSocket(_socket.socket):
    """A socket for which no watchers are kept ready: it makes one when a write has to wait."""

    __slots__ = ()

    def sendall(self, data: Any, flags: int = 0) -> None:
        """Write everything, waiting in this greenlet; raises OSError when the peer is gone."""
        rest = memoryview(data)
        while rest:
            try:
                rest = rest[self.send(rest, flags | _DONTWAIT) :]
            except BlockingIOError:
                wait_write(self.fileno())


def _never(data: bytes, flags: int) -> int:
    """TLS may have to read before it can write: nothing is written to it without a wait."""
    raise BlockingIOError


class Outlet:
    """The one door to a viewer's socket; bytes *first* go out before anything else."""

    __slots__ = ("_rest", "_send_now", "_turn", "sock")

    def __init__(self, sock: Any, first: bytes = b"") -> None:
        self.sock = sock
        # gevent's socket waits on a full buffer; the socket inside it does not, but it would write past TLS.
        self._send_now = _never if isinstance(sock, ssl.SSLSocket) else getattr(sock, "_sock", sock).send
        self._rest = first
        self._turn = Semaphore()

    @property
    def is_blocked(self) -> bool:
        """Whether a torn frame waits for ``finish``, or somebody for the socket."""
        return bool(self._rest) or self._turn.locked()

    def offer(self, data: bytes) -> Offer:
        """Write now or not at all, after what is left over; never waits, never leaves a torn frame unnoticed."""
        if self._turn.locked():
            return Offer.REFUSED
        left = len(self._rest)
        data = self._rest + data
        try:
            written = self._send_now(data, _DONTWAIT)
        except BlockingIOError:
            return Offer.REFUSED
        except OSError:
            return Offer.GONE
        if written < left:
            self._rest = self._rest[written:]
            return Offer.REFUSED
        self._rest = data[written:]
        return Offer.KEPT if self._rest else Offer.SENT

    def send(self, data: bytes) -> int:
        """Write everything, waiting in this greenlet; raises OSError when the peer is gone or too slow."""
        too_slow = TimeoutError("the viewer took nothing for too long")
        with self._turn, gevent.Timeout(SEND_DEADLINE_S, too_slow):
            rest, self._rest = self._rest, b""
            self.sock.sendall(rest + data)
        return len(data)

    def finish(self) -> None:
        """Write what a full socket left over."""
        self.send(b"")

    def give_up(self) -> None:
        """End both directions if somebody waits for the socket: the wait ends with an OSError."""
        if not self._turn.locked():
            return
        try:
            self.sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            return  # the peer was first
