"""Exports of the record: which table an order means, and the table as CSV, sent while it is read.

A million rows are never in memory: each piece is a short question of its own in a reader's thread, so a slow client
costs its greenlet and nothing else, and one that has gone leaves nothing open.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from datetime import datetime

from slmm import __version__
from slmm.acoustics.civil import local_date
from slmm.acoustics.intervals import Span
from slmm.acoustics.levels import duration_name
from slmm.acoustics.periods import Period
from slmm.acoustics.windows import fixed_periods
from slmm.errors import Invalid
from slmm.events import Labels
from slmm.record.exports.frame_table import FrameTable, checked_levels
from slmm.record.exports.tables import LINE_END, PeriodTable, Style, Table, about
from slmm.record.history import History, check_span, percent_of
from slmm.record.store import Store
from slmm.record.summary import ALL_PARTS, Summaries

FRAMES, SUMMARY = "frames", "summary"
LENGTHS_S = {"minutes": 60, "hours": 3600, "days": 86_400}
WHATS = (FRAMES, *LENGTHS_S, SUMMARY)
FORMATS = ("csv", "xlsx", "parquet")
PERIOD_METRICS = ("laeq", "lmax", "lmin", "lpeak", "l1", "l5", "l10", "l50", "l90", "l95")
BYTE_ORDER_MARK = "\ufeff"
"""Before a text for a spreadsheet that would take it for Windows-1252 otherwise."""


@dataclass(frozen=True, slots=True)
class Order:
    """What somebody wants."""

    unit_id: str
    what: str
    from_at: datetime
    until_at: datetime
    metrics: tuple[str, ...] = ()
    """Empty: all there are."""
    period: str = "24h"
    """Which periods a summary is of."""


def table_of(
    order: Order, history: History, summaries: Summaries, labels: Labels, excluded: Callable[[], list[Span]]
) -> Table:
    """The table of an order; *excluded* is asked for a summary only. Raises Invalid."""
    check_span(order.from_at, order.until_at)
    span = Span(order.from_at, order.until_at)
    told = about(history, order.unit_id, labels, order.what, span, history.now(), __version__)
    if order.what == FRAMES:
        return FrameTable(history, order.unit_id, span, checked_levels(order.metrics), labels, told)
    for name in order.metrics:
        if name not in PERIOD_METRICS and percent_of(name) is None:
            raise Invalid(
                f"metrics: {name[:20]!r} is not kept of periods; allowed are laeq, lmax, lmin, lpeak, l1 … l99",
                field="metrics",
            )
    if order.what == SUMMARY:
        return _summary(order, history, summaries, labels, told, excluded())
    length_s = LENGTHS_S[order.what]
    told |= {"gaps": "periods of which nothing was received are left out", "exclusions": "none are made"}

    def periods(since: datetime, until: datetime) -> Iterator[Period]:
        zone = history.zone(order.unit_id)
        for each in fixed_periods(since, until, length_s, zone):
            yield Period(order.what, local_date(each.starts_at, zone), each)

    return PeriodTable(
        history,
        order.unit_id,
        periods,
        span,
        order.metrics or PERIOD_METRICS,
        labels,
        duration_name(length_s),
        lambda asked: int(asked.duration_s / length_s) + 2,
        told,
    )


def _summary(
    order: Order, history: History, summaries: Summaries, labels: Labels, told: dict[str, str], excluded: list[Span]
) -> Table:
    periods = summaries.periods(order.unit_id, order.period, order.from_at, order.until_at)
    return PeriodTable(
        history,
        order.unit_id,
        lambda since, until: iter(periods),
        Span(order.from_at, order.until_at),
        order.metrics or PERIOD_METRICS,
        labels,
        "T" if order.period == ALL_PARTS else order.period,
        lambda asked: len(periods),
        {**told, "periods": order.period, "exclusions": _told(excluded)},
        excluded,
        is_named=True,
    )


def _told(spans: list[Span]) -> str:
    if not spans:
        return "none"
    return "; ".join(f"{span.starts_at.isoformat()} to {span.ends_at.isoformat()}" for span in spans)


def csv_pieces(table: Table, store: Store, style: Style) -> Generator[bytes, None, None]:
    """A table as RFC 4180 text in UTF-8, in pieces, below lines that begin with ``#``; raises DiskTrouble."""
    yield heading(table, style).encode()
    place = store.read(table.first)
    while place is not None:
        text, place = store.read(lambda connection, at=place: table.lines(connection, at, style))  # type: ignore[misc]
        if text:
            yield text.encode()


def heading(table: Table, style: Style) -> str:
    """What is said about a table, and the names of its columns."""
    told = [f"# {name}: {text}" for name, text in table.about.items()]
    told += [f"# column {column.name}: {column.meaning}" for column in table.columns]
    names = style.separator.join(column.name for column in table.columns)
    mark = BYTE_ORDER_MARK if style.decimal == "," else ""
    return mark + LINE_END.join([*told, names]) + LINE_END
