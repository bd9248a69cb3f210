"""Who is told what: incidents and their rows in the outbox, within the transaction that writes the event.

A recipient is told once per incident, again when it gets worse, and when it is over, however many rules are broken.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from slmm.alerts import texts
from slmm.alerts.heard import WITHHELD_STAGE, Heard
from slmm.alerts.letters import (
    UNACKED_STAGE,
    Letters,
    Surroundings,
    Target,
    Wishes,
    facts_of,
    key_of,
    onset_body,
    reminder_body,
)
from slmm.alerts.messages import MessageKind
from slmm.storage.models import EventRow, IncidentRow, NotificationRow, ShelfRow

LEVEL = "level"
RANK = {"amber": 0, "red": 1}


_IS_FOLLOW_UP = (NotificationRow.kind == MessageKind.REMINDER) | NotificationRow.stage.startswith(UNACKED_STAGE)


class Desk:
    """Works in one transaction."""

    def __init__(self, session: Session, now: datetime, surroundings: Surroundings) -> None:
        self._session = session
        self._now = now
        self._people = surroundings.people_channels
        self._heard = Heard(session)
        self._letters = Letters(session, now, surroundings)

    # -- what happens to events --------------------------------------------------------------------

    def opened(self, event: EventRow, kind: str, wishes: Wishes) -> IncidentRow:
        """A new event: it joins the unit's open incident, or begins one."""
        incident = self._incident(event.unit_id, kind)
        if incident is None:
            incident = IncidentRow(
                uid=key_of("incident", str(event.uid)),
                unit_id=event.unit_id,
                kind=kind,
                severity=event.severity,
                opened_at=event.onset_at,
            )
            self._session.add(incident)
            self._session.flush()
        event.incident_id = incident.id
        event.suppressed = self.is_shelved(event.unit_id, event.rule_id)
        self._tell(incident, event, wishes)
        return incident

    def worsened(self, event: EventRow, wishes: Wishes) -> None:
        """An event has turned red."""
        incident = self._incident_of(event)
        if incident is not None:
            self._tell(incident, event, wishes)

    def alarmed_again(self, event: EventRow, wishes: Wishes) -> None:
        """A latched event breaks its rule again."""
        incident = self._incident_of(event)
        if incident is None:
            return
        incident.severity = _worse(incident.severity, event.severity)
        if self.is_shelved(event.unit_id, event.rule_id):
            self._withhold(incident, event, wishes)
            return
        stage = f"again-{event.occurrences}"
        subject = texts.onset_subject(event.unit_id, facts_of(event), f"{event.severity.upper()} again")
        for target in wishes.targets:
            self._letters.enqueue(incident, event, MessageKind.ESCALATION, stage, target, subject, onset_body)
        self._arrange_follow_ups(incident, event, wishes)

    def ended(self, event: EventRow) -> IncidentRow | None:
        """An event is over; with the last one of an incident everybody who was told hears of it."""
        self._end_one_shot_shelves(event)
        incident = self._incident_of(event)
        if incident is None or incident.closed_at is not None or self._open_events(incident):
            return None
        wanted = select(EventRow).where(EventRow.incident_id == incident.id).order_by(EventRow.onset_at)
        events = list(self._session.scalars(wanted))
        incident.closed_at = max(one.clear_at for one in events if one.clear_at is not None)
        self._session.flush()
        self.cancel_follow_ups(incident)
        for target, rows in self._heard.by_address(incident).items():
            self._tell_end(incident, event, events, target, rows)
        return incident

    def _end_one_shot_shelves(self, event: EventRow) -> None:
        """One for a rule ends with its event; one for the unit when nothing is open any more, so nobody is left out."""
        still_open = select(EventRow.id).where(EventRow.unit_id == event.unit_id, EventRow.clear_at.is_(None))
        is_all_normal = self._session.scalar(still_open.limit(1)) is None
        ends = ShelfRow.rule_id == event.rule_id
        self._session.execute(
            update(ShelfRow)
            .where(
                ShelfRow.unit_id == event.unit_id,
                ShelfRow.is_one_shot,
                ShelfRow.ended_at.is_(None),
                ends | ShelfRow.rule_id.is_(None) if is_all_normal else ends,
            )
            .values(ended_at=self._now, ended_by="back to normal")
        )

    def acknowledged(self, incident_id: int) -> None:
        """Nobody needs to be reminded any more once every open event is acknowledged."""
        incident = self._session.get(IncidentRow, incident_id)
        if incident is not None and all(one.acknowledged_at for one in self._open_events(incident)):
            self.cancel_follow_ups(incident)

    def unacknowledged(self, incident_id: int) -> None:
        """An acknowledgement is taken back: what had been called off is due again after the same wait."""
        rows = self._session.scalars(
            select(NotificationRow).where(NotificationRow.incident_id == incident_id, _IS_FOLLOW_UP)
        )
        newest: dict[tuple[str, str, str], NotificationRow] = {}
        for row in sorted(rows, key=lambda row: row.id):  # an earlier one was called off for a later one
            newest[row.kind, row.channel, row.recipient] = row
        for row in newest.values():
            if row.status == "cancelled":
                at = self._now + max(row.not_before - row.created_at, timedelta(0))
                kind, target = MessageKind(row.kind), Target(row.channel, row.recipient)
                later = self._letters.earliest(target, kind, row.severity, at)
                row.expires_at += later - row.not_before
                row.status, row.not_before = "pending", later

    def unshelved(self, unit_id: str, rule_id: int | None) -> None:
        """Who was never told of an event that is still open hears of it now; nobody hears twice."""
        open_events = select(EventRow).where(EventRow.unit_id == unit_id, EventRow.clear_at.is_(None))
        if rule_id is not None:
            open_events = open_events.where(EventRow.rule_id == rule_id)
        for event in self._session.scalars(open_events.order_by(EventRow.id)):
            incident = self._incident_of(event)
            if incident is None or self.is_shelved(unit_id, event.rule_id):
                continue
            event.suppressed = False
            wishes = self._released(incident, event)
            if wishes.targets:
                self._tell(incident, event, wishes)

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
                NotificationRow.status == "pending",
                _IS_FOLLOW_UP,
            )
            .values(status="cancelled")
        )

    # -- telling of begin and worse ------------------------------------------------------------------

    def _tell(self, incident: IncidentRow, event: EventRow, wishes: Wishes) -> None:
        incident.severity = _worse(incident.severity, event.severity)
        if self.is_shelved(event.unit_id, event.rule_id):
            self._withhold(incident, event, wishes)
            return
        for target in wishes.targets:
            told = self._heard.by(incident, target)
            if any(RANK[row.severity] >= RANK[event.severity] for row in told):
                continue
            kind = MessageKind.ESCALATION if self._without_unsent(told) else MessageKind.ONSET
            subject = texts.onset_subject(event.unit_id, facts_of(event))
            self._letters.enqueue(incident, event, kind, event.severity, target, subject, onset_body)
            if (row := self._heard.withheld(incident, target)) is not None:
                row.kind = MessageKind.ESCALATION  # what is still withheld is no begin any more
        self._arrange_follow_ups(incident, event, wishes)

    def _without_unsent(self, told: Sequence[NotificationRow]) -> list[NotificationRow]:
        """A person who waits for the milder message gets the worse one in its place."""
        left = []
        for row in told:
            if row.status == "pending" and row.attempts == 0 and row.channel in self._people:
                self._session.delete(row)
            else:
                left.append(row)
        self._session.flush()
        return left

    def _withhold(self, incident: IncidentRow, event: EventRow, wishes: Wishes) -> None:
        """Keep in mind who is to hear of the event if it is still open when the snooze ends."""
        wished = {
            str(event.uid): {
                "remind_after_s": list(wishes.remind_after_s),
                "escalate_after_s": wishes.escalate_after_s,
                "escalation_targets": [[target.channel, target.recipient] for target in wishes.escalation_targets],
            }
        }
        subject = texts.onset_subject(event.unit_id, facts_of(event))
        for target in wishes.targets:
            told = self._heard.by(incident, target)
            if any(RANK[row.severity] >= RANK[event.severity] for row in told):
                continue
            kind = MessageKind.ESCALATION if told else MessageKind.ONSET
            row = self._heard.withheld(incident, target) or self._letters.enqueue(
                incident, event, kind, WITHHELD_STAGE, target, subject, onset_body, "suppressed"
            )
            if row is None:
                continue  # cannot be: a row of that name is the withheld one
            if RANK[event.severity] > RANK[row.severity]:
                row.severity, row.subject = event.severity, subject
            row.payload = {**row.payload, WITHHELD_STAGE: {**row.payload.get(WITHHELD_STAGE, {}), **wished}}

    def _released(self, incident: IncidentRow, event: EventRow) -> Wishes:
        """Who was to hear of the event, and what was wished for it."""
        rows = self._session.scalars(
            select(NotificationRow).where(
                NotificationRow.incident_id == incident.id,
                NotificationRow.stage == WITHHELD_STAGE,
                NotificationRow.status == "suppressed",
            )
        )
        targets: list[Target] = []
        wished: dict[str, Any] = {}
        for row in list(rows):
            withheld = dict(row.payload.get(WITHHELD_STAGE, {}))
            if event.uid not in withheld:
                continue
            wished = withheld.pop(event.uid)
            targets.append(Target(row.channel, row.recipient))
            row.payload = {**row.payload, WITHHELD_STAGE: withheld}
            if not withheld:
                self._session.delete(row)
        self._session.flush()
        return Wishes(
            tuple(targets),
            tuple(wished.get("remind_after_s", ())),
            wished.get("escalate_after_s"),
            tuple(Target(*target) for target in wished.get("escalation_targets", ())),
        )

    # -- reminders and time-outs ---------------------------------------------------------------------

    def _arrange_follow_ups(self, incident: IncidentRow, event: EventRow, wishes: Wishes) -> None:
        if event.acknowledged_at is not None:
            return
        facts = facts_of(event)
        if wishes.remind_after_s:
            subject = texts.onset_subject(event.unit_id, facts, "Reminder")
            for target in wishes.targets:
                self._follow_up(incident, event, MessageKind.REMINDER, target, subject, wishes.remind_after_s[0])
        if wishes.escalate_after_s is not None:
            subject = texts.onset_subject(event.unit_id, facts, f"{event.severity.upper()}, not acknowledged:")
            for target in wishes.escalation_targets:
                self._follow_up(incident, event, MessageKind.ESCALATION, target, subject, wishes.escalate_after_s)

    def _follow_up(
        self, incident: IncidentRow, event: EventRow, kind: MessageKind, target: Target, subject: str, after_s: float
    ) -> None:
        """Another round, unless one as bad and as soon is under way or has timed out; it takes the place of less."""
        is_reminder = kind is MessageKind.REMINDER
        of_kind = NotificationRow.kind == kind
        if not is_reminder:
            of_kind &= NotificationRow.stage.startswith(UNACKED_STAGE)
        rows = list(self._session.scalars(self._heard.to(incident, target).where(of_kind)))
        at = self._now + timedelta(seconds=after_s)
        for row in rows:
            counts = row.status in ("pending", "sending") if is_reminder else row.status != "cancelled"
            is_sooner = row.status == "pending" and row.severity == event.severity and at < row.not_before
            if counts and RANK[row.severity] >= RANK[event.severity] and not is_sooner:
                return
            if row.status == "pending":
                row.status, at = "cancelled", min(at, row.not_before)
        stage = UNACKED_STAGE if not is_reminder else "" if rows else "1"
        if rows:
            stage += f"{len(rows) + 1}.1" if is_reminder else f"-{len(rows) + 1}"
        self._letters.enqueue(incident, event, kind, stage, target, subject, reminder_body, at=at)

    # -- telling of the end ----------------------------------------------------------------------------

    def _tell_end(
        self,
        incident: IncidentRow,
        event: EventRow,
        events: Sequence[EventRow],
        target: Target,
        rows: Sequence[NotificationRow],
    ) -> None:
        """One message to one who was told of the onset, or would have been in a moment."""
        is_untold = all(self._heard.fate(row) == "pending" for row in rows)
        has_recovered = all(one.end_reason in ("cleared", "online") for one in events)
        kind = MessageKind.MERGED if is_untold else MessageKind.CLEAR if has_recovered else MessageKind.NOTICE
        word = "Occurred and ended" if is_untold else "Cleared" if has_recovered else "Ended"

        def body(_event: EventRow, zone: str) -> str:
            return texts.end_body(event.unit_id, [facts_of(one) for one in events], zone)

        subject = texts.end_subject(event.unit_id, facts_of(event), word)
        severity = max((row.severity for row in rows), key=RANK.__getitem__)  # who slept through it sleeps on
        at = max(self._now, min(row.not_before for row in rows)) if is_untold else None
        row = self._letters.enqueue(incident, event, kind, "end", target, subject, body, at=at, severity=severity)
        if row is not None and is_untold:
            unsent = self._heard.to(incident, target).where(
                NotificationRow.status == "pending", NotificationRow.uid != row.uid
            )
            for other in list(self._session.scalars(unsent)):
                other.status, other.merged_into = "merged", row.uid

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


def _worse(one: str, other: str) -> str:
    return max(one, other, key=RANK.__getitem__)
