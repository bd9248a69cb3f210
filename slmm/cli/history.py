"""``slmm history export``: what was, for a sheet or a script."""

from __future__ import annotations

import csv
import io
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import click
import requests

from slmm.cli.client import Service, ServiceError, service_options, unit_argument
from slmm.cli.output import say

COLUMNS = ("timestamp", "lp", "leq", "lmax", "ln1", "ln2")
PIECE_BYTES = 65_536
TYPES = {"csv": "text/csv", "xlsx": "application/vnd.openxml", "parquet": "application/vnd.apache.parquet"}
MADE_WITHIN_S = 900.0
"""Before the first byte of an XLSX or Parquet file the whole file has been made."""


@click.group("history")
def history_group() -> None:
    """What a meter has measured."""


@history_group.command("export")
@unit_argument
@click.option("--hours", type=click.FloatRange(0.1, 48), help="The trail of so many hours; 24 if nothing is said.")
@click.option("--from", "from_at", help="Begin of the span with its zone, such as 2027-01-31T00:00:00Z.")
@click.option("--until", help="End of the span; now if left out.")
@click.option("--what", type=click.Choice(["frames", "minutes", "hours", "days", "summary"]), help="With --from: rows.")
@click.option("--metrics", help="With commas, such as laeq,lmax,l10,l90; all there are if left out.")
@click.option("--period", help="Of a summary: day, evening, night, parts, 24h, or a length such as 1h.")
@click.option("--decimal", type=click.Choice(["point", "comma"]), help="comma: for German spreadsheets.")
@click.option(
    "--format", "form", type=click.Choice(["csv", "json", "xlsx", "parquet"]), default="csv", show_default=True
)
@click.option("-o", "--output", type=click.Path(path_type=Path), help="A file; else standard output.")
@service_options
def export(
    unit: str,
    hours: float | None,
    form: str,
    output: Path | None,
    service: Service,
    as_json: bool,
    **asked: str | None,
) -> None:
    """The trail of the last hours, or with --from all that is on record; levels in dB, times in UTC."""
    given = {name.removesuffix("_at"): value for name, value in asked.items() if value is not None}
    if not given:
        _export_trail(unit, hours or 24.0, "json" if as_json else form, output, service)
        return
    if "from" not in given:
        raise click.UsageError(f"--{next(iter(given))} goes with --from")
    if hours is not None:
        raise click.UsageError("--hours is the trail's; --from and --until tell the span of everything else")
    if form == "json" or as_json:
        raise click.UsageError("what is on record comes as csv, xlsx or parquet; JSON is at GET /history and /summary")
    if form != "csv" and output is None and sys.stdout.isatty():
        raise click.UsageError(f"{form} is no text for a terminal; name a file with -o")
    order = {**given, "format": form}
    if output is None:
        _copy(unit, order, sys.stdout.buffer, service)
        return
    size = _save(unit, order, output, service)
    say(f"{output}  {size} bytes", err=True)


def _save(unit: str, order: dict[str, str], output: Path, service: Service) -> int:
    """Under its name only when it is whole; nothing is asked for that has no place."""
    part = output.with_name(f".{output.name}.part")
    try:
        with part.open("wb") as file:
            size = _copy(unit, order, file, service)
        part.replace(output)
    except OSError as error:
        raise ServiceError(f"{output} cannot be written: {error.strerror}") from error
    finally:
        if part.parent.is_dir():
            part.unlink(missing_ok=True)
    return size


def _copy(unit: str, order: dict[str, str], target: BinaryIO, service: Service) -> int:
    """The export as it comes, piece by piece; how many bytes."""
    size = 0
    with service.open("GET", f"/{unit}/export", within_s=MADE_WITHIN_S, params=order) as answer:
        if not answer.headers.get("Content-Type", "").startswith(TYPES[order["format"]]):
            raise ServiceError(f"what answers at {service.url} is no SLMM", 404)
        pieces = answer.iter_content(PIECE_BYTES)
        while piece := _next(pieces, service):
            target.write(piece)
            size += len(piece)
    target.flush()
    return size


def _next(pieces: Iterator[bytes], service: Service) -> bytes:
    try:
        return next(pieces, b"")
    except requests.RequestException as error:  # an OSError too, which _save would take for the disk's
        raise ServiceError(f"{service.url} broke off in the middle of the export; try again") from error


def _export_trail(unit: str, hours: float, form: str, output: Path | None, service: Service) -> None:
    if form in ("xlsx", "parquet"):
        raise click.UsageError(f"--format {form} needs --from: the trail comes as csv or json")
    readings = service.call("GET", f"/{unit}/history", params={"hours": f"{hours:g}"}).rows("readings")
    if form == "json":
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
