"""``slmm serve``: gunicorn with the settings of this checkout."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import click

from slmm import settings as settings_module
from slmm.settings import Settings

TOP = Path(__file__).resolve().parent.parent.parent


def announce(settings: Settings) -> None:
    """Say where the page is, where the data live, and how to stop."""
    shown = f"[{settings.host}]" if ":" in settings.host else settings.host
    click.echo(f"SLMM     http://{shown}:{settings.port}/")
    click.echo(f"data     {settings.data_dir.resolve()}")
    click.echo("stop     Ctrl+C")


def gunicorn(environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
    """The server as a process of its own."""
    command = [sys.executable, "-m", "gunicorn", "--chdir", str(TOP), "--config", str(TOP / "gunicorn.conf.py")]
    return subprocess.Popen([*command, "wsgi:app"], env=dict(environment))


@click.command()
def serve() -> None:
    """Serve until interrupted; migrates the database first."""
    announce(settings_module.load())
    command = [sys.executable, "-m", "gunicorn", "--chdir", str(TOP), "--config", str(TOP / "gunicorn.conf.py")]
    os.execv(sys.executable, [*command, "wsgi:app"])
