"""The alert engine: hears readings and contact, judges every rule, and tells nobody before it is on record.

Rules are judged at once, in the greenlet of the reading. What changes is written by the engine's own greenlet in
one transaction with the outbox; what cannot be written waits in order and is tried again, and nothing is told before.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, TypeVar

import gevent

from slmm import events, signals
from slmm.alerts import store, watchdog, watching
from slmm.alerts.letters import Surroundings, Target, Wishes, targets_of
from slmm.alerts.rules import Rule, wanted_interval_s
from slmm.alerts.scribe import Scribe
from slmm.alerts.state import IDLE, EndReason, State
from slmm.alerts.unit import Demand, RuleRun, UnitAlerts
from slmm.alerts.writing import CONTACT_RULE, Contact
from slmm.errors import DiskTrouble, SlmmError
from slmm.events import FeedMode, RunState
from slmm.limits.holiday import calendar
from slmm.limits.standing import Watch
from slmm.steady import SteadyClock
from slmm.storage.board import StatusBoard
from slmm.storage.database import Database
from slmm.storage.devices import Roster
from slmm.storage.limits import KeptLimit
from slmm.storage.models import RuleRow

logger = logging.getLogger(__name__)

T = TypeVar("T")

TICK_S = 1.0
TICK_SLICE = 100
"""Units looked at between two switches of greenlets."""

LIMITS = watchdog.Limits()
NO_DEMAND = Demand()

DemandChanged = Callable[[str, Demand], None]  # a unit, and what its rules want of its feed


@dataclass(frozen=True, slots=True)
class EngineOptions:
    """What can be set; times in s."""

    idle_s: float
    """Cadence of a feed that nobody watches."""
    limits: watchdog.Limits = LIMITS


class AlertEngine:
    """Holds the state of every rule."""

    def __init__(
        self,
        database: Database,
        roster: Roster,
        board: StatusBoard,
        options: EngineOptions,
        surroundings: Callable[[str], Surroundings],
        clock: SteadyClock | None = None,
    ) -> None:
        self.demand_changed: DemandChanged | None = None
        self.takes_recipients: Mapping[str, bool] = {"log": False}
        """Every channel there is, and whether it has addresses."""
        self.limits: Mapping[int, KeptLimit] = {}
        """The limits that rules may watch."""
        self.clock = clock or SteadyClock()
        self.units: dict[str, UnitAlerts] = {}
        self._database = database
        self._roster = roster
        self._board = board
        self._options = options
        self._surroundings = surroundings
        self._demands: dict[str, Demand] = {}
        self._held: dict[str, list[Callable[[], None]]] = {}
        """Units that somebody is changing; what arrives meanwhile waits."""
        self._read: set[str] = set()
        """Units that are being read, however often: of the others nothing is expected."""
        self._ticker: gevent.Greenlet | None = None
        self.scribe = Scribe(database, self.clock, surroundings, self._runs, self._facts, self._wishes)

    # -- life -------------------------------------------------------------------------------------------

    def load(self) -> None:
        """Take up rules, states and open events of an earlier run; nobody is told of what is merely restored."""
        found = self._database.write(store.load)
        for device in self._roster.all():
            self._add_unit(device.unit_id)
        for row in found.rules:
            unit = self._add_unit(row.unit_id)
            key = (row.id, row.unit_id)
            rule = self._rule_or_none(row)
            if rule is not None and rule.is_enabled:
                state, uid = store.state_of(found.states.get(key), row, found.open_uids.get(key), self.clock)
                unit.runs[row.id] = self.run_of(row, rule, state, uid)
        running = [run.rule.rule_id for unit in self.units.values() for run in unit.runs.values()]
        now = self._now()
        self._database.write(lambda session: store.orphans(session, now, self._surroundings, running))
        for (rule_id, unit_id), _uid in found.open_uids.items():
            if rule_id == CONTACT_RULE and unit_id in self.units:
                self.units[unit_id].watch = watchdog.lost(self.units[unit_id].watch)

    def start(self) -> None:
        """Listen, judge and write from now on."""
        for signal, receiver in self._receivers():
            signal.connect(receiver, weak=False)
        self.scribe.start()
        self._ticker = gevent.Greenlet(self._tick_all)
        self._ticker.name = "alert-ticker"
        self._ticker.link_exception(lambda dead: logger.critical("greenlet %s died", dead.name))
        self._ticker.start()
        self.reconsider_demands()

    def stop(self) -> None:
        """Write what is known, then end."""
        for signal, receiver in self._receivers():
            signal.disconnect(receiver)
        if self._ticker is not None:
            self._ticker.kill()
        self.scribe.stop()

    def _receivers(self) -> list[tuple[Any, Callable[..., None]]]:
        return [
            (signals.reading_taken, self.on_reading),
            (signals.levels_streamed, self.on_streamed),
            (signals.contact_changed, self.on_contact),
            (signals.measurement_changed, self.on_measurement),
            (signals.mode_changed, self.on_mode),
            (signals.hold_changed, self.on_hold),
            (signals.roster_changed, self.on_roster),
        ]

    # -- what arrives -----------------------------------------------------------------------------------

    def on_reading(self, sender: str, event: events.Reading) -> None:
        """Receiver of ``reading_taken``."""
        unit = self.units.get(event.unit_id)
        if unit is None:
            return
        now_s = self.clock.now_s()
        if event.unit_id in self._held:
            self._held[event.unit_id].append(lambda: self._take(unit, event, now_s))
        else:
            self._take(unit, event, now_s)

    def _take(self, unit: UnitAlerts, reading: events.Reading, now_s: float) -> None:
        records, is_back = unit.take(reading, now_s)
        self.scribe.note(records)
        if unit.watch.is_lost and not self._is_watched_over(unit.unit_id):  # readings are far apart: one will do
            unit.watch, is_back = replace(unit.watch, is_lost=False), True
        if is_back:
            self._contact(unit, is_lost=False, detail="data arrive again", reason="online")
        if unit.needs_stream != self._demands.get(unit.unit_id, NO_DEMAND).needs_stream:
            self._reconsider_demand(unit)

    def on_streamed(self, sender: str, event: events.StreamedLevels) -> None:
        """Receiver of ``levels_streamed``."""
        unit = self.units.get(event.unit_id)
        if unit is None or event.unit_id in self._held:
            return  # one tenth of a second more or less; the next comes at once
        records, is_back = unit.take_streamed(event, self.clock.now_s())
        self.scribe.note(records)
        if is_back:
            self._contact(unit, is_lost=False, detail="data arrive again", reason="online")

    def on_contact(self, sender: str, event: events.ContactChange) -> None:
        """Receiver of ``contact_changed``: a lost meter is an alarm of its own, with the verdict."""
        unit = self.units.get(event.unit_id)
        if unit is None:
            return
        if not event.is_reachable:
            unit.watch = watchdog.lost(unit.watch)
            self._contact(unit, is_lost=True, detail=event.reason)
        elif not self._is_watched_over(event.unit_id):
            unit.watch = replace(unit.watch, is_lost=False)
            self._contact(unit, is_lost=False, detail=event.reason, reason="online")

    def on_measurement(self, sender: str, event: events.MeasurementChange) -> None:
        """Receiver of ``measurement_changed``."""
        unit = self.units.get(event.unit_id)
        if unit is not None and event.run_state is RunState.MEASURING:
            now_s = self.clock.now_s()
            if event.unit_id in self._held:
                self._held[event.unit_id].append(lambda: self.scribe.note(unit.measurement_restarted(now_s)))
            else:
                self.scribe.note(unit.measurement_restarted(now_s))

    def on_mode(self, sender: str, event: events.ModeChange) -> None:
        """Receiver of ``mode_changed``: of a meter that is not read nothing is expected."""
        unit = self.units.get(event.unit_id)
        if unit is None:
            return
        was_read, is_read = event.unit_id in self._read, event.mode is not FeedMode.OFF
        (self._read.add if is_read else self._read.discard)(event.unit_id)
        if was_read != is_read:  # between the other modes a meter goes on being read
            unit.watch = watchdog.paused(unit.watch, self.clock.now_s())
        if not is_read and unit.watch.is_lost:
            unit.watch = replace(unit.watch, is_lost=False)
            self._contact(unit, is_lost=False, detail="the meter is not read any more", reason="left_alone")

    def on_hold(self, sender: str, event: events.HoldChange) -> None:
        """Receiver of ``hold_changed``: during a transfer silence is no failure."""
        if unit := self.units.get(event.unit_id):
            unit.watch = watchdog.paused(unit.watch, self.clock.now_s())

    def on_roster(self, sender: str, event: events.RosterChange) -> None:
        """Receiver of ``roster_changed``."""
        if event.change != "removed":
            unit = self._add_unit(event.unit_id)
            self._renew_rules(unit)
            return
        gone = self.units.pop(event.unit_id, None)
        self._demands.pop(event.unit_id, None)
        self._read.discard(event.unit_id)
        if gone is None:
            return
        self.scribe.note(gone.cancel_all(self.clock.now_s(), EndReason.UNIT_REMOVED))
        self._contact(gone, is_lost=False, detail="the unit was taken off the roster", reason="unit_removed")

    def _renew_rules(self, unit: UnitAlerts) -> None:
        """The unit's zone may have changed."""
        zone = self.zone(unit.unit_id)
        for run in unit.runs.values():
            if run.follows_unit_zone and run.rule.schedule.zone != zone:
                run.rule = replace(run.rule, schedule=replace(run.rule.schedule, zone=zone))
            watching.move(run, zone)
        unit.clock_was_set()

    # -- contact ------------------------------------------------------------------------------------------

    def _is_watched_over(self, unit_id: str) -> bool:
        """Whether readings are expected one after the other: its feed is kept alive or its rules want it."""
        unit = self.units[unit_id]
        return bool(unit.runs) or (unit_id in self._roster and self._roster.get(unit_id).monitor_enabled)

    def _contact(self, unit: UnitAlerts, *, is_lost: bool, detail: str, reason: str = "online") -> None:
        now_s = self.clock.now_s()
        at = self.clock.instant(now_s)
        wishes = Wishes(tuple(self._everybody(unit)))
        uid = secrets.token_hex(16)
        self.scribe.note_contact(Contact(unit.unit_id, is_lost, at, uid, detail, reason, wishes))
        if is_lost:
            self.scribe.note(unit.data_lost(now_s))

    def _everybody(self, unit: UnitAlerts) -> Iterator[Target]:
        """All whom the unit's rules would tell: they rely on this meter."""
        yield Target("log")
        found: dict[Target, None] = {}
        for run in unit.runs.values():
            found.update(dict.fromkeys(targets_of(run.rule.channels, run.rule.recipients, self.takes_recipients)))
        yield from (target for target in found if target.channel != "log")

    # -- time ---------------------------------------------------------------------------------------------

    def _tick_all(self) -> None:
        while True:
            gevent.sleep(TICK_S)
            try:
                self.tick()
            except Exception:
                logger.exception("the tick of the alert engine failed")

    def tick(self) -> None:
        """What happens without samples: hours end, data are missed, timers are saved, the clock was set."""
        step_s = self.clock.check()
        if step_s is not None:
            logger.warning("the clock was set by %+.0f s; timers of alerts go on", step_s)
            for unit in self.units.values():
                unit.clock_was_set()
        now_s = self.clock.now_s()
        for index, unit in enumerate(list(self.units.values()), 1):
            if index % TICK_SLICE == 0:
                gevent.sleep(0)
            if unit.unit_id in self._held or unit.unit_id not in self.units:
                continue
            self.scribe.note(unit.tick(now_s))
            if not unit.watch.is_lost:
                self._watch(unit, now_s)
            self._reconsider_demand(unit)
        self.scribe.save_timers(now_s)

    def _watch(self, unit: UnitAlerts, now_s: float) -> None:
        due_s = watchdog.due_s(unit.watch, unit.limits)
        if due_s is None or now_s < due_s or not self._is_watched_over(unit.unit_id):
            return
        status = self._board.status(unit.unit_id)
        if status.held_by is not None or unit.unit_id not in self._read:
            unit.watch = watchdog.paused(unit.watch, now_s)
            return
        unit.watch = watchdog.lost(unit.watch)
        silent_s = unit.limits.no_data_after_s
        self._contact(unit, is_lost=True, detail=f"no valid level for {silent_s:.0f} s{_because(status.last_error)}")

    # -- demand -------------------------------------------------------------------------------------------

    def reconsider_demands(self) -> None:
        """Tell the fleet how often each unit is to be read."""
        for unit in list(self.units.values()):
            self._reconsider_demand(unit)

    def _reconsider_demand(self, unit: UnitAlerts) -> None:
        wanted = unit.demand(self._options.idle_s, self.clock.now_s())
        if self._demands.get(unit.unit_id, NO_DEMAND) == wanted:
            return
        self._demands[unit.unit_id] = wanted
        interval_s = max(1.0, self._options.idle_s if wanted.interval_s is None else wanted.interval_s)
        unit.limits = replace(unit.limits, max_gap_s=max(3.0 * interval_s, 5.0))
        if self.demand_changed is not None:
            self.demand_changed(unit.unit_id, wanted)

    # -- changes by people ----------------------------------------------------------------------------------

    @contextmanager
    def changing(self, unit_id: str) -> Iterator[UnitAlerts]:
        """Everything before is on record, and what arrives meanwhile waits. Raises DiskTrouble if it cannot be."""
        with self.scribe.turn:
            if not self.scribe.flush():
                raise DiskTrouble(f"alerts cannot be written at present: {self.scribe.last_error}")
            self._held[unit_id] = []
            try:
                yield self._add_unit(unit_id)
            finally:
                for replay in self._held.pop(unit_id):
                    replay()

    # -- looking up -------------------------------------------------------------------------------------------

    def rules_changed(self, unit_id: str) -> None:
        """A rule was added, edited or removed: how often the unit is read may change."""
        if unit := self.units.get(unit_id):
            self._reconsider_demand(unit)

    def _add_unit(self, unit_id: str) -> UnitAlerts:
        if unit_id not in self.units:
            self.units[unit_id] = UnitAlerts(unit_id, self.clock, self._options.limits)
        return self.units[unit_id]

    def zone(self, unit_id: str) -> str:
        """The zone of a unit's hours."""
        return self._surroundings(unit_id).zone

    def rule(self, row: RuleRow) -> Rule:
        """The rule of a row; raises ValueError."""
        rule = store.rule_of(row, self.zone(row.unit_id), calendar, 1.0)
        if row.limit_id is not None:
            kept = watching.find(self.limits, row.unit_id, row.limit_id)
            rule = watching.limited(rule, kept, self.zone(row.unit_id), self._now(), warns=row.limit_warns)
        return replace(rule, interval_s=max(1.0, wanted_interval_s(rule, self._options.idle_s)))

    def run_of(self, row: RuleRow, rule: Rule, state: State = IDLE, uid: str | None = None) -> RuleRun:
        """A rule at work; one that watches a limit goes on where it was judged last, a new one begins now."""
        run = RuleRun(rule, state, uid, follows_unit_zone=row.timezone is None)
        if rule.limit is not None:
            watching.follow(run, self.limits[rule.limit.limit_id], self.zone(row.unit_id), self.clock)
        return run

    def take_limit(self, unit_id: str, limit_id: int, watch: Watch, until: datetime, known_from: datetime) -> None:
        """The minutes of a unit up to *until* are in *watch*: judge the rules that watch this limit."""
        unit = self.units.get(unit_id)
        if unit is not None and unit_id not in self._held:  # else the next minute brings it up again
            self.scribe.note(unit.take_limit(limit_id, watch, until, known_from))

    def _rule_or_none(self, row: RuleRow) -> Rule | None:
        try:
            return self.rule(row)
        except (ValueError, KeyError, SlmmError) as error:
            logger.error("rule %d of %s (%s) cannot be used: %s", row.id, row.unit_id, row.name, error)
            return None

    def _runs(self) -> Iterator[RuleRun]:
        for unit in self.units.values():
            yield from unit.runs.values()

    def _facts(self, rule: Rule) -> dict[str, Any]:
        return store.rule_facts(rule, self._board.status(rule.unit_id).labels)

    def _wishes(self, rule: Rule) -> Wishes:
        told = targets_of(rule.channels, rule.recipients, self.takes_recipients)
        channels = rule.escalation_channels or rule.channels
        later = targets_of(channels, rule.escalation_recipients, self.takes_recipients)
        return Wishes(tuple(told), rule.remind_after_s, rule.escalate_after_s, tuple(later))

    def _now(self) -> datetime:
        return self.clock.instant(self.clock.now_s())


def _because(error: str | None) -> str:
    return f" ({error})" if error else ""
