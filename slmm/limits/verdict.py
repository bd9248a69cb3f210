"""The levels of one period held against a limit: rated, rounded once, compared, and said in a sentence; pure.

The order of the questions matters: is anything known, is enough known (R25), is it above (R11), and is the
value a bound (R26). A breach with over-range is still a breach, keeping the limit with over-range is not proven.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from slmm.acoustics.energy import energy, rounded
from slmm.acoustics.intervals import PeriodLevels, Span
from slmm.acoustics.quality import Bound, Flag, is_judged
from slmm.limits.document import Limit
from slmm.limits.rating import Work
from slmm.limits.rows import Row
from slmm.limits.words import Verdict, sentence

MAXIMA = ("lmax", "lpeak")


@dataclass(frozen=True, slots=True)
class Judgement:
    """One period and what a limit says of it."""

    starts_at: datetime
    ends_at: datetime
    """What the levels are of; of a noisiest stretch, its own."""
    label: str
    """The quantity with its period, such as LAeq,15min."""
    level_db: float | None
    """Unrounded, corrections and all; None when nothing is known."""
    shown_db: float | None
    """The same, rounded once: what was compared."""
    told_db: float | None
    """What is spoken of: *shown_db*, or of a breach with over-range what it is at least."""
    limit_db: float
    amber_db: float | None
    verdict: Verdict
    coverage: float
    """Known part of the period, 0 to 1."""
    bound: Bound
    margin_db: float | None
    """From what is shown up to the limit; below 0 beyond it."""
    used_ratio: float | None
    """Energy measured as a part of what the limit allows for the whole period; of levels that are means (R18)."""
    uncertainty_db: float | None
    """Expanded (k = 2), of what was estimated from polled readings; None where everything was integrated."""
    flags: Flag
    row: str | None
    """The name of the row."""
    calls_for_action: bool
    """Beyond the limit by more than what it lets pass without measures."""
    noisiest: Span | None
    """Where the noisiest stretch lies, where one was found."""
    why: str
    """The verdict as a sentence."""


@dataclass(frozen=True, slots=True)
class Rated:
    """A level as the limit wants it, in dB, unrounded."""

    level_db: float | None
    at_least_db: float | None
    """What the truth is at least, with what was lost to over-range."""
    bound: Bound


def rated(limit: Limit, row: Row, levels: PeriodLevels, work: Work | None = None) -> Rated:
    """The limited quantity of a period with all corrections; *work* is what a time correction counts."""
    adjustment_db = limit.adjustment_of(row)
    base_db, least_db, bound = _base(limit, levels)
    if row.time_correction and base_db is not None and work is not None:
        base_db, added_db = work.rate(row.time_correction, base_db)
        adjustment_db += added_db
        least_db = base_db if least_db is None else max(base_db, least_db)
    if base_db is None:
        return Rated(None, None if least_db is None else least_db + adjustment_db, bound)
    return Rated(base_db + adjustment_db, (base_db if least_db is None else least_db) + adjustment_db, bound)


def _base(limit: Limit, levels: PeriodLevels) -> tuple[float | None, float | None, Bound]:
    match limit.quantity:
        case "ln":
            assert limit.percent is not None
            level_db = levels.ln(limit.percent)
            return level_db, level_db, Bound.of(levels.flags)
        case "lmax":
            return levels.lmax, levels.lmax, _of_maximum(levels.flags)
        case "lpeak":
            return levels.lpeak, levels.lpeak, _of_maximum(levels.flags)
    return levels.laeq, levels.laeq_at_least, levels.bound


def _of_maximum(flags: Flag) -> Bound:
    """Under-range is the quiet's, and says nothing of the loudest moment."""
    return Bound.LOWER if flags & Flag.OVER else Bound.NONE


def exceeds(limit: Limit, shown_db: float, limit_db: float) -> bool:
    """Whether a rounded level is beyond a limit, by the limit's comparator."""
    return shown_db >= limit_db if limit.comparator == ">=" else shown_db > limit_db


def shown(limit: Limit, level_db: float) -> float:
    """Rounded once, half up, to what the limit says."""
    return rounded(level_db, 0 if limit.round_to_db == 1.0 else 1)


def judged(
    limit: Limit,
    row: Row,
    levels: PeriodLevels,
    zone: str,
    *,
    work: Work | None = None,
    noisiest: Span | None = None,
    has_ended: bool = True,
) -> Judgement:
    """The verdict on the levels of one period; one that has not ended is judged as if it ended now."""
    found = rated(limit, row, levels, work)
    shown_db = None if found.level_db is None else shown(limit, found.level_db)
    least_db = None if found.at_least_db is None else shown(limit, found.at_least_db)
    verdict = _verdict(limit, row, levels, shown_db, least_db, found.bound)
    told_db = _told(verdict, found.bound, shown_db, least_db)
    red_db = row.red_db
    acts_at_db = red_db + (limit.action_above_db or 0.0)
    calls = verdict is Verdict.RED and told_db is not None and exceeds(limit, told_db, acts_at_db)
    return Judgement(
        starts_at=levels.starts_at,
        ends_at=levels.ends_at,
        label=limit.label(row),
        level_db=found.level_db,
        shown_db=shown_db,
        told_db=told_db,
        limit_db=red_db,
        amber_db=limit.amber_of(row),
        verdict=verdict,
        coverage=levels.coverage,
        bound=found.bound,
        margin_db=None if shown_db is None else round(red_db - shown_db, 6),
        used_ratio=_used(limit, row, levels),
        uncertainty_db=levels.uncertainty_db if limit.quantity in ("laeq", "lr") else None,
        flags=levels.flags,
        row=row.name,
        calls_for_action=calls,
        noisiest=noisiest,
        why=sentence(limit, row, levels, verdict, told_db, found.bound, zone, has_ended),
    )


def _told(verdict: Verdict, bound: Bound, shown_db: float | None, least_db: float | None) -> float | None:
    """The level that is spoken of: of a breach with over-range, and of nothing but over-range, what it is at least."""
    is_least = shown_db is None or (verdict is Verdict.RED and bound is Bound.LOWER)
    if not is_least or least_db is None:
        return shown_db
    return least_db if shown_db is None else max(shown_db, least_db)


def _used(limit: Limit, row: Row, levels: PeriodLevels) -> float | None:
    if limit.quantity not in ("laeq", "lr") or row.time_correction or not levels.valid_s:
        return None
    return levels.energy_s * energy(limit.adjustment_of(row) - row.red_db) / levels.expected_s


def _verdict(
    limit: Limit, row: Row, levels: PeriodLevels, shown_db: float | None, least_db: float | None, bound: Bound
) -> Verdict:
    if shown_db is None and least_db is None:
        return Verdict.NO_DATA
    is_beyond = shown_db is not None and exceeds(limit, shown_db, row.red_db)
    is_at_least_beyond = least_db is not None and exceeds(limit, least_db, row.red_db)
    if shown_db is None or not is_judged(levels.coverage, limit.least_coverage):
        # what was seen of a maximum, was seen
        is_seen = limit.quantity in MAXIMA or _is_over_range_the_reason(limit, levels)
        return Verdict.RED if is_at_least_beyond and is_seen else Verdict.NOT_JUDGED
    if bound is Bound.LOWER:
        return Verdict.RED if is_beyond or is_at_least_beyond else Verdict.NOT_PROVEN
    if is_beyond:
        return Verdict.NOT_PROVEN if bound is Bound.UPPER else Verdict.RED
    amber_db = limit.amber_of(row)
    return Verdict.AMBER if amber_db is not None and exceeds(limit, shown_db, amber_db) else Verdict.OK


def _is_over_range_the_reason(limit: Limit, levels: PeriodLevels) -> bool:
    """Whether over-range alone took so much of the time that too little is known.

    Then a breach is one (R26), for loudness must not hide itself. A few such minutes in a hole that has other
    reasons are left alone (R25): they may be a knock at the microphone.
    """
    known = min(1.0, (levels.valid_s + levels.over_s) / levels.expected_s)
    return levels.over_s / levels.expected_s >= 1.0 - limit.least_coverage and is_judged(known, limit.least_coverage)
