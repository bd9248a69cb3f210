"""Takes an event stream out of the WSGI server's hands and writes to its socket itself.

Under gunicorn a view that returns ``streaming(…)`` gives away the bare socket once Flask is done with the
request, and the request ends: the publisher writes to the socket without waking anybody, and nothing of the
request is kept. Elsewhere (test client, other servers, TLS) the same response is an ordinary generator.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from flask import Response, request

from slmm.live.hub import Hub
from slmm.live.keeper import Keeper
from slmm.live.outlet import BareSocket, tune
from slmm.live.viewer import Viewer
from slmm.web import serverlog

STREAM_KEY = "slmm.stream"
SOCKET_KEY = "gunicorn.socket"
WsgiApp = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]

HEADERS = {
    "Content-Type": "text/event-stream; charset=utf-8",
    "Cache-Control": "no-store, no-transform",
    "X-Accel-Buffering": "no",
}


@dataclass(frozen=True, slots=True)
class Stream:
    """A stream that a view has granted; the viewer joins when the first byte is about to go out."""

    hub: Hub
    join: Callable[[], Viewer]
    preamble: bytes


def streaming(stream: Stream) -> Response:
    """The response of a view that grants *stream*."""
    request.environ[STREAM_KEY] = stream
    return Response(_pieces(stream), headers=HEADERS)


def _pieces(stream: Stream) -> Iterator[bytes]:
    yield stream.preamble
    viewer = stream.join()
    try:
        yield from viewer.chunks()
    finally:
        stream.hub.leave(viewer)


class StreamTakeover:
    """WSGI middleware around Flask: the request context is gone by the time a stream runs."""

    def __init__(self, app: WsgiApp) -> None:
        self._app = app

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Pass everything through but streams on a socket of our own."""
        sock = environ.get(SOCKET_KEY)
        if sock is None or isinstance(sock, ssl.SSLSocket):
            return self._app(environ, start_response)
        head: list[Any] = []

        def note(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
            head[:] = status, headers
            return start_response(status, headers, exc_info)

        result = self._app(environ, note)
        stream = environ.get(STREAM_KEY)
        if stream is None:
            return result
        if hasattr(result, "close"):
            result.close()
        tune(sock)
        viewer = stream.join()
        # What gunicorn closes now is no socket any more.
        own = BareSocket(sock.family, sock.type, sock.proto, fileno=sock.detach())
        own.setblocking(False)
        Keeper(stream.hub, viewer, own, _head_bytes(*head) + stream.preamble, serverlog.later(head[0], environ))
        # gunicorn's async worker takes this as "the connection is done with" (flask-sock does the same).
        raise StopIteration


def _head_bytes(status: str, headers: list[tuple[str, str]]) -> bytes:
    lines = [f"HTTP/1.1 {status}", *(f"{name}: {value}" for name, value in headers), "Connection: close"]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")
