"""Levels as energies: means over time, exposure levels, the residual taken off, and rounding at the edge; pure.

Whatever is put together is put together as energy and unrounded; `rounded` is for the edge, once (R11).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_DOWN, ROUND_HALF_UP, Decimal
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from slmm.errors import Invalid

LEAST_DIFFERENCE_DB = 3.0
"""Total and residual this close or closer: nothing can be said of the difference (ISO 1996-2)."""
AMPLE_DIFFERENCE_DB = 10.0
"""Total this far above the residual or further: nothing needs to be taken off (ISO 1996-2)."""
NOISE_DIGITS = 9
"""Differences beyond this digit are the floats' and not the sound's: 75.24999999999999 dB is 75.25 dB."""


def energy(level_db: float) -> float:
    """10^(L/10): the energy of a level, relative to that of 0 dB."""
    return float(10.0 ** (level_db / 10.0))


def level(energy_mean: float) -> float | None:
    """10 lg of an energy, in dB; None where there is no energy to take it of (0, below, or not a number)."""
    return 10.0 * math.log10(energy_mean) if energy_mean > 0 else None


def mean_level(levels_db: npt.ArrayLike, durations_s: npt.ArrayLike | None = None) -> float | None:
    """The energy mean in dB, each level for its duration (R1); None when nothing is valid.

    10 lg(Σ tᵢ·10^(Lᵢ/10) / Σ tᵢ), IEC 61672-1. A level that is NaN, None or infinite is not known and is left out with
    its time (R25). Without *durations_s* all levels stand for equal times. Raises Invalid for durations below
    zero and for lists of unlike length.
    """
    levels = np.asarray(levels_db, dtype=np.float64).ravel()
    durations = np.ones_like(levels) if durations_s is None else np.asarray(durations_s, dtype=np.float64).ravel()
    if durations.shape != levels.shape:
        raise Invalid(f"durations_s: {durations.size} for {levels.size} levels; each has its own", "durations_s")
    if (durations < 0).any():
        raise Invalid(f"durations_s: {durations.min():g} s is less than no time; 0 or more is allowed", "durations_s")
    is_known = np.isfinite(levels) & np.isfinite(durations) & (durations > 0)
    if not is_known.any():
        return None
    levels, durations = levels[is_known], durations[is_known]
    highest = float(levels.max())  # taken out, so that no power overflows and a constant level stays what it is
    mean = float(np.sum(durations * 10.0 ** ((levels - highest) / 10.0)) / np.sum(durations))
    return highest + 10.0 * math.log10(mean)


def _known_duration(duration_s: float, field: str) -> float:
    if not (duration_s > 0 and math.isfinite(duration_s)):
        raise Invalid(f"{field}: {duration_s:g} s is not a length of time; more than 0 s is allowed", field)
    return duration_s


def exposure_level(leq_db: float, duration_s: float) -> float:
    """LE of a level that lasts *duration_s* (R2): Leq + 10 lg(T / 1 s). Raises Invalid for T ≤ 0."""
    return leq_db + 10.0 * math.log10(_known_duration(duration_s, "duration_s"))


def leq_of_events(le_db: float, count: float, duration_s: float) -> float:
    """Leq over *duration_s* of *count* equal events of *le_db* each (R2): LE + 10 lg n − 10 lg(T / 1 s).

    Raises Invalid for T ≤ 0 and for fewer than one event, which have no level.
    """
    if not count >= 1:
        raise Invalid(f"count: {count:g} events have no level; 1 or more are allowed", "count")
    return le_db + 10.0 * math.log10(count) - 10.0 * math.log10(_known_duration(duration_s, "duration_s"))


class ResidualVerdict(StrEnum):
    """What taking the residual off has come to."""

    CORRECTED = "corrected"
    NOT_NEEDED = "not_needed"
    """The residual is at least 10 dB lower: the total is the level."""
    NOT_POSSIBLE = "not_possible"
    """The residual is at most 3 dB lower: the total is no more than an upper bound of the level."""


@dataclass(frozen=True, slots=True)
class Residual:
    """A level without the residual sound."""

    level_db: float | None
    """None where the difference is too small; the total then is an upper bound."""
    verdict: ResidualVerdict


def subtract_residual(total_db: float, residual_db: float) -> Residual:
    """The level of a source alone, from that of everything and that of everything else (R10, ISO 1996-2)."""
    difference_db = round(total_db - residual_db, NOISE_DIGITS)
    if not difference_db > LEAST_DIFFERENCE_DB:
        return Residual(None, ResidualVerdict.NOT_POSSIBLE)
    if difference_db >= AMPLE_DIFFERENCE_DB:
        return Residual(float(total_db), ResidualVerdict.NOT_NEEDED)
    remaining = -math.expm1(-difference_db * math.log(10.0) / 10.0)  # 1 − e(residual) / e(total)
    return Residual(total_db + 10.0 * math.log10(remaining), ResidualVerdict.CORRECTED)


def _quantized(level_db: float, digits: int, rounding: str) -> float:
    if not math.isfinite(level_db):
        raise Invalid(f"level_db: {level_db} cannot be rounded; a finite level is allowed", "level_db")
    exact = Decimal(repr(round(float(level_db), NOISE_DIGITS)))
    return float(exact.quantize(Decimal(1).scaleb(-digits), rounding)) + 0.0  # never −0.0


def rounded(level_db: float, digits: int = 1) -> float:
    """To *digits* decimals, half up (75.25 → 75.3, and 2.5 → 3 at 0 digits) in decimal arithmetic (R11).

    Up is towards the louder: −0.05 becomes 0.0. Raises Invalid for what is not finite.
    """
    return _quantized(level_db, digits, ROUND_HALF_UP if level_db >= 0 else ROUND_HALF_DOWN)


def rounded_down(level_db: float, digits: int = 1) -> float:
    """To *digits* decimals, never up: for a level that may just be kept up (R19)."""
    return _quantized(level_db, digits, ROUND_FLOOR)


def rounded_up(level_db: float, digits: int = 1) -> float:
    """To *digits* decimals, never down: for an uncertainty."""
    return _quantized(level_db, digits, ROUND_CEILING)
