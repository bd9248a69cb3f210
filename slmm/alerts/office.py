"""Everything about alerts under one roof: engine, rules, inbox, channels and outbox, built and started together."""

from __future__ import annotations

import json
import logging
import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from slmm.alerts import heartbeat
from slmm.alerts.attachments import chart_svg, csv_of
from slmm.alerts.channelbook import Channelbook
from slmm.alerts.engine import AlertEngine, EngineOptions
from slmm.alerts.inbox import Inbox
from slmm.alerts.letters import CONNECTIVITY, Surroundings
from slmm.alerts.links import LinkMaker
from slmm.alerts.messages import Attachment, DeliveryFailed
from slmm.alerts.outbox import Outbox
from slmm.alerts.people import People
from slmm.alerts.rulebook import Rulebook
from slmm.alerts.watchdog import Limits
from slmm.limits.document import Limit
from slmm.settings import Settings
from slmm.storage.board import StatusBoard
from slmm.storage.database import Database
from slmm.storage.devices import Roster
from slmm.storage.history import trail
from slmm.storage.limits import KeptLimit, LimitBook
from slmm.storage.models import IncidentRow, NotificationRow, TransitionRow
from slmm.storage.secrets import SecretBox

logger = logging.getLogger(__name__)

ATTACHED = timedelta(minutes=15)
ATTACHED_METRICS = frozenset({"lp", "leq", "le", "lmax", "lmin", "lpeak", "ln1", "ln2", "ln3", "ln4", "ln5"})

RecentFrames = Callable[[str], Iterable[bytes]]
"""The frames of a unit that memory still holds, as JSON, oldest first."""


@dataclass(frozen=True, slots=True)
class Pulse:
    """Whether the outside knows that we are alive."""

    is_ok: bool
    at: datetime
    error: str | None = None


class AlertOffice:
    """Built without side effects, started and stopped by the runtime."""

    def __init__(
        self,
        settings: Settings,
        database: Database,
        roster: Roster,
        board: StatusBoard,
        recent_frames: RecentFrames,
    ) -> None:
        self.channels = Channelbook(database)
        self.links = LinkMaker("", secrets.token_bytes(32))
        self.pulse: Pulse | None = None
        """What came of the last call to the outside heartbeat; None before the first."""
        self._settings = settings
        self._database = database
        self._roster = roster
        self._recent_frames = recent_frames
        limits = Limits(settings.alert_no_data_after_s, settings.alert_recover_s, settings.alert_startup_grace_s)
        options = EngineOptions(settings.monitor_idle_poll_interval, limits)
        self.engine = AlertEngine(database, roster, board, options, self.surroundings)
        self.limit_book = LimitBook(database)
        self.engine.limits = self.limit_book.known
        self.rules = Rulebook(database, self.engine)
        self.inbox = Inbox(database, self.engine, self.surroundings)
        self.people = People(database)
        clock = self.engine.clock
        self.outbox = Outbox(database, self.channels, self._files, clock.now, ahead_s=lambda: clock.ahead_s)
        self.engine.scribe.told = self.outbox.wake
        self.channels.changed = self._channels_changed

    def surroundings(self, unit_id: str) -> Surroundings:
        """What the texts and the timing of a unit's messages depend on."""
        zone = self._roster.get(unit_id).timezone if unit_id in self._roster else None
        return Surroundings(
            zone=zone or self._settings.timezone,
            links=self.links,
            group_wait_s=self._settings.alert_group_wait_s,
            people_channels=self.channels.people_channels(),
        )

    def _channels_changed(self) -> None:
        self.engine.takes_recipients = self.channels.takes_recipients()
        self.outbox.wake()

    def start(self, box: SecretBox) -> None:
        """Take up where an earlier run was, then listen; before the meters are read."""
        self.links = LinkMaker(self._settings.public_url, box.derived_key("acknowledgement links"))
        self.channels.load(box)
        self._channels_changed()
        self.limit_book.load()
        self.engine.load()
        self.engine.start()
        self.outbox.start()

    def stop(self) -> None:
        """Write what is known; what is not delivered goes out after the next start."""
        self.engine.stop()
        self.outbox.stop()

    def change_limit(
        self,
        unit_id: str,
        limit_id: int,
        *,
        limit: Limit | None = None,
        is_enabled: bool | None = None,
        expected_version: int | None = None,
        by: str | None = None,
    ) -> KeptLimit:
        """Change a limit, and have the rules that watch it begin anew when it says something else now.

        Raises what ``LimitBook.change`` raises, and DiskTrouble.
        """
        before = self.limit_book.get(unit_id, limit_id)
        after = self.limit_book.change(
            unit_id, limit_id, limit=limit, is_enabled=is_enabled, expected_version=expected_version
        )
        if after.version != before.version:
            self.rules.limit_changed(unit_id, limit_id, by=by, says_otherwise=_says_otherwise(before, after))
        return after

    def prune(self, now: datetime) -> None:
        """Remove messages that went out, and transitions, older than their retention; events stay for ever."""
        before = now - timedelta(days=self._settings.alert_outbox_retention_days)

        def erase(session: Session) -> None:
            finished = NotificationRow.status.in_(("sent", "merged", "cancelled", "suppressed", "dead"))
            going_on = select(IncidentRow.id).where(IncidentRow.closed_at.is_(None))  # who was told is still needed
            is_over = NotificationRow.incident_id.is_(None) | NotificationRow.incident_id.not_in(going_on)
            session.execute(delete(NotificationRow).where(finished, is_over, NotificationRow.created_at < before))
            session.execute(
                delete(TransitionRow).where(TransitionRow.event_uid.is_(None), TransitionRow.written_at < before)
            )

        self._database.write(erase)

    def beat(self) -> None:
        """Tell the outside that we are alive, and only if alerts can be judged and written."""
        url = self._settings.alert_heartbeat_url
        if not url or self.engine.scribe.last_error is not None or self.outbox.last_error is not None:
            return
        before = self.pulse
        try:
            heartbeat.ping(url)
            self.pulse = Pulse(True, datetime.now(UTC))
            if before is not None and not before.is_ok:
                logger.info("the outside heartbeat is heard again")
        except DeliveryFailed as failure:
            self.pulse = Pulse(False, datetime.now(UTC), str(failure))
            if before is None or before.is_ok:
                logger.warning("the outside heartbeat is not heard: %s", failure)

    def problems(self) -> list[str]:
        """Sentences for the health page."""
        found = []
        if self.engine.scribe.last_error is not None:
            found.append(f"alerts cannot be written: {self.engine.scribe.last_error}")
        if self.outbox.last_error is not None:
            found.append(f"the outbox cannot be read: {self.outbox.last_error}")
        if self.pulse is not None and not self.pulse.is_ok:
            found.append(f"the outside heartbeat is not heard: {self.pulse.error}")
        return found

    def _files(self, unit_id: str, at: datetime, payload: dict[str, Any]) -> tuple[Attachment, ...]:
        """The last quarter of an hour as CSV and as a picture."""
        event = payload.get("event") or {}
        if not event or payload.get("incident_kind") == CONNECTIVITY:
            return ()
        metric = event["metric"] if event.get("metric") in ATTACHED_METRICS else "lp"
        zone = self.surroundings(unit_id).zone
        frames = list(self._recent_frames(unit_id))
        title = f"{unit_id}: {event.get('level_name') or metric}"

        def draw(session: Session) -> tuple[Attachment, ...]:
            points = _points(session, frames, unit_id, at, metric)
            return csv_of(unit_id, points, zone), chart_svg(unit_id, points, float(event["threshold_db"]), zone, title)

        return self._database.read(draw)


_WORDS = frozenset({"name", "scheme", "authority", "source", "note"})
"""Members of a limit that no verdict hangs on."""


def _says_otherwise(before: KeptLimit, after: KeptLimit) -> bool:
    one, other = before.limit.model_dump(exclude=set(_WORDS)), after.limit.model_dump(exclude=set(_WORDS))
    return one != other or before.is_enabled != after.is_enabled


def _points(
    session: Session, frames: Iterable[bytes], unit_id: str, until: datetime, metric: str
) -> list[tuple[datetime, float | None]]:
    """What memory holds at full rate, and before that what the trail has."""
    since = until - ATTACHED
    recent: list[tuple[datetime, float | None]] = []
    for frame in frames:
        data = json.loads(frame)
        at = datetime.fromisoformat(data["timestamp"])
        if since <= at <= until and data.get("feed_status") == "ok":
            recent.append((at, data.get(metric)))
    begins = recent[0][0] if recent else until
    rows = trail(session, unit_id, since)
    older = [(row["timestamp"], row.get(metric)) for row in rows if row["timestamp"] < begins]
    return [*older, *recent]
