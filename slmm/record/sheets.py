"""Exports that are files: XLSX and Parquet, made in a folder of their own and gone once they have been sent.

XLSX is written row by row with constant memory; every step is short, so that several exports take turns.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC
from pathlib import Path
from typing import Any, ParamSpec, TypeVar
from uuid import uuid4

import duckdb
import numpy as np
import xlsxwriter
from gevent.threadpool import ThreadPool
from numpy.typing import NDArray

from slmm.errors import DiskTrouble, Invalid
from slmm.record.frame_table import FrameTable
from slmm.record.frames import instants
from slmm.record.store import Connection, Store
from slmm.record.tables import Column, Kind, Table
from slmm.storage.threads import run_in

logger = logging.getLogger(__name__)

P = ParamSpec("P")
T = TypeVar("T")

MOST_XLSX_ROWS = 1_048_575
"""Rows of a sheet (Excel's limit of 2^20) without its heading."""
MOST_PARQUET_ROWS = 20_000_000
ROWS_A_STEP = 250
"""Written in some ms: whoever waits for the interpreter waits no longer."""
LINKS = {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
_TYPES = {
    Kind.UTC: "timestamptz",
    Kind.LOCAL: "timestamp",
    Kind.LEVEL: "double",
    Kind.NUMBER: "double",
    Kind.COUNT: "bigint",
    Kind.YES_NO: "boolean",
    Kind.TEXT: "varchar",
}


class Workshop:
    """Makes export files, one step after the other, in a thread of its own beside the record's readers."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._pool: ThreadPool | None = None

    def run(self, slow: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """One step, off the hub; raises DiskTrouble."""
        if self._pool is None:
            self._pool = ThreadPool(1)
            run_in(self._pool, self._clear)
        return run_in(self._pool, lambda: _on_disk(slow, *args, **kwargs))

    def _clear(self) -> None:
        """Remove what a crash left."""
        for path in self._folder.glob("*"):
            path.unlink(missing_ok=True)

    @contextmanager
    def place(self, suffix: str) -> Iterator[Path]:
        """The path of a new file, which is gone afterwards."""
        path = self._folder / f"{uuid4().hex}{suffix}"
        self.run(lambda: self._folder.mkdir(parents=True, exist_ok=True))
        try:
            yield path
        finally:
            self.run(lambda: path.unlink(missing_ok=True))


def _on_disk(slow: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    try:
        return slow(*args, **kwargs)
    except (OSError, duckdb.Error, xlsxwriter.exceptions.XlsxFileError) as error:
        raise DiskTrouble(f"the export cannot be written: {error}") from error


def check_rows(count: int, most: int, form: str) -> None:
    """Raise Invalid for more rows than a file may have."""
    if count > most:
        raise Invalid(
            f"from, until: {count} rows, and {form} takes {most}; ask for a shorter time, longer periods, or CSV",
            field="until",
        )


def write_xlsx(table: Table, store: Store, workshop: Workshop, path: Path) -> int:
    """Write a table to *path*: the rows, and a sheet that says what they are; how many rows.

    Raises Invalid for more rows than a sheet has, and DiskTrouble.
    """
    check_rows(store.read(table.most_rows), MOST_XLSX_ROWS, "XLSX")
    book = workshop.run(_Book, path, table)
    place, count = store.read(table.first), 0
    try:
        while place is not None:
            rows, place = store.read(lambda connection, at=place: table.rows(connection, at))  # type: ignore[misc]
            check_rows(count + len(rows), MOST_XLSX_ROWS, "XLSX")
            for begin in range(0, len(rows), ROWS_A_STEP):
                workshop.run(book.add, rows[begin : begin + ROWS_A_STEP])
            count += len(rows)
    finally:
        workshop.run(book.close)
    return count


class _Book:
    """A workbook in the making."""

    def __init__(self, path: Path, table: Table) -> None:
        folder = str(path.parent)
        self._book = xlsxwriter.Workbook(str(path), {"constant_memory": True, "tmpdir": folder, **LINKS})
        self._columns = tuple(table.columns)
        self._next = 1
        heading = self._book.add_format({"bold": True})
        formats = {
            Kind.UTC: self._book.add_format({"num_format": "yyyy-mm-dd hh:mm:ss.000"}),
            Kind.LOCAL: self._book.add_format({"num_format": "yyyy-mm-dd hh:mm:ss.000"}),
            Kind.LEVEL: self._book.add_format({"num_format": "0.0"}),
        }
        self._formats = [formats.get(column.kind) for column in self._columns]
        self._sheet = self._book.add_worksheet("Levels")
        self._sheet.freeze_panes(1, 1)
        for place, column in enumerate(self._columns):
            is_time = column.kind in (Kind.UTC, Kind.LOCAL)
            self._sheet.set_column(place, place, 23 if is_time else 12)
            self._sheet.write_string(0, place, column.name, heading)
        self._about(table, heading)

    def _about(self, table: Table, heading: Any) -> None:
        sheet = self._book.add_worksheet("About")
        sheet.set_column(0, 0, 22)
        sheet.set_column(1, 1, 110)
        rows = [*table.about.items(), ("", ""), ("column", "meaning")]
        rows += [(column.name, column.meaning) for column in table.columns]
        for number, (name, text) in enumerate(rows):
            sheet.write_string(number, 0, name, heading)
            sheet.write_string(number, 1, text)

    def add(self, rows: Sequence[tuple[Any, ...]]) -> None:
        """The next rows."""
        for row in rows:
            for place, (value, column, form) in enumerate(zip(row, self._columns, self._formats, strict=True)):
                if value is None:
                    continue
                match column.kind:
                    case Kind.UTC | Kind.LOCAL:
                        self._sheet.write_datetime(self._next, place, value.replace(tzinfo=None), form)
                    case Kind.TEXT:
                        self._sheet.write_string(self._next, place, str(value))
                    case _:
                        self._sheet.write_number(self._next, place, value, form)
            self._next += 1

    def close(self) -> None:
        """Put it together."""
        self._book.close()


def write_parquet(table: Table, store: Store, workshop: Workshop, path: Path) -> int:
    """Write a table to *path* as Parquet, with what is said about it as key/value metadata; how many rows.

    Raises Invalid for too many rows, and DiskTrouble.
    """
    count = store.read(table.most_rows)
    check_rows(count, MOST_PARQUET_ROWS, "Parquet")
    if isinstance(table, FrameTable):
        workshop.run(_copy_frames, table, store, path)
        return count
    return _write_rows(table, store, workshop, path)


def _copy_frames(table: FrameTable, store: Store, path: Path) -> None:
    with store.cursor() as connection:
        _copy(connection, table.all_sorted(connection), table, path)


def _write_rows(table: Table, store: Store, workshop: Workshop, path: Path) -> int:
    memory = workshop.run(_open_memory, table.columns)
    try:
        place, count = store.read(table.first), 0
        while place is not None:
            rows, place = store.read(lambda connection, at=place: table.rows(connection, at))  # type: ignore[misc]
            workshop.run(_insert, memory, table.columns, rows)
            count += len(rows)
        workshop.run(_copy, memory, "select * from rows", table, path)
    finally:
        workshop.run(memory.close)
    return count


def _open_memory(columns: Sequence[Column]) -> Connection:
    connection = duckdb.connect(":memory:", config={"threads": 1, "memory_limit": "256MB"})
    connection.execute("set TimeZone = 'UTC'")
    described = ", ".join(f'"{column.name}" {_TYPES[column.kind]}' for column in columns)
    connection.execute(f"create table rows ({described})")
    return connection


def _insert(connection: Connection, columns: Sequence[Column], rows: Sequence[tuple[Any, ...]]) -> None:
    """Column by column: some µs a row instead of a hundred."""
    if not rows:
        return
    arrays = {
        column.name: _array(column.kind, values)
        for column, values in zip(columns, zip(*rows, strict=True), strict=True)
    }
    connection.register("added", arrays)
    casts = ", ".join(
        f'added."{column.name}" at time zone \'UTC\'' if column.kind is Kind.UTC else
        f'cast(added."{column.name}" as {_TYPES[column.kind]})'
        for column in columns
    )  # fmt: skip
    connection.execute(f"insert into rows select {casts} from added")
    connection.unregister("added")


def _array(kind: Kind, values: Sequence[Any]) -> NDArray[Any]:
    if kind in (Kind.UTC, Kind.LOCAL):
        return instants(None if value is None else value.replace(tzinfo=UTC) for value in values)
    return np.array(values, dtype=object if kind is Kind.TEXT else np.float64)


def _copy(connection: Connection, select: str, table: Table, path: Path) -> None:
    told = {**table.about, **{f"column.{column.name}": column.meaning for column in table.columns}}
    metadata = ", ".join(f"{_literal(name)}: {_literal(text)}" for name, text in told.items())
    connection.execute(
        f"copy ({select}) to {_literal(str(path))} (format parquet, compression zstd, kv_metadata {{{metadata}}})"
    )


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
