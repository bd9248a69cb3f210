"""Figures of named periods: day, evening, night, whole days, hours; what exceeded a level; what a limit still allows.

Everything is put together unrounded (R11); ``figures`` rounds, once, for whoever shows it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from typing import Protocol

from slmm.acoustics.allowance import RECENT_S, Allowance, allowance_of
from slmm.acoustics.civil import day_span, local_date
from slmm.acoustics.energy import exposure_level, level, rounded, rounded_up
from slmm.acoustics.intervals import Interval, PeriodLevels, Span
from slmm.acoustics.periods import CNEL, DAY, EVENING, LDEN, LDN, NIGHT, Period, Scheme, periods_between, periods_of
from slmm.acoustics.quality import LEAST_COVERAGE, Bound, Flag, is_judged
from slmm.acoustics.ratings import cnel, lden, ldn
from slmm.acoustics.windows import fixed_periods
from slmm.errors import Invalid
from slmm.record import periods as periods_in_store
from slmm.record.history import DAY_S, MINUTE_S, MOST_POINTS, History, check_span, parse_step, value_of
from slmm.record.pieces import Pieces, newest_minutes
from slmm.record.store import Connection

PARTS = (DAY, EVENING, NIGHT)
ALL_PARTS = "parts"
WHOLE_DAY = "24h"
PERCENTS = (1, 5, 10, 50, 90, 95)
FIGURES = ("laeq", "lae", "lmax", "lmin", "lpeak", *(f"l{percent}" for percent in PERCENTS))
AS_RECORDED = Flag.OVER | Flag.CALIBRATION
"""Left out of the other result too: the calibrator is not the site. Wind, rain and what people excluded count there."""
MOST_COMPARED = 45_000
"""Periods that are held against a level in one question: a month of minutes."""
LONGEST_ALLOWANCE = timedelta(days=7)
NOT_MADE_YET = timedelta(minutes=2)
"""A minute is made some seconds after it is over."""


class Excluded(Protocol):
    """A span that a person took out of the figures."""

    @property
    def starts_at(self) -> datetime:
        """Aware."""

    @property
    def ends_at(self) -> datetime:
        """Aware, and after it."""


ExclusionsOf = Callable[[str, datetime, datetime], Sequence[Excluded]]


def figures(levels: PeriodLevels) -> dict[str, float | None]:
    """The levels of a period, rounded half up to 0.1 dB; LAE is that of the measured time (R2)."""
    laeq = value_of(levels, "laeq")
    measured_s = levels.valid_s if levels.laeq is not None else levels.over_s
    found = {name: value_of(levels, name) for name in FIGURES}
    found["lae"] = None if laeq is None or measured_s <= 0 else exposure_level(laeq, measured_s)
    return {name: None if value is None else rounded(value) for name, value in found.items()}


def uncertainty(levels: PeriodLevels) -> float | None:
    """Expanded, rounded up to 0.1 dB."""
    return None if levels.uncertainty_db is None else rounded_up(levels.uncertainty_db)


@dataclass(frozen=True, slots=True)
class Summary:
    """One period."""

    name: str
    date: date
    """The local date it starts on: whose night it is (R16)."""
    levels: PeriodLevels
    as_recorded: PeriodLevels | None
    """With what was excluded, and with wind and rain (R29); None when nothing of the kind was left out."""


@dataclass(frozen=True, slots=True)
class Ratings:
    """Levels of a whole day that begins at 07:00, unrounded; None when a part is not known (R6, R7)."""

    date: date
    lden: float | None
    ldn: float | None
    cnel: float | None
    coverage: float
    """Of its worst part."""


class Summaries:
    """Figures of one record; *exclusions_of* gives the spans that people took out."""

    def __init__(self, history: History, exclusions_of: ExclusionsOf) -> None:
        self._history = history
        self._exclusions_of = exclusions_of

    def periods(self, unit_id: str, period: str, from_at: datetime, until_at: datetime) -> list[Period]:
        """The periods of a kind of which any part lies in a span, whole; raises Invalid for no such kind."""
        check_span(from_at, until_at)
        zone = self._history.zone(unit_id)
        since, until = from_at.astimezone(UTC), until_at.astimezone(UTC)
        if period in PARTS or period == ALL_PARTS:
            _check_count((until - since).total_seconds() / DAY_S * (3 if period == ALL_PARTS else 1), period)
            wanted = PARTS if period == ALL_PARTS else (period,)
            return [found for found in periods_between(since, until, zone) if found.name in wanted]
        step_s = _length(period)
        _check_count((until - since).total_seconds() / step_s, period)
        return [
            Period(period, local_date(span.starts_at, zone), span) for span in fixed_periods(since, until, step_s, zone)
        ]

    def day(self, unit_id: str, period: str, day: date) -> tuple[datetime, datetime]:
        """From when until when the periods of a kind lie that belong to a local date."""
        zone = self._history.zone(unit_id)
        if period in PARTS or period == ALL_PARTS:
            parts = [found.span for found in periods_of(day, zone) if period in (ALL_PARTS, found.name)]
            return parts[0].starts_at, parts[-1].ends_at
        return day_span(day, zone)

    def of(self, unit_id: str, periods: Sequence[Period]) -> list[Summary]:
        """The figures of periods that stand in order of time; raises DiskTrouble."""
        if not periods:
            return []
        spans = [period.span for period in periods]
        excluded = self._excluded(unit_id, spans)

        def question(connection: Connection) -> list[Summary]:
            _, found = self._history.pieces(connection, unit_id, spans, excluded=excluded)
            return [_summary(period, part) for period, part in zip(periods, found, strict=True)]

        return self._history.store.read(question)

    def ratings(self, unit_id: str, days: Sequence[date]) -> list[Ratings]:
        """Lden, Ldn and CNEL of local dates in order; a night ends in the morning after. Raises DiskTrouble."""
        parts = {scheme: self._parts(unit_id, days, scheme) for scheme in (LDEN, LDN, CNEL)}
        return [_ratings(day, {scheme: found[day] for scheme, found in parts.items()}) for day in days]

    def _parts(self, unit_id: str, days: Sequence[date], scheme: Scheme) -> dict[date, dict[str, PeriodLevels]]:
        zone = self._history.zone(unit_id)
        periods = [period for day in days for period in periods_of(day, zone, scheme)]
        spans = [period.span for period in periods]
        excluded = self._excluded(unit_id, spans)
        levels = self._history.levels(unit_id, spans, excluded=excluded, with_counts=False)
        found: dict[date, dict[str, PeriodLevels]] = {day: {} for day in days}
        for period, part in zip(periods, levels, strict=True):
            found[period.date][period.name] = part
        return found

    def _excluded(self, unit_id: str, spans: Sequence[Span]) -> list[Span]:
        if not spans:
            return []
        exclusions = self._exclusions_of(unit_id, spans[0].starts_at, spans[-1].ends_at)
        return [Span(each.starts_at.astimezone(UTC), each.ends_at.astimezone(UTC)) for each in exclusions]

    def exceedances(self, unit_id: str, spans: Sequence[Span], test: Threshold) -> Exceedances:
        """Which of the fixed periods *spans* exceeded a level, as runs; raises Invalid and DiskTrouble."""
        if len(spans) > MOST_COMPARED:
            raise Invalid(
                f"step gives {len(spans)} periods, and {MOST_COMPARED} are allowed; ask for longer ones, or for less",
                field="step",
            )
        if spans and spans[0].duration_s < MINUTE_S and len(spans) > MOST_POINTS:
            raise Invalid(
                f"step gives {len(spans)} periods; shorter than a minute {MOST_POINTS} are allowed", field="step"
            )
        levels = self._history.levels(
            unit_id, spans, excluded=self._excluded(unit_id, spans), with_counts=test.metric[1:].isdigit()
        )
        return exceedances_of(levels, test)

    def allowance(
        self, unit_id: str, limit_db: float, period: Span, *, residual_db: float | None = None
    ) -> tuple[Allowance, datetime]:
        """What a limit of a period still allows, and as of when; raises Invalid and DiskTrouble.

        As of the last minute that was made, unless that is long ago: then what was missed since counts as missed.
        """
        if period.duration_s > LONGEST_ALLOWANCE.total_seconds():
            raise Invalid(f"until: the period is longer than {LONGEST_ALLOWANCE.days} days", field="until")
        now = self._history.now()
        begin, until = period.starts_at - timedelta(seconds=RECENT_S), min(now, period.ends_at)
        minutes = self._minutes(unit_id, begin, until) if until > period.starts_at else []
        if minutes and until - minutes[-1].ends_at < NOT_MADE_YET:
            until = minutes[-1].ends_at
        excluded = self._excluded(unit_id, [Span(begin, period.ends_at)])
        return allowance_of(limit_db, period, minutes, until, excluded=excluded, residual_db=residual_db), until

    def _minutes(self, unit_id: str, begin: datetime, until: datetime) -> list[Interval]:
        unit = self._history.store.known_unit(unit_id)
        if unit is None:
            return []

        def question(connection: Connection) -> list[Interval]:
            rows = newest_minutes(connection, self._history.partitions, unit_id, begin, until)
            return periods_in_store.get(connection, rows, unit, begin, until)

        return self._history.store.read(question)


def _length(period: str) -> int:
    """Seconds of a period named by its length; raises Invalid."""
    try:
        step_s = DAY_S if period == WHOLE_DAY else parse_step(period)
    except Invalid:
        step_s = None
    if step_s is None or step_s < MINUTE_S:
        raise Invalid(
            f"period {period[:20]!r} is not allowed: day, evening, night, parts (all three), 24h, or a length that"
            " divides a day, such as 15min, 1h or 8h",
            field="period",
        )
    return step_s


def _check_count(count: float, period: str) -> None:
    if count > MOST_POINTS:
        raise Invalid(
            f"from: that would be {count:.0f} periods of {period}, and {MOST_POINTS} are allowed; ask for less",
            field="from",
        )


def _summary(period: Period, part: Pieces) -> Summary:
    levels = part.levels()
    is_other = levels.flags & (Flag.EXCLUDED | Flag.WEATHER)
    return Summary(period.name, period.date, levels, part.levels(AS_RECORDED) if is_other else None)


def _ratings(day: date, found: dict[Scheme, dict[str, PeriodLevels]]) -> Ratings:
    def laeq(scheme: Scheme, name: str) -> float | None:
        return found[scheme][name].laeq if name in found[scheme] else None

    coverages = [part.coverage for parts in found.values() for part in parts.values()]
    return Ratings(
        date=day,
        lden=lden(laeq(LDEN, DAY), laeq(LDEN, EVENING), laeq(LDEN, NIGHT)),
        ldn=ldn(laeq(LDN, DAY), laeq(LDN, NIGHT)),
        cnel=cnel(laeq(CNEL, DAY), laeq(CNEL, EVENING), laeq(CNEL, NIGHT)),
        coverage=min(coverages, default=0.0),
    )


class Comparator(StrEnum):
    """What counts as an exceedance; the rounded value is compared (R11)."""

    ABOVE = "gt"
    AT_LEAST = "ge"


@dataclass(frozen=True, slots=True)
class Threshold:
    """A quantity held against a level."""

    metric: str
    level_db: float
    comparator: Comparator = Comparator.ABOVE
    least_coverage: float = LEAST_COVERAGE

    def exceeds(self, levels: PeriodLevels) -> bool | None:
        """Whether a period exceeds; None where it cannot be judged (R25).

        What over-range time shows at least may be a breach, and never proves that there is none (R26).
        """
        value = value_of(levels, self.metric)
        is_at_least = False
        if levels.over_s and self.metric == "laeq":
            value, is_at_least = levels.laeq_at_least, True
        is_breach = value is not None and self._is_beyond(rounded(value))
        if is_breach and self.metric in ("lmax", "lpeak"):  # what was missed cannot make it less
            return True
        known_part = levels.coverage + (levels.over_s / levels.expected_s if is_at_least else 0.0)
        if value is None or not is_judged(known_part, self.least_coverage):
            return None
        return True if is_breach else None if is_at_least else False

    def _is_beyond(self, value_db: float) -> bool:
        return value_db > self.level_db if self.comparator is Comparator.ABOVE else value_db >= self.level_db


@dataclass(frozen=True, slots=True)
class Exceedance:
    """Consecutive periods that all exceed."""

    starts_at: datetime
    ends_at: datetime
    count: int
    highest_db: float
    """The highest value of its periods, unrounded."""
    highest_ends_at: datetime
    """The end of the period it is of."""
    laeq: float | None
    """Over all of them, unrounded."""
    bound: Bound


@dataclass(frozen=True, slots=True)
class Exceedances:
    """All runs, and how many periods were judged."""

    runs: list[Exceedance]
    periods: int
    exceeding: int
    not_judged: int


def exceedances_of(levels: Sequence[PeriodLevels], test: Threshold) -> Exceedances:
    """Runs of consecutive periods that exceed; one that cannot be judged, or is missing, ends a run (pure)."""
    verdicts = [test.exceeds(each) for each in levels]
    runs: list[list[PeriodLevels]] = []
    for each, verdict in zip(levels, verdicts, strict=True):
        if not verdict:
            continue
        if runs and runs[-1][-1].ends_at == each.starts_at:
            runs[-1].append(each)
        else:
            runs.append([each])
    return Exceedances(
        runs=[_run(run, test.metric) for run in runs],
        periods=len(levels),
        exceeding=sum(verdict is True for verdict in verdicts),
        not_judged=sum(verdict is None for verdict in verdicts),
    )


def _run(run: Sequence[PeriodLevels], metric: str) -> Exceedance:
    values = [(_shown(each, metric), each) for each in run]
    highest_db, loudest = max(values, key=lambda value: value[0])
    counted_s = sum(each.valid_s + each.over_s for each in run)
    energy_s = sum(each.energy_s + each.over_energy_s for each in run)
    return Exceedance(
        starts_at=run[0].starts_at,
        ends_at=run[-1].ends_at,
        count=len(run),
        highest_db=highest_db,
        highest_ends_at=loudest.ends_at,
        laeq=level(energy_s / counted_s) if counted_s else None,
        bound=Bound.of(Flag.OVER if any(each.bound is Bound.LOWER for each in run) else 0),
    )


def _shown(levels: PeriodLevels, metric: str) -> float:
    value = levels.laeq_at_least if metric == "laeq" and levels.over_s else value_of(levels, metric)
    return -math.inf if value is None else value
