"""What a limit over a period still allows: used, level for the rest, time until it is gone, forecasts; pure (R18–R23).

Everything is counted as energy, so the used part never falls. This is not the hearing dose of IEC 61252.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from slmm.acoustics.energy import energy, level, rounded_down
from slmm.acoustics.intervals import Interval, PeriodLevels, Span, combine
from slmm.errors import Invalid

RECENT_S = 900.0
"""What was missed, and a ceiling forecast, are taken at the mean of the last 15 minutes (R21, R22)."""
_TOLERANCE = 1e-12


@dataclass(frozen=True, slots=True)
class Heard:
    """What is known of a period so far."""

    energy_s: float
    """Sum over the measured time of t·10^(L/10), in s."""
    measured_s: float
    elapsed_s: float
    """Since the period began, measured or not."""
    recent_db: float | None = None
    """Mean of the last 15 minutes; what was missed is taken to have been like this."""
    now_db: float | None = None
    """The present level, for the time until nothing is left; else the recent one."""
    residual_db: float | None = None
    """The usual level without the work, for the floor."""

    def __post_init__(self) -> None:
        for name, value in (
            ("energy_s", self.energy_s),
            ("measured_s", self.measured_s),
            ("elapsed_s", self.elapsed_s),
        ):
            if not value >= 0:
                raise Invalid(f"{name}: {value} is not allowed; 0 or more is", name)

    @property
    def missing_s(self) -> float:
        """Time of the period that has passed without being measured."""
        return max(0.0, self.elapsed_s - self.measured_s)


@dataclass(frozen=True, slots=True)
class Allowance:
    """What is used and what is left; None is not known."""

    limit_db: float
    used_ratio: float
    """Part of the period's energy that was measured, 1 being all of it; at least this is used."""
    used_at_most: float | None
    """The same with what was missed at the recent mean (R22); None when something was missed and that is not known."""
    rest_s: float
    """What is left of the period."""
    rest_level_db: float | None
    """The level that may be kept up for the rest, rounded down to 0.1 dB (R19), what was missed counted as used; None
    when nothing can be promised: the period is over, what was missed is not known, or the limit is lost or may be."""
    is_lost: bool
    """Exceeded whatever happens now: what was measured alone uses everything."""
    exhausted_in_s: float | None
    """Until nothing is left at the present level (R20), what was missed counted as used; more than *rest_s* when it
    lasts, 0 when it is lost."""
    floor_db: float | None
    """LAeq of the whole period if the rest (and what was missed) is the usual residual (R21)."""
    ceiling_db: float | None
    """LAeq of the whole period if the rest (and what was missed) is like the last 15 minutes (R21)."""


def allowance(limit_db: float, period_s: float, heard: Heard) -> Allowance:
    """The allowance of a limit for the LAeq of *period_s* (R18–R23); raises Invalid for a period without length."""
    if not period_s > 0:
        raise Invalid(f"period_s: {period_s:g} s is not a length of time; more than 0 s is allowed", "period_s")
    budget_s = period_s * energy(limit_db)
    rest_s = max(0.0, period_s - heard.elapsed_s)
    left_s = budget_s - heard.energy_s
    is_used_up = left_s <= budget_s * _TOLERANCE
    is_lost = is_used_up if rest_s > 0 else left_s < -budget_s * _TOLERANCE  # on the limit at the end is not above it
    used_at_most_s = _used_at_most(heard)
    return Allowance(
        limit_db=limit_db,
        used_ratio=heard.energy_s / budget_s,
        used_at_most=None if used_at_most_s is None else used_at_most_s / budget_s,
        rest_s=rest_s,
        rest_level_db=_rest_level(budget_s, used_at_most_s, rest_s),
        is_lost=is_lost,
        exhausted_in_s=0.0 if is_used_up else _exhausted_in(heard, budget_s, used_at_most_s),
        floor_db=_forecast(heard, heard.residual_db, rest_s, period_s),
        ceiling_db=_forecast(heard, heard.recent_db, rest_s, period_s),
    )


def _used_at_most(heard: Heard) -> float | None:
    if heard.missing_s == 0:
        return heard.energy_s
    return None if heard.recent_db is None else heard.energy_s + heard.missing_s * energy(heard.recent_db)


def _rest_level(budget_s: float, used_s: float | None, rest_s: float) -> float | None:
    if used_s is None or rest_s <= 0 or budget_s - used_s <= budget_s * _TOLERANCE:
        return None
    highest = level((budget_s - used_s) / rest_s)
    return None if highest is None else rounded_down(highest)


def _exhausted_in(heard: Heard, budget_s: float, used_s: float | None) -> float | None:
    now_db = heard.recent_db if heard.now_db is None else heard.now_db
    return None if used_s is None or now_db is None else max(0.0, budget_s - used_s) / energy(now_db)


def _forecast(heard: Heard, rest_db: float | None, rest_s: float, period_s: float) -> float | None:
    if rest_db is None:
        return None
    return level((heard.energy_s + (heard.missing_s + rest_s) * energy(rest_db)) / period_s)


def heard_of(levels: PeriodLevels, recent_db: float | None = None, residual_db: float | None = None) -> Heard:
    """From the levels of a period so far; over-range time counts with what the meter still showed: at least that."""
    return Heard(
        energy_s=levels.energy_s + levels.over_energy_s,
        measured_s=levels.valid_s + levels.over_s,
        elapsed_s=levels.expected_s,
        recent_db=recent_db,
        residual_db=residual_db,
    )


def allowance_of(
    limit_db: float,
    period: Span,
    intervals: Sequence[Interval],
    now: datetime,
    *,
    excluded: Sequence[Span] = (),
    residual_db: float | None = None,
) -> Allowance:
    """The same from stored pieces of time; *now* within the period, or after it.

    The recent mean is that of the 15 minutes to the last known one before *now*, in the period or before it.
    """
    until = min(now, period.ends_at)
    if until <= period.starts_at:
        return allowance(limit_db, period.duration_s, Heard(0.0, 0.0, 0.0, residual_db=residual_db))
    so_far = combine(intervals, period.starts_at, until, excluded)
    last = max((piece.ends_at for piece in intervals if piece.valid_s and piece.ends_at <= until), default=until)
    recent = combine(intervals, last - timedelta(seconds=RECENT_S), last, excluded)
    return allowance(limit_db, period.duration_s, heard_of(so_far, recent.laeq, residual_db))
