"""The settings each meter is supposed to have: taken once, compared whenever settings are read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import select

from slmm.events import RosterChange
from slmm.signals import roster_changed
from slmm.storage.database import Database
from slmm.storage.models import FingerprintRow

NOT_COMPARED = frozenset({"measurement_state", "index_number", "battery_level", "clock", "sleep_mode", "ftp_status"})
"""What changes by itself, or with every measurement."""


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """The settings of a meter at one moment."""

    taken_at: datetime
    sha256: str
    settings: Mapping[str, str]

    def changes(self, now: Mapping[str, str | None]) -> dict[str, list[str | None]]:
        """Settings that differ from then: ``[then, now]``; what was not read either time is left out."""
        changed: dict[str, list[str | None]] = {}
        for name, then in self.settings.items():
            value = now.get(name)
            if name in NOT_COMPARED or value is None or value.startswith("Error") or then.startswith("Error"):
                continue
            if value != then:
                changed[name] = [then, value]
        return changed


class Fingerprints:
    """One for each unit that has one; in memory for reading, committed before it counts."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._taken: dict[str, Fingerprint] = {}

    def get(self, unit_id: str) -> Fingerprint | None:
        """That of a unit, if one was taken."""
        return self._taken.get(unit_id)

    def put(self, unit_id: str, sha256: str, settings: Mapping[str, str]) -> Fingerprint:
        """Take the present settings as the right ones."""
        taken = Fingerprint(datetime.now(UTC), sha256, dict(settings))
        row = FingerprintRow(unit_id=unit_id, taken_at=taken.taken_at, sha256=sha256, settings=dict(settings))
        self._database.write(lambda session: session.merge(row))
        self._taken[unit_id] = taken
        return taken

    def start(self) -> None:
        """Read all of them, and forget a unit with the roster."""
        rows = self._database.read(lambda session: list(session.scalars(select(FingerprintRow))))
        self._taken = {
            row.unit_id: Fingerprint(row.taken_at, row.sha256, {name: str(v) for name, v in row.settings.items()})
            for row in rows
        }
        roster_changed.connect(self.on_roster, weak=False)

    def stop(self) -> None:
        """Listen no more."""
        roster_changed.disconnect(self.on_roster)

    def on_roster(self, sender: str, event: RosterChange) -> None:
        """Receiver of ``roster_changed``; the row itself goes with the unit."""
        if event.change == "removed":
            self._taken.pop(event.unit_id, None)
