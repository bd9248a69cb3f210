"""``slmm db``: the schema of the database."""

from __future__ import annotations

import json

import click

from slmm import settings as settings_module
from slmm.storage import upgrade as schema
from slmm.storage.database import Database
from slmm.storage.upgrade import MIGRATIONS


@click.group("db")
def database_group() -> None:
    """The schema of the database."""


@database_group.command("current")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def current(as_json: bool) -> None:
    """The schema of the database, and the newest this version knows."""
    database = Database.open(settings_module.load().sqlalchemy_url)
    found = {"current": schema.current(database.engine), "newest": schema.head(MIGRATIONS)}
    click.echo(json.dumps(found) if as_json else f"current {found['current'] or 'empty'}, newest {found['newest']}")


@database_group.command("upgrade")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def upgrade(as_json: bool) -> None:
    """Migrate to the newest schema; a backup is made first."""
    settings = settings_module.load()
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    database = Database.open(settings.sqlalchemy_url)
    schema.upgrade(database.engine, MIGRATIONS, settings.data_dir / "backups")
    found = schema.current(database.engine)
    click.echo(json.dumps({"current": found}) if as_json else f"the schema is {found}")
