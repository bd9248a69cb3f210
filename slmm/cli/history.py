"""``slmm history export``: what was, for a sheet or a script."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import click

from slmm.cli.client import Service, ServiceError, service_options, unit_argument
from slmm.cli.output import say

COLUMNS = ("timestamp", "lp", "leq", "lmax", "ln1", "ln2")


@click.group("history")
def history_group() -> None:
    """The trail of a meter."""


@history_group.command("export")
@unit_argument
@click.option("--hours", type=click.FloatRange(0.1, 48), default=24.0, show_default=True)
@click.option("--format", "form", type=click.Choice(["csv", "json"]), default="csv", show_default=True)
@click.option("-o", "--output", type=click.Path(path_type=Path), help="A file; else standard output.")
@service_options
def export(unit: str, hours: float, form: str, output: Path | None, service: Service, as_json: bool) -> None:
    """The trail of the last hours, oldest first; levels in dB, times in UTC."""
    readings = service.call("GET", f"/{unit}/history", params={"hours": f"{hours:g}"}).rows("readings")
    if form == "json" or as_json:
        text = json.dumps(readings) + "\n"
    else:
        sheet = io.StringIO()
        writer = csv.DictWriter(sheet, COLUMNS, extrasaction="ignore", lineterminator="\n")
        writer.writeheader()
        writer.writerows(readings)
        text = sheet.getvalue()
    if output is None:
        click.echo(text, nl=False)
        return
    try:
        output.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ServiceError(f"{output} cannot be written: {error.strerror}") from error
    say(f"{output}  {len(readings)} readings", err=True)
