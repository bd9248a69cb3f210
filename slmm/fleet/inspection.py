"""Finds out what a diagnosis rests on: asks the meter in its turn, and knocks at the ports beside its own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Protocol, TypeVar
from zoneinfo import ZoneInfo

from slmm.errors import ConnectionLost, DeviceError, DeviceTimeout, DeviceUnreachable, Garbled, Refused
from slmm.fleet.diagnosis import Control, Findings
from slmm.fleet.health import clock_offset_s
from slmm.nl43.meter import Meter
from slmm.nl43.probe import Probe, probe
from slmm.storage.board import UnitStatus
from slmm.storage.devices import Device

T = TypeVar("T")


class Request(Protocol):
    """Has one thing asked of the meter in its turn."""

    def __call__(self, action: Callable[[Meter], T], what: str) -> T:
        """Its result; raises what the action raises."""


MODEM_PORT = 443
"""Cellular routers answer here, with a page or a refusal; silence means that the router is offline."""


def known(device: Device, status: UnitStatus, *, is_standby: bool = False) -> Findings:
    """What is known without asking anybody."""
    free_mb = status.sd_remaining_mb
    return Findings(
        unit_id=device.unit_id,
        address=f"{device.host}:{device.tcp_port}",
        is_active=device.is_active,
        tcp_enabled=device.tcp_enabled,
        is_standby=is_standby,
        held_by=status.held_by,
        control=Control.ANSWERS if status.is_reachable else Control.NOT_ASKED,
        sleep_mode=status.sleep_mode,
        battery=status.battery_level,
        clock_offset_s=status.clock_offset_s,
        sd_free_mb=float(free_mb) if free_mb and free_mb.replace(".", "", 1).isdigit() else None,
        sd_days_left=status.sd_days_left,
        stopped_by_itself_at=status.stopped_by_itself_at,
    )


def after_failure(findings: Findings, device: Device, error: DeviceError) -> Findings:
    """What the failure of a command says, and what the ports beside the control port say to it."""
    control = _control(error)
    if control is Control.ANSWERS:
        return replace(findings, control=control)
    ftp = probe(device.host, device.ftp_port)
    host = ftp
    if ftp is Probe.SILENT and control is Control.SILENT:
        host = probe(device.host, MODEM_PORT)
    return replace(findings, control=control, ftp_answers=ftp is Probe.OPEN, host=host.value)


def _control(error: DeviceError) -> Control:
    match error:
        case Refused():
            return Control.ANSWERS
        case DeviceUnreachable(refused=True):
            return Control.REFUSED
        case DeviceUnreachable():
            return Control.SILENT
        case ConnectionLost(is_in_reply=True):
            return Control.CUT
        case DeviceTimeout() | ConnectionLost():
            return Control.MUTE
        case Garbled():
            return Control.NONSENSE
        case _:
            return Control.NOT_ASKED


def ask(findings: Findings, device: Device, zone: ZoneInfo, request: Request) -> Findings:
    """Ask the meter itself what a diagnosis needs; what it refuses stays unknown."""
    try:
        battery = request(Meter.read_battery, "read the battery")
    except DeviceError as error:
        if not isinstance(error, (Refused, DeviceUnreachable, DeviceTimeout, ConnectionLost, Garbled)):
            return findings
        return after_failure(findings, device, error)
    values: dict[str, str | None] = {}
    for name in ("Sleep Mode", "FTP", "Web"):
        try:
            values[name] = request(lambda meter, name=name: meter.read_value(name), f"read {name}")  # type: ignore[misc]
        except DeviceError:
            values[name] = None
    try:
        offset_s = request(lambda meter: clock_offset_s(meter.read_clock(), datetime.now(UTC), zone), "read the clock")
    except DeviceError:
        offset_s = findings.clock_offset_s or 0.0
    return replace(
        findings,
        control=Control.ANSWERS,
        battery=battery,
        sleep_mode=values["Sleep Mode"] or findings.sleep_mode,
        ftp_setting=values["FTP"],
        web_setting=values["Web"],
        clock_offset_s=offset_s,
    )
