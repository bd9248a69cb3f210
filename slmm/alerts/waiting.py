"""What waits when the wall clock is set: it goes on waiting for as long as it would have, in the caller's transaction.

The ends of quiet hours are the exception: those are of the wall clock.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from slmm.alerts.letters import awake_at
from slmm.storage.models import ChannelRow, NotificationRow, RecipientRow

_INSTANT = timedelta(microseconds=1)
_IS_UNSENT = NotificationRow.status.in_(("pending", "sending"))


def move(session: Session, step: timedelta) -> int:
    """Move the times at which messages go out, are given up or their lease ends; how many messages."""
    moved = 0
    for row in list(session.scalars(select(NotificationRow).where(_IS_UNSENT))):
        row.created_at += step
        person = session.get(RecipientRow, row.recipient) if row.recipient else None
        if not _waits_for_quiet_hours(row, person):
            zone = str(row.payload.get("timezone", "UTC"))
            not_before = awake_at(person, row.severity, row.not_before + step, zone)
            row.expires_at += not_before - row.not_before
            row.not_before = not_before
            moved += 1
        if row.lease_until is not None:
            row.lease_until += step
    for channel in list(session.scalars(select(ChannelRow).where(ChannelRow.not_before.is_not(None)))):
        if channel.not_before is not None:
            channel.not_before += step
    return moved


def catch_up(session: Session, now: datetime) -> None:
    """At the start: messages that were made after *now* tell that the clock was set back while nobody looked."""
    newest = session.scalar(select(func.max(NotificationRow.created_at)).where(_IS_UNSENT))
    if newest is not None and newest > now:
        move(session, now - newest)


def _waits_for_quiet_hours(row: NotificationRow, person: RecipientRow | None) -> bool:
    zone = str(row.payload.get("timezone", "UTC"))
    before = row.not_before - _INSTANT
    return awake_at(person, row.severity, before, zone) == row.not_before
