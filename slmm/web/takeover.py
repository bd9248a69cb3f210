"""Takes an event stream out of the WSGI server's hands and writes to its socket itself.

Under gunicorn a view that returns ``streaming(…)`` gives its greenlet the bare socket after Flask
is done with the request, so that the publisher can write to it without waking anybody. Elsewhere (test
client, other servers) the same response is an ordinary generator.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import gevent
from flask import Response, request

from slmm.live.hub import Hub
from slmm.live.outlet import Outlet, tune
from slmm.live.viewer import Viewer
from slmm.web import serverlog

logger = logging.getLogger(__name__)

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
        if SOCKET_KEY not in environ:
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
        began_s = time.monotonic()
        try:
            _run(stream, environ[SOCKET_KEY], _head_bytes(*head))
        finally:
            serverlog.tell(head[0], None, environ, timedelta(seconds=time.monotonic() - began_s))
        # gunicorn's async worker takes this as "the connection is done with" (flask-sock does the same).
        raise StopIteration


def _head_bytes(status: str, headers: list[tuple[str, str]]) -> bytes:
    lines = [f"HTTP/1.1 {status}", *(f"{name}: {value}" for name, value in headers), "Connection: close"]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def _run(stream: Stream, sock: Any, head: bytes) -> None:
    tune(sock)
    outlet = Outlet(sock)
    viewer = stream.join()
    watcher = gevent.get_hub().loop.io(sock.fileno(), 1)
    try:
        watcher.start(_notice_end, sock, viewer)
        outlet.send(head + stream.preamble)
        stream.hub.serve(viewer, outlet)
    except OSError as error:
        logger.debug("a viewer went away: %s", error)
    finally:
        watcher.stop()
        watcher.close()
        stream.hub.leave(viewer)


def _notice_end(sock: Any, viewer: Viewer) -> None:
    """The client has closed, or talks although an event stream has nothing to hear; runs in the hub."""
    try:
        data = getattr(sock, "_sock", sock).recv(4096)
    except BlockingIOError:
        return
    except OSError:
        data = b""
    if not data:
        viewer.end()
        if viewer.outlet is not None and viewer.outlet.is_blocked:
            viewer.outlet.close()
