"""Feeds, the background poller, and the connections to the meters."""

from __future__ import annotations

from typing import Any

from slmm.storage.devices import Device
from slmm.web import context
from slmm.web.access import caller, visible
from slmm.web.api.models import (
    ActivityAnswer,
    ConnectionsAnswer,
    DataAnswer,
    DisconnectAnswer,
    KeepAliveAnswer,
    MonitorsAnswer,
    PollingInput,
    UnitPath,
)
from slmm.web.api.views import config_view, jsonable
from slmm.web.openapi import UNIT_PROBLEMS, Api

api = Api("feeds", "Feeds, the background poller and the connections to the meters")


@api.route_for("get", "/_monitor/status", needs="viewer", answer=MonitorsAnswer, problems=())
def monitor_status() -> dict[str, Any]:
    """Every unit's shared feed: running, subscribers, keep-alive, reachable, mode."""
    found = context.runtime().fleet.monitor_status()
    feeds = {unit_id: jsonable(found[unit_id]) for unit_id in visible(found)}
    return {"status": "ok", "monitors": feeds, "data": feeds}


def _keep_alive(unit_id: str, is_kept_alive: bool, message: str) -> dict[str, Any]:
    context.runtime().roster.change(unit_id, monitor_enabled=is_kept_alive)
    feed = context.runtime().fleet.monitor_status().get(unit_id)
    return {
        "status": "ok",
        "message": message,
        "unit_id": unit_id,
        "monitor_enabled": is_kept_alive,
        "running": feed is not None and feed.running,
    }


@api.route_for("post", "/<unit_id>/monitor/start", needs="operator", answer=KeepAliveAnswer, problems=UNIT_PROBLEMS)
def start_monitor(path: UnitPath) -> dict[str, Any]:
    """Keep the feed alive though nobody watches; kept over restarts."""
    return _keep_alive(path.unit_id, True, f"the feed of {path.unit_id} is kept alive")


@api.route_for("post", "/<unit_id>/monitor/stop", needs="operator", answer=KeepAliveAnswer, problems=UNIT_PROBLEMS)
def stop_monitor(path: UnitPath) -> dict[str, Any]:
    """Let the feed end with its last viewer."""
    return _keep_alive(path.unit_id, False, f"the feed of {path.unit_id} runs only while somebody watches")


@api.route_for("get", "/_polling/status", needs="viewer", answer=DataAnswer, problems=())
def polling_status() -> dict[str, Any]:
    """The background poller and every unit."""
    fleet = context.runtime().fleet
    rows = [jsonable(row) for row in fleet.polling_status() if caller().sees(row.unit_id)]
    is_running = context.runtime().is_running and not fleet.is_standby
    return {"status": "ok", "data": {"poller_running": is_running, "total_devices": len(rows), "devices": rows}}


@api.route_for("get", "/<unit_id>/polling/config", needs="viewer", answer=DataAnswer, problems=UNIT_PROBLEMS)
def read_polling(path: UnitPath) -> dict[str, Any]:
    """The background poller for one unit."""
    device = context.device(path.unit_id)
    return {
        "status": "ok",
        "data": {
            "unit_id": device.unit_id,
            "poll_enabled": device.poll_enabled,
            "poll_interval_seconds": device.poll_interval_seconds,
        },
    }


@api.route_for("put", "/<unit_id>/polling/config", needs="operator", answer=DataAnswer, problems=UNIT_PROBLEMS)
def write_polling(path: UnitPath, body: PollingInput) -> dict[str, Any]:
    """Change the background poller for one unit."""
    context.runtime().roster.change(path.unit_id, **body.model_dump(exclude_none=True))
    return read_polling(path)


@api.route_for("get", "/_connections/status", needs="viewer", answer=ConnectionsAnswer, problems=())
def connections() -> dict[str, Any]:
    """Every connection: state, age, idle time and counters."""
    runtime = context.runtime()
    settings = runtime.settings
    rows = [jsonable(row) for row in runtime.fleet.connections() if caller().sees(row.unit_id)]
    is_open = {
        f"{row['host']}:{row['port']}": {
            "host": row["host"],
            "port": row["port"],
            "age_seconds": row["age_s"],
            "idle_seconds": row["idle_s"],
            "alive": True,
        }
        for row in rows
        if row["connected"]
    }
    config = {
        "idle_ttl": settings.tcp_idle_ttl,
        "max_age": settings.tcp_max_age,
        "keepalive_idle": settings.tcp_keepalive_idle,
        "keepalive_interval": settings.tcp_keepalive_interval,
        "keepalive_count": settings.tcp_keepalive_count,
    }
    active = sum(row["connected"] for row in rows)
    is_persistent = settings.tcp_persistent_enabled
    return {
        "status": "ok",
        "pool": {"enabled": is_persistent, "active_connections": active, **config, "connections": is_open},
        "data": {
            "config": {"persistent_enabled": is_persistent, **config},
            "active_connections": active,
            "connections": rows,
        },
    }


@api.route_for("post", "/_connections/flush", needs="operator", answer=DataAnswer, problems=())
def flush_connections() -> dict[str, Any]:
    """Close every connection after the command in flight; feeds open theirs again."""
    closed = context.runtime().fleet.flush_connections()
    return {"status": "ok", "message": f"{closed} connections closed", "data": {"closed": closed}}


@api.route_for(
    "post", "/<unit_id>/disconnect", needs="operator", answer=DisconnectAnswer, problems=(*UNIT_PROBLEMS, 503, 504)
)
def disconnect(path: UnitPath) -> dict[str, Any]:
    """Close one connection after the command in flight; doing it twice does no harm."""
    device = context.device(path.unit_id)
    was_open = context.runtime().fleet.disconnect(path.unit_id)
    return {
        "status": "ok",
        "message": "Connection closed" if was_open else "There was no connection to close",
        "unit_id": path.unit_id,
        "device_key": f"{device.host}:{device.tcp_port}",
        "disconnected": was_open,
    }


def _activity(device: Device, message: str) -> dict[str, Any]:
    return {
        "status": "ok",
        "message": message,
        "unit_id": device.unit_id,
        "poll_enabled": device.is_active and device.poll_enabled,
        "data": config_view(device),
    }


@api.route_for(
    "post", "/<unit_id>/deactivate", needs="operator", answer=ActivityAnswer, problems=(*UNIT_PROBLEMS, 503, 504)
)
def deactivate(path: UnitPath) -> dict[str, Any]:
    """Leave a unit alone: no polling, no feed, connection closed; kept over restarts."""
    runtime = context.runtime()
    device = runtime.roster.change(path.unit_id, is_active=False)
    runtime.fleet.disconnect(path.unit_id)
    return _activity(device, f"{path.unit_id} is left alone")


@api.route_for("post", "/<unit_id>/activate", needs="operator", answer=ActivityAnswer, problems=UNIT_PROBLEMS)
def activate(path: UnitPath) -> dict[str, Any]:
    """Take care of a unit again."""
    device = context.runtime().roster.change(path.unit_id, is_active=True)
    return _activity(device, f"{path.unit_id} is looked after again")
