"""Stream tickets: what a page of another origin puts into the URL of an EventSource, which sends no header.

A ticket carries the caller's rights at most, for streams only, and dies with the token or login it came from.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from itsdangerous import BadSignature, URLSafeTimedSerializer

from slmm.web.access import Caller, Role

LIFETIME = timedelta(hours=1)
"""An EventSource comes back with the same URL; a page fetches a new ticket when it is refused."""


class TicketBook:
    """Writes and reads tickets with one key."""

    def __init__(self, key: bytes) -> None:
        self._serializer = URLSafeTimedSerializer(key, salt="slmm-stream")

    def write(self, caller: Caller, units: frozenset[str] | None) -> tuple[str, datetime]:
        """A ticket for these units (None: all the caller sees), and when it ends."""
        granted = sorted(units) if units is not None else None
        ticket = self._serializer.dumps([caller.how, caller.name, caller.role, caller.key, granted])
        return str(ticket), datetime.now(UTC) + LIFETIME

    def read(self, ticket: str) -> Caller | None:
        """Who may stream with it: never more than a viewer; None when it is none, or no longer."""
        try:
            how, name, role, key, units = self._serializer.loads(ticket, max_age=int(LIFETIME.total_seconds()))
        except BadSignature:
            return None
        lesser = min(Role(role), Role.VIEWER, key=lambda each: each.rank)
        return Caller(how, name, lesser, key, None if units is None else frozenset(units))
