"""What takes many commands: reading all settings, beginning and ending a measurement cycle.

Each step is asked of the meter's worker on its own, so that polls and a person's commands go on in between.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Protocol, TypeVar

from slmm.errors import CommandError, Conflict, DeviceError, StatusError
from slmm.fleet.operations import Operation
from slmm.nl43.commands import COMMANDS
from slmm.nl43.meter import Meter

T = TypeVar("T")

STORE_NAMES = 10_000
MOST_ATTEMPTS = 100
"""Store names tried before a cycle gives up: two commands each, so about four minutes."""

SETTINGS: Mapping[str, str] = {
    "measurement_state": "Measure",
    "frequency_weighting": "Frequency Weighting (Main)",
    "time_weighting": "Time Weighting (Main)",
    "measurement_time": "Measurement Time Preset Manual",
    "leq_interval": "Leq Calculation Interval Preset",
    "lp_interval": "Lp Store Interval",
    "index_number": "Store Name",
    "battery_level": "Battery Level",
    "clock": "Clock",
    "sleep_mode": "Sleep Mode",
    "ftp_status": "FTP",
}
"""What the two settings reads give, by their names in 0.4.0; its index number is the meter's Store Name."""

REAL_NAMES: Mapping[str, str] = {
    "store_mode": "Store Mode",
    "file_index_number": "Index Number",
    "measurement_time_auto": "Measurement Time Preset Auto",
    **{f"percentile_{number}": f"Percentile {number}" for number in range(1, 6)},
}
"""What 0.4.0 did not read."""

FINGERPRINT = (
    "frequency_weighting", "time_weighting", "measurement_time", "measurement_time_auto", "leq_interval",
    "lp_interval", "store_mode", *(f"percentile_{number}" for number in range(1, 6)),
)  # fmt: skip
"""The settings that change what the figures mean."""

NEVER_READ = frozenset({"DOD", "DRD", "DLC", "Overwrite", "TCP"})


class Ask(Protocol):
    """Has one step done in the meter's turn."""

    def __call__(self, action: Callable[[Meter], T], what: str) -> T:
        """Its result; raises what the action raises."""


def every_setting() -> dict[str, str]:
    """Everything that can be read, by a name made of the meter's own."""
    known = {**SETTINGS, **REAL_NAMES}
    names = {
        spec.name.lower().replace("(", "").replace(")", "").replace(" ", "_"): spec.name
        for spec in COMMANDS.values()
        if spec.is_readable and spec.name not in NEVER_READ and spec.name not in known.values()
    }
    return {**known, **names}


def read_settings(ask: Ask, operation: Operation, names: Mapping[str, str]) -> dict[str, str]:
    """The values by member name; an item that fails tells so in its place, ``Error: …`` as in 0.4.0."""
    found: dict[str, str] = {}
    for number, (member, name) in enumerate(names.items()):
        operation.step(f"read {name}")
        operation.progress(number, len(names), "steps")
        try:
            found[member] = ask(lambda meter, name=name: meter.read_value(name), f"read {name}")  # type: ignore[misc]
        except DeviceError as error:
            operation.end_step("failed", str(error))
            found[member] = f"Error: {error}"
    operation.progress(len(names), len(names), "steps")
    return found


def fingerprint(settings: Mapping[str, str]) -> str | None:
    """SHA-256 over the settings that change what the figures mean; None unless all of them were read."""
    values = {name: settings.get(name, "Error") for name in FINGERPRINT}
    if any(value.startswith("Error") for value in values.values()):
        return None
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()


def start_cycle(ask: Ask, operation: Operation, *, local_now: Callable[[], datetime] | None) -> dict[str, Any]:
    """Clock, next free store name, start; the result is that of 0.4.0 with the steps beside it.

    Raises Conflict when every store name tried is taken, StatusError when a measurement runs already.
    """
    result: dict[str, Any] = {"clock_synced": False, "server_time": None, "started": False}
    operation.step("see that nothing runs")
    if ask(Meter.read_run_state, "read the run state") == "Start":
        raise StatusError(f"{operation.unit_id} measures already; stop it first", command="Measure,Start")
    operation.step("end the sleep mode")
    ask(Meter.end_sleep, "end the sleep mode")
    if local_now is not None:
        operation.step("set the clock")
        now = ask(lambda meter: meter.set_clock_now(local_now), "set the clock")
        result |= {"clock_synced": True, "server_time": f"{now:%Y/%m/%d %H:%M:%S}"}
    result |= next_store_name(ask, operation)
    operation.step("start")
    ask(Meter.start_measurement, "start")
    result["started"] = True
    return result


def next_store_name(ask: Ask, operation: Operation) -> dict[str, Any]:
    """Set the first store name after the present one under which nothing is stored; wraps at 9999."""
    operation.step("find a free store name")
    old = int(ask(lambda meter: meter.read_value("Store Name"), "read the store name"))
    for attempt in range(1, MOST_ATTEMPTS + 1):
        candidate = (old + attempt) % STORE_NAMES
        ask(lambda meter, text=f"{candidate:04d}": meter.write_setting("Store Name", text), "set the store name")  # type: ignore[misc]
        if ask(lambda meter: meter.read_value("Overwrite"), "ask what would be overwritten") == "None":
            operation.end_step("done", f"{candidate:04d} is free")
            return {"old_index": old, "new_index": candidate, "attempts_made": attempt}
        operation.progress(attempt, MOST_ATTEMPTS, "steps")
    ask(lambda meter: meter.write_setting("Store Name", f"{old:04d}"), "put the store name back")
    raise Conflict(
        f"the {MOST_ATTEMPTS} store names after {old:04d} all hold data; download what is on the card, then clear it"
    )


def stop_for_cycle(ask: Ask, operation: Operation) -> bool:
    """Stop; tells whether anything ran: a measurement that has ended by itself is to be fetched all the same."""
    operation.step("stop")
    try:
        ask(Meter.stop_measurement, "stop")
    except StatusError as error:
        operation.end_step("skipped", f"nothing ran: {error}")
        return False
    return True


def restart_ftp(
    ask: Ask,
    operation: Operation,
    *,
    sleep: Callable[[float], None],
    settle_s: float,
    port_answers: Callable[[], bool] | None,
) -> bool:
    """FTP off and on, then wait as ``enable_ftp`` does."""
    operation.step("FTP off and on")
    ask(lambda meter: meter.write_setting("FTP", "Off"), "FTP off")
    sleep(settle_s)
    return enable_ftp(ask, operation, sleep=sleep, port_answers=port_answers)


def enable_ftp(
    ask: Ask, operation: Operation, *, sleep: Callable[[float], None], port_answers: Callable[[], bool] | None
) -> bool:
    """FTP on, then wait until the meter says so and its port answers; tells whether both did within FTP_READY_S.

    *port_answers* is None where the port cannot be reached from here: then the meter's word must do.
    """
    ask(lambda meter: meter.write_setting("FTP", "On"), "FTP on")
    operation.step("wait for FTP")
    for _ in range(round(FTP_READY_S / FTP_CHECK_S)):
        sleep(FTP_CHECK_S)
        try:
            says_on = ask(lambda meter: meter.read_value("FTP"), "ask for FTP").lower() == "on"
        except CommandError:
            return False
        except DeviceError:
            continue  # the meter is slow after a change of FTP
        if says_on and (port_answers is None or port_answers()):
            return True
    return False


FTP_READY_S = 30.0
FTP_CHECK_S = 2.0
