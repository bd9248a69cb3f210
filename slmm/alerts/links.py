"""Addresses in messages: the chart at that moment, and a signed way to acknowledge without a login."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from urllib.parse import quote

from itsdangerous import BadData, URLSafeTimedSerializer

VALID_S = 7 * 86_400
PURPOSE = "acknowledge"


@dataclass(frozen=True, slots=True)
class Ticket:
    """Who may acknowledge what."""

    incident_uid: str
    recipient: str


class LinkMaker:
    """Makes and reads them; without a public address there are none."""

    def __init__(self, public_url: str, key: bytes) -> None:
        self._base = public_url.rstrip("/")
        self._signer = URLSafeTimedSerializer(key, salt=PURPOSE)

    def chart(self, unit_id: str, at: datetime) -> str | None:
        """The unit's page at that moment."""
        if not self._base:
            return None
        return f"{self._base}/unit/{quote(unit_id)}?at={at.isoformat(timespec='seconds').removesuffix('+00:00')}Z"

    def acknowledge(self, incident_uid: str, recipient: str) -> str | None:
        """Good for a week; opening it only shows a page, for mail scanners open every link."""
        if not self._base:
            return None
        return f"{self._base}/acknowledge/{self._signer.dumps([PURPOSE, incident_uid, recipient])}"

    def read(self, token: str) -> Ticket | None:
        """What a link was made for; None for one that is forged or too old."""
        try:
            purpose, incident_uid, recipient = self._signer.loads(token, max_age=VALID_S)
        except (BadData, ValueError, TypeError):
            return None
        return Ticket(str(incident_uid), str(recipient)) if purpose == PURPOSE else None
