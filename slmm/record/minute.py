"""One minute from its frames: the best source for each tenth of a second, nothing counted twice; pure.

A minute is 600 bins. Each source lays its levels into the bins they stand for, the worst first, so that a better one
covers it: the meter's display, the 100 ms stream, then what the SD card stored. A bin nobody filled stays empty,
and is neither zero nor an average (R25).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from slmm.acoustics.energy import energy, level
from slmm.acoustics.intervals import Interval
from slmm.acoustics.percentiles import Histogram
from slmm.acoustics.quality import Flag
from slmm.acoustics.uncertainty import Method, Polled, laeq_of_polled
from slmm.record.frames import STREAM_S, Source

MINUTE = timedelta(minutes=1)
BIN_S = 0.1
BINS = 600
MINUTE_S = 60.0
LOOK_BACK_S, LOOK_AHEAD_S = 20.0, 5.0
"""Frames so much before and after a minute tell of it too: what a reading stands for, and what came late."""
SHORTEST_HOLD_S, LONGEST_HOLD_S = 3.0, 15.0
"""A momentary level stands for the time since the one before it: one missed reading leaves a gap."""
HOLD_SPACINGS = 1.5
STREAM_WRAPS = 600
"""The counter of a stream goes from 1 to 600 and begins anew (comm. guide p. 90)."""
NAMES = {Source.POLL: "poll", Source.STREAM: "stream", Source.SD_LEQ: "sd", Source.SD_LP: "sd"}
_MIDDLES = (np.arange(BINS) + 0.5) * BIN_S
_NO_LEAP_S = 1e-3
SEAM_S = 0.04
"""Intervals of a card that follow each other need not meet to the millisecond: its clock drifts, and times are rounded.
Less than half a bin, so that none is filled that lies before the first of them."""

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Rows:
    """Frames of one unit around one minute in order of time, a column each; NaN where the meter gave none."""

    ends_s: Floats
    """Seconds after the minute's begin."""
    source: NDArray[Any]
    columns: dict[str, Floats]
    """duration_s, lp, leq, le, lmax, lmin, lpeak, over, under, measuring, counter, started_s."""

    def of(self, source: Source) -> Rows:
        """Only those of one source."""
        return self.where(self.source == source)

    def where(self, is_wanted: NDArray[Any]) -> Rows:
        """Some of them, by a mask, or by their places in a new order."""
        columns = {name: column[is_wanted] for name, column in self.columns.items()}
        return Rows(self.ends_s[is_wanted], self.source[is_wanted], columns)

    def __getitem__(self, name: str) -> Floats:
        return self.columns[name]

    def __len__(self) -> int:
        return len(self.ends_s)


class _Bins:
    """What is known of each tenth of a second."""

    def __init__(self) -> None:
        self.energy = np.full(BINS, np.nan)
        self.lp = np.full(BINS, np.nan)
        self.source = np.full(BINS, -1, dtype=np.int8)
        self.is_received = np.zeros(BINS, dtype=bool)

    def lay(self, rows: Rows, ends_s: Floats, spans_s: Floats, levels: Floats, source: Source) -> None:
        """Each level into the bins between its end and *spans_s* before it."""
        index = np.searchsorted(ends_s, _MIDDLES)
        inside = index < len(ends_s)
        index[~inside] = 0
        inside &= ends_s[index] - spans_s[index] < _MIDDLES
        self.is_received |= inside
        is_valid = inside & (rows["measuring"][index] != 0.0) & ~np.isnan(levels[index])
        self.energy[is_valid] = 10.0 ** (levels[index[is_valid]] / 10.0)
        self.source[is_valid] = source
        has_lp = is_valid & ~np.isnan(rows["lp"][index])
        self.lp[has_lp] = rows["lp"][index[has_lp]]


def minute_of(starts_at: datetime, rows: Rows) -> Interval | None:
    """The minute that begins at *starts_at*; None when nothing was received in it."""
    bins = _Bins()
    flags = Flag(0)
    for source in Source:
        part = rows.of(source)
        if len(part):
            flags |= _lay(bins, part, source)
    if not bins.is_received.any():
        return None
    within = rows.where((rows.ends_s > 0) & (rows.ends_s <= MINUTE_S) & (rows["measuring"] != 0.0))
    is_valid = ~np.isnan(bins.energy)
    flags |= _what_happened(within, bins, is_valid)
    lmax, lmin, lpeak = _extremes(within if len(within) else rows.of(Source.SD_LEQ))
    energy_s, valid_s, uncertainty_db = _sum(bins, is_valid, rows.of(Source.POLL))
    return Interval(
        starts_at=starts_at,
        ends_at=starts_at + MINUTE,
        energy_s=energy_s,
        valid_s=valid_s,
        received_s=float(bins.is_received.sum() * BIN_S),
        lmax=lmax,
        lmin=lmin,
        lpeak=lpeak,
        histogram=Histogram.of(bins.lp),
        flags=flags,
        source=_source_name(bins.source[is_valid]),
        uncertainty_db=uncertainty_db,
    )


def _sum(bins: _Bins, is_valid: NDArray[np.bool_], polls: Rows) -> tuple[float, float, float | None]:
    """Energy, valid time, and the uncertainty that the display's momentary levels bring in; None without them."""
    energy_s, valid_s = float(np.nansum(bins.energy) * BIN_S), float(is_valid.sum() * BIN_S)
    is_polled = bins.source == Source.POLL
    if not is_polled.any():
        return energy_s, valid_s, None
    measured = polls.where(polls["measuring"] != 0.0)
    found = laeq_of_polled(
        Polled(measured.ends_s, measured["lp"], measured["le"], measured["lmax"]), starts_s=0.0, ends_s=MINUTE_S
    )
    if found is None:  # too little for a mean: that time is received, but not valid
        is_known = is_valid & ~is_polled
        return float(np.sum(bins.energy[is_known]) * BIN_S), float(is_known.sum() * BIN_S), None
    if (is_polled == is_valid).all():
        if found.method is Method.EXPOSURE and not (bins.is_received & ~is_valid).any():
            valid_s = MINUTE_S  # the meter went on integrating while nobody read it
        return energy(found.level_db) * valid_s, valid_s, found.uncertainty_db
    share = float(np.sum(bins.energy[is_polled]) * BIN_S / energy_s) if energy_s else 1.0
    return energy_s, valid_s, level(1.0 + share * (energy(found.uncertainty_db) - 1.0))


def _lay(bins: _Bins, rows: Rows, source: Source) -> Flag:
    """Put the levels of one source into the bins."""
    if source is Source.POLL:
        bins.lay(rows, rows.ends_s, _holds(rows.ends_s), rows["lp"], source)
        return Flag(0)
    if source is Source.STREAM:
        ends_s = stream_times(rows.ends_s, rows["counter"])
        order = np.argsort(ends_s, kind="stable")
        bins.lay(rows.where(order), ends_s[order], np.full(len(rows), STREAM_S + _NO_LEAP_S), rows["leq"], source)
        return Flag(0)
    bins.lay(rows, rows.ends_s, rows["duration_s"] + SEAM_S, rows["leq"], source)
    is_long = rows["duration_s"] > MINUTE_S
    return Flag.SPREAD if (bins.source == Source.SD_LEQ).any() and is_long.any() else Flag(0)


def _holds(ends_s: Floats) -> Floats:
    """How long each momentary level stands for: since the one before it, but not over a gap."""
    before = np.diff(ends_s)
    usual = float(np.median(before)) if len(before) else SHORTEST_HOLD_S
    most = min(LONGEST_HOLD_S, max(SHORTEST_HOLD_S, HOLD_SPACINGS * usual))
    holds_s: Floats = np.minimum(np.concatenate([[usual], before]), most)
    return holds_s


def stream_times(arrivals_s: Floats, counters: Floats) -> Floats:
    """When each 100 ms ended, in s: lines of a stream arrive late and in bursts, but their counter does not.

    As long as the counter goes on by one, the line with the least delay tells where all of them belong.
    """
    steps = np.diff(counters)
    goes_on = (steps == 1) | (steps == 1 - STREAM_WRAPS)
    pieces = np.concatenate([[0], np.cumsum(~goes_on)])
    place_s = np.arange(len(arrivals_s)) * STREAM_S
    delays = arrivals_s - place_s
    least = np.full(int(pieces[-1]) + 1, np.inf)
    np.minimum.at(least, pieces, delays)
    ends_s: Floats = place_s + least[pieces]
    return ends_s


def _what_happened(rows: Rows, bins: _Bins, is_valid: NDArray[np.bool_]) -> Flag:
    """Flags of R24, from the readings within the minute and what the bins hold."""
    flags = Flag(0)
    is_polled = rows.source == Source.POLL
    for name, flag in (("over", Flag.OVER), ("under", Flag.UNDER)):
        is_set = rows[name] == 1.0
        # The display's flag stays up until the next start (R24): it tells of this minute only when it goes up in it.
        if (is_set & ~is_polled).any() or (np.diff(rows[name][is_polled]) > 0).any():
            flags |= flag
    if not bins.is_received.all():
        flags |= Flag.GAP
    if (bins.is_received & ~is_valid).any():
        flags |= Flag.PAUSED
    exposure = rows["le"][is_polled]
    if (np.diff(exposure[~np.isnan(exposure)]) < 0).any():
        flags |= Flag.RESET
    return flags


def _extremes(rows: Rows) -> tuple[float | None, float | None, float | None]:
    """Lmax, Lmin and Lpeak; the display's own count only where they moved within the minute."""
    is_polled = rows.source == Source.POLL
    is_short = ~is_polled & ~(rows["duration_s"] > MINUTE_S)
    of_minute = rows.where(is_short if (is_short | is_polled).any() else ~is_polled)
    polled = rows.where(is_polled)
    highest = [of_minute["lmax"], polled["lp"], _moved(polled["lmax"], +1)]
    lowest = [of_minute["lmin"], polled["lp"], _moved(polled["lmin"], -1)]
    peaks = [of_minute["lpeak"], _moved(polled["lpeak"], +1)]
    return _most(highest, +1), _most(lowest, -1), _most(peaks, +1)


def _moved(running: Floats, direction: int) -> Floats:
    """The values of a running extreme that were new when they were read."""
    return running[1:][np.diff(running) * direction > 0]


def _most(parts: list[Floats], direction: int) -> float | None:
    values = np.concatenate(parts)
    values = values[~np.isnan(values)]
    if not len(values):
        return None
    return float(values.max() if direction > 0 else values.min())


def _source_name(sources: NDArray[np.int8]) -> str:
    names = {NAMES[Source(int(source))] for source in np.unique(sources)}
    if len(names) > 1:
        return "mixed"
    return names.pop() if names else "none"
