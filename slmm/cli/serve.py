"""``slmm serve``: gunicorn with the settings of this checkout."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from slmm import settings as settings_module
from slmm.cli import store
from slmm.cli.client import bound_url, default_url
from slmm.cli.output import json_option, show_json
from slmm.settings import Settings
from slmm.storage import recovery, restore
from slmm.storage import upgrade as schema

TOP = Path(__file__).resolve().parent.parent.parent


def place(settings: Settings) -> dict[str, Any]:
    """Where the page is, where the data live, and how to stop, for programs."""
    return {
        "url": default_url(settings),
        "data_dir": str(settings.data_dir.resolve()),
        "pid": os.getpid(),
        "stop": f"kill -TERM {os.getpid()}",
    }


def announce(settings: Settings) -> None:
    """The same for people."""
    click.echo(f"SLMM     {bound_url(settings)}/")
    click.echo(f"data     {settings.data_dir.resolve()}")
    click.echo("stop     Ctrl+C")


def _command() -> list[str]:
    """Stays in this directory, whose .env and relative paths are meant."""
    return [sys.executable, "-m", "gunicorn", "--pythonpath", str(TOP), "-c", str(TOP / "gunicorn.conf.py"), "wsgi:app"]


def gunicorn(environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
    """The server as a process of its own."""
    return subprocess.Popen(_command(), env=dict(environment))


def _refuse_unusable(settings: Settings) -> None:
    """A database that cannot be used is told here, in one sentence; a damaged one with a backup is for the start."""
    file = recovery.file_of(settings.sqlalchemy_url)
    if file is None or not recovery.is_to_be_mended(file, settings.data_dir, schema.MIGRATIONS):
        with store.opened(settings, is_migrated=False) as database:
            schema.current(database.engine)


@click.command()
@json_option
def serve(as_json: bool) -> None:
    """Serve until interrupted; migrates the database first."""
    settings = settings_module.load()
    store.refuse_if_held(settings.data_dir)
    if restore.pending(settings.data_dir) is None:  # what waits for the start may cure what is wrong with it
        _refuse_unusable(settings)
    show_json(place(settings)) if as_json else announce(settings)
    os.execv(sys.executable, _command())
