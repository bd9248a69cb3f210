"""A rule over the past: what it would have done, found with the very code that judges live; pure.

Three kinds of evidence can be played, each in order of time: single frames as they were received, whole minutes for a
rolling LAeq, and minutes for a limit. Nothing is written, and nobody is told.
"""

from __future__ import annotations

import logging
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from slmm.acoustics.intervals import Interval
from slmm.alerts import watchdog
from slmm.alerts.limitrule import LimitFollower
from slmm.alerts.rolling import LEAST_COVERAGE
from slmm.alerts.rules import ROLLING, Rule, Severity
from slmm.alerts.state import ChangeKind, Phase, State
from slmm.alerts.unit import STREAM_EVERY_S, Record, RuleRun, UnitAlerts
from slmm.events import Levels, Reading, RunState, StreamedLevels
from slmm.limits.calendar import Timetable
from slmm.limits.standing import Watch
from slmm.limits.totals import Sliding
from slmm.steady import SteadyClock

logger = logging.getLogger(__name__)

Floats = NDArray[np.float64]


@dataclass(slots=True)
class Episode:
    """One event that the rule would have made."""

    onset_at: datetime
    onset_db: float | None
    threshold_db: float
    is_red: bool
    detail: str | None
    peak_db: float | None = None
    peak_at: datetime | None = None
    ended_at: datetime | None = None
    """None: still open at the end of the span."""
    end_reason: str | None = None
    occurrences: int = 1


@dataclass(frozen=True, slots=True)
class Frames:
    """Rows of the record in order of time, a column each."""

    at_s: Floats
    """When they arrived, in s since 1970."""
    is_stream: NDArray[np.bool_]
    values: Floats
    """The rule's quantity, NaN where there is none; of a rolling LAeq the Leq of a stream's 100 ms, else LE."""
    is_measuring: Floats
    """1, 0, or NaN where it was not known."""
    flags: Sequence[str | None]


class Replay:
    """One rule, from an idle state on."""

    def __init__(self, rule: Rule, limits: watchdog.Limits, timetable: Timetable | None, begins_at: datetime) -> None:
        """*timetable* is that of the limit the rule watches."""
        self.episodes: list[Episode] = []
        self._now_s = self._begins_s = begins_at.timestamp()
        clock = SteadyClock(lambda: self._now_s, lambda: self._now_s)
        gap_s = max(3.0 * rule.interval_s, limits.max_gap_s)
        self._unit = UnitAlerts(rule.unit_id, clock, replace(limits, max_gap_s=gap_s))
        self._run = RuleRun(rule)
        self._unit.runs[rule.rule_id] = self._run
        self._last_s: float | None = None
        self._was_measuring = True
        self._watch: Watch | None = None
        self._known_from = begins_at
        self._known_until: datetime | None = None
        self._window = Sliding()
        if timetable is not None:
            self._run.follower = LimitFollower(rule, timetable, begins_at)
            self._watch = Watch(timetable.limit, timetable.zone)
            self._known_from = self._run.follower.needs_from

    @property
    def needs_from(self) -> datetime:
        """From when minutes are needed."""
        if self._run.follower is not None:
            return self._known_from
        return self.instant(self._now_s) - timedelta(seconds=self._run.rule.window_s)

    @staticmethod
    def instant(at_s: float) -> datetime:
        return datetime.fromtimestamp(at_s, UTC)

    @property
    def error(self) -> str | None:
        """Why the rule could not be judged."""
        return self._run.error

    # -- frames ----------------------------------------------------------------------------------------------

    def play_frames(self, frames: Frames) -> None:
        """The next rows; while nothing is going on, those that break no rule are jumped over."""
        if not len(frames.at_s):
            return
        order = self._heard(frames)
        calls = self._calling(frames, order)
        at = 0
        while at < len(order):
            if self._is_quiet(self._run.state):
                found = int(np.searchsorted(calls, at))
                if found == len(calls):
                    self._heard_before(float(frames.at_s[order[-1]]))
                    break
                if at < calls[found]:
                    at = int(calls[found])
                    self._heard_before(float(frames.at_s[order[at - 1]]))
            self._play(frames, int(order[at]))
            at += 1
        self._last_s = float(frames.at_s[-1])

    def _is_quiet(self, state: State) -> bool:
        return (
            self._run.rule.metric != ROLLING
            and state.phase is Phase.IDLE
            and not state.has_event
            and not state.is_disarmed
        )

    def _heard(self, frames: Frames) -> NDArray[np.intp]:
        """Which rows the rule gets to see: all of a rolling LAeq, else of a stream one a second."""
        if self._run.rule.metric == ROLLING or not frames.is_stream.any():
            return np.arange(len(frames.at_s))
        if self._run.rule.metric != "lp":
            return np.flatnonzero(~frames.is_stream)
        streamed = np.flatnonzero(frames.is_stream)
        times = frames.at_s[streamed].tolist()
        picked, at, due_s = [], 0, -np.inf
        while (at := bisect_left(times, due_s, at)) < len(times):
            picked.append(streamed[at])
            due_s = times[at] + STREAM_EVERY_S
            at += 1
        return np.sort(np.concatenate([np.array(picked, dtype=np.intp), np.flatnonzero(~frames.is_stream)]))

    def _calling(self, frames: Frames, order: NDArray[np.intp]) -> NDArray[np.intp]:
        """Places in *order* at which something may begin: a breach, or a silence before."""
        values: Any = frames.values[order]
        with np.errstate(invalid="ignore"):
            calls = np.asarray(self._run.rule.breaches(values), dtype=np.bool_)
        calls &= ~np.isnan(values)
        times = frames.at_s[order]
        before = np.concatenate([[times[0] if self._last_s is None else self._last_s], times[:-1]])
        return np.flatnonzero(calls | (times - before > self._unit.limits.no_data_after_s))

    def _play(self, frames: Frames, row: int) -> None:
        at_s = float(frames.at_s[row])
        if at_s < self._begins_s:
            self._fill(frames, row)
            return
        self._lose_until(at_s)
        self._go(at_s)
        is_measuring = frames.is_measuring[row]
        state = None if np.isnan(is_measuring) else RunState.MEASURING if is_measuring else RunState.STOPPED
        if state is RunState.MEASURING and not self._was_measuring:
            self._note(self._unit.measurement_restarted(at_s))
        self._was_measuring = state is RunState.MEASURING or (state is None and self._was_measuring)
        value = None if np.isnan(frames.values[row]) else float(frames.values[row])
        at, unit_id = self.instant(at_s), self._unit.unit_id
        if frames.is_stream[row]:
            levels = Levels(leq=value) if self._run.rule.metric == ROLLING else Levels(lp=value)
            records, _ = self._unit.take_streamed(StreamedLevels(unit_id, at, levels, "", 0, run_state=state), at_s)
        else:
            metric = "le" if self._run.rule.metric == ROLLING else self._run.rule.metric
            figures: dict[str, Any] = {metric: value}
            levels, text = Levels(**figures), frames.flags[row] or ""
            flags = tuple(text.split(",")) if text else ()
            records, _ = self._unit.take(Reading(unit_id, at, levels, "", run_state=state, flags=flags), at_s)
        self._note(records)

    def _heard_before(self, at_s: float) -> None:
        """Rows were jumped over, and the last of them was then."""
        if at_s >= self._begins_s:
            self._unit.watch = watchdog.Watch(self._begins_s, at_s, at_s, at_s)

    def _lose_until(self, at_s: float) -> None:
        """A silence before *at_s* may have been long enough to count as lost data."""
        due_s = watchdog.due_s(self._unit.watch, self._unit.limits)
        if due_s is not None and due_s <= at_s:
            self._go(due_s)
            self._unit.watch = watchdog.lost(self._unit.watch)
            self._note(self._unit.data_lost(due_s))

    def _fill(self, frames: Frames, row: int) -> None:
        """Before the span the window of a rolling LAeq only fills."""
        window = self._run.stream if frames.is_stream[row] else self._run.exposure
        if window is not None and not np.isnan(frames.values[row]):
            window.add(float(frames.at_s[row]), float(frames.values[row]))

    def _go(self, at_s: float) -> None:
        self._now_s = max(self._now_s, at_s)
        self._note(self._unit.tick(self._now_s))

    # -- minutes ---------------------------------------------------------------------------------------------

    def play_minutes(self, pieces: Sequence[Interval], is_excluded: Sequence[bool]) -> None:
        """The next minutes: for a limit, or for a rolling LAeq where there are no frames any more."""
        for piece, excluded in zip(pieces, is_excluded, strict=True):
            if self._watch is not None:
                self._play_limit(self._watch, piece, is_excluded=excluded)
            else:
                self._play_rolling(piece)

    def _play_limit(self, watch: Watch, piece: Interval, *, is_excluded: bool) -> None:
        limit = self._run.rule.limit
        assert limit is not None
        if self._known_until is not None and piece.starts_at > self._known_until:
            self._note(self._unit.take_limit(limit.limit_id, watch, piece.starts_at, self._known_from))
        if watch.add(piece, is_excluded=is_excluded):
            self._known_until = piece.ends_at
            self._note(self._unit.take_limit(limit.limit_id, watch, piece.ends_at, self._known_from))

    def _play_rolling(self, piece: Interval) -> None:
        """The window that ends with this minute; before the span it only fills."""
        self._known_until = piece.ends_at
        self._window.add(piece)
        at_s = piece.ends_at.timestamp()
        levels = self._window.levels(piece.ends_at - timedelta(seconds=self._run.rule.window_s), piece.ends_at)
        if at_s <= self._now_s or levels.laeq is None or levels.coverage < LEAST_COVERAGE:
            return
        self._go(at_s)
        self._note(self._unit.judge(self._run, at_s, levels.laeq))

    def finish(self, ends_at: datetime) -> list[Episode]:
        """The span is over: hours may have ended since the last evidence."""
        limit = self._run.rule.limit
        if self._watch is not None and limit is not None:
            self._note(self._unit.take_limit(limit.limit_id, self._watch, ends_at, self._known_from))
        if self._watch is None:
            self._lose_until(ends_at.timestamp())
        self._go(ends_at.timestamp())
        if self.episodes and self.episodes[-1].ended_at is None:
            self._take_peak(self.episodes[-1], self._run.state)
        return self.episodes

    # -- what came of it ---------------------------------------------------------------------------------------

    def _note(self, records: Sequence[Record]) -> None:
        for record in records:
            change, state = record.change, record.change.state
            if change.kind is ChangeKind.ONSET:
                self.episodes.append(
                    Episode(
                        onset_at=self.instant(change.at_s),
                        onset_db=change.value_db,
                        threshold_db=record.rule.threshold_db,
                        is_red=state.is_red or record.rule.severity is Severity.RED,
                        detail=record.detail,
                    )
                )
            if not self.episodes:
                continue
            episode = self.episodes[-1]
            self._take_peak(episode, state)
            episode.is_red = episode.is_red or state.is_red
            if change.kind in (ChangeKind.RECURRED, ChangeKind.REALARM):
                episode.occurrences = state.occurrences
            if change.kind in (ChangeKind.ESCALATED, ChangeKind.REALARM):
                episode.detail = record.detail or episode.detail
            if change.kind is ChangeKind.ENDED:
                episode.ended_at = self.instant(change.at_s)
                episode.end_reason = None if change.reason is None else change.reason.value

    def _take_peak(self, episode: Episode, state: State) -> None:
        if state.peak_db is None:
            return
        is_upward = self._run.rule.is_upward
        is_worse = episode.peak_db is None or (
            state.peak_db > episode.peak_db if is_upward else state.peak_db < episode.peak_db
        )
        if is_worse:
            episode.peak_db, episode.peak_at = state.peak_db, self.instant(state.peak_at_s)


@dataclass(slots=True)
class Coverage:
    """What was played, and what was not there."""

    stretches: list[tuple[datetime, datetime, str]] = field(default_factory=list)
    """Begin, end, and ``frames``, ``minutes`` or ``none``; those that follow each other with the same are one."""
    gaps: list[tuple[datetime, datetime]] = field(default_factory=list)
    gap_s: float = 0.0
    samples: int = 0

    def add(self, starts_at: datetime, ends_at: datetime, taken_from: str) -> None:
        """The next stretch."""
        if self.stretches and self.stretches[-1][1:] == (starts_at, taken_from):
            self.stretches[-1] = (self.stretches[-1][0], ends_at, taken_from)
        else:
            self.stretches.append((starts_at, ends_at, taken_from))

    def add_gap(self, starts_at: datetime, ends_at: datetime) -> None:
        """Nothing was there; gaps that touch are one."""
        self.gap_s += (ends_at - starts_at).total_seconds()
        if self.gaps and self.gaps[-1][1] >= starts_at:
            self.gaps[-1] = (self.gaps[-1][0], ends_at)
        else:
            self.gaps.append((starts_at, ends_at))
