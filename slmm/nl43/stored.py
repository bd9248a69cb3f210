"""Reads what the SD card stored: the rows of ``.rnd`` files (Lp, Leq and manual store).

Known layouts: one row an interval, columns found by name (NL-43/53, and NL-42, whose rows end with a comma); and
blocks of 16 lines an interval (Leq of an NX-42RT). Octave bands are left alone. A file may be torn by a power loss
or be growing while it is fetched: what cannot be read is left out and told, the rest is read.
"""

from __future__ import annotations

import itertools
import math
import statistics
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from slmm.nl43.listing import parse_file_name
from slmm.nl43.stored_blocks import BlockReader
from slmm.nl43.stored_lines import Line, Trouble, split_lines, trouble_at
from slmm.nl43.stored_rows import Columns, StoredInterval, StoredKind, find_columns, read_row

__all__ = [
    "StoredFile",
    "StoredInterval",
    "StoredKind",
    "Trouble",
    "file_kind",
    "parse_rows",
    "read_stored",
    "split_lines",
]

TROUBLES_KEPT = 200
SPACING_ROWS = 256
"""From so many rows the interval of an Lp file is found when no header tells it: over two seconds at 10 ms."""

SPACING_TOLERANCE = 0.05

Found = StoredInterval | Trouble


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A whole file."""

    kind: StoredKind
    rows: tuple[StoredInterval, ...]
    troubles: tuple[Trouble, ...] = ()
    """The first of them."""
    trouble_count: int = 0
    left_out_count: int = 0
    """How many troubles cost a row or a line."""


def file_kind(path: str) -> StoredKind | None:
    """What a file holds by its name; None for one that is no ``.rnd`` file of the meter.

    The NX-43RT writes octave bands (``OCT``) into files of their own; they count as well, for the NX-42RT stores
    nothing else. Whoever finds both for one interval takes the one named ``SLM``.
    """
    name = parse_file_name(path.rpartition("/")[2])
    if name is None or name.what.lower() not in list(StoredKind):
        return None
    return StoredKind(name.what.lower())


def read_stored(chunks: Iterable[bytes], kind: StoredKind | None = None, interval_s: float | None = None) -> StoredFile:
    """A file in pieces of any size; never raises for what is in it.

    *interval_s* is the store interval of an Lp file, as its header tells it.
    """
    rows: list[StoredInterval] = []
    troubles: list[Trouble] = []
    count = left_out = 0
    for found in parse_rows(split_lines(chunks), kind, interval_s):
        if isinstance(found, StoredInterval):
            rows.append(found)
            continue
        count += 1
        left_out += found.is_left_out
        if len(troubles) < TROUBLES_KEPT:
            troubles.append(found)
    return StoredFile(rows[0].kind if rows else kind or StoredKind.LP, tuple(rows), tuple(troubles), count, left_out)


def parse_rows(
    lines: Iterable[Line], kind: StoredKind | None = None, interval_s: float | None = None
) -> Iterator[StoredInterval | Trouble]:
    """Rows and troubles in the order of the file, while it is being read.

    Without *kind* a file with measurement times is a Leq file. Without *interval_s* the first rows of an Lp file are
    held back until their spacing is known.
    """
    told_s = interval_s if interval_s is not None and interval_s > 0.0 else 0.0
    found = _checked(_rows(lines, kind, told_s))
    return _as_told(found, told_s) if told_s else _by_spacing(found)


def _rows(lines: Iterable[Line], kind: StoredKind | None, told_s: float) -> Iterator[Found]:
    columns: Columns | None = None
    blocks = BlockReader(kind)
    for line in lines:
        text = line.text.strip(" \t,")
        is_mark = columns is None and not blocks.has_begun and text.upper() == "CSV"
        if line.is_ended and (not text or is_mark):
            continue
        found: Found | None = None
        if line.is_too_long:
            found = trouble_at(line, "the line is longer than any row")
        elif (header := find_columns(line, kind)) is not None:
            columns = header
        elif columns is not None:
            found = read_row(line, columns, kind, told_s)
        elif not line.is_ended:
            found = trouble_at(line, "the last line is cut off")
        elif blocks.has_begun or blocks.begins(line):
            found = blocks.add(line)
        else:
            found = trouble_at(line, "a row before any header row")
        if found is not None:
            yield found
    if (last := blocks.end()) is not None:
        yield last
    if columns is None and not blocks.has_begun and not isinstance(last, Trouble):
        yield Trouble(0, "", "the file holds no header row with 'Address', 'Start Time' and a level")


def _checked(found: Iterable[Found]) -> Iterator[Found]:
    """Leave out rows that stand twice, and tell of those that are not in order."""
    seen: set[tuple[int, datetime]] = set()
    previous: StoredInterval | None = None
    for row in found:
        if isinstance(row, Trouble):
            yield row
            continue
        if (row.address, row.starts) in seen:
            yield _about(row, "the row stands in the file twice; the first is taken")
            continue
        seen.add((row.address, row.starts))
        if previous is not None:
            if row.address <= previous.address:
                yield _about(row, f"its address follows {previous.address}", is_left_out=False)
            if row.starts < previous.starts:
                yield _about(row, f"it begins before the row above it ({previous.starts})", is_left_out=False)
        previous = row
        yield row


def _about(row: StoredInterval, reason: str, *, is_left_out: bool = True) -> Trouble:
    return Trouble(row.line, f"{row.address}, {row.starts}", reason, is_left_out)


def _as_told(found: Iterator[Found], interval_s: float) -> Iterator[Found]:
    """Rows that got their length from the interval; a trouble at the end when their times contradict it."""
    starts: list[datetime] = []
    for row in found:
        if isinstance(row, StoredInterval) and row.kind is StoredKind.LP and len(starts) < SPACING_ROWS:
            starts.append(row.starts)
        yield row
    seen_s = spacing_s(starts)
    if seen_s is not None and not math.isclose(seen_s, interval_s, rel_tol=SPACING_TOLERANCE):
        text = f"{seen_s:.3f} s, {interval_s:.3f} s"
        yield Trouble(0, text, "the rows are not as far apart as the interval says", is_left_out=False)


def _by_spacing(found: Iterator[Found]) -> Iterator[Found]:
    """Rows without a measurement time get the length that the first of them are apart."""
    head = list(itertools.islice(found, SPACING_ROWS))
    interval_s = spacing_s([row.starts for row in head if isinstance(row, StoredInterval) and not row.duration_s])
    for row in itertools.chain(head, found):
        if isinstance(row, Trouble) or row.duration_s:
            yield row
        elif interval_s is None:
            yield _about(row, "how long it is cannot be known: the file is too short, and no header tells it")
        else:
            yield replace(row, duration_s=interval_s)


def spacing_s(starts: Sequence[datetime]) -> float | None:
    """The interval of rows by the steps of their times, in s; None when there are too few.

    Times may be coarser than the rows (``hh:mm:ss`` at 100 ms): then so many rows share one.
    """
    times, counts = [], []
    for time, same in itertools.groupby(starts):
        times.append(time)
        counts.append(len(list(same)))
    steps = Counter((later - earlier).total_seconds() for earlier, later in itertools.pairwise(times))
    step_s = next((step for step, _ in steps.most_common() if step > 0.0), None)
    # The first and the last time may have been shared by rows that are not here.
    sharing = counts[1:-1] if max(counts, default=1) > 1 else counts
    return None if step_s is None or not sharing else step_s / statistics.median(sharing)
