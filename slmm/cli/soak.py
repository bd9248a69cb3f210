"""``slmm soak``: a service of its own under faults, for minutes or a night, and what became of every reading."""

from __future__ import annotations

import json
import os
import signal
import tempfile
from pathlib import Path

import click
import gevent

from slmm.cli.output import json_option, show_json
from slmm.soak import report
from slmm.soak.run import Outcome, Soak, Wish
from slmm.soak.service import ServiceDied


def _write(path: Path, outcome: Outcome) -> None:
    """Put in place as a whole, so that whoever reads it meanwhile has a report."""
    fresh = path.with_name(f".{path.name}.new")
    text = json.dumps(report.as_json(outcome), indent=1) if path.suffix == ".json" else report.as_text(outcome)
    fresh.write_text(f"{text}\n")
    os.replace(fresh, path)


@click.command()
@click.option("--hours", type=click.FloatRange(min=0.0), default=0.0, help="How long, in simulated hours.")
@click.option("--minutes", type=click.FloatRange(min=0.0), default=0.0, help="And minutes.")
@click.option("--meters", type=click.IntRange(1, 200), default=6, show_default=True)
@click.option("--viewers", type=click.IntRange(0, 1000), default=8, show_default=True, help="Every fourth is slow.")
@click.option(
    "--speed", type=click.FloatRange(1.0, 12.0), default=1.0, show_default=True, help="So many simulated s in one s."
)
@click.option("--seed", default=1, show_default=True, help="The same seed breaks the same things in the same order.")
@click.option("--kills/--no-kills", "has_kills", default=True, show_default=True, help="Kill the service at first.")
@click.option(
    "--report",
    "report_file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write the report here again and again while it runs: JSON for a name that ends so, else text.",
)
@json_option
def soak(
    hours: float,
    minutes: float,
    meters: int,
    viewers: int,
    speed: float,
    seed: int,
    has_kills: bool,
    report_file: Path | None,
    as_json: bool,
) -> None:
    """Break everything on purpose and count what is lost.

    Starts simulated meters, a network that fails, viewers, and a service in a directory of its own; nothing of the
    installation is touched. Without --hours and --minutes it runs for 30 simulated minutes. Ctrl+C ends it early, with
    a report. The exit code is 0 when there is no complaint.
    """
    simulated_s = (hours * 60.0 + minutes) * 60.0 or 1800.0
    wish = Wish(simulated_s / speed, meters, viewers, speed, seed, has_kills)

    def keep(outcome: Outcome) -> None:
        if report_file is not None:
            _write(report_file, outcome)

    with tempfile.TemporaryDirectory(prefix="slmm-soak-") as directory:
        run = Soak(wish, Path(directory), keep)
        for number in (signal.SIGINT, signal.SIGTERM):
            gevent.signal_handler(number, run.cut_short)
        try:
            outcome = run.run()
        except ServiceDied as error:
            raise click.ClickException(str(error)) from error
    show_json(report.as_json(outcome)) if as_json else click.echo(report.as_text(outcome))
    raise SystemExit(bool(outcome.all_complaints) or not outcome.is_whole)
