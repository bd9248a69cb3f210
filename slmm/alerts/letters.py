"""Rows of the outbox: one message to one address, with the words, links and times it will always have."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

from sqlalchemy import select
from sqlalchemy.orm import Session

from slmm.alerts import retry, texts
from slmm.alerts.channelbook import Channelbook
from slmm.alerts.messages import MessageKind
from slmm.alerts.quiet import quiet_until
from slmm.alerts.rules import split
from slmm.alerts.texts import EventFacts
from slmm.alerts.views import event_view
from slmm.storage.models import ChannelRow, EventRow, IncidentRow, NotificationRow, RecipientRow, RuleRow

logger = logging.getLogger(__name__)

CONNECTIVITY = "connectivity"
TOLD = (MessageKind.ONSET, MessageKind.ESCALATION)
UNACKED_STAGE = "unacked"
"""How the stage of a message begins that goes out when nobody has acknowledged in time."""


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


def key_of(*parts: str) -> str:
    """The key of what these words name: the same after a crash as before."""
    return hashlib.sha256(" ".join(parts).encode()).hexdigest()[:32]


class Letters:
    """Works in one transaction."""

    def __init__(self, session: Session, now: datetime, surroundings: Surroundings) -> None:
        self._session = session
        self._now = now
        self._around = surroundings
        self._people: dict[str, RecipientRow | None] = {}

    def enqueue(
        self,
        incident: IncidentRow,
        event: EventRow,
        kind: MessageKind,
        stage: str,
        target: Target,
        subject: str,
        body: Callable[[EventRow, str], str],
        status: str = "pending",
        at: datetime | None = None,
        severity: str | None = None,
    ) -> NotificationRow | None:
        """A row, unless there is one for the same incident, kind, stage and address already.

        It goes out at *at*, or as soon as it may, but not in quiet hours; *severity* is the event's unless given.
        """
        uid = key_of(incident.uid, kind, stage, target.channel, target.recipient)
        if self._session.scalar(select(NotificationRow.id).where(NotificationRow.uid == uid)) is not None:
            return None
        text = body(event, self._around.zone)
        severity = severity or event.severity
        not_before = self.earliest(target, kind, severity, at)
        is_for_people = target.channel in self._around.people_channels
        links = self._links(incident, event, target, kind)
        row = NotificationRow(
            uid=uid,
            incident_id=incident.id,
            unit_id=event.unit_id,
            kind=kind,
            stage=stage,
            severity=severity,
            channel=target.channel,
            recipient=target.recipient,
            status=status,
            not_before=not_before,
            expires_at=not_before + timedelta(seconds=retry.keep_trying_s(is_for_people=is_for_people)),
            attempts=0,
            subject=subject,
            body=text + "".join(f"\n{name}: {url}" for name, url in links.items()),
            payload=self._payload(incident, event, kind, uid, subject, links),
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
            "is_active": is_anything_open(self._session, event.unit_id),
            "summary": subject,
            "event": event_view(event),
            "links": dict(links),
            "timezone": self._around.zone,
        }

    def _links(self, incident: IncidentRow, event: EventRow, target: Target, kind: MessageKind) -> dict[str, str]:
        links = {"Chart": self._around.links.chart(event.unit_id, event.onset_at)}
        if kind in (*TOLD, MessageKind.REMINDER) and target.recipient:
            links["Acknowledge"] = self._around.links.acknowledge(incident.uid, target.recipient)
        return {name: url for name, url in links.items() if url}

    def earliest(self, target: Target, kind: MessageKind, severity: str, at: datetime | None) -> datetime:
        """Now for machines and what is urgent; else after the grouping wait, and not in quiet hours."""
        if target.channel not in self._around.people_channels:
            return at or self._now
        if at is None:
            is_patient = kind is MessageKind.ONSET and severity != "red"
            at = self._now + timedelta(seconds=self._around.group_wait_s if is_patient else 0.0)
        return awake_at(self._person(target.recipient), severity, at, self._around.zone)

    def _person(self, address: str) -> RecipientRow | None:
        if address not in self._people:
            self._people[address] = self._session.get(RecipientRow, address) if address else None
        return self._people[address]


def awake_at(person: RecipientRow | None, severity: str, at: datetime, zone: str) -> datetime:
    """The time itself or the end of the quiet hours it falls in; red goes through unless the person has it wait."""
    if person is None or (severity == "red" and not person.quiet_for_red):
        return at
    return quiet_until(at, person.quiet_start, person.quiet_end, person.timezone or zone) or at


def onset_body(event: EventRow, zone: str) -> str:
    """What an onset says."""
    return texts.onset_body(event.unit_id, facts_of(event), zone)


def reminder_body(event: EventRow, zone: str) -> str:
    """What a reminder says."""
    return texts.reminder_body(event.unit_id, facts_of(event), zone)


# -- what follows from what became of a message ------------------------------------------------------------------


def is_anything_open(session: Session, unit_id: str) -> bool:
    """What a switch of that unit shows: on while any incident of it is open."""
    wanted = select(IncidentRow.id).where(IncidentRow.unit_id == unit_id, IncidentRow.closed_at.is_(None))
    return session.scalar(wanted.limit(1)) is not None


def is_unacknowledged(session: Session, incident: IncidentRow) -> bool:
    """Whether something of it is open that nobody has acknowledged."""
    wanted = select(EventRow.id).where(
        EventRow.incident_id == incident.id, EventRow.clear_at.is_(None), EventRow.acknowledged_at.is_(None)
    )
    return incident.closed_at is None and session.scalar(wanted.limit(1)) is not None


def continue_reminders(session: Session, row: NotificationRow, now: datetime) -> None:
    """After a reminder, also one in a digest, comes the next; the last pause repeats until somebody acknowledges."""
    if row.kind == MessageKind.REMINDER:
        _next_reminder(session, row, now)
    elif row.kind == MessageKind.DIGEST:
        members = select(NotificationRow).where(
            NotificationRow.merged_into == row.uid, NotificationRow.kind == MessageKind.REMINDER
        )
        for member in list(session.scalars(members)):
            _next_reminder(session, member, now)


def _next_reminder(session: Session, row: NotificationRow, now: datetime) -> None:
    incident = session.get(IncidentRow, row.incident_id) if row.incident_id else None
    event = session.scalar(select(EventRow).where(EventRow.uid == row.payload.get("event", {}).get("uid")))
    pauses_s = ((event.rule_json if event else None) or {}).get("remind_after_s") or []
    if incident is None or not pauses_s or not is_unacknowledged(session, incident):
        return
    begin, dot, number = row.stage.rpartition(".")
    stage = f"{begin}{dot}{int(number) + 1}"
    uid = key_of(incident.uid, row.kind, stage, row.channel, row.recipient)
    if session.scalar(select(NotificationRow.id).where(NotificationRow.uid == uid)) is not None:
        return
    pause = timedelta(seconds=pauses_s[min(int(number), len(pauses_s) - 1)])
    person = session.get(RecipientRow, row.recipient) if row.recipient else None
    not_before = awake_at(person, row.severity, now + pause, row.payload.get("timezone", "UTC"))
    members = {column.name: getattr(row, column.name) for column in NotificationRow.__table__.columns}
    for name in ("id", "last_error", "last_code", "answer", "sent_at", "lease_until", "lease_owner", "merged_into"):
        del members[name]
    again = {
        "uid": uid,
        "stage": stage,
        "status": "pending",
        "not_before": not_before,
        "expires_at": not_before + timedelta(seconds=retry.GIVE_UP_S),
        "attempts": 0,
        "payload": {**row.payload, "id": uid},
        "created_at": now,
    }
    session.add(NotificationRow(**{**members, **again}))


def give_up(
    session: Session, channels: Channelbook, row: NotificationRow, now: datetime, *, is_expected: bool = False
) -> None:
    """A message is not delivered any more; others hear of it, unless it is *expected* of a channel that is off."""
    row.status = "dead"
    logger.error("message %s to %s on %s is given up: %s", row.uid, row.recipient, row.channel, row.last_error)
    if now >= row.expires_at:  # not refused, only late: the next one may get through
        continue_reminders(session, row, now)
    if not is_expected:
        raise_system_alarm(session, channels, row, now, now, row.last_error or "it could not be delivered")


def raise_system_alarm(
    session: Session, channels: Channelbook, row: NotificationRow, since: datetime, now: datetime, why: str
) -> None:
    """Tell through the other channels that this one does not deliver: once an hour and channel."""
    if row.kind == MessageKind.SYSTEM:
        return
    others = session.scalars(
        select(ChannelRow).where(
            ChannelRow.is_enabled, ~ChannelRow.is_paused, ChannelRow.failures == 0, ChannelRow.name != row.channel
        )
    )
    addressed = channels.takes_recipients()
    for other in list(others):
        for recipient in _who_reads(session, other.name, row) if addressed.get(other.name) else ("",):
            _add_system_alarm(session, row, Target(other.name, recipient), since, now, why)


def _who_reads(session: Session, channel: str, row: NotificationRow) -> Sequence[str]:
    """Who is to hear on an addressed channel: the one who was meant, else all who get the unit's alerts there."""
    if row.recipient:
        return (row.recipient,)
    rules = list(session.scalars(select(RuleRow).where(RuleRow.enabled)))
    own = [rule for rule in rules if rule.unit_id == row.unit_id]
    found: dict[str, None] = {}
    for rule in own or rules:
        if channel in split(rule.channels):
            found.update(dict.fromkeys(split(rule.recipients)))
    return list(found)


def _add_system_alarm(
    session: Session, row: NotificationRow, target: Target, since: datetime, now: datetime, why: str
) -> None:
    hour = since.strftime("%Y-%m-%dT%H")
    uid = key_of("system", row.channel, hour, target.channel, target.recipient)
    if session.scalar(select(NotificationRow.id).where(NotificationRow.uid == uid)) is not None:
        return
    subject = f"SLMM: channel {row.channel} does not deliver"
    session.add(
        NotificationRow(
            uid=uid,
            incident_id=None,
            unit_id=None,
            kind=MessageKind.SYSTEM.value,
            stage=hour,
            severity="red",
            channel=target.channel,
            recipient=target.recipient,
            status="pending",
            not_before=now,
            expires_at=now + timedelta(seconds=retry.GIVE_UP_S),
            attempts=0,
            subject=subject,
            body=f"{subject}: {why}\nNot delivered so far: {row.subject}\n"
            "See the alerts page; what was given up can be sent again.",
            payload={"id": uid, "kind": "system", "summary": subject, "detail": why, "channel": row.channel},
            created_at=now,
        )
    )
    session.flush()
