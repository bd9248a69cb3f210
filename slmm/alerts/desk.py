"""Who is told what: incidents and their rows in the outbox, within the transaction that writes the event.

A recipient is told once per incident, again when it gets worse, and when it is over, however many rules are broken.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from slmm.alerts import retry, texts
from slmm.alerts.messages import MessageKind
from slmm.alerts.quiet import quiet_until
from slmm.alerts.texts import EventFacts
from slmm.alerts.views import event_view
from slmm.storage.models import EventRow, IncidentRow, NotificationRow, RecipientRow, ShelfRow

LEVEL, CONNECTIVITY = "level", "connectivity"
RANK = {"amber": 0, "red": 1}
UNACKED_STAGE = "unacked"
_TOLD = (MessageKind.ONSET, MessageKind.ESCALATION)
_WORTHLESS = ("suppressed", "cancelled")


class Links(Protocol):
    """Addresses that stand in messages; None where the service does not know its own."""

    def chart(self, unit_id: str, at: datetime) -> str | None:
        """The unit's page at that moment."""

    def acknowledge(self, incident_uid: str, recipient: str) -> str | None:
        """Where this recipient acknowledges."""


@dataclass(frozen=True, slots=True)
class Target:
    """One address on one channel; empty for channels with one receiver."""

    channel: str
    recipient: str = ""


@dataclass(frozen=True, slots=True)
class Wishes:
    """Who wants to know of an event, and how often."""

    targets: tuple[Target, ...] = ()
    remind_after_s: tuple[float, ...] = ()
    escalate_after_s: float | None = None
    escalation_targets: tuple[Target, ...] = ()


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the desk needs to know beside the database."""

    zone: str
    links: Links
    group_wait_s: float
    people_channels: frozenset[str]
    """Channels read by people: their messages wait to be grouped; machines get each at once."""


def targets_of(
    channels: Sequence[str], recipients: Sequence[str], takes_recipients: Mapping[str, bool]
) -> list[Target]:
    """Every address of a rule; channels that do not exist are left out."""
    found: list[Target] = []
    for channel in channels:
        if channel not in takes_recipients:
            continue
        if takes_recipients[channel]:
            found += [Target(channel, recipient) for recipient in recipients]
        else:
            found.append(Target(channel))
    return list(dict.fromkeys(found))


def facts_of(event: EventRow) -> EventFacts:
    """An event as texts tell it."""
    rule = event.rule_json or {}
    return EventFacts(
        rule_name=event.rule_name or f"rule {event.rule_id}",
        sentence=event.detail or rule.get("words") or "",
        level_name=None if event.metric == CONNECTIVITY else rule.get("level_name") or event.metric,
        threshold_db=event.threshold_db,
        severity=event.severity,
        breach_at=event.breach_at or event.onset_at,
        onset_at=event.onset_at,
        onset_db=event.onset_value,
        peak_db=event.peak_value,
        peak_at=event.peak_at,
        ended_at=event.clear_at,
        end_reason=event.end_reason,
        flags=event.flags,
    )


class Desk:
    """Works in one transaction."""

    def __init__(self, session: Session, now: datetime, surroundings: Surroundings) -> None:
        self._session = session
        self._now = now
        self._around = surroundings
        self._people: dict[str, RecipientRow | None] = {}

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
            self._enqueue(incident, event, MessageKind.ESCALATION, stage, target, subject, self._onset_body, status)

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
                    NotificationRow.kind.in_(_TOLD),
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
            self._enqueue(incident, event, kind, event.severity, target, subject, self._onset_body, status)

    def _arrange_follow_ups(self, incident: IncidentRow, event: EventRow, wishes: Wishes) -> None:
        if event.suppressed:
            return
        facts = facts_of(event)
        if wishes.remind_after_s:
            later = self._now + timedelta(seconds=wishes.remind_after_s[0])
            for target in wishes.targets:
                subject = texts.onset_subject(event.unit_id, facts, "Reminder")
                self._enqueue(
                    incident, event, MessageKind.REMINDER, "1", target, subject, self._reminder_body, at=later
                )
        if wishes.escalate_after_s is not None:
            later = self._now + timedelta(seconds=wishes.escalate_after_s)
            for target in wishes.escalation_targets:
                subject = texts.onset_subject(event.unit_id, facts, f"{event.severity.upper()}, not acknowledged:")
                self._enqueue(
                    incident,
                    event,
                    MessageKind.ESCALATION,
                    UNACKED_STAGE,
                    target,
                    subject,
                    self._reminder_body,
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

        row = self._enqueue(
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

    def _enqueue(
        self,
        incident: IncidentRow,
        event: EventRow,
        kind: MessageKind,
        stage: str,
        target: Target,
        subject: str,
        body: Any,
        status: str = "pending",
        at: datetime | None = None,
    ) -> NotificationRow | None:
        """A row, unless there is one for the same incident, kind, stage and address already."""
        uid = hashlib.sha256(f"{incident.uid} {kind} {stage} {target.channel} {target.recipient}".encode()).hexdigest()
        if self._session.scalar(select(NotificationRow.id).where(NotificationRow.uid == uid[:32])) is not None:
            return None
        text = body(event, self._around.zone)
        not_before = at or self._earliest(target, kind, event.severity)
        is_for_people = target.channel in self._around.people_channels
        links = self._links(incident, event, target, kind)
        row = NotificationRow(
            uid=uid[:32],
            incident_id=incident.id,
            unit_id=event.unit_id,
            kind=kind,
            stage=stage,
            severity=event.severity,
            channel=target.channel,
            recipient=target.recipient,
            status=status,
            not_before=not_before,
            expires_at=not_before + timedelta(seconds=retry.keep_trying_s(is_for_people=is_for_people)),
            attempts=0,
            subject=subject,
            body=text + "".join(f"\n{name}: {url}" for name, url in links.items()),
            payload=self._payload(incident, event, kind, uid[:32], subject, links),
            created_at=self._now,
        )
        self._session.add(row)
        self._session.flush()
        return row

    def _payload(
        self,
        incident: IncidentRow,
        event: EventRow,
        kind: MessageKind,
        uid: str,
        subject: str,
        links: Mapping[str, str],
    ) -> dict[str, Any]:
        return {
            "id": uid,
            "kind": kind.value,
            "unit_id": event.unit_id,
            "incident": incident.uid,
            "incident_kind": incident.kind,
            "severity": incident.severity,
            "is_active": incident.closed_at is None,
            "summary": subject,
            "event": event_view(event),
            "links": dict(links),
        }

    def _links(self, incident: IncidentRow, event: EventRow, target: Target, kind: MessageKind) -> dict[str, str]:
        links = {"Chart": self._around.links.chart(event.unit_id, event.onset_at)}
        if kind in (*_TOLD, MessageKind.REMINDER) and target.recipient:
            links["Acknowledge"] = self._around.links.acknowledge(incident.uid, target.recipient)
        return {name: url for name, url in links.items() if url}

    def _earliest(self, target: Target, kind: MessageKind, severity: str) -> datetime:
        """Now for machines and what is urgent; else after the grouping wait, and not in quiet hours."""
        if target.channel not in self._around.people_channels:
            return self._now
        is_red = severity == "red"
        at = self._now
        if kind is MessageKind.ONSET and not is_red:
            at += timedelta(seconds=self._around.group_wait_s)
        person = self._person(target.recipient)
        if person is None or (is_red and not person.quiet_for_red):
            return at
        return quiet_until(at, person.quiet_start, person.quiet_end, person.timezone or self._around.zone) or at

    def _onset_body(self, event: EventRow, zone: str) -> str:
        return texts.onset_body(event.unit_id, facts_of(event), zone)

    def _reminder_body(self, event: EventRow, zone: str) -> str:
        return texts.reminder_body(event.unit_id, facts_of(event), zone)

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
                NotificationRow.kind.in_(_TOLD),
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
            NotificationRow.kind.in_(_TOLD),
            NotificationRow.stage != UNACKED_STAGE,
            NotificationRow.status.not_in(_WORTHLESS),
        )
        return max((RANK[severity] for severity in self._session.scalars(wanted)), default=None)

    def _person(self, address: str) -> RecipientRow | None:
        if address not in self._people:
            self._people[address] = self._session.get(RecipientRow, address) if address else None
        return self._people[address]
