"""The client sockets of the worker, so that idle ones do not hold up its end.

gunicorn's gevent worker waits for every open connection, also for a browser that keeps one alive and asks
nothing: the whole graceful_timeout, though all requests are done.
"""

from __future__ import annotations

import contextlib
import socket
from typing import Any


class OpenConnections:
    """Every connection that a worker is serving."""

    def __init__(self) -> None:
        self._open: set[Any] = set()

    def watch(self, worker: Any) -> None:
        """Remember the sockets *worker* handles from now on; call it before the worker runs."""
        handle = worker.handle

        def remembered(listener: Any, client: Any, address: Any) -> None:
            self._open.add(client)
            try:
                handle(listener, client, address)
            finally:
                self._open.discard(client)

        worker.handle = remembered

    def end_reading(self) -> None:
        """Nothing more is heard from anybody: who waits for a request ends, an answer under way goes out."""
        for client in list(self._open):
            with contextlib.suppress(OSError):  # it was closed a moment ago
                _end_reading_of(client)


def _end_reading_of(client: Any) -> None:
    """Of the descriptor: gevent's own socket would throw at who reads, and one with TLS write on without it."""
    with socket.fromfd(client.fileno(), client.family, client.type) as double:
        double.shutdown(socket.SHUT_RD)
