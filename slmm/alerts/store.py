"""Alert rules, states and events from and to rows; every function runs within a transaction, in the pool."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from slmm.acoustics.levels import level_name
from slmm.alerts.desk import Desk
from slmm.alerts.letters import Surroundings
from slmm.alerts.rules import (
    NAMES_OF_0_4,
    AtWindowEnd,
    Comparison,
    OnNoData,
    Rule,
    Severity,
    Source,
    in_words,
    split,
)
from slmm.alerts.schedule import EVERY_DAY, OnHolidays, Schedule
from slmm.alerts.state import EndReason, Phase, State
from slmm.alerts.writing import CONTACT_RULE
from slmm.events import Labels
from slmm.steady import SteadyClock
from slmm.storage.models import EventRow, RuleRow, StateRow

HolidayCalendar = Callable[[str | None], Callable[[date], bool]]


def rule_of(row: RuleRow, zone: str, holidays: HolidayCalendar, interval_s: float) -> Rule:
    """The rule of a row; *zone* is that of its unit. Raises ValueError for a row that makes no sense."""
    has_hours = bool(row.schedule_start and row.schedule_end and row.schedule_start != row.schedule_end)
    schedule = Schedule(
        zone=row.timezone or zone,
        start=time.fromisoformat(str(row.schedule_start)) if has_hours else None,
        end=time.fromisoformat(str(row.schedule_end)) if has_hours else None,
        days=frozenset(int(day) for day in split(row.schedule_days)) or EVERY_DAY,
        on_holidays=OnHolidays(row.on_holidays),
        is_holiday=holidays(row.holiday_calendar),
    )
    return Rule(
        rule_id=row.id,
        unit_id=row.unit_id,
        name=row.name,
        metric=row.metric,
        comparison=NAMES_OF_0_4.get(row.comparison) or Comparison(row.comparison),
        threshold_db=row.threshold_db,
        red_threshold_db=row.red_threshold_db,
        severity=Severity(row.severity),
        duration_s=row.duration_s,
        clear_duration_s=row.clear_duration_s,
        clear_margin_db=row.clear_margin_db,
        cooldown_s=row.cooldown_s,
        window_s=row.window_s,
        source=Source(row.source),
        schedule=schedule,
        at_window_end=AtWindowEnd(row.at_window_end),
        on_no_data=OnNoData(row.on_no_data),
        is_latching=row.latch,
        requires_measuring=row.require_measuring,
        channels=split(row.channels),
        recipients=split(row.recipients),
        remind_after_s=tuple(float(pause) for pause in split(row.remind_after_s)),
        escalate_after_s=row.escalate_after_s,
        escalation_channels=split(row.escalation_channels),
        escalation_recipients=split(row.escalation_recipients),
        is_enabled=row.enabled,
        version=row.version,
        interval_s=interval_s,
    )


def name_of(rule: Rule, labels: Labels) -> str:
    """What the rule's quantity is called at this unit."""
    if rule.limit is not None:
        return rule.limit.label
    return level_name(rule.metric, labels.frequency_weighting, labels.time_weighting, labels.percentiles, rule.window_s)


def rule_facts(rule: Rule, labels: Labels) -> dict[str, Any]:
    """The rule as an event keeps it, so that history reads correctly after edits."""
    name = name_of(rule, labels)
    return {
        "name": rule.name,
        "metric": rule.metric,
        "level_name": name,
        "comparison": rule.comparison.value,
        "threshold_db": rule.threshold_db,
        "red_threshold_db": rule.red_threshold_db,
        "severity": rule.severity.value,
        "duration_s": rule.duration_s,
        "clear_duration_s": rule.off_delay_s,
        "clear_margin_db": rule.clear_margin_db,
        "cooldown_s": rule.cooldown_s,
        "window_s": rule.window_s if rule.metric == "laeq_rolling" else None,
        "remind_after_s": list(rule.remind_after_s),
        "version": rule.version,
        "limit_id": None if rule.limit is None else rule.limit.limit_id,
        "limit_name": None if rule.limit is None else rule.limit.name,
        "words": in_words(rule, name),
    }


@dataclass(frozen=True, slots=True)
class Found:
    """What an earlier run of the service left behind."""

    rules: tuple[RuleRow, ...]
    states: dict[tuple[int, str], StateRow]
    open_uids: dict[tuple[int, str], str]
    """The open event of each rule and unit."""


def load(session: Session) -> Found:
    """Rules, states and open events, after putting right what does not fit together."""
    rules = tuple(session.scalars(select(RuleRow).order_by(RuleRow.id)))
    known = {(rule.id, rule.unit_id): rule for rule in rules}
    open_uids: dict[tuple[int, str], str] = {}
    for event in session.scalars(select(EventRow).where(EventRow.clear_at.is_(None))):
        if event.uid is None:  # from 0.4.0
            event.uid = f"imported-{event.id}"
        open_uids[event.rule_id, event.unit_id] = event.uid
    states = {(row.rule_id, row.unit_id): row for row in session.scalars(select(StateRow))}
    for key in [key for key in states if key not in known]:
        session.execute(delete(StateRow).where(StateRow.rule_id == key[0], StateRow.unit_id == key[1]))
        del states[key]
    session.flush()
    return Found(rules, states, open_uids)


def orphans(session: Session, now: datetime, around: Callable[[str], Surroundings], known: Iterable[int]) -> int:
    """End the open events whose rule is gone; how many."""
    wanted = select(EventRow).where(EventRow.clear_at.is_(None), EventRow.rule_id.not_in([CONTACT_RULE, *known]))
    found = list(session.scalars(wanted))
    for event in found:
        event.clear_at, event.status, event.end_reason = max(now, event.onset_at), "cleared", EndReason.ORPHANED.value
        session.flush()
        Desk(session, now, around(event.unit_id)).ended(event)
    return len(found)


def state_of(row: StateRow | None, rule: RuleRow, open_uid: str | None, clock: SteadyClock) -> tuple[State, str | None]:
    """Where a rule goes on: its saved state if that is of the same version and fits its open event, else adopted."""
    saved: State | None = None
    if row is not None and row.version == rule.version:
        try:
            saved = State.from_json(row.state).shifted(-clock.ahead_s).not_after(clock.now_s())
        except (TypeError, ValueError, KeyError):
            saved = None
    uid = row.event_uid if row is not None else None
    if saved is not None and saved.has_event == (open_uid is not None) and (open_uid is None or uid == open_uid):
        return saved, uid
    if open_uid is not None:  # the event is on record, so it is active until the evidence says otherwise
        base = saved or State()
        return State(phase=Phase.ACTIVE, has_event=True, last_onset_s=base.last_onset_s, occurrences=1), open_uid
    if saved is not None and not saved.has_event:
        return saved, uid
    return State(), None


def load_open(session: Session) -> dict[tuple[int, str], str]:
    """The open event of each rule and unit."""
    found = session.execute(select(EventRow.rule_id, EventRow.unit_id, EventRow.uid).where(EventRow.clear_at.is_(None)))
    return {(rule_id, unit_id): uid for rule_id, unit_id, uid in found if uid is not None}
