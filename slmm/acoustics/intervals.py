"""Stored pieces of time, and the levels of any period put together from them; pure.

An interval holds energy and not a level, so that adding is all it takes; what is missing has no energy *and* no time,
and is therefore neither zero nor an average (R25).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from slmm.acoustics.energy import energy, level
from slmm.acoustics.percentiles import Histogram
from slmm.acoustics.quality import LEAST_COVERAGE, LEFT_OUT, NO_FLAGS, Bound, Flag, is_judged
from slmm.errors import Invalid

_LEAST_GAP_S = 0.5
"""Less than that is missing between the pieces by the rounding of their times."""
_TOLD_DB = 0.05
"""An under-range energy that moves the level by less is not told in 0.1 dB."""


def _check_span(starts_at: datetime, ends_at: datetime) -> None:
    if starts_at.tzinfo is None or ends_at.tzinfo is None:
        raise Invalid(f"starts_at, ends_at: {starts_at} to {ends_at} has no time zone; aware times in UTC", "starts_at")
    if ends_at <= starts_at:
        raise Invalid(f"ends_at: {ends_at} is not after {starts_at}, which it has to be", "ends_at")


@dataclass(frozen=True, slots=True)
class Span:
    """Half open: from *starts_at* up to, but without, *ends_at*; both aware UTC."""

    starts_at: datetime
    ends_at: datetime

    def __post_init__(self) -> None:
        _check_span(self.starts_at, self.ends_at)

    @property
    def duration_s(self) -> float:
        """Its real length."""
        return (self.ends_at - self.starts_at).total_seconds()

    def __contains__(self, at: datetime) -> bool:
        return self.starts_at <= at < self.ends_at

    def overlap_s(self, starts_at: datetime, ends_at: datetime) -> float:
        """The time in common with another, 0 when they only touch."""
        return max(0.0, (min(self.ends_at, ends_at) - max(self.starts_at, starts_at)).total_seconds())


@dataclass(frozen=True, slots=True)
class Interval:
    """One stored piece of time, mostly a minute."""

    starts_at: datetime
    ends_at: datetime
    """Both aware UTC; the piece is labelled by its end."""
    energy_s: float
    """Sum over the valid time of t·10^(L/10), in s."""
    valid_s: float
    """The time the energy stands for."""
    received_s: float
    """The time of which anything was received, valid or not."""
    lmax: float | None = None
    lmin: float | None = None
    lpeak: float | None = None
    histogram: Histogram = field(default_factory=Histogram.empty)
    """Of time-weighted samples (Lp)."""
    flags: Flag = NO_FLAGS
    source: str = "none"
    """``sd``, ``stream``, ``poll``, ``mixed`` or ``none``."""
    uncertainty_db: float | None = None
    """Expanded (k = 2), of an LAeq from polled readings; None where it was integrated."""

    def __post_init__(self) -> None:
        _check_span(self.starts_at, self.ends_at)
        for name, value in (("energy_s", self.energy_s), ("valid_s", self.valid_s), ("received_s", self.received_s)):
            if not 0 <= value < math.inf:
                raise Invalid(f"{name}: {value} is not allowed; 0 or more, and finite", name)

    @classmethod
    def of_level(
        cls,
        starts_at: datetime,
        ends_at: datetime,
        laeq: float | None,
        *,
        valid_s: float | None = None,
        lmax: float | None = None,
        lmin: float | None = None,
        lpeak: float | None = None,
        histogram: Histogram = Histogram.EMPTY,
        flags: Flag = NO_FLAGS,
        source: str = "sd",
    ) -> Interval:
        """From an equivalent level; it stands for the whole time unless *valid_s* says less, and None is missing."""
        expected_s = (ends_at - starts_at).total_seconds()
        known_s = 0.0 if laeq is None else expected_s if valid_s is None else valid_s
        energy_s = 0.0 if laeq is None else energy(laeq) * known_s
        return cls(starts_at, ends_at, energy_s, known_s, known_s, lmax, lmin, lpeak, histogram, flags, source)

    @property
    def expected_s(self) -> float:
        """Its real length."""
        return (self.ends_at - self.starts_at).total_seconds()

    @property
    def coverage(self) -> float:
        """The valid part of it, 0 to 1."""
        return min(1.0, self.valid_s / self.expected_s)

    @property
    def laeq(self) -> float | None:
        """The energy mean over its valid time, in dB."""
        return level(self.energy_s / self.valid_s) if self.valid_s else None


@dataclass(frozen=True, slots=True)
class PeriodLevels:
    """The levels of one period, unrounded; None where nothing is known."""

    starts_at: datetime
    ends_at: datetime
    laeq: float | None
    """Energy mean over the valid time, in dB."""
    lmax: float | None
    lmin: float | None
    lpeak: float | None
    histogram: Histogram
    valid_s: float
    expected_s: float
    """The real length of the period; what was excluded is a part of it."""
    coverage: float
    """Valid part of the period, 0 to 1."""
    flags: Flag
    """Everything that happened in it, in what was left out too."""
    bound: Bound
    """Of *laeq*."""
    sources: frozenset[str]
    uncertainty_db: float | None = None
    """Expanded (k = 2); None where everything was integrated."""
    received_s: float = 0.0
    energy_s: float = 0.0
    """Sum over the valid time of t·10^(L/10), in s."""
    over_energy_s: float = 0.0
    """What the meter still showed of the over-range time that was left out, in s as *energy_s*: at least that."""
    over_s: float = 0.0
    """The time *over_energy_s* stands for."""
    laeq_at_least: float | None = None
    """*laeq* with the over-range time at what the meter still showed: when this is a breach, it is one (R26)."""

    def ln(self, percent: float) -> float | None:
        """The level exceeded for *percent* of the valid time, in dB."""
        return self.histogram.ln(percent)

    def is_judged(self, least_coverage: float = LEAST_COVERAGE) -> bool:
        """Whether it may be held against a limit; if not, the level is shown, but not judged (R25)."""
        return self.laeq is not None and is_judged(self.coverage, least_coverage)


@dataclass(slots=True)
class _Sum:
    """What has been added up so far."""

    flags: Flag = NO_FLAGS
    energy_s: float = 0.0
    valid_s: float = 0.0
    received_s: float = 0.0
    present_s: float = 0.0
    under_energy_s: float = 0.0
    over_energy_s: float = 0.0
    over_s: float = 0.0
    is_over: bool = False
    variance: float = 0.0
    is_estimate: bool = False
    lmax: float | None = None
    lmin: float | None = None
    lpeak: float | None = None
    sources: set[str] = field(default_factory=set)
    histograms: list[Histogram] = field(default_factory=list)

    def add_extremes(self, piece: Interval) -> None:
        if piece.lmax is not None:
            self.lmax = piece.lmax if self.lmax is None else max(self.lmax, piece.lmax)
        if piece.lmin is not None:
            self.lmin = piece.lmin if self.lmin is None else min(self.lmin, piece.lmin)
        if piece.lpeak is not None:
            self.lpeak = piece.lpeak if self.lpeak is None else max(self.lpeak, piece.lpeak)

    def add(self, piece: Interval, share: float) -> None:
        energy_s = piece.energy_s * share
        self.energy_s += energy_s
        self.valid_s += piece.valid_s * share
        if piece.flags:
            self.is_over |= bool(piece.flags & Flag.OVER)  # when the caller wants such pieces in
            self.under_energy_s += energy_s if piece.flags & Flag.UNDER else 0.0
        if piece.uncertainty_db is not None:
            self.is_estimate = True
            self.variance += (energy_s * (energy(piece.uncertainty_db) - 1.0)) ** 2
        if piece.histogram.classes.size:
            self.histograms.append(piece.histogram if share == 1.0 else piece.histogram.scaled(share))
        if piece.valid_s:
            self.sources.add(piece.source)
        self.add_extremes(piece)

    def add_over(self, piece: Interval, share: float) -> None:
        """Its mean is not known, but its highest levels are at least what the meter showed."""
        self.is_over = True
        self.over_energy_s += piece.energy_s * share
        self.over_s += piece.valid_s * share
        self.add_extremes(piece)

    @property
    def uncertainty_db(self) -> float | None:
        if not self.is_estimate or self.energy_s <= 0:
            return None
        return level(1.0 + math.sqrt(self.variance) / self.energy_s)


def combine(
    intervals: Iterable[Interval],
    starts_at: datetime,
    ends_at: datetime,
    excluded: Sequence[Span] = (),
    *,
    left_out: Flag = LEFT_OUT,
) -> PeriodLevels:
    """The levels of [*starts_at*, *ends_at*): energies, times and counts added, the extremes taken (R24–R26).

    *intervals* do not overlap, in any order. One that is only partly inside is left out, unless it is SPREAD: then its
    energy is even, and its part counts. One that an *excluded* span touches is left out whole; so is one with a flag
    of *left_out*, which may be changed to get the other result (with the windy minutes, say). Over-range minutes are no
    part of the mean, but their extremes count, and ``laeq_at_least`` knows them. Independent uncertainties add
    in quadrature, as energies. Raises Invalid for a period without length.
    """
    period = Span(starts_at, ends_at)
    total = _Sum()
    for piece in intervals:
        share = _share(piece, period)
        if share == 0.0:
            continue
        total.present_s += piece.expected_s * share
        total.received_s += piece.received_s * share
        if piece.flags:  # the enum's arithmetic is slow, and most pieces have none
            total.flags |= piece.flags
        if any(span.overlap_s(piece.starts_at, piece.ends_at) > 0 for span in excluded):
            total.flags |= Flag.EXCLUDED
        elif not (piece.flags and piece.flags & left_out):
            total.add(piece, share)
        elif piece.flags & left_out == Flag.OVER:
            total.add_over(piece, share)
    return _levels(total, period)


def _share(piece: Interval, period: Span) -> float:
    """The part of a piece that belongs to a period: all or nothing, unless its energy is even."""
    if period.starts_at <= piece.starts_at and piece.ends_at <= period.ends_at:
        return 1.0
    if not piece.flags & Flag.SPREAD:
        return 0.0
    return period.overlap_s(piece.starts_at, piece.ends_at) / piece.expected_s


def _levels(total: _Sum, period: Span) -> PeriodLevels:
    expected_s = period.duration_s
    if total.present_s < expected_s - _LEAST_GAP_S:
        total.flags |= Flag.GAP
    counted_s = total.valid_s + total.over_s
    return PeriodLevels(
        starts_at=period.starts_at,
        ends_at=period.ends_at,
        laeq=level(total.energy_s / total.valid_s) if total.valid_s else None,
        lmax=total.lmax,
        lmin=total.lmin,
        lpeak=total.lpeak,
        histogram=Histogram.total(total.histograms),
        valid_s=total.valid_s,
        expected_s=expected_s,
        coverage=min(1.0, total.valid_s / expected_s),
        flags=total.flags,
        bound=_bound(total),
        sources=frozenset(total.sources),
        uncertainty_db=total.uncertainty_db,
        received_s=total.received_s,
        energy_s=total.energy_s,
        over_energy_s=total.over_energy_s,
        over_s=total.over_s,
        laeq_at_least=level((total.energy_s + total.over_energy_s) / counted_s) if counted_s else None,
    )


def _bound(total: _Sum) -> Bound:
    """Over-range bounds the mean from below, whatever its part; under-range from above, where its part is told."""
    if total.is_over:
        return Bound.LOWER
    if total.under_energy_s > total.energy_s * (1.0 - energy(-_TOLD_DB)):
        return Bound.UPPER
    return Bound.NONE
