"""The level between two readings of a running measurement, from how far its exposure level grew; pure.

LE only ever adds up, so the energy between two readings of it is their difference, whatever happened between them. What
spoils it is the 0.1 dB it is told in: the longer the measurement has run, the less of a minute is left in it (R31).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from slmm.acoustics.energy import energy

HALF_STEP_DB = 0.05
"""LE is told in steps of 0.1 dB."""
MOST_ROUNDING_DB = 1.0
"""A difference that rounding moves by this much or more says nothing (R31)."""


@dataclass(frozen=True, slots=True)
class Growth:
    """The LAeq between two readings, and where it may truly lie."""

    level_db: float
    least_db: float
    most_db: float

    @property
    def is_sharp(self) -> bool:
        """Whether rounding moves the level by less than 1 dB either way."""
        return self.most_db - self.level_db < MOST_ROUNDING_DB and self.level_db - self.least_db < MOST_ROUNDING_DB


def growth(first_db: float, last_db: float, span_s: float) -> Growth | None:
    """The level of the *span_s* in which LE grew from *first_db* to *last_db*; None when it shows no growth.

    10 lg((10^(LE₂/10) − 10^(LE₁/10)) / T). ``least_db`` is −∞ where rounding alone could have made the difference.
    """
    grown = energy(last_db) - energy(first_db)
    if grown <= 0 or span_s <= 0:
        return None
    most = energy(last_db + HALF_STEP_DB) - energy(first_db - HALF_STEP_DB)
    least = energy(last_db - HALF_STEP_DB) - energy(first_db + HALF_STEP_DB)
    return Growth(
        level_db=10.0 * math.log10(grown / span_s),
        least_db=10.0 * math.log10(least / span_s) if least > 0 else -math.inf,
        most_db=10.0 * math.log10(most / span_s),
    )
