"""Figures that rate a day or an assessment: Lden, Ldn, CNEL, rating levels and Taktmaximal levels; pure, unrounded."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from slmm.acoustics.energy import NOISE_DIGITS, energy, level, mean_level
from slmm.acoustics.periods import CNEL, LDEN, LDN, Scheme
from slmm.errors import Invalid

TAKT_S = 5.0
AVV_SPREAD_DB = 10.0
"""Takt maxima that spread by less may be averaged as they are (AVV Baulärm 6.6)."""


def lden(day: float | None, evening: float | None, night: float | None, scheme: Scheme = LDEN) -> float | None:
    """Day-evening-night level in dB (R6, 2002/49/EC annex I); None when a part that weighs is not known.

    10 lg((12·10^(Ld/10) + 4·10^((Le+5)/10) + 8·10^((Ln+10)/10)) / 24), with the hours of *scheme* for 12, 4 and 8.
    Each part's level is that of its real duration; the weights stay on the nights the clocks change (R15). Incident
    sound only: a microphone at the façade measures about 3 dB more.
    """
    penalties_db = (0.0, scheme.evening_penalty_db, scheme.night_penalty_db)
    total = 0.0
    for part, weight_h, penalty_db in zip((day, evening, night), scheme.weights_h, penalties_db, strict=True):
        if weight_h == 0.0:
            continue
        if part is None:
            return None
        total += weight_h * energy(part + penalty_db)
    return level(total / 24.0)


def ldn(day: float | None, night: float | None, scheme: Scheme = LDN) -> float | None:
    """Day-night level in dB (R7): 15 h from 07 to 22, and 9 h with 10 dB on top; None when a part is not known."""
    return lden(day, None, night, scheme)


def cnel(day: float | None, evening: float | None, night: float | None) -> float | None:
    """Community noise equivalent level in dB (R7): 12 h, 3 h from 19 to 22 with 5 dB, 9 h with 10 dB on top."""
    return lden(day, evening, night, CNEL)


@dataclass(frozen=True, slots=True)
class Adjustments:
    """What a rating adds to a level, in dB, by name (R8, ISO 1996-2)."""

    k_i: float = 0.0
    """Impulses."""
    k_t: float = 0.0
    """Tones and information."""
    k_r: float = 0.0
    """The time of day or the week."""
    k_s: float = 0.0
    """Certain sources and situations."""

    @property
    def total_db(self) -> float:
        """All of them."""
        return self.k_i + self.k_t + self.k_r + self.k_s


def rating_level(laeq: float | None, adjustments: Adjustments) -> float | None:
    """Lr = LAeq + K_I + K_T + K_R + K_S in dB; None when the level is not known."""
    return None if laeq is None else laeq + adjustments.total_db


def takt_maxima(offsets_s: npt.ArrayLike, levels_db: npt.ArrayLike, takt_s: float = TAKT_S) -> npt.NDArray[np.float64]:
    """The highest level (LAF) of each takt, in dB, by time; a takt without a known level is left out.

    *offsets_s* count from the begin of the first takt, and a sample belongs to the takt it lies in.
    Raises Invalid for lists of unlike length and for a takt without length.
    """
    offsets, levels = np.asarray(offsets_s, dtype=np.float64), np.asarray(levels_db, dtype=np.float64)
    if offsets.shape != levels.shape:
        raise Invalid(f"offsets_s: {offsets.size} for {levels.size} levels; each has its own", "offsets_s")
    if not takt_s > 0:
        raise Invalid(f"takt_s: {takt_s:g} s is not a length of time; more than 0 s is allowed", "takt_s")
    is_known = np.isfinite(levels) & np.isfinite(offsets)
    levels = levels[is_known]
    takts, places = np.unique(np.floor(offsets[is_known] / takt_s), return_inverse=True)
    maxima = np.full(takts.size, -np.inf)
    np.maximum.at(maxima, places, levels)
    return maxima


def ltm5(maxima_db: npt.ArrayLike) -> float | None:
    """The Taktmaximal level: energy mean of the highest LAF of each takt of 5 s (R9); None without any."""
    return mean_level(maxima_db)


class Mean(StrEnum):
    """How levels were averaged."""

    ENERGY = "energy"
    ARITHMETIC = "arithmetic"


@dataclass(frozen=True, slots=True)
class Wirkpegel:
    """The effective level of the AVV Baulärm, unrounded; it is told in whole dB."""

    level_db: float
    mean: Mean


def wirkpegel(maxima_db: npt.ArrayLike, *, prefers_arithmetic: bool = True) -> Wirkpegel | None:
    """From the takt maxima (AVV Baulärm 6.5–6.6): the arithmetic mean is allowed only while they spread < 10 dB.

    None without any known maximum.
    """
    maxima = np.asarray(maxima_db, dtype=np.float64).ravel()
    maxima = maxima[np.isfinite(maxima)]
    mean = mean_level(maxima)
    if mean is None:
        return None
    spread_db = round(float(maxima.max() - maxima.min()), NOISE_DIGITS)
    if prefers_arithmetic and spread_db < AVV_SPREAD_DB:
        return Wirkpegel(float(maxima.mean()), Mean.ARITHMETIC)
    return Wirkpegel(mean, Mean.ENERGY)
