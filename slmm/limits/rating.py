"""The time correction of a rating level: how long there was work, and how loud it was (AVV Baulärm 6.7.1); pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from slmm.acoustics.energy import energy, level
from slmm.acoustics.intervals import Interval
from slmm.acoustics.quality import LEFT_OUT
from slmm.limits.rows import TimeCorrection

HOUR_S = 3600.0


@dataclass(frozen=True, slots=True)
class Work:
    """The part of a period at or above a level."""

    energy_s: float = 0.0
    """Sum over that part of t·10^(L/10), in s."""
    valid_s: float = 0.0

    @classmethod
    def of(cls, pieces: Iterable[Interval], active_above_db: float) -> Work:
        """The pieces that count as work; what is left out of means is left out here."""
        energy_s = valid_s = 0.0
        for piece in pieces:
            laeq = piece.laeq
            if laeq is not None and laeq >= active_above_db and not piece.flags & LEFT_OUT:
                energy_s += piece.energy_s
                valid_s += piece.valid_s
        return cls(energy_s, valid_s)

    def __add__(self, other: Work) -> Work:
        return Work(self.energy_s + other.energy_s, self.valid_s + other.valid_s)

    def rate(self, correction: TimeCorrection, whole_db: float) -> tuple[float, float]:
        """The level of the work and what is added for its hours, in dB.

        Without any work it is the level of the whole time, which nothing is taken off: it was not the machines'.
        """
        mean_db = level(self.energy_s / self.valid_s) if self.valid_s else None
        if mean_db is None:
            return whole_db, 0.0
        used_h = self.valid_s / HOUR_S if correction.used_h is None else correction.used_h
        for step in correction.steps:
            if used_h <= step.up_to_h:
                return mean_db, step.db
        return mean_db, 0.0

    def least(self, correction: TimeCorrection, rest_s: float) -> float | None:
        """What *rate* cannot fall below, whatever the rest of the period brings; None without any work so far.

        More work can only lengthen the hours, and lower the mean no further than work at the quietest that counts.
        """
        if not self.valid_s:
            return None
        quietest = Work(energy(correction.active_above_db) * rest_s, rest_s)
        means = (level(work.energy_s / work.valid_s) for work in (self, self + quietest))
        least_db = min(mean_db for mean_db in means if mean_db is not None)
        return least_db + self.rate(correction, least_db)[1]
