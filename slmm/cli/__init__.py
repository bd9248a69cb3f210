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
    "serve": ("slmm.cli.serve:serve", "Serve until interrupted; migrates the database first."),
    "demo": ("slmm.cli.demo:demo", "Serve three simulated meters, bound to loopback, until interrupted."),
    "emulator": ("slmm.emulator.cli:command", "Run COUNT simulated NL-43 sound level meters until interrupted."),
    "soak": ("slmm.cli.soak:soak", "Break everything on purpose and count what is lost."),
    "doctor": (
        "slmm.cli.doctor:doctor",
        "Look at machine, settings, data and service; exit code 1 when something failed, 3 with warnings.",
    ),
    "devices": ("slmm.cli.devices:devices_group", "The meters on the roster."),
    "watch": ("slmm.cli.watch:watch", "Follow a meter until interrupted; comes back by itself when the stream ends."),
    "start": ("slmm.cli.control:start", "Start a measurement; answers when the meter has confirmed it."),
    "stop": ("slmm.cli.control:stop", "Stop the measurement."),
    "files": ("slmm.cli.files:files_group", "Files on a meter's SD card."),
    "history": ("slmm.cli.history:history_group", "What a meter has measured."),
    "report": (
        "slmm.cli.report:report",
        "Levels, limits, exclusions, calibrations and method of a day, a week or a month.",
    ),
    "alerts": (
        "slmm.cli.alerts:alerts_group",
        "The alert events of one meter, or of all: list is meant where no command is given.",
    ),
    "verify": (
        "slmm.cli.verify:verify",
        "Hold all that is stored against the chain of evidence: 0 unchanged, 1 changed, 2 cannot be checked.",
    ),
    "db": ("slmm.cli.database:database_group", "The schema of the database."),
    "backup": ("slmm.cli.backup:backup", "Back up database, key and record, also while the service runs."),
    "restore": ("slmm.cli.backup:restore", "Put a backup in place; the service must not run."),
    "begin-anew": (
        "slmm.cli.anew:begin_anew",
        "Set the database aside and begin with an empty one: no meters, rules or accounts.",
    ),
    "import-0.4": (
        "slmm.cli.legacy:import_legacy",
        "Take over the slmm.db of an SLMM 0.4.0: units, state, trail, rules, events and logs.",
    ),
    "user": ("slmm.cli.users:user_group", "Accounts."),
    "token": ("slmm.cli.users:token_group", "API tokens."),
}
"""Where each command is and how its help begins; only what is asked for is imported: all take a second."""


class LazyGroup(click.Group):
    """A group whose commands are imported when they are used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All names, ours in the order above."""
        return [*COMMANDS, *super().list_commands(ctx)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name."""
        if cmd_name not in COMMANDS:
            return super().get_command(ctx, cmd_name)
        module, _, name = COMMANDS[cmd_name][0].partition(":")
        found: click.Command = getattr(importlib.import_module(module), name)
        return found

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list of commands in the help, from the texts above."""
        names = self.list_commands(ctx)
        limit = formatter.width - 6 - max(map(len, names))  # as click has it
        with formatter.section("Commands"):
            formatter.write_dl([(name, self._begins(ctx, name).get_short_help_str(limit)) for name in names])

    def _begins(self, ctx: click.Context, name: str) -> click.Command:
        own = super().get_command(ctx, name)
        return own or click.Command(name, short_help=None, help=COMMANDS[name][1])


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

    found = settings.load()
    values = found.model_dump(mode="json")
    if values["alert_heartbeat_url"]:  # its path is its password
        values["alert_heartbeat_url"] = "***"
    if values["database_url"] and not values["database_url"].startswith("sqlite"):
        from slmm.cli import store  # and of this one without such a URL

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
