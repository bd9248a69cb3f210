"""Frames on their way into the record: one row for each reading, each 100 ms of a stream, each stored interval."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from enum import IntEnum
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from slmm.events import Levels, Reading, RunState, StreamedLevels
from slmm.record.store import FRAME_COLUMNS, LEVELS, Connection, Store

STREAM_S = 0.1
_EMPTY_DISPLAY, _EMPTY_STREAM = 3 * 14, 3 * 6
"""Fields without a level in a line whose three sub channels are not in use."""
_DISPLAY_COMMAS = 63
_NAT = np.iinfo(np.int64).min


class Source(IntEnum):
    """Where a frame comes from; of two that tell of the same time, the higher one counts."""

    POLL = 0
    """The meter's display (DOD): a momentary level, and figures since the start."""
    STREAM = 1
    """100 ms, integrated by the meter (DRD)."""
    SD_LEQ = 2
    """A Leq interval from the SD card."""
    SD_LP = 3
    """An Lp interval from the SD card."""


class Frame(NamedTuple):
    """One row: levels in dB."""

    unit_id: str
    ends_at: datetime
    """Aware: when it arrived; for an interval, its end."""
    source: Source
    levels: Levels
    duration_s: float | None = None
    is_measuring: bool | None = None
    started_at: datetime | None = None
    counter: int | None = None
    flags: tuple[str, ...] = ()
    raw: str | None = None
    store: str | None = None
    """Store name of the run the interval is from."""
    address: int | None = None
    """Number of the interval in its run."""


def of_reading(reading: Reading) -> Frame:
    """The meter's display."""
    has_more = reading.raw.count("-.-") < _EMPTY_DISPLAY or reading.raw.count(",") > _DISPLAY_COMMAS
    return Frame(
        reading.unit_id,
        reading.at,
        Source.POLL,
        reading.main,
        is_measuring=_is_measuring(reading.run_state),
        started_at=reading.measurement_started_at,
        counter=reading.counter,
        flags=reading.flags,
        raw=reading.raw if has_more else None,
    )


def of_stream(streamed: StreamedLevels) -> Frame:
    """100 ms."""
    return Frame(
        streamed.unit_id,
        streamed.at,
        Source.STREAM,
        streamed.main,
        duration_s=STREAM_S,
        is_measuring=_is_measuring(streamed.run_state),
        started_at=streamed.measurement_started_at,
        counter=streamed.counter,
        raw=streamed.raw if streamed.raw.count("-.-") < _EMPTY_STREAM else None,
    )


def _is_measuring(state: RunState | None) -> bool | None:
    return None if state is None else state is RunState.MEASURING


def instants(times: Iterable[datetime | None]) -> NDArray[np.datetime64]:
    """Aware times as UTC for DuckDB; None becomes NaT."""
    microseconds = [_NAT if at is None else round(at.timestamp() * 1e6) for at in times]
    return np.array(microseconds, dtype=np.int64).view("datetime64[us]")


def aware(instant: np.datetime64 | datetime) -> datetime:
    """What DuckDB gives for a timestamp, as an aware time."""
    naive = instant.astype("datetime64[us]").item() if isinstance(instant, np.datetime64) else instant
    return naive.replace(tzinfo=UTC)


def _columns(frames: Sequence[Frame], units: Sequence[int]) -> dict[str, NDArray[Any]]:
    """One array for each column; NaN and NaT are what DuckDB takes for null."""
    levels = [frame.levels for frame in frames]
    columns: dict[str, NDArray[Any]] = {
        "unit": np.array(units, dtype=np.int32),
        "ends_at": instants(frame.ends_at for frame in frames),
        "source": np.array([frame.source for frame in frames], dtype=np.uint8),
        "started_at": instants(frame.started_at for frame in frames),
    }
    for name in LEVELS:
        columns[name] = np.array([getattr(each, name) for each in levels], dtype=np.float64)
    columns["over"] = np.array([each.over for each in levels], dtype=np.float64)
    columns["under"] = np.array([each.under for each in levels], dtype=np.float64)
    columns["duration_s"] = np.array([frame.duration_s for frame in frames], dtype=np.float64)
    columns["measuring"] = np.array([frame.is_measuring for frame in frames], dtype=np.float64)
    columns["counter"] = np.array([frame.counter for frame in frames], dtype=np.float64)
    columns["address"] = np.array([frame.address for frame in frames], dtype=np.float64)
    columns["flags"] = np.array([",".join(frame.flags) or None for frame in frames], dtype=object)
    columns["raw"] = np.array([frame.raw for frame in frames], dtype=object)
    columns["store"] = np.array([frame.store for frame in frames], dtype=object)
    return columns


_CASTS = ", ".join(f"cast({name} as {kind})" for name, kind in FRAME_COLUMNS.items())


def insert(store: Store, connection: Connection, frames: Sequence[Frame]) -> None:
    """Add rows within the running transaction, a column at a time: 3 µs a row instead of 800 by ``executemany``."""
    units = [store.unit_number(connection, frame.unit_id) for frame in frames]
    connection.register("batch", _columns(frames, units))
    try:
        connection.execute(f"insert into frames select {_CASTS} from batch")
    finally:
        connection.unregister("batch")
