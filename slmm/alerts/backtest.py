"""Back-tests: a draft of a rule or of a limit over what is on record, in pieces and off the hub.

frames
    where they are kept: exactly what a rule would have seen.
minutes
    for limits, and for a rolling LAeq over a long span or one whose frames are gone. Other quantities cannot be told
    from minutes, and it is said where.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import numpy as np
from gevent.lock import Semaphore

from slmm.acoustics.intervals import Interval, Span
from slmm.alerts import watchdog
from slmm.alerts.replay import Coverage, Episode, Frames, Replay
from slmm.alerts.rules import ROLLING, Rule
from slmm.errors import Invalid, TooMany
from slmm.limits.calendar import Timetable
from slmm.record.frames import Source, instants
from slmm.record.office import RecordOffice
from slmm.record.store import Connection
from slmm.storage.database import Database

LONGEST = timedelta(days=31)
LONGEST_ROLLING = timedelta(days=2)
"""A rolling LAeq is found from single frames for so long a span; from minutes beyond."""
PIECE = timedelta(hours=6)
MINUTE = timedelta(minutes=1)
MINUTE_S = 60.0
WAIT_S = 20.0
"""For another back-test to end."""


@dataclass(frozen=True, slots=True)
class Found:
    """What a rule would have done."""

    episodes: list[Episode]
    coverage: Coverage
    error: str | None


class BackTester:
    """One test after the other, so that the past never takes more than its share of the computer."""

    def __init__(
        self, database: Database, record: RecordOffice, exclusions: Callable[[str, datetime, datetime], Sequence[Any]]
    ) -> None:
        self._database = database
        self._record = record
        self._exclusions = exclusions
        self._turn = Semaphore(1)

    def test(
        self,
        rule: Rule,
        timetable: Timetable | None,
        limits: watchdog.Limits,
        starts_at: datetime,
        ends_at: datetime,
    ) -> Found:
        """Play the span; *timetable* is that of the limit the rule watches.

        Raises Invalid for too long a span, TooMany while another test runs, DiskTrouble.
        """
        check_span(starts_at, ends_at)
        if not self._turn.acquire(timeout=WAIT_S):
            raise TooMany("another back-test is running; try again when it has ended", retry_after_s=WAIT_S)
        try:
            if timetable is not None:
                return self._by_minutes(rule, timetable, limits, starts_at, ends_at)
            if rule.metric == ROLLING and ends_at - starts_at > LONGEST_ROLLING:
                return self._by_minutes(by_the_minute(rule), None, limits, starts_at, ends_at)
            return self._by_frames(rule, limits, starts_at, ends_at)
        finally:
            self._turn.release()

    # -- frames ------------------------------------------------------------------------------------------------

    def _by_frames(self, rule: Rule, limits: watchdog.Limits, starts_at: datetime, ends_at: datetime) -> Found:
        replay, coverage = Replay(rule, limits, None, starts_at), Coverage()
        warm_up = timedelta(seconds=rule.window_s) if rule.metric == ROLLING else timedelta()
        has_frames, begin, heard_until = False, starts_at - warm_up, starts_at
        while begin < ends_at:
            end = min(begin + PIECE, ends_at)
            frames = self._frames(rule, begin, end)
            self._database.in_pool(replay.play_frames, frames)
            has_here = bool(len(frames.at_s))
            has_frames |= has_here
            shown = max(begin, starts_at)
            if shown < end:
                coverage.samples += int(np.count_nonzero(frames.at_s >= shown.timestamp()))
                coverage.add(shown, end, "frames" if has_here else "none")
                heard_until = self._gaps(coverage, frames, heard_until, rule.max_gap_s)
            begin = end
        if (ends_at - heard_until).total_seconds() > rule.max_gap_s:
            coverage.add_gap(heard_until, ends_at)
        if not has_frames and rule.metric == ROLLING:
            return self._by_minutes(by_the_minute(rule), None, limits, starts_at, ends_at)
        return Found(replay.finish(ends_at), coverage, replay.error)

    @staticmethod
    def _gaps(coverage: Coverage, frames: Frames, heard_until: datetime, max_gap_s: float) -> datetime:
        """Note where nothing came for too long to be evidence; up to when something was heard."""
        begin_s = heard_until.timestamp()
        times = np.concatenate([[begin_s], frames.at_s[frames.at_s >= begin_s]])
        for at in np.flatnonzero(np.diff(times) > max_gap_s):
            coverage.add_gap(_instant(times[at]), _instant(times[at + 1]))
        return _instant(times[-1])

    def _frames(self, rule: Rule, begin: datetime, end: datetime) -> Frames:
        """The rows of a unit in [*begin*, *end*); of an SD card's 100 ms only where nothing was received."""
        is_rolling = rule.metric == ROLLING
        value = f"case when source = {Source.POLL.value} then le else leq end" if is_rolling else rule.metric

        def question(connection: Connection) -> Frames:
            rows = self._record.partitions.relation(connection, "frames", rule.unit_id, begin, end)
            low, high = instants([begin, end])
            found = connection.execute(
                f"select epoch(ends_at) as at_s, source, cast({value} as double) as value,"
                f" cast(measuring as double) as measuring, flags from {rows} where ends_at >= ? and ends_at < ?"
                f" and (source in ({Source.POLL.value}, {Source.STREAM.value})"
                f" or (source = {Source.SD_LP.value} and duration_s < 0.15)) order by ends_at",
                [low, high],
            ).fetchnumpy()
            return _frames_of(found)

        if self._record.store.known_unit(rule.unit_id) is None:
            return NO_FRAMES
        return self._record.store.read(question)

    # -- minutes -----------------------------------------------------------------------------------------------

    def _by_minutes(
        self, rule: Rule, timetable: Timetable | None, limits: watchdog.Limits, starts_at: datetime, ends_at: datetime
    ) -> Found:
        replay, coverage = Replay(rule, limits, timetable, starts_at), Coverage()
        until = ends_at if self._record.made_until is None else min(ends_at, self._record.made_until)
        begin = replay.needs_from.replace(second=0, microsecond=0)
        spans = [Span(each.starts_at, each.ends_at) for each in self._exclusions(rule.unit_id, begin, ends_at)]
        while begin < until:
            end = min(begin + 4 * PIECE, until)
            pieces = self._record.minutes(rule.unit_id, begin, end)
            is_excluded = [any(span.overlap_s(each.starts_at, each.ends_at) > 0 for span in spans) for each in pieces]
            self._database.in_pool(replay.play_minutes, pieces, is_excluded)
            if end > starts_at:
                _cover(coverage, pieces, max(begin, starts_at), end)
            begin = end
        if begin < ends_at:  # not on record yet
            coverage.add(max(begin, starts_at), ends_at, "none")
        episodes = self._database.in_pool(replay.finish, until if until > starts_at else starts_at)
        return Found(episodes, coverage, replay.error)


NO_FRAMES = Frames(np.empty(0), np.empty(0, dtype=np.bool_), np.empty(0), np.empty(0), ())


def check_span(starts_at: datetime, ends_at: datetime) -> None:
    """Raise Invalid for a span without length, or one that is too long."""
    if ends_at <= starts_at:
        raise Invalid(f"until {ends_at.isoformat()} is not after from, {starts_at.isoformat()}", field="until")
    if ends_at - starts_at > LONGEST:
        days = (ends_at - starts_at).total_seconds() / 86_400
        raise Invalid(f"from: {days:.1f} days are too much; {LONGEST.days} days are allowed", field="from")


def by_the_minute(rule: Rule) -> Rule:
    """A rule that gets a sample a minute: what is a gap follows from it."""
    return replace(rule, interval_s=max(rule.interval_s, MINUTE_S))


def _cover(coverage: Coverage, pieces: Sequence[Interval], begin: datetime, end: datetime) -> None:
    inside = [piece for piece in pieces if piece.ends_at > begin and piece.valid_s > 0]
    coverage.samples += len(inside)
    coverage.add(begin, end, "minutes" if inside else "none")
    heard_until = begin
    for piece in inside:
        if piece.starts_at > heard_until:
            coverage.add_gap(heard_until, piece.starts_at)
        heard_until = piece.ends_at
    if heard_until < end - timedelta(seconds=1):
        coverage.add_gap(heard_until, end)


def _frames_of(found: dict[str, Any]) -> Frames:
    source = np.asarray(found["source"])
    is_live = source != Source.SD_LP
    wanted = is_live if is_live.any() else ~is_live
    return Frames(
        at_s=np.asarray(found["at_s"], dtype=np.float64)[wanted],
        is_stream=(source != Source.POLL)[wanted],
        values=_filled(found["value"])[wanted],
        is_measuring=np.where(is_live, _filled(found["measuring"]), 1.0)[wanted],
        flags=[each if isinstance(each, str) else None for each in np.asarray(found["flags"])[wanted]],
    )


def _filled(column: Any) -> Any:
    return np.ma.filled(np.ma.asarray(column, dtype=np.float64), np.nan)


def _instant(at_s: float) -> datetime:
    return Replay.instant(float(at_s))
