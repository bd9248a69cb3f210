"""A web server that keeps every request and answers from a script; raw, so that it can hang, drip and talk nonsense."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

import gevent
from gevent.event import Event
from gevent.server import StreamServer


@dataclass(frozen=True)
class Request:
    """What came in; header names in lower case."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True)
class Reply:
    """What goes out."""

    status: str = "204 No Content"
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    hangs: bool = False
    """Never answers."""
    drips_s: float | None = None
    """One byte at a time, with this pause, for ever."""


class Receiver:
    """Answers with ``script`` in order, then 204 for ever."""

    def __init__(self, context: ssl.SSLContext | None) -> None:
        self.requests: list[Request] = []
        self.script: list[Reply] = []
        self.has_request = Event()
        arguments = {} if context is None else {"ssl_context": context}
        self._server = StreamServer(("127.0.0.1", 0), self._serve, **arguments)
        self._server.start()
        self.port: int = self._server.server_port

    def close(self) -> None:
        """Drop whoever still waits."""
        self._server.stop(timeout=1)

    def _serve(self, line: socket.socket, _address: object) -> None:
        with suppress(ConnectionError, ssl.SSLError), line:
            request = _read(line)
            if request is None:
                return
            self.requests.append(request)
            self.has_request.set()
            reply = self.script.pop(0) if self.script else Reply()
            if reply.hangs:
                gevent.sleep(60)
            head = [f"HTTP/1.1 {reply.status}", *(f"{name}: {value}" for name, value in reply.headers.items())]
            if reply.drips_s is not None:
                line.sendall("\r\n".join(head).encode() + b"\r\nContent-Length: 3000\r\n\r\n")
                while True:
                    line.sendall(b".")
                    gevent.sleep(reply.drips_s)
            head.append(f"Content-Length: {len(reply.body)}")
            line.sendall("\r\n".join(head).encode() + b"\r\n\r\n" + reply.body)


def _read(line: socket.socket) -> Request | None:
    received = b""
    while b"\r\n\r\n" not in received:
        data = line.recv(65_536)
        if not data:
            return None
        received += data
    head, _, body = received.partition(b"\r\n\r\n")
    first, *rest = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in rest)}
    while len(body) < int(headers.get("content-length", 0)):
        body += line.recv(65_536)
    method, path, _ = first.split(" ")
    return Request(method, path, headers, body)


@contextmanager
def running_receiver(context: ssl.SSLContext | None = None) -> Iterator[Receiver]:
    """A receiver on a free port while the context lasts."""
    receiver = Receiver(context)
    try:
        yield receiver
    finally:
        receiver.close()
