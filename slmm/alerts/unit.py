"""The alert rules of one unit at work: what each gets to see of a reading, and where it stands.

No I/O here: what happened comes back as records, which the engine writes down before anybody is told.
"""

from __future__ import annotations

import logging
import math
import secrets
from dataclasses import dataclass, field, replace
from datetime import datetime

from slmm.alerts import machine, watchdog
from slmm.alerts.limitrule import Closing, LimitFollower, Sample
from slmm.alerts.rolling import ExposureWindow, StreamWindow
from slmm.alerts.rules import LIMIT, ROLLING, RUNNING_METRICS, Rule, Source, wanted_interval_s
from slmm.alerts.schedule import FOREVER, Window
from slmm.alerts.state import IDLE, Change, ChangeKind, EndReason, Phase, State, Step
from slmm.events import Levels, Reading, RunState, StreamedLevels
from slmm.limits.standing import Watch
from slmm.steady import SteadyClock

logger = logging.getLogger(__name__)

STREAM_EVERY_S = 0.95
"""Of the 100 ms stream one momentary level a second is judged, as of polls."""
NEW_RUN_FLAGS = frozenset({"lmax_fell", "lmin_rose", "le_fell"})
"""What shows that the meter began its figures anew though nobody told us."""
QUALITY_FLAGS = frozenset({"over", "under"})
LOOK_AGAIN_S = 86_400.0
"""A schedule that is not in force is looked at again after this time."""
STREAMED_METRICS = frozenset({"lp", ROLLING, LIMIT})
UNWRITTEN = frozenset({ChangeKind.PENDING, ChangeKind.DROPPED})


@dataclass(frozen=True, slots=True)
class Demand:
    """What the rules want of the unit's feed; intervals in s, None without rules that need one."""

    interval_s: float | None = None
    polled_s: float | None = None
    """For rules on figures that the 100 ms stream does not carry."""
    needs_stream: bool = False


@dataclass(frozen=True, slots=True)
class Record:
    """A change to be written down."""

    rule: Rule
    change: Change
    event_uid: str | None
    flags: tuple[str, ...] = ()
    actor: str | None = None
    detail: str | None = None
    """A sentence in place of the rule in words."""
    key: str = field(default_factory=lambda: secrets.token_hex(12))
    """Written once only, however often it is tried."""


class RuleRun:
    """One rule at work."""

    def __init__(
        self, rule: Rule, state: State = IDLE, event_uid: str | None = None, *, follows_unit_zone: bool = False
    ) -> None:
        self.rule = rule
        self.follows_unit_zone = follows_unit_zone
        """Its hours are in the zone of its unit, whatever that is."""
        self.state = state
        self.event_uid = event_uid
        self.error: str | None = None
        """Why the rule cannot be judged; the others go on."""
        self.is_dirty = False
        """The state differs from the one in the database."""
        self.window: Window | None = None
        self.window_from_s = math.inf
        self.window_until_s = -math.inf
        """In steady seconds, how long ``window`` is the answer; nothing is known yet."""
        self.stream: StreamWindow | None = StreamWindow(rule.window_s) if rule.metric == ROLLING else None
        self.exposure: ExposureWindow | None = ExposureWindow(rule.window_s) if rule.metric == ROLLING else None
        self.needs_stream = rule.metric in (ROLLING, LIMIT) and rule.source is Source.STREAM
        self.follower: LimitFollower | None = None
        """Of a rule that watches a limit."""

    def apply(
        self,
        outcome: Step,
        flags: tuple[str, ...] = (),
        actor: str | None = None,
        *,
        rule: Rule | None = None,
        detail: str | None = None,
    ) -> list[Record]:
        """Take over a new state; what is to be written down, on the terms of *rule* if they differ."""
        state, changes = outcome
        if state is not self.state:
            self.is_dirty = True
        records = []
        for change in changes:
            if change.kind is ChangeKind.ONSET:
                self.event_uid = secrets.token_hex(16)
            if change.kind not in UNWRITTEN:
                records.append(Record(rule or self.rule, change, self.event_uid, flags, actor, detail))
        self.state = state
        return records


class UnitAlerts:
    """All rules of one unit."""

    def __init__(self, unit_id: str, clock: SteadyClock, limits: watchdog.Limits) -> None:
        self.unit_id = unit_id
        self.runs: dict[int, RuleRun] = {}
        self.limits = limits
        self.watch = watchdog.Watch(clock.now_s())
        self.late_samples = 0
        self._clock = clock
        self._last_s = -math.inf
        self._stream_judged_s = -math.inf
        self._demand_asked: tuple[float, bool, tuple[Rule, ...]] | None = None
        self._demand_told = Demand()

    # -- samples ------------------------------------------------------------------------------------

    def take(self, reading: Reading, at_s: float) -> tuple[list[Record], bool]:
        """A reading; what changed, and whether the unit's data are back with it."""
        if at_s <= self._last_s:
            self.late_samples += 1
            return [], False
        self._last_s = at_s
        levels = reading.main
        is_back = False
        if levels.lp is not None:
            self.watch, is_back = watchdog.sampled(self.watch, self.limits, at_s)
        if not self.runs:
            return [], is_back
        records: list[Record] = []
        if reading.flags and not NEW_RUN_FLAGS.isdisjoint(reading.flags):
            records += self.measurement_restarted(at_s)
        is_measuring = reading.run_state is RunState.MEASURING
        flags = tuple(flag for flag in reading.flags if flag in QUALITY_FLAGS) if reading.flags else ()
        for run in self.runs.values():
            if run.rule.limit is not None:
                continue
            level_db = self._level(run, levels, at_s, is_measuring=is_measuring)
            if level_db is not None:
                records += self.judge(run, at_s, level_db, flags)
        return records, is_back

    def _level(self, run: RuleRun, levels: Levels, at_s: float, *, is_measuring: bool) -> float | None:
        rule = run.rule
        if not is_measuring and (rule.requires_measuring or rule.metric in RUNNING_METRICS or run.exposure):
            return None
        if run.exposure is None:
            level: float | None = getattr(levels, rule.metric)
            return level
        if levels.le is not None and rule.source is not Source.STREAM:
            run.exposure.add(at_s, levels.le)
        return self._rolling(run, at_s)

    def _rolling(self, run: RuleRun, at_s: float) -> float | None:
        assert run.stream is not None
        assert run.exposure is not None
        streamed = run.stream.value(at_s)
        if streamed.level_db is not None or run.rule.source is Source.STREAM:
            return streamed.level_db
        answer = run.exposure.value(at_s)
        run.needs_stream = run.rule.source is Source.AUTO and (run.needs_stream or answer.needs_stream)
        return answer.level_db

    def take_streamed(self, streamed: StreamedLevels, at_s: float) -> tuple[list[Record], bool]:
        """100 ms from the stream: every Leq counts for rolling rules, one level a second is judged."""
        levels = streamed.main
        if levels.leq is not None:
            for run in self.runs.values():
                if run.stream is not None:
                    run.stream.add(at_s, levels.leq)
        if at_s - self._stream_judged_s < STREAM_EVERY_S or at_s <= self._last_s:
            return [], False
        self._stream_judged_s = self._last_s = at_s
        is_back = False
        if levels.lp is not None:
            self.watch, is_back = watchdog.sampled(self.watch, self.limits, at_s)
        records: list[Record] = []
        is_measuring = streamed.run_state is RunState.MEASURING
        for run in self.runs.values():
            if run.stream is not None:
                level_db = self._rolling(run, at_s)
            elif run.rule.metric == "lp" and (is_measuring or not run.rule.requires_measuring):
                level_db = levels.lp
            else:
                continue
            if level_db is not None:
                records += self.judge(run, at_s, level_db, ())
        return records, is_back

    def take_limit(self, limit_id: int, watch: Watch, until: datetime, known_from: datetime) -> list[Record]:
        """The minutes of this unit up to *until* are known: what that means for the rules that watch a limit."""
        records: list[Record] = []
        for run in self.runs.values():
            if run.follower is None or run.rule.limit is None or run.rule.limit.limit_id != limit_id:
                continue
            try:
                for item in run.follower.look(watch, until, known_from):
                    records += self._judge_limit(run, item)
                self._remember_judged(run, run.follower)
            except Exception as error:
                if run.error is None:
                    logger.exception("rule %d of %s cannot be judged", run.rule.rule_id, self.unit_id)
                run.error = f"cannot be judged: {error}"
        return records

    def _judge_limit(self, run: RuleRun, item: Sample | Closing) -> list[Record]:
        at_s = self._clock.steady_s(item.at)
        if isinstance(item, Closing):
            return run.apply(machine.close_window(run.rule, run.state, at_s))
        outcome = machine.step(item.rule, run.state, at_s, item.level_db)
        return run.apply(outcome, item.flags, rule=item.rule, detail=item.detail)

    def _remember_judged(self, run: RuleRun, follower: LimitFollower) -> None:
        until_s = self._clock.steady_s(follower.judged_until)
        if run.state.judged_until_s != until_s:
            run.state = replace(run.state, judged_until_s=until_s)
            run.is_dirty = True

    def judge(self, run: RuleRun, at_s: float, level_db: float, flags: tuple[str, ...] = ()) -> list[Record]:
        """A level of one rule that is known to be new."""
        try:
            records = self._follow_window(run, at_s)
            may_start = run.window is not None
            return records + run.apply(machine.step(run.rule, run.state, at_s, level_db, may_start=may_start), flags)
        except Exception as error:
            if run.error is None:
                logger.exception("rule %d of %s cannot be judged", run.rule.rule_id, self.unit_id)
            run.error = f"cannot be judged: {error}"
            return []

    # -- time ---------------------------------------------------------------------------------------

    def _follow_window(self, run: RuleRun, at_s: float) -> list[Record]:
        """Find the hours an instant falls in; close those that are over."""
        if run.window_from_s <= at_s < run.window_until_s:
            return []
        before, ended_s = run.window, run.window_until_s
        if run.rule.schedule.is_always:
            run.window, run.window_from_s, run.window_until_s = FOREVER, -math.inf, math.inf
            return []
        if before is None and run.state.phase is not Phase.IDLE:  # restored from an earlier run of the service
            before = run.rule.schedule.window_at(self._clock.instant(run.state.last_s))
            ended_s = self._clock.steady_s(before.ends_at) if before else at_s
        self._look_up_window(run, at_s)
        now = run.window
        if before is None or now == before or (now is not None and before.starts_at < now.starts_at <= before.ends_at):
            return []
        return run.apply(machine.close_window(run.rule, run.state, ended_s if math.isfinite(ended_s) else at_s))

    def _look_up_window(self, run: RuleRun, at_s: float) -> None:
        coming = run.rule.schedule.next_window(self._clock.instant(at_s))
        run.window, run.window_from_s, run.window_until_s = None, at_s, at_s + LOOK_AGAIN_S
        if coming is None:
            return
        starts_s, ends_s = self._clock.steady_s(coming.starts_at), self._clock.steady_s(coming.ends_at)
        if starts_s <= at_s:
            run.window, run.window_from_s, run.window_until_s = coming, starts_s, ends_s
        else:
            run.window_until_s = min(starts_s, run.window_until_s)

    def tick(self, now_s: float) -> list[Record]:
        """Hours end though no sample comes."""
        records: list[Record] = []
        for run in self.runs.values():
            if not run.window_from_s <= now_s < run.window_until_s:
                records += self._follow_window(run, now_s)
        return records

    def clock_was_set(self) -> None:
        """What local time it is has changed: look the hours up anew, and judge minutes that come once more."""
        now = self._clock.instant(self._clock.now_s())
        for run in self.runs.values():
            run.window_from_s, run.window_until_s = math.inf, -math.inf
            if run.follower is not None:
                run.follower.judged_until = min(run.follower.judged_until, now)

    # -- meters and people ----------------------------------------------------------------------------

    def measurement_restarted(self, at_s: float) -> list[Record]:
        """A new measurement began."""
        records: list[Record] = []
        for run in self.runs.values():
            if run.exposure is not None:
                run.exposure.clear()
                run.needs_stream = run.rule.source is Source.STREAM
            if run.rule.metric in RUNNING_METRICS:
                records += run.apply(machine.restart_measurement(run.state, at_s))
        return records

    def data_lost(self, at_s: float) -> list[Record]:
        """No valid sample for long."""
        records: list[Record] = []
        for run in self.runs.values():
            if self.is_in_force(run, at_s):
                records += run.apply(machine.lose_data(run.rule, run.state, at_s))
        return records

    def is_in_force(self, run: RuleRun, at_s: float) -> bool:
        """Whether a rule's hours are now."""
        if run.follower is not None:
            return run.follower.timetable.hours_at(self._clock.instant(at_s)) is not None
        if run.window_from_s <= at_s < run.window_until_s:
            return run.window is not None
        return run.rule.schedule.is_always or run.rule.schedule.window_at(self._clock.instant(at_s)) is not None

    def cancel_all(self, at_s: float, reason: EndReason) -> list[Record]:
        """The unit goes: every open event ends."""
        records: list[Record] = []
        for run in self.runs.values():
            records += run.apply(machine.cancel(run.state, at_s, reason))
        return records

    def demand(self, idle_s: float, now_s: float) -> Demand:
        """How often the rules need a reading: tight only in their hours."""
        if not self.runs:
            return Demand()
        in_force = tuple(run.rule for run in self.runs.values() if self.is_in_force(run, now_s))
        asked = (idle_s, self.needs_stream, in_force)
        if asked != self._demand_asked:  # it is asked every second, and is different a few times a day
            self._demand_asked, self._demand_told = asked, self._demand_of(in_force, idle_s)
        return self._demand_told

    def _demand_of(self, in_force: tuple[Rule, ...], idle_s: float) -> Demand:
        polled = [rule for rule in in_force if rule.metric not in STREAMED_METRICS]
        return Demand(
            interval_s=min((wanted_interval_s(rule, idle_s) for rule in in_force), default=idle_s),
            polled_s=min((wanted_interval_s(rule, idle_s) for rule in polled), default=None),
            needs_stream=self.needs_stream,
        )

    @property
    def needs_stream(self) -> bool:
        """Whether a rule can only be judged with the 100 ms stream."""
        return any(run.needs_stream for run in self.runs.values())
