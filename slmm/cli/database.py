"""``slmm db``: the schema of the database."""

from __future__ import annotations

import click

from slmm import settings as settings_module
from slmm.cli import store
from slmm.cli.output import json_option, say, show_json
from slmm.storage import upgrade as schema
from slmm.storage.upgrade import MIGRATIONS


@click.group("db")
def database_group() -> None:
    """The schema of the database."""


@database_group.command("current")
@json_option
def current(as_json: bool) -> None:
    """The schema of the database, and the newest this version knows; makes no database."""
    settings = settings_module.load()
    file = store.sqlite_file(settings)
    found: dict[str, str | None] = {"current": None, "newest": schema.head(MIGRATIONS)}
    if file is None or file.exists():
        with store.opened(settings, is_migrated=False) as database:
            found["current"] = schema.current(database.engine)
    show_json(found) if as_json else say(f"current {found['current'] or 'empty'}, newest {found['newest']}")


@database_group.command("upgrade")
@json_option
def upgrade(as_json: bool) -> None:
    """Migrate to the newest schema; a backup is made first."""
    with store.opened(settings_module.load()) as database:
        found = schema.current(database.engine)
    show_json({"current": found}) if as_json else say(f"the schema is {found}")
