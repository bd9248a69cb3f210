"""The ``slmm`` command: serves, shows a demo, simulates meters, and does from a shell what the page does."""

from __future__ import annotations

import importlib
import json
import sys

import click

from slmm import __version__
from slmm.errors import SlmmError

COMMANDS = {
    "serve": "slmm.cli.serve:serve",
    "demo": "slmm.cli.demo:demo",
    "emulator": "slmm.emulator.cli:command",
    "doctor": "slmm.cli.doctor:doctor",
    "devices": "slmm.cli.devices:devices_group",
    "watch": "slmm.cli.watch:watch",
    "start": "slmm.cli.control:start",
    "stop": "slmm.cli.control:stop",
    "files": "slmm.cli.files:files_group",
    "history": "slmm.cli.history:history_group",
    "alerts": "slmm.cli.history:alerts",
    "db": "slmm.cli.database:database_group",
    "backup": "slmm.cli.backup:backup",
    "restore": "slmm.cli.backup:restore",
    "import-0.4": "slmm.cli.legacy:import_legacy",
    "user": "slmm.cli.users:user_group",
    "token": "slmm.cli.users:token_group",
}
"""Where each command is; only the one that is asked for is imported, for all together take a second."""


class LazyGroup(click.Group):
    """A group whose commands are imported when they are used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All names, ours in the order above."""
        return [*COMMANDS, *super().list_commands(ctx)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name."""
        if cmd_name not in COMMANDS:
            return super().get_command(ctx, cmd_name)
        module, _, name = COMMANDS[cmd_name].partition(":")
        found: click.Command = getattr(importlib.import_module(module), name)
        return found


@click.group(cls=LazyGroup)
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
    from sqlalchemy import make_url  # start-up time of every other command

    from slmm import settings

    values = settings.load().model_dump(mode="json")
    if values["database_url"]:
        values["database_url"] = make_url(values["database_url"]).render_as_string(hide_password=True)
    if as_json:
        click.echo(json.dumps(values))
        return
    for name, value in values.items():
        click.echo(f"{settings.PREFIX}{name.upper()}={value}")


def main() -> None:
    """Run; an error of ours is one sentence and exit code 1, not a traceback."""
    try:
        slmm(prog_name="slmm")
    except SlmmError as error:
        click.echo(f"slmm: {error}", err=True)
        sys.exit(1)
