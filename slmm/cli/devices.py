"""``slmm devices``: the roster, and what is wrong with a meter."""

from __future__ import annotations

import sys
from typing import Any

import click

from slmm.cli.client import Answer, Service, service_options, unit_argument
from slmm.cli.output import FAILED, WITH_WARNINGS, leave, say, show_json, show_marked, show_table

DIAGNOSE_WITHIN_S = 180.0
COLOURS = {"pass": "green", "fail": "red", "warning": "yellow"}
CODES = {"pass": 0, "degraded": WITH_WARNINGS}


@click.group("devices")
def devices_group() -> None:
    """The meters on the roster."""


@devices_group.command("list")
@service_options
def list_devices(service: Service, as_json: bool) -> None:
    """All meters with their state."""
    devices = service.call("GET", "/roster").rows("devices")
    if as_json:
        show_json(devices)
        return
    show_table(
        ("unit", "name", "address", "state", "reachable", "Leq dB", "Lp dB", "last seen"),
        [_row(device) for device in devices],
        "no meters yet; add one with: slmm devices add UNIT HOST",
    )


def _row(device: Answer) -> tuple[object, ...]:
    status = device.part("status")
    address = f"{device['host']}:{device.get('tcp_port')}" if "host" in device else None
    is_reachable = status.get("is_reachable")
    return (
        device["unit_id"],
        device.get("name"),
        address,
        status.get("measurement_state") if device["is_active"] else "deactivated",
        "yes" if is_reachable else None if is_reachable is None else f"no ({status.get('verdict') or 'unreachable'})",
        status.get("leq"),
        status.get("lp"),
        status.get("last_seen"),
    )


@devices_group.command("add")
@unit_argument
@click.argument("host")
@click.option("--tcp-port", type=click.IntRange(1, 65_535), help="Control port; 2255 if left out.")
@click.option("--ftp-port", type=click.IntRange(1, 65_535), help="FTP port; 21 if left out.")
@click.option("--ftp/--no-ftp", "ftp_enabled", default=None, help="Whether its SD card may be read.")
@click.option("--ftp-user", "ftp_username")
@click.option("--ftp-password-stdin", is_flag=True, help="Read the FTP password from standard input.")
@click.option("--timezone", help="IANA zone the meter's clock shows.")
@click.option("--name", help="What people call it.")
@click.option("--site", help="Where it stands, in words.")
@click.option("--latitude", type=click.FloatRange(-90, 90), help="Degrees north, together with --longitude.")
@click.option("--longitude", type=click.FloatRange(-180, 180), help="Degrees east.")
@service_options
def add_device(unit: str, host: str, ftp_password_stdin: bool, service: Service, as_json: bool, **given: Any) -> None:
    """Take a meter on."""
    body = {"unit_id": unit, "host": host, **{name: value for name, value in given.items() if value is not None}}
    if ftp_password_stdin:
        body["ftp_password"] = sys.stdin.readline().rstrip("\n")
    answer = service.call("POST", "/roster", json=body)
    show_json(answer["data"]) if as_json else say(answer["message"])


@devices_group.command("remove")
@unit_argument
@click.option("--yes", is_flag=True, help="Do not ask.")
@service_options
def remove_device(unit: str, yes: bool, service: Service, as_json: bool) -> None:
    """Forget a meter with its state and trail."""
    if not yes:
        click.confirm(f"Forget {unit} with its state and trail?", abort=True)
    answer = service.call("DELETE", f"/{unit}/config")
    show_json(answer) if as_json else say(answer["message"])


@devices_group.command("test")
@unit_argument
@service_options
def diagnose(unit: str, service: Service, as_json: bool) -> None:
    """Look at a meter step by step, and say what is wrong and what to do; exit code 1 when a step fails."""
    found = service.call("GET", f"/{unit}/diagnostics", within_s=DIAGNOSE_WITHIN_S)
    if as_json:
        show_json(found)
    else:
        _show(unit, found)
    leave(CODES.get(found["overall_status"], FAILED))


def _show(unit: str, found: Answer) -> None:
    steps = found.part("tests")
    for name in steps:
        step = steps.part(name)
        show_marked(step["status"], COLOURS.get(step["status"], ""), f"{name}: {step['message']}")
    for verdict in found.rows("verdicts"):
        click.echo()
        say(f"{verdict['sentence']} {verdict['advice']}".rstrip())
        if verdict["cure"]:
            say(f'  cure from here: POST /api/nl43/{unit}/cure {{"cure": "{verdict["cure"]}"}}')
