"""``slmm doctor``: is this machine fit to run SLMM, and does the one that runs here do well?"""

from __future__ import annotations

import resource
import shutil
import socket
import sqlite3
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import click

from slmm import settings as settings_module
from slmm.cli.client import Service, ServiceError, service_options
from slmm.cli.output import FAILED, WITH_WARNINGS, console, leave, show_json
from slmm.errors import SlmmError
from slmm.settings import Settings
from slmm.storage import archive
from slmm.storage import upgrade as schema
from slmm.storage.secrets import KEY_FILE
from slmm.storage.upgrade import MIGRATIONS

LEAST_FREE_BYTES, LITTLE_FREE_BYTES = 200_000_000, 2_000_000_000
LEAST_FILES, FEW_FILES = 256, 4096
EARLIEST_YEAR = 2026


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at: ok, warning or failed, and what to do."""

    check: str
    state: str
    sentence: str


Check = Callable[[Settings, Service], Iterator[Finding]]


def _python(settings: Settings, service: Service) -> Iterator[Finding]:
    version = ".".join(map(str, sys.version_info[:3]))
    yield Finding("python", "ok" if sys.version_info >= (3, 11) else "failed", f"Python {version}; 3.11 is needed")


def _clock(settings: Settings, service: Service) -> Iterator[Finding]:
    now = datetime.now(UTC)
    is_sane = now.year >= EARLIEST_YEAR
    local = now.astimezone(ZoneInfo(settings.timezone))
    sentence = f"it is {local:%Y-%m-%d %H:%M:%S} in {settings.timezone}"
    yield Finding("clock", "ok" if is_sane else "failed", sentence if is_sane else f"{sentence}: set it (NTP)")


def _data(settings: Settings, service: Service) -> Iterator[Finding]:
    data_dir = settings.data_dir.resolve()
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
        probe = data_dir / ".doctor"
        probe.touch()
        probe.unlink()
    except OSError as error:
        yield Finding("data directory", "failed", f"{data_dir} cannot be written: {error.strerror}")
        return
    free = shutil.disk_usage(data_dir).free
    state = "failed" if free < LEAST_FREE_BYTES else "warning" if free < LITTLE_FREE_BYTES else "ok"
    yield Finding("data directory", state, f"{data_dir} can be written; {free / 1e9:.1f} GB are free")


def _database(settings: Settings, service: Service) -> Iterator[Finding]:
    if not settings.sqlalchemy_url.startswith("sqlite"):
        found, newest = schema.current(settings.sqlalchemy_url), schema.head(MIGRATIONS)
    else:
        path = Path(settings.sqlalchemy_url.removeprefix("sqlite:///"))
        if not path.exists():
            yield Finding("database", "ok", f"{path} will be made at the first start")
            return
        try:
            found, newest = archive.schema_of(path), schema.head(MIGRATIONS)
        except sqlite3.DatabaseError as error:
            yield Finding("database", "failed", f"{path}: {error}; restore a backup: slmm restore FILE --force")
            return
    if found == newest:
        yield Finding("database", "ok", f"schema {found}, the newest")
    else:
        yield Finding(
            "database", "warning", f"schema {found}, newest {newest}; the next start migrates, after a backup"
        )


def _key(settings: Settings, service: Service) -> Iterator[Finding]:
    key_file = settings.data_dir / KEY_FILE
    if not key_file.exists():
        yield Finding("key file", "ok", f"{key_file} will be made at the first start")
        return
    mode = key_file.stat().st_mode & 0o777
    is_private = mode & 0o077 == 0
    advice = "" if is_private else f"; run: chmod 600 {key_file}"
    yield Finding("key file", "ok" if is_private else "failed", f"{key_file} has mode {mode:04o}{advice}")


def _open_files(settings: Settings, service: Service) -> Iterator[Finding]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    limit = hard if hard != resource.RLIM_INFINITY else 1_048_576
    state = "failed" if limit < LEAST_FILES else "warning" if limit < FEW_FILES else "ok"
    yield Finding("open files", state, f"at most {limit} (now {soft}): each viewer and each meter takes one")


def _access(settings: Settings, service: Service) -> Iterator[Finding]:
    if settings.requires_login:
        yield Finding("access", "ok", f"everybody is asked who they are on {settings.host}")
    elif settings.auth == "off" and settings.host not in ("127.0.0.1", "::1", "localhost"):
        sentence = f"nobody is asked who they are, and {settings.host} may be reached from outside (SLMM_AUTH=off)"
        yield Finding("access", "warning", sentence)
    else:
        yield Finding("access", "ok", f"open, on {settings.host} only")


def _service(settings: Settings, service: Service) -> Iterator[Finding]:
    try:
        health = service.call("GET", "/health", within_s=10)
    except ServiceError as error:
        yield from _port(settings, str(error))
        return
    problems = "; ".join(health["problems"])
    state = "ok" if health["status"] == "ok" and not problems else "warning"
    told = f"SLMM {health['version']} answers at {service.url}, {health['units']} units, {health['viewers']} viewers"
    yield Finding("service", state, f"{told}: {problems}" if problems else told)
    try:
        devices = service.call("GET", "/roster")["devices"]
    except ServiceError as error:
        yield Finding("meters", "warning", f"the roster cannot be read: {error}")
        return
    for device in devices:
        unit_id, status = device["unit_id"], device["status"] or {}
        if status.get("is_reachable") is False:
            why = status.get("last_error") or "unreachable"
            yield Finding("meter", "warning", f"{unit_id}: {why}; see: slmm devices test {unit_id}")
        else:
            yield Finding("meter", "ok", f"{unit_id} is well, or not asked yet")


def _port(settings: Settings, why: str) -> Iterator[Finding]:
    try:
        socket.create_server((settings.host, settings.port)).close()
    except OSError as error:
        sentence = (
            f"port {settings.port} of {settings.host} cannot be used: {error.strerror}; choose another with SLMM_PORT"
        )
        yield Finding("service", "failed", sentence)
    else:
        yield Finding("service", "ok", f"not running; port {settings.port} is free")


CHECKS: tuple[Check, ...] = (_python, _clock, _data, _database, _key, _open_files, _access, _service)
COLOURS = {"ok": "green", "warning": "yellow", "failed": "red"}


@click.command()
@service_options
def doctor(service: Service, as_json: bool) -> None:
    """Look at machine, settings, data and service; exit code 1 when something failed, 3 with warnings."""
    settings = settings_module.load()
    findings: list[Finding] = []
    for check in CHECKS:
        try:
            findings += check(settings, service)
        except (SlmmError, OSError) as error:
            findings.append(Finding(check.__name__.strip("_"), "failed", str(error)))
    if as_json:
        show_json([asdict(finding) for finding in findings])
    else:
        for finding in findings:
            colour = COLOURS[finding.state]
            console().print(f"[{colour}]{finding.state:>8}[/]  {finding.check}: {finding.sentence}", soft_wrap=True)
    states = {finding.state for finding in findings}
    leave(FAILED if "failed" in states else WITH_WARNINGS if "warning" in states else 0)
