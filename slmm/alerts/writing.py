"""Writes what happened to alerts: events, transitions, incidents, outbox and states, in one transaction."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert as postgres_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.orm import Session

from slmm.alerts.desk import LEVEL, Desk
from slmm.alerts.letters import CONNECTIVITY, Surroundings, Wishes
from slmm.alerts.rules import Comparison, Severity
from slmm.alerts.state import Change, ChangeKind, EndReason, State
from slmm.alerts.unit import Record
from slmm.alerts.views import event_view
from slmm.storage.models import EventRow, StateRow, TransitionRow

CONTACT_RULE = 0
"""The rule number of a lost meter, as in 0.4.0."""
NOBODY = Wishes()


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
    """Everything that one transaction writes."""

    now: datetime
    instant: Callable[[float], datetime]
    """The UTC instant of steady seconds."""
    ahead_s: float
    """How far UTC is ahead of steady seconds."""
    records: tuple[tuple[Record, dict[str, Any], Wishes], ...] = ()
    """Each with the facts of its rule and who wants to know."""
    contacts: tuple[Contact, ...] = ()
    states: tuple[SavedState, ...] = ()


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
            if self._is_written(record):  # the commit went through, and only its answer was lost
                continue
            event = self._write_record(record, facts, wishes)
            self._keep_transition(record, event)
            if event is not None:
                self._session.flush()
                told.append(Written(event.unit_id, record.change.kind.value, event_view(event)))
        told += [written for contact in self._batch.contacts if (written := self._write_contact(contact))]
        self._save_states()
        return told

    def _is_written(self, record: Record) -> bool:
        wanted = select(TransitionRow.id).where(TransitionRow.key == record.key)
        return self._session.scalar(wanted) is not None

    def _write_record(self, record: Record, facts: dict[str, Any], wishes: Wishes) -> EventRow | None:
        change = record.change
        desk = self._desk(record.rule.unit_id)
        if change.kind is ChangeKind.ONSET:
            return self._open(record, facts, wishes, desk)
        event = self._event(record.event_uid)
        if event is None:
            return None
        self._take_peak(event, change.state)
        if record.detail is not None and change.kind in (ChangeKind.ESCALATED, ChangeKind.REALARM):
            event.detail = record.detail
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
            detail=record.detail,
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

    def _take_peak(self, event: EventRow, state: State) -> None:
        """A recurrence counts too: the event's peak is the worst of all its occurrences."""
        peak_db = state.peak_db
        if peak_db is None or peak_db == event.peak_value:
            return
        is_downward = (event.rule_json or {}).get("comparison") in (Comparison.LESS, Comparison.AT_MOST)
        is_worse = event.peak_value is None or (
            peak_db < event.peak_value if is_downward else peak_db > event.peak_value
        )
        if is_worse:
            event.peak_value, event.peak_at = peak_db, self._instant(state.peak_at_s)

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
                key=record.key,
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
        for saved in self._batch.states:
            if saved.state.has_event and (event := self._event(saved.event_uid)) is not None:
                self._take_peak(event, saved.state)
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
