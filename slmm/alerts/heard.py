"""What has been told of an incident, and to whom: questions to the outbox within the transaction of the desk."""

from __future__ import annotations

from collections import defaultdict

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from slmm.alerts.letters import TOLD, UNACKED_STAGE, Target
from slmm.alerts.messages import MessageKind
from slmm.storage.models import IncidentRow, NotificationRow

WITHHELD_STAGE = "withheld"
"""What an address would have heard, had nothing been snoozed; it names the events and what was wished of them."""


class Heard:
    """Reads one transaction's outbox."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def fate(self, row: NotificationRow) -> str:
        """What became of a message; one in a digest shares the digest's, which is not taken back any more."""
        while row.status == "merged":
            wanted = select(NotificationRow).where(NotificationRow.uid == row.merged_into)
            taker = self._session.scalar(wanted)
            if taker is None:
                return "sent"
            row = taker
        return "sending" if row.kind == MessageKind.DIGEST and row.status == "pending" else row.status

    @staticmethod
    def to(incident: IncidentRow, target: Target) -> Select[NotificationRow]:
        """The messages of an incident to one address."""
        return (
            select(NotificationRow)
            .where(
                NotificationRow.incident_id == incident.id,
                NotificationRow.channel == target.channel,
                NotificationRow.recipient == target.recipient,
            )
            .order_by(NotificationRow.id)
        )

    def withheld(self, incident: IncidentRow, target: Target) -> NotificationRow | None:
        """What an address did not hear, because it was snoozed."""
        wanted = self.to(incident, target).where(
            NotificationRow.stage == WITHHELD_STAGE, NotificationRow.status == "suppressed"
        )
        return self._session.scalar(wanted)

    def by_address(self, incident: IncidentRow) -> dict[Target, list[NotificationRow]]:
        """For each address what it has heard of the incident or is about to; without those whom nothing reached."""
        wanted = (
            select(NotificationRow)
            .where(
                NotificationRow.incident_id == incident.id,
                NotificationRow.kind.in_(TOLD),
                NotificationRow.status.in_(("pending", "sending", "sent", "merged")),
            )
            .order_by(NotificationRow.id)
        )
        told: dict[Target, list[NotificationRow]] = defaultdict(list)
        for row in self._session.scalars(wanted):
            if self.fate(row) != "dead":
                told[Target(row.channel, row.recipient)].append(row)
        return told

    def by(self, incident: IncidentRow, target: Target) -> list[NotificationRow]:
        """What an address has heard or will hear at once; a time-out counts when it has come."""
        wanted = self.to(incident, target).where(
            NotificationRow.kind.in_(TOLD), NotificationRow.status.not_in(("suppressed", "cancelled"))
        )
        return [
            row
            for row in self._session.scalars(wanted)
            if not (row.stage.startswith(UNACKED_STAGE) and row.status in ("pending", "dead"))
        ]
