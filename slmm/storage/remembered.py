"""What was found lately, so that a page's twenty requests ask the database once."""

from __future__ import annotations

import time
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")

KEPT_S = 5.0
"""A change by another process takes effect within this time; one by this process at once."""
MOST = 10_000


class Remembered(Generic[K, V]):
    """A small cache in which everything grows old."""

    def __init__(self, kept_s: float = KEPT_S) -> None:
        self._kept_s = kept_s
        self._values: dict[K, tuple[float, V]] = {}

    def get(self, key: K) -> V | None:
        """The value, if it is not too old."""
        found = self._values.get(key)
        if found is None or time.monotonic() - found[0] > self._kept_s:
            return None
        return found[1]

    def put(self, key: K, value: V) -> None:
        """Remember it from now on."""
        if len(self._values) >= MOST:
            self._values.clear()
        self._values[key] = (time.monotonic(), value)

    def clear(self) -> None:
        """Forget everything."""
        self._values.clear()
