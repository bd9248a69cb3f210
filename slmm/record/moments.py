"""Periods shorter than a minute from single frames, and what the meter's display showed at the end of any period.

Each frame stands for the time before its end: an interval for its length, 100 ms of a stream for those, a momentary
level for the time since the one before it, but not over a gap (as in ``minute``). That time is laid over the periods
and its energy shared among them, all in SQL; of each period the best source counts that covers most of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from slmm.acoustics.intervals import Interval, Span
from slmm.acoustics.percentiles import Histogram
from slmm.acoustics.quality import NO_FLAGS, Flag
from slmm.record.frames import Source, instants
from slmm.record.minute import HOLD_SPACINGS, LONGEST_HOLD_S, LOOK_AHEAD_S, NAMES, SHORTEST_HOLD_S, STREAM_WRAPS
from slmm.record.partitions import Partitions
from slmm.record.pieces import Pieces, known, plain
from slmm.record.store import Connection

LONGEST_INTERVAL_S = 60.0
"""Longer intervals of an SD card say nothing about periods shorter than a minute."""
MOST_OF_IT = 0.5
"""A better source counts when it covers that part of what the best-covering one does."""
_LEAST_GAP_S = 0.15
_SHOWN = ("lp", "leq", "le", "ln1", "ln2", "ln3", "ln4", "ln5")
SHOWN = frozenset(_SHOWN)
"""What the display shows that is kept for frames only; all but *lp* are figures since the start of the measurement."""
_ANCHORED_FOR = 1200
"""Lines of a stream that are put in order together: the clocks of meter and service drift apart meanwhile."""


def of_frames(
    connection: Connection,
    partitions: Partitions,
    unit_id: str,
    from_at: datetime,
    step_s: int,
    count: int,
    *,
    with_counts: bool = True,
) -> list[Pieces]:
    """*count* periods of *step_s* from *from_at* on, from single frames; periods without any have no piece."""
    step = timedelta(seconds=step_s)
    spans = [Span(from_at + step * number, from_at + step * (number + 1)) for number in range(count)]
    made = [Pieces(span) for span in spans]
    until_at = from_at + step * count
    ahead = timedelta(seconds=max(LONGEST_INTERVAL_S, LOOK_AHEAD_S))
    rows = partitions.relation(connection, "frames", unit_id, from_at - ahead, until_at + ahead)
    connection.execute(f"create or replace temp table shares as {_shares(rows, from_at, step_s, count)}")
    try:
        sums = connection.execute(_SUMS).fetchnumpy()
        counts = connection.execute(_COUNTS).fetchnumpy() if with_counts else None
    finally:
        connection.execute("drop table if exists shares")
    histograms = {} if counts is None else _histograms(counts)
    columns = {name: plain(column) for name, column in sums.items()}
    best: dict[int, Interval] = {}
    for row in range(len(columns["number"])):  # the worse source of a period first
        each = {name: column[row] for name, column in columns.items()}
        number = int(each["number"])
        interval = _interval(each, spans[number], histograms.get((number, int(each["source"])), Histogram.EMPTY))
        before = best.get(number)
        if before is None or interval.valid_s >= MOST_OF_IT * before.valid_s:
            best[number] = interval
    for number, interval in best.items():
        made[number].intervals.append(interval)
    return made


def _interval(row: dict[str, Any], span: Span, histogram: Histogram) -> Interval:
    valid_s, received_s = float(row["valid_s"]), float(row["received_s"])
    share = min(1.0, span.duration_s / valid_s) if valid_s else 1.0
    flags = Flag(int(row["flags"])) if row["flags"] == row["flags"] else NO_FLAGS
    if received_s < span.duration_s - _LEAST_GAP_S:
        flags |= Flag.GAP
    if received_s > valid_s + _LEAST_GAP_S:
        flags |= Flag.PAUSED
    return Interval(
        starts_at=span.starts_at,
        ends_at=span.ends_at,
        energy_s=float(row["energy_s"]) * share,
        valid_s=valid_s * share,
        received_s=min(received_s, span.duration_s),
        lmax=known(row["lmax"]),
        lmin=known(row["lmin"]),
        lpeak=known(row["lpeak"]),
        histogram=histogram,
        flags=flags,
        source=NAMES[Source(int(row["source"]))],
    )


def _shares(rows: str, from_at: datetime, step_s: int, count: int) -> str:
    """Which part of which frame lies in which period; all times in µs after *from_at*."""
    begin = f"epoch_us(timestamp '{from_at.astimezone(UTC):%Y-%m-%d %H:%M:%S.%f}')"
    step_us = step_s * 1_000_000
    usual = f"least({LONGEST_HOLD_S}, greatest({SHORTEST_HOLD_S}, {HOLD_SPACINGS} * usual_s))"
    return f"""
with frame as (
    select epoch_us(ends_at) - {begin} as end_us, source, duration_s, lp, leq, lmax, lmin, lpeak, over, under, counter,
        coalesce(measuring, true) as measuring
    from {rows}
),
polled as (
    select *, lag(end_us) over (order by end_us) as before_us,
        coalesce(lmax > lag(lmax) over (order by end_us), false) as is_new_max,
        coalesce(lmin < lag(lmin) over (order by end_us), false) as is_new_min,
        coalesce(lpeak > lag(lpeak) over (order by end_us), false) as is_new_peak,
        coalesce(over and not lag(over) over (order by end_us), false) as is_over,
        coalesce(under and not lag(under) over (order by end_us), false) as is_under
    from frame where source = {int(Source.POLL)}
),
held as (
    select *, median((end_us - before_us) / 1e6) over (partition by end_us // 60000000) as usual_s from polled
),
counted as (
    select *, row_number() over (order by end_us, counter) as place,
        counter - lag(counter) over (order by end_us, counter) as went_on
    from frame where source = {int(Source.STREAM)}
),
run as (
    select *, sum(case when went_on in (1, {1 - STREAM_WRAPS}) then 0 else 1 end) over (order by place) as number,
        place // {_ANCHORED_FOR} as anchored
    from counted
),
timed as (
    select end_us, cast(least(coalesce((end_us - before_us) / 1e6, {SHORTEST_HOLD_S}), {usual}) * 1e6 as bigint)
            as span_us, source, lp as level, lp, measuring,
        case when is_new_max then greatest(lmax, coalesce(lp, lmax)) else lp end as lmax,
        case when is_new_min then least(lmin, coalesce(lp, lmin)) else lp end as lmin,
        case when is_new_peak then lpeak end as lpeak, is_over as over, is_under as under, false as is_short
    from held
    union all
    select min(end_us - place * 100000) over (partition by number, anchored) + place * 100000, 100000, source,
        leq, lp, measuring, lmax, lmin, lpeak, over, under, true
    from run
    union all
    select end_us, cast(duration_s * 1e6 as bigint), source, leq, lp, measuring, lmax, lmin, lpeak, over, under, true
    from frame where source >= {int(Source.SD_LEQ)} and duration_s <= {LONGEST_INTERVAL_S}
),
laid as (
    select *, end_us - span_us as start_us,
        unnest(range(greatest(0, floor((end_us - span_us) / {step_us})::bigint),
            least({count}, ceil(end_us / {step_us})::bigint))) as number
    from timed where span_us > 0
)
select *, least(end_us, (number + 1) * {step_us}) - greatest(start_us, number * {step_us}) as share_us,
    is_short and end_us > (number + 1) * {step_us} as ends_later
from laid"""


_SUMS = f"""
select number, source,
    coalesce(sum(share_us) filter (measuring and level is not null), 0) / 1e6 as valid_s,
    coalesce(sum(share_us * pow(10, level / 10)) filter (measuring), 0) / 1e6 as energy_s,
    sum(share_us) / 1e6 as received_s,
    max(lmax) filter (measuring and not ends_later) as lmax,
    min(lmin) filter (measuring and not ends_later) as lmin,
    max(lpeak) filter (measuring and not ends_later) as lpeak,
    bit_or(case when over then {int(Flag.OVER)} else 0 end | case when under then {int(Flag.UNDER)} else 0 end
        | case when ends_later then {int(Flag.SPREAD)} else 0 end) as flags
from shares where share_us > 0 group by number, source order by number, source"""
_COUNTS = """
select number, source, cast(floor(lp * 10 + 0.5 + 1e-9) as smallint) as class,
    cast(round(sum(share_us) / 1e5) as bigint) as amount
from shares where share_us > 0 and measuring and lp is not null
group by all having amount > 0 order by number, source, class"""


def _histograms(found: dict[str, Any]) -> dict[tuple[int, int], Histogram]:
    histograms, begin = {}, 0
    keys = list(zip(found["number"].tolist(), found["source"].tolist(), strict=True))
    for index in range(1, len(keys) + 1):
        if index == len(keys) or keys[index] != keys[begin]:
            part = slice(begin, index)
            histograms[keys[begin]] = Histogram(found["class"][part], found["amount"][part])
            begin = index
    return histograms


def shown_at_ends(
    connection: Connection, partitions: Partitions, unit_id: str, spans: Sequence[Span], names: Sequence[str]
) -> dict[str, list[float | None]]:
    """The last figure that the display showed within each of *spans*, for each of *names* out of SHOWN."""
    if not spans or not names:
        return {name: [] for name in names}
    rows = partitions.relation(connection, "frames", unit_id, spans[0].starts_at, spans[-1].ends_at)
    connection.register(
        "spans",
        {
            "number": np.arange(len(spans)),
            "starts_at": instants(span.starts_at for span in spans),
            "ends_at": instants(span.ends_at for span in spans),
        },
    )
    # Unlike the minutes, an instant that is a boundary belongs to the period it ends.
    figures = ", ".join(f"arg_max(f.{name}, f.ends_at) filter (f.{name} is not null) as {name}" for name in names)
    try:
        found = connection.execute(
            f"select s.number, {figures} from (select * from {rows} where source = {int(Source.POLL)}) f"
            " asof join spans s on f.ends_at > s.starts_at where f.ends_at <= s.ends_at group by s.number"
        ).fetchnumpy()
    finally:
        connection.unregister("spans")
    shown: dict[str, list[float | None]] = {name: [None] * len(spans) for name in names}
    for name in names:
        for number, value in zip(found["number"].tolist(), plain(found[name]).tolist(), strict=True):
            shown[name][int(number)] = known(value)
    return shown
