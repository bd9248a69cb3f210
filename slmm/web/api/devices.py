"""Units: roster, configuration and state."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from slmm.errors import Invalid, NotFound
from slmm.events import Levels, Reading
from slmm.nl43.readings import parse_level, parse_run_state
from slmm.signals import publish, reading_taken
from slmm.storage.devices import Device
from slmm.web import context
from slmm.web.access import Role, caller, visible
from slmm.web.api.models import (
    ConfigAnswer,
    ConfigInput,
    NewDevice,
    Ok,
    RosterAnswer,
    StatusAnswer,
    StatusInput,
    UnitPath,
)
from slmm.web.api.views import config_view, has_been_heard_of, shared_view, status_view
from slmm.web.openapi import DEVICE_PROBLEMS, PLAIN_PROBLEMS, UNIT_PROBLEMS, Api

api = Api("devices", "Units: roster, configuration and state")

PUSHED_LEVELS = ("lp", "leq", "lmax", "lmin", "lpeak", "ln1", "ln2")


@api.route_for("get", "/roster", needs="guest", answer=RosterAnswer, problems=())
def read_roster() -> dict[str, Any]:
    """All units with configuration and state; a guest gets names and levels only."""
    runtime = context.runtime()
    is_guest = caller().role is Role.GUEST
    devices = []
    for unit_id in visible(device.unit_id for device in runtime.roster.all()):
        device, status = runtime.roster.get(unit_id), runtime.board.status(unit_id)
        config = shared_view(device) if is_guest else config_view(device)
        shown = status_view(status, for_guest=is_guest) if has_been_heard_of(status) else None
        devices.append({**config, "status": shown})
    return {"status": "ok", "devices": devices, "total": len(devices)}


@api.route_for("post", "/roster", needs="operator", answer=ConfigAnswer, problems=(409, *PLAIN_PROBLEMS))
def create_device(body: NewDevice) -> dict[str, Any]:
    """Take on a unit."""
    device = Device(**body.changes())
    context.runtime().roster.add(device)
    return {"status": "ok", "message": f"{device.unit_id} is on the roster", "data": config_view(device)}


@api.route_for("get", "/<unit_id>/config", needs="viewer", answer=ConfigAnswer, problems=UNIT_PROBLEMS)
def read_config(path: UnitPath) -> dict[str, Any]:
    """The configuration of a unit."""
    return {"status": "ok", "data": config_view(context.device(path.unit_id))}


@api.route_for("put", "/<unit_id>/config", needs="operator", answer=ConfigAnswer, problems=UNIT_PROBLEMS)
def write_config(path: UnitPath, body: ConfigInput) -> dict[str, Any]:
    """Change a unit's configuration, or take the unit on."""
    roster = context.runtime().roster
    changes = body.changes()
    if path.unit_id in roster:
        device = replace(roster.get(path.unit_id), **changes)
    elif "host" in changes:
        device = Device(path.unit_id, **changes)
    else:
        raise Invalid(f"host is missing: {path.unit_id} is new, and a new unit needs one", field="host")
    roster.put(device)
    return {"status": "ok", "data": config_view(device)}


@api.route_for("delete", "/<unit_id>/config", needs="admin", answer=Ok, problems=UNIT_PROBLEMS)
def delete_config(path: UnitPath) -> dict[str, Any]:
    """Remove a unit with its state and trail; its feed ends and its connection is closed."""
    context.runtime().roster.remove(path.unit_id)
    return {"status": "ok", "message": f"{path.unit_id} is off the roster"}


@api.route_for("get", "/<unit_id>/status", needs="guest", answer=StatusAnswer, problems=UNIT_PROBLEMS)
def read_status(path: UnitPath) -> dict[str, Any]:
    """The latest state of a unit, from memory."""
    context.device(path.unit_id)
    status = context.runtime().board.status(path.unit_id)
    if not has_been_heard_of(status):
        raise NotFound(f"nothing has been heard of {path.unit_id} yet")
    return {"status": "ok", "data": status_view(status, for_guest=caller().role is Role.GUEST)}


@api.route_for("post", "/<unit_id>/status", needs="operator", answer=StatusAnswer, problems=UNIT_PROBLEMS)
def push_status(path: UnitPath, body: StatusInput) -> dict[str, Any]:
    """Push a snapshot from outside; it is shown and stored like a reading."""
    context.device(path.unit_id)
    board = context.runtime().board
    status = board.status(path.unit_id)
    before = status.reading.main if status.reading else Levels()
    pushed = body.model_dump(include=set(PUSHED_LEVELS), exclude_none=True)
    levels: dict[str, Any] = {name: parse_level(text) for name, text in pushed.items()}
    if body.measurement_state is not None:
        status.run_state = parse_run_state(body.measurement_state) or status.run_state
    for name in ("battery_level", "power_source", "sd_remaining_mb", "sd_free_ratio"):
        if getattr(body, name) is not None:
            setattr(status, name, getattr(body, name))
    reading = Reading(
        unit_id=path.unit_id,
        at=datetime.now(UTC),
        main=replace(before, **levels),
        raw=body.raw_payload or "",
        run_state=status.run_state,
        measurement_started_at=status.measurement_started_at,
        flags=("pushed",),
        labels=status.labels,
    )
    status.reading = reading
    publish(reading_taken, reading)
    return {"status": "ok", "data": status_view(status)}


@api.route_for("get", "/<unit_id>/live", needs="viewer", answer=StatusAnswer, problems=DEVICE_PROBLEMS)
def read_live(path: UnitPath) -> dict[str, Any]:
    """A fresh reading from the meter, stored and shown like a poll."""
    context.device(path.unit_id)
    runtime = context.runtime()
    runtime.fleet.read_now(path.unit_id)
    return {"status": "ok", "data": status_view(runtime.board.status(path.unit_id))}
