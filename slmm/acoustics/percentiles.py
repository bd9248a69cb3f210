"""Levels exceeded for a part of the time (LN), from counts in classes of 0.1 dB that can be added; pure.

The LN of a long time cannot be had from the LN of its parts (R4), but the counts of the parts add up to the
counts of the whole. Convention: LN is the highest class such that at least N % of the samples lie in it or above.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from slmm.errors import Invalid

CLASS_DB = 0.1
CLASSES_PER_DB = 10
_TOLERANCE = 1e-9
"""In classes and in shares of the count: below it lies the arithmetic of floats."""
_MOST = np.iinfo(np.int16).max


@dataclass(frozen=True, slots=True, eq=False)
class Histogram:
    """How many samples lie in each class of 0.1 dB; made once, then added, never changed."""

    classes: npt.NDArray[np.int16]
    """Tenths of dB, ascending, one for each class that has any sample: 653 is 65.3 dB."""
    counts: npt.NDArray[np.int64]
    """Samples in each of the classes, at least 1."""

    EMPTY: ClassVar[Histogram]

    def __post_init__(self) -> None:
        classes = np.array(self.classes, dtype=np.int16)
        counts = np.array(self.counts, dtype=np.int64)
        if classes.ndim != 1 or classes.shape != counts.shape:
            raise Invalid(f"counts: {counts.size} counts for {classes.size} classes; one for each", "counts")
        if (classes[1:] <= classes[:-1]).any():
            raise Invalid("classes: not ascending; tenths of dB from low to high, each once", "classes")
        if (counts < 1).any():
            raise Invalid(f"counts: {counts.min()} in a class; 1 or more are allowed", "counts")
        classes.flags.writeable = counts.flags.writeable = False
        object.__setattr__(self, "classes", classes)
        object.__setattr__(self, "counts", counts)

    @classmethod
    def of(cls, levels_db: npt.ArrayLike) -> Histogram:
        """The histogram of single levels, each in the class nearest (half up); NaN, None and ±∞ are left out."""
        levels = np.asarray(levels_db, dtype=np.float64).ravel()
        tenths = np.floor(levels[np.isfinite(levels)] * CLASSES_PER_DB + 0.5 + _TOLERANCE)
        if tenths.size == 0:
            return cls.EMPTY
        if np.abs(tenths).max() > _MOST:
            raise Invalid(f"levels_db: beyond ±{_MOST / CLASSES_PER_DB} dB, which is no level", "levels_db")
        classes, counts = np.unique(tenths.astype(np.int16), return_counts=True)
        return cls(classes, counts)

    @classmethod
    def empty(cls) -> Histogram:
        """Without any sample."""
        return cls.EMPTY

    @staticmethod
    def total(histograms: Iterable[Histogram]) -> Histogram:
        """The sum of any number of them."""
        parts = [part for part in histograms if part.classes.size]
        if not parts:
            return Histogram.EMPTY
        if len(parts) == 1:
            return parts[0]
        classes = np.concatenate([part.classes for part in parts]).astype(np.int64)
        lowest = int(classes.min())
        sums = np.zeros(int(classes.max()) - lowest + 1, dtype=np.int64)
        np.add.at(sums, classes - lowest, np.concatenate([part.counts for part in parts]))
        found = np.flatnonzero(sums)
        return Histogram((found + lowest).astype(np.int16), sums[found])

    def __add__(self, other: Histogram) -> Histogram:
        return Histogram.total((self, other))

    def scaled(self, share: float) -> Histogram:
        """A part of every count, rounded half up; for a part of the time that cannot be told from the rest."""
        counts = np.floor(self.counts * share + 0.5).astype(np.int64)
        return Histogram(self.classes[counts > 0], counts[counts > 0])

    @property
    def count(self) -> int:
        """All samples."""
        return int(self.counts.sum())

    def ln(self, percent: float) -> float | None:
        """The level that is exceeded for *percent* of the time, in dB (R3); None without samples.

        The highest class such that at least that part of the samples lies in it or above, so that L1 ≥ L5 ≥ … ≥ L99
        always. Raises Invalid for a percentage outside 0 to 100.
        """
        if not 0 <= percent <= 100:
            raise Invalid(f"percent: {percent:g} is not a part of the time; 0 to 100 are allowed", "percent")
        if not self.classes.size:
            return None
        at_or_above = np.cumsum(self.counts[::-1])
        needed = (percent / 100.0 - _TOLERANCE) * float(at_or_above[-1])
        return int(self.classes[::-1][np.searchsorted(at_or_above, needed)]) / CLASSES_PER_DB

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Histogram):
            return NotImplemented
        return np.array_equal(self.classes, other.classes) and np.array_equal(self.counts, other.counts)

    def __hash__(self) -> int:
        return hash((self.classes.tobytes(), self.counts.tobytes()))


Histogram.EMPTY = Histogram(np.empty(0, dtype=np.int16), np.empty(0, dtype=np.int64))
