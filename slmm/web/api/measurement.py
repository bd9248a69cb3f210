"""Measurement control: start, stop, and whether one runs."""

from __future__ import annotations

from typing import Any

from slmm.events import RunState
from slmm.nl43.meter import Meter
from slmm.web import context
from slmm.web.api.models import MeasurementStateAnswer, Ok, UnitPath
from slmm.web.openapi import DEVICE_PROBLEMS, Api

api = Api("measurement", "Measurement control")


@api.route_for("post", "/<unit_id>/start", needs="operator", answer=Ok, problems=DEVICE_PROBLEMS)
def start(path: UnitPath) -> dict[str, Any]:
    """Start a measurement: ends a sleep mode first, then reads the state back."""
    context.device(path.unit_id)
    context.runtime().fleet.request(path.unit_id, Meter.start_measurement, "start", 30.0)
    return {"status": "ok", "message": "Measurement started"}


@api.route_for("post", "/<unit_id>/stop", needs="operator", answer=Ok, problems=DEVICE_PROBLEMS)
def stop(path: UnitPath) -> dict[str, Any]:
    """Stop the measurement; once the meter has accepted, it is a success."""
    context.device(path.unit_id)
    context.runtime().fleet.request(path.unit_id, Meter.stop_measurement, "stop", 30.0)
    return {"status": "ok", "message": "Measurement stopped"}


@api.route_for(
    "get", "/<unit_id>/measurement-state", needs="viewer", answer=MeasurementStateAnswer, problems=DEVICE_PROBLEMS
)
def measurement_state(path: UnitPath) -> dict[str, Any]:
    """Ask the meter whether a measurement runs."""
    context.device(path.unit_id)
    state = context.runtime().fleet.request(path.unit_id, Meter.read_run_state, "read the run state")
    return {"status": "ok", "measurement_state": state, "is_measuring": state is RunState.MEASURING}
