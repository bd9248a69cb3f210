"""The ``slmm`` command: serves, shows a demo, simulates meters, and does from a shell what the page does."""

from __future__ import annotations

import importlib
import io
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
    "report": "slmm.cli.report:report",
    "alerts": "slmm.cli.alerts:alerts_group",
    "verify": "slmm.cli.verify:verify",
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
    from slmm import settings  # start-up time of every other command
    from slmm.cli import store

    found = settings.load()
    values = found.model_dump(mode="json")
    if values["alert_heartbeat_url"]:  # its path is its password
        values["alert_heartbeat_url"] = "***"
    if values["database_url"] and not values["database_url"].startswith("sqlite"):
        values["database_url"] = store.shown_url(found)
    if as_json:
        click.echo(json.dumps(values))
        return
    for name, value in values.items():
        click.echo(f"{settings.PREFIX}{name.upper()}={value}")


def main() -> None:
    """Run; what a person can do something about is one sentence and exit code 1, not a traceback."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a dash that the terminal's character set lacks ends no command
    try:
        slmm(prog_name="slmm")
    except SlmmError as error:
        _fail(str(error))
    except OSError as error:
        _fail(f"{error.filename}: {error.strerror}" if error.filename and error.strerror else str(error))
    except UnicodeDecodeError as error:
        _fail(f"text that is not UTF-8 was read: {error}")


def _fail(sentence: str) -> None:
    from slmm.cli.output import plain  # start-up time of a command that does not fail

    click.echo("slmm: " + plain(" ".join(sentence.split())), err=True)
    sys.exit(1)
