"""Gathers what a report says from the record and the database; every read runs in the threads of whoever keeps it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from slmm import __version__
from slmm.acoustics.intervals import Interval, Span
from slmm.acoustics.periods import Period
from slmm.errors import Invalid
from slmm.events import Labels
from slmm.limits.rows import Fixed, Rolling
from slmm.record.chain.sealed_minutes import HOUR, hour_of, subject_of
from slmm.record.chain.seals import Kind
from slmm.record.history import MINUTE_S, History
from slmm.record.store import SCHEMA_VERSION, Connection
from slmm.record.summary import Summary
from slmm.report.document import MOST_ROWS, DayRating, Keeping, Report, SealedBy, Versions, gaps_of
from slmm.report.figures import Steps, minutes_of, parts_of, steps_of
from slmm.report.judging import needed, result_of
from slmm.report.press import Press
from slmm.report.reach import DAY, MONTH, Reach
from slmm.storage import upgrade
from slmm.storage.calibrations import Calibration, CalibrationBook
from slmm.storage.database import Database
from slmm.storage.limits import KeptLimit, LimitBook
from slmm.storage.models import RemarkRow, RunRow, SealRow
from slmm.storage.remarks import RemarkBook
from slmm.storage.runs import RunBook

_STEP_S = {DAY: 300, "week": 900, MONTH: 3600}
HOUR_S = 3600
_REACH_BACK = timedelta(days=2)
_AT_ONCE = 400


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which report."""

    unit_id: str
    reach: Reach
    limit_id: int | None = None
    """One limit; None: all that are switched on."""
    language: str = "en"
    place: str = ""
    """What people call the unit, and its site; empty when nobody named them."""
    is_language_asked: bool = False
    """Whether the reader named it, so that the way to other reports keeps it."""


class Gatherer:
    """Reads for one report after the other."""

    def __init__(self, database: Database, history: History, press: Press) -> None:
        self._database = database
        self._history = history
        self._press = press
        self._remarks = RemarkBook(database)
        self._limits = LimitBook(database)

    def gather(self, wanted: Wanted, labels: Labels) -> Report:
        """Everything; *labels* name the figures where no measurement of that time does.

        Raises Invalid for a time to come, NotFound for a limit that is none, and DiskTrouble.
        """
        reach, unit_id = wanted.reach, wanted.unit_id
        span, now = reach.span, self._history.now()
        if span.starts_at >= now:
            raise Invalid(f"{reach.kind} {reach.name} has not begun yet in {reach.zone}", field=reach.kind)
        until = min(now, span.ends_at + timedelta(days=2))
        limits = self._chosen(wanted)
        has_minutes = self._history.keeping.has_minutes(span.starts_at, now)
        step_s = _step_s(reach, limits) if has_minutes else HOUR_S
        parts = parts_of(reach, until)
        last = max([min(span.ends_at, until), *(part.span.ends_at for part in parts)])
        excluded = self._excluded(unit_id, Span(span.starts_at - _REACH_BACK, last + _REACH_BACK))
        spans = self._history.periods(unit_id, span.starts_at, last, step_s)
        steps = Steps(steps_of(self._history, unit_id, spans, excluded), reach.zone)
        runs = self._runs(unit_id, span)
        named = _labels_of(runs)
        # of older times whole periods can still be judged, from hours
        minutes = self._minutes(unit_id, limits, needed(limits, reach, until)) if has_minutes else steps.intervals()
        drawn = Span(span.starts_at, min(until, span.ends_at))
        days = self._press.run(steps.days, reach, until)
        return Report(
            unit_id=unit_id,
            place=wanted.place,
            reach=reach,
            until=until,
            labels=named or (labels,),
            are_labels_of_runs=bool(named),
            whole=self._press.run(steps.summary, reach.kind, reach.first, span),
            parts=self._press.run(steps.summaries, parts),
            days=days,
            ratings=self._press.run(_ratings, steps, days),
            steps=self._press.run(steps.drawn, drawn),
            step_s=step_s,
            sources=tuple(steps.sources(span)),
            gaps=tuple(gaps_of(minutes, drawn)),
            limits=tuple(self._press.run(result_of, kept, minutes, excluded, reach, until) for kept in limits),
            remarks=self._remarks_of(unit_id, span, parts),
            calibrations=self._calibrations(unit_id, span),
            runs=tuple(runs),
            sealed_by=self._database.read(lambda session: _sealed_by(session, unit_id, span)),
            keeping=self._keeping(unit_id, has_minutes),
            versions=self._versions(),
        )

    def _versions(self) -> Versions:
        return Versions(__version__, SCHEMA_VERSION, self._database.in_pool(upgrade.current, self._database.engine))

    def _chosen(self, wanted: Wanted) -> list[KeptLimit]:
        if wanted.limit_id is not None:
            return [self._limits.get(wanted.unit_id, wanted.limit_id)]
        return [kept for kept in self._limits.all(wanted.unit_id) if kept.is_enabled]

    def _excluded(self, unit_id: str, span: Span) -> list[Span]:
        found = self._remarks.exclusions(unit_id, span.starts_at, span.ends_at)
        return [Span(each.starts_at.astimezone(UTC), each.ends_at.astimezone(UTC)) for each in found]

    def _minutes(self, unit_id: str, limits: Sequence[KeptLimit], span: Span) -> list[Interval]:
        return minutes_of(self._history, unit_id, span, with_counts=any(kept.limit.quantity == "ln" for kept in limits))

    def _runs(self, unit_id: str, span: Span) -> list[RunRow]:
        found = RunBook(self._database).find(unit_id, starts_at=span.starts_at, ends_at=span.ends_at, limit=MOST_ROWS)
        return sorted(found, key=lambda row: (row.started_at, row.id))

    def _remarks_of(self, unit_id: str, span: Span, parts: Sequence[Period]) -> tuple[RemarkRow, ...]:
        """Those of the span, and of the night that ends after it."""
        last = max([span.ends_at, *(period.span.ends_at for period in parts)])
        found = self._remarks.find(
            unit_id, starts_at=span.starts_at, ends_at=last, with_withdrawn=True, limit=MOST_ROWS
        )
        return tuple(sorted(found, key=lambda row: (row.starts_at, row.id)))

    def _calibrations(self, unit_id: str, span: Span) -> tuple[Calibration, ...]:
        """Within the span, and the nearest on either side: what came before, and what came after."""
        book = CalibrationBook(self._database)
        within = book.find(unit_id, starts_at=span.starts_at, ends_at=span.ends_at, limit=MOST_ROWS)
        before = book.find(unit_id, ends_at=span.starts_at, limit=MOST_ROWS)
        after = book.find(unit_id, starts_at=span.ends_at, limit=MOST_ROWS)
        nearest = [max(before, key=_when)] if before else []
        nearest += [min(after, key=_when)] if after else []
        return tuple(sorted([*within, *nearest], key=_when))

    def _keeping(self, unit_id: str, has_minutes: bool) -> Keeping:
        store, unit = self._history.store, self._history.store.known_unit(unit_id)
        if unit is None:
            return Keeping(None, None, self._history.keeping.minutes_days, has_minutes)

        def question(connection: Connection) -> tuple[datetime | None, datetime | None]:
            hours = "select min(starts_at), max(ends_at) from hours where unit = ?"
            minutes = "select min(starts_at), max(ends_at) from minutes where unit = ?"
            found = [connection.execute(each, [unit]).fetchone() or (None, None) for each in (hours, minutes)]
            begins = [row[0].replace(tzinfo=UTC) for row in found if row[0] is not None]
            ends = [row[1].replace(tzinfo=UTC) for row in found if row[1] is not None]
            return min(begins, default=None), max(ends, default=None)

        return Keeping(*store.read(question), self._history.keeping.minutes_days, has_minutes)


def _ratings(steps: Steps, days: Sequence[Summary]) -> tuple[DayRating, ...]:
    return tuple(steps.rating(each.date) for each in days)


def _when(found: Calibration) -> tuple[datetime, int]:
    return found.row.at, found.row.id


def _step_s(reach: Reach, limits: Sequence[KeptLimit]) -> int:
    """The chart shows what the first limit judges whose periods are neither too short nor too long to be seen."""
    usual_s = _STEP_S[reach.kind]
    for kept in limits:
        period = kept.limit.period
        if not isinstance(period, (Fixed, Rolling)) or not usual_s <= period.length_s <= HOUR_S:
            continue
        if HOUR_S % period.length_s == 0 and period.length_s % MINUTE_S == 0:
            return period.length_s
    return usual_s


def _labels_of(runs: Sequence[RunRow]) -> tuple[Labels, ...]:
    """The weightings that the measurements of the time were made with, each once."""
    found: dict[Labels, None] = {}
    for row in runs:
        settings = row.settings or {}
        if settings.get("frequency_weighting"):
            found[Labels(settings["frequency_weighting"], settings.get("time_weighting"))] = None
    return tuple(found)


def _sealed_by(session: Session, unit_id: str, span: Span) -> SealedBy | None:
    """The newest link that stands for minutes of the span: of its hours, or of the unit's files of these days."""
    hours, hour = [], hour_of(span.starts_at)
    while hour < span.ends_at:
        hours.append(subject_of(hour))
        hour += HOUR
    newest = 0
    for at in range(0, len(hours), _AT_ONCE):
        subjects = hours[at : at + _AT_ONCE]
        query = select(func.max(SealRow.id)).where(SealRow.kind == str(Kind.MINUTES), SealRow.subject.in_(subjects))
        newest = max(newest, session.scalar(query) or 0)
    folder = f"record/levels/minutes/{unit_id}/"
    files = select(SealRow.id, SealRow.subject).where(
        SealRow.kind == str(Kind.LEVELS), SealRow.subject.startswith(folder, autoescape=True)
    )
    first, last = span.starts_at.date().isoformat(), (span.ends_at - timedelta(seconds=1)).date().isoformat()
    for number, subject in session.execute(files):
        if first <= subject.removeprefix(folder)[:10] <= last:
            newest = max(newest, number)
    row = session.get(SealRow, newest) if newest else None
    return None if row is None else SealedBy(row.id, row.at, row.link)
