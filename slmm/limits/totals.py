"""Sums of pieces of time that a moving window can add up without ever subtracting; pure.

They say the same as ``acoustics.intervals.combine``, piece by piece: what is added here once is asked every second.
"""

from __future__ import annotations

import math
from datetime import datetime
from typing import NamedTuple

from slmm.acoustics.energy import energy, level
from slmm.acoustics.intervals import Interval, PeriodLevels
from slmm.acoustics.percentiles import Histogram
from slmm.acoustics.quality import LEFT_OUT, Bound, Flag
from slmm.limits.rating import Work

LEAST_GAP_S = 0.5
"""Less than that is missing between pieces by the rounding of their times."""
TOLD = 1.0 - energy(-0.05)
"""An under-range part of the energy that is less does not show in 0.1 dB."""

_LEFT_OUT, _OVER, _UNDER = int(LEFT_OUT), int(Flag.OVER), int(Flag.UNDER)
_NONE: frozenset[str] = frozenset()


def _most(one: float | None, other: float | None) -> float | None:
    return other if one is None else one if other is None else max(one, other)


def _least(one: float | None, other: float | None) -> float | None:
    return other if one is None else one if other is None else min(one, other)


class Totals(NamedTuple):
    """What some pieces of time add up to; a tuple, for one is made for every piece of every meter several times."""

    energy_s: float = 0.0
    valid_s: float = 0.0
    received_s: float = 0.0
    present_s: float = 0.0
    """Their length, known or not."""
    under_energy_s: float = 0.0
    over_energy_s: float = 0.0
    over_s: float = 0.0
    is_over: bool = False
    variance: float = 0.0
    """Of the energy, from what was estimated."""
    is_estimate: bool = False
    flags: int = 0
    """Of ``Flag``, as the integer: sums of these are ten times as fast."""
    lmax: float | None = None
    lmin: float | None = None
    lpeak: float | None = None
    sources: frozenset[str] = frozenset()
    histogram: Histogram = Histogram.EMPTY
    work: Work | None = None

    @classmethod
    def of(cls, piece: Interval, *, with_histogram: bool = False, active_above_db: float | None = None) -> Totals:
        """One piece; what is left out of means keeps its length and its flags."""
        flags = int(piece.flags)
        if flags & _LEFT_OUT:
            return cls._left_out(piece, flags)
        off = piece.uncertainty_db
        return cls(
            energy_s=piece.energy_s,
            valid_s=piece.valid_s,
            received_s=piece.received_s,
            present_s=piece.expected_s,
            under_energy_s=piece.energy_s if flags & _UNDER else 0.0,
            variance=0.0 if off is None else (piece.energy_s * (energy(off) - 1.0)) ** 2,
            is_estimate=off is not None,
            flags=flags,
            lmax=piece.lmax,
            lmin=piece.lmin,
            lpeak=piece.lpeak,
            sources=frozenset((piece.source,)) if piece.valid_s else _NONE,
            histogram=piece.histogram if with_histogram else Histogram.EMPTY,
            work=None if active_above_db is None else Work.of((piece,), active_above_db),
        )

    @classmethod
    def _left_out(cls, piece: Interval, flags: int) -> Totals:
        """Of over-range the mean is not known, but is at least what the meter still showed."""
        if flags & _LEFT_OUT & ~_OVER:
            return cls(received_s=piece.received_s, present_s=piece.expected_s, flags=flags)
        return cls(
            received_s=piece.received_s,
            present_s=piece.expected_s,
            over_energy_s=piece.energy_s,
            over_s=piece.valid_s,
            is_over=True,
            flags=flags,
            lmax=piece.lmax,
            lmin=piece.lmin,
            lpeak=piece.lpeak,
        )

    def plus(self, other: Totals) -> Totals:
        """Both together."""
        return Totals(
            self.energy_s + other.energy_s,
            self.valid_s + other.valid_s,
            self.received_s + other.received_s,
            self.present_s + other.present_s,
            self.under_energy_s + other.under_energy_s,
            self.over_energy_s + other.over_energy_s,
            self.over_s + other.over_s,
            self.is_over or other.is_over,
            self.variance + other.variance,
            self.is_estimate or other.is_estimate,
            self.flags | other.flags,
            _most(self.lmax, other.lmax),
            _least(self.lmin, other.lmin),
            _most(self.lpeak, other.lpeak),
            self.sources if self.sources == other.sources else self.sources | other.sources,
            _histograms(self.histogram, other.histogram),
            other.work if self.work is None else self.work if other.work is None else self.work + other.work,
        )

    @property
    def bound(self) -> Bound:
        """Of the mean: over-range bounds it from below, under-range from above where its part is told."""
        if self.is_over:
            return Bound.LOWER
        return Bound.UPPER if self.under_energy_s > self.energy_s * TOLD else Bound.NONE

    def levels(self, starts_at: datetime, ends_at: datetime) -> PeriodLevels:
        """The levels of a period that these pieces are all there is of."""
        expected_s = (ends_at - starts_at).total_seconds()
        counted_s = self.valid_s + self.over_s
        flags = Flag(self.flags)
        if self.present_s < expected_s - LEAST_GAP_S:
            flags |= Flag.GAP
        off = None
        if self.is_estimate and self.energy_s > 0:
            off = level(1.0 + math.sqrt(self.variance) / self.energy_s)
        return PeriodLevels(
            starts_at=starts_at,
            ends_at=ends_at,
            laeq=level(self.energy_s / self.valid_s) if self.valid_s else None,
            lmax=self.lmax,
            lmin=self.lmin,
            lpeak=self.lpeak,
            histogram=self.histogram,
            valid_s=self.valid_s,
            expected_s=expected_s,
            coverage=min(1.0, self.valid_s / expected_s),
            flags=flags,
            bound=self.bound,
            sources=self.sources,
            uncertainty_db=off,
            received_s=self.received_s,
            energy_s=self.energy_s,
            over_energy_s=self.over_energy_s,
            over_s=self.over_s,
            laeq_at_least=level((self.energy_s + self.over_energy_s) / counted_s) if counted_s else None,
        )


def _histograms(one: Histogram, other: Histogram) -> Histogram:
    if not one.classes.size:
        return other
    return one + other if other.classes.size else one


NOTHING = Totals()


class Sliding:
    """The pieces of a moving window; each is added once and leaves once (a queue of two stacks).

    One that begins before the window is out of it, whole.
    """

    def __init__(self, *, with_histogram: bool = False) -> None:
        self._with_histogram = with_histogram
        self._old: list[tuple[datetime, Totals]] = []
        """Begins with the newest; each with the sum from it up to the newest of them."""
        self._new: list[tuple[datetime, Totals]] = []
        self._new_sum = NOTHING

    def add(self, piece: Interval, *, is_excluded: bool = False) -> None:
        """The next piece by time."""
        totals = excluded(piece) if is_excluded else Totals.of(piece, with_histogram=self._with_histogram)
        self._new.append((piece.starts_at, totals))
        self._new_sum = self._new_sum.plus(totals)

    def forget(self, begins_at: datetime) -> None:
        """Those that begin before are out from now on."""
        while self._old or self._new:
            if not self._old:
                self._turn()
            if self._old[-1][0] >= begins_at:
                return
            self._old.pop()

    def total(self, begins_at: datetime) -> Totals:
        """The sum of those that begin at *begins_at* or later; the others are forgotten."""
        self.forget(begins_at)
        return self._old[-1][1].plus(self._new_sum) if self._old else self._new_sum

    def _turn(self) -> None:
        total = NOTHING
        while self._new:
            begins_at, totals = self._new.pop()
            total = totals.plus(total)
            self._old.append((begins_at, total))
        self._new_sum = NOTHING

    def copy(self) -> Sliding:
        """Another with the same pieces, to look ahead with."""
        other = Sliding(with_histogram=self._with_histogram)
        other._old, other._new, other._new_sum = self._old.copy(), self._new.copy(), self._new_sum
        return other

    def levels(self, begins_at: datetime, ends_at: datetime) -> PeriodLevels:
        """The levels of the window; *begins_at* never goes back."""
        return self.total(begins_at).levels(begins_at, ends_at)


def excluded(piece: Interval) -> Totals:
    """A piece that a person left out: its length and its flags, and nothing else."""
    return Totals(received_s=piece.received_s, present_s=piece.expected_s, flags=int(piece.flags | Flag.EXCLUDED))
