"""New databases as the migrations make them: they run once, and what they made is copied for each test."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from sqlalchemy import Engine

from slmm.storage.upgrade import MIGRATIONS

Upgrade = Callable[..., None]


class Copies:
    """Stands in for Alembic's ``command.upgrade`` where the database is an empty file of SQLite's."""

    def __init__(self, directory: Path) -> None:
        self._template = directory / "new.db"
        self._real: Upgrade = command.upgrade

    def upgrade(self, config: Config, revision: str, *more: Any, **options: Any) -> None:
        """Copy the newest schema into an empty file; whatever else is wanted takes every step."""
        engine: Engine | None = config.attributes.get("engine")
        path = _empty_file(engine) if engine is not None else None
        if path is None or revision != "head" or config.get_main_option("script_location") != str(MIGRATIONS):
            self._real(config, revision, *more, **options)
        elif not self._template.exists():
            self._real(config, revision, *more, **options)
            _copy(path, self._template)
        else:
            _copy(self._template, path)


def _empty_file(engine: Engine) -> Path | None:
    """The file of a database without tables."""
    if engine.dialect.name != "sqlite" or not engine.url.database or engine.url.database == ":memory:":
        return None
    with closing(sqlite3.connect(engine.url.database)) as connection:
        tables = {name for (name,) in connection.execute("select name from sqlite_master where type = 'table'")}
    return None if tables - {"alembic_version"} else Path(engine.url.database)


def _copy(source: Path, target: Path) -> None:
    with closing(sqlite3.connect(source)) as read, closing(sqlite3.connect(target)) as written:
        read.backup(written)
