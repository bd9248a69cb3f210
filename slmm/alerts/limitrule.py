"""What a rule that watches a limit gets to see: levels with the terms in force, judged as reports judge them; pure.

fixed and whole periods, the noisiest stretch
    one sample when a period has ended, with its judged level. A rule that warns gets samples while the period runs,
    too, but only of what nothing can take back: the level the period would come to if it were silent from now on.
rolling
    one sample for each minute, with the level of the window that ends with it.

What is not judged (too little known, or only a bound) is no evidence, so there is no sample of it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from slmm.acoustics.quality import Bound
from slmm.alerts.rules import Comparison, Rule, Severity, Watched
from slmm.limits.calendar import Timetable
from slmm.limits.rows import Noisiest, Row, Whole
from slmm.limits.standing import Standing, Watch
from slmm.limits.verdict import MAXIMA, Judgement, exceeds, shown
from slmm.limits.words import Verdict

KNOWN = (Verdict.OK, Verdict.AMBER, Verdict.RED)
LONGEST_NEWS_S = 3600.0
"""After the last period of the day an alarm stays open for one period more, but no longer than this."""
MINUTE_S = 60.0
LOOK_BACK = timedelta(days=8)
"""Hours that ended longer ago are not looked for."""
_INSTANT = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Sample:
    """A level to be judged."""

    at: datetime
    rule: Rule
    """The rule on the terms that were in force."""
    level_db: float
    detail: str
    """The verdict as a sentence."""
    flags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Closing:
    """The hours of the limit are over, and no others follow."""

    at: datetime


class LimitFollower:
    """One rule on one limit, from minute to minute."""

    def __init__(self, rule: Rule, timetable: Timetable, judged_until: datetime) -> None:
        """What ended up to *judged_until* was told before."""
        self.timetable = timetable
        self.judged_until = judged_until
        self._rule = rule
        self._closed_at: datetime | None = None
        self._on_terms: dict[tuple[str, float, float | None], Rule] = {}

    @property
    def needs_from(self) -> datetime:
        """From when minutes are needed to go on."""
        return self.timetable.earliest(self.judged_until)

    def look(self, watch: Watch, until: datetime, known_from: datetime) -> list[Sample | Closing]:
        """What there is to be judged, given that all minutes up to *until* have been added to *watch*.

        Periods that began before *known_from* are not judged, for their begin was not heard.
        """
        found: list[Sample | Closing] = []
        for due, judgement in watch.ended(until):
            if self.judged_until < due.ends_at and known_from <= due.starts_at:
                self.judged_until = due.ends_at
                if (sample := self._sample(due.hours.row, due.ends_at, judgement)) is not None:
                    found.append(sample)
        if watch.heard_until == until and until > self.judged_until:
            found += self._running(watch, until)
        if (closing := self._closing(until)) is not None:
            found.append(closing)
        return found

    # -- while it lasts ---------------------------------------------------------------------------------------

    def _running(self, watch: Watch, until: datetime) -> list[Sample]:
        due = self.timetable.period_at(until - _INSTANT)
        if due is None:
            return []
        row, period = due.hours.row, self.timetable.limit.period_of(due.hours.row)
        if period.kind != "rolling" and (not self._watched.warns or due.ends_at <= until):
            return []
        standing = watch.standing(until)
        if standing.judgement is None:
            return []
        self.judged_until = until
        if period.kind == "rolling":
            sample = self._sample(row, until, standing.judgement)
        else:
            sample = self._warning(row, until, standing)
        return [] if sample is None else [sample]

    @property
    def _watched(self) -> Watched:
        assert self._rule.limit is not None
        return self._rule.limit

    def _warning(self, row: Row, at: datetime, standing: Standing) -> Sample | None:
        """Only what is beyond amber for certain: a mean that may still fall is evidence for nothing."""
        limit, judgement = self.timetable.limit, standing.judgement
        assert judgement is not None
        level_db, detail = self._certain(standing, judgement)
        warns_at_db = row.red_db if (amber_db := limit.amber_of(row)) is None else amber_db
        if level_db is None or not exceeds(limit, level_db, warns_at_db):
            return None
        rule = self._rule_on(row, judgement.label)
        return Sample(at, rule, level_db, f"{self._watched.name}: {detail}", _flags(judgement))

    def _certain(self, standing: Standing, judgement: Judgement) -> tuple[float | None, str]:
        limit, allowance = self.timetable.limit, standing.allowance
        if judgement.verdict is Verdict.RED and (limit.quantity in MAXIMA or judgement.noisiest or allowance is None):
            return judgement.told_db, judgement.why
        if allowance is not None and allowance.used_ratio > 0:
            least_db = shown(limit, judgement.limit_db + 10.0 * math.log10(allowance.used_ratio))
            used = math.floor(allowance.used_ratio * 1000 + 1e-6) / 10
            return least_db, f"{used:g} % of the allowance is used; {judgement.why}"
        if judgement.verdict is Verdict.AMBER and (limit.quantity in MAXIMA or judgement.noisiest):
            return judgement.told_db, judgement.why
        return None, ""

    # -- terms -----------------------------------------------------------------------------------------------

    def _sample(self, row: Row, at: datetime, judgement: Judgement) -> Sample | None:
        if judgement.verdict not in KNOWN or judgement.told_db is None:
            return None
        detail = f"{self._watched.name}: {judgement.why}"
        rule = self._rule_on(row, judgement.label)
        return Sample(at, rule, judgement.told_db, detail, _flags(judgement))

    def _rule_on(self, row: Row, label: str) -> Rule:
        limit = self.timetable.limit
        key = (label, row.red_db, limit.amber_of(row))
        if key not in self._on_terms:
            self._on_terms[key] = on_terms(self._rule, self.timetable, row)
        return self._on_terms[key]

    def _closing(self, until: datetime) -> Closing | None:
        """When the hours are over; of judged periods a little later, so that the last one is news for a while."""
        if self.timetable.hours_at(until) is not None:
            return None
        over = [hours for hours in self.timetable.hours_between(until - LOOK_BACK, until) if hours.ends_at <= until]
        if not over:
            return None
        last = max(over, key=lambda hours: hours.ends_at)
        at = last.ends_at + timedelta(seconds=self._news_s(last.row))
        if until < at or at < self.judged_until or self._closed_at == at:
            return None
        self._closed_at = at
        return Closing(at)

    def _news_s(self, row: Row) -> float:
        period = self.timetable.limit.period_of(row)
        if period.kind == "rolling":
            return 0.0
        return min(LONGEST_NEWS_S, period_s(self.timetable, row))


def _flags(judgement: Judgement) -> tuple[str, ...]:
    """How an event tells that its level is only a bound."""
    return {Bound.LOWER: ("over",), Bound.UPPER: ("under",), Bound.NONE: ()}[judgement.bound]


def period_s(timetable: Timetable, row: Row) -> float:
    """How long the periods of a row usually are, in s."""
    period = timetable.limit.period_of(row)
    if isinstance(period, Whole | Noisiest):
        return (row.ends_min - row.begins_min) * 60.0
    return float(period.length_s)


def on_terms(rule: Rule, timetable: Timetable, row: Row) -> Rule:
    """A rule on the terms of one row: its thresholds, what its levels are called, and how far apart samples lie."""
    limit, watched = timetable.limit, rule.limit
    assert watched is not None
    is_rolling = limit.period_of(row).kind == "rolling"
    amber_db = limit.amber_of(row) if watched.warns else None
    return replace(
        rule,
        comparison=Comparison.AT_LEAST if limit.comparator == ">=" else Comparison.GREATER,
        threshold_db=row.red_db if amber_db is None else amber_db,
        red_threshold_db=None if amber_db is None else row.red_db,
        severity=Severity.RED if amber_db is None else Severity.AMBER,
        clear_margin_db=rule.clear_margin_db if is_rolling else 0.0,
        interval_s=MINUTE_S if is_rolling else period_s(timetable, row),
        limit=replace(watched, label=limit.label(row)),
    )


def present_row(timetable: Timetable, at: datetime) -> Row:
    """The row in force, else the next one to come, else the first."""
    hours = timetable.hours_at(at)
    if hours is None:
        coming = timetable.hours_between(at, at + LOOK_BACK)
        hours = coming[0] if coming else None
    return timetable.limit.rows[0] if hours is None else hours.row
