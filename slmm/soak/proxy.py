"""A TCP proxy before one meter that behaves like the bad network between it and the service.

What a meter itself does wrong is the emulator's business (``slmm.emulator.faults``); this is about the way there.
The protocol has no checksum: a digit that became another digit cannot be noticed by anybody, and TCP's own checksum
does not let it happen. So garbage here is what serial servers and modems add: bytes that no reply is made of.
"""

from __future__ import annotations

import contextlib
import errno
import random
import socket
import struct
from dataclasses import dataclass, field
from typing import Any

import gevent

FAULTS = {
    "latency": "every reply comes value seconds late",
    "jitter": "every reply comes up to value seconds late",
    "throttle": "replies pass at value bytes a second",
    "split": "replies come in pieces of one to three bytes",
    "garbage": "of replies, a share of value gets bytes added or flipped that no reply is made of",
    "silence": "the connection stays, and nothing passes",
    "reset": "a share of value of the replies ends in the middle with RST",
    "cut": "the same with FIN",
    "half_open": "the peer is gone without FIN: the old connection stays mute and is reset at the end; a new one works",
    "lockout": "the meter takes its one slot to be in use: connections are accepted and stay mute",
    "refused": "connections are reset, and new ones refused",
}
_MUTE = ("silence", "lockout")
_PIECE_PAUSE_S = 0.0005
_REFUSAL_S = 0.05
"""Sooner, it is chance whether the connection counts as opened."""


@dataclass(slots=True)
class ProxyCounters:
    """What passed, and what was done to it."""

    accepted: int = 0
    most_open: int = 0
    """Connections that the service held at the same time."""
    commands: int = 0
    """Lines that came from the service."""
    forwarded: int = 0
    """Of them, those that went on to the meter."""
    reply_bytes: int = 0
    dropped_bytes: int = 0
    spoiled: int = 0
    """Replies that were changed or broken off."""
    happened: dict[str, int] = field(default_factory=dict)
    """How often each fault was begun."""


class _Pair:
    """One connection of the service, and ours to the meter for it."""

    def __init__(self, client: Any, meter: Any | None) -> None:
        self.client = client
        self.meter = meter
        self.is_dead = False
        """Nothing passes any more, whatever comes; the service has not been told."""
        self.is_closed = False


class Proxy:
    """Stands before one meter at *port*; ``begin`` and ``end`` change how it behaves."""

    def __init__(self, meter_host: str, meter_port: int, seed: int = 1) -> None:
        self.host = "127.0.0.1"
        self.port = 0
        self.counters = ProxyCounters()
        self.fault = ""
        self.value = 0.0
        self._meter = (meter_host, meter_port)
        self._random = random.Random(seed)
        self._listener: Any = None
        self._acceptor: gevent.Greenlet | None = None
        self._pairs: list[_Pair] = []

    # -- what is done to the network --------------------------------------------------------------

    def begin(self, name: str, value: float = 0.0) -> None:
        """Start a fault, in place of the one before; raises ValueError for a name that does not exist."""
        if name not in FAULTS:
            raise ValueError(f"no fault {name!r}; there are {', '.join(FAULTS)}")
        self.end()
        self.fault, self.value = name, value
        self.counters.happened[name] = self.counters.happened.get(name, 0) + 1
        if name == "refused":
            self._stop_listening()
            for pair in list(self._pairs):
                self._close(pair, with_reset=True)
        elif name in ("half_open", "lockout"):
            for pair in self._pairs:
                pair.is_dead = True
                if name == "half_open":
                    _close_quietly(pair.meter)

    def end(self) -> None:
        """The network is well again."""
        was, self.fault = self.fault, ""
        if was == "refused":
            self.open()
        for pair in [pair for pair in self._pairs if pair.is_dead]:
            self._close(pair, with_reset=True)

    # -- the port ---------------------------------------------------------------------------------

    def open(self) -> None:
        """Listen; after the first time at the same port."""
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((self.host, self.port))
        listener.listen(16)
        self.port = listener.getsockname()[1]
        self._listener = listener
        self._acceptor = gevent.spawn(self._accept, listener)

    def _stop_listening(self) -> None:
        if self._acceptor is not None:
            self._acceptor.kill()
        if self._listener is not None:
            self._listener.close()
            self._listener = None

    def close(self) -> None:
        """Let go of everything."""
        self._stop_listening()
        for pair in list(self._pairs):
            self._close(pair)

    def _accept(self, listener: Any) -> None:
        while True:
            client, _ = listener.accept()
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.counters.accepted += 1
            pair = _Pair(client, None)
            self._pairs.append(pair)
            is_held = sum(not _has_left(each.client) for each in self._pairs)
            self.counters.most_open = max(self.counters.most_open, is_held)
            if self.fault == "lockout":
                pair.is_dead = True
            gevent.spawn(self._serve, pair)

    def _serve(self, pair: _Pair) -> None:
        if not pair.is_dead:
            try:
                pair.meter = socket.create_connection(self._meter, timeout=5)
            except OSError:
                gevent.sleep(_REFUSAL_S)
                self._close(pair, with_reset=True)  # the meter itself refuses: as near to that as a proxy can come
                return
            if pair.is_closed:  # meanwhile, by the begin or the end of a fault
                _close_quietly(pair.meter)
                return
            pair.meter.settimeout(None)
            pair.meter.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            gevent.spawn(self._down, pair)
        self._up(pair)

    def _close(self, pair: _Pair, *, with_reset: bool = False) -> None:
        if pair.is_closed:
            return
        pair.is_closed = True
        self._pairs.remove(pair)
        self.counters.commands += _waiting(pair.client).count(b"\n")
        if with_reset:
            with contextlib.suppress(OSError):  # it has gone already
                pair.client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        else:
            with contextlib.suppress(OSError):
                pair.client.shutdown(socket.SHUT_RDWR)
        pair.client.close()
        _close_quietly(pair.meter)

    # -- what passes ------------------------------------------------------------------------------

    def _up(self, pair: _Pair) -> None:
        try:
            while data := pair.client.recv(4096):
                lines = data.count(b"\n")
                self.counters.commands += lines
                if pair.is_dead or self.fault in _MUTE or pair.meter is None:
                    self.counters.dropped_bytes += len(data)
                    continue
                pair.meter.sendall(data)
                self.counters.forwarded += lines
        except OSError:
            pass  # either end was reset: closed below
        self._close(pair)

    def _down(self, pair: _Pair) -> None:
        meter: Any = pair.meter
        try:
            while data := meter.recv(4096):
                if pair.is_dead or self.fault in _MUTE:
                    self.counters.dropped_bytes += len(data)
                    continue
                self.counters.reply_bytes += len(data)
                self._pass_on(pair, data)
        except OSError as error:
            if not pair.is_dead and error.errno == errno.ECONNRESET:
                self._close(pair, with_reset=True)
        if not pair.is_dead and self.fault not in _MUTE:
            self._close(pair)

    def _pass_on(self, pair: _Pair, data: bytes) -> None:
        chance = self._random
        match self.fault:
            case "latency":
                gevent.sleep(self.value)
            case "jitter":
                gevent.sleep(chance.uniform(0.0, self.value))
            case "throttle":
                self._slowly(pair, data, max(1, round(self.value * 0.05)), 0.05)
                return
            case "split":
                self._slowly(pair, data, 3, _PIECE_PAUSE_S)
                return
            case "garbage" if chance.random() < self.value:
                self.counters.spoiled += 1
                data = self._garbled(data)
            case "reset" | "cut" if chance.random() < self.value:
                self.counters.spoiled += 1
                pair.client.sendall(data[: len(data) // 2])
                self._close(pair, with_reset=self.fault == "reset")
                return
        pair.client.sendall(data)

    def _slowly(self, pair: _Pair, data: bytes, most: int, pause_s: float) -> None:
        while data and not pair.is_dead:
            count = most if self.fault == "throttle" else self._random.randint(1, most)
            pair.client.sendall(data[:count])
            data = data[count:]
            gevent.sleep(pause_s)

    def _garbled(self, data: bytes) -> bytes:
        chance = self._random
        at = chance.randrange(len(data))
        if chance.random() < 0.5:
            return data[:at] + bytes([data[at] ^ 0x80]) + data[at + 1 :]
        noise = bytes(chance.randrange(0x80, 0x100) for _ in range(chance.randint(1, 8)))
        return data[:at] + noise + data[at:]


def _close_quietly(sock: Any | None) -> None:
    if sock is not None:
        with contextlib.suppress(OSError):  # the other side was first
            sock.shutdown(socket.SHUT_RDWR)
        sock.close()


def _waiting(client: Any) -> bytes:
    """What the service has sent and nobody has read."""
    raw = getattr(client, "_sock", client)
    try:
        return bytes(raw.recv(4096, socket.MSG_DONTWAIT))
    except OSError:
        return b""


def _has_left(client: Any) -> bool:
    """Whether the other side has closed already, though nobody has read so far."""
    raw = getattr(client, "_sock", client)
    try:
        return bool(raw.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) == b"")
    except BlockingIOError:
        return False
    except OSError:
        return True
