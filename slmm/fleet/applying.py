"""Brings a set of settings to a meter: one after the other, each read back before it counts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from slmm.errors import DeviceError, DeviceUnreachable, StatusError
from slmm.fleet.operations import Operation
from slmm.fleet.procedures import Ask
from slmm.fleet.templates import SETTABLE, is_same
from slmm.nl43.meter import Meter


def apply_settings(ask: Ask, operation: Operation, wanted: Mapping[str, str]) -> dict[str, Any]:
    """What was changed (before and now), what was so already, and what failed with the reason.

    An item that fails does not keep the others from being set, except when the meter is gone. Raises StatusError while
    it measures, for it would refuse most of them.
    """
    operation.step("see that nothing runs")
    if ask(Meter.read_run_state, "read the run state") == "Start":
        raise StatusError(f"{operation.unit_id} measures; its settings can be changed after it was stopped")
    changed: dict[str, list[str]] = {}
    unchanged: list[str] = []
    failed: dict[str, str] = {}
    is_gone = False
    for number, (member, value) in enumerate(wanted.items()):
        name = SETTABLE[member]
        operation.step(f"set {name} to {value}")
        operation.progress(number, len(wanted), "steps")
        if is_gone:
            failed[member] = "not tried: the meter could not be reached any more"
            operation.end_step("skipped", failed[member])
            continue
        try:
            before = ask(lambda meter, name=name: meter.read_value(name), f"read {name}")  # type: ignore[misc]
            if is_same(before, value):
                unchanged.append(member)
                operation.end_step("skipped", f"it is {before} already")
                continue
            ask(lambda meter, name=name, value=value: meter.write_setting(name, value), f"set {name}")  # type: ignore[misc]
            now = ask(lambda meter, name=name: meter.read_value(name), f"read {name} back")  # type: ignore[misc]
        except DeviceError as error:
            failed[member] = str(error)
            operation.end_step("failed", str(error))
            is_gone = isinstance(error, DeviceUnreachable)
            continue
        if is_same(now, value):
            changed[member] = [before, now]
            operation.end_step("done", f"was {before}, is {now}")
        else:
            failed[member] = f"the meter accepted {value}, but says {now}"
            operation.end_step("failed", failed[member])
    operation.progress(len(wanted), len(wanted), "steps")
    return {"changed": changed, "unchanged": unchanged, "failed": failed}
