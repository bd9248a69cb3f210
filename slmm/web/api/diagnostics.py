"""What is wrong with a meter, in steps and in words, and the cures that can be asked for from here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from slmm.fleet import inspection
from slmm.fleet.diagnosis import Control, Findings, Severity, Verdict, diagnose
from slmm.nl43.meter import Meter
from slmm.times import timestamp
from slmm.web import context
from slmm.web.api import meter_settings
from slmm.web.api.measurement import ask
from slmm.web.api.meter_models import ClockInput, CureAnswer, CureInput, DiagnosticsAnswer
from slmm.web.api.models import UnitPath
from slmm.web.api.views import config_view, has_been_heard_of, status_view
from slmm.web.openapi import DEVICE_PROBLEMS, UNIT_PROBLEMS, Api

api = Api("diagnostics", "What is wrong with a meter, and what cures it")

T = TypeVar("T")

ASK_TIMEOUT_S = 20.0


def _findings(unit_id: str) -> Findings:
    runtime = context.runtime()
    device = context.device(unit_id)
    status = runtime.board.status(unit_id)
    findings = inspection.known(device, status, is_standby=runtime.fleet.is_standby)
    if not (device.is_active and device.tcp_enabled) or runtime.fleet.is_standby:
        return findings

    def request(action: Callable[[Meter], T], what: str) -> T:
        return runtime.fleet.request(unit_id, action, what, ASK_TIMEOUT_S)

    findings = inspection.ask(findings, device, ZoneInfo(runtime.fleet.zone(unit_id)), request)
    known = runtime.fingerprints.get(unit_id)
    labels = status.labels
    if known is None:
        return findings
    now = {"frequency_weighting": labels.frequency_weighting, "time_weighting": labels.time_weighting}
    now |= {f"percentile_{number}": value for number, value in enumerate(labels.percentiles, 1)}
    return replace(findings, changed_settings=known.changes(now))


def _tests(findings: Findings) -> dict[str, dict[str, str]]:
    """The steps of 0.4.0, up to the first that fails."""
    tests = {"config_exists": _step("pass", f"Configuration found: {findings.address}")}
    if not (findings.is_active and findings.tcp_enabled) or findings.is_standby:
        why = "the service is in standby" if findings.is_standby else "the unit is switched off in its configuration"
        return tests | {"tcp_enabled": _step("fail", f"TCP is not used: {why}")}
    tests["tcp_enabled"] = _step("pass", "TCP communication enabled")
    control = findings.control
    if control is Control.NOT_ASKED:
        return tests | {"tcp_connection": _step("skip", "The meter was busy and has not been asked")}
    if control in (Control.SILENT, Control.REFUSED):
        is_host_there = control is Control.REFUSED or findings.host in ("open", "refused")
        tests["modem_reachable"] = _step(
            "pass" if is_host_there else "fail", f"The host {'answers' if is_host_there else f'is {findings.host}'}"
        )
        tests["tcp_connection"] = _step("fail", f"Control port {control.value} at {findings.address}")
        tests["ftp_status"] = _step("pass" if findings.ftp_answers else "fail", _ftp_words(findings))
        wedged = control is Control.REFUSED and findings.ftp_answers
        return tests | {
            "wedge": _step("fail" if wedged else "pass", "wedged: power-cycle the meter" if wedged else "no")
        }
    tests["modem_reachable"] = _step("pass", "The host answers")
    tests["tcp_connection"] = _step("pass", f"TCP connection to {findings.address}")
    if control is not Control.ANSWERS:
        return tests | {"command_response": _step("fail", f"The meter is {control.value}")}
    tests["command_response"] = _step("pass", f"Device responds to commands (Battery: {findings.battery})")
    tests["ftp_status"] = _step("pass", f"FTP server status: {findings.ftp_setting or 'not known'}")
    return tests | {"wedge": _step("pass", "not wedged")}


def _ftp_words(findings: Findings) -> str:
    return "FTP answers" if findings.ftp_answers else "FTP does not answer"


def _step(status: str, message: str) -> dict[str, str]:
    return {"status": status, "message": message}


def _verdict_view(verdict: Verdict) -> dict[str, Any]:
    return {
        "code": verdict.code,
        "severity": verdict.severity,
        "sentence": verdict.sentence,
        "advice": verdict.advice,
        "cure": verdict.cure,
    }


@api.route_for(
    "get", "/<unit_id>/diagnostics", needs="viewer", answer=DiagnosticsAnswer, problems=(*UNIT_PROBLEMS, 503)
)
def diagnostics(path: UnitPath) -> dict[str, Any]:
    """Look at a unit step by step, ask it what can be asked, and say what is wrong and what to do."""
    runtime = context.runtime()
    device = context.device(path.unit_id)
    findings = _findings(path.unit_id)
    verdicts = diagnose(findings)
    tests = _tests(findings)
    worst = {verdict.severity for verdict in verdicts}
    has_failed = any(test["status"] == "fail" for test in tests.values())
    overall = "fail" if has_failed else "degraded" if worst & {Severity.ERROR, Severity.WARNING} else "pass"
    status = runtime.board.status(path.unit_id)
    return {
        "status": "ok",
        "unit_id": path.unit_id,
        "timestamp": timestamp(datetime.now(UTC)),
        "overall_status": overall,
        "tests": tests,
        "verdicts": [_verdict_view(verdict) for verdict in verdicts],
        "database_dump": {
            "config": config_view(device),
            "status_cache": status_view(status) if has_been_heard_of(status) else None,
        },
    }


@api.route_for("post", "/<unit_id>/cure", needs="operator", answer=CureAnswer, problems=DEVICE_PROBLEMS)
def cure(path: UnitPath, body: CureInput) -> dict[str, Any]:
    """Do one safe thing that the diagnostics offered; nothing is ever cured without being asked."""
    unit_id = path.unit_id
    match body.cure:
        case "reconnect":
            context.device(unit_id)
            context.runtime().fleet.disconnect(unit_id)
            ask(unit_id, Meter.read_battery, "reconnect")
            message = f"{unit_id} was let go and answers again"
        case "end_sleep":
            ask(unit_id, Meter.end_sleep, "end the sleep mode")
            context.runtime().board.status(unit_id).sleep_mode = "Off"
            message = f"the sleep mode of {unit_id} is off"
        case "set_clock":
            message = str(meter_settings.write_clock(path, ClockInput(datetime=None))["message"])
        case "ftp_off":
            ask(unit_id, lambda meter: meter.write_setting("FTP", "Off"), "FTP off")
            message = f"FTP is off at {unit_id}"
        case _:
            meter_settings.take_fingerprint(path)
            message = f"the present settings of {unit_id} count as the right ones"
    return {"status": "ok", "message": message, "unit_id": unit_id, "cure": body.cure}
