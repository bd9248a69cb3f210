"""Verdicts and the sentences that say them, with the value, the limit, the time and the coverage; pure."""

from __future__ import annotations

import math
from datetime import datetime
from enum import StrEnum
from zoneinfo import ZoneInfo

from slmm.acoustics.intervals import PeriodLevels
from slmm.acoustics.quality import Bound
from slmm.limits.document import Limit
from slmm.limits.rows import Row


class Verdict(StrEnum):
    """What became of a period."""

    OK = "ok"
    AMBER = "amber"
    """Close to the limit, but not beyond it."""
    RED = "red"
    NOT_JUDGED = "not_judged"
    """A level is there, but of too little of the time."""
    NO_DATA = "no_data"
    NOT_PROVEN = "not_proven"
    """The level is only a bound, and the truth may lie on either side of the limit."""


def clock_span(starts_at: datetime, ends_at: datetime, zone: str) -> str:
    """14:05–14:20 in local time."""
    place = ZoneInfo(zone)
    return f"{starts_at.astimezone(place):%H:%M}–{ends_at.astimezone(place):%H:%M}"


def percent(ratio: float) -> str:
    """Never more than there is: 74.96 % are 74.9 %."""
    return f"{math.floor(ratio * 1000 + 1e-6) / 10:g} %"


def _decibels(limit: Limit, level_db: float) -> str:
    """As many digits as are compared; a limit of 62.5 keeps its half."""
    return f"{level_db:.0f}" if limit.round_to_db == 1.0 and level_db == round(level_db) else f"{level_db:.1f}"


def sentence(
    limit: Limit,
    row: Row,
    levels: PeriodLevels,
    verdict: Verdict,
    shown_db: float | None,
    bound: Bound,
    zone: str,
    has_ended: bool,
) -> str:
    """Such as: exceeded 72.1 > 70.0 dB LAeq,15min, 14:05–14:20, coverage 100 %."""
    where = f"{limit.label(row)}, {clock_span(levels.starts_at, levels.ends_at, zone)}"
    if not has_ended:
        where += " so far"
    tail = f"dB {where}, coverage {percent(levels.coverage)}"
    if shown_db is None:
        return f"no data for {where}"
    value, red = _decibels(limit, shown_db), _decibels(limit, row.red_db)
    beyond, within = (">", "≤") if limit.comparator == ">" else ("≥", "<")
    match verdict:
        case Verdict.RED:
            return f"exceeded {'at least ' if bound is Bound.LOWER else ''}{value} {beyond} {red} {tail}"
        case Verdict.NOT_JUDGED:
            lost = "at least " if bound is Bound.LOWER else ""
            return f"not judged: {lost}{value} {tail} of at least {percent(limit.least_coverage)}"
        case Verdict.NOT_PROVEN:
            lost = "at least" if bound is Bound.LOWER else "at most"
            reason = "over-range" if bound is Bound.LOWER else "under-range"
            return f"not proven: {lost} {value} against {red} {tail}, {reason}"
        case Verdict.AMBER:
            amber_db = limit.amber_of(row)
            assert amber_db is not None
            return f"close: {value} {within} {red} (amber {beyond} {_decibels(limit, amber_db)}) {tail}"
    return f"kept {'at most ' if bound is Bound.UPPER else ''}{value} {within} {red} {tail}"
