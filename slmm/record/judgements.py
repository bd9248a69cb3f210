"""Every period of a span of the record held against a limit.

Means, extremes and LN of fixed and whole periods are added up by SQL, whatever their length. What needs the course of
time - rolling windows, the noisiest stretch, hours of work - is judged from the minutes one by one.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from slmm.acoustics.intervals import Interval, Span
from slmm.errors import Invalid
from slmm.limits.calendar import Due, Timetable
from slmm.limits.document import Limit
from slmm.limits.judge import judge
from slmm.limits.rows import Fixed, Rolling, Whole
from slmm.limits.verdict import Judgement, judged
from slmm.record.history import History

MOST_JUDGEMENTS = 5000
LONGEST = timedelta(days=3660)
MOST_MINUTES = timedelta(days=31)
"""Of a limit that is judged minute by minute."""

Minutes = Callable[[str, datetime, datetime], list[Interval]]


@dataclass(frozen=True, slots=True)
class Judged:
    """One period."""

    judgement: Judgement
    as_measured: Judgement | None
    """The same with what people excluded; None where nothing is excluded."""


def judgements(
    history: History,
    minutes: Minutes,
    unit_id: str,
    timetable: Timetable,
    after: datetime,
    until: datetime,
    excluded: Sequence[Span] = (),
) -> list[Judged]:
    """The verdict on the periods that end after *after* and not after *until*, by time.

    *until* is not in the future, so every period has ended. Raises Invalid for more than can be answered at once, and
    DiskTrouble.
    """
    limit = timetable.limit
    if _is_summed(limit):
        return _summed(history, unit_id, timetable, after, until, excluded)
    _check_span(limit, after, until)
    pieces = minutes(unit_id, timetable.earliest(after), until)
    found = history.store.in_pool(judge, limit, pieces, after, until, timetable.zone, excluded)
    touched = [_touches(excluded, _whole_span(timetable, each)) for each in found]
    if not any(touched):
        return [Judged(each, None) for each in found]
    heard = history.store.in_pool(judge, limit, pieces, after, until, timetable.zone)
    return [
        Judged(each, measured if is_touched else None)
        for each, measured, is_touched in zip(found, heard, touched, strict=True)
    ]


def _is_summed(limit: Limit) -> bool:
    return all(isinstance(limit.period_of(row), Fixed | Whole) and not row.time_correction for row in limit.rows)


def _whole_span(timetable: Timetable, found: Judgement) -> Span:
    """What was looked at for a verdict: of a noisiest stretch, the hours it was looked for in."""
    if found.noisiest is None:
        return Span(found.starts_at, found.ends_at)
    hours = timetable.hours_at(found.noisiest.starts_at)
    return Span(found.starts_at, found.ends_at) if hours is None else Span(hours.starts_at, hours.ends_at)


def _check_span(limit: Limit, after: datetime, until: datetime) -> None:
    most = MOST_MINUTES
    if any(isinstance(limit.period_of(row), Rolling) for row in limit.rows):
        most = timedelta(minutes=MOST_JUDGEMENTS)
    if until - after > most:
        raise Invalid(
            f"from: {(until - after).days} days are too much for a limit that is judged minute by minute;"
            f" {most.total_seconds() / 86_400:.1f} days are allowed",
            field="from",
        )


def _summed(
    history: History, unit_id: str, timetable: Timetable, after: datetime, until: datetime, excluded: Sequence[Span]
) -> list[Judged]:
    if until - after > LONGEST:
        raise Invalid(f"from: {(until - after).days} days are too much; {LONGEST.days} days are allowed", field="from")
    dues = history.store.in_pool(lambda: list(itertools.islice(timetable.periods(after, until), MOST_JUDGEMENTS + 1)))
    if len(dues) > MOST_JUDGEMENTS:
        raise Invalid(f"from: that is more than {MOST_JUDGEMENTS} periods; ask for less at once", field="from")
    if not dues:
        return []
    found = _levels_judged(history, unit_id, timetable, dues, excluded)
    touched = [at for at, due in enumerate(dues) if _touches(excluded, Span(due.starts_at, due.ends_at))]
    heard: dict[int, Judgement] = {}
    if touched:
        heard = dict(
            zip(touched, _levels_judged(history, unit_id, timetable, [dues[at] for at in touched], ()), strict=True)
        )
    return [Judged(each, heard.get(at)) for at, each in enumerate(found)]


def _levels_judged(
    history: History, unit_id: str, timetable: Timetable, dues: Sequence[Due], excluded: Sequence[Span]
) -> list[Judgement]:
    limit = timetable.limit
    spans = [Span(due.starts_at, due.ends_at) for due in dues]
    levels = history.levels(unit_id, spans, excluded=excluded, with_counts=limit.quantity == "ln")
    return [judged(limit, due.hours.row, each, timetable.zone) for due, each in zip(dues, levels, strict=True)]


def _touches(excluded: Sequence[Span], span: Span) -> bool:
    return any(each.overlap_s(span.starts_at, span.ends_at) > 0 for each in excluded)
