"""All units at a glance: where their limits stand, their last hour, open alerts, and what wants looking after."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from slmm.errors import DiskTrouble
from slmm.fleet.diagnosis import Severity, diagnose
from slmm.fleet.inspection import known
from slmm.record.last_hour import MINUTES, Hour
from slmm.record.minute import MINUTE
from slmm.storage.board import UnitStatus
from slmm.storage.devices import Device
from slmm.times import timestamp
from slmm.web import context
from slmm.web.access import Role, caller, visible
from slmm.web.api.wall_models import WallAnswer, WallQuery
from slmm.web.openapi import PLAIN_PROBLEMS, Api

api = Api("wall", "All units at a glance")

_URGENCY = ("ok", "no_data", "not_judged", "not_proven", "amber", "red")
_CONTACT = 1
"""The first of a diagnosis is the contact, which has an event of its own on the stream."""
_SHOWN = (Severity.INFO, Severity.WARNING, Severity.ERROR)


@api.route_for("get", "/_wall", needs="guest", answer=WallAnswer, problems=PLAIN_PROBLEMS)
def wall(query: WallQuery) -> dict[str, Any]:
    """Every unit the caller may see; a guest gets levels and limits only."""
    runtime, now = context.runtime(), datetime.now(UTC)
    hour, trouble = _last_hour(now)
    units = visible(device.unit_id for device in runtime.roster.all())
    is_guest = caller().role is Role.GUEST
    alerts = {} if is_guest else runtime.alerts.inbox.open_by_unit(units)
    found = []
    for unit_id in units:
        device = runtime.roster.get(unit_id)
        view = _levels_and_limits(device, hour.of(unit_id, query.minutes))
        if not is_guest:
            view |= {"site": device.site, "latitude": device.latitude, "longitude": device.longitude}
            view["alerts"] = alerts.get(unit_id, {"open": 0, "unacknowledged": 0, "severity": None})
            view["warnings"] = _warnings(device, runtime.board.status(unit_id))
        found.append(view)
    return {
        "status": "ok",
        "timestamp": timestamp(now),
        "minutes_start_at": timestamp(hour.starts_at + (MINUTES - query.minutes) * MINUTE),
        "trouble": trouble,
        "units": found,
    }


def _last_hour(now: datetime) -> tuple[Hour, str | None]:
    """What is on record; an hour of gaps and the reason when there is no record to ask."""
    try:
        return context.runtime().last_hour.read(now), None
    except DiskTrouble as error:
        reason = "the record cannot be read" if caller().role is Role.GUEST else str(error)
        return Hour(now.replace(second=0, microsecond=0) - MINUTES * MINUTE), reason


def _levels_and_limits(device: Device, levels: list[float | None]) -> dict[str, Any]:
    runtime = context.runtime()
    standings = runtime.limits.standings(device.unit_id)
    verdicts = [each["verdict"] for each in standings if each["verdict"] is not None]
    return {
        "unit_id": device.unit_id,
        "name": device.name,
        "site": None,
        "latitude": None,
        "longitude": None,
        "timezone": runtime.zone_of(device.unit_id).key,
        "is_ready": runtime.limits.is_ready(device.unit_id),
        "worst": max(verdicts, key=_URGENCY.index, default=None),
        "limits": standings,
        "laeq_1min": levels,
        "alerts": None,
        "warnings": None,
    }


def _warnings(device: Device, status: UnitStatus) -> list[dict[str, Any]]:
    """What is known without asking the meter, the worst first; a lost one by the name of what ails it."""
    findings = known(device, status)
    values = {"clock_off": findings.clock_offset_s, "sd_low": findings.sd_days_left}
    found = [
        {
            "code": verdict.code,
            "severity": verdict.severity.value,
            "sentence": f"{verdict.sentence} {verdict.advice}".strip(),
            "value": values.get(verdict.code),
        }
        for verdict in diagnose(findings)[_CONTACT:]
        if verdict.severity in _SHOWN
    ]
    if status.is_reachable is False and status.verdict is not None:
        why = status.last_error or "It does not answer."
        found.insert(0, {"code": status.verdict, "severity": "error", "sentence": why, "value": None})
    if status.held_by is not None:
        sentence = f"It is busy with {status.held_by}; its control port may be mute meanwhile."
        found.append({"code": "transfer", "severity": "info", "sentence": sentence, "value": None})
    return found
