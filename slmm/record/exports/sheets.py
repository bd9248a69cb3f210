"""Exports that are files: XLSX and Parquet, made in a folder of their own and gone once they have been sent.

XLSX is written piece by piece with constant memory; every step is short, so that several exports take turns.
"""

from __future__ import annotations

import io
import logging
import re
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC
from functools import partial
from pathlib import Path
from typing import Any, ParamSpec, TypeVar
from uuid import uuid4

import duckdb
import numpy as np
import xlsxwriter
from gevent.threadpool import ThreadPool
from numpy.typing import NDArray

from slmm.errors import DiskTrouble, Invalid
from slmm.record.exports.cells import Grid, letters
from slmm.record.exports.frame_table import FrameTable
from slmm.record.exports.tables import Column, Kind, Place, Table
from slmm.record.frames import instants
from slmm.record.store import Connection, Store
from slmm.storage.threads import run_in

logger = logging.getLogger(__name__)

P = ParamSpec("P")
T = TypeVar("T")

MOST_XLSX_ROWS = 1_048_575
"""Rows of a sheet (Excel's limit of 2^20) without its heading."""
MOST_PARQUET_ROWS = 20_000_000
_QUICKLY = 1
"""Three times faster than the usual compression, for a third more bytes."""
_SHEET = "xl/worksheets/sheet1.xml"
_DIMENSION = re.compile(r"<dimension [^>]*/>")
"""How large the sheet is, which is not known yet, and need not be said."""
_SAMPLE = re.compile(r'<row r="2".*?</row>', re.DOTALL)
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
            text, added, place = store.read(partial(_cells, table, book.grid, place, count))
            count += added
            check_rows(count, MOST_XLSX_ROWS, "XLSX")
            workshop.run(book.add, text)
    finally:
        workshop.run(book.close)
    return count


def _cells(table: Table, grid: Grid, place: Place, count: int, connection: Connection) -> tuple[str, int, Place | None]:
    """The next rows of a sheet below *count* others and the heading."""
    if isinstance(table, FrameTable):
        return table.cells(connection, place, grid, count + 2)
    rows, further = table.rows(connection, place)
    return grid.rows(rows, count + 2), len(rows), further


class _Book:
    """A workbook in the making: XlsxWriter makes all but the rows, which are put in between its heading and its end."""

    def __init__(self, path: Path, table: Table) -> None:
        columns = tuple(table.columns)
        frame = io.BytesIO()
        _write_frame(frame, table, path.parent)
        with zipfile.ZipFile(frame) as made:
            sheet = made.read(_SHEET).decode()
            styles = [
                found[1] if (found := re.search(rf'<c r="{letters(place)}2" s="([0-9]+)"', sheet)) else ""
                for place in range(len(columns))
            ]
            self.grid = Grid(columns, tuple(styles))
            self._archive = zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=_QUICKLY)
            for name in made.namelist():
                if name != _SHEET:
                    self._archive.writestr(name, made.read(name))
        before, _, self._end = _SAMPLE.sub("", _DIMENSION.sub("", sheet)).partition("</sheetData>")
        self._sheet = self._archive.open(_SHEET, "w", force_zip64=True)
        self._sheet.write(before.encode())

    def add(self, rows: str) -> None:
        """The next rows."""
        self._sheet.write(rows.encode())

    def close(self) -> None:
        """Put it together."""
        self._sheet.write(f"</sheetData>{self._end}".encode())
        self._sheet.close()
        self._archive.close()


def _write_frame(target: io.BytesIO, table: Table, folder: Path) -> None:
    """A workbook with a heading, one row that shows the styles, and the sheet about it."""
    book = xlsxwriter.Workbook(target, {"constant_memory": True, "tmpdir": str(folder), **LINKS})
    heading = book.add_format({"bold": True})
    time = book.add_format({"num_format": "yyyy-mm-dd hh:mm:ss.000"})
    formats = {Kind.UTC: time, Kind.LOCAL: time, Kind.LEVEL: book.add_format({"num_format": "0.0"})}
    sheet = book.add_worksheet("Levels")
    sheet.freeze_panes(1, 1)
    for place, column in enumerate(table.columns):
        sheet.set_column(place, place, 23 if column.kind in (Kind.UTC, Kind.LOCAL) else 12)
        sheet.write_string(0, place, column.name, heading)
    for place, column in enumerate(table.columns):  # row by row: with constant memory there is no way back
        sheet.write_number(1, place, 0, formats.get(column.kind))
    _write_about(book.add_worksheet("About"), table, heading)
    book.close()


def _write_about(sheet: Any, table: Table, heading: Any) -> None:
    sheet.set_column(0, 0, 22)
    sheet.set_column(1, 1, 110)
    rows = [*table.about.items(), ("", ""), ("column", "meaning")]
    rows += [(column.name, column.meaning) for column in table.columns]
    for number, (name, text) in enumerate(rows):
        sheet.write_string(number, 0, name, heading)
        sheet.write_string(number, 1, text)


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
