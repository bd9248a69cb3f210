"""Minutes, hours and days in the historian's tables: intervals in, intervals out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from slmm.acoustics.intervals import Interval
from slmm.acoustics.percentiles import Histogram
from slmm.acoustics.quality import Flag
from slmm.record.frames import aware, instants
from slmm.record.store import PERIOD_COLUMNS, Connection, Store

_COLUMNS = ", ".join(PERIOD_COLUMNS)
_CASTS = ", ".join(f"cast({name} as {kind})" for name, kind in PERIOD_COLUMNS.items())


class Made(NamedTuple):
    """An interval and whose it is."""

    unit_id: str
    interval: Interval


def _objects(values: Iterable[Any], count: int) -> NDArray[np.object_]:
    """An array whose elements are arrays; NumPy would make a table of those of like length."""
    column = np.empty(count, dtype=object)
    for index, value in enumerate(values):
        column[index] = value
    return column


def put(store: Store, connection: Connection, table: str, made: Sequence[Made]) -> None:
    """Write intervals within the running transaction; one that is there already is replaced."""
    if not made:
        return
    parts = [each.interval for each in made]
    numbers = [store.unit_number(connection, each.unit_id) for each in made]
    columns: dict[str, NDArray[Any]] = {
        "unit": np.array(numbers, dtype=np.int32),
        "starts_at": instants(part.starts_at for part in parts),
        "ends_at": instants(part.ends_at for part in parts),
        "classes": _objects((part.histogram.classes for part in parts), len(parts)),
        "counts": _objects((part.histogram.counts.astype(np.int32) for part in parts), len(parts)),
        "flags": np.array([int(part.flags) for part in parts], dtype=np.int32),
        "source": np.array([part.source for part in parts], dtype=object),
    }
    for name in ("energy_s", "valid_s", "received_s", "lmax", "lmin", "lpeak", "uncertainty_db"):
        columns[name] = np.array([getattr(part, name) for part in parts], dtype=np.float64)
    connection.register("made", columns)
    try:
        connection.execute(
            f"delete from {table} using made where {table}.unit = made.unit and {table}.starts_at = made.starts_at"
        )
        connection.execute(f"insert into {table} select {_CASTS} from made")
    finally:
        connection.unregister("made")


def get(connection: Connection, relation: str, unit: int, from_at: datetime, until_at: datetime) -> list[Interval]:
    """The intervals of a unit that lie within [*from_at*, *until_at*), in order of time.

    *relation* is a table, or a select that has its columns.
    """
    found = connection.execute(
        f"select {_COLUMNS} from {relation} where unit = ? and starts_at >= ? and ends_at <= ? order by starts_at",
        [unit, from_at.replace(tzinfo=None), until_at.replace(tzinfo=None)],
    ).fetchnumpy()
    return intervals_of(found)


def get_of_many(
    connection: Connection, table: str, units: Sequence[int], from_at: datetime, until_at: datetime
) -> dict[int, list[Interval]]:
    """The same for several units, from a table alone; those that have none are left out."""
    found = connection.execute(
        f"select {_COLUMNS} from {table} where list_contains(?, unit) and starts_at >= ? and ends_at <= ?"
        " order by starts_at",
        [list(units), from_at.replace(tzinfo=None), until_at.replace(tzinfo=None)],
    ).fetchnumpy()
    of_unit: dict[int, list[Interval]] = {}
    for unit, interval in zip(found["unit"].tolist(), intervals_of(found), strict=True):
        of_unit.setdefault(unit, []).append(interval)
    return of_unit


def intervals_of(found: dict[str, Any]) -> list[Interval]:
    """Rows as DuckDB gives them in columns."""
    columns = {name: _plain(found[name]) for name in PERIOD_COLUMNS}
    return [_interval({name: column[row] for name, column in columns.items()}) for row in range(len(columns["unit"]))]


def _plain(column: Any) -> Any:
    """A column with NaN where the table has null."""
    if isinstance(column, np.ma.MaskedArray):
        return column.filled(np.nan) if column.dtype.kind == "f" else column.filled()
    return column


def _interval(row: dict[str, Any]) -> Interval:
    return Interval(
        starts_at=aware(row["starts_at"]),
        ends_at=aware(row["ends_at"]),
        energy_s=float(row["energy_s"]),
        valid_s=float(row["valid_s"]),
        received_s=float(row["received_s"]),
        lmax=_known(row["lmax"]),
        lmin=_known(row["lmin"]),
        lpeak=_known(row["lpeak"]),
        histogram=Histogram(np.asarray(row["classes"], dtype=np.int16), np.asarray(row["counts"], dtype=np.int64)),
        flags=Flag(int(row["flags"])),
        source=str(row["source"]),
        uncertainty_db=_known(row["uncertainty_db"]),
    )


def _known(value: Any) -> float | None:
    return None if np.isnan(value) else float(value)
