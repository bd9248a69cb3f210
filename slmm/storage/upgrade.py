"""Brings the schema up to date: Alembic without alembic.ini, a backup first, and no guesses."""

from __future__ import annotations

import fcntl
import logging
import re
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from gevent.monkey import get_original
from sqlalchemy import Engine, create_engine, inspect

import slmm.storage.models  # noqa: F401 - fills the metadata
from slmm.errors import Conflict, SlmmError
from slmm.storage import archive
from slmm.storage.database import Base, engine_options, prepare_engine

logger = logging.getLogger(__name__)

MIGRATIONS = Path(__file__).resolve().parent.parent.parent / "migrations"
COPY = re.compile(r"slmm-\d{8}T\d{6}\.\d+Z-(?P<schema>\w+)\.db")
"""What a copy made before a migration is called; in the order of the alphabet they are in that of time."""
COPIES_KEPT = 5
LOCK_WITHIN_S = 60.0
LOCK_EVERY_S = 0.05
_sleep = get_original("time", "sleep")  # this runs in a pool thread, which has no hub to sleep on


class SchemaUnknown(SlmmError):
    """The database was written by a newer version, or by something else."""


class BackupFailed(SlmmError):
    """The copy that must come before a migration could not be made."""


def _config(engine: Engine, migrations: Path) -> Config:
    config = Config()
    config.set_main_option("script_location", str(migrations).replace("%", "%%"))
    config.attributes["engine"] = engine
    return config


def head(migrations: Path) -> str | None:
    """The newest revision this version knows."""
    return ScriptDirectory(str(migrations)).get_current_head()


def known(migrations: Path) -> set[str]:
    """Every revision this version knows."""
    return {script.revision for script in ScriptDirectory(str(migrations)).walk_revisions()}


def current(database: Engine | str) -> str | None:
    """The revision of the database; None when it is empty."""
    with _opened(database) as engine, engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision()


def upgrade(database: Engine | str, migrations: Path, backup_dir: Path) -> None:
    """Migrate to the newest revision; a SQLite file with tables is copied aside first.

    Raises SchemaUnknown, and changes nothing, when the database is newer than this version or not ours;
    Conflict when another process is still migrating after LOCK_WITHIN_S.
    """
    with _opened(database) as engine, _alone(backup_dir):
        before, wanted = current(engine), head(migrations)
        if before == wanted:
            return
        tables = set(inspect(engine).get_table_names()) - {"alembic_version"}
        _refuse_unknown(before, tables, migrations)
        if tables:
            backup(engine, backup_dir, before or "empty")
        command.upgrade(_config(engine, migrations), "head")
        logger.info("schema migrated from %s to %s", before or "empty", wanted)
        _prune(backup_dir)


def _refuse_unknown(before: str | None, tables: set[str], migrations: Path) -> None:
    """Better no start than a guess at somebody else's tables."""
    if before is not None and before not in known(migrations):
        raise SchemaUnknown(
            f"the database has schema {before}, which this version (schema {head(migrations)}) does not know; "
            "run the newer SLMM that wrote it, or restore a backup made before its migration"
        )
    taken = sorted(tables & set(Base.metadata.tables))
    if before is None and taken:
        raise SchemaUnknown(
            f"the database has a table {taken[0]}, but no schema number: an SLMM before 0.5 or another program "
            "wrote it; move it away, or let SLMM_DATABASE_URL name a new database"
        )


def downgrade(engine: Engine, migrations: Path, revision: str) -> None:
    """Go back to *revision*, or to ``base``: no tables at all."""
    command.downgrade(_config(engine, migrations), revision)


def backup(engine: Engine, backup_dir: Path, revision: str) -> Path | None:
    """A consistent copy of a SQLite database, while it is in use; None for other databases."""
    if engine.dialect.name != "sqlite" or not engine.url.database:
        logger.warning("no backup is made of a %s database; use its own tools", engine.dialect.name)
        return None
    backup_dir.mkdir(parents=True, exist_ok=True)
    path = backup_dir / f"slmm-{datetime.now(UTC):%Y%m%dT%H%M%S.%fZ}-{revision}.db"
    unfinished = path.with_suffix(".partial")
    unfinished.touch(mode=0o600)  # it holds the FTP passwords
    try:
        with (
            closing(sqlite3.connect(engine.url.database)) as source,
            closing(sqlite3.connect(unfinished)) as copy,
        ):
            source.backup(copy)
        archive.check_database(unfinished)
        unfinished.rename(path)
    except (sqlite3.Error, OSError, SlmmError) as error:
        unfinished.unlink(missing_ok=True)
        raise BackupFailed(f"no backup could be written to {backup_dir}, so nothing is migrated: {error}") from error
    logger.info("backup written to %s", path)
    return path


def _prune(backup_dir: Path) -> None:
    """Let the oldest copies go; the newest COPIES_KEPT stay, whatever their schema."""
    copies = sorted(path for path in backup_dir.glob("*.db") if COPY.fullmatch(path.name))
    for path in copies[:-COPIES_KEPT]:
        try:
            path.unlink()
            logger.info("%s is removed, being older than the newest %d", path.name, COPIES_KEPT)
        except OSError as error:
            logger.warning("%s cannot be removed: %s", path, error)


@contextmanager
def _opened(database: Engine | str) -> Iterator[Engine]:
    """An engine stays open; one made for a URL is closed again."""
    if isinstance(database, Engine):
        yield database
        return
    engine = create_engine(database, **engine_options(database))
    prepare_engine(engine)
    try:
        yield engine
    finally:
        engine.dispose()


@contextmanager
def _alone(directory: Path) -> Iterator[None]:
    """Two starters must not migrate at once; the kernel frees the lock of a dead one."""
    directory.mkdir(parents=True, exist_ok=True)
    with open(directory / "migration.lock", "w", encoding="ascii") as lock:
        deadline_s = time.monotonic() + LOCK_WITHIN_S
        while not _is_locked_by_us(lock):
            if time.monotonic() > deadline_s:
                raise Conflict(f"another SLMM has been migrating the database for {LOCK_WITHIN_S:g} s ({lock.name})")
            _sleep(LOCK_EVERY_S)
        yield


def _is_locked_by_us(lock: IO[str]) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
