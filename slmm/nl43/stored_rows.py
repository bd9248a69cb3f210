"""Rows of ``.rnd`` files in columns: which field is what is read from the header row, never from its place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from slmm.errors import Garbled
from slmm.events import Levels
from slmm.nl43.readings import parse_flag
from slmm.nl43.stored_fields import (
    ADDRESS,
    CHANNELS,
    FLAGS,
    MEASUREMENT_TIME,
    START_TIME,
    parse_address,
    parse_column,
    parse_duration,
    parse_stored_level,
    parse_time,
)
from slmm.nl43.stored_lines import Line, Trouble, trouble_at


class StoredKind(StrEnum):
    """What a file holds."""

    LP = "lp"
    """Instantaneous levels, many rows a minute."""
    LEQ = "leq"
    """The results of each Leq interval."""
    MAN = "man"
    """One row for each manual store."""


@dataclass(frozen=True, slots=True)
class StoredInterval:
    """One stored row: the time it stands for and what was measured in it."""

    address: int
    starts: datetime
    """The meter's own clock, naive local time, cut off to the resolution of the file."""
    duration_s: float
    levels: Levels
    """Of the main channel; lp of an Lp row is one moment, all others are of the interval."""
    kind: StoredKind
    subs: tuple[Levels, ...] = ()
    """Sub1 to Sub3 as far as the file has columns for them."""
    line: int = 0
    """Where in the file it begins, counted from 1."""

    @property
    def over(self) -> bool | None:
        """Whether the meter was overloaded in it."""
        return self.levels.over

    @property
    def under(self) -> bool | None:
        """Whether the level lay below the meter's range in it."""
        return self.levels.under


Places = tuple[tuple[int, str], ...]
"""Fields of a row and the quantity in each, for one channel."""


@dataclass(frozen=True, slots=True)
class Columns:
    """Which field of a row is what."""

    count: int
    address: int
    start_time: int
    measurement_time: int | None
    channels: tuple[Places, ...]
    """Main first; a channel between others that is not in the file is empty."""
    ends_with_flag: bool
    """A flag is one character: where it is there, the row is whole even without a line end."""


def find_columns(line: Line, kind: StoredKind | None) -> Columns | None:
    """The columns a header row names; None for any other row."""
    if not line.is_ended or "time" not in line.text.lower():
        return None
    names = [" ".join(name.split()) for name in line.text.split(",")]
    while names and not names[-1]:
        names.pop()
    places = {name.lower(): index for index, name in reversed(list(enumerate(names)))}
    if ADDRESS not in places or START_TIME not in places:
        return None
    is_lp = kind is StoredKind.LP or (kind is None and MEASUREMENT_TIME not in places)
    found: dict[str, dict[str, int]] = {channel: {} for channel in CHANNELS}
    for index, name in enumerate(names):
        column = parse_column(name)
        if column is None and is_lp and name.lower() in ("main", "sub"):
            # The Lp files of an NX-42RT call the overall level by the channel alone, beside its bands.
            column = ("lp", CHANNELS[name.lower() == "sub"])
        if column is not None:
            found[column[1]].setdefault(column[0], index)
    if not set(found[CHANNELS[0]]) - set(FLAGS):
        return None
    used = max(number for number, channel in enumerate(CHANNELS) if found[channel])
    return Columns(
        len(names),
        places[ADDRESS],
        places[START_TIME],
        places.get(MEASUREMENT_TIME),
        tuple(tuple((index, name) for name, index in found[channel].items()) for channel in CHANNELS[: used + 1]),
        any(found[channel].get(flag) == len(names) - 1 for channel in CHANNELS for flag in FLAGS),
    )


def read_levels(fields: Sequence[str], places: Places) -> Levels:
    """One channel of a row; raises Garbled."""
    levels = {name: parse_stored_level(fields[index]) for index, name in places if name not in FLAGS}
    flags = {name: parse_flag(fields[index]) for index, name in places if name in FLAGS}
    return Levels(**levels, **flags)  # type: ignore[arg-type]


def read_row(
    line: Line, columns: Columns, kind: StoredKind | None, interval_s: float = 0.0
) -> StoredInterval | Trouble:
    """One row; it lasts *interval_s* where the file has no column for that, 0.0 standing for not known yet."""
    fields = line.text.split(",")
    if not line.is_ended and not _is_whole(fields, columns):
        return trouble_at(line, "the last line is cut off")
    if len(fields) < columns.count or any(field.strip() for field in fields[columns.count :]):
        return trouble_at(line, f"the row has {len(fields)} fields instead of {columns.count}")
    duration_s = interval_s
    try:
        if columns.measurement_time is not None:
            duration_s = parse_duration(fields[columns.measurement_time])
        main, *subs = (read_levels(fields, places) for places in columns.channels)
        return StoredInterval(
            parse_address(fields[columns.address]),
            parse_time(fields[columns.start_time]),
            duration_s,
            main,
            kind or (StoredKind.LP if columns.measurement_time is None else StoredKind.LEQ),
            tuple(subs),
            line.number,
        )
    except Garbled as error:
        return trouble_at(line, str(error))


def _is_whole(fields: Sequence[str], columns: Columns) -> bool:
    return columns.ends_with_flag and len(fields) >= columns.count and fields[columns.count - 1].strip() in ("0", "1")
