"""One TCP connection to a meter: open, send, receive, close, each with a deadline.

The only place that meets OSError; everything above sees the errors of slmm.errors.
"""

from __future__ import annotations

import logging
import socket
import time
from dataclasses import dataclass

import gevent

from slmm.errors import ConnectionLost, DeviceTimeout, DeviceUnreachable, Garbled

logger = logging.getLogger(__name__)

RECEIVE_BYTES = 8192
FLOOD_BYTES = 1_048_576
"""More than this is never waiting: it is an hour of lines that nobody asked for."""


@dataclass(frozen=True, slots=True)
class KeepAlive:
    """OS keep-alive against silent NAT time-outs of cellular networks; seconds, seconds, probes."""

    idle_s: int = 15
    interval_s: int = 10
    count: int = 3


def _translated(peer: str, error: OSError) -> DeviceTimeout | ConnectionLost:
    """What a socket's error means; a plain function, for it stands in the path of every poll."""
    if isinstance(error, TimeoutError):
        return DeviceTimeout(f"{peer} did not answer in time")
    return ConnectionLost(f"the connection to {peer} broke: {error.strerror or error}")


class Connection:
    """An open connection; ``Connection.open`` is the only way to get one."""

    def __init__(self, sock: socket.socket, peer: str) -> None:
        self._sock = sock
        self.peer = peer
        self.opened_s = time.monotonic()

    @classmethod
    def open(cls, host: str, port: int, *, timeout_s: float, keepalive: KeepAlive) -> Connection:
        """Resolve and connect; raises DeviceUnreachable, whose ``refused`` tells a RST from silence."""
        peer = f"{host}:{port}"
        silence = TimeoutError(f"no answer within {timeout_s:g} s")
        try:
            # create_connection tries every address for timeout_s each; the Timeout bounds the whole.
            with gevent.Timeout(timeout_s, silence):
                sock = socket.create_connection((host, port), timeout=timeout_s)
        except ConnectionRefusedError as error:
            raise DeviceUnreachable(f"{peer} refused the connection", refused=True) from error
        except OSError as error:
            raise DeviceUnreachable(f"{peer} cannot be reached: {error.strerror or error}") from error
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for name, value in (
            ("TCP_KEEPIDLE", keepalive.idle_s),
            ("TCP_KEEPINTVL", keepalive.interval_s),
            ("TCP_KEEPCNT", keepalive.count),
        ):
            if hasattr(socket, name):
                sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
        return cls(sock, peer)

    def send(self, data: bytes, timeout_s: float) -> None:
        """Write a whole command at once: the meter allows 100 ms between characters."""
        try:
            self._sock.settimeout(timeout_s)
            # A command fits any send buffer; sendall would ask the kernel for its size each time.
            sent = self._sock.send(data)
        except OSError as error:
            raise _translated(self.peer, error) from error
        if sent < len(data):
            raise ConnectionLost(f"{self.peer} takes no more commands")

    def receive(self, timeout_s: float) -> bytes:
        """What comes next, at least one byte; raises ConnectionLost at the end, DeviceTimeout in silence."""
        try:
            self._sock.settimeout(max(timeout_s, 0.001))
            data = self._sock.recv(RECEIVE_BYTES)
        except OSError as error:
            raise _translated(self.peer, error) from error
        if not data:
            raise ConnectionLost(f"{self.peer} closed the connection")
        if len(data) == RECEIVE_BYTES:
            gevent.sleep(0)  # no meter fills it; what never has to wait would let nobody else run
        return data

    def receive_waiting(self) -> bytes:
        """What has arrived already, without waiting; raises ConnectionLost at the end, Garbled in a flood."""
        waiting = b""
        self._sock.settimeout(0.0)
        while len(waiting) <= FLOOD_BYTES:
            try:
                data = self._sock.recv(RECEIVE_BYTES)
            except BlockingIOError:
                return waiting
            except OSError as error:
                raise _translated(self.peer, error) from error
            if not data:
                raise ConnectionLost(f"{self.peer} closed the connection")
            waiting += data
        raise Garbled(f"{self.peer} sends without end and without being asked", repr(waiting[:80]))

    def close(self) -> None:
        """End with FIN; unread bytes would make the kernel send RST, and this meter has a single slot."""
        try:
            self.receive_waiting()
            self._sock.shutdown(socket.SHUT_RDWR)
        except (OSError, ConnectionLost, DeviceTimeout, Garbled) as error:
            logger.debug("closing %s: %s", self.peer, error)
        finally:
            self._sock.close()
