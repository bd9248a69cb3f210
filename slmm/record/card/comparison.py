"""Compares what was received live with what the SD card stored, and finds by how much their clocks disagree; pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import ArrayLike, NDArray

Series = NDArray[np.float64]

LEAST_SECONDS = 120
"""Of overlap at each shift that is looked at; from fewer, noise looks like evidence."""
LONGEST_STEP_S = 2.5
"""Between two levels further apart than that nothing is known."""
TREND_S = 121
"""What changes more slowly (traffic of the hour) is taken out, for it fits at any shift."""
LEAST_SPREAD_DB = 0.3
"""Levels that vary less than this about their trend tell no time."""
LEAST_CORRELATION = 0.5
LEAST_LEAD = 0.12
"""By so much the best correlation must exceed that at any other place: machines repeat themselves."""
FINE_S = 0.02


@dataclass(frozen=True, slots=True)
class Differences:
    """Live minus card, over the times both have, in dB."""

    count: int
    mean_db: float | None = None
    median_db: float | None = None
    max_abs_db: float | None = None
    worst_at: datetime | None = None
    """The end of the piece that differs most."""
    only_live: int = 0
    """Levels the card has none for."""
    only_sd: int = 0
    """Levels that were not received live."""


def compare(live: Iterable[tuple[datetime, float | None]], sd: Iterable[tuple[datetime, float | None]]) -> Differences:
    """Levels by the end of the piece of time they stand for (minutes, mostly); None is no level."""
    live_db = {ends_at: level for ends_at, level in live if level is not None}
    sd_db = {ends_at: level for ends_at, level in sd if level is not None}
    common = sorted(live_db.keys() & sd_db.keys())
    only_live, only_sd = len(live_db) - len(common), len(sd_db) - len(common)
    if not common:
        return Differences(0, only_live=only_live, only_sd=only_sd)
    differences = np.array([live_db[ends_at] - sd_db[ends_at] for ends_at in common])
    worst = int(np.argmax(np.abs(differences)))
    return Differences(
        len(common),
        float(differences.mean()),
        float(np.median(differences)),
        float(abs(differences[worst])),
        common[worst],
        only_live,
        only_sd,
    )


def best_shift_s(
    live_times: ArrayLike, live_levels: ArrayLike, sd_times: ArrayLike, sd_levels: ArrayLike, within_s: float = 120.0
) -> float | None:
    """What has to be added to the times of the card for its levels to lie where those received live do, in s.

    Times in s of any common origin, ascending or not, about a second apart; levels in dB, NaN for none. None when
    the evidence is too weak: too little in common, too steady or repetitive a sound, no likeness, or the best place
    at the very end of what was searched. A constant difference of level makes no difference.
    """
    if not 1.0 <= within_s < np.inf:
        raise ValueError(f"within_s: {within_s} is not allowed; at least 1 s")
    live, sd = _series(live_times, live_levels), _series(sd_times, sd_levels)
    if min(live[0].size, sd[0].size) < LEAST_SECONDS:
        return None
    reach = int(np.ceil(within_s))
    origin_s = float(np.floor(live[0][0]))
    grid = np.arange(origin_s, np.ceil(live[0][-1]) + 1.0)
    wide = np.arange(grid[0] - reach, grid[-1] + reach + 1.0)
    lags = np.arange(-reach, reach + 1)
    correlation = _correlations(_detrended(_at(*live, grid)), _detrended(_at(*sd, wide)), reach)
    best = int(np.argmax(correlation))
    if not _is_convincing(correlation, best):
        return None
    return _refined(live, sd, float(lags[best]))


def _series(times: ArrayLike, levels: ArrayLike) -> tuple[Series, Series]:
    times_s, levels_db = np.asarray(times, dtype=np.float64), np.asarray(levels, dtype=np.float64)
    if times_s.shape != levels_db.shape or times_s.ndim != 1:
        raise ValueError(f"{times_s.shape} times and {levels_db.shape} levels do not belong together")
    is_known = np.isfinite(times_s) & np.isfinite(levels_db)
    times_s, first = np.unique(times_s[is_known], return_index=True)
    return times_s, levels_db[is_known][first]


def _at(times: Series, levels: Series, wanted: Series) -> Series:
    """Levels between known ones, mixed by energy; NaN outside and in gaps."""
    behind = np.clip(np.searchsorted(times, wanted, side="left"), 1, times.size - 1)
    step_s = times[behind] - times[behind - 1]
    share = (wanted - times[behind - 1]) / step_s
    energies = 10.0 ** (levels / 10.0)
    mixed = energies[behind - 1] * (1.0 - share) + energies[behind] * share
    is_known = (share >= 0.0) & (share <= 1.0) & (step_s <= LONGEST_STEP_S)
    return np.where(is_known, 10.0 * np.log10(np.where(is_known, mixed, 1.0)), np.nan)


def _detrended(levels: Series) -> Series:
    is_known = np.isfinite(levels)
    kernel = np.ones(TREND_S)
    counts = np.convolve(is_known, kernel, mode="same")[: levels.size]
    sums = np.convolve(np.where(is_known, levels, 0.0), kernel, mode="same")[: levels.size]
    detrended: Series = levels - sums / np.maximum(counts, 1.0)
    return detrended


def _correlations(live: Series, sd: Series, reach: int) -> Series:
    """Pearson's coefficient at each lag from -reach to reach, over what both have there; -1 where that is little."""
    size = 1 << int(live.size + sd.size).bit_length()

    def crossed(one: Series, other: Series) -> Series:
        product = np.fft.rfft(other, size) * np.conj(np.fft.rfft(one, size))
        return np.fft.irfft(product, size)[: 2 * reach + 1][::-1]

    live_known, sd_known = np.isfinite(live).astype(np.float64), np.isfinite(sd).astype(np.float64)
    live_db, sd_db = np.nan_to_num(live), np.nan_to_num(sd)
    count = np.round(crossed(live_known, sd_known))
    safe = np.maximum(count, 1.0)
    live_mean, sd_mean = crossed(live_db, sd_known) / safe, crossed(live_known, sd_db) / safe
    live_variance = crossed(live_db**2, sd_known) / safe - live_mean**2
    sd_variance = crossed(live_known, sd_db**2) / safe - sd_mean**2
    covariance = crossed(live_db, sd_db) / safe - live_mean * sd_mean
    least = LEAST_SPREAD_DB**2
    is_usable = (count >= LEAST_SECONDS) & (live_variance >= least) & (sd_variance >= least)
    spread = np.sqrt(np.where(is_usable, live_variance * sd_variance, 1.0))
    return np.where(is_usable, covariance / spread, -1.0)


def _is_convincing(correlation: Series, best: int) -> bool:
    if correlation[best] < LEAST_CORRELATION or best in (0, correlation.size - 1):
        return False
    left = right = best
    while left > 0 and correlation[left - 1] < correlation[left]:
        left -= 1
    while right < correlation.size - 1 and correlation[right + 1] < correlation[right]:
        right += 1
    elsewhere = np.concatenate((correlation[:left], correlation[right + 1 :]))
    return elsewhere.size == 0 or bool(correlation[best] - elsewhere.max() >= LEAST_LEAD)


def _refined(live: tuple[Series, Series], sd: tuple[Series, Series], coarse_s: float) -> float | None:
    """The shift within a second of the coarse one at which the levels differ least, a constant apart."""

    def spread(shift_s: float) -> float:
        differences = live[1] - _at(sd[0] + shift_s, sd[1], live[0])
        known = differences[np.isfinite(differences)]
        return float(known.var()) if known.size >= LEAST_SECONDS else np.inf

    shifts = coarse_s + np.arange(-1.0, 1.0 + FINE_S / 2, 0.1)
    rough = float(shifts[int(np.argmin([spread(shift) for shift in shifts]))])
    shifts = rough + np.arange(-0.1, 0.1 + FINE_S / 2, FINE_S)
    spreads = [spread(shift) for shift in shifts]
    best = int(np.argmin(spreads))
    return round(float(shifts[best]), 3) if np.isfinite(spreads[best]) else None
