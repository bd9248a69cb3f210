"""The ``slmm`` command: serves, shows a demo, simulates meters, and looks after the database."""

from __future__ import annotations

import json
import sys

import click

from slmm import __version__, settings
from slmm.cli.database import database_group
from slmm.cli.demo import demo
from slmm.cli.serve import serve
from slmm.emulator.cli import command as emulator
from slmm.errors import SlmmError


@click.group()
@click.version_option(__version__)
def slmm() -> None:
    """SLMM, the sound level meter manager."""


@slmm.group("config")
def config_group() -> None:
    """The settings in force."""


@config_group.command("show")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def show_config(as_json: bool) -> None:
    """Every setting with its value, from the environment and .env."""
    values = settings.load().model_dump(mode="json")
    if as_json:
        click.echo(json.dumps(values))
        return
    for name, value in values.items():
        click.echo(f"{settings.PREFIX}{name.upper()}={value}")


for _command in (serve, demo, emulator, database_group):
    slmm.add_command(_command)


def main() -> None:
    """Run; an error of ours is one sentence and exit code 1, not a traceback."""
    try:
        slmm(prog_name="slmm")
    except SlmmError as error:
        click.echo(f"slmm: {error}", err=True)
        sys.exit(1)
