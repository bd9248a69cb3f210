"""The service itself: standby and health."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any, cast

from flask import Response, current_app

from slmm import __version__
from slmm.errors import NotAllowed
from slmm.times import timestamp
from slmm.web import context
from slmm.web.access import caller, role, visible
from slmm.web.api.models import AliveAnswer, DevicesHealthAnswer, HealthAnswer, SystemAnswer
from slmm.web.api.views import device_health
from slmm.web.metrics.exposition import CONTENT_TYPE, exposition
from slmm.web.openapi import Api, described
from slmm.web.problems import problem
from slmm.web.readiness import CHECKS, ReadyAnswer, readiness

api = Api("system", "The service itself")
health_api = Api("health", "For operators and load balancers", url_prefix="")


def _state(message: str | None = None) -> dict[str, Any]:
    runtime = context.runtime()
    started = runtime.started_at
    is_active = runtime.is_running and not runtime.fleet.is_standby
    connections = sum(row.connected for row in runtime.fleet.connections())
    data = {
        "version": __version__,
        "standby": runtime.fleet.is_standby,
        "started_at": timestamp(started) if started else None,
        "devices": len(runtime.roster),
        "viewers": runtime.hub.viewers(),
        "connections": connections,
        "frames_written": runtime.hub.frames_written,
        "trail_rows_pending": runtime.recorder.pending,
        "record": runtime.record.state(),
    }
    return {
        "status": "ok",
        "message": message,
        "mode": "active" if is_active else "standby",
        "polling_active": is_active,
        "active_connections": connections,
        "data": data,
    }


@api.route_for("get", "/_system/status", needs="viewer", answer=SystemAnswer, problems=())
def system_status() -> dict[str, Any]:
    """What the service is doing."""
    return _state()


@api.route_for("post", "/_system/standby", needs="operator", answer=SystemAnswer, problems=())
def standby() -> dict[str, Any]:
    """Let go of every device connection and keep them free until resumed or restarted."""
    fleet = context.runtime().fleet
    fleet.standby()
    fleet.flush_connections()  # waits, so that the answer is true when it is given
    return _state("standby: no device connection is held")


@api.route_for("post", "/_system/resume", needs="operator", answer=SystemAnswer, problems=())
def resume() -> dict[str, Any]:
    """Take up reading meters again."""
    context.runtime().fleet.resume()
    return _state("the meters are read again")


@health_api.route_for("get", "/health", needs="public", answer=HealthAnswer, problems=())
def health() -> dict[str, Any]:
    """Whether the service does its work; problems are sentences."""
    runtime = context.runtime()
    problems = []
    if runtime.recorder.last_error:
        problems.append(f"the database cannot be written: {runtime.recorder.last_error}")
    if runtime.fleet.is_standby:
        problems.append("standby: no meter is read")
    alert_problems = runtime.alerts.problems()
    record_problems = runtime.record.problems()
    broken_files = [each.sentence for each in runtime.broken]
    backup_problems = ["no backup could be made when it was due"] if runtime.backups.trouble() else []
    problems += record_problems + alert_problems + broken_files + backup_problems
    is_troubled = runtime.recorder.last_error or record_problems or alert_problems or broken_files or backup_problems
    state = "degraded" if is_troubled else "ok"
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


@health_api.route_for("get", "/healthz", needs="public", answer=AliveAnswer, problems=())
def healthz() -> dict[str, Any]:
    """Whether the process answers at all; touches nothing."""
    return {"status": "ok"}


@health_api.route_for("get", "/readyz", needs="public", answer=ReadyAnswer, problems=(503,))
def readyz() -> dict[str, Any] | Response:
    """Whether the service can do its work now: lock, schema, database, record, hub and disk; else 503 with reasons.

    What it finds is remembered for two seconds. Standby is ready: the pages answer, and somebody wanted it so.
    """
    reasons = readiness().reasons()
    if not reasons:
        warnings = [each.sentence for each in context.runtime().broken]
        return {"status": "ready", "checks": list(CHECKS), "warnings": warnings}
    found = [{"field": check, "message": reason} for check, reason in reasons.items()]
    response = problem(HTTPStatus.SERVICE_UNAVAILABLE, "not_ready", "; ".join(reasons.values()), errors=found)
    response.headers["Retry-After"] = "5"
    return response


@health_api.route_for("get", "/metrics", needs="viewer", answer="text/plain", problems=())
def metrics() -> Response:
    """Everything that is counted, for Prometheus; needs a token for all units where a login is asked for."""
    if caller().units is not None:
        raise NotAllowed(f"{caller().name} may see some units only, and these figures are of the whole service")
    return Response(exposition().text(), content_type=CONTENT_TYPE, headers={"Cache-Control": "no-store"})


@health_api.route_for("get", "/health/devices", needs="viewer", answer=DevicesHealthAnswer, problems=())
def health_devices() -> dict[str, Any]:
    """Which meters could be reached when last asked, from memory."""
    runtime = context.runtime()
    roster = runtime.roster
    asked = [roster.get(unit_id) for unit_id in visible(device.unit_id for device in roster.all())]
    asked = [device for device in asked if device.tcp_enabled and device.is_active]
    devices = [device_health(device, runtime.board.status(device.unit_id)) for device in asked]
    reachable = sum(device["reachable"] for device in devices)
    return {
        "status": "ok" if reachable == len(devices) else "degraded",
        "devices": devices,
        "total_devices": len(devices),
        "reachable_devices": reachable,
    }


@health_api.get("/openapi.json", doc_ui=False)
@role("public")
def openapi_json() -> Response:
    """This interface, described for machines."""
    app = cast(Any, current_app)._get_current_object()  # a thread of the pool has no current one
    text = context.runtime().database.in_pool(described, app)
    return Response(text, mimetype="application/json")
