"""WebSocket feeds through flask-sock, with whole frames and one writer per socket.

simple-websocket ignores short writes; here everything it sends goes through the same ``Outlet`` as the
frames, so a slow client's stream is never torn.
"""

from __future__ import annotations

import logging
from http import HTTPStatus
from typing import Any

import gevent
from flask import Flask, Response, request
from flask_sock import Sock
from simple_websocket import ConnectionClosed, Server
from wsproto.utilities import ProtocolError

from slmm.errors import TooMany
from slmm.live.audience import Channel
from slmm.live.formats import WEBSOCKET
from slmm.live.hub import Hub
from slmm.live.outlet import Outlet, tune
from slmm.live.viewer import Viewer
from slmm.web import context
from slmm.web.access import caller, role, visible
from slmm.web.limits import STREAM_RETRY_S, refused_stream
from slmm.web.problems import problem
from slmm.web.stream import levels_for_caller

logger = logging.getLogger(__name__)

OPTIONS = {"ping_interval": 20, "max_message_size": 4096}
"""A peer that answers no ping is closed after two intervals (s); clients have little to say (bytes)."""

sock = Sock()


class WholeWrites:
    """A socket for simple-websocket whose ``send`` means all of it, in turn with the frames."""

    def __init__(self, raw: Any) -> None:
        self._raw = raw
        self.outlet = Outlet(raw)

    def send(self, data: bytes) -> int:
        """Write the whole of *data*; raises OSError when the peer is gone."""
        return self.outlet.send(data)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._raw, name)


def prepare(environ: dict[str, Any]) -> None:
    """Before the handshake: no compression (a prepared frame serves all), and whole writes."""
    environ.pop("HTTP_SEC_WEBSOCKET_EXTENSIONS", None)
    for key in ("gunicorn.socket", "werkzeug.socket"):
        if key in environ and not isinstance(environ[key], WholeWrites):
            tune(environ[key])
            environ[key] = WholeWrites(environ[key])


@sock.route("/api/nl43/<unit_id>/monitor")  # type: ignore[untyped-decorator]
@role("guest")
def unit_monitor(ws: Server, unit_id: str) -> None:
    """The shared feed of one unit, the same frames as its event stream."""
    hub = context.runtime().hub
    viewer = hub.join(
        [unit_id], WEBSOCKET, channel=levels_for_caller(), owner=caller().key, address=request.remote_addr or ""
    )
    follow(ws, hub, viewer)


@sock.route("/api/nl43/<unit_id>/stream")  # type: ignore[untyped-decorator]
@role("viewer")
def unit_stream(ws: Server, unit_id: str) -> None:
    """The 100 ms stream (DRD) of one unit, shared by all who follow it."""
    hub = context.runtime().hub
    viewer = hub.join(
        [unit_id], WEBSOCKET, channel=Channel.STREAM, owner=caller().key, address=request.remote_addr or ""
    )
    follow(ws, hub, viewer)


@sock.route("/api/nl43/_alerts/stream")  # type: ignore[untyped-decorator]
@role("viewer")
def alert_stream(ws: Server) -> None:
    """What happens to alerts, of all units the caller may see, also those to come."""
    hub = context.runtime().hub
    units = None if caller().units is None else visible(device.unit_id for device in context.runtime().roster.all())
    follow(
        ws,
        hub,
        hub.join(units, WEBSOCKET, channel=Channel.ALERTS, owner=caller().key, address=request.remote_addr or ""),
    )


def _refuse_too_many() -> None:
    """Raise TooMany when a limit of streams is reached; unlike an EventSource, a WebSocket may be refused by status."""
    unit_id = (request.view_args or {}).get("unit_id")
    is_drd = unit_id is not None and request.path.endswith("/stream")
    refusal = refused_stream([unit_id] if unit_id else None, Channel.STREAM if is_drd else Channel.LEVELS)
    if refusal is not None:
        raise TooMany(refusal.detail, retry_after_s=STREAM_RETRY_S)


def _no_handshake(error: ProtocolError) -> Response:
    """An upgrade that lacks its key, its version or its form."""
    return problem(HTTPStatus.BAD_REQUEST, "bad_request", f"this is no handshake of a WebSocket: {error}")


def follow(ws: Server, hub: Hub, viewer: Viewer) -> None:
    """Run a viewer on an accepted WebSocket until either side ends."""
    listener = gevent.spawn(_listen, ws, viewer)
    try:
        hub.serve(viewer, ws.sock.outlet)
    except OSError as error:
        logger.debug("a viewer went away: %s", error)
    finally:
        hub.leave(viewer)
        listener.kill()


def _listen(ws: Server, viewer: Viewer) -> None:
    """A feed has nothing to hear; what matters is that the peer has closed."""
    try:
        while True:
            ws.receive()
    except ConnectionClosed:
        viewer.end()


def register(app: Flask) -> None:
    """Add the WebSocket endpoints; checks the unit before the handshake."""
    app.config["SOCK_SERVER_OPTIONS"] = OPTIONS

    @app.before_request
    def before_handshake() -> None:
        if request.environ.get("HTTP_UPGRADE", "").lower() == "websocket" and request.url_rule is not None:
            if request.view_args:
                unit_id = context.device(request.view_args.get("unit_id", "")).unit_id
                if request.path.endswith("/stream"):
                    context.worker(unit_id).refuse_if_disabled("stream")
            _refuse_too_many()
            prepare(request.environ)

    app.register_error_handler(ProtocolError, _no_handshake)
    sock.init_app(app)
