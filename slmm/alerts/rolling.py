"""Rolling LAeq over a window, from the meter's own integration and never from momentary levels; pure.

Two sources. The 100 ms stream (DRD) carries the Leq of each 100 ms: their energy mean is the answer (IEC 61672-1).
Without it, the growth of the exposure level LE between two readings of one measurement is the energy of the time
between them, as long as the 0.1 dB resolution of LE moves the answer by less than 1 dB.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass

from slmm.acoustics.energy import energy, level
from slmm.acoustics.exposure import growth

LEAST_COVERAGE = 0.8
STREAM_SAMPLE_S = 0.1
STREAM_BIN_S = 1.0
MOST_SPAN = 1.5
"""Exposure levels further apart than this part of the window say nothing about the window."""


@dataclass(frozen=True, slots=True)
class Rolling:
    """One answer."""

    level_db: float | None
    """None while less than 80 % of the window is known."""
    coverage: float
    """Known part of the window, 0 to 1."""
    needs_stream: bool = False
    """Rounding has eaten what the exposure levels could tell; only the 100 ms stream helps."""


@dataclass(slots=True)
class _Bin:
    began_s: float
    energy_s: float = 0.0
    covered_s: float = 0.0


class StreamWindow:
    """Energy mean of the 100 ms levels of the last *window_s*, kept in bins of a second."""

    def __init__(self, window_s: float) -> None:
        self.window_s = window_s
        self._bins: deque[_Bin] = deque()
        self._energy_s = 0.0
        self._covered_s = 0.0

    def add(self, at_s: float, leq_db: float) -> None:
        """The Leq of the 100 ms that end at *at_s*."""
        began_s = math.floor((at_s - STREAM_SAMPLE_S / 2) / STREAM_BIN_S) * STREAM_BIN_S  # the end is not its own
        if not self._bins or self._bins[-1].began_s < began_s:
            self._bins.append(_Bin(began_s))
        newest = self._bins[-1]
        covered_s = min(STREAM_SAMPLE_S, STREAM_BIN_S - newest.covered_s)  # a burst after a stall adds no time
        newest.energy_s += energy(leq_db) * covered_s
        newest.covered_s += covered_s
        self._energy_s += energy(leq_db) * covered_s
        self._covered_s += covered_s
        self._forget(at_s)

    def _forget(self, now_s: float) -> None:
        while self._bins and self._bins[0].began_s + STREAM_BIN_S <= now_s - self.window_s:
            old = self._bins.popleft()
            self._energy_s -= old.energy_s
            self._covered_s -= old.covered_s
        if not self._bins:
            self._energy_s = self._covered_s = 0.0  # what differences of floats left behind

    def value(self, now_s: float) -> Rolling:
        """The level at this time."""
        self._forget(now_s)
        coverage = min(1.0, self._covered_s / self.window_s)
        if coverage < LEAST_COVERAGE or self._energy_s <= 0:
            return Rolling(None, coverage)
        return Rolling(level(self._energy_s / self._covered_s), coverage)

    def clear(self) -> None:
        """Forget everything."""
        self._bins.clear()
        self._energy_s = self._covered_s = 0.0


class ExposureWindow:
    """Energy mean of the last *window_s* from differences of LE within one measurement."""

    def __init__(self, window_s: float) -> None:
        self.window_s = window_s
        self._points: deque[tuple[float, float]] = deque()
        """(steady seconds, LE in dB)."""

    def add(self, at_s: float, le_db: float) -> None:
        """A reading; an LE that fell belongs to a new measurement."""
        if self._points and le_db < self._points[-1][1]:
            self._points.clear()
        self._points.append((at_s, le_db))
        while len(self._points) > 2 and self._points[1][0] <= at_s - self.window_s:
            self._points.popleft()

    def value(self, now_s: float) -> Rolling:
        """The level at this time; the reading nearest the window's begin stands for it."""
        if len(self._points) < 2:
            return Rolling(None, 0.0)
        first, last = self._begin(), self._points[-1]
        span_s = last[0] - first[0]
        if span_s > self.window_s * MOST_SPAN:  # the energy of the silence cannot be told apart from what was before
            return Rolling(None, 0.0)
        coverage = min(1.0, span_s / self.window_s)
        if coverage < LEAST_COVERAGE or now_s - last[0] > self.window_s * (1 - LEAST_COVERAGE):
            return Rolling(None, coverage)
        grown = growth(first[1], last[1], span_s)
        if grown is None or not grown.is_sharp:
            return Rolling(None, coverage, needs_stream=True)
        return Rolling(grown.level_db, coverage)

    def _begin(self) -> tuple[float, float]:
        """The reading nearest the window's begin: the last one before it or the one after."""
        begins_s = self._points[-1][0] - self.window_s
        candidates = (self._points[0], self._points[1] if len(self._points) > 2 else self._points[0])
        return min(candidates, key=lambda point: abs(point[0] - begins_s))

    def clear(self) -> None:
        """Forget everything."""
        self._points.clear()
