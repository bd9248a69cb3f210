"""A copy of the record while it is being written, made from this process or another.

The record's database belongs to one process, but its files do not: each transaction holds a lock in the file system,
and whoever has that lock alone sees two files, database and log, that nobody changes. Frames wait in memory
meanwhile. Files of past days and originals of cards are never changed, so a second name for each of them will do.
"""

from __future__ import annotations

import fcntl
import logging
import os
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import duckdb
from gevent.monkey import get_original

from slmm.errors import Conflict, DiskTrouble, Invalid
from slmm.record.card.originals import FOLDER as CARD
from slmm.record.partitions import Partition
from slmm.record.store import LOCK, SCHEMA_VERSION
from slmm.storage import archive

logger = logging.getLogger(__name__)

FILE, WAL, LEVELS = "record.duckdb", "record.duckdb.wal", "levels"
TRIES, AHEAD_TRIES = 3, 3
FILES_AT_ONCE = 500
HEADERS_BYTES = 12_288
"""The first three blocks of 4096 bytes of a DuckDB file."""
CLOCK_TICK_NS = 20_000_000
"""Times of files are no finer than the kernel's tick, 10 ms at most."""
LOCK_WITHIN_S, LOCK_EVERY_S = 30.0, 0.02
_sleep = get_original("time", "sleep")  # this runs in a pool thread, which has no hub to sleep on


@dataclass(frozen=True, slots=True)
class Copied:
    """What the copy holds."""

    schema: int
    frames: int
    minutes: int
    """Rows of the database; the files of past days have theirs besides."""
    files: int
    missing: tuple[str, ...]
    """Files that the record knows, but are not there."""


def of(data_dir: Path) -> Callable[[Path, Callable[[], None]], dict[str, Any] | None]:
    """What ``archive.write`` takes the record of a data directory with."""

    def snapshot(into: Path, pin: Callable[[], None]) -> dict[str, Any] | None:
        copied = take(data_dir / archive.RECORD, into, pin)
        return None if copied is None else asdict(copied)

    return snapshot


def take(folder: Path, into: Path, pin: Callable[[], None]) -> Copied | None:
    """Copy the record below *folder* as it is at one instant, and do *pin* at it; None where there is no record.

    Writers wait from when the lock is held until *pin* is done: mostly for the log alone, 16 MB at most, because the
    database itself was copied before and has not changed since. Where it has, they wait for all of it.
    Blocks: for a thread. Raises Conflict while somebody else holds the record for long, DiskTrouble.
    """
    if not (folder / FILE).is_file():
        pin()
        return None
    for number in range(1, TRIES + 1):
        shutil.rmtree(into, ignore_errors=True)
        into.mkdir(parents=True)
        _link_all(folder, into, LEVELS)
        ahead = _copy_ahead(folder / FILE, into / FILE)
        with alone(folder):
            if ahead is None or _state(folder / FILE) != ahead:
                shutil.copyfile(folder / FILE, into / FILE)
            if (folder / WAL).exists():
                shutil.copyfile(folder / WAL, into / WAL)
            pin()
        _link_all(folder, into, LEVELS)  # what came since; what went has its second name already
        try:
            copied = _completed(into)
        except duckdb.Error as error:
            logger.warning("try %d: the copy of the record cannot be read: %s", number, error)
            trouble = error
            continue
        _link_all(folder, into, CARD)
        return copied
    raise DiskTrouble(f"the record at {folder / FILE} was copied {TRIES} times, and no copy can be read: {trouble}")


def _state(database: Path) -> tuple[int, int, bytes]:
    """Changes whenever DuckDB writes to the file: it counts its checkpoints in one of the first three blocks."""
    with database.open("rb") as file:
        stat = os.fstat(file.fileno())
        return stat.st_size, stat.st_mtime_ns, file.read(HEADERS_BYTES)


def _copy_ahead(database: Path, copy: Path) -> tuple[int, int, bytes] | None:
    """Copy the database while it is being written, and say what it was like; None when it changed all the time.

    Between checkpoints only the log grows.
    """
    for _ in range(AHEAD_TRIES):
        before = _state(database)
        if time.time_ns() - before[1] < CLOCK_TICK_NS:  # a second change may bear the same time
            _sleep(2 * CLOCK_TICK_NS / 1e9)
            continue
        shutil.copyfile(database, copy)
        if _state(database) == before:
            return before
    return None


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Nobody writes the record meanwhile; raises Conflict."""
    with open(folder / LOCK, "a", encoding="ascii") as lock:
        deadline_s = time.monotonic() + LOCK_WITHIN_S
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline_s:
                    raise Conflict(f"the record has been busy for {LOCK_WITHIN_S:g} s; try again later") from None
                _sleep(LOCK_EVERY_S)
        yield


def _link_all(folder: Path, into: Path, below: str) -> None:
    """A second name for every file; what is still being written begins with a dot."""
    for path in (folder / below).rglob("*"):
        if path.name.startswith(".") or path.is_symlink() or not path.is_file():
            continue
        place = into / path.relative_to(folder)
        if place.exists():
            continue
        place.parent.mkdir(parents=True, exist_ok=True)
        try:
            os.link(path, place)
        except FileNotFoundError:
            continue  # removed a moment ago, being older than its retention
        except OSError:
            shutil.copyfile(path, place)


def _completed(into: Path) -> Copied:
    """Bring the log into the database, and let the files be those it knows."""
    config: dict[str, Any] = {"threads": 1, "memory_limit": "256MB", "autoinstall_known_extensions": False}
    with duckdb.connect(str(into / FILE), config=config) as connection:
        rows = connection.execute("select kind, unit_id, day, part, row_count from partitions").fetchall()
        known = {Partition(*row).below(into / LEVELS) for row in rows}
        found = set((into / LEVELS).rglob("*.parquet"))
        for stray in found - known:
            stray.unlink()
        frames, minutes = _counts(connection)
        schema = _number(connection, "select max(version) from schema_version")
        connection.execute("checkpoint")
    missing = sorted(path.relative_to(into).as_posix() for path in known - found)
    return Copied(schema, frames, minutes, len(known & found), tuple(missing))


def check(record: Path, told: Mapping[str, Any]) -> None:
    """Open a restored record and compare it with its manifest: rows of the database, and of each file of a past day.

    Raises Invalid for what is not as it was.
    """
    config: dict[str, Any] = {"threads": 1, "memory_limit": "256MB", "autoinstall_known_extensions": False}
    try:
        with duckdb.connect(str(record / FILE), read_only=True, config=config) as connection:
            counts = [
                _number(connection, f"select count(*) from {table}") for table in ("frames", "settled", "minutes")
            ]
            if (counts[0] + counts[1], counts[2]) != (told["frames"], told["minutes"]):
                raise Invalid(
                    f"its record has {counts[0] + counts[1]} readings and {counts[2]} minutes, "
                    f"not {told['frames']} and {told['minutes']} as its manifest says"
                )
            rows = connection.execute("select kind, unit_id, day, part, row_count from partitions").fetchall()
            parts = [Partition(*row) for row in rows]
            present = [each for each in parts if each.below(record / LEVELS).is_file()]
            if len(present) != told["files"]:
                raise Invalid(f"there are {len(present)} files of past days in it, not {told['files']}")
            for start in range(0, len(present), FILES_AT_ONCE):
                _check_files(connection, record / LEVELS, present[start : start + FILES_AT_ONCE])
    except (duckdb.Error, OSError) as error:
        raise Invalid(f"its record cannot be opened: {error}") from error


def _check_files(connection: duckdb.DuckDBPyConnection, top: Path, parts: Sequence[Partition]) -> None:
    expected = {str(each.below(top)): each.rows for each in parts}
    found = connection.execute("select file_name, num_rows from parquet_file_metadata(?)", [list(expected)]).fetchall()
    for name, rows in found:
        if rows != expected[name]:
            raise Invalid(f"{Path(name).name} has {rows} rows, not {expected[name]}")
    if len(found) != len(expected):
        raise Invalid(f"{len(expected) - len(found)} files of past days cannot be read")


def _counts(connection: duckdb.DuckDBPyConnection) -> tuple[int, int]:
    """Readings and minutes that are not in files."""
    frames, settled, minutes = (
        _number(connection, f"select count(*) from {table}") for table in ("frames", "settled", "minutes")
    )
    return frames + settled, minutes


def _number(connection: duckdb.DuckDBPyConnection, question: str) -> int:
    row = connection.execute(question).fetchone()
    return int(row[0] or 0) if row else 0


def refuse_newer(schema: int | None) -> None:
    """Raise Conflict for a record that a newer version wrote."""
    if schema is not None and schema > SCHEMA_VERSION:
        raise Conflict(f"the record in it has schema {schema}; this version of SLMM knows {SCHEMA_VERSION}")
