"""Blocks of lines, one block an interval, as the NX-42RT stores its Leq beside octave bands.

    Address,   868
    Start Time,2015/12/08 13:40:00
    Measurement Time,00d 00:10:00.0
    ,Sub,Main,Partial Over All,12.5 Hz, …
    Leq,  -.-, 47.1, 39.8, …

and LE, Lmax, Lmin, LN1 to LN5 and three rows more, 16 lines in all; the bands are left alone.
"""

from __future__ import annotations

from slmm.errors import Garbled
from slmm.events import Levels
from slmm.nl43.readings import parse_flag
from slmm.nl43.stored_fields import (
    ADDRESS,
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
from slmm.nl43.stored_rows import StoredInterval, StoredKind

LEAST_LINES, MOST_LINES = 13, 16
"""Down to LN5, and with all three rows behind it, of which nobody tells what they are; an empty one does not count."""


class BlockReader:
    """Collects the lines of one block; gives it when the next one begins, for only then it is whole."""

    def __init__(self, kind: StoredKind | None) -> None:
        self._kind = kind or StoredKind.LEQ
        self._lines: list[Line] = []
        self._usual = 0

    @property
    def has_begun(self) -> bool:
        """Whether the file is one of blocks."""
        return bool(self._lines) or self._usual > 0

    @staticmethod
    def begins(line: Line) -> bool:
        """Whether a block begins with this line."""
        key, comma, value = line.text.partition(",")
        return bool(comma) and key.strip().lower() == ADDRESS and value.strip(" ,").isdigit()

    def add(self, line: Line) -> StoredInterval | Trouble | None:
        """Take a line; the block before it where this one begins a new one."""
        if self.begins(line):
            finished = self._finished()
            self._lines.append(line)
            return finished
        if not self._lines or len(self._lines) > MOST_LINES:
            return trouble_at(line, "a line that belongs to no block")
        self._lines.append(line)
        return None

    def end(self) -> StoredInterval | Trouble | None:
        """The last block, at the end of the file: whole when it is as long as the others."""
        return self._finished(is_last=True)

    def _finished(self, is_last: bool = False) -> StoredInterval | Trouble | None:
        lines, self._lines = self._lines, []
        if not lines:
            return None
        expected = self._usual or MOST_LINES
        if not is_last and LEAST_LINES <= len(lines) <= MOST_LINES:
            expected = max(self._usual, len(lines))
        if len(lines) != expected:
            return trouble_at(lines[0], f"the block has {len(lines)} lines instead of {expected}")
        try:
            interval = self._interval(lines)
        except Garbled as error:
            return trouble_at(lines[0], f"in the block that begins here, {error}")
        self._usual = len(lines)
        return interval

    def _interval(self, lines: list[Line]) -> StoredInterval:
        values: dict[str, str] = {}
        places: dict[str, int] = {}
        found: list[dict[str, float | bool | None]] = [{}, {}]
        for line in lines:
            first, *rest = (field.strip() for field in line.text.split(","))
            if not first and not places:
                places = {name.lower(): index for index, name in enumerate(rest)}
            elif not places:
                values[" ".join(first.lower().split())] = rest[0] if rest else ""
            elif (column := parse_column(first)) is not None:
                for levels, name in zip(found, ("main", "sub"), strict=True):
                    if name in places:
                        levels[column[0]] = _value(column[0], rest, places[name])
        if "main" not in places or not found[0]:
            raise Garbled("there is no row of levels with a column Main", lines[0].text)
        try:
            address, starts, lasted = values[ADDRESS], values[START_TIME], values[MEASUREMENT_TIME]
        except KeyError as error:
            raise Garbled(f"there is no line {error.args[0]!r}", lines[0].text) from None
        subs = (Levels(**found[1]),) if "sub" in places else ()  # type: ignore[arg-type]
        return StoredInterval(
            parse_address(address),
            parse_time(starts),
            parse_duration(lasted),
            Levels(**found[0]),  # type: ignore[arg-type]
            self._kind,
            subs,
            lines[0].number,
        )


def _value(quantity: str, fields: list[str], index: int) -> float | bool | None:
    if index >= len(fields):
        raise Garbled(f"the row {quantity!r} has {len(fields)} fields and none for its channel", ",".join(fields))
    return parse_flag(fields[index]) if quantity in FLAGS else parse_stored_level(fields[index])
