"""Every frame of a unit over a span, as a table: read and written as text by SQL, a bounded piece at a time.

A million rows put into words by Python would hold up everybody else; DuckDB does it without holding the interpreter.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from slmm.acoustics.intervals import Span
from slmm.acoustics.levels import level_name
from slmm.errors import Invalid
from slmm.events import Labels
from slmm.record.exports.cells import Grid, value_sql
from slmm.record.exports.tables import LINE_END, Column, Kind, Place, Style, recorded
from slmm.record.frames import Source, aware
from slmm.record.history import History
from slmm.record.store import LEVELS, Connection

ROWS_AT_ONCE = 8000
LONGEST_SLICE_S, SHORTEST_SLICE_S = 86_400.0, 60.0
_INSTANT = timedelta(microseconds=1)
_ORDER = "ends_at, source, address, counter"
_SOURCES = {Source.POLL: "poll", Source.STREAM: "stream", Source.SD_LEQ: "sd_leq", Source.SD_LP: "sd_lp"}
_SOURCE = "case source " + " ".join(f"when {int(key)} then '{name}'" for key, name in _SOURCES.items()) + " end"

_BEFORE = (
    Column("ends_at", Kind.UTC, "arrival of the reading, or end of the interval, UTC"),
    Column("local_time", Kind.LOCAL, "the same, local time"),
    Column("source", Kind.TEXT, "poll: the display; stream: 100 ms; sd_leq, sd_lp: stored intervals"),
    Column("duration_s", Kind.NUMBER, "what the levels stand for, s; empty for the display"),
)
_AFTER = (
    Column("over", Kind.YES_NO, "over range; for the display: since the start of the measurement"),
    Column("under", Kind.YES_NO, "under range, likewise"),
    Column("measuring", Kind.YES_NO, "whether the meter measured; empty: not known"),
    Column("started_at", Kind.UTC, "when the measurement began, UTC"),
    Column("counter", Kind.COUNT, "number of the line in its stream"),
    Column("store", Kind.TEXT, "store name of the interval on the SD card"),
    Column("address", Kind.COUNT, "number of the interval in its store"),
    Column("flags", Kind.TEXT, "what was seen in the reading"),
    Column("raw", Kind.TEXT, "the line as it came, where it says more than the columns"),
)


_LEQ = "energy mean since the start for the display, else over duration_s, dB"


def checked_levels(names: Sequence[str]) -> tuple[str, ...]:
    """Members of a frame; raises Invalid for one that is none."""
    for name in names:
        if name not in LEVELS:
            raise Invalid(
                f"metrics: {name[:20]!r} does not stand in a frame; allowed are {', '.join(LEVELS)}", field="metrics"
            )
    return tuple(names) or LEVELS


@dataclass(slots=True)
class FrameTable:
    """Frames that end after the begin of *span*, up to and with its end."""

    history: History
    unit_id: str
    span: Span
    metrics: tuple[str, ...]
    labels: Labels
    about: Mapping[str, str]
    columns: Sequence[Column] = field(init=False)

    def __post_init__(self) -> None:
        named = (self.labels.frequency_weighting, self.labels.time_weighting, self.labels.percentiles)
        levels = tuple(
            Column(name, Kind.LEVEL, _LEQ if name == "leq" else f"{level_name(name, *named)}, dB")
            for name in self.metrics
        )
        self.columns = (*_BEFORE, *levels, *_AFTER)

    def first(self, connection: Connection) -> Place | None:
        """At the first frame, or at the begin of the span."""
        span = recorded(connection, self.history, "frames", self.unit_id, self.span)
        return None if span is None else Place(max(span.starts_at, self.span.starts_at + _INSTANT))

    def most_rows(self, connection: Connection) -> int:
        """Just that many."""
        rows = self._rows(connection, self.span.starts_at + _INSTANT, self.span.ends_at)
        found = connection.execute(f"select count(*) from {rows}").fetchone()
        return 0 if found is None else int(found[0])

    def _rows(self, connection: Connection, from_at: datetime, until_at: datetime) -> str:
        return self.history.partitions.relation(connection, "frames", self.unit_id, from_at, until_at)

    def all_sorted(self, connection: Connection) -> str:
        """All rows with their types, as a select, for a file that DuckDB writes by itself."""
        rows = self._rows(connection, self.span.starts_at + _INSTANT, self.span.ends_at)
        return f"select {self._typed()} from {rows} order by {_ORDER}"

    def _typed(self) -> str:
        special = {
            "ends_at": "ends_at at time zone 'UTC' as ends_at",
            "started_at": "started_at at time zone 'UTC' as started_at",
            "local_time": f"{self._local()} as local_time",
            "source": f"{_SOURCE} as source",
        }
        return ", ".join(special.get(column.name, column.name) for column in self.columns)

    def _local(self) -> str:
        return f"ends_at at time zone 'UTC' at time zone '{self.history.zone(self.unit_id)}'"

    def _piece(self, connection: Connection, place: Place) -> tuple[str, datetime]:
        """The next rows in order as a select in parentheses, and up to when they were looked for."""
        until = min(place.at + timedelta(seconds=place.slice_s), self.span.ends_at)
        rows = self._rows(connection, place.at, until)
        return f"(select * from {rows} order by {_ORDER} limit {ROWS_AT_ONCE} offset {place.skip})", until

    def _next(self, place: Place, until: datetime, count: int, last: datetime | None, of_last: int) -> Place | None:
        """Where it goes on after *count* rows, *of_last* of them of the instant *last*; faster where little is."""
        if count >= ROWS_AT_ONCE and last is not None:
            skip = of_last + (place.skip if last == place.at else 0)
            return Place(last, skip, max(SHORTEST_SLICE_S, place.slice_s / 2))
        if until >= self.span.ends_at:
            return None
        factor = 2.0 if count < ROWS_AT_ONCE / 4 else 1.0
        return Place(until + _INSTANT, 0, min(LONGEST_SLICE_S, place.slice_s * factor))

    def rows(self, connection: Connection, place: Place) -> tuple[list[tuple[Any, ...]], Place | None]:
        """The next frames."""
        piece, until = self._piece(connection, place)
        columns = self._typed().replace(" at time zone 'UTC' as ", " as ")
        found = connection.execute(f"select {columns} from {piece} order by {_ORDER}").fetchall()
        last = aware(found[-1][0]) if found else None
        of_last = sum(row[0] == found[-1][0] for row in found)
        return found, self._next(place, until, len(found), last, of_last)

    def lines(self, connection: Connection, place: Place, style: Style) -> tuple[str, Place | None]:
        """The same as text."""
        words = ", ".join(self._words(column, style) for column in self.columns)
        text, _, further = self._joined(connection, place, f"concat_ws('{style.separator}', {words})", LINE_END)
        return (text + LINE_END if text else ""), further

    def cells(self, connection: Connection, place: Place, grid: Grid, first: int) -> tuple[str, int, Place | None]:
        """The same as rows of a sheet from number *first* on; and how many they are."""
        values = [value_sql(self._plain(column.name), column.kind) for column in self.columns]
        number = f"({first - 1} + row_number() over (order by {_ORDER}))"
        return self._joined(connection, place, grid.row_sql(values, "number"), "", number)

    def _joined(
        self, connection: Connection, place: Place, row: str, between: str, number: str = "0"
    ) -> tuple[str, int, Place | None]:
        """The next frames as one text: SQL for a *row*, which may speak of its *number*."""
        piece, until = self._piece(connection, place)
        found = connection.execute(
            f"with piece as (select *, {number} as number from {piece})"
            f" select string_agg({row}, '{between}' order by {_ORDER}),"
            " count(*), max(ends_at), count(*) filter (ends_at = (select max(ends_at) from piece)) from piece"
        ).fetchone()
        text, count, last, of_last = found if found is not None else (None, 0, None, 0)
        return text or "", count, self._next(place, until, count, None if last is None else aware(last), of_last)

    def _plain(self, name: str) -> str:
        """SQL for a column's value as it is."""
        return {"local_time": self._local(), "source": _SOURCE}.get(name, name)

    def _words(self, column: Column, style: Style) -> str:
        """SQL for a value as ``tables.cell`` writes it."""
        name = column.name
        match column.kind:
            case Kind.UTC:
                words = f"strftime({name}, '%Y-%m-%dT%H:%M:%S.%gZ')"
            case Kind.LOCAL:
                words = f"strftime({self._local()}, '%Y-%m-%d %H:%M:%S.%g')"
            case Kind.LEVEL:
                words = _decimal(f"format('{{:.1f}}', {name})", style)
            case Kind.NUMBER:
                words = _decimal(f"format('{{:g}}', {name})", style)
            case Kind.YES_NO:
                words = f"case when {name} then '1' else '0' end"
                return f"coalesce(case when {name} is not null then {words} end, '')"
            case Kind.TEXT if name == "source":
                words = _SOURCE
            case Kind.TEXT:
                words = _quoted(name)
            case _:
                words = f"cast({name} as varchar)"
        return f"coalesce({words}, '')"


def _decimal(words: str, style: Style) -> str:
    return words if style.decimal == "." else f"replace({words}, '.', '{style.decimal}')"


def _quoted(name: str) -> str:
    risky = f"regexp_matches({name}, '^([=+@\\t\\r]|-([^.]|$))')"
    text = f"(case when {risky} then '''' else '' end || {name})"
    needs_quotes = f"regexp_matches({name}, '[\",;\\r\\n]')"
    return f"case when {needs_quotes} then '\"' || replace({text}, '\"', '\"\"') || '\"' else {text} end"
