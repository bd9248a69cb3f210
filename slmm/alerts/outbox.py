"""Delivers what stands in the outbox: at least once, in order, with patience, and never in a transaction.

A row is leased before the network is touched and its outcome written after it. A crash in between sends the same
message with the same key again, for being told twice is better than not at all.
"""

from __future__ import annotations

import logging
import random
import secrets
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import gevent
from gevent.event import Event
from gevent.pool import Pool
from sqlalchemy import func, select, update
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from slmm.alerts import letters, retry, waiting
from slmm.alerts.channelbook import Channelbook
from slmm.alerts.messages import Attachment, DeliveryFailed, Message, MessageKind
from slmm.alerts.picking import Picker
from slmm.errors import Conflict, NotFound
from slmm.storage.database import Database
from slmm.storage.models import ChannelRow, IncidentRow, NotificationRow

logger = logging.getLogger(__name__)

AT_ONCE = 50
"""Messages of one round."""
SENDERS = 4
"""Messages under way on one channel at a time."""
LEASE_S = 120.0
LOOK_EVERY_S = 2.0

Attach = Callable[[str, datetime, dict[str, Any]], tuple[Attachment, ...]]
"""The files that go with a mail about a unit at that time."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one attempt."""

    uid: str
    channel: str
    answer: str | None = None
    failure: DeliveryFailed | None = None


class Outbox:
    """The one that sends."""

    def __init__(
        self,
        database: Database,
        channels: Channelbook,
        attach: Attach,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        chance: Callable[[], float] = random.random,
        ahead_s: Callable[[], float] = lambda: 0.0,
    ) -> None:
        self.sent = 0
        self.failed = 0
        self.dead = 0
        self.outcomes: Counter[tuple[str, str]] = Counter()
        """By channel: attempts that ``sent`` a message or ``failed``."""
        self.last_error: str | None = None
        self._database = database
        self._channels = channels
        self._attach = attach
        self._now = now
        self._chance = chance
        self._ahead_s = ahead_s
        self._known_ahead_s = ahead_s()
        """How far the wall clock was set, as the times of what waits have it."""
        self._owner = secrets.token_hex(8)
        self._news = Event()
        self._pools: dict[str, Pool] = {}
        self._greenlet: gevent.Greenlet | None = None

    # -- life ---------------------------------------------------------------------------------------

    def start(self) -> None:
        """Take back what an earlier run had under way, and deliver from now on."""

        def take_back(session: Session) -> None:
            session.execute(update(NotificationRow).where(NotificationRow.status == "sending").values(status="pending"))
            waiting.catch_up(session, self._now())

        self._database.write(take_back)
        self._greenlet = gevent.Greenlet(self._run)
        self._greenlet.name = "outbox"
        self._greenlet.link_exception(lambda dead: logger.critical("greenlet %s died", dead.name))
        self._greenlet.start()

    def stop(self, within_s: float = 3.0) -> None:
        """Begin nothing new and give what is under way a moment; what is cut off is sent again next time."""
        if self._greenlet is not None:
            self._greenlet.kill()
        pools = list(self._pools.values())
        gevent.joinall([greenlet for pool in pools for greenlet in pool], timeout=within_s)
        for pool in pools:
            pool.kill()

    def wake(self) -> None:
        """There is something new."""
        self._news.set()

    def _run(self) -> None:
        while True:
            self._news.wait(LOOK_EVERY_S)
            self._news.clear()
            try:
                self.send_due()
                self.last_error = None
            except (SQLAlchemyError, OSError) as error:
                self.last_error = str(error)
                logger.warning("the outbox cannot be read, it is tried again: %s", error)
                gevent.sleep(LOOK_EVERY_S)
            except Exception as error:
                self.last_error = str(error)
                logger.exception("the outbox failed for a reason nobody thought of")
                gevent.sleep(LOOK_EVERY_S)

    # -- sending ------------------------------------------------------------------------------------

    def send_due(self, *, wait: bool = False) -> int:
        """Lease what is due and send it, each channel by itself; how many messages."""
        self._follow_clock()
        now = self._now()
        free = {name: self._pool(name).free_count() for name in self._channels.kinds()}
        picker = Picker(self._channels, now, self._owner, LEASE_S, free)
        messages = self._database.write(lambda session: picker.pick(session, AT_ONCE))
        self.dead += picker.dead
        greenlets = [self._pool(channel).spawn(self._send, channel, message) for channel, message in messages]
        if wait:
            gevent.joinall(greenlets)
        if len(messages) == AT_ONCE:
            self._news.set()
        return len(messages)

    def _follow_clock(self) -> None:
        ahead_s = self._ahead_s()
        step = timedelta(seconds=ahead_s - self._known_ahead_s)
        if step:
            count = self._database.write(lambda session: waiting.move(session, step))
            self._known_ahead_s = ahead_s
            logger.info("the clock was set: %d messages wait for as long as before", count)

    def _pool(self, channel: str) -> Pool:
        return self._pools.setdefault(channel, Pool(SENDERS))

    def _send(self, channel: str, message: Message) -> None:
        ready = self._channels.ready(channel)
        outcome = Outcome(message.uid, channel)
        try:
            if ready is None or ready.channel is None:
                raise DeliveryFailed("the channel cannot be used", stage="config")
            if ready.kind == "email" and message.kind is MessageKind.ONSET:
                message = self._with_attachments(message)
            outcome = Outcome(message.uid, channel, answer=ready.channel.send(message))
        except DeliveryFailed as failure:
            outcome = Outcome(message.uid, channel, failure=failure)
        except Exception as error:
            logger.exception("channel %s failed for a reason nobody thought of", channel)
            outcome = Outcome(message.uid, channel, failure=DeliveryFailed(str(error), stage="send"))
        try:
            self._database.write(lambda session: self._finish(session, outcome))
        except (SQLAlchemyError, OSError) as error:  # the lease runs out, and the same message goes out again
            logger.warning("what became of message %s cannot be written: %s", message.uid, error)
        self._news.set()

    def _with_attachments(self, message: Message) -> Message:
        try:
            files = self._attach(str(message.payload.get("unit_id")), message.created_at, dict(message.payload))
        except Exception:  # whatever is wrong with a picture: who is to be woken gets the words
            logger.exception("message %s goes without its files", message.uid)
            return message
        return replace(message, attachments=files)

    def _finish(self, session: Session, outcome: Outcome) -> None:
        row = session.scalar(select(NotificationRow).where(NotificationRow.uid == outcome.uid))
        channel = session.scalar(select(ChannelRow).where(ChannelRow.name == outcome.channel))
        if row is None or row.status not in ("sending", "pending"):
            return
        if row.status == "pending" and outcome.failure is not None:
            return  # its lease ran out meanwhile; what got through all the same counts
        now = self._now()
        row.lease_until = row.lease_owner = None
        if outcome.failure is None:
            row.status, row.sent_at, row.answer, row.last_error = "sent", now, outcome.answer, None
            self.sent += 1
            self.outcomes[outcome.channel, "sent"] += 1
            if channel is not None:
                channel.failures, channel.failing_since, channel.not_before = 0, None, None
                channel.last_ok_at, channel.last_error = now, None
            letters.continue_reminders(session, row, now)
            return
        self.failed += 1
        self.outcomes[outcome.channel, "failed"] += 1
        self._take_failure(session, row, channel, outcome.failure, now)

    def _take_failure(
        self,
        session: Session,
        row: NotificationRow,
        channel: ChannelRow | None,
        failure: DeliveryFailed,
        now: datetime,
    ) -> None:
        row.last_error, row.last_code = str(failure), failure.code
        if channel is not None and (failure.pauses_channel or not failure.is_final):
            channel.failures += 1
            channel.failing_since = channel.failing_since or now
            channel.last_error = str(failure)
            if channel.failures >= retry.BREAKER_FAILURES:
                channel.not_before = now + timedelta(seconds=retry.pause_s(channel.failures, self._chance()))
        if failure.pauses_channel and channel is not None:
            channel.is_paused = True
            row.status = "pending"
            logger.error("channel %s is stopped until its settings are changed: %s", row.channel, failure)
            letters.raise_system_alarm(session, self._channels, row, channel.failing_since or now, now, str(failure))
        elif failure.is_final or now >= row.expires_at:
            self.dead += 1
            letters.give_up(session, self._channels, row, now)
        else:
            row.status = "pending"
            wait_s = retry.pause_s(row.attempts, self._chance(), failure.retry_after_s)
            row.not_before = now + timedelta(seconds=wait_s)
            level = logging.WARNING if row.attempts == 1 else logging.DEBUG
            logger.log(level, "message %s on %s is tried again in %.0f s: %s", row.uid, row.channel, wait_s, failure)

    # -- for people -------------------------------------------------------------------------------------

    def redeliver(self, uid: str) -> NotificationRow:
        """Try a message that was given up, or waits, anew; raises NotFound, or Conflict when it has gone out."""

        def revive(session: Session) -> NotificationRow:
            row = session.scalar(select(NotificationRow).where(NotificationRow.uid == uid))
            if row is None:
                raise NotFound(f"there is no message {uid!r}")
            if row.status not in ("dead", "pending"):
                raise Conflict(f"message {uid} is {row.status}; only what waits or was given up can be tried anew")
            now = self._now()
            is_for_people = row.channel in self._channels.people_channels()
            row.status, row.not_before, row.attempts = "pending", now, 0
            row.expires_at = now + timedelta(seconds=retry.keep_trying_s(is_for_people=is_for_people))
            incident = session.get(IncidentRow, row.incident_id) if row.incident_id else None
            if incident is not None and incident.closed_at is not None:  # a switch must not stay on for what is over
                row.payload = {**row.payload, "is_active": letters.is_anything_open(session, incident.unit_id)}
            return row

        found = self._database.write(revive)
        self.wake()
        return found

    def find(
        self,
        limit: int,
        *,
        status: str | None = None,
        incident_id: int | None = None,
        units: Sequence[str] | None = None,
    ) -> list[NotificationRow]:
        """Messages, newest first."""
        wanted = select(NotificationRow).order_by(NotificationRow.id.desc()).limit(limit)
        if status is not None:
            wanted = wanted.where(NotificationRow.status == status)
        if incident_id is not None:
            wanted = wanted.where(NotificationRow.incident_id == incident_id)
        if units is not None:
            wanted = wanted.where(NotificationRow.unit_id.in_(units))
        return self._database.read(lambda session: list(session.scalars(wanted)))

    def counts(self) -> dict[str, int]:
        """How many messages are in which state."""
        wanted = select(NotificationRow.status, func.count()).group_by(NotificationRow.status)
        rows = self._database.read(lambda session: list(session.execute(wanted)))
        return {row[0]: row[1] for row in rows}
