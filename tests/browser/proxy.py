"""A reverse proxy that can be told to answer 502, as nginx does while the service restarts, or to fall silent."""

from __future__ import annotations

import socket
from typing import Any

import gevent
from gevent.server import StreamServer

BAD_GATEWAY = (
    b"HTTP/1.1 502 Bad Gateway\r\nContent-Type: text/html\r\nContent-Length: 3\r\nConnection: close\r\n\r\n502"
)


class Proxy:
    """Forwards bytes to a port, one connection per connection."""

    def __init__(self, port: int) -> None:
        self.is_broken = False
        self.refused = 0
        self._target = ("127.0.0.1", port)
        self._open: set[Any] = set()
        self._stalled: set[Any] = set()
        self._server = StreamServer(("127.0.0.1", 0), self._handle)
        self._server.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def _handle(self, client: Any, address: Any) -> None:
        request = client.recv(65_536)
        if self.is_broken:
            self.refused += 1
            client.sendall(BAD_GATEWAY)
            return
        with socket.create_connection(self._target) as upstream:
            self._open |= {client, upstream}
            upstream.sendall(request)
            back = gevent.spawn(self._pump, upstream, client)
            self._pump(client, upstream)
            back.kill()
            self._open -= {client, upstream}
            self._stalled -= {client, upstream}

    def _pump(self, source: Any, target: Any) -> None:
        try:
            while data := source.recv(65_536):
                if source not in self._stalled:
                    target.sendall(data)
        except OSError:
            return
        finally:
            for sock in (source, target):
                try:
                    sock.shutdown(socket.SHUT_RDWR)
                except OSError:
                    continue

    def break_down(self, *, cut: bool = True) -> None:
        """Answer 502 from now on, and cut what is open."""
        self.is_broken = True
        if not cut:
            return
        for sock in list(self._open):
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue

    def stall(self) -> None:
        """Let what is open now hang without a word, as a network does that a laptop has slept through."""
        self._stalled |= self._open

    def recover(self) -> None:
        """Forward again."""
        self.is_broken = False

    def close(self) -> None:
        """Stop."""
        self.break_down()
        self._server.stop(timeout=1)
