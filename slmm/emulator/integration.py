"""What a sound level meter makes of samples: time weighting, Leq, LE, extremes and percentiles.

Pure; everything is computed from the 100 ms samples, nothing is invented.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from slmm.emulator.sound import SAMPLE_S

TIME_CONSTANTS_S = {"F": 0.125, "S": 1.0, "I": 0.035}
CLASS_DB = 0.1
LOWEST_DB = -50.0
_CLASSES = 2500


class TimeWeighting:
    """Exponential averaging of energy (IEC 61672-1): F 125 ms, S 1 s."""

    def __init__(self, letter: str = "F") -> None:
        self.energy = 0.0
        self.set(letter)

    def set(self, letter: str) -> None:
        """Change the time constant."""
        self._keep = math.exp(-SAMPLE_S / TIME_CONSTANTS_S[letter])

    def add(self, leq_db: float) -> float:
        """The weighted level after one more sample, in dB."""
        sample = 10.0 ** (leq_db / 10.0)
        if self.energy == 0.0:
            self.energy = sample
        self.energy = sample + (self.energy - sample) * self._keep
        return 10.0 * math.log10(self.energy)


@dataclass(slots=True)
class Measurement:
    """The running figures of one measurement."""

    samples: int = 0
    energy: float = 0.0
    lmax_db: float = -math.inf
    lmin_db: float = math.inf
    lpeak_db: float = -math.inf
    classes: list[int] = field(default_factory=lambda: [0] * _CLASSES)

    @property
    def duration_s(self) -> float:
        """Time integrated."""
        return self.samples * SAMPLE_S

    def add(self, leq_db: float, lp_db: float, lpeak_db: float) -> None:
        """Integrate 100 ms: its Leq, its time-weighted level and its peak."""
        self.samples += 1
        self.energy += 10.0 ** (leq_db / 10.0)
        self.lmax_db = max(self.lmax_db, lp_db)
        self.lmin_db = min(self.lmin_db, lp_db)
        self.lpeak_db = max(self.lpeak_db, lpeak_db)
        self.classes[int((lp_db - LOWEST_DB) / CLASS_DB + 0.5)] += 1

    @property
    def leq_db(self) -> float:
        """Energy mean over the time integrated."""
        return 10.0 * math.log10(self.energy / self.samples)

    @property
    def le_db(self) -> float:
        """Exposure level: Leq + 10 lg(T / 1 s)."""
        return self.leq_db + 10.0 * math.log10(self.duration_s)

    def percentiles_db(self, percents: list[float]) -> list[float]:
        """LN for each N, ascending: the highest class such that at least N % of the time lies in it or above."""
        found: list[float] = []
        above, index = 0, int((self.lmax_db - LOWEST_DB) / CLASS_DB + 0.5)
        for percent in percents:
            needed = percent / 100.0 * self.samples
            while above + self.classes[index] < needed and index > 0:
                above += self.classes[index]
                index -= 1
            found.append(LOWEST_DB + index * CLASS_DB)
        return found
