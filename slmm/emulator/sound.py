"""A plausible site, 100 ms at a time: traffic, pass-bys and hammering from a seed.

Pure: no clock; whoever asks for the next sample lets 100 ms pass.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass

SAMPLE_S = 0.1


@dataclass(frozen=True, slots=True)
class Scenario:
    """What happens at a site; levels in dB, rates per hour."""

    background_db: float
    wander_db: float
    """Slow rise and fall of the background, standard deviation."""
    passbys_per_h: float = 0.0
    passby_db: float = 0.0
    hammering_per_h: float = 0.0
    hammer_db: float = 0.0


SCENARIOS = {
    "quiet": Scenario(38.0, 1.5, passbys_per_h=6, passby_db=12),
    "traffic": Scenario(56.0, 3.0, passbys_per_h=240, passby_db=14),
    "site": Scenario(54.0, 2.5, passbys_per_h=90, passby_db=12, hammering_per_h=40, hammer_db=84),
}


class Site:
    """The sound at one microphone."""

    def __init__(self, scenario: Scenario, seed: int) -> None:
        self.offset_db = 0.0
        """Added to every level, so that a test or a demo can provoke an excess."""
        self._scenario = scenario
        self._random = random.Random(seed)
        self._wander_db = 0.0
        self._passby_s: float | None = None
        self._passby_half_s = 4.0
        self._hammer_blows = 0
        self._until_blow = 0

    def next_sample(self) -> tuple[float, float]:
        """The A-weighted Leq and the peak level of the next 100 ms, in dB."""
        scenario, rnd = self._scenario, self._random
        self._wander_db += -0.01 * self._wander_db + rnd.gauss(0.0, 0.14) * scenario.wander_db
        level = scenario.background_db + self._wander_db + rnd.gauss(0.0, 0.6)
        energy = 10.0 ** (level / 10.0) + self._passby(scenario, rnd, level)
        crest_db = 14.0 + abs(rnd.gauss(0.0, 1.5))
        if self._hammer_blows or rnd.random() < scenario.hammering_per_h * SAMPLE_S / 3600.0:
            blow = self._hammer(scenario, rnd)
            energy += blow
            crest_db += 12.0 if blow else 0.0
        leq = 10.0 * math.log10(energy) + self.offset_db
        return leq, leq + crest_db

    def _passby(self, scenario: Scenario, rnd: random.Random, level: float) -> float:
        if self._passby_s is None:
            if rnd.random() >= scenario.passbys_per_h * SAMPLE_S / 3600.0:
                return 0.0
            self._passby_half_s = rnd.uniform(1.5, 5.0)
            self._passby_s = -3.0 * self._passby_half_s
        self._passby_s += SAMPLE_S
        # A point source passing at constant speed: 1 / (1 + (t/t0)^2)
        passed = self._passby_s / self._passby_half_s
        if passed > 3.0:
            self._passby_s = None
        energy: float = 10.0 ** ((scenario.background_db + scenario.passby_db) / 10.0)
        return energy / (1.0 + passed * passed * 4.0)

    def _hammer(self, scenario: Scenario, rnd: random.Random) -> float:
        if not self._hammer_blows:
            self._hammer_blows = rnd.randint(5, 40)
            self._until_blow = 0
        if self._until_blow > 0:
            self._until_blow -= 1
            return 0.0
        self._hammer_blows -= 1
        self._until_blow = rnd.randint(4, 9)
        return float(10.0 ** ((scenario.hammer_db + rnd.gauss(0.0, 2.0)) / 10.0))
