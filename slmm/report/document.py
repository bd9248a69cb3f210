"""Everything a report says, gathered once: values as they were measured and judged, no words and no layout; pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from slmm.acoustics.intervals import Interval, PeriodLevels, Span
from slmm.events import Labels
from slmm.limits.budget import BudgetLine
from slmm.limits.calendar import Step
from slmm.limits.verdict import Judgement
from slmm.limits.words import Verdict
from slmm.record.summary import Summary
from slmm.report.reach import Reach
from slmm.storage.calibrations import Calibration
from slmm.storage.limits import KeptLimit
from slmm.storage.models import RemarkRow, RunRow

LAYOUT_VERSION = 1
"""Counts changes of what a report says and how; printed with every report."""
MOST_ROWS = 2000
"""Of remarks, runs and calibrations within one report."""
BEYOND = frozenset({Verdict.RED})
UNKNOWN = frozenset({Verdict.NOT_JUDGED, Verdict.NO_DATA, Verdict.NOT_PROVEN})


@dataclass(frozen=True, slots=True)
class Stretch:
    """Consecutive periods of one limit that came to the same."""

    periods: tuple[Judgement, ...]
    covers: Span
    """From the begin of the first to the end of the last."""

    @property
    def loudest(self) -> Judgement:
        """The one with the highest level; the first of equals."""
        return max(self.periods, key=lambda each: -1e9 if each.told_db is None else each.told_db)

    @property
    def least_coverage(self) -> float:
        """That of the worst of its periods."""
        return min(each.coverage for each in self.periods)


@dataclass(frozen=True, slots=True)
class LimitResult:
    """What one limit says of the time."""

    kept: KeptLimit
    zone: str
    """The limit's own, where it has one."""
    judgements: tuple[Judgement, ...]
    """Of the periods that are over, by time; without what was excluded."""
    as_recorded: tuple[Judgement, ...] | None
    """The same periods with what was excluded, and with wind and rain; None where nothing was left out."""
    line: tuple[Step, ...]
    budget: tuple[BudgetLine, ...]
    """Of the days of this report alone."""

    @property
    def is_rolling(self) -> bool:
        """Whether its periods are windows that overlap."""
        return any(self.kept.limit.period_of(row).kind == "rolling" for row in self.kept.limit.rows)

    def count(self, verdicts: frozenset[Verdict]) -> int:
        """How many periods came to one of these."""
        return sum(each.verdict in verdicts for each in self.judgements)

    @property
    def highest(self) -> Judgement | None:
        """The judged period with the highest level; the first of equals."""
        judged = [each for each in self.judgements if each.told_db is not None and each.verdict not in UNKNOWN]
        return max(judged, key=lambda each: each.told_db or 0.0) if judged else None

    def stretches(self, verdicts: frozenset[Verdict]) -> list[Stretch]:
        """Runs of consecutive periods that came to one of these."""
        return _stretches([each for each in self.judgements if each.verdict in verdicts])


@dataclass(frozen=True, slots=True)
class DayRating:
    """Lden of one date, unrounded; None when a part of the day is not known."""

    date: date
    lden: float | None
    coverage: float
    """Of its worst part."""


@dataclass(frozen=True, slots=True)
class SealedBy:
    """The newest link of the chain of evidence that stands for data of this report."""

    number: int
    at: datetime
    link: str


@dataclass(frozen=True, slots=True)
class Versions:
    """What made the figures."""

    slmm: str
    record_schema: int
    database_schema: str | None


@dataclass(frozen=True, slots=True)
class Keeping:
    """What the record has of a unit, and for how long it keeps minutes."""

    begins_at: datetime | None
    """None: nothing was ever recorded."""
    ends_at: datetime | None
    minutes_days: float
    """0: for ever."""
    has_minutes: bool
    """Whether those of the span are still kept; else everything is from hours."""


@dataclass(frozen=True, slots=True)
class Report:
    """One unit over one day, week or month."""

    unit_id: str
    place: str
    """What people call it, and its site; may be empty."""
    reach: Reach
    until: datetime
    """The end of the span, or the present when that comes first: later times are no gap."""
    labels: tuple[Labels, ...]
    """Weightings of the measurements within the span; several if they differ."""
    are_labels_of_runs: bool
    """False: those the meter was last known to have."""
    whole: Summary
    parts: tuple[Summary, ...]
    """Day, evening and night of each date, those that have begun."""
    days: tuple[Summary, ...]
    """Midnight to midnight of each date."""
    ratings: tuple[DayRating, ...]
    steps: tuple[PeriodLevels, ...]
    """Of the chart: with what was excluded, without over-range and calibration."""
    step_s: int
    sources: tuple[tuple[str, float], ...]
    """Valid seconds by source, most first."""
    gaps: tuple[Span, ...]
    """Times of whole minutes of which nothing is known."""
    limits: tuple[LimitResult, ...]
    remarks: tuple[RemarkRow, ...]
    """By time, those that were withdrawn included."""
    calibrations: tuple[Calibration, ...]
    """Within the span, and the nearest before and after it; by time."""
    runs: tuple[RunRow, ...]
    sealed_by: SealedBy | None
    keeping: Keeping
    versions: Versions

    @property
    def exclusions(self) -> list[RemarkRow]:
        """What was left out of the judged figures."""
        return [row for row in self.remarks if row.excludes and row.withdrawn_at is None]

    @property
    def is_over(self) -> bool:
        """Whether the whole span lies in the past."""
        return self.until >= self.reach.span.ends_at

    @property
    def is_empty(self) -> bool:
        """Whether nothing at all is known of the span."""
        return not any(each.levels.received_s for each in (self.whole, *self.parts))


def _stretches(judgements: Sequence[Judgement]) -> list[Stretch]:
    """One after the other, or overlapping as windows do, on the same terms."""
    runs: list[list[Judgement]] = []
    for each in judgements:
        last = runs[-1][-1] if runs else None
        is_next = last is not None and each.starts_at <= last.ends_at
        if last is not None and is_next and (last.label, last.limit_db) == (each.label, each.limit_db):
            runs[-1].append(each)
        else:
            runs.append([each])
    return [Stretch(tuple(run), Span(run[0].starts_at, max(each.ends_at for each in run))) for run in runs]


def gaps_of(minutes: Sequence[Interval], span: Span, least: timedelta = timedelta(minutes=1)) -> list[Span]:
    """The times of which no piece knows anything."""
    found, since = [], span.starts_at
    for piece in minutes:
        if piece.ends_at <= span.starts_at or piece.starts_at >= span.ends_at or not piece.received_s:
            continue
        if piece.starts_at - since >= least:
            found.append(Span(since, piece.starts_at))
        since = max(since, piece.ends_at)
    if span.ends_at - since >= least:
        found.append(Span(since, span.ends_at))
    return found
