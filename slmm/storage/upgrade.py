"""Brings the schema up to date: Alembic without alembic.ini, a backup first, and no guesses."""

from __future__ import annotations

import fcntl
import logging
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, inspect

from slmm.errors import SlmmError

logger = logging.getLogger(__name__)


class SchemaUnknown(SlmmError):
    """The database was written by a newer version, or by something else."""


def _config(engine: Engine, migrations: Path) -> Config:
    config = Config()
    config.set_main_option("script_location", str(migrations).replace("%", "%%"))
    config.attributes["engine"] = engine
    return config


def head(migrations: Path) -> str | None:
    """The newest revision this version knows."""
    return ScriptDirectory(str(migrations)).get_current_head()


def current(engine: Engine) -> str | None:
    """The revision of the database; None when it is empty."""
    with engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision()


def upgrade(engine: Engine, migrations: Path, backup_dir: Path) -> None:
    """Migrate to the newest revision; a SQLite file with tables is copied aside first.

    Raises SchemaUnknown when the database is newer than this version, and changes nothing then.
    """
    with _alone(backup_dir):
        before, wanted = current(engine), head(migrations)
        if before == wanted:
            return
        known = {script.revision for script in ScriptDirectory(str(migrations)).walk_revisions()}
        if before is not None and before not in known:
            raise SchemaUnknown(
                f"the database has schema {before}, which this version (schema {wanted}) does not know; "
                "run the newer SLMM that wrote it, or restore a backup made before its migration"
            )
        if inspect(engine).get_table_names():
            backup(engine, backup_dir, before or "empty")
        command.upgrade(_config(engine, migrations), "head")
        logger.info("schema migrated from %s to %s", before or "empty", wanted)


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
    with (
        closing(sqlite3.connect(engine.url.database)) as source,
        closing(sqlite3.connect(unfinished)) as copy,
    ):
        source.backup(copy)
    unfinished.rename(path)
    logger.info("backup written to %s", path)
    return path


@contextmanager
def _alone(directory: Path) -> Iterator[None]:
    """Two starters must not migrate at once; the kernel frees the lock of a dead one."""
    directory.mkdir(parents=True, exist_ok=True)
    with open(directory / "migration.lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
