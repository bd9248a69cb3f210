"""The ``slmm`` command: serves, shows a demo, simulates meters, and does from a shell what the page does."""

from __future__ import annotations

import json
import sys

import click
from sqlalchemy import make_url

from slmm import __version__, settings
from slmm.cli.backup import backup, restore
from slmm.cli.control import start, stop
from slmm.cli.database import database_group
from slmm.cli.demo import demo
from slmm.cli.devices import devices_group
from slmm.cli.doctor import doctor
from slmm.cli.files import files_group
from slmm.cli.history import alerts, history_group
from slmm.cli.legacy import import_legacy
from slmm.cli.serve import serve
from slmm.cli.users import token_group, user_group
from slmm.cli.watch import watch
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
    if values["database_url"]:
        values["database_url"] = make_url(values["database_url"]).render_as_string(hide_password=True)
    if as_json:
        click.echo(json.dumps(values))
        return
    for name, value in values.items():
        click.echo(f"{settings.PREFIX}{name.upper()}={value}")


_COMMANDS: tuple[click.Command, ...] = (
    serve,
    demo,
    emulator,
    doctor,
    devices_group,
    watch,
    start,
    stop,
    files_group,
    history_group,
    alerts,
    database_group,
    backup,
    restore,
    import_legacy,
    user_group,
    token_group,
)
for _command in _COMMANDS:
    slmm.add_command(_command)


def main() -> None:
    """Run; an error of ours is one sentence and exit code 1, not a traceback."""
    try:
        slmm(prog_name="slmm")
    except SlmmError as error:
        click.echo(f"slmm: {error}", err=True)
        sys.exit(1)
