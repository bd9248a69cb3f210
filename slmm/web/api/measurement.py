"""Measurement control: start, stop, pause, store, results, and whether one runs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Any, TypeVar

from slmm.events import RunState
from slmm.live.encoding import labels_payload
from slmm.nl43.meter import Meter
from slmm.web import context
from slmm.web.api.meter_models import BatteryAnswer, PauseAnswer, ResultsAnswer, SleepAnswer
from slmm.web.api.models import MeasurementStateAnswer, Ok, UnitPath
from slmm.web.openapi import DEVICE_PROBLEMS, Api

T = TypeVar("T")

api = Api("measurement", "Measurement control")

CONTROL_TIMEOUT_S = 30.0


def ask(unit_id: str, action: Callable[[Meter], T], what: str, timeout_s: float = CONTROL_TIMEOUT_S) -> T:
    """Have the meter's worker do something; raises NotFound before anything is asked."""
    context.device(unit_id)
    return context.runtime().fleet.request(unit_id, action, what, timeout_s)


@api.route_for("post", "/<unit_id>/start", needs="operator", answer=Ok, problems=DEVICE_PROBLEMS)
def start(path: UnitPath) -> dict[str, Any]:
    """Start a measurement: ends a sleep mode first, then reads the state back."""
    ask(path.unit_id, Meter.start_measurement, "start")
    return {"status": "ok", "message": "Measurement started"}


@api.route_for("post", "/<unit_id>/stop", needs="operator", answer=Ok, problems=DEVICE_PROBLEMS)
def stop(path: UnitPath) -> dict[str, Any]:
    """Stop the measurement; once the meter has accepted, it is a success."""
    ask(path.unit_id, Meter.stop_measurement, "stop")
    return {"status": "ok", "message": "Measurement stopped"}


@api.route_for("post", "/<unit_id>/pause", needs="operator", answer=Ok, problems=DEVICE_PROBLEMS)
def pause(path: UnitPath) -> dict[str, Any]:
    """Hold the running measurement."""
    ask(path.unit_id, Meter.pause_measurement, "pause")
    return {"status": "ok", "message": "Measurement paused"}


@api.route_for("post", "/<unit_id>/resume", needs="operator", answer=Ok, problems=DEVICE_PROBLEMS)
def resume(path: UnitPath) -> dict[str, Any]:
    """Go on after a pause."""
    ask(path.unit_id, Meter.resume_measurement, "resume")
    return {"status": "ok", "message": "Measurement resumed"}


@api.route_for("post", "/<unit_id>/reset", needs="operator", answer=Ok, problems=DEVICE_PROBLEMS)
def reset(path: UnitPath) -> dict[str, Any]:
    """Send the reset of 0.4.0; this meter has none and says so (409): stop and start begins anew."""
    ask(path.unit_id, Meter.reset_measurement, "reset")
    return {"status": "ok", "message": "Measurement data reset"}


@api.route_for("post", "/<unit_id>/store", needs="operator", answer=Ok, problems=DEVICE_PROBLEMS)
def store(path: UnitPath) -> dict[str, Any]:
    """Write the last manual measurement to the SD card."""
    ask(path.unit_id, Meter.store_result, "store")
    return {"status": "ok", "message": "Data stored to SD card"}


@api.route_for(
    "get", "/<unit_id>/measurement-state", needs="viewer", answer=MeasurementStateAnswer, problems=DEVICE_PROBLEMS
)
def measurement_state(path: UnitPath) -> dict[str, Any]:
    """Ask the meter whether a measurement runs."""
    state = ask(path.unit_id, Meter.read_run_state, "read the run state")
    return {"status": "ok", "measurement_state": state, "is_measuring": state is RunState.MEASURING}


@api.route_for("get", "/<unit_id>/pause", needs="viewer", answer=PauseAnswer, problems=DEVICE_PROBLEMS)
def pause_state(path: UnitPath) -> dict[str, Any]:
    """Ask the meter whether its measurement is held; its run state does not tell."""
    value = ask(path.unit_id, lambda meter: meter.read_value("Pause"), "read the pause")
    return {"status": "ok", "is_paused": value.lower() == "on"}


@api.route_for("get", "/<unit_id>/results", needs="viewer", answer=ResultsAnswer, problems=DEVICE_PROBLEMS)
def results(path: UnitPath) -> dict[str, Any]:
    """The result of the running or last measurement (DLC)."""
    channels, raw = ask(path.unit_id, Meter.read_result, "read the result")
    device = context.device(path.unit_id)
    levels = asdict(channels[0])
    del levels["lp"]  # DLC has none
    labels = labels_payload(context.runtime().board.status(path.unit_id).labels)
    key = f"{device.host}:{device.tcp_port}"
    return {"status": "ok", "data": {"device_key": key, "raw_data": raw, **levels, "labels": labels}}


@api.route_for("post", "/<unit_id>/sleep", needs="operator", answer=Ok, problems=DEVICE_PROBLEMS)
def sleep(path: UnitPath) -> dict[str, Any]:
    """Switch the sleep mode on: a meter that sleeps may stay out of reach until somebody presses a key."""
    ask(path.unit_id, lambda meter: meter.write_setting("Sleep Mode", "On"), "sleep")
    return {"status": "ok", "message": "Device entering sleep mode"}


@api.route_for("post", "/<unit_id>/wake", needs="operator", answer=Ok, problems=DEVICE_PROBLEMS)
def wake(path: UnitPath) -> dict[str, Any]:
    """Switch the sleep mode off."""
    ask(path.unit_id, lambda meter: meter.write_setting("Sleep Mode", "Off"), "wake")
    return {"status": "ok", "message": "Device waking from sleep mode"}


@api.route_for("get", "/<unit_id>/sleep/status", needs="viewer", answer=SleepAnswer, problems=DEVICE_PROBLEMS)
def sleep_status(path: UnitPath) -> dict[str, Any]:
    """Whether the sleep mode is on."""
    value = ask(path.unit_id, lambda meter: meter.read_value("Sleep Mode"), "read the sleep mode")
    return {"status": "ok", "sleep_status": value}


@api.route_for("get", "/<unit_id>/battery", needs="viewer", answer=BatteryAnswer, problems=DEVICE_PROBLEMS)
def battery(path: UnitPath) -> dict[str, Any]:
    """The battery level, in the meter's own word."""
    level = ask(path.unit_id, Meter.read_battery, "read the battery")
    context.runtime().board.status(path.unit_id).battery_level = level
    return {"status": "ok", "battery_level": level}
