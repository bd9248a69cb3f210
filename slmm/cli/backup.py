"""``slmm backup`` and ``slmm restore``: the data directory as one file."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

import click

from slmm import __version__
from slmm import settings as settings_module
from slmm.cli import store
from slmm.cli.output import json_option, say, show_json
from slmm.errors import Invalid
from slmm.record import snapshot
from slmm.settings import Settings
from slmm.storage import archive
from slmm.storage import restore as restoring


def _database(settings: Settings) -> Path:
    file = store.sqlite_file(settings)
    if file is None:
        kind = settings.sqlalchemy_url.partition(":")[0].partition("+")[0]
        raise Invalid(f"the database is {kind}: back it up with its own tools (pg_dump, pg_restore)")
    return file


@click.command()
@click.option("-o", "--output", type=click.Path(path_type=Path), help="A file; else slmm-backup-<time>.zip, here.")
@click.option("--with-downloads", is_flag=True, help="The files fetched from the meters' cards too.")
@click.option("--without-record", is_flag=True, help="Not what was measured: settings, alerts and accounts alone.")
@json_option
def backup(output: Path | None, with_downloads: bool, without_record: bool, as_json: bool) -> None:
    """Back up database, key and record, also while the service runs. Keep it safe: it opens every secret."""
    settings = settings_module.load()
    target = output or Path(f"slmm-backup-{datetime.now(UTC):%Y%m%dT%H%M%SZ}.zip")
    database = _database(settings)
    with store.told(settings):
        manifest = archive.write(
            settings.data_dir,
            database,
            target,
            __version__,
            with_downloads=with_downloads,
            snapshot=None if without_record else snapshot.of(settings.data_dir),
        )
    if as_json:
        show_json({"path": str(target), **asdict(manifest)})
        return
    say(f"{target}  {len(manifest.members)} files, schema {manifest.schema}, read again and whole")
    if manifest.record is not None:
        say(f"the record in it: {manifest.record['frames']} readings, {manifest.record['files']} files of past days")
        for name in manifest.record["missing"]:
            say(f"warning: {name} is on record, but not on the disk", err=True)


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--force", is_flag=True, help="Set aside what is there.")
@json_option
def restore(file: Path, force: bool, as_json: bool) -> None:
    """Put a backup in place; the service must not run."""
    settings = settings_module.load()
    if _database(settings).resolve() != (settings.data_dir / archive.DATABASE).resolve():
        raise Invalid("SLMM_DATABASE_URL names a database outside the data directory; restore that by hand")
    manifest, aside = restoring.restore(file, settings.data_dir, force=force)
    if as_json:
        show_json({**asdict(manifest), "set_aside": str(aside) if aside else None})
        return
    say(f"restored {len(manifest.members)} files of {manifest.made_at} to {settings.data_dir}")
    if aside:
        say(f"what was there is in {aside}")
