"""Which messages go out now: order, grouping, bounds and second thoughts, in the transaction that leases them."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from slmm.alerts import retry, texts
from slmm.alerts.channelbook import LOG, Channelbook
from slmm.alerts.letters import CONNECTIVITY
from slmm.alerts.messages import Message, MessageKind
from slmm.storage.models import ChannelRow, IncidentRow, NotificationRow, ShelfRow

POSTPONE = timedelta(seconds=60)
_ENDS = (MessageKind.CLEAR, MessageKind.NOTICE)


class Picker:
    """Picks once."""

    def __init__(
        self, channels: Channelbook, now: datetime, owner: str, lease_s: float, free: Mapping[str, int]
    ) -> None:
        self._channels = channels
        self._now = now
        self._owner = owner
        self._lease_until = now + timedelta(seconds=lease_s)
        self._free = dict(free)
        self._people = channels.people_channels()

    def pick(self, session: Session, limit: int) -> list[tuple[str, Message]]:
        """Lease what is to be sent now; each with its channel."""
        self._reclaim(session)
        picked: list[NotificationRow] = []
        by_address: dict[tuple[str, str], list[NotificationRow]] = defaultdict(list)
        rows = {row.name: row for row in session.scalars(select(ChannelRow))}
        for row in self._due(session, limit * 4):
            if self._is_deliverable(row, rows.get(row.channel)) and self._is_still_wanted(session, row):
                by_address[row.channel, row.recipient].append(row)
        for (channel, recipient), waiting in by_address.items():
            chosen = self._bounded(session, channel, recipient, waiting) if channel in self._people else waiting
            for row in chosen:
                if len(picked) < limit and self._free.get(channel, 0) > 0:
                    self._free[channel] -= 1
                    picked.append(row)
        for row in picked:
            row.status, row.lease_until, row.lease_owner = "sending", self._lease_until, self._owner
            row.attempts += 1
        return [(row.channel, self._message(session, row)) for row in picked]

    def _reclaim(self, session: Session) -> None:
        """Leases that ran out: the outcome was never written."""
        session.execute(
            update(NotificationRow)
            .where(NotificationRow.status == "sending", NotificationRow.lease_until < self._now)
            .values(status="pending")
        )

    def _due(self, session: Session, limit: int) -> list[NotificationRow]:
        wanted = (
            select(NotificationRow)
            .where(NotificationRow.status == "pending", NotificationRow.not_before <= self._now)
            .order_by(NotificationRow.id)
            .limit(limit)
        )
        return list(session.scalars(wanted))

    def _is_deliverable(self, row: NotificationRow, channel: ChannelRow | None) -> bool:
        if row.channel == LOG:
            return True
        if channel is None or self._now >= row.expires_at:
            row.status = "dead"
            row.last_error = row.last_error or (
                f"there is no channel {row.channel!r} any more" if channel is None else "its time has run out"
            )
            return False
        if not channel.is_enabled or channel.is_paused:
            return False
        if channel.not_before is not None and channel.not_before > self._now:
            return False
        if channel.failures >= retry.BREAKER_FAILURES:  # one probe at a time
            self._free[row.channel] = min(self._free.get(row.channel, 0), 1)
        return True

    def _is_still_wanted(self, session: Session, row: NotificationRow) -> bool:
        """Whether it goes out as it is; an end waits for its onset, or takes it in."""
        if row.kind in _ENDS:
            return self._take_in_onset(session, row)
        if row.kind != MessageKind.REMINDER:
            return True
        incident = session.get(IncidentRow, row.incident_id) if row.incident_id else None
        if incident is None or incident.closed_at is not None:
            row.status = "cancelled"
            return False
        if self._is_shelved(session, incident.unit_id) or self._has_no_data(session, incident):
            row.not_before = self._now + POSTPONE
            return False
        return True

    def _take_in_onset(self, session: Session, row: NotificationRow) -> bool:
        """An onset that never went out is told together with its end."""
        earlier = session.scalars(
            select(NotificationRow).where(
                NotificationRow.incident_id == row.incident_id,
                NotificationRow.channel == row.channel,
                NotificationRow.recipient == row.recipient,
                NotificationRow.id < row.id,
                NotificationRow.status.in_(("pending", "sending")),
            )
        )
        for other in earlier:
            if other.status == "sending":
                return False
            other.status, other.merged_into = "merged", row.uid
            if other.kind == MessageKind.ONSET:
                row.kind = MessageKind.MERGED
                row.subject = f"Occurred and ended: {row.subject.partition(' ')[2]}"[: texts.LONGEST_SUBJECT]
        return True

    def _is_shelved(self, session: Session, unit_id: str) -> bool:
        wanted = select(ShelfRow.id).where(
            ShelfRow.unit_id == unit_id,
            ShelfRow.rule_id.is_(None),
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

    def _bounded(
        self, session: Session, channel: str, recipient: str, waiting: Sequence[NotificationRow]
    ) -> Sequence[NotificationRow]:
        """What one person gets now: several at once as one, and no more than is bearable in an hour."""
        is_urgent = any(row.severity == "red" for row in waiting)
        sent_at = list(
            session.scalars(
                select(NotificationRow.sent_at).where(
                    NotificationRow.channel == channel,
                    NotificationRow.recipient == recipient,
                    NotificationRow.status == "sent",
                    NotificationRow.sent_at > self._now - timedelta(hours=1),
                )
            )
        )
        if len(sent_at) >= retry.MOST_PER_HOUR and not is_urgent:
            latest = max(at for at in sent_at if at is not None)
            next_at = latest + timedelta(seconds=retry.DIGEST_EVERY_S)
            if next_at > self._now:
                for row in waiting:
                    row.not_before = max(row.not_before, next_at)
                return ()
        fresh = [row for row in waiting if row.attempts == 0 and row.kind != MessageKind.TEST]
        tried = [row for row in waiting if row not in fresh]
        if len(fresh) < 2:
            return waiting
        return [*tried, self._digest(session, fresh)]

    def _digest(self, session: Session, rows: Sequence[NotificationRow]) -> NotificationRow:
        uid = hashlib.sha256(" ".join(sorted(row.uid for row in rows)).encode()).hexdigest()[:32]
        units = sorted({row.unit_id for row in rows if row.unit_id})
        where = f"{len(units)} units" if len(units) > 1 else units[0] if units else "SLMM"
        first = rows[0]
        digest = NotificationRow(
            uid=uid,
            incident_id=None,
            unit_id=first.unit_id if len(units) == 1 else None,
            kind=MessageKind.DIGEST.value,
            stage=uid[:16],
            severity="red" if any(row.severity == "red" for row in rows) else "amber",
            channel=first.channel,
            recipient=first.recipient,
            status="pending",
            not_before=self._now,
            expires_at=min(row.expires_at for row in rows),
            attempts=0,
            subject=f"{where}: {len(rows)} messages about alerts",
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
