"""Whether two readings belong to one measurement: a run's figures only ever go one way (pure)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from slmm.acoustics.energy import energy
from slmm.events import Levels

ROUNDING_DB = 0.05
LONG_GAP_S = 600.0
"""After so long without a reading another run may have grown louder than the one before."""
ELAPSED_TOLERANCE = 0.06
"""Leq and LE are each rounded to 0.1 dB, so two elapsed times compare within 2 · 2.3 %, and a little more."""
ELAPSED_TOLERANCE_S = 3.0


@dataclass(frozen=True, slots=True)
class Figures:
    """What a meter showed of its running measurement, and when."""

    at: datetime
    levels: Levels


def measured_s(levels: Levels) -> float | None:
    """How long a run has measured, pauses left out: LE = Leq + 10 lg(T/1 s), so T = 10^((LE − Leq)/10).

    Good to 2.3 %; None where the meter does not show both.
    """
    if levels.le is None or levels.leq is None:
        return None
    return energy(levels.le - levels.leq)


def has_begun_anew(before: Levels, now: Levels) -> bool:
    """Whether a figure went where it never goes within one run: LE or Lmax down, Lmin up (R30)."""
    return _is_above(before.le, now.le) or _is_above(before.lmax, now.lmax) or _is_above(now.lmin, before.lmin)


def may_continue(before: Figures, now: Figures) -> bool:
    """Whether *now* can be a later moment of the run that *before* shows.

    After a long gap the run must also be as old as it would have to be, or older than the gap (it was paused).
    """
    if has_begun_anew(before.levels, now.levels):
        return False
    gap_s = (now.at - before.at).total_seconds()
    age_s = measured_s(now.levels)
    if gap_s < LONG_GAP_S or age_s is None:
        return True
    return age_s * (1 - ELAPSED_TOLERANCE) > gap_s or is_as_old_as_expected(before, now)


def is_as_old_as_expected(before: Figures, now: Figures) -> bool:
    """Whether the run has gone on without a pause, by its elapsed time; False where that is not known."""
    age_s, age_before_s = measured_s(now.levels), measured_s(before.levels)
    if age_s is None or age_before_s is None:
        return False
    expected_s = age_before_s + (now.at - before.at).total_seconds()
    return abs(age_s - expected_s) <= expected_s * ELAPSED_TOLERANCE + ELAPSED_TOLERANCE_S


def _is_above(higher: float | None, lower: float | None) -> bool:
    return higher is not None and lower is not None and higher > lower + ROUNDING_DB
