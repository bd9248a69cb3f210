"""``slmm report``: a day, a week or a month of a meter as a file to print and to sign."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import click
import requests

from slmm.cli.client import Service, ServiceError, service_options, unit_argument
from slmm.cli.output import say, show_json

TYPES = {"html": "text/html", "pdf": "application/pdf"}
MADE_WITHIN_S = 300.0
_NAME = re.compile(r'filename="?([A-Za-z0-9._-]+)"?')


@click.command("report")
@unit_argument
@click.option("--day", help="A local date such as 2026-11-20; today if nothing is said.")
@click.option("--week", help="An ISO week such as 2026-W47.")
@click.option("--month", help="Such as 2026-11.")
@click.option("--limit", type=click.IntRange(0), help="The number of one limit; else all that are switched on.")
@click.option("--lang", type=click.Choice(["en", "de"]), help="Language; English if nothing is said.")
@click.option("--format", "form", type=click.Choice(list(TYPES)), default="pdf", show_default=True)
@click.option("-o", "--output", type=click.Path(path_type=Path, allow_dash=True), help="A file, or - for the output.")
@service_options
def report(
    unit: str,
    day: str | None,
    week: str | None,
    month: str | None,
    limit: int | None,
    lang: str | None,
    form: str,
    output: Path | None,
    service: Service,
    as_json: bool,
) -> None:
    """Levels, limits, exclusions, calibrations and method of a day, a week or a month."""
    asked = {"day": day, "week": week, "month": month, "limit": limit, "lang": lang, "format": form}
    given = {name: str(value) for name, value in asked.items() if value is not None}
    if len(given.keys() & {"day", "week", "month"}) > 1:
        raise click.UsageError("one of --day, --week and --month is allowed")
    is_piped = output is not None and str(output) == "-"
    if is_piped and form == "pdf" and sys.stdout.isatty():
        raise click.UsageError("pdf is no text for a terminal; name a file with -o")
    content, name = _fetch(service, unit, given, form)
    if is_piped:
        sys.stdout.buffer.write(content)
        return
    path = output or Path(name)
    try:
        path.write_bytes(content)
    except OSError as error:
        raise ServiceError(f"{path} cannot be written: {error.strerror}") from error
    show_json({"file": str(path), "size_bytes": len(content)}) if as_json else say(f"{path}  {len(content)} bytes")


def _fetch(service: Service, unit: str, given: dict[str, str], form: str) -> tuple[bytes, str]:
    """The file, and what the service calls it."""
    with service.open("GET", f"/{unit}/report", within_s=MADE_WITHIN_S, params=given) as answer:
        if not answer.headers.get("Content-Type", "").startswith(TYPES[form]):
            raise ServiceError(f"what answers at {service.url} is no SLMM of this version", 404)
        name = _NAME.search(answer.headers.get("Content-Disposition", ""))
        try:
            return answer.content, name[1] if name else f"{unit}.{form}"
        except requests.RequestException as error:
            raise ServiceError(f"{service.url} broke off in the middle of its answer; try again") from error
