"""``slmm db``: the schema of the database."""

from __future__ import annotations

import click

from slmm import settings as settings_module
from slmm.cli import store
from slmm.cli.output import json_option, say, show_json
from slmm.errors import Conflict, Invalid
from slmm.storage import restore
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


@database_group.command("downgrade")
@click.argument("revision")
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
def downgrade(revision: str, yes: bool, as_json: bool) -> None:
    """Go back to an older schema, such as 0008, for an older version of SLMM; the service must not run.

    What the older schema has no place for is gone; a backup is made first.
    """
    settings = settings_module.load()
    if revision not in schema.known(MIGRATIONS):
        raise Invalid(f"there is no schema {revision!r}; known: {', '.join(sorted(schema.known(MIGRATIONS)))}")
    with store.opened(settings, is_migrated=False) as database, restore.alone(settings.data_dir):
        before = schema.current(database.engine)
        if before is not None and before not in schema.known(MIGRATIONS):
            raise Conflict(f"the database has schema {before}; only the SLMM that wrote it can go back from it")
        if before is None or before <= revision:
            raise Conflict(f"the schema is {before or 'empty'} already; nothing to go back from")
        if not yes:
            question = f"Go from schema {before} back to {revision}? What {revision} has no place for is lost."
            click.confirm(question, abort=True, err=True)
        copy = schema.backup(database.engine, settings.data_dir / "backups", before)
        schema.downgrade(database.engine, MIGRATIONS, revision)
        found = schema.current(database.engine)
    if as_json:
        show_json({"current": found, "backup": None if copy is None else str(copy)})
        return
    say(f"the schema is {found}; as it was: {copy or 'nowhere, for this is no SQLite database'}")
