"""Settings of a meter: clock, weightings, intervals, store name, and all of them at once."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from slmm.errors import Conflict
from slmm.fleet.health import clock_offset_s
from slmm.fleet.operations import Operation
from slmm.fleet.procedures import REAL_NAMES, SETTINGS, every_setting, fingerprint, read_settings
from slmm.nl43.meter import Meter
from slmm.times import timestamp
from slmm.web import context
from slmm.web.api.measurement import ask
from slmm.web.api.meter_models import (
    ChannelQuery,
    ClockAnswer,
    ClockInput,
    FingerprintAnswer,
    FrequencyWeightingAnswer,
    FrequencyWeightingInput,
    IndexAnswer,
    IndexInput,
    LeqIntervalAnswer,
    LeqIntervalInput,
    LpIntervalAnswer,
    LpIntervalInput,
    MeasurementTimeAnswer,
    MeasurementTimeInput,
    OperationAnswer,
    OverwriteAnswer,
    SettingsAnswer,
    SettingsQuery,
    TimeWeightingAnswer,
    TimeWeightingInput,
)
from slmm.web.api.models import Ok, UnitPath
from slmm.web.api.operations import run
from slmm.web.openapi import DEVICE_PROBLEMS, Api

api = Api("settings", "Settings of a meter")


def _read(unit_id: str, name: str) -> str:
    return ask(unit_id, lambda meter: meter.read_value(name), f"read {name}")


def _write(unit_id: str, name: str, value: str) -> None:
    ask(unit_id, lambda meter: meter.write_setting(name, value), f"set {name}")
    context.runtime().fleet.settings_changed(unit_id)


# -- clock ------------------------------------------------------------------------------------------


@api.route_for("get", "/<unit_id>/clock", needs="viewer", answer=ClockAnswer, problems=DEVICE_PROBLEMS)
def read_clock(path: UnitPath) -> dict[str, Any]:
    """The meter's clock, and how far it is off."""
    zone = context.runtime().fleet.zone(context.device(path.unit_id).unit_id)

    def read(meter: Meter) -> tuple[datetime, datetime]:
        return meter.read_clock(), datetime.now(UTC)

    clock, at = ask(path.unit_id, read, "read the clock")
    offset_s = clock_offset_s(clock, at, ZoneInfo(zone))
    text = f"{clock:%Y/%m/%d %H:%M:%S}"
    return {"status": "ok", "clock": text, "timezone": zone, "offset_s": round(offset_s, 1)}


@api.route_for("put", "/<unit_id>/clock", needs="operator", answer=Ok, problems=DEVICE_PROBLEMS)
def write_clock(path: UnitPath, body: ClockInput) -> dict[str, Any]:
    """Set the meter's clock; without a time, to the present moment in the meter's zone."""
    zone = ZoneInfo(context.runtime().fleet.zone(context.device(path.unit_id).unit_id))
    given = body.datetime

    def write(meter: Meter) -> str:
        if given is not None:
            meter.write_setting("Clock", given)
            return given
        moment = meter.set_clock_now(lambda: datetime.now(zone).replace(tzinfo=None))
        return f"{moment:%Y/%m/%d %H:%M:%S}"

    text = ask(path.unit_id, write, "set the clock")
    context.runtime().fleet.settings_changed(path.unit_id)
    return {"status": "ok", "message": f"Clock set to {text}"}


# -- weightings -------------------------------------------------------------------------------------


@api.route_for(
    "get",
    "/<unit_id>/frequency-weighting",
    needs="viewer",
    answer=FrequencyWeightingAnswer,
    problems=DEVICE_PROBLEMS,
)
def read_frequency_weighting(path: UnitPath, query: ChannelQuery) -> dict[str, Any]:
    """A, C or Z."""
    value = _read(path.unit_id, f"Frequency Weighting ({query.channel})")
    return {"status": "ok", "frequency_weighting": value, "channel": query.channel}


@api.route_for("put", "/<unit_id>/frequency-weighting", needs="operator", answer=Ok, problems=DEVICE_PROBLEMS)
def write_frequency_weighting(path: UnitPath, body: FrequencyWeightingInput) -> dict[str, Any]:
    """Set A, C or Z."""
    _write(path.unit_id, f"Frequency Weighting ({body.channel})", body.weighting)
    return {"status": "ok", "message": f"Frequency weighting set to {body.weighting} on {body.channel}"}


@api.route_for("get", "/<unit_id>/time-weighting", needs="viewer", answer=TimeWeightingAnswer, problems=DEVICE_PROBLEMS)
def read_time_weighting(path: UnitPath, query: ChannelQuery) -> dict[str, Any]:
    """F, S or I."""
    value = _read(path.unit_id, f"Time Weighting ({query.channel})")
    return {"status": "ok", "time_weighting": value, "channel": query.channel}


@api.route_for("put", "/<unit_id>/time-weighting", needs="operator", answer=Ok, problems=DEVICE_PROBLEMS)
def write_time_weighting(path: UnitPath, body: TimeWeightingInput) -> dict[str, Any]:
    """Set F, S or I."""
    _write(path.unit_id, f"Time Weighting ({body.channel})", body.weighting)
    return {"status": "ok", "message": f"Time weighting set to {body.weighting} on {body.channel}"}


# -- times, intervals, store name -------------------------------------------------------------------


@api.route_for(
    "get", "/<unit_id>/measurement-time", needs="viewer", answer=MeasurementTimeAnswer, problems=DEVICE_PROBLEMS
)
def read_measurement_time(path: UnitPath) -> dict[str, Any]:
    """How long a manual measurement lasts."""
    return {"status": "ok", "measurement_time": _read(path.unit_id, SETTINGS["measurement_time"])}


@api.route_for("put", "/<unit_id>/measurement-time", needs="operator", answer=Ok, problems=DEVICE_PROBLEMS)
def write_measurement_time(path: UnitPath, body: MeasurementTimeInput) -> dict[str, Any]:
    """Set how long a manual measurement lasts."""
    _write(path.unit_id, SETTINGS["measurement_time"], body.preset)
    return {"status": "ok", "message": f"Measurement time set to {body.preset}"}


@api.route_for("get", "/<unit_id>/leq-interval", needs="viewer", answer=LeqIntervalAnswer, problems=DEVICE_PROBLEMS)
def read_leq_interval(path: UnitPath) -> dict[str, Any]:
    """Over how long the stored Leq are taken."""
    return {"status": "ok", "leq_interval": _read(path.unit_id, SETTINGS["leq_interval"])}


@api.route_for("put", "/<unit_id>/leq-interval", needs="operator", answer=Ok, problems=DEVICE_PROBLEMS)
def write_leq_interval(path: UnitPath, body: LeqIntervalInput) -> dict[str, Any]:
    """Set over how long the stored Leq are taken."""
    _write(path.unit_id, SETTINGS["leq_interval"], body.preset)
    return {"status": "ok", "message": f"Leq interval set to {body.preset}"}


@api.route_for("get", "/<unit_id>/lp-interval", needs="viewer", answer=LpIntervalAnswer, problems=DEVICE_PROBLEMS)
def read_lp_interval(path: UnitPath) -> dict[str, Any]:
    """How often Lp is stored."""
    return {"status": "ok", "lp_interval": _read(path.unit_id, SETTINGS["lp_interval"])}


@api.route_for("put", "/<unit_id>/lp-interval", needs="operator", answer=Ok, problems=DEVICE_PROBLEMS)
def write_lp_interval(path: UnitPath, body: LpIntervalInput) -> dict[str, Any]:
    """Set how often Lp is stored."""
    _write(path.unit_id, SETTINGS["lp_interval"], body.preset)
    return {"status": "ok", "message": f"Lp interval set to {body.preset}"}


@api.route_for("get", "/<unit_id>/index-number", needs="viewer", answer=IndexAnswer, problems=DEVICE_PROBLEMS)
def read_index_number(path: UnitPath) -> dict[str, Any]:
    """The store name: which folder the next measurement goes to."""
    return {"status": "ok", "index_number": _read(path.unit_id, SETTINGS["index_number"])}


@api.route_for("put", "/<unit_id>/index-number", needs="operator", answer=Ok, problems=DEVICE_PROBLEMS)
def write_index_number(path: UnitPath, body: IndexInput) -> dict[str, Any]:
    """Set the store name."""
    _write(path.unit_id, SETTINGS["index_number"], f"{body.index:04d}")
    return {"status": "ok", "message": f"Index number set to {body.index:04d}"}


@api.route_for("get", "/<unit_id>/overwrite-check", needs="viewer", answer=OverwriteAnswer, problems=DEVICE_PROBLEMS)
def overwrite_check(path: UnitPath) -> dict[str, Any]:
    """Whether the next measurement would overwrite what is on the card."""
    value = _read(path.unit_id, "Overwrite")
    return {
        "status": "ok",
        "overwrite_status": value,
        "will_overwrite": value != "None",
        "safe_to_store": value == "None",
    }


# -- all of them ------------------------------------------------------------------------------------


@api.route_for(
    "get",
    "/<unit_id>/settings",
    needs="viewer",
    answer=SettingsAnswer,
    problems=DEVICE_PROBLEMS,
    accepted=OperationAnswer,
)
def read_all(path: UnitPath, query: SettingsQuery) -> Any:
    """All settings, one command each; an item that fails says so in its place."""
    names = every_setting() if query.complete else {**SETTINGS, **REAL_NAMES}
    fingerprints = context.runtime().fingerprints

    def work(operation: Operation) -> dict[str, Any]:
        settings = read_settings(context.asker(path.unit_id, runtime), operation, names)
        known = fingerprints.get(path.unit_id)
        return {
            "unit_id": path.unit_id,
            "settings": settings,
            "changed": known.changes(settings) if known else {},
            "fingerprint_taken_at": timestamp(known.taken_at) if known else None,
        }

    runtime = context.runtime()
    return run(path.unit_id, "settings", work, wait=query.wait, timeout_s=30.0 + 5.0 * len(names))


@api.route_for(
    "get",
    "/<unit_id>/settings/all",
    needs="viewer",
    answer=SettingsAnswer,
    problems=DEVICE_PROBLEMS,
    accepted=OperationAnswer,
)
def read_all_again(path: UnitPath, query: SettingsQuery) -> Any:
    """The same under the second name it had in 0.4.0."""
    return read_all(path, query)


@api.route_for(
    "put", "/<unit_id>/settings/fingerprint", needs="operator", answer=FingerprintAnswer, problems=DEVICE_PROBLEMS
)
def take_fingerprint(path: UnitPath) -> Any:
    """Read the settings that change what the figures mean, and take them as the right ones from now on."""
    runtime = context.runtime()

    def work(operation: Operation) -> dict[str, Any]:
        settings = read_settings(context.asker(path.unit_id, runtime), operation, {**SETTINGS, **REAL_NAMES})
        digest = fingerprint(settings)
        if digest is None:
            raise Conflict(f"not every setting of {path.unit_id} could be read; nothing was taken: {settings}")
        taken = runtime.fingerprints.put(path.unit_id, digest, settings)
        return {"unit_id": path.unit_id, "taken_at": timestamp(taken.taken_at), "sha256": digest}

    return run(path.unit_id, "fingerprint", work, wait=True, timeout_s=180.0)
