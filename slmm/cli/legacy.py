"""``slmm import-0.4``: takes over the database of an SLMM 0.4.0 and says what it did."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click
from sqlalchemy.orm import Session

from slmm import settings as settings_module
from slmm.cli.output import WITH_WARNINGS, json_option, leave, show_json, show_table
from slmm.cli.takeover import Kind, Takeover, opened
from slmm.storage import upgrade as schema
from slmm.storage.archive import alone
from slmm.storage.database import Database
from slmm.storage.secrets import KEY_FILE, SecretBox
from slmm.storage.upgrade import MIGRATIONS


class _OnlyLooking(Exception):
    """Ends the transaction of a dry run."""


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
        database = Database.open(settings.sqlalchemy_url)
        try:
            schema.upgrade(database.engine, MIGRATIONS, settings.data_dir / "backups")
            box = SecretBox.open(settings.data_dir / KEY_FILE)
            report: list[Kind] = []

            with Session(database.engine) as session:
                try:
                    with session.begin():
                        report = Takeover(old, session, box.seal, replace=replace).run()
                        if dry_run:
                            raise _OnlyLooking
                except _OnlyLooking:
                    pass
        finally:
            database.close()
    if as_json:
        show_json({"dry_run": dry_run, "tables": [asdict(kind) for kind in report]})
    else:
        _show(report, dry_run=dry_run)
    leave(WITH_WARNINGS if any(kind.skipped for kind in report) else 0)


def _show(report: list[Kind], *, dry_run: bool) -> None:
    taken = "would be taken" if dry_run else "taken"
    rows = [(kind.name, kind.taken, kind.present, len(kind.skipped)) for kind in report]
    show_table(("", taken, "here already", "skipped"), rows, "")
    click.echo("readings and logs are kept as long as the settings say: see SLMM_MONITOR_TRAIL_RETENTION_HOURS")
    for kind in report:
        for sentence in kind.changed:
            click.echo(f"changed, {kind.name}: {sentence}")
        for sentence in kind.skipped[:20]:
            click.echo(f"skipped, {kind.name}: {sentence}")
        if len(kind.skipped) > 20:
            click.echo(f"skipped, {kind.name}: {len(kind.skipped) - 20} more; --json lists all")
