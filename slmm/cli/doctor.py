"""``slmm doctor``: is this machine fit to run SLMM, and does the one that runs here do well?"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from dataclasses import asdict

import click

from slmm.cli import store
from slmm.cli.checks import Finding, look, usable_settings
from slmm.cli.client import Answer, Service, ServiceError, address_options, default_url
from slmm.cli.output import FAILED, WITH_WARNINGS, leave, show_json, show_marked
from slmm.settings import Settings

HEALTH_WITHIN_S = 10.0
COLOURS = {"ok": "green", "warning": "yellow", "failed": "red"}


def _service(settings: Settings, service: Service) -> Iterator[Finding]:
    try:
        holder = store.holder(settings.data_dir)
    except OSError as error:
        yield Finding("runtime lock", "failed", f"{error.filename}: {error.strerror}")
        return
    where = settings.data_dir.resolve()
    try:
        health = service.call("GET", "/health", within_s=HEALTH_WITHIN_S)
        told, problems = _told(service, health), health.get("problems") or ()
    except ServiceError as error:
        if holder:
            sentence = f"{holder} reads the meters of {where}, but there is no answer ({error}); restart it"
            yield Finding("runtime lock", "failed", sentence)
        else:
            yield Finding("runtime lock", "ok", f"nobody reads the meters of {where}")
        yield _port(settings, is_running=holder is not None)
        return
    yield Finding("runtime lock", "ok", f"{holder or 'nobody here'} reads the meters of {where}")
    is_well = health["status"] == "ok" and not problems
    yield Finding("service", "ok" if is_well else "warning", ": ".join((told, *map(str, problems))))
    yield from _meters(service)


def _told(service: Service, health: Answer) -> str:
    version, units, viewers = health["version"], health["units"], health["viewers"]
    return f"SLMM {version} answers at {service.url}, {units} units, {viewers} viewers"


def _meters(service: Service) -> Iterator[Finding]:
    try:
        devices = service.call("GET", "/roster").rows("devices")
        for device in devices:
            unit_id, status = device["unit_id"], device.part("status")
            if status.get("is_reachable") is False:
                why = status.get("last_error") or "unreachable"
                yield Finding("meter", "warning", f"{unit_id}: {why}; see: slmm devices test {unit_id}")
            else:
                yield Finding("meter", "ok", f"{unit_id} is well, or not asked yet")
    except ServiceError as error:
        yield Finding("meters", "warning", f"the roster cannot be read: {error}")


def _port(settings: Settings, *, is_running: bool) -> Finding:
    """Whether the service could listen where it is told to."""
    where = f"port {settings.port} of {settings.host or 'every address'}"
    try:
        with socket.socket(socket.AF_INET6 if ":" in settings.host else socket.AF_INET) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((settings.host, settings.port))
            probe.listen(1)
    except OSError as error:
        if is_running:
            return Finding("service", "failed", f"{where} is taken, and no SLMM answers there")
        why = error.strerror or str(error)
        return Finding("service", "failed", f"{where} cannot be used: {why}; choose another (SLMM_HOST, SLMM_PORT)")
    return Finding("service", "ok", f"not running; {where} is free")


@click.command()
@address_options
def doctor(url: str | None, token: str | None, as_json: bool) -> None:
    """Look at machine, settings, data and service; exit code 1 when something failed, 3 with warnings."""
    settings, findings = usable_settings()
    if settings:
        findings += look(settings)
        findings += _service(settings, Service(url or default_url(settings), token))
    if as_json:
        show_json([asdict(finding) for finding in findings])
    else:
        for finding in findings:
            show_marked(finding.state, COLOURS[finding.state], f"{finding.check}: {finding.sentence}")
    states = {finding.state for finding in findings}
    leave(FAILED if "failed" in states else WITH_WARNINGS if "warning" in states else 0)
