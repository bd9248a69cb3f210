"""``slmm backup``, ``slmm backups`` and ``slmm restore``: the data directory as one file."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

import click

from slmm import __version__
from slmm import settings as settings_module
from slmm.cli import store
from slmm.cli.output import FAILED, json_option, say, show_json, show_table
from slmm.errors import Invalid
from slmm.record import snapshot
from slmm.settings import Settings
from slmm.storage import archive, proof
from slmm.storage import restore as restoring
from slmm.storage.backups import Backups
from slmm.storage.proof import Proof
from slmm.times import timestamp


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
@click.option("--verify", "is_verified", is_flag=True, help="Restore it to a place of its own to try it.")
@json_option
def backup(output: Path | None, with_downloads: bool, without_record: bool, is_verified: bool, as_json: bool) -> None:
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
    found = proof.prove(target, settings.data_dir, snapshot.check) if is_verified else None
    if as_json:
        show_json({"path": str(target), **asdict(manifest), "proof": None if found is None else asdict(found)})
        _end_unless_proved(found)
        return
    say(f"{target}  {len(manifest.members)} files, schema {manifest.schema}, read again and whole")
    if manifest.record is not None:
        say(f"the record in it: {manifest.record['frames']} readings, {manifest.record['files']} files of past days")
        for name in manifest.record["missing"]:
            say(f"warning: {name} is on record, but not on the disk", err=True)
    if found is not None:
        say(_outcome(target.name, found))
    _end_unless_proved(found)


def _outcome(name: str, found: Proof) -> str:
    if found.error is not None:
        return f"{name} cannot be restored: {found.error}"
    record = "" if found.readings is None else f", {found.readings} readings, {found.files} files of past days"
    return f"{name} was restored to a place of its own in {found.took_s:.1f} s: {found.rows} rows{record}"


def _end_unless_proved(found: Proof | None) -> None:
    if found is not None and found.error is not None:
        raise SystemExit(FAILED)


@click.group("backups")
def backups_group() -> None:
    """What backups there are, and whether they can be restored."""


@backups_group.command("list")
@json_option
def list_backups(as_json: bool) -> None:
    """Those in the data directory, the newest first."""
    found = Backups(settings_module.load().data_dir).all()
    if as_json:
        show_json([{**asdict(each), "made_at": timestamp(each.made_at)} for each in found])
        return
    rows = [
        (
            each.name,
            f"{each.made_at:%Y-%m-%d %H:%M}",
            f"{each.size_bytes / 1e6:.1f} MB",
            ", ".join(each.parts),
            each.trouble or (f"restored {each.proof.at}" if each.proof else "not tried"),
        )
        for each in found
    ]
    show_table(("name", "made (UTC)", "size", "holds", "verified"), rows, "there is no backup")


@backups_group.command("verify")
@click.argument("name")
@json_option
def verify_backup(name: str, as_json: bool) -> None:
    """Restore a backup to a place of its own, open everything in it, compare; NAME is one of the list, or a path."""
    settings = settings_module.load()
    path = Path(name)
    if not path.is_file():
        path = Backups(settings.data_dir).place(name)
    settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = proof.prove(path, settings.data_dir, snapshot.check)
    show_json(asdict(found)) if as_json else say(_outcome(path.name, found))
    _end_unless_proved(found)


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
