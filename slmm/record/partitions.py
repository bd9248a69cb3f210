"""Past days as Parquet files, one for each unit and day, which any tool can read.

A file is written whole, under another name, before the table of partitions knows it; in the same transaction its rows
leave the tables. What the table does not know is not there. A day that gets rows later gets one more file; none is
ever changed. Times in the files are UTC, levels in dB.
"""

from __future__ import annotations

import contextlib
import logging
import os
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import duckdb

from slmm.errors import DiskTrouble
from slmm.record.store import FRAME_COLUMNS, PERIOD_COLUMNS, Connection, Store
from slmm.storage import broken

logger = logging.getLogger(__name__)

COLUMNS = {"frames": FRAME_COLUMNS, "minutes": PERIOD_COLUMNS}
TABLES = {"frames": ("frames", "settled"), "minutes": ("minutes",)}
"""In which tables the rows of a kind are while they are not in a file."""
KEY = {"frames": "ends_at", "minutes": "starts_at"}
"""The time that says to which UTC day a row belongs."""
_ROW_GROUP = 122_880
MOST_LENT = 4096
MOST_NAMED = 5
_OF_FILES = (duckdb.Error, duckdb.IOException, duckdb.InvalidInputException, duckdb.SerializationException)
"""What DuckDB raises, exactly, about a file that is not whole; others, such as too little memory, are not about it."""


@dataclass(frozen=True, slots=True)
class Partition:
    """One file."""

    kind: str
    """``frames`` or ``minutes``."""
    unit_id: str
    day: date
    part: int
    rows: int

    def below(self, top: Path) -> Path:
        """Its place."""
        return top / self.kind / self.unit_id / f"{self.day.isoformat()}.{self.part}.parquet"


def _bounds(day: date) -> tuple[datetime, datetime]:
    begin = datetime(day.year, day.month, day.day)  # noqa: DTZ001 - UTC, as the tables have it
    return begin, begin + timedelta(days=1)


def relation(kind: str) -> str:
    """All rows of a kind that are not in a file, as a select in parentheses."""
    return "(" + " union all ".join(f"select * from {table}" for table in TABLES[kind]) + ")"


class Partitions:
    """The files of the record below one folder, and the table that knows them."""

    def __init__(self, store: Store, top: Path) -> None:
        self._store = store
        self.top = top
        self.missing: dict[Path, Partition] = {}
        """Files that the table knows and that are not there."""
        self._lent: deque[tuple[int, Path]] = deque(maxlen=MOST_LENT)
        """Which connection was told to read which file, lately."""
        self._untouched = 0

    def find(self, connection: Connection, kind: str, unit_id: str, first: date, last: date) -> list[Partition]:
        """The files of a unit for these days, in order of day and part."""
        rows = connection.execute(
            "select day, part, row_count from partitions where kind = ? and unit_id = ? and day between ? and ?"
            " order by day, part",
            [kind, unit_id, first, last],
        ).fetchall()
        return [Partition(kind, unit_id, day, part, count) for day, part, count in rows]

    def relation(self, connection: Connection, kind: str, unit_id: str, from_at: datetime, until_at: datetime) -> str:
        """All rows of a unit around a span, from tables and files, as a select in parentheses.

        Its column ``part`` tells new from old: what a later part says of a time replaces what an earlier one said, and
        rows in the tables are the newest.
        """
        columns = ", ".join(COLUMNS[kind])
        number = self._store.known_unit(unit_id)
        low, high = (f"timestamp '{at.astimezone(UTC):%Y-%m-%d %H:%M:%S.%f}'" for at in (from_at, until_at))
        span = f"{KEY[kind]} >= {low} and {KEY[kind]} <= {high}"
        selects = [
            f"select {columns}, 1000000 as part from {table} where unit = {number or 0} and {span}"
            for table in TABLES[kind]
        ]
        files = self.find(connection, kind, unit_id, from_at.astimezone(UTC).date(), until_at.astimezone(UTC).date())
        for each in files:
            place = each.below(self.top)
            if not self._is_there(place, each):
                continue
            self._lent.append((id(connection), place))
            path = str(place).replace("'", "''")
            selects.append(
                f"select {_from_file(kind, number or 0)}, {each.part} as part from read_parquet('{path}') where {span}"
            )
        return "(" + " union all ".join(selects) + ")"

    def _is_there(self, place: Path, each: Partition) -> bool:
        if place.exists():
            self.missing.pop(place, None)
            return True
        if place not in self.missing:
            logger.error("%s is on record, but not there: its %s are missing in every answer", place, each.kind)
            self.missing[place] = each
        return False

    def days_to_move(self, connection: Connection, kind: str, before: date) -> list[tuple[str, date]]:
        """Units and days that have rows in the tables and are older than *before*."""
        found: set[tuple[int, date]] = set()
        for table in TABLES[kind]:
            found |= set(
                connection.execute(
                    f"select distinct unit, cast({KEY[kind]} as date) from {table} where {KEY[kind]} < ?",
                    [_bounds(before)[0]],
                ).fetchall()
            )
        names = self._store.unit_ids
        return sorted((names[unit], day) for unit, day in found)

    def move(self, kind: str, unit_id: str, day: date) -> Partition | None:
        """Put the rows of a day into a file; None when there were none, or when some came meanwhile.

        Raises DiskTrouble; then everything is where it was.
        """
        number = self._store.known_unit(unit_id)
        if number is None:
            return None
        made = self._store.read(lambda connection: self._write_file(connection, kind, unit_id, number, day))
        if made is None:
            return None
        is_moved = self._store.write(lambda connection: self._take_over(connection, made, number))
        if not is_moved:
            self._store.in_pool(made.below(self.top).unlink)
            return None
        return made

    def _write_file(self, connection: Connection, kind: str, unit_id: str, number: int, day: date) -> Partition | None:
        low, high = _bounds(day)
        span = f"unit = {number} and {KEY[kind]} >= '{low}' and {KEY[kind]} < '{high}'"
        rows = f"select * from {relation(kind)} where {span}"
        count = connection.execute(f"select count(*) from ({rows})").fetchone()[0]  # type: ignore[index]
        if not count:
            return None
        earlier = self.find(connection, kind, unit_id, day, day)
        made = Partition(kind, unit_id, day, 1 + max((each.part for each in earlier), default=0), count)
        path = made.below(self.top)
        unfinished = path.with_name(f".{path.name}")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            name = str(unfinished).replace("'", "''")
            connection.execute(
                f"copy (select {_into_file(kind)} from ({rows}) order by {KEY[kind]}) to '{name}'"
                f" (format parquet, compression zstd, row_group_size {_ROW_GROUP})"
            )
            with unfinished.open("rb") as file:
                os.fsync(file.fileno())
            unfinished.replace(path)
            _sync_folder(path.parent)
        except OSError as error:
            raise DiskTrouble(f"{path} cannot be written: {error.strerror or error}") from error
        finally:
            with contextlib.suppress(OSError):  # what is left of it is cleared away at the next start
                unfinished.unlink(missing_ok=True)
        return made

    def _take_over(self, connection: Connection, made: Partition, number: int) -> bool:
        """The rows leave the tables if they are still those that were written."""
        low, high = _bounds(made.day)
        where = f"unit = {number} and {KEY[made.kind]} >= '{low}' and {KEY[made.kind]} < '{high}'"
        found = connection.execute(f"select count(*) from {relation(made.kind)} where {where}").fetchone()
        if found is None or found[0] != made.rows:
            return False
        for table in TABLES[made.kind]:
            connection.execute(f"delete from {table} where {where}")
        connection.execute(
            "insert into partitions values (?, ?, ?, ?, ?)", [made.kind, made.unit_id, made.day, made.part, made.rows]
        )
        return True

    def forget(self, kind: str, before: date) -> list[Partition]:
        """Remove the files of days before that one; which they were."""

        def take_out(connection: Connection) -> list[Partition]:
            rows = connection.execute(
                "delete from partitions where kind = ? and day < ? returning unit_id, day, part, row_count",
                [kind, before],
            ).fetchall()
            return [Partition(kind, *row) for row in rows]

        gone = self._store.write(take_out)
        for each in gone:
            self._store.in_pool(_remove, each.below(self.top))
        return gone

    def sweep(self) -> int:
        """Remove files that the table does not know, left by a move that was cut off; how many.

        One whose rows are not in the tables is no such file: it is entered.
        """
        known = {each.below(self.top): each for each in self._store.read(_known)}
        strays = self._store.in_pool(self._look_around, known)
        removed = [path for path in strays if not self._is_entered(path)]
        for path in removed:
            logger.warning("%s was left by a move that did not end, and is removed; its rows are in the record", path)
            self._store.in_pool(_remove, path)
        return len(removed)

    def _look_around(self, known: dict[Path, Partition]) -> list[Path]:
        self.missing = {path: each for path, each in known.items() if not path.exists()}
        return [path for path in self.top.rglob("*.parquet") if path not in known]

    def _is_entered(self, path: Path) -> bool:
        """Whether a stray is a whole file of which the tables hold nothing, and is known from now on."""
        named = named_like(path)
        if named is None:
            return False
        try:
            is_entered = self._store.write(lambda connection: enter(connection, with_rows(connection, named, path)))
        except DiskTrouble as error:
            logger.warning("%s is not known, and cannot be read: %s", path, error)
            return True
        if is_entered:
            logger.warning("%s was not known to the record, which holds nothing of that day; it is entered", path)
            self._store.forget_units()
        return is_entered

    # -- files that cannot be read -----------------------------------------------------------------

    def problems(self) -> list[str]:
        """Files that are known and not there, in a sentence; empty when all are."""
        if not self.missing:
            return []
        named = ", ".join(
            f"{each.unit_id} {each.day} ({each.kind})" for each in list(self.missing.values())[:MOST_NAMED]
        )
        more = f" and {len(self.missing) - MOST_NAMED} more" if len(self.missing) > MOST_NAMED else ""
        return [f"files of past days are missing, and so are their levels in every answer: {named}{more}"]

    @contextlib.contextmanager
    def as_they_are(self) -> Iterator[None]:
        """Nothing is set aside meanwhile: whoever verifies the files is to find them where they are."""
        self._untouched += 1
        try:
            yield
        finally:
            self._untouched -= 1

    def examine(self, connection: Connection, error: duckdb.Error, aside: Path) -> bool:
        """After a question failed: set aside files it read that are damaged; whether there were any.

        A file that cannot be opened now is left alone: that may pass.
        """
        if type(error) not in _OF_FILES or self._untouched:
            return False
        used = [path for user, path in self._lent if user == id(connection)]
        harmed = {path: why for path in dict.fromkeys(used) if (why := _harm(connection, path))}
        for path, why in harmed.items():
            named = named_like(path)
            if named is None or not path.exists():  # another question was first
                continue
            folder = broken.set_aside([path], aside)
            name = f"{named.unit_id}/{path.name}"
            outcome = f"the {named.kind} of {named.unit_id} on {named.day} in it are missing in every answer"
            broken.report(folder, name, why, f"{outcome}; copied back from a backup to {path}, they are there again")
            self.missing[path] = named
        return bool(harmed)


def named_like(path: Path) -> Partition | None:
    """What a file should be by its name, its rows not counted; None for a name that is no partition's."""
    day, _, part = path.stem.partition(".")
    kind = path.parent.parent.name
    try:
        made = Partition(kind, path.parent.name, date.fromisoformat(day), int(part), 0)
    except ValueError:
        return None
    return made if kind in TABLES and not path.name.startswith(".") else None


def with_rows(connection: Connection, each: Partition, path: Path) -> Partition:
    """The same with its rows counted; raises duckdb.Error for a file that cannot be read."""
    quoted = str(path).replace("'", "''")
    row = connection.execute(f"select count(*) from read_parquet('{quoted}')").fetchone()
    return replace(each, rows=int(row[0]) if row else 0)


def enter(connection: Connection, each: Partition, *, takes_rows: bool = False) -> bool:
    """Let the table know a file; not one of a day of which the tables hold rows, unless it takes their place."""
    low, high = _bounds(each.day)
    known = connection.execute("select unit from units where unit_id = ?", [each.unit_id]).fetchone()
    if known is None:
        unit = "insert into units select coalesce(max(unit), 0) + 1, ? from units"
        connection.execute(unit, [each.unit_id])
    else:
        where = f"unit = {known[0]} and {KEY[each.kind]} >= '{low}' and {KEY[each.kind]} < '{high}'"
        row = connection.execute(f"select count(*) from {relation(each.kind)} where {where}").fetchone()
        if row and row[0] and not takes_rows:
            return False
        for table in TABLES[each.kind]:
            connection.execute(f"delete from {table} where {where}")
    connection.execute(
        "insert into partitions values (?, ?, ?, ?, ?)", [each.kind, each.unit_id, each.day, each.part, each.rows]
    )
    return True


def _known(connection: Connection) -> list[Partition]:
    rows = connection.execute("select kind, unit_id, day, part, row_count from partitions").fetchall()
    return [Partition(*row) for row in rows]


def _harm(connection: Connection, path: Path) -> str | None:
    """Why a file cannot be read to its end; None when it can, or cannot even be opened."""
    try:
        with path.open("rb") as file:
            file.read(4)
    except OSError:
        return None
    quoted = str(path).replace("'", "''")
    try:
        connection.execute(f"select sum(hash(each)) from read_parquet('{quoted}') as each").fetchone()
    except duckdb.Error as error:
        return " ".join(str(error).split("\n")[0].split())[:200]
    return None


def _remove(path: Path) -> None:
    path.unlink(missing_ok=True)


def _sync_folder(folder: Path) -> None:
    """A new name is on the disk only when its folder is."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


_TIMES = ("starts_at", "ends_at", "started_at")


def _into_file(kind: str) -> str:
    """The columns for other people's tools: times that say they are UTC, no number of ours."""
    return ", ".join(
        f"{name} at time zone 'UTC' as {name}" if name in _TIMES else name for name in COLUMNS[kind] if name != "unit"
    )


def _from_file(kind: str, number: int) -> str:
    """The columns as the tables have them."""
    return ", ".join(
        f"{number} as unit" if name == "unit" else f"{name} at time zone 'UTC' as {name}" if name in _TIMES else name
        for name in COLUMNS[kind]
    )
