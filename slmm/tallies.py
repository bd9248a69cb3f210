"""Counting for operators: plain numbers that cost next to nothing to raise, and are only read when somebody asks.

Everything here is raised on the hub alone, so nothing is locked.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Hashable, Iterator, Sequence
from itertools import accumulate
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)

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

    def add(self, other: Histogram) -> None:
        """All values of another with the same bounds."""
        self.counts = [mine + theirs for mine, theirs in zip(self.counts, other.counts, strict=True)]
        self.total += other.total

    @property
    def count(self) -> int:
        """How many values there were."""
        return sum(self.counts)

    def buckets(self) -> list[tuple[str, float]]:
        """Upper bound, and how many values did not exceed it; the last bound is infinite."""
        names = [*(f"{bound:g}" for bound in self.bounds), INFINITE]
        return list(zip(names, (float(count) for count in accumulate(self.counts)), strict=True))


class Histograms(Generic[Key]):
    """One histogram for each key, made when it is first seen."""

    __slots__ = ("_bounds", "_found")

    def __init__(self, bounds: Sequence[float]) -> None:
        self._bounds = tuple(bounds)
        self._found: dict[Key, Histogram] = {}

    def take(self, key: Key, value: float) -> None:
        """One value more under a key."""
        found = self._found.get(key)
        if found is None:
            found = self._found[key] = Histogram(self._bounds)
        found.counts[bisect_left(self._bounds, value)] += 1  # written out: this happens with every command
        found.total += value

    def __iter__(self) -> Iterator[tuple[Key, Histogram]]:
        """Every key with its histogram, as they were first seen."""
        return iter(list(self._found.items()))


class Refusals:
    """How often which limit was reached; one object for each application."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()

    def note(self, limit: str) -> None:
        """Somebody was refused because of *limit*."""
        self.counts[limit] += 1
