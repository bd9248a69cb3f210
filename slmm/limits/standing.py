"""Where a limit stands at this moment: the running period or window, what it still allows, what comes next; pure.

A ``Watch`` is fed the pieces of time of one unit by and by, seconds or minutes, and answers at once: each piece is
added once and leaves once, whatever the length of the period.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from copy import copy
from dataclasses import dataclass
from datetime import datetime, timedelta

from slmm.acoustics.allowance import RECENT_S, Allowance, Heard, allowance
from slmm.acoustics.intervals import Interval, Span
from slmm.limits.calendar import LOOK_AHEAD_DAYS, Change, Due, Timetable
from slmm.limits.document import Limit
from slmm.limits.rows import Noisiest, Rolling
from slmm.limits.runs import NoisiestRun, RollingRun, Run, WholeRun
from slmm.limits.totals import Sliding
from slmm.limits.verdict import Judgement
from slmm.limits.words import Verdict

LAG_FACTOR = 1.5
LAG_S = 5.0
"""Data as old as one and a half of its own length and this are still the newest there can be."""


@dataclass(frozen=True, slots=True)
class Standing:
    """A limit at one moment."""

    at: datetime
    """The moment the level stands for: the end of the newest data, or now when they stay away."""
    verdict: Verdict | None
    """Of the period so far; red only when nothing that follows can take it back. None: no limit is in force."""
    judgement: Judgement | None
    """The period so far as if it ended now: level, limit, margin, coverage, and why."""
    period_ends_at: datetime | None
    """Of a rolling limit, when its hours end."""
    allowance: Allowance | None
    """What a mean over a period still allows, as a level at the meter, so without corrections."""
    next_change: Change | None
    previous: Judgement | None
    """The period that ended last; None for rolling limits and before the first."""

    @property
    def limit_db(self) -> float | None:
        """The limit in force."""
        return None if self.judgement is None else self.judgement.limit_db

    @property
    def level_db(self) -> float | None:
        """The level so far, or the rolling one; unrounded."""
        return None if self.judgement is None else self.judgement.level_db

    @property
    def margin_db(self) -> float | None:
        """Up to the limit; below 0 beyond it."""
        return None if self.judgement is None else self.judgement.margin_db

    @property
    def why(self) -> str:
        """The verdict as a sentence."""
        return "no limit is in force" if self.judgement is None else self.judgement.why


class Watch:
    """One limit at one unit, from moment to moment."""

    def __init__(self, limit: Limit, zone: str) -> None:
        """*zone* is that of the unit."""
        self.timetable = Timetable(limit, zone)
        self._run: Run | None = None
        self._before: Run | None = None
        """The run before: its last pieces may come after its end."""
        self._recent = Sliding()
        self._newest: Interval | None = None
        self._change: Change | None = None
        self._change_holds_until: datetime | None = None

    def earliest(self, now: datetime) -> datetime:
        """From when stored pieces are needed before the first question."""
        return min(self.timetable.earliest(now), now - timedelta(seconds=RECENT_S))

    def add(self, piece: Interval, *, is_excluded: bool = False) -> bool:
        """The next piece by time; one that begins before the end of the last is refused."""
        if self._newest is not None and piece.starts_at < self._newest.ends_at:
            return False
        self._newest = piece
        self._recent.add(piece, is_excluded=is_excluded)
        self._recent.forget(piece.ends_at - timedelta(seconds=RECENT_S))
        before = self._before
        if before is not None and piece.starts_at in before.due.hours and piece.starts_at < before.due.ends_at:
            before.add(piece, is_excluded=is_excluded)
            return True
        self._turn(piece.starts_at)
        if self._run is not None:
            self._run.add(piece, is_excluded=is_excluded)
        return True

    def _turn(self, at: datetime) -> None:
        """Begin the period an instant falls in; what does not go on stays for its last pieces."""
        run = self._run
        if run is not None and run.due.starts_at <= at < run.due.ends_at:
            return
        if run is not None and at < run.due.starts_at:
            return  # a piece of a period that was left long ago
        due = self.timetable.period_at(at)
        if run is not None and due is not None and run.goes_on(due, self.timetable):
            run.due = due
            return
        if run is not None:
            self._before = run
        self._run = None if due is None else self._begun(due)

    def _begun(self, due: Due) -> Run:
        period = self.timetable.limit.period_of(due.hours.row)
        if isinstance(period, Rolling):
            return RollingRun(self.timetable, due, period.length_s)
        if isinstance(period, Noisiest):
            return NoisiestRun(self.timetable, due, period.length_s)
        return WholeRun(self.timetable, due)

    def fork(self) -> Watch:
        """Another at the same point, to look at what a piece that is not over yet would make of it."""
        other = copy(self)
        other._run = None if self._run is None else self._run.fork()
        other._before = None if self._before is None else self._before.fork()
        other._recent = self._recent.copy()
        return other

    @property
    def heard_until(self) -> datetime | None:
        """The end of the newest piece; None before the first."""
        return None if self._newest is None else self._newest.ends_at

    def ended(self, until: datetime) -> list[tuple[Due, Judgement]]:
        """The last two periods as far as they had ended by then, judged, by time; of rolling limits none."""
        runs = [run for run in (self._before, self._run) if run is not None and run.due.ends_at <= until]
        found = [(run.due, run.final()) for run in runs]
        return [(due, judgement) for due, judgement in found if judgement is not None]

    def standing(self, now: datetime, *, now_db: float | None = None, residual_db: float | None = None) -> Standing:
        """The answer for this moment, which never goes back.

        *now_db* is the present level at the meter, for the time until nothing is left; the mean of the last 15 minutes
        stands for it. *residual_db* is the usual level without the work, for the floor forecast.
        """
        self._turn(now)
        at = self._heard_until(now)
        run = self._shown(at)
        previous = None if self._before is None else self._before.final()
        if run is None:
            return Standing(at, None, None, None, None, self._next_change(now), previous)
        judgement = (previous if run is self._before else None) or run.judgement(at)
        return Standing(
            at=at,
            verdict=judgement.verdict,
            judgement=judgement,
            period_ends_at=run.due.ends_at,
            allowance=self._allowance(run, at, now_db, residual_db),
            next_change=self._next_change(now),
            previous=previous,
        )

    def _shown(self, at: datetime) -> Run | None:
        """The run of this moment; at the end of a period, until anything of the next is heard, the one that ended."""
        run, before = self._run, self._before
        if run is None or before is None or at > run.due.starts_at:
            return run
        return before if before.due.starts_at < at <= before.due.ends_at else run

    def _heard_until(self, now: datetime) -> datetime:
        newest = self._newest
        if newest is None or newest.ends_at > now:
            return now
        lag_s = newest.expected_s * LAG_FACTOR + LAG_S
        return newest.ends_at if (now - newest.ends_at).total_seconds() <= lag_s else now

    def _next_change(self, now: datetime) -> Change | None:
        if self._change_holds_until is None or now >= self._change_holds_until:
            self._change = self.timetable.next_change(now)
            again = timedelta(days=LOOK_AHEAD_DAYS / 2)
            self._change_holds_until = now + again if self._change is None else self._change.at
        return self._change

    def _allowance(self, run: Run, at: datetime, now_db: float | None, residual_db: float | None) -> Allowance | None:
        limit, row = self.timetable.limit, run.due.hours.row
        if not isinstance(run, WholeRun) or limit.quantity not in ("laeq", "lr") or row.time_correction:
            return None
        begins_at, ends_at = run.due.starts_at, run.due.ends_at
        elapsed_s = max(0.0, (min(at, ends_at) - begins_at).total_seconds())
        total = run.total
        recent_db = self._recent.levels(at - timedelta(seconds=RECENT_S), at).laeq
        heard = Heard(
            energy_s=total.energy_s + total.over_energy_s,
            measured_s=total.valid_s + total.over_s,
            elapsed_s=elapsed_s,
            recent_db=recent_db,
            now_db=now_db,
            residual_db=residual_db,
        )
        period_s = (ends_at - begins_at).total_seconds()
        return allowance(row.red_db - limit.adjustment_of(row), period_s, heard)


def current(
    limit: Limit,
    intervals: Iterable[Interval],
    now: datetime,
    zone: str,
    excluded: Sequence[Span] = (),
    *,
    now_db: float | None = None,
    residual_db: float | None = None,
) -> Standing:
    """The same from stored pieces in order of time; those that end after *now* are not looked at."""
    watch = Watch(limit, zone)
    for piece in intervals:
        if piece.ends_at <= now:
            watch.add(piece, is_excluded=any(span.overlap_s(piece.starts_at, piece.ends_at) > 0 for span in excluded))
    return watch.standing(now, now_db=now_db, residual_db=residual_db)


def allowance_of(
    limit: Limit,
    intervals: Iterable[Interval],
    now: datetime,
    zone: str,
    excluded: Sequence[Span] = (),
    *,
    now_db: float | None = None,
    residual_db: float | None = None,
) -> Allowance | None:
    """What the running period still allows (R18-R23); None for what is no mean over a period, or without a limit."""
    return current(limit, intervals, now, zone, excluded, now_db=now_db, residual_db=residual_db).allowance
