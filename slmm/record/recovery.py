"""A damaged record: it is set aside, and a new one is made of whatever can still be read.

First of the damaged file itself, group of rows by group of rows; where little of it can be read, of the newest backup
that holds a record. Files of past days stand on their own: every one that the new record does not know is entered
again. The new record is made under another name, so that being cut off leaves the damaged one in place.
Blocks: for a thread.
"""

from __future__ import annotations

import logging
import os
import re
import shutil
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from slmm.errors import SlmmError
from slmm.record import snapshot
from slmm.record.partitions import TABLES, Partition, enter, named_like, with_rows
from slmm.record.store import Connection, prepare
from slmm.storage import archive, broken
from slmm.storage.backups import Backups
from slmm.storage.broken import Broken
from slmm.storage.downloads import on_disk
from slmm.storage.recovery import refuse_without_room, take_member

logger = logging.getLogger(__name__)

WORKSHOP = ".mending"
GROUP = 122_880
"""Rows that DuckDB keeps together; a damaged block costs at most so many of one table."""
_DAMAGE = re.compile(
    r"not a valid DuckDB database file|Corrupt database file|Corrupt WAL file|Failure while replaying WAL"
    r"|Could not read enough bytes from file \"[^\"]*\.duckdb|Serialization Error"
)
_TORN_AT = re.compile(r"entry at byte position (\d+)")
_NEEDED = ("schema_version", "units", "partitions")
_WHO_AND_WHEN = ("unit", "ends_at", "source")
"""Without these a frame says nothing."""


def is_damage(error: object) -> bool:
    """Whether what DuckDB said means that its file is not what it was; a lock or a full disk does not."""
    return _DAMAGE.search(str(error)) is not None


def is_lost(path: Path, levels: Path) -> bool:
    """Whether there is no record where files of past days show that there was one."""
    return not path.exists() and next(levels.rglob("[!.]*.parquet"), None) is not None


def mend(path: Path, levels: Path, data_dir: Path, why: str, memory_mb: int = 256) -> Broken:
    """Replace the record at *path*, which nobody has open; raises DiskTrouble, DiskFull, and it stays as it is."""
    workshop = path.parent / WORKSHOP
    with on_disk(f"the damaged record {path} cannot be replaced"):
        shutil.rmtree(workshop, ignore_errors=True)
        workshop.mkdir(mode=0o700, parents=True)
        try:
            with snapshot.alone(path.parent):
                refuse_without_room(workshop, path.stat().st_size if path.exists() else 0)
                outcome = _make(path, levels, data_dir, workshop / "new.duckdb", memory_mb)
                folder = broken.set_aside([path.with_name(f"{path.name}.wal"), path], data_dir)
                found = broken.report(folder, "record", why, outcome)
                (workshop / "new.duckdb").replace(path)
        finally:
            shutil.rmtree(workshop, ignore_errors=True)
    return found


def _make(path: Path, levels: Path, data_dir: Path, new: Path, memory_mb: int) -> str:
    """The new record, closed; and how it was made, in words."""
    config: dict[str, Any] = {"threads": 1, "memory_limit": f"{memory_mb}MB", "autoinstall_known_extensions": False}
    saved = _saved(path, new, config)
    is_much = saved is not None and saved.lost <= saved.rows
    backup = None if is_much else _from_backup(data_dir, new)
    with duckdb.connect(str(new), config=config) as connection:
        prepare(connection, new)
        known = enter_files(connection, levels, is_older=backup is not None)
        connection.execute("checkpoint")
    with new.open("rb") as file:
        os.fsync(file.fileno())
    if saved is not None and backup is None:
        return f"{saved.sentence}; {known} files of past days were entered again"
    origin = f"{backup} took its place" if backup else "there was no backup of it, so a new one was begun"
    return f"{origin}, and {known} files of past days were entered again; what was in neither is missing"


def days_without_hours(connection: Connection) -> list[Partition]:
    """Days in files whose hours the record does not have: it was begun anew."""
    rows = connection.execute(
        "select kind, unit_id, day, part, row_count from partitions where kind = 'minutes' and not exists"
        " (select 1 from hours join units using (unit) where units.unit_id = partitions.unit_id"
        " and cast(hours.starts_at as date) = partitions.day) order by day"
    ).fetchall()
    return [Partition(*row) for row in rows]


# -- what can still be read --------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Saved:
    """How much could be read of a damaged file."""

    rows: int
    lost: int
    sentence: str


def _saved(path: Path, new: Path, config: dict[str, Any]) -> Saved | None:
    """Copy all that can be read of the damaged file; None when that is nothing, and *new* is not there."""
    for cut in (None, 0) if (log := path.with_name(f"{path.name}.wal")).exists() else (0,):
        while True:
            try:
                return _copied(path, log, new, config, cut)
            except (duckdb.Error, OSError) as error:
                logger.warning("the damaged record, its log %s: %s", "whole" if cut is None else f"up to {cut}", error)
                _remove(new)
                torn = _TORN_AT.search(str(error))
                if torn is None or cut is not None or int(torn[1]) == 0:
                    break
                cut = int(torn[1])  # what stands before that can be read
    return None


def _copied(path: Path, log: Path, new: Path, config: dict[str, Any], cut: int | None) -> Saved:
    old = new.with_name("old.duckdb")
    _remove(old)
    os.link(path, old)  # only read
    if cut != 0:
        shutil.copyfile(log, f"{old}.wal")
        if cut is not None:
            os.truncate(f"{old}.wal", cut)
    rows = lost = 0
    with duckdb.connect(str(new), config=config) as connection:
        prepare(connection, new)
        connection.execute(f"attach '{_quoted(old)}' as old (read_only)")
        found = connection.execute("select table_name, estimated_size from duckdb_tables() where database_name = 'old'")
        for table, size in found.fetchall():
            copied, missed = _copy_table(connection, table, size)
            rows, lost = rows + copied, lost + missed
        connection.execute("checkpoint")
        with suppress(duckdb.Error):
            connection.execute("detach old")
    _remove(old)
    torn = "" if cut is None or not log.exists() else " without its log" if cut == 0 else " without the end of its log"
    return Saved(rows, lost, f"{rows} rows of it were saved{torn}, about {lost} are missing")


def _copy_table(connection: Connection, table: str, size: int) -> tuple[int, int]:
    """How many rows of a table could be copied, and about how many could not; raises duckdb.Error."""
    connection.execute(f"create table if not exists {table} as from old.{table} limit 0")
    connection.execute(f"delete from {table}")
    columns = _columns(connection, table)
    try:
        return _insert(connection, table, dict.fromkeys(columns, True), "true"), 0
    except duckdb.Error:
        if table in _NEEDED:
            raise
    copied = lost = 0
    for begin in range(0, size, GROUP):
        where = f"rowid >= {begin} and rowid < {begin + GROUP}"
        try:
            copied += _copy_group(connection, table, columns, where)
        except duckdb.Error as error:
            logger.warning("the damaged record: rows %d and following of %s: %s", begin, table, error)
            lost += min(GROUP, size - begin)
    return copied, lost


def _copy_group(connection: Connection, table: str, columns: Sequence[str], where: str) -> int:
    """Some rows; of frames also those of which single levels cannot be read. Raises duckdb.Error."""
    try:
        return _insert(connection, table, dict.fromkeys(columns, True), where)
    except duckdb.Error:
        if table not in TABLES["frames"]:
            raise
    readable = {each: each in _WHO_AND_WHEN or _is_readable(connection, table, each, where) for each in columns}
    unread = ", ".join(name for name, is_read in readable.items() if not is_read)
    logger.warning("the damaged record: %s of %s cannot be read where %s", unread, table, where)
    return _insert(connection, table, readable, where)


def _columns(connection: Connection, table: str) -> list[str]:
    question = "select column_name from duckdb_columns() where database_name = 'old' and table_name = ?"
    return [name for (name,) in connection.execute(question, [table]).fetchall()]


def _is_readable(connection: Connection, table: str, column: str, where: str) -> bool:
    try:
        connection.execute(f"select sum(hash({column})) from old.{table} where {where}").fetchone()
    except duckdb.Error:
        return False
    return True


def _insert(connection: Connection, table: str, columns: Mapping[str, bool], where: str) -> int:
    """Copy rows, those columns that cannot be read as null; how many."""
    names = ", ".join(columns)
    values = ", ".join(name if is_read else "null" for name, is_read in columns.items())
    row = connection.execute(f"insert into {table} ({names}) select {values} from old.{table} where {where}").fetchone()
    return int(row[0]) if row else 0


def _from_backup(data_dir: Path, new: Path) -> str | None:
    """Put the record of the newest backup that holds one at *new*; which backup that was, and of when."""
    backups, copy = Backups(data_dir), new.with_name("backup.duckdb")
    for kept in backups.all():
        _remove(copy)
        if kept.trouble is not None or archive.RECORD not in kept.parts:
            continue
        try:
            take_member(backups.folder / kept.name, f"{archive.RECORD}/{snapshot.FILE}", copy)
            with duckdb.connect(str(copy), config={"threads": 1, "memory_limit": "256MB"}) as connection:
                for table in ("frames", "settled", "minutes", "hours", "days", "partitions"):
                    connection.execute(f"select sum(hash(each)) from {table} as each").fetchone()
        except (SlmmError, duckdb.Error, OSError) as error:
            logger.warning("the record in %s cannot be used: %s", kept.name, error)
            continue
        _remove(new)
        copy.replace(new)
        return f"{kept.name} of {kept.made_at:%Y-%m-%d %H:%M} UTC"
    return None


def _remove(path: Path) -> None:
    path.unlink(missing_ok=True)
    path.with_name(f"{path.name}.wal").unlink(missing_ok=True)


# -- files of past days ------------------------------------------------------------------------------


def enter_files(connection: Connection, levels: Path, *, is_older: bool) -> int:
    """Enter every file of past days that the record does not know; how many.

    *is_older*: the record is of a time before these files, and still has rows that went into them: they leave it.
    """
    made = 0
    for path in sorted(levels.rglob("[!.]*.parquet")):
        named = named_like(path)
        if named is None or _is_known(connection, named):
            continue
        try:
            made += enter(connection, with_rows(connection, named, path), takes_rows=is_older)
        except duckdb.Error as error:
            logger.error("%s cannot be read, and is left out: %s", path, error)
    return made


def _is_known(connection: Connection, each: Partition) -> bool:
    question = "select 1 from partitions where kind = ? and unit_id = ? and day = ? and part = ?"
    return connection.execute(question, [each.kind, each.unit_id, each.day, each.part]).fetchone() is not None


def _quoted(path: Path) -> str:
    return str(path).replace("'", "''")
