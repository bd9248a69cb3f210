"""``slmm import-0.4``: takes over the database of an SLMM 0.4.0 and says what it did."""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict
from pathlib import Path

import click
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from slmm import settings as settings_module
from slmm.cli import store
from slmm.cli.output import WITH_WARNINGS, json_option, leave, say, show_json, show_table
from slmm.errors import Conflict, DiskTrouble, SlmmError
from slmm.settings import Settings
from slmm.storage import upgrade as schema
from slmm.storage.database import Database
from slmm.storage.restore import alone
from slmm.storage.secrets import KEY_FILE, SecretBox
from slmm.storage.upgrade import MIGRATIONS
from slmm.web.legacy import Kind, Takeover, opened


@click.command("import-0.4")
@click.argument("path", type=click.Path(path_type=Path))
@click.option("--replace", is_flag=True, help="Overwrite configuration and state of units that are here already.")
@click.option("--dry-run", is_flag=True, help="Say what would be done, and do nothing.")
@json_option
def import_legacy(path: Path, replace: bool, dry_run: bool, as_json: bool) -> None:
    """Take over the slmm.db of an SLMM 0.4.0: units, state, trail, rules, events and logs.

    The old database is only read. Doing it twice doubles nothing. Exit code 3 when rows could not be taken.
    """
    settings = settings_module.load()
    with alone(settings.data_dir), opened(path) as old:
        if dry_run:
            with _rehearsal(settings) as database:
                report = _import(old, database, _unsealed, replace=replace, keep=False)
        else:
            with store.opened(settings) as database:
                box = SecretBox.open(settings.data_dir / KEY_FILE)
                report = _import(old, database, box.seal, replace=replace, keep=True)
    if as_json:
        show_json({"dry_run": dry_run, "tables": [asdict(kind) for kind in report]})
    else:
        _show(report, dry_run=dry_run)
    leave(WITH_WARNINGS if any(kind.skipped for kind in report) else 0)


def _unsealed(_password: str) -> str:
    """A dry run makes no key, and no password comes near a disk."""
    return ""


@contextmanager
def _rehearsal(settings: Settings) -> Iterator[Database]:
    """A migrated copy of a SQLite database, thrown away afterwards; another database itself, as it is."""
    original = store.sqlite_file(settings)
    if original is None:
        with store.opened(settings, is_migrated=False) as database:
            if schema.current(database.engine) != schema.head(MIGRATIONS):
                raise Conflict("the database is to be migrated first, and a dry run does not: run slmm db upgrade")
            yield database
        return
    with tempfile.TemporaryDirectory(prefix="slmm-rehearsal-") as directory:
        copy = Path(directory) / "slmm.db"
        if original.is_file():
            _copy(original, copy)
        with closing(Database.open(f"sqlite:///{copy}")) as database:
            schema.upgrade(database.engine, MIGRATIONS, Path(directory) / "backups")
            yield database


def _copy(original: Path, copy: Path) -> None:
    try:
        source_uri = f"{original.resolve().as_uri()}?mode=ro"
        with closing(sqlite3.connect(source_uri, uri=True)) as source, closing(sqlite3.connect(copy)) as target:
            source.backup(target)
    except sqlite3.Error as error:
        raise DiskTrouble(f"{original} cannot be copied: {error}") from error


def _import(
    old: sqlite3.Connection, database: Database, seal: Callable[[str], str], *, replace: bool, keep: bool
) -> list[Kind]:
    """All tables in one transaction, taken back at the end unless it is to *keep*; raises SlmmError."""
    try:
        with Session(database.engine) as session:
            report = Takeover(old, session, seal, replace=replace).run()
            if keep:
                session.commit()
            return report
    except SQLAlchemyError as error:
        raise SlmmError(f"nothing was imported, the database refused: {store.reason(error)}") from error


def _show(report: list[Kind], *, dry_run: bool) -> None:
    taken = "would be taken" if dry_run else "taken"
    rows = [(kind.name, kind.taken, kind.present, len(kind.skipped)) for kind in report]
    show_table(("", taken, "here already", "skipped"), rows, "")
    say("readings and logs are kept as long as the settings say: see SLMM_MONITOR_TRAIL_RETENTION_HOURS")
    for kind in report:
        for sentence in kind.changed:
            say(f"changed, {kind.name}: {sentence}")
        for sentence in kind.skipped[:20]:
            say(f"skipped, {kind.name}: {sentence}")
        if len(kind.skipped) > 20:
            say(f"skipped, {kind.name}: {len(kind.skipped) - 20} more; --json lists all")
