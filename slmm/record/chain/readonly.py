"""The historian's file as it is, opened without a change to it, while no service holds it."""

from __future__ import annotations

from pathlib import Path

import duckdb

from slmm.errors import DiskTrouble
from slmm.record.store import Connection, Store


class ReadOnlyStore(Store):
    """A store that can be asked only; it makes no file, no table, and no checkpoint."""

    def _open(self) -> None:
        try:
            connection = duckdb.connect(str(self.path), read_only=True, config={"threads": 1})
            connection.execute("set global TimeZone = 'UTC'")
            self._units = dict(_names(connection))
        except (duckdb.Error, OSError) as error:
            raise DiskTrouble(f"the record at {self.path} cannot be read: {error}") from error
        self._connection = connection


def opened(path: Path) -> ReadOnlyStore:
    """Of a file that is there; raises DiskTrouble, also while a service holds it."""
    store = ReadOnlyStore(path)
    store.open()
    return store


def _names(connection: Connection) -> list[tuple[str, int]]:
    return connection.execute("select unit_id, unit from units").fetchall()
