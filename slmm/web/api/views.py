"""How devices and states look in JSON."""

from __future__ import annotations

import dataclasses
from typing import Any

from slmm.live.encoding import labels_payload, reading_payload
from slmm.storage.board import UnitStatus
from slmm.storage.devices import Device
from slmm.times import timestamp

_LEVELS = ("lp", "leq", "le", "lmax", "lmin", "lpeak", "ln1", "ln2", "ln3", "ln4", "ln5", "over", "under")


def config_view(device: Device) -> dict[str, Any]:
    """A configuration; of a secret only whether there is one."""
    view = dataclasses.asdict(device)
    view["ftp_password_set"] = bool(view.pop("ftp_password"))
    return view


def shared_view(device: Device) -> dict[str, Any]:
    """What somebody with a share link gets to know of a unit: no address, no place."""
    return {"unit_id": device.unit_id, "name": device.name, "is_active": device.is_active}


_NOT_FOR_GUESTS = (
    "last_error",
    "raw_payload",
    "held_by",
    "verdict",
    "battery_level",
    "power_source",
    "sd_remaining_mb",
    "sd_free_ratio",
    "sd_days_left",
    "clock_offset_s",
    "sleep_mode",
    "last_poll_attempt",
)
"""What may tell addresses, or is nobody's business who was given a link."""


def status_view(status: UnitStatus, *, for_guest: bool = False) -> dict[str, Any]:
    """The latest state of a unit."""
    view = _status_view(status)
    return {**view, **dict.fromkeys(_NOT_FOR_GUESTS)} if for_guest else view


def _status_view(status: UnitStatus) -> dict[str, Any]:
    reading = reading_payload(status.reading) if status.reading else {}
    times = {
        "last_poll_attempt": status.last_poll_attempt,
        "last_success": status.last_success,
        "measurement_start_time": status.measurement_started_at,
    }
    return {
        "unit_id": status.unit_id,
        "last_seen": reading.get("timestamp"),
        "measurement_state": status.run_state,
        "counter": reading.get("counter"),
        **{name: reading.get(name) for name in _LEVELS},
        "raw_payload": reading.get("raw_payload"),
        "flags": reading.get("flags", []),
        "labels": labels_payload(status.labels),
        "battery_level": status.battery_level,
        "power_source": status.power_source,
        "sd_remaining_mb": status.sd_remaining_mb,
        "sd_free_ratio": status.sd_free_ratio,
        "sd_days_left": status.sd_days_left,
        "clock_offset_s": status.clock_offset_s,
        "sleep_mode": status.sleep_mode,
        "held_by": status.held_by,
        "verdict": status.verdict,
        "is_reachable": status.is_reachable,
        "consecutive_failures": status.consecutive_failures,
        "last_error": status.last_error,
        **{name: timestamp(at) if at else None for name, at in times.items()},
    }


def device_health(device: Device, status: UnitStatus) -> dict[str, Any]:
    """Whether a unit could be reached when it was last asked; nobody asks it now."""
    return {
        "unit_id": device.unit_id,
        "host": device.host,
        "port": device.tcp_port,
        "reachable": status.is_reachable is True,
        "error": None if status.is_reachable else status.last_error or "not asked yet",
    }


def has_been_heard_of(status: UnitStatus) -> bool:
    """Whether there is anything to show."""
    return status.reading is not None or status.is_reachable is not None or status.last_poll_attempt is not None


def jsonable(value: Any) -> Any:
    """Dataclasses and times as JSON shows them."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: jsonable(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if hasattr(value, "tzinfo"):
        return timestamp(value)
    return value
