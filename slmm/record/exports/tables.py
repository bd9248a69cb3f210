"""What an export consists of: columns with their units, what has to be said about them, rows piece by piece."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from itertools import islice
from typing import Any, Protocol
from zoneinfo import ZoneInfo

from slmm.acoustics.energy import rounded, rounded_up
from slmm.acoustics.intervals import PeriodLevels, Span
from slmm.acoustics.levels import level_name, period_name
from slmm.acoustics.periods import Period
from slmm.acoustics.quality import Bound, flag_names
from slmm.events import Labels
from slmm.record.history import History, percent_of, value_of
from slmm.record.partitions import KEY, TABLES
from slmm.record.store import Connection
from slmm.times import timestamp

PERIODS_AT_ONCE = 100
"""Put together by Python in some ms: whoever waits for the interpreter meanwhile waits no longer than that."""
TEXT_FORMAT = "1"
"""Version of the layout; a new one when a column changes its meaning."""


class Kind(StrEnum):
    """What a column holds."""

    UTC = "utc"
    """A naive datetime in UTC."""
    LOCAL = "local"
    """A naive datetime on the clocks of the unit's place."""
    LEVEL = "level"
    """dB, one decimal."""
    NUMBER = "number"
    COUNT = "count"
    YES_NO = "yes_no"
    TEXT = "text"


@dataclass(frozen=True, slots=True)
class Column:
    """One column."""

    name: str
    kind: Kind
    meaning: str
    """For a person, with the unit."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a table goes on."""

    at: datetime
    skip: int = 0
    """Rows of just that instant that have been told."""
    slice_s: float = 600.0
    number: int = 0


class Table(Protocol):
    """Rows that are read piece by piece, each in a question of its own: a slow reader holds nothing open."""

    @property
    def about(self) -> Mapping[str, str]:
        """What has to be said: unit, time, conventions, version."""

    @property
    def columns(self) -> Sequence[Column]:
        """From left to right."""

    def first(self, connection: Connection) -> Place | None:
        """Where it begins; None when there is nothing."""

    def most_rows(self, connection: Connection) -> int:
        """How many rows there are at most."""

    def rows(self, connection: Connection, place: Place) -> tuple[list[tuple[Any, ...]], Place | None]:
        """The next rows, levels in 0.1 dB, and where it goes on; None when that was all."""

    def lines(self, connection: Connection, place: Place, style: Style) -> tuple[str, Place | None]:
        """The same as text, each line with its end."""


@dataclass(frozen=True, slots=True)
class Style:
    """How numbers stand in a text: RFC 4180, or as German spreadsheets read it."""

    separator: str = ","
    decimal: str = "."

    @classmethod
    def of(cls, decimal: str) -> Style:
        """``point`` or ``comma``."""
        return cls(";", ",") if decimal == "comma" else cls()


LINE_END = "\r\n"
_RISKY = ("=", "+", "@", "\t", "\r")


def cell(value: Any, kind: Kind, style: Style) -> str:
    """One value as text; what is not known is empty."""
    if value is None:
        return ""
    match kind:
        case Kind.UTC:
            return timestamp(value.replace(tzinfo=UTC))
        case Kind.LOCAL:
            return str(value.isoformat(sep=" ", timespec="milliseconds"))
        case Kind.LEVEL:
            return f"{value:.1f}".replace(".", style.decimal)
        case Kind.NUMBER:
            return f"{value:g}".replace(".", style.decimal)
        case Kind.YES_NO:
            return "1" if value else "0"
        case Kind.TEXT:
            return quoted(str(value))
    return str(value)


def quoted(text: str) -> str:
    """In quotes where it needs them, and never a formula of a spreadsheet."""
    if text.startswith(_RISKY) or (text[:1] == "-" and text[1:2] != "."):
        text = f"'{text}"
    return '"' + text.replace('"', '""') + '"' if any(mark in text for mark in '",;\r\n') else text


def about(
    history: History, unit_id: str, labels: Labels, what: str, span: Span, made_at: datetime, version: str
) -> dict[str, str]:
    """What is to be said about any export of a unit."""
    zone = history.zone(unit_id)
    local = [at.astimezone(ZoneInfo(zone)).isoformat() for at in (span.starts_at, span.ends_at)]
    base = level_name("lp", labels.frequency_weighting, labels.time_weighting)
    return {
        "unit": unit_id,
        "what": what,
        "from": f"{timestamp(span.starts_at)} ({local[0]})",
        "until": f"{timestamp(span.ends_at)} ({local[1]})",
        "zone": zone,
        "levels": "dB re 20 µPa, one decimal, rounded half up once, after everything was put together",
        "frequency_weighting": labels.frequency_weighting or "not known",
        "time_weighting": labels.time_weighting or "not known",
        "times": "UTC, local_time in the zone above; a period is labelled by its end",
        "ln": (
            f"LN is the highest class of 0.1 dB that at least N % of the samples reach or exceed, from {base}"
            " samples; counts are added, LN never averaged"
        ),
        "missing": "empty is not known, and is neither zero nor an average; LAeq is over the valid time, see coverage",
        "bound": "> lower bound (over range), < upper bound (under range)",
        "sources": "poll: readings of the display; stream: 100 ms (DRD); sd: intervals stored on the SD card; mixed",
        "layout": TEXT_FORMAT,
        "made_by": f"SLMM {version}",
        "made_at": timestamp(made_at),
    }


_TIMES = (
    Column("ends_at", Kind.UTC, "end of the period, UTC"),
    Column("local_time", Kind.LOCAL, "end of the period, local time"),
    Column("starts_at", Kind.UTC, "begin of the period, UTC"),
)
_QUALITY = (
    Column("coverage_percent", Kind.NUMBER, "valid part of the period in %"),
    Column("judged", Kind.YES_NO, "1: enough of it is known to be held against a limit (75 %)"),
    Column("bound", Kind.TEXT, "> or <: laeq is a lower or an upper bound"),
    Column("flags", Kind.TEXT, "what happened in it"),
    Column("source", Kind.TEXT, "where the levels are from"),
    Column("uncertainty_db", Kind.LEVEL, "of laeq from polled readings, expanded (k = 2), dB; empty: integrated"),
)
_NAMED = (
    Column("period", Kind.TEXT, "which period"),
    Column("date", Kind.TEXT, "the local date it starts on"),
)


@dataclass(slots=True)
class PeriodTable:
    """Minutes, hours, days or named periods, as the history has them."""

    history: History
    unit_id: str
    periods: Callable[[datetime, datetime], Iterator[Period]]
    """The periods of a span, in order of time."""
    span: Span
    metrics: tuple[str, ...]
    labels: Labels
    length_name: str
    """Of a period, as it stands in the names of its levels: 1min, night."""
    most: Callable[[Span], int]
    """How many periods a span has at most."""
    about: Mapping[str, str]
    excluded: Sequence[Span] = ()
    is_named: bool = False
    """Periods with names and dates, told also when nothing is known of them."""
    columns: Sequence[Column] = field(init=False)
    _left: Iterator[Period] | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        weightings = self.labels.frequency_weighting, self.labels.time_weighting
        levels = tuple(
            Column(metric, Kind.LEVEL, f"{period_name(metric, *weightings, self.length_name)}, dB")
            for metric in self.metrics
        )
        self.columns = (*_TIMES, *(_NAMED if self.is_named else ()), *levels, *_QUALITY)

    def first(self, connection: Connection) -> Place | None:
        """The begin of what is on record within the span; of named periods the begin of the span."""
        span = self.span if self.is_named else recorded(connection, self.history, "minutes", self.unit_id, self.span)
        if span is None:
            return None
        self._left = self.periods(span.starts_at, span.ends_at)
        return Place(span.starts_at)

    def most_rows(self, connection: Connection) -> int:
        """A period each."""
        span = self.span if self.is_named else recorded(connection, self.history, "minutes", self.unit_id, self.span)
        return 0 if span is None else self.most(span)

    def rows(self, connection: Connection, place: Place) -> tuple[list[tuple[Any, ...]], Place | None]:
        """The next periods, without those of which nothing was received, unless they have names."""
        assert self._left is not None
        periods = list(islice(self._left, PERIODS_AT_ONCE))
        if not periods:
            return [], None
        spans = [period.span for period in periods]
        has_ln = any(percent_of(metric) is not None for metric in self.metrics)
        _, found = self.history.pieces(connection, self.unit_id, spans, excluded=self.excluded, with_counts=has_ln)
        zone = ZoneInfo(self.history.zone(self.unit_id))
        rows = [
            self._row(period, part.levels(), zone)
            for period, part in zip(periods, found, strict=True)
            if self.is_named or any(piece.received_s for piece in part.intervals)
        ]
        return rows, Place(spans[-1].ends_at)

    def _row(self, period: Period, levels: PeriodLevels, zone: ZoneInfo) -> tuple[Any, ...]:
        values = [value_of(levels, metric) for metric in self.metrics]
        sources = levels.sources
        source = next(iter(sources)) if len(sources) == 1 else "mixed" if sources else "none"
        return (
            _naive(levels.ends_at, UTC),
            _naive(levels.ends_at, zone),
            _naive(levels.starts_at, UTC),
            *((period.name, period.date.isoformat()) if self.is_named else ()),
            *(None if value is None else rounded(value) for value in values),
            round(levels.coverage * 100.0, 2),
            levels.is_judged(),
            None if levels.bound is Bound.NONE else levels.bound.value,
            " ".join(flag_names(levels.flags)),
            source,
            None if levels.uncertainty_db is None else rounded_up(levels.uncertainty_db),
        )

    def lines(self, connection: Connection, place: Place, style: Style) -> tuple[str, Place | None]:
        """As text."""
        rows, further = self.rows(connection, place)
        kinds = [column.kind for column in self.columns]
        text = "".join(
            style.separator.join(cell(value, kind, style) for value, kind in zip(row, kinds, strict=True)) + LINE_END
            for row in rows
        )
        return text, further


def _naive(at: datetime, zone: Any) -> datetime:
    return at.astimezone(zone).replace(tzinfo=None)


def recorded(connection: Connection, history: History, kind: str, unit_id: str, span: Span) -> Span | None:
    """The part of a span between the first and the last row on record of a unit; None when there is none."""
    unit = history.store.known_unit(unit_id)
    if unit is None:
        return None
    key = KEY[kind]
    tables = [*TABLES[kind], *(["hours"] if kind == "minutes" else [])]
    selects = [f"select min({key}) as low, max({key}) as high from {table} where unit = {unit}" for table in tables]
    selects.append(
        "select cast(min(day) as timestamp), cast(max(day) as timestamp) + interval 1 day from partitions"
        " where kind = ? and unit_id = ?"
    )
    found = connection.execute(
        f"select min(low), max(high) from ({' union all '.join(selects)})", [kind, unit_id]
    ).fetchone()
    if found is None or found[0] is None:
        return None
    beside = timedelta(hours=1) if kind == "minutes" else timedelta(0)
    low = max(span.starts_at, found[0].replace(tzinfo=UTC) - timedelta(microseconds=1))
    high = min(span.ends_at, found[1].replace(tzinfo=UTC) + beside + timedelta(microseconds=1))
    return Span(low, high) if low < high else None
