"""Alert rules, states and events from and to rows; every function runs within a transaction, in the pool."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert as postgres_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.orm import Session

from slmm.acoustics.levels import level_name
from slmm.alerts.desk import CONNECTIVITY, LEVEL, Desk, Surroundings, Wishes
from slmm.alerts.machine import Change, ChangeKind, EndReason, Phase, State
from slmm.alerts.rules import (
    NAMES_OF_0_4,
    AtWindowEnd,
    Comparison,
    OnNoData,
    Rule,
    Severity,
    Source,
    in_words,
)
from slmm.alerts.schedule import EVERY_DAY, OnHolidays, Schedule
from slmm.alerts.unit import Record
from slmm.alerts.views import event_view
from slmm.events import Labels
from slmm.storage.models import EventRow, RuleRow, StateRow, TransitionRow

CONTACT_RULE = 0
"""The rule number of a lost meter, as in 0.4.0."""

NOBODY = Wishes()

HolidayCalendar = Callable[[str | None], Callable[[date], bool]]


def split(text: str | None) -> tuple[str, ...]:
    """A list with commas, as 0.4.0 kept them."""
    return tuple(part.strip() for part in (text or "").split(",") if part.strip())


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
        "words": in_words(rule, name),
    }


@dataclass(frozen=True, slots=True)
class SavedState:
    """Where a rule stands, for the next start."""

    rule_id: int
    unit_id: str
    version: int
    state: State
    event_uid: str | None


@dataclass(frozen=True, slots=True)
class Contact:
    """A unit was lost, or delivers data again."""

    unit_id: str
    is_lost: bool
    at: datetime
    event_uid: str
    detail: str
    reason: str = "online"
    wishes: Wishes = NOBODY


@dataclass(frozen=True, slots=True)
class Batch:
    """Everything that one transaction writes; times are instants already."""

    now: datetime
    records: tuple[tuple[Record, dict[str, Any], Wishes], ...] = ()
    """Each with the facts of its rule and who wants to know."""
    contacts: tuple[Contact, ...] = ()
    states: tuple[SavedState, ...] = ()
    instant: Callable[[float], datetime] = datetime.fromtimestamp
    ahead_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Written:
    """What viewers are told when the transaction is committed."""

    unit_id: str
    kind: str
    event: Mapping[str, Any]


class Writer:
    """Writes one batch."""

    def __init__(self, session: Session, batch: Batch, around: Callable[[str], Surroundings]) -> None:
        self._session = session
        self._batch = batch
        self._around = around

    def write(self) -> list[Written]:
        """Everything in the order it happened; raises what the database raises."""
        told: list[Written] = []
        for record, facts, wishes in self._batch.records:
            event = self._write_record(record, facts, wishes)
            self._keep_transition(record, event)
            if event is not None:
                self._session.flush()
                told.append(Written(event.unit_id, record.change.kind.value, event_view(event)))
        told += [written for contact in self._batch.contacts if (written := self._write_contact(contact))]
        self._save_states()
        return told

    def _write_record(self, record: Record, facts: dict[str, Any], wishes: Wishes) -> EventRow | None:
        change = record.change
        desk = self._desk(record.rule.unit_id)
        if change.kind is ChangeKind.ONSET:
            return self._open(record, facts, wishes, desk)
        event = self._event(record.event_uid)
        if event is None:
            return None
        self._take_peak(event, change)
        match change.kind:
            case ChangeKind.ESCALATED:
                event.severity = Severity.RED
                event.acknowledged_at = event.acknowledged_by = None
                desk.worsened(event, wishes)
            case ChangeKind.REALARM:
                event.is_latched = False
                event.occurrences = change.state.occurrences
                event.acknowledged_at = event.acknowledged_by = None
                event.recovered_at = None
                event.severity = Severity.RED if change.state.is_red else event.severity
                desk.alarmed_again(event, wishes)
            case ChangeKind.RETURNED:
                event.is_latched = True
                event.recovered_at = self._instant(change.recovered_at_s)
            case ChangeKind.RECURRED:
                event.occurrences = change.state.occurrences
            case ChangeKind.ENDED:
                self._close(event, change, desk)
        return event

    def _open(self, record: Record, facts: dict[str, Any], wishes: Wishes, desk: Desk) -> EventRow:
        rule, change, state = record.rule, record.change, record.change.state
        event = EventRow(
            uid=record.event_uid,
            rule_id=rule.rule_id,
            rule_version=rule.version,
            rule_json=facts,
            unit_id=rule.unit_id,
            rule_name=rule.name,
            metric=rule.metric,
            severity=Severity.RED if state.is_red else Severity.AMBER,
            threshold_db=rule.threshold_db,
            breach_at=self._instant(state.breach_at_s),
            onset_at=self._instant(change.at_s),
            onset_value=change.value_db,
            peak_value=state.peak_db,
            peak_at=self._instant(state.peak_at_s) if state.peak_db is not None else None,
            status="active",
            is_latched=False,
            occurrences=1,
            flags=",".join(record.flags) or None,
        )
        self._session.add(event)
        self._session.flush()
        desk.opened(event, LEVEL, wishes)
        return event

    def _close(self, event: EventRow, change: Change, desk: Desk) -> None:
        event.clear_at = self._instant(change.at_s)
        event.recovered_at = self._instant(change.recovered_at_s) or event.recovered_at
        event.end_reason = (change.reason or EndReason.CLEARED).value
        event.status = "cleared"
        event.is_latched = False
        self._session.flush()
        desk.ended(event)

    def _take_peak(self, event: EventRow, change: Change) -> None:
        """A recurrence counts too: the event's peak is the worst of all its occurrences."""
        peak_db = change.state.peak_db
        if peak_db is None or peak_db == event.peak_value:
            return
        is_downward = (event.rule_json or {}).get("comparison") in (Comparison.LESS, Comparison.AT_MOST)
        is_worse = event.peak_value is None or (
            peak_db < event.peak_value if is_downward else peak_db > event.peak_value
        )
        if is_worse:
            event.peak_value, event.peak_at = peak_db, self._instant(change.state.peak_at_s)

    def _write_contact(self, contact: Contact) -> Written | None:
        desk = self._desk(contact.unit_id)
        event = self._session.scalar(
            select(EventRow).where(
                EventRow.unit_id == contact.unit_id, EventRow.rule_id == CONTACT_RULE, EventRow.clear_at.is_(None)
            )
        )
        if contact.is_lost == (event is not None):
            return None
        if event is None:
            event = EventRow(
                uid=contact.event_uid,
                rule_id=CONTACT_RULE,
                unit_id=contact.unit_id,
                rule_name="Device unreachable",
                metric=CONNECTIVITY,
                severity=Severity.AMBER,
                threshold_db=0.0,
                breach_at=contact.at,
                onset_at=contact.at,
                status="active",
                is_latched=False,
                occurrences=1,
                detail=contact.detail,
            )
            self._session.add(event)
            self._session.flush()
            desk.opened(event, CONNECTIVITY, contact.wishes)
            kind = "onset"
        else:
            event.clear_at = max(contact.at, event.onset_at)
            event.end_reason, event.status = contact.reason, "cleared"
            self._session.flush()
            desk.ended(event)
            kind = "ended"
        self._session.add(
            TransitionRow(
                event_uid=event.uid,
                rule_id=CONTACT_RULE,
                unit_id=contact.unit_id,
                kind=kind,
                at=contact.at,
                written_at=self._batch.now,
                reason=contact.detail,
            )
        )
        self._session.flush()
        return Written(contact.unit_id, kind, event_view(event))

    def _keep_transition(self, record: Record, event: EventRow | None) -> None:
        change = record.change
        self._session.add(
            TransitionRow(
                event_uid=event.uid if event else record.event_uid,
                rule_id=record.rule.rule_id,
                unit_id=record.rule.unit_id,
                kind=change.kind.value,
                at=self._instant(change.at_s),
                written_at=self._batch.now,
                value=change.value_db,
                actor=record.actor,
                reason=change.reason.value if change.reason else None,
            )
        )

    def _save_states(self) -> None:
        rows = [
            {
                "rule_id": saved.rule_id,
                "unit_id": saved.unit_id,
                "version": saved.version,
                "state": saved.state.shifted(self._batch.ahead_s).as_json(),
                "event_uid": saved.event_uid,
                "saved_at": self._batch.now,
            }
            for saved in self._batch.states
        ]
        if not rows:
            return
        is_postgres = self._session.get_bind().dialect.name == "postgresql"
        insert: Any = (postgres_insert if is_postgres else sqlite_insert)(StateRow)
        changed = {name: insert.excluded[name] for name in ("version", "state", "event_uid", "saved_at")}
        self._session.execute(insert.on_conflict_do_update(index_elements=["rule_id", "unit_id"], set_=changed), rows)

    def _event(self, uid: str | None) -> EventRow | None:
        return None if uid is None else self._session.scalar(select(EventRow).where(EventRow.uid == uid))

    def _instant(self, steady_s: float | None) -> datetime | None:
        return None if steady_s is None else self._batch.instant(steady_s)

    def _desk(self, unit_id: str) -> Desk:
        return Desk(self._session, self._batch.now, self._around(unit_id))


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


def state_of(row: StateRow | None, rule: RuleRow, open_uid: str | None, ahead_s: float) -> tuple[State, str | None]:
    """Where a rule goes on: its saved state if that is of the same version and fits its open event, else adopted."""
    saved: State | None = None
    if row is not None and row.version == rule.version:
        try:
            saved = State.from_json(row.state).shifted(-ahead_s)
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
