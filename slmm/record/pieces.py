"""What the minutes and hours on record add up to within many periods at once, added by SQL.

Minutes of one period that are treated alike (nothing special about them, or all of them over-range, windy, excluded …)
become one piece of their total length, so that ``acoustics.intervals.combine`` has a handful of pieces for each period
whatever its length, and its rules hold: nothing is decided here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from slmm.acoustics.energy import level
from slmm.acoustics.intervals import Interval, PeriodLevels, Span, combine
from slmm.acoustics.percentiles import Histogram
from slmm.acoustics.quality import LEFT_OUT, NO_FLAGS, Bound, Flag
from slmm.record.frames import aware, instants
from slmm.record.partitions import Partitions
from slmm.record.store import PERIOD_COLUMNS, Connection

ALIKE = LEFT_OUT | Flag.UNDER
"""Flags that decide how a piece is treated."""
_COLUMNS = ", ".join(name for name in PERIOD_COLUMNS if name != "unit")


@dataclass(slots=True)
class Pieces:
    """The pieces of one period."""

    span: Span
    intervals: list[Interval] = field(default_factory=list)
    kept: Flag = NO_FLAGS
    """Flags of hours that count as they are, for their minutes are gone: nothing can be left out of them any more."""

    def levels(self, left_out: Flag = LEFT_OUT) -> PeriodLevels:
        """Put together; *left_out* as in ``combine``."""
        found = combine(self.intervals, self.span.starts_at, self.span.ends_at, left_out=left_out)
        if not self.kept:
            return found
        bound = Bound.LOWER if self.kept & Flag.OVER else found.bound
        return replace(found, flags=found.flags | self.kept, bound=bound)


def of_minutes(
    connection: Connection,
    partitions: Partitions,
    unit_id: str,
    spans: Sequence[Span],
    *,
    excluded: Sequence[Span] = (),
    with_counts: bool = True,
) -> list[Pieces]:
    """The minutes of a unit in each of *spans*, which stand in order of time and do not overlap.

    Minutes that one of *excluded* touches get the flag. Without *with_counts* there are no histograms, and no LN.
    """
    if not spans:
        return []
    rows = newest_minutes(connection, partitions, unit_id, spans[0].starts_at, spans[-1].ends_at)
    return _added(connection, f"select {_COLUMNS}, false as is_kept from {rows}", spans, excluded, with_counts)


def of_hours(
    connection: Connection,
    partitions: Partitions,
    unit: int,
    unit_id: str,
    spans: Sequence[Span],
    *,
    excluded: Sequence[Span] = (),
    with_counts: bool = True,
) -> list[Pieces]:
    """The same from hours, for long times and for times whose minutes are gone; *spans* begin and end with hours.

    Minutes stand in for an hour of which something has to be left out, and after the last hour.
    """
    if not spans:
        return []
    begin, end = spans[0].starts_at, spans[-1].ends_at
    where = f"unit = {unit} and starts_at >= {_literal(begin)} and ends_at <= {_literal(end)}"
    found = connection.execute(
        f"select starts_at, ends_at, flags from hours where {where} order by starts_at"
    ).fetchnumpy()
    hours = [
        (aware(starts_at), aware(ends_at), Flag(int(flags)))
        for starts_at, ends_at, flags in zip(found["starts_at"], found["ends_at"], found["flags"], strict=True)
    ]
    unusable = [
        Span(since, until) for since, until, flags in hours if flags & LEFT_OUT or _touches(excluded, since, until)
    ]
    last = max((until for _, until, _ in hours), default=begin)
    wanted = [*unusable, *([Span(last, end)] if last < end else [])]
    connection.register("unusable", _span_columns(unusable))
    try:
        usable = f"{where} and starts_at not in (select starts_at from unusable)"
        selects = [f"select {_COLUMNS}, false as is_kept from hours where {usable}"]
        if wanted:
            minutes = _minutes_of_days(connection, partitions, unit_id, wanted)
            connection.execute(f"create or replace temp table wanted_minutes as select {_COLUMNS} from {minutes}")
            selects.append(
                "select m.*, false as is_kept from wanted_minutes m asof left join unusable u"
                f" on m.starts_at >= u.starts_at where m.starts_at < u.ends_at or m.starts_at >= {_literal(last)}"
            )
            selects.append(
                f"select {_COLUMNS}, true as is_kept from hours h where {where}"
                " and starts_at in (select starts_at from unusable) and not exists (select 1 from wanted_minutes m"
                " where m.starts_at >= h.starts_at and m.starts_at < h.ends_at)"
            )
        return _added(connection, " union all ".join(selects), spans, excluded, with_counts)
    finally:
        connection.unregister("unusable")
        connection.execute("drop table if exists wanted_minutes")


def newest_minutes(
    connection: Connection, partitions: Partitions, unit_id: str, from_at: datetime, until_at: datetime
) -> str:
    """The minutes of a unit around a span, of each the newest version, as a select in parentheses."""
    rows = partitions.relation(connection, "minutes", unit_id, from_at, until_at)
    return f"(select * from {rows} qualify row_number() over (partition by starts_at order by part desc) = 1)"


def _minutes_of_days(connection: Connection, partitions: Partitions, unit_id: str, wanted: Sequence[Span]) -> str:
    """The minutes of those UTC days only in which some are wanted."""
    days: set[date] = set()
    for span in wanted:
        day = span.starts_at.astimezone(UTC).date()
        while day <= span.ends_at.astimezone(UTC).date():
            days.add(day)
            day += timedelta(days=1)
    selects = []
    while days:
        begin = end = min(days)
        while end in days:
            days.discard(end)
            end += timedelta(days=1)
        first, last = (datetime(day.year, day.month, day.day, tzinfo=UTC) for day in (begin, end))
        rows = newest_minutes(connection, partitions, unit_id, first, last)
        selects.append(f"select * from {rows} where starts_at < {_literal(last)}")
    return "(" + " union all ".join(selects) + ")"


def _added(
    connection: Connection, rows: str, spans: Sequence[Span], excluded: Sequence[Span], with_counts: bool
) -> list[Pieces]:
    """Rows of minutes or hours added up by period and by how they are treated."""
    connection.register("spans", {"number": np.arange(len(spans)), **_span_columns(spans)})
    connection.register("excluded", _span_columns(excluded))
    try:
        connection.execute(f"create or replace temp table found_rows as {_numbered(rows, bool(excluded))}")
        sums = connection.execute(_SUMS).fetchnumpy()
        counts = connection.execute(_COUNTS).fetchnumpy() if with_counts else None
    finally:
        connection.unregister("spans")
        connection.unregister("excluded")
        connection.execute("drop table if exists found_rows")
    return _pieces(sums, {} if counts is None else _histograms(counts), spans)


def _numbered(rows: str, has_excluded: bool) -> str:
    flags = "flags"
    if has_excluded:
        touched = "exists (select 1 from excluded e where e.starts_at < r.ends_at and e.ends_at > r.starts_at)"
        flags = f"flags | case when {touched} then {int(Flag.EXCLUDED)} else 0 end"
    return (
        f"select s.number, r.* from (select * replace ({flags} as flags) from ({rows}) r) r"
        " asof join spans s on r.starts_at >= s.starts_at where r.ends_at <= s.ends_at"
    )


_KEY = f"number, flags & {int(ALIKE)} as alike, source, uncertainty_db is null as is_exact, is_kept"
_SUMS = (
    f"select {_KEY}, min(starts_at) as starts_at, sum(epoch_us(ends_at) - epoch_us(starts_at)) as length_us,"
    " sum(energy_s) as energy_s, sum(valid_s) as valid_s, sum(received_s) as received_s, max(lmax) as lmax,"
    " min(lmin) as lmin, max(lpeak) as lpeak, bit_or(flags) as flags,"
    " sum(pow(energy_s * (pow(10, uncertainty_db / 10) - 1), 2)) as variance"
    " from found_rows group by number, alike, source, is_exact, is_kept"
    " order by number, alike, source, is_exact, is_kept"
)
_COUNTS = (
    "select number, alike, source, is_exact, is_kept, class, sum(amount)::bigint as amount from"
    f" (select {_KEY}, unnest(classes) as class, unnest(counts) as amount from found_rows)"
    " group by all order by number, alike, source, is_exact, is_kept, class"
)


def _histograms(found: dict[str, Any]) -> dict[tuple[Any, ...], Histogram]:
    keys = list(
        zip(*(found[name].tolist() for name in ("number", "alike", "source", "is_exact", "is_kept")), strict=True)
    )
    classes, amounts = found["class"].astype(np.int16), found["amount"].astype(np.int64)
    histograms, begin = {}, 0
    for index in range(1, len(keys) + 1):
        if index == len(keys) or keys[index] != keys[begin]:
            histograms[keys[begin]] = Histogram(classes[begin:index], amounts[begin:index])
            begin = index
    return histograms


def _pieces(sums: dict[str, Any], histograms: dict[tuple[Any, ...], Histogram], spans: Sequence[Span]) -> list[Pieces]:
    made = [Pieces(span) for span in spans]
    columns = {name: plain(column) for name, column in sums.items()}
    for row in range(len(columns["number"])):
        each = {name: column[row] for name, column in columns.items()}
        key = tuple(sums[name][row].item() if name != "source" else sums[name][row] for name in _KEY_NAMES)
        pieces = made[int(each["number"])]
        flags = Flag(int(each["flags"]))
        if each["is_kept"]:
            pieces.kept |= flags & ~Flag.EXCLUDED
            flags &= ~LEFT_OUT | Flag.EXCLUDED  # what somebody excludes is left out, if need be by the hour
        starts_at = aware(each["starts_at"])
        pieces.intervals.append(
            Interval(
                starts_at=starts_at,
                ends_at=min(starts_at + timedelta(microseconds=int(each["length_us"])), pieces.span.ends_at),
                energy_s=float(each["energy_s"]),
                valid_s=float(each["valid_s"]),
                received_s=float(each["received_s"]),
                lmax=known(each["lmax"]),
                lmin=known(each["lmin"]),
                lpeak=known(each["lpeak"]),
                histogram=histograms.get(key, Histogram.EMPTY),
                flags=flags,
                source=str(each["source"]),
                uncertainty_db=_uncertainty(each),
            )
        )
    return made


_KEY_NAMES = ("number", "alike", "source", "is_exact", "is_kept")


def _uncertainty(row: dict[str, Any]) -> float | None:
    """Of a sum of independent estimates, in quadrature as energies; ``combine`` takes it apart again."""
    if row["is_exact"] or row["energy_s"] <= 0:
        return None
    return level(1.0 + float(np.sqrt(row["variance"])) / float(row["energy_s"]))


def _span_columns(spans: Sequence[Span]) -> dict[str, NDArray[Any]]:
    return {
        "starts_at": instants(span.starts_at for span in spans),
        "ends_at": instants(span.ends_at for span in spans),
    }


def _touches(excluded: Sequence[Span], since: datetime, until: datetime) -> bool:
    return any(span.overlap_s(since, until) > 0 for span in excluded)


def _literal(at: datetime) -> str:
    return f"timestamp '{at.astimezone(UTC):%Y-%m-%d %H:%M:%S.%f}'"


def plain(column: Any) -> Any:
    """A column as DuckDB gives it, with NaN where it has null."""
    if isinstance(column, np.ma.MaskedArray):
        return column.filled(np.nan) if column.dtype.kind == "f" else column.filled()
    return column


def known(value: Any) -> float | None:
    """A level; None where the column has none."""
    return None if np.isnan(value) else float(value)
