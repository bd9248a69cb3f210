"""Who is told what: incidents and their rows in the outbox, within the transaction that writes the event.

A recipient is told once per incident, again when it gets worse, and when it is over, however many rules are broken.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from slmm.alerts import texts
from slmm.alerts.letters import (
    TOLD,
    Letters,
    Surroundings,
    Target,
    Wishes,
    facts_of,
    onset_body,
    reminder_body,
)
from slmm.alerts.messages import MessageKind
from slmm.storage.models import EventRow, IncidentRow, NotificationRow, ShelfRow

LEVEL = "level"
RANK = {"amber": 0, "red": 1}
UNACKED_STAGE = "unacked"
_WORTHLESS = ("suppressed", "cancelled")


class Desk:
    """Works in one transaction."""

    def __init__(self, session: Session, now: datetime, surroundings: Surroundings) -> None:
        self._session = session
        self._now = now
        self._letters = Letters(session, now, surroundings)

    # -- what happens to events --------------------------------------------------------------------

    def opened(self, event: EventRow, kind: str, wishes: Wishes) -> IncidentRow:
        """A new event: it joins the unit's open incident, or begins one."""
        incident = self._incident(event.unit_id, kind)
        if incident is None:
            incident = IncidentRow(
                uid=hashlib.sha256(f"incident {event.uid}".encode()).hexdigest()[:32],
                unit_id=event.unit_id,
                kind=kind,
                severity=event.severity,
                opened_at=event.onset_at,
            )
            self._session.add(incident)
            self._session.flush()
        elif RANK[event.severity] > RANK[incident.severity]:
            incident.severity = event.severity
        event.incident_id = incident.id
        event.suppressed = self.is_shelved(event.unit_id, event.rule_id)
        self._tell(incident, event, wishes.targets)
        self._arrange_follow_ups(incident, event, wishes)
        return incident

    def worsened(self, event: EventRow, wishes: Wishes) -> None:
        """An event has turned red."""
        incident = self._incident_of(event)
        if incident is None:
            return
        incident.severity = max(incident.severity, event.severity, key=RANK.__getitem__)
        self._tell(incident, event, wishes.targets)
        self._arrange_follow_ups(incident, event, wishes)

    def alarmed_again(self, event: EventRow, wishes: Wishes) -> None:
        """A latched event breaks its rule again."""
        incident = self._incident_of(event)
        if incident is None:
            return
        stage = f"again-{event.occurrences}"
        status = "suppressed" if self.is_shelved(event.unit_id, event.rule_id) else "pending"
        for target in wishes.targets:
            subject = texts.onset_subject(event.unit_id, facts_of(event), f"{event.severity.upper()} again")
            self._letters.enqueue(incident, event, MessageKind.ESCALATION, stage, target, subject, onset_body, status)

    def ended(self, event: EventRow) -> IncidentRow | None:
        """An event is over; with the last one of an incident everybody who was told hears of it."""
        self._end_one_shot_shelves(event)
        incident = self._incident_of(event)
        if incident is None or incident.closed_at is not None or self._open_events(incident):
            return None
        incident.closed_at = event.clear_at
        self._session.flush()
        self.cancel_follow_ups(incident)
        events = list(
            self._session.scalars(
                select(EventRow).where(EventRow.incident_id == incident.id).order_by(EventRow.onset_at)
            )
        )
        has_recovered = all(one.end_reason in ("cleared", "online") for one in events)
        for onset in self._told(incident):
            self._tell_end(incident, event, events, onset, has_recovered=has_recovered)
        return incident

    def _end_one_shot_shelves(self, event: EventRow) -> None:
        self._session.execute(
            update(ShelfRow)
            .where(
                ShelfRow.unit_id == event.unit_id,
                ShelfRow.is_one_shot,
                ShelfRow.ended_at.is_(None),
                (ShelfRow.rule_id.is_(None)) | (ShelfRow.rule_id == event.rule_id),
            )
            .values(ended_at=self._now, ended_by="back to normal")
        )

    def acknowledged(self, incident_id: int) -> None:
        """Nobody needs to be reminded any more once every open event is acknowledged."""
        incident = self._session.get(IncidentRow, incident_id)
        if incident is not None and all(one.acknowledged_at for one in self._open_events(incident)):
            self.cancel_follow_ups(incident)

    def unshelved(self, unit_id: str, rule_id: int | None) -> None:
        """Who was never told of an event that is still open hears of it now; nobody hears twice."""
        open_events = select(EventRow).where(EventRow.unit_id == unit_id, EventRow.clear_at.is_(None))
        if rule_id is not None:
            open_events = open_events.where(EventRow.rule_id == rule_id)
        for event in self._session.scalars(open_events):
            if self.is_shelved(unit_id, event.rule_id):
                continue
            event.suppressed = False
            self._session.execute(
                update(NotificationRow)
                .where(
                    NotificationRow.incident_id == event.incident_id,
                    NotificationRow.status == "suppressed",
                    NotificationRow.kind.in_(TOLD),
                )
                .values(status="pending", not_before=self._now)
            )

    def is_shelved(self, unit_id: str, rule_id: int) -> bool:
        """Whether the rule or its unit is snoozed."""
        found = select(ShelfRow.id).where(
            ShelfRow.unit_id == unit_id,
            ShelfRow.ended_at.is_(None),
            ShelfRow.until > self._now,
            (ShelfRow.rule_id.is_(None)) | (ShelfRow.rule_id == rule_id),
        )
        return self._session.scalar(found.limit(1)) is not None

    def cancel_follow_ups(self, incident: IncidentRow) -> None:
        """Reminders and time-outs that have not gone out."""
        self._session.execute(
            update(NotificationRow)
            .where(
                NotificationRow.incident_id == incident.id,
                NotificationRow.status.in_(("pending", "suppressed")),
                (NotificationRow.kind == MessageKind.REMINDER) | (NotificationRow.stage == UNACKED_STAGE),
            )
            .values(status="cancelled")
        )

    # -- rows of the outbox --------------------------------------------------------------------------

    def _tell(self, incident: IncidentRow, event: EventRow, targets: Sequence[Target]) -> None:
        status = "suppressed" if event.suppressed else "pending"
        for target in targets:
            told = self._worst_told(incident, target)
            if told is not None and told >= RANK[event.severity]:
                continue
            kind = MessageKind.ONSET if told is None else MessageKind.ESCALATION
            subject = texts.onset_subject(event.unit_id, facts_of(event))
            self._letters.enqueue(incident, event, kind, event.severity, target, subject, onset_body, status)

    def _arrange_follow_ups(self, incident: IncidentRow, event: EventRow, wishes: Wishes) -> None:
        if event.suppressed:
            return
        facts = facts_of(event)
        if wishes.remind_after_s:
            later = self._now + timedelta(seconds=wishes.remind_after_s[0])
            for target in wishes.targets:
                subject = texts.onset_subject(event.unit_id, facts, "Reminder")
                self._letters.enqueue(
                    incident, event, MessageKind.REMINDER, "1", target, subject, reminder_body, at=later
                )
        if wishes.escalate_after_s is not None:
            later = self._now + timedelta(seconds=wishes.escalate_after_s)
            for target in wishes.escalation_targets:
                subject = texts.onset_subject(event.unit_id, facts, f"{event.severity.upper()}, not acknowledged:")
                self._letters.enqueue(
                    incident,
                    event,
                    MessageKind.ESCALATION,
                    UNACKED_STAGE,
                    target,
                    subject,
                    reminder_body,
                    at=later,
                )

    def _tell_end(
        self,
        incident: IncidentRow,
        event: EventRow,
        events: Sequence[EventRow],
        onset: NotificationRow,
        *,
        has_recovered: bool,
    ) -> None:
        """One message to one who was told of the onset, or would have been in a moment."""
        is_untold = onset.status == "pending"
        kind = MessageKind.MERGED if is_untold else MessageKind.CLEAR if has_recovered else MessageKind.NOTICE
        word = "Occurred and ended" if is_untold else "Cleared" if has_recovered else "Ended"
        target = Target(onset.channel, onset.recipient)

        def body(_event: EventRow, zone: str) -> str:
            return texts.end_body(event.unit_id, [facts_of(one) for one in events], zone)

        row = self._letters.enqueue(
            incident,
            event,
            kind,
            "end",
            target,
            texts.end_subject(event.unit_id, facts_of(event), word),
            body,
            at=max(self._now, onset.not_before) if is_untold else None,
        )
        if row is not None and is_untold:
            self._session.execute(
                update(NotificationRow)
                .where(
                    NotificationRow.incident_id == incident.id,
                    NotificationRow.channel == onset.channel,
                    NotificationRow.recipient == onset.recipient,
                    NotificationRow.status == "pending",
                    NotificationRow.uid != row.uid,
                )
                .values(status="merged", merged_into=row.uid)
            )

    # -- looking up --------------------------------------------------------------------------------------

    def _incident(self, unit_id: str, kind: str) -> IncidentRow | None:
        wanted = select(IncidentRow).where(
            IncidentRow.unit_id == unit_id, IncidentRow.kind == kind, IncidentRow.closed_at.is_(None)
        )
        return self._session.scalar(wanted)

    def _incident_of(self, event: EventRow) -> IncidentRow | None:
        return None if event.incident_id is None else self._session.get(IncidentRow, event.incident_id)

    def _open_events(self, incident: IncidentRow) -> list[EventRow]:
        wanted = select(EventRow).where(EventRow.incident_id == incident.id, EventRow.clear_at.is_(None))
        return list(self._session.scalars(wanted))

    def _told(self, incident: IncidentRow) -> list[NotificationRow]:
        """For each address the first message of the incident that counts."""
        wanted = (
            select(NotificationRow)
            .where(
                NotificationRow.incident_id == incident.id,
                NotificationRow.kind.in_(TOLD),
                NotificationRow.status.in_(("pending", "sending", "sent", "merged")),
            )
            .order_by(NotificationRow.id)
        )
        told: dict[tuple[str, str], NotificationRow] = {}
        for row in self._session.scalars(wanted):
            told.setdefault((row.channel, row.recipient), row)
        return list(told.values())

    def _worst_told(self, incident: IncidentRow, target: Target) -> int | None:
        wanted = select(NotificationRow.severity).where(
            NotificationRow.incident_id == incident.id,
            NotificationRow.channel == target.channel,
            NotificationRow.recipient == target.recipient,
            NotificationRow.kind.in_(TOLD),
            NotificationRow.stage != UNACKED_STAGE,
            NotificationRow.status.not_in(_WORTHLESS),
        )
        return max((RANK[severity] for severity in self._session.scalars(wanted)), default=None)
