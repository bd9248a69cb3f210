"""Which messages go out now: order, grouping, bounds and second thoughts, in the transaction that leases them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from slmm.alerts import letters, retry, texts
from slmm.alerts.channelbook import LOG, Channelbook
from slmm.alerts.letters import CONNECTIVITY, TOLD, UNACKED_STAGE
from slmm.alerts.messages import Message, MessageKind
from slmm.storage.models import ChannelRow, IncidentRow, NotificationRow, ShelfRow

POSTPONE = timedelta(seconds=60)
SPARE_S = 60.0
"""A lease is longer than the longest attempt by this."""
LOOK_AT = 200
"""So many messages of a channel are looked at in a round."""
_ENDS = (MessageKind.CLEAR, MessageKind.NOTICE)
_CALM = (*_ENDS, MessageKind.MERGED, MessageKind.DIGEST)
"""Nobody needs to be woken by these."""


class Picker:
    """Picks once."""

    def __init__(
        self, channels: Channelbook, now: datetime, owner: str, lease_s: float, free: Mapping[str, int]
    ) -> None:
        self.dead = 0
        """How many messages were given up on the way."""
        self._channels = channels
        self._now = now
        self._owner = owner
        self._lease_s = lease_s
        self._free = free
        self._people = channels.people_channels()

    def pick(self, session: Session, limit: int) -> list[tuple[str, Message]]:
        """Lease what is to be sent now; each with its channel."""
        self._reclaim(session)
        rows = {row.name: row for row in session.scalars(select(ChannelRow))}
        self._bury(session, rows)
        picked: list[NotificationRow] = []
        for channel in self._waiting(session):  # each by itself: what one cannot send must not stand before the others
            room = min(self._room(session, channel, rows.get(channel)), limit - len(picked))
            if room > 0:
                picked += self._pick_of(session, channel, room)
        for row in picked:
            row.status, row.lease_owner = "sending", self._owner
            row.lease_until = self._now + timedelta(seconds=self._lease_of(row.channel))
            row.attempts += 1
        return [(row.channel, self._message(session, row)) for row in picked]

    # -- what can be sent at all --------------------------------------------------------------------

    def _reclaim(self, session: Session) -> None:
        """Leases that ran out: the outcome was never written."""
        session.execute(
            update(NotificationRow)
            .where(NotificationRow.status == "sending", NotificationRow.lease_until < self._now)
            .values(status="pending")
        )

    def _bury(self, session: Session, rows: Mapping[str, ChannelRow]) -> None:
        """Give up what has waited too long, and what has no channel any more."""
        is_hopeless = (NotificationRow.expires_at <= self._now) | NotificationRow.channel.not_in(list(rows))
        wanted = select(NotificationRow).where(
            NotificationRow.status == "pending", NotificationRow.channel != LOG, is_hopeless
        )
        for row in list(session.scalars(wanted.limit(LOOK_AT))):
            channel = rows.get(row.channel)
            if channel is None:
                row.last_error = f"there is no channel {row.channel!r} any more"
            row.last_error = row.last_error or "its time has run out"
            is_expected = channel is not None and not channel.is_enabled
            letters.give_up(session, self._channels, row, self._now, is_expected=is_expected)
            self.dead += 1

    def _waiting(self, session: Session) -> list[str]:
        """The channels with messages that are due."""
        wanted = select(NotificationRow.channel).where(
            NotificationRow.status == "pending", NotificationRow.not_before <= self._now
        )
        return sorted(session.scalars(wanted.distinct()))

    def _room(self, session: Session, name: str, channel: ChannelRow | None) -> int:
        """How many messages the channel can take now."""
        free = self._free.get(name, 0)
        if name == LOG:
            return free
        if channel is None or not channel.is_enabled or channel.is_paused:
            return 0
        if channel.not_before is not None and channel.not_before > self._now:
            return 0
        if channel.failures < retry.BREAKER_FAILURES:
            return free
        under_way = select(NotificationRow.id).where(
            NotificationRow.channel == name, NotificationRow.status == "sending"
        )
        return min(free, 1) if session.scalar(under_way.limit(1)) is None else 0  # one probe at a time

    def _lease_of(self, channel: str) -> float:
        ready = self._channels.ready(channel)
        return (
            self._lease_s
            if ready is None or ready.channel is None
            else max(self._lease_s, ready.channel.deadline_s + SPARE_S)
        )

    # -- what is to be sent ---------------------------------------------------------------------------

    def _pick_of(self, session: Session, channel: str, room: int) -> Sequence[NotificationRow]:
        due = (
            select(NotificationRow)
            .where(
                NotificationRow.channel == channel,
                NotificationRow.status == "pending",
                NotificationRow.not_before <= self._now,
            )
            .order_by(NotificationRow.id)
            .limit(LOOK_AT)
        )
        wanted = [row for row in session.scalars(due) if self._is_still_wanted(session, row)]
        left = [row for row in wanted if row.status == "pending"]  # a later one may have taken in an earlier one
        if channel not in self._people:
            return left[:room]
        by_person: dict[str, list[NotificationRow]] = defaultdict(list)
        for row in left:
            by_person[row.recipient].append(row)
        chosen: list[NotificationRow] = []
        for recipient, waiting in by_person.items():
            waiting += self._in_the_same_wait(session, waiting)
            chosen += self._bounded(session, channel, recipient, waiting)
        return chosen[:room]

    def _is_still_wanted(self, session: Session, row: NotificationRow) -> bool:
        """Whether it goes out as it is and now."""
        if _is_later(row) and not self._is_follow_up_wanted(session, row):
            return False
        if row.kind in _ENDS:
            return self._take_in_onset(session, row)
        if row.kind == MessageKind.REMINDER and self._earlier(session, row):
            self._postpone(row)
            return False
        return row.kind != MessageKind.ESCALATION or self._take_in_milder(session, row)

    def _is_follow_up_wanted(self, session: Session, row: NotificationRow) -> bool:
        """Nobody is reminded of what is over, acknowledged, snoozed or frozen."""
        incident = session.get(IncidentRow, row.incident_id) if row.incident_id else None
        if incident is None or not letters.is_unacknowledged(session, incident):
            row.status = "cancelled"
            return False
        if self._is_shelved(session, row, incident.unit_id) or self._has_no_data(session, incident):
            self._postpone(row)
            return False
        return True

    def _postpone(self, row: NotificationRow) -> None:
        later = self._now + POSTPONE
        row.expires_at += later - row.not_before
        row.not_before = later

    def _take_in_onset(self, session: Session, row: NotificationRow) -> bool:
        """An end waits for its onset; an onset that never went out is told together with it."""
        for other in self._earlier(session, row):
            if other.status == "sending" or other.kind == MessageKind.DIGEST:
                return False
            other.status, other.merged_into = "merged", row.uid
        if not self._has_heard(session, row):
            row.kind = MessageKind.MERGED
            row.subject = f"Occurred and ended {row.subject.partition(' ')[2]}"[: texts.LONGEST_SUBJECT]
            row.payload = {**row.payload, "kind": MessageKind.MERGED.value, "summary": row.subject}
        return True

    def _take_in_milder(self, session: Session, row: NotificationRow) -> bool:
        """Machines get each message, in order; to a person the worse one says it all."""
        for other in self._earlier(session, row):
            if other.kind not in TOLD:
                continue
            if other.status == "sending" or row.channel not in self._people:
                return False
            other.status, other.merged_into = "merged", row.uid
        return True

    def _earlier(self, session: Session, row: NotificationRow) -> list[NotificationRow]:
        """What the address is still to hear of the incident before this, or the digest it stands in."""
        to_address = (
            select(NotificationRow)
            .where(NotificationRow.channel == row.channel, NotificationRow.recipient == row.recipient)
            .order_by(NotificationRow.id)
        )
        own = to_address.where(NotificationRow.incident_id == row.incident_id, NotificationRow.id < row.id)
        unsent = NotificationRow.status.in_(("pending", "sending"))
        digests = [one.merged_into for one in session.scalars(own.where(NotificationRow.status == "merged"))]
        within = to_address.where(
            unsent,
            NotificationRow.kind == MessageKind.DIGEST,
            NotificationRow.uid.in_([uid for uid in digests if uid is not None]),
        )
        waiting = [one for one in session.scalars(own.where(unsent)) if one.status == "sending" or not _is_later(one)]
        return [*waiting, *session.scalars(within)]

    def _has_heard(self, session: Session, row: NotificationRow) -> bool:
        """Whether anything about the incident has reached the address, by itself or in a digest."""
        to_address = select(NotificationRow.id).where(
            NotificationRow.channel == row.channel,
            NotificationRow.recipient == row.recipient,
        )
        digests = select(NotificationRow.uid).where(
            NotificationRow.kind == MessageKind.DIGEST, NotificationRow.status == "sent"
        )
        has_arrived = (NotificationRow.status == "sent") | NotificationRow.merged_into.in_(digests)
        wanted = to_address.where(
            NotificationRow.incident_id == row.incident_id, NotificationRow.kind.in_(TOLD), has_arrived
        )
        return session.scalar(wanted.limit(1)) is not None

    def _is_shelved(self, session: Session, row: NotificationRow, unit_id: str) -> bool:
        rule_id = (row.payload.get("event") or {}).get("rule_id")
        wanted = select(ShelfRow.id).where(
            ShelfRow.unit_id == unit_id,
            ShelfRow.rule_id.is_(None) | (ShelfRow.rule_id == rule_id),
            ShelfRow.ended_at.is_(None),
            ShelfRow.until > self._now,
        )
        return session.scalar(wanted.limit(1)) is not None

    def _has_no_data(self, session: Session, incident: IncidentRow) -> bool:
        """A frozen alarm is not repeated: the lost meter is an alarm of its own."""
        if incident.kind == CONNECTIVITY:
            return False
        wanted = select(IncidentRow.id).where(
            IncidentRow.unit_id == incident.unit_id,
            IncidentRow.kind == CONNECTIVITY,
            IncidentRow.closed_at.is_(None),
        )
        return session.scalar(wanted) is not None

    # -- what one person can bear ---------------------------------------------------------------------

    def _in_the_same_wait(self, session: Session, waiting: Sequence[NotificationRow]) -> list[NotificationRow]:
        """Onsets that began to wait to be grouped before this group went out: they go with it."""
        waits = {
            row.not_before - row.created_at
            for row in waiting
            if row.kind == MessageKind.ONSET and row.attempts == 0 and row.severity != "red"
        }
        if not waits:
            return []
        others = session.scalars(
            select(NotificationRow)
            .where(
                NotificationRow.channel == waiting[0].channel,
                NotificationRow.recipient == waiting[0].recipient,
                NotificationRow.kind == MessageKind.ONSET,
                NotificationRow.status == "pending",
                NotificationRow.attempts == 0,
                NotificationRow.not_before > self._now,
                NotificationRow.created_at <= self._now,
            )
            .order_by(NotificationRow.id)
        )
        return [row for row in others if row.not_before - row.created_at in waits]

    def _bounded(
        self, session: Session, channel: str, recipient: str, waiting: Sequence[NotificationRow]
    ) -> Sequence[NotificationRow]:
        """What one person gets now: what is urgent at once, the rest as one and never too often."""
        urgent = [row for row in waiting if row.severity == "red" and row.kind not in _CALM]
        calm = [row for row in waiting if row not in urgent]
        sent_at = self._sent_at(session, channel, recipient)
        room = retry.MOST_PER_HOUR - len(sent_at)
        if room <= 0 and calm:
            next_at = max(sent_at) + timedelta(seconds=retry.DIGEST_EVERY_S)
            if next_at > self._now:
                for row in calm:
                    row.not_before = max(row.not_before, next_at)
                calm = []
        single = [row for row in calm if row.attempts > 0 or row.kind == MessageKind.DIGEST]
        fresh = [row for row in calm if row not in single]
        if len(single) + bool(fresh) > max(room, 1):
            single = [row for row in calm if row.kind == MessageKind.DIGEST]
            fresh = [row for row in calm if row not in single]
        if len(urgent) > max(room, 1):
            urgent = [self._digest(session, urgent)]
        return [*urgent, *single, *([self._digest(session, fresh)] if len(fresh) > 1 else fresh)]

    def _sent_at(self, session: Session, channel: str, recipient: str) -> list[datetime]:
        """When this person got messages within the last hour."""
        wanted = select(NotificationRow.sent_at).where(
            NotificationRow.channel == channel,
            NotificationRow.recipient == recipient,
            NotificationRow.status == "sent",
            NotificationRow.sent_at.between(self._now - timedelta(hours=1), self._now),  # the clock may be set back
        )
        return [at for at in session.scalars(wanted) if at is not None]

    def _digest(self, session: Session, rows: Sequence[NotificationRow]) -> NotificationRow:
        uid = letters.key_of(*sorted(row.uid for row in rows))
        units = sorted({row.unit_id for row in rows if row.unit_id})
        where = f"{len(units)} units" if len(units) > 1 else units[0] if units else "SLMM"
        severity = "red" if any(row.severity == "red" for row in rows) else "amber"
        first = rows[0]
        digest = NotificationRow(
            uid=uid,
            incident_id=None,
            unit_id=first.unit_id if len(units) == 1 else None,
            kind=MessageKind.DIGEST.value,
            stage=uid[:16],
            severity=severity,
            channel=first.channel,
            recipient=first.recipient,
            status="pending",
            not_before=self._now,
            expires_at=min(row.expires_at for row in rows),
            attempts=0,
            subject=f"{where}: {len(rows)} messages about alerts" + (", RED" if severity == "red" else ""),
            body=texts.digest_body([(row.subject, row.body) for row in rows]),
            payload={"id": uid, "kind": "digest", "messages": [row.payload for row in rows]},
            created_at=self._now,
        )
        session.add(digest)
        for row in rows:
            row.status, row.merged_into = "merged", uid
        session.flush()
        return digest

    def _message(self, session: Session, row: NotificationRow) -> Message:
        incident = session.get(IncidentRow, row.incident_id) if row.incident_id else None
        return Message(
            uid=row.uid,
            kind=MessageKind(row.kind),
            recipient=row.recipient,
            subject=row.subject,
            text=row.body,
            payload=row.payload,
            thread=incident.uid if incident else row.uid,
            created_at=row.created_at,
        )


def _is_later(row: NotificationRow) -> bool:
    """Whether it is for later only: a reminder, or what is sent when nobody has acknowledged in time."""
    return row.kind == MessageKind.REMINDER or row.stage.startswith(UNACKED_STAGE)
