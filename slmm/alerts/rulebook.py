"""Making, changing and removing rules: each in one transaction with what it does to an open alarm."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from slmm.alerts import machine, store
from slmm.alerts.engine import AlertEngine
from slmm.alerts.rules import EXTREMES, LIMIT, Rule, in_words
from slmm.alerts.state import IDLE, EndReason, Phase
from slmm.alerts.unit import Record, RuleRun, UnitAlerts
from slmm.errors import Invalid, NotFound, SlmmError
from slmm.events import Labels
from slmm.storage.database import Database
from slmm.storage.models import RuleRow, StateRow

logger = logging.getLogger(__name__)

SEMANTIC = frozenset(
    {
        "metric", "comparison", "threshold_db", "window_s", "source", "schedule_start", "schedule_end",
        "schedule_days", "on_holidays", "holiday_calendar", "timezone", "require_measuring", "limit_id", "limit_warns",
    }
)  # fmt: skip
"""A change of these makes earlier evidence worthless: an open alarm ends, and nothing is carried over."""


class Rulebook:
    """The rules of all units."""

    def __init__(
        self, database: Database, engine: AlertEngine, now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._database = database
        self._engine = engine
        self._now = now

    def all(self, unit_id: str | None = None) -> list[RuleRow]:
        """The rules of a unit, or of all."""
        wanted = select(RuleRow).order_by(RuleRow.id)
        if unit_id is not None:
            wanted = wanted.where(RuleRow.unit_id == unit_id)
        return self._database.read(lambda session: list(session.scalars(wanted)))

    def get(self, unit_id: str, rule_id: int) -> RuleRow:
        """One rule; raises NotFound."""
        return self._database.read(lambda session: _find(session, unit_id, rule_id))

    def add(self, unit_id: str, values: Mapping[str, Any]) -> RuleRow:
        """A new rule; raises Invalid for one that makes no sense, DiskTrouble when it cannot be written."""
        if values.get("limit_id") is not None:
            values = {**values, "metric": LIMIT}
        row = RuleRow(unit_id=unit_id, version=1, created_at=self._now(), **values)
        check(row)
        with self._engine.changing(unit_id) as unit:

            def insert(session: Session) -> RuleRow:
                session.add(row)
                session.flush()
                self._engine.rule(row)  # what cannot be used is not kept
                return row

            self._engine.scribe.commit(unit_id, [], insert)
            self._put_to_work(unit, row, None)
        self._engine.rules_changed(unit_id)
        return row

    def draft(self, unit_id: str, values: Mapping[str, Any]) -> Rule:
        """The rule that ``add`` would make, for trying it out; raises Invalid or ValueError."""
        if values.get("limit_id") is not None:
            values = {**values, "metric": LIMIT}
        row = RuleRow(id=0, unit_id=unit_id, version=1, created_at=self._now(), **values)
        check(row)
        return self._engine.rule(row)

    def change(self, unit_id: str, rule_id: int, values: Mapping[str, Any], *, by: str | None = None) -> RuleRow:
        """Other members of a rule; raises NotFound, Invalid or DiskTrouble."""
        with self._engine.changing(unit_id) as unit:
            before = self.get(unit_id, rule_id)
            if values.get("limit_id", before.limit_id) is not None:
                values = {**values, "metric": LIMIT}
            is_semantic = any(getattr(before, name) != value for name, value in values.items() if name in SEMANTIC)
            trial = _copy(before, values)
            check(trial)
            run = unit.runs.get(rule_id)
            records: list[Record] = []
            if run is not None and (is_semantic or not trial.enabled):
                reason = EndReason.RULE_CHANGED if trial.enabled else EndReason.RULE_DISABLED
                run = RuleRun(run.rule, run.state, run.event_uid)
                records = run.apply(machine.cancel(run.state, self._engine.clock.now_s(), reason), actor=by)

            def update(session: Session) -> RuleRow:
                row = _find(session, unit_id, rule_id)
                for name, value in values.items():
                    setattr(row, name, value)
                row.version += 1 if is_semantic else 0
                session.flush()
                self._engine.rule(row)
                return row

            row = self._engine.scribe.commit(unit_id, records, update)
            self._put_to_work(unit, row, run)
        self._engine.rules_changed(unit_id)
        return row

    def remove(self, unit_id: str, rule_id: int, *, by: str | None = None) -> None:
        """Forget a rule; its events stay, an open one ends. Raises NotFound or DiskTrouble."""
        with self._engine.changing(unit_id) as unit:
            self.get(unit_id, rule_id)
            records: list[Record] = []
            if (run := unit.runs.get(rule_id)) is not None:
                trial = RuleRun(run.rule, run.state, run.event_uid)
                outcome = machine.cancel(run.state, self._engine.clock.now_s(), EndReason.RULE_DELETED)
                records = trial.apply(outcome, actor=by)

            def erase(session: Session) -> None:
                session.execute(delete(StateRow).where(StateRow.rule_id == rule_id))
                session.delete(_find(session, unit_id, rule_id))

            self._engine.scribe.commit(unit_id, records, erase)
            unit.runs.pop(rule_id, None)
        self._engine.rules_changed(unit_id)

    def limit_changed(self, unit_id: str, limit_id: int, *, by: str | None = None, says_otherwise: bool = True) -> None:
        """A limit was changed; when it says something else now, the rules that watch it begin anew.

        An open alarm ends then. Raises DiskTrouble.
        """
        for row in [row for row in self.all(unit_id) if row.limit_id == limit_id]:
            with self._engine.changing(unit_id) as unit:
                run, records = unit.runs.get(row.id), []
                if run is not None and says_otherwise:
                    run = RuleRun(run.rule, run.state, run.event_uid)
                    outcome = machine.cancel(run.state, self._engine.clock.now_s(), EndReason.RULE_CHANGED)
                    records = run.apply(outcome, actor=by)
                if says_otherwise:
                    row = self._engine.scribe.commit(unit_id, records, _renewing(unit_id, row.id))
                self._put_to_work(unit, row, run)
        self._engine.rules_changed(unit_id)

    def _put_to_work(self, unit: UnitAlerts, row: RuleRow, before: RuleRun | None) -> None:
        unit.runs.pop(row.id, None)
        if not row.enabled:
            return
        state, uid = (IDLE, None) if before is None else (before.state, before.event_uid)
        run = self._engine.run_of(row, self._engine.rule(row), state, uid)
        run.is_dirty = run.is_dirty or before is not None
        unit.runs[row.id] = run

    def take_up(self) -> int:
        """Put to work the rules that somebody has written beside us, with their open events; how many."""
        found = self._database.write(store.load)
        taken = 0
        for row in found.rules:
            unit = self._engine.units.get(row.unit_id)
            if unit is None or row.id in unit.runs or not row.enabled:
                continue
            with self._engine.changing(row.unit_id):
                try:
                    rule = self._engine.rule(row)
                except (ValueError, KeyError, SlmmError) as error:
                    logger.error("rule %d of %s (%s) cannot be used: %s", row.id, row.unit_id, row.name, error)
                    continue
                state, uid = store.state_of(None, row, found.open_uids.get((row.id, row.unit_id)), self._engine.clock)
                unit.runs[row.id] = self._engine.run_of(row, rule, state, uid)
                taken += 1
            self._engine.rules_changed(row.unit_id)
        return taken

    # -- what people read -----------------------------------------------------------------------------

    def state(self, row: RuleRow) -> dict[str, Any]:
        """Where a rule stands now: the axes apart, and the one word that is shown."""
        unit = self._engine.units.get(row.unit_id)
        run = unit.runs.get(row.id) if unit else None
        if run is None or unit is None:
            return {"shown": "off" if not row.enabled else "error", "condition": "idle", "error": None}
        state = run.state
        is_stale = unit.watch.is_lost
        if run.error:
            shown = "error"
        elif state.has_event:
            shown = "latched" if state.is_latched else "active"
        elif not unit.is_in_force(run, self._engine.clock.now_s()):
            shown = "outside hours"
        else:
            shown = "pending" if state.phase is Phase.PENDING else "normal"
        return {
            "shown": shown,
            "condition": state.phase.value,
            "is_latched": state.is_latched,
            "is_acknowledged": state.is_acknowledged,
            "is_disarmed": state.is_disarmed,
            "is_red": state.is_red and state.has_event,
            "quality": "stale" if is_stale else "ok",
            "covered_s": round(state.covered_s, 3),
            "error": run.error,
        }

    def words(self, row: RuleRow, labels: Labels) -> str:
        """The rule as a sentence."""
        rule = self._engine.rule(row)
        return in_words(rule, store.name_of(rule, labels))

    def level_name(self, row: RuleRow, labels: Labels) -> str:
        """What the level it watches is called at its unit."""
        return store.name_of(self._engine.rule(row), labels)

    def terms(self, row: RuleRow) -> dict[str, Any]:
        """Of a rule that watches a limit, the terms in force now or next; of others nothing."""
        if row.limit_id is None:
            return {}
        rule = self._engine.rule(row)
        return {
            "comparison": rule.comparison.value,
            "threshold_db": rule.threshold_db,
            "red_threshold_db": rule.red_threshold_db,
            "severity": rule.severity.value,
        }

    def interval_s(self, row: RuleRow) -> float:
        """How often the rule has its meter read when nobody watches, in s."""
        return self._engine.rule(row).interval_s


def advice(row: RuleRow) -> list[str]:
    """What somebody should know who makes such a rule."""
    notes = []
    if row.limit_id is not None and row.duration_s:
        notes.append("duration_s counts on top of the limit's own periods: leave it at 0 to be told of the first one")
    if row.metric in EXTREMES:
        notes.append(
            f"{row.metric} belongs to the whole measurement and does not come back: the alarm ends with the measurement"
        )
    elif row.metric == "leq":
        notes.append("leq is the mean since the measurement started; laeq_rolling looks at the last window_s alone")
    if row.metric == "lp" and row.duration_s == 0:
        notes.append("without duration_s a single loud sample is an alarm, and the meter is read as often as it allows")
    return notes


def _check_limit(row: RuleRow) -> None:
    """What the limit says, the rule must not say otherwise."""
    if row.limit_id is None:
        if row.metric == LIMIT:
            raise Invalid(f"metric {LIMIT!r} needs a limit_id", field="limit_id")
        return
    for name in ("red_threshold_db", "schedule_start", "schedule_end", "schedule_days", "holiday_calendar"):
        if getattr(row, name):
            raise Invalid(
                f"{name} {getattr(row, name)!r} is not allowed with a limit_id: it is the limit's", field=name
            )


def check(row: RuleRow) -> None:
    """Raises Invalid for members that do not go together."""
    _check_limit(row)
    is_upward = row.comparison in ("above", ">", ">=")
    if row.red_threshold_db is not None:
        if row.comparison in ("==", "!="):
            raise Invalid("red_threshold_db goes with above and below only", field="red_threshold_db")
        is_beyond = row.red_threshold_db > row.threshold_db if is_upward else row.red_threshold_db < row.threshold_db
        if not is_beyond:
            raise Invalid(
                f"red_threshold_db {row.red_threshold_db:g} is not beyond threshold_db {row.threshold_db:g}",
                field="red_threshold_db",
            )
    if bool(row.schedule_start) != bool(row.schedule_end):
        missing = "schedule_end" if row.schedule_start else "schedule_start"
        raise Invalid(f"{missing} is missing: give both times, or neither for whole days", field=missing)
    if row.schedule_start and row.schedule_start == row.schedule_end:
        raise Invalid(
            f"schedule_end {row.schedule_end} is schedule_start; leave both out for whole days", field="schedule_end"
        )
    if row.on_holidays not in (None, "ignore") and not row.holiday_calendar:
        raise Invalid(f"on_holidays {row.on_holidays!r} needs a holiday_calendar, such as DE-BY", field="on_holidays")
    if row.escalate_after_s is not None and not (row.escalation_channels or row.escalation_recipients):
        raise Invalid(
            "escalate_after_s needs escalation_channels or escalation_recipients: whom shall it tell?",
            field="escalate_after_s",
        )


def _find(session: Session, unit_id: str, rule_id: int) -> RuleRow:
    row = session.get(RuleRow, rule_id)
    if row is None or row.unit_id != unit_id:
        raise NotFound(f"{unit_id} has no alert rule {rule_id}")
    return row


def _renewing(unit_id: str, rule_id: int) -> Callable[[Session], RuleRow]:
    def renew(session: Session) -> RuleRow:
        row = _find(session, unit_id, rule_id)
        row.version += 1
        session.flush()
        return row

    return renew


def _copy(row: RuleRow, values: Mapping[str, Any]) -> RuleRow:
    members = {column.name: getattr(row, column.name) for column in RuleRow.__table__.columns}
    return RuleRow(**{**members, **values})
