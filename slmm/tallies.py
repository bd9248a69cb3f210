"""Counting for operators: plain numbers that cost next to nothing to raise, and are only read when somebody asks.

Everything here is raised on the hub alone, so nothing is locked.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import accumulate

INFINITE = "+Inf"


class Histogram:
    """How many values were at most so large, and their sum."""

    __slots__ = ("bounds", "counts", "total")

    def __init__(self, bounds: Sequence[float]) -> None:
        self.bounds = tuple(bounds)
        self.counts = [0] * (len(self.bounds) + 1)
        self.total = 0.0

    def take(self, value: float) -> None:
        """One value more."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.total += value

    def buckets(self) -> list[tuple[str, float]]:
        """Upper bound, and how many values did not exceed it; the last bound is infinite."""
        names = [*(f"{bound:g}" for bound in self.bounds), INFINITE]
        return list(zip(names, (float(count) for count in accumulate(self.counts)), strict=True))


class Histograms:
    """One histogram for each value of a label, made when it is first seen."""

    __slots__ = ("_bounds", "_found")

    def __init__(self, bounds: Sequence[float]) -> None:
        self._bounds = tuple(bounds)
        self._found: dict[str, Histogram] = {}

    def take(self, label: str, value: float) -> None:
        """One value more under a label."""
        found = self._found.get(label)
        if found is None:
            found = self._found[label] = Histogram(self._bounds)
        found.take(value)

    def __iter__(self) -> Iterator[tuple[str, Histogram]]:
        """Every label with its histogram, in order of the labels."""
        return iter(sorted(self._found.items()))


class Refusals:
    """How often which limit was reached; one object for each application."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()

    def note(self, limit: str) -> None:
        """Somebody was refused because of *limit*."""
        self.counts[limit] += 1
