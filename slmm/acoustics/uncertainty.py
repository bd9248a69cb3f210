"""What the LAeq of a time is when only the meter's display was read, and how far that may be trusted; pure.

A reading every 1.3 s shows momentary levels (LAF, time constant 125 ms); most of the time is not seen. Two estimates:

exposure
    the growth of the measurement's LE (exposure.py): it misses nothing, but is told in 0.1 dB of all that was before.
    It is taken where rounding, and the readings' being no whole minutes apart, move it by less than 1 dB (R31).
samples
    the energy mean of the levels read. Its standard error comes from the differences of neighbours, as is usual for
    systematic sampling: what rises and falls slowly is seen well, what jumps is not. Blows between two readings leave
    little trace: an Lmax of the measurement that rises above everything read, or a level that is gone with the next
    reading. For both, the energy that may be missing is added to the uncertainty.

What LE allows at all bounds what the samples may say. Not in it: the meter's own tolerances.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from slmm.acoustics.energy import energy
from slmm.acoustics.exposure import HALF_STEP_DB, MOST_ROUNDING_DB
from slmm.errors import Invalid

COVERAGE_FACTOR = 2.0
"""k of an expanded uncertainty: about 95 % (GUM)."""
TIME_CONSTANT_S = 0.125
"""F (IEC 61672-1)."""
LONGEST_HOLD_S = 3.0
"""A momentary level stands for no more time than this."""
LEAST_UNCERTAINTY_DB = 0.1
"""Levels are told in 0.1 dB."""
MOST_UNCERTAINTY_DB = 99.0
"""Nothing is known."""

LONE_LEVEL_DB = 12.0
"""How far one momentary level lies off the mean of its 3 s at a building site, 95 % of the time (simulated)."""
FLEETING_DB = 5.0
"""More than most vehicles rise and fall within two readings, less than a blow does."""
BLOWS_A_READING = 2.0
"""Hammers and tampers strike about twice between two readings."""

Mask = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]


class Method(StrEnum):
    """Where an estimate comes from."""

    SAMPLES = "samples"
    EXPOSURE = "exposure"


@dataclass(frozen=True, slots=True)
class Estimate:
    """An LAeq, unrounded, and the interval it lies in with about 95 %: level ± uncertainty, both in dB."""

    level_db: float
    uncertainty_db: float
    """Expanded (k = 2); the larger of up and down."""
    method: Method


@dataclass(frozen=True, slots=True)
class Polled:
    """Readings of the display in order of time, a column each; NaN where the meter gave none."""

    at_s: Floats
    """When each was read, on any scale of seconds."""
    lp: Floats
    le: Floats
    lmax: Floats

    @classmethod
    def of(cls, at_s: npt.ArrayLike, lp: npt.ArrayLike, le: npt.ArrayLike, lmax: npt.ArrayLike) -> Polled:
        """From any lists; raises Invalid for unlike lengths and for times out of order."""
        columns = [np.asarray(column, dtype=np.float64) for column in (at_s, lp, le, lmax)]
        if len({column.shape for column in columns}) != 1:
            sizes = ", ".join(str(column.size) for column in columns)
            raise Invalid(f"at_s, lp, le, lmax: {sizes} values; a reading has one of each", "at_s")
        if (np.diff(columns[0]) < 0).any():
            raise Invalid("at_s: readings out of order; by time is allowed", "at_s")
        return cls(*columns)


def laeq_of_polled(readings: Polled, starts_s: float, ends_s: float) -> Estimate | None:
    """The LAeq between two times of the scale of *readings*, which reach a little beyond both where they can.

    None when no level was read in it and LE says nothing either. Raises Invalid for a time without
    length.
    """
    if not ends_s > starts_s:
        raise Invalid(f"ends_s: {ends_s:g} s is not after {starts_s:g} s, which it has to be", "ends_s")
    exposure = _exposure(readings, starts_s, ends_s)
    samples = _samples(readings, starts_s, ends_s)
    if exposure is None:
        return None if samples is None else _estimate(samples, Method.SAMPLES)
    if samples is None:
        return _estimate(exposure, Method.EXPOSURE) if exposure.is_sharp else None
    if not exposure.least <= samples.energy <= exposure.most:
        return _estimate(_against(samples, exposure), Method.EXPOSURE)
    within = _Guess(samples.energy, max(samples.least, exposure.least), min(samples.most, exposure.most))
    found = _estimate(within, Method.SAMPLES)
    other = _estimate(exposure, Method.EXPOSURE)
    return other if exposure.is_sharp and other.uncertainty_db < found.uncertainty_db else found


@dataclass(frozen=True, slots=True)
class _Guess:
    """A mean energy, and where it may truly lie; *least* is 0 only where LE alone tells nothing of it."""

    energy: float
    least: float
    most: float

    @property
    def is_sharp(self) -> bool:
        """Whether it is known to 1 dB either way (R31)."""
        ratio = energy(MOST_ROUNDING_DB)
        return self.most < self.energy * ratio and self.energy < self.least * ratio


def _against(samples: _Guess, exposure: _Guess) -> _Guess:
    """LE rules out what the samples say, as it has heard what was not read; but they saw a loud sound well enough."""
    return _Guess(exposure.energy, max(exposure.least, min(samples.least, exposure.energy)), exposure.most)


def _estimate(guess: _Guess, method: Method) -> Estimate:
    up_db = 10.0 * math.log10(guess.most / guess.energy)
    down_db = 10.0 * math.log10(guess.energy / guess.least) if guess.least > 0 else MOST_UNCERTAINTY_DB
    uncertainty_db = min(max(up_db, down_db, LEAST_UNCERTAINTY_DB), MOST_UNCERTAINTY_DB)
    return Estimate(10.0 * math.log10(guess.energy), uncertainty_db, method)


def _samples(readings: Polled, starts_s: float, ends_s: float) -> _Guess | None:
    """From momentary levels, each for the time it is nearest to."""
    is_known = np.isfinite(readings.lp)
    at_s, lp = readings.at_s[is_known], readings.lp[is_known]
    middles = (at_s[1:] + at_s[:-1]) / 2.0
    begins = np.maximum(np.concatenate([[-np.inf], middles]), at_s - LONGEST_HOLD_S / 2.0)
    ends = np.minimum(np.concatenate([middles, [np.inf]]), at_s + LONGEST_HOLD_S / 2.0)
    weights = np.minimum(ends, ends_s) - np.maximum(begins, starts_s)
    is_inside = weights > 0
    energies, weights = 10.0 ** (lp[is_inside] / 10.0), weights[is_inside]
    if not energies.size:
        return None
    mean = float(np.average(energies, weights=weights))
    if energies.size == 1:
        return _Guess(mean, mean / energy(LONE_LEVEL_DB), mean * energy(LONE_LEVEL_DB))
    freedom = energies.size - 1
    variance = float(np.square(np.diff(energies)).sum()) / (2.0 * freedom)
    shares = weights / weights.sum()
    deviation = _factor(freedom) * math.sqrt(variance * float(np.square(shares).sum()))
    hidden = _hidden(readings, starts_s, ends_s) / float(weights.sum())  # which only ever adds
    # The same ratio down as up: energies are skewed, and never below zero.
    return _Guess(mean, mean / (1.0 + deviation / mean), mean + deviation + hidden)


def _factor(freedom: int) -> float:
    """Student's t for about 95 % instead of k = 2, as a series in 1/freedom (Cornish and Fisher)."""
    return COVERAGE_FACTOR + 2.5 / freedom + 3.0 / freedom**2 + 2.5 / freedom**3


def _hidden(readings: Polled, starts_s: float, ends_s: float) -> float:
    """Energy times s of blows between the readings, as much as may well have been missed."""
    is_known = np.isfinite(readings.lp)
    at_s, lp, lmax = (column[is_known] for column in (readings.at_s, readings.lp, readings.lmax))
    is_near = (at_s[1:] > starts_s) & (at_s[:-1] < ends_s)
    return _unseen_peaks(at_s, lp, lmax, is_near) + _fleeting(lp, lmax, is_near)


def _unseen_peaks(at_s: Floats, lp: Floats, lmax: Floats, is_near: Mask) -> float:
    """Lmax rose to p, but neither reading beside it shows p.

    Level F falls by e in 125 ms: before it was down to the level q that was read next, it was at p for no longer
    than the time between less τ·ln(p/q).
    """
    rose = is_near & (np.diff(lmax) > 0) & (lmax[1:] > np.maximum(lp[1:], lp[:-1]) + HALF_STEP_DB)
    peaks, after = lmax[1:][rose], lp[1:][rose]
    falling_s = TIME_CONSTANT_S * (peaks - after) * math.log(10.0) / 10.0
    lasted_s = np.maximum(np.diff(at_s)[rose] - falling_s, TIME_CONSTANT_S)
    return float(np.sum(10.0 ** (peaks / 10.0) * lasted_s))


def _fleeting(lp: Floats, lmax: Floats, is_near: Mask) -> float:
    """Levels that stand out from the readings before and after are what is left of blows.

    A blow that drives level F to p has the energy p·τ; no blow was above the Lmax of the measurement.
    """
    rises, falls = np.diff(lp) >= FLEETING_DB, np.diff(lp) <= -FLEETING_DB
    found = int(np.count_nonzero(rises[:-1] & falls[1:] & is_near[:-1] & is_near[1:]))
    if not found:
        return 0.0
    highest = max(float(lp.max()), float(np.fmax.reduce(lmax, initial=-math.inf)))  # of those known
    return found * BLOWS_A_READING * energy(highest) * TIME_CONSTANT_S


def _exposure(readings: Polled, starts_s: float, ends_s: float) -> _Guess | None:
    """From the growth of LE between the readings around both ends; None when they are not all of one measurement."""
    is_known = np.isfinite(readings.le)
    at_s, le = readings.at_s[is_known], readings.le[is_known]
    before, after = int(np.searchsorted(at_s, starts_s, side="right")) - 1, int(np.searchsorted(at_s, ends_s))
    if before < 0 or after >= at_s.size or (np.diff(le[before : after + 1]) < 0).any():
        return None
    exposures = 10.0 ** (le[before : after + 1] / 10.0)
    at_s = at_s[before : after + 1]
    first, last = np.interp([starts_s, ends_s], at_s, exposures)
    grown = float(last - first)
    if grown <= 0:
        return None
    length_s = ends_s - starts_s
    half_step = energy(HALF_STEP_DB)
    most = exposures[-1] * half_step - exposures[0] / half_step
    least = exposures[-2] / half_step - exposures[1] * half_step if exposures.size > 2 else 0.0
    return _Guess(grown / length_s, max(0.0, float(least)) / length_s, float(most) / length_s)
