"""Server-Sent Events: the feed of one unit, and one connection for a whole page."""

from __future__ import annotations

from datetime import UTC, datetime

from flask import Blueprint, Flask, Response, request

from slmm.errors import Invalid, NotFound
from slmm.live import encoding
from slmm.live.audience import OF_LEVELS, Channel
from slmm.live.feed import sse_event
from slmm.live.formats import SSE
from slmm.live.viewer import Start, Viewer
from slmm.times import timestamp
from slmm.web import context
from slmm.web.access import Role, caller, role, visible
from slmm.web.limits import refused_stream
from slmm.web.takeover import HEADERS, Stream, StreamTakeover, streaming

blueprint = Blueprint("stream", __name__, url_prefix="/api/nl43")

RETRY_MS = 2000
PASSING_RETRY_MS = 15_000


@blueprint.get("/<unit_id>/monitor/events")
@role("guest")
def unit_events(unit_id: str) -> Response:
    """The shared feed of one unit."""
    context.device(unit_id)
    return _events([unit_id], levels_for_caller())


@blueprint.get("/<unit_id>/stream/events")
@role("viewer")
def drd_events(unit_id: str) -> Response:
    """The 100 ms stream (DRD) of one unit, shared by all who follow it."""
    context.device(unit_id)
    if not context.runtime().fleet.is_standby:
        context.worker(unit_id).refuse_if_disabled("stream")
    return _events([unit_id], Channel.STREAM)


@blueprint.get("/<unit_id>/logs/events")
@role("viewer")
def log_events(unit_id: str) -> Response:
    """The log of one unit as it is written."""
    context.device(unit_id)
    return _events([unit_id], Channel.LOG)


@blueprint.get("/_alerts/stream/events")
@role("viewer")
def alert_events() -> Response:
    """What happens to alerts, of all units the caller may see."""
    units = None if caller().units is None else visible(d.unit_id for d in context.runtime().roster.all())
    return _events(units, Channel.ALERTS)


@blueprint.get("/_monitor/events")
@role("guest")
def page_events() -> Response:
    """Frames, notices and roster changes of many units (``units=a,b``; all if left out)."""
    wanted = request.args.get("units")
    is_guest = caller().role is Role.GUEST  # notices tell addresses and errors
    if wanted is None:
        everything = None if caller().units is None else visible(d.unit_id for d in context.runtime().roster.all())
        return _events(everything, levels_for_caller(), with_notices=not is_guest)
    units = [name.strip() for name in wanted.split(",") if name.strip()]
    if not units:
        raise Invalid(f"units={wanted!r} names no unit; leave it out for all units", field="units")
    for unit_id in units:
        if not caller().sees(context.checked_unit_id(unit_id)):
            raise NotFound(f"there is no unit {unit_id!r}")
        context.device(unit_id)
    return _events(units, levels_for_caller(), with_notices=not is_guest)


def levels_for_caller() -> Channel:
    """The feed of levels that the caller may follow: a share link shows levels and nothing else."""
    return Channel.SHARED if caller().role is Role.GUEST else Channel.LEVELS


def _events(units: list[str] | None, channel: Channel, *, with_notices: bool = False) -> Response:
    runtime = context.runtime()
    if not runtime.is_running:
        return _come_back("closing", "the service is starting or stopping; come back in a moment")
    if refusal := refused_stream(units, channel):
        return _come_back(refusal.code, refusal.detail)
    if runtime.fleet.is_standby and channel not in (Channel.LOG, Channel.ALERTS):
        return _come_back("standby", "the service is in standby and reads no meters")
    start = _start()
    asking, address = caller(), request.remote_addr or ""

    def join() -> Viewer:
        return runtime.hub.join(
            units,
            SSE,
            channel=channel,
            start=start,
            with_notices=with_notices,
            with_roster=asking.units is None,
            with_limits=channel in OF_LEVELS,
            owner=asking.key,
            address=address,
        )

    return streaming(Stream(runtime.hub, join, b"retry: %d\n\n" % RETRY_MS + _time()))


def _start() -> Start:
    """Where the feeds begin; ``newest`` and ``replay`` serve pages of which one follows for several."""
    return Start(
        resume=request.headers.get("Last-Event-ID") or request.args.get("last_event_id", ""),
        with_newest=request.args.get("newest") == "1",
        replayed=frozenset(request.args.get("replay", "").split(",")) - {""},
    )


def _time() -> bytes:
    """For who asks: the time of this clock before any frame, so that an old frame is never taken for the present."""
    if request.args.get("time") != "1":
        return b""
    return sse_event(encoding.json_bytes({"time": timestamp(datetime.now(UTC))}), event="time")


def _come_back(code: str, detail: str) -> Response:
    """A passing condition: an EventSource gives up for ever on any status but 200."""
    data = encoding.json_bytes({"code": code, "detail": detail})
    return Response(b"retry: %d\n" % PASSING_RETRY_MS + sse_event(data, event="error"), headers=HEADERS)


def register(app: Flask) -> None:
    """Add the event streams to the application."""
    app.register_blueprint(blueprint)
    app.wsgi_app = StreamTakeover(app.wsgi_app)  # type: ignore[method-assign]
