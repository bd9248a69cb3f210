"""The one door to the historian's DuckDB file: schema, one writer, a few readers, all off the hub.

A DuckDB file belongs to one process. The levels of past days stand in Parquet files beside it, see ``partitions``.
"""

from __future__ import annotations

import fcntl
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any, TypeVar

import duckdb
import gevent
from gevent.monkey import get_original
from gevent.threadpool import ThreadPool

from slmm.errors import DiskTrouble
from slmm.storage.threads import run_in

logger = logging.getLogger(__name__)

T = TypeVar("T")

Connection = duckdb.DuckDBPyConnection

READERS = 2
LOCK = "writing.lock"
"""Held by each transaction, so that a backup finds the file at rest; see ``snapshot``."""
CLOSE_WITHIN_S = 3.0
SCHEMA_VERSION = 1

LEVELS = (
    "lp", "leq", "le", "lmax", "lmin", "ln1", "ln2", "ln3", "ln4", "ln5", "lpeak", "lieq", "leq_mov", "ltm5",
)  # fmt: skip
"""Columns of levels in dB, in the order of the meter's display."""

FRAME_COLUMNS = {
    "unit": "integer",
    "ends_at": "timestamp",  # UTC: when the last byte arrived; for an interval, its end
    "source": "utinyint",  # see frames.Source
    "duration_s": "double",  # what the levels stand for; null for the meter's display
    **dict.fromkeys(LEVELS, "double"),
    "over": "boolean",
    "under": "boolean",
    "measuring": "boolean",
    "started_at": "timestamp",
    "counter": "integer",
    "flags": "varchar",
    "raw": "varchar",  # the line as it came, where it says more than the columns
    "store": "varchar",
    "address": "integer",
}
"""A frame: one reading, 100 ms of a stream, or one interval of an SD card."""

PERIOD_COLUMNS = {
    "unit": "integer",
    "starts_at": "timestamp",
    "ends_at": "timestamp",
    "energy_s": "double",  # sum over valid time of t·10^(L/10)
    "valid_s": "double",
    "received_s": "double",
    "lmax": "double",
    "lmin": "double",
    "lpeak": "double",
    "classes": "smallint[]",  # tenths of a dB
    "counts": "integer[]",  # tenths of a second in each class
    "flags": "integer",
    "source": "varchar",
    "uncertainty_db": "double",
}
"""A minute, an hour or a civil day; a figure of any length is made by adding them up."""


PARTITION_COLUMNS = {"kind": "varchar", "unit_id": "varchar", "day": "date", "part": "integer", "row_count": "bigint"}
"""Which files there are, see ``partitions``."""


def _table(name: str, columns: dict[str, str], *extra: str) -> str:
    parts = [*(f"{column} {kind}" for column, kind in columns.items()), *extra]
    return f"create table if not exists {name} ({', '.join(parts)})"


_SCHEMA = (
    "create table if not exists schema_version (version integer)",
    "create table if not exists units (unit integer primary key, unit_id varchar unique)",
    "create table if not exists marks (name varchar primary key, made_until timestamp)",
    _table("frames", FRAME_COLUMNS),  # as they come
    _table("settled", FRAME_COLUMNS),  # the same by unit and time, so that one unit's are found without a full scan
    _table("minutes", PERIOD_COLUMNS),
    _table("hours", PERIOD_COLUMNS),
    _table("days", PERIOD_COLUMNS),
    _table("partitions", PARTITION_COLUMNS, "primary key (kind, unit_id, day, part)"),
)


class Store:
    """One DuckDB file: changes one after the other, questions side by side, each in a thread of its own."""

    def __init__(self, path: Path, memory_mb: int = 512) -> None:
        self.path = path
        self._memory_mb = memory_mb
        self._connection: Connection | None = None
        self._taking = get_original("_thread", "allocate_lock")()
        """DuckDB refuses to be closed while somebody takes a cursor; this is between threads, not greenlets."""
        self.spoilt: str | None = None
        """Why it has to be let go and opened anew; None while all is well."""
        self.examine: Callable[[Connection, duckdb.Error], bool] = lambda connection, error: False
        """Asked when a question failed: whether to ask it once more."""
        self.is_damage: Callable[[object], bool] = lambda error: False
        """Whether an error says that the file is damaged."""
        self._lock: IO[str] | None = None
        self._units: dict[str, int] = {}
        self._writer = ThreadPool(1)
        self._readers = ThreadPool(READERS)

    def open(self) -> None:
        """Open or make the file; raises DiskTrouble with what is wrong."""
        run_in(self._writer, self._open)

    def _open(self) -> None:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            # One thread: the second core is the hub's, and a question is answered soon enough.
            config: dict[str, str | bool | int | float | list[str]] = {
                "threads": 1,
                "memory_limit": f"{self._memory_mb}MB",
                "autoinstall_known_extensions": False,  # nothing is fetched from the internet
            }
            if self._lock is None:
                self._lock = open(self.path.parent / LOCK, "a", encoding="ascii")  # noqa: SIM115 - until it is closed
            with self._writing():
                connection = duckdb.connect(str(self.path), config=config)
                connection.execute("set global TimeZone = 'UTC'")
                prepare(connection, self.path)
                self._units = _units(connection)
            self._connection = connection
        except (duckdb.Error, OSError) as error:
            raise DiskTrouble(f"the record at {self.path} cannot be opened: {error}") from error
        finally:
            if self._connection is None:
                self._unlock()

    @property
    def is_open(self) -> bool:
        """Whether it can be written and asked."""
        return self._connection is not None

    def close(self) -> None:
        """Wait for what is under way, put all of it into the file, let go; takes CLOSE_WITHIN_S at most."""
        if not self._close_within(CLOSE_WITHIN_S):
            logger.warning("the record is still busy after %g s and is left open", CLOSE_WITHIN_S)

    def _close_within(self, seconds: float) -> bool:
        is_closed = False
        with gevent.Timeout(seconds, False):
            self._readers.join()  # a question that is under way keeps the file open
            run_in(self._writer, self._close)
            for pool in (self._readers, self._writer):
                pool.join()
                pool.kill()
            is_closed = True
        return is_closed

    def let_go(self) -> None:
        """Wait for questions that are under way, and close the file to open it again; never raises for its state."""
        self._readers.join()
        run_in(self._writer, self._close)
        self.spoilt = None

    def _close(self) -> None:
        with self._taking:
            connection, self._connection = self._connection, None  # nobody takes a cursor of it any more
        if connection is not None:
            with self._writing():
                try:
                    connection.close()  # with a checkpoint
                except duckdb.Error as error:
                    logger.warning("the record was closed as it is: %s", error)
        self._unlock()

    def _unlock(self) -> None:
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    @contextmanager
    def _writing(self) -> Iterator[None]:
        if self._lock is None:
            yield
            return
        fcntl.flock(self._lock, fcntl.LOCK_SH)  # waits in the writer's own thread while a backup copies the file
        try:
            yield
        finally:
            fcntl.flock(self._lock, fcntl.LOCK_UN)

    def write(self, change: Callable[[Connection], T]) -> T:
        """Run *change* in a transaction after all before it; on disk when this returns. Raises DiskTrouble."""
        return run_in(self._writer, self._in_transaction, change)

    def put_away(self) -> None:
        """Bring the log into the file of the database: what is in the log is in memory too, uncompressed.

        DuckDB does so by itself after 16 MB of log, which a few meters take hours to fill. Raises DiskTrouble.
        """
        run_in(self._writer, self._put_away)

    def read(self, question: Callable[[Connection], T]) -> T:
        """Run *question* beside the others, off the hub; raises DiskTrouble."""
        return run_in(self._readers, self._ask, question)

    def in_pool(self, slow: Callable[..., T], *args: Any) -> T:
        """Run something slow that belongs to the record, such as reading a file of it, in a reader's thread."""
        return run_in(self._readers, slow, *args)

    def cursor(self) -> Connection:
        """A connection of the calling thread; raises DiskTrouble when the record is closed."""
        with self._taking:
            if self._connection is None:
                raise DiskTrouble(f"the record at {self.path} is closed")
            return self._connection.cursor()

    def _in_transaction(self, change: Callable[[Connection], T]) -> T:
        with self.cursor() as connection, self._writing():
            try:
                connection.begin()
                result = change(connection)
                connection.commit()
            except Exception as error:
                with suppress(duckdb.Error):  # what comes after a fatal error fails as well
                    connection.rollback()
                    self._units = _units(connection)  # a unit that was to be new is not known after all
                if isinstance(error, duckdb.Error):
                    self._note(error)
                    raise DiskTrouble(f"the record at {self.path} cannot be written: {error}") from error
                raise
            return result

    def _put_away(self) -> None:
        with self.cursor() as connection, self._writing():
            try:
                connection.execute("checkpoint")
            except duckdb.Error as error:
                self._note(error)
                raise DiskTrouble(f"the record at {self.path} cannot be written: {error}") from error

    def _ask(self, question: Callable[[Connection], T]) -> T:
        with self.cursor() as connection:
            try:
                try:
                    return question(connection)
                except duckdb.Error as error:
                    if not self.examine(connection, error):
                        raise
                    return question(connection)  # without the files that were damaged
            except duckdb.Error as error:
                self._note(error)
                raise DiskTrouble(f"the record at {self.path} cannot be read: {error}") from error

    def _note(self, error: duckdb.Error) -> None:
        """Remember what will not pass by itself: DuckDB does nothing more after some errors, or the file is damaged."""
        if isinstance(error, duckdb.FatalException | duckdb.InternalException) or "invalidated" in str(error):
            self.spoilt = self.spoilt or str(error)
        if self.is_damage(error):
            self.spoilt = str(error)

    def unit_number(self, connection: Connection, unit_id: str) -> int:
        """What a unit is called inside; a new one is made up within the running transaction."""
        number = self._units.get(unit_id)
        if number is None:
            number = max(self._units.values(), default=0) + 1
            connection.execute("insert into units values (?, ?)", [number, unit_id])
            self._units[unit_id] = number
        return number

    def known_unit(self, unit_id: str) -> int | None:
        """The same for questions; None for a unit nothing was ever recorded of."""
        return self._units.get(unit_id)

    def forget_units(self) -> None:
        """Look again which units there are."""
        self._units = self.read(_units)

    @property
    def unit_ids(self) -> dict[int, str]:
        """Names by number."""
        return {number: name for name, number in self._units.items()}


def prepare(connection: Connection, path: Path) -> None:
    """Make what is not there yet; raises DiskTrouble for the record of a newer version."""
    for statement in _SCHEMA:
        connection.execute(statement)
    _check_version(connection, path)


def _units(connection: Connection) -> dict[str, int]:
    return {name: unit for unit, name in connection.execute("select unit, unit_id from units").fetchall()}


def _check_version(connection: Connection, path: Path) -> None:
    row = connection.execute("select max(version) from schema_version").fetchone()
    found = row[0] if row else None
    if found is None:
        connection.execute("insert into schema_version values (?)", [SCHEMA_VERSION])
    elif found > SCHEMA_VERSION:
        raise DiskTrouble(f"the record at {path} has schema {found}; this version knows {SCHEMA_VERSION}")
