"""``slmm begin-anew``: an empty database where the old one is damaged and no backup is left."""

from __future__ import annotations

import click

from slmm import settings as settings_module
from slmm.cli import store
from slmm.cli.output import json_option, say, show_json
from slmm.errors import Invalid
from slmm.storage import recovery, restore
from slmm.storage.upgrade import MIGRATIONS


@click.command("begin-anew")
@click.option("--yes", "is_sure", is_flag=True, help="Do not ask.")
@json_option
def begin_anew(is_sure: bool, as_json: bool) -> None:
    """Set the database aside and begin with an empty one: no meters, rules or accounts. The record stays."""
    settings = settings_module.load()
    file = store.sqlite_file(settings)
    if file is None:
        raise Invalid("SLMM_DATABASE_URL names no file; make a new database with that server's own tools")
    if not is_sure:
        click.confirm(f"Begin with nothing, and set {file} aside?", abort=True)
    with restore.alone(settings.data_dir), store.told(settings):
        found = recovery.begin_anew(file, settings.data_dir, MIGRATIONS)
    if as_json:
        show_json({"set_aside": str(file.parent / found.aside), "why": found.why})
        return
    say(f"an empty database is at {file}; what was there is in {file.parent / found.aside}")
    say("accounts are made at the next start, with the code in its log")
