"""The service itself: standby and health."""

from __future__ import annotations

from typing import Any, cast

from flask import Response, current_app, jsonify
from flask_openapi3.openapi import OpenAPI

from slmm import __version__
from slmm.live.encoding import timestamp
from slmm.web import context
from slmm.web.access import role
from slmm.web.api.models import DataAnswer, HealthAnswer
from slmm.web.openapi import Api, describe

api = Api("system", "The service itself")
health_api = Api("health", "For operators and load balancers", url_prefix="")


def _state() -> dict[str, Any]:
    runtime = context.runtime()
    started = runtime.started_at
    return {
        "version": __version__,
        "standby": runtime.fleet.is_standby,
        "started_at": timestamp(started) if started else None,
        "devices": len(runtime.roster),
        "viewers": runtime.hub.viewers(),
        "connections": sum(row.connected for row in runtime.fleet.connections()),
        "frames_written": runtime.hub.frames_written,
        "trail_rows_pending": runtime.recorder.pending,
    }


@api.route_for("get", "/_system/status", needs="viewer", answer=DataAnswer, problems=())
def system_status() -> dict[str, Any]:
    """What the service is doing."""
    return {"status": "ok", "data": _state()}


@api.route_for("post", "/_system/standby", needs="operator", answer=DataAnswer, problems=())
def standby() -> dict[str, Any]:
    """Let go of every device connection and keep them free until resumed or restarted."""
    context.runtime().fleet.standby()
    return {"status": "ok", "message": "standby: no device connection is held", "data": _state()}


@api.route_for("post", "/_system/resume", needs="operator", answer=DataAnswer, problems=())
def resume() -> dict[str, Any]:
    """Take up reading meters again."""
    context.runtime().fleet.resume()
    return {"status": "ok", "message": "the meters are read again", "data": _state()}


@health_api.route_for("get", "/health", needs="public", answer=HealthAnswer, problems=())
def health() -> dict[str, Any]:
    """Whether the service does its work; problems are sentences."""
    runtime = context.runtime()
    problems = []
    if runtime.recorder.last_error:
        problems.append(f"the database cannot be written: {runtime.recorder.last_error}")
    if runtime.fleet.is_standby:
        problems.append("standby: no meter is read")
    state = "degraded" if runtime.recorder.last_error else "ok"
    return {
        "status": state if runtime.is_running else "starting",
        "service": "slmm",
        "version": __version__,
        "is_running": runtime.is_running,
        "is_standby": runtime.fleet.is_standby,
        "units": len(runtime.roster),
        "viewers": runtime.hub.viewers(),
        "problems": problems,
    }


@health_api.get("/openapi.json", doc_ui=False)
@role("public")
def openapi_json() -> Response:
    """This interface, described for machines."""
    return jsonify(describe(cast(OpenAPI, current_app)))
