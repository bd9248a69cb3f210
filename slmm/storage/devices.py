"""The roster: every unit's configuration, in memory for reading and committed before it changes."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, TypeVar

from gevent.lock import RLock
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from slmm import signals
from slmm.errors import Conflict, NotFound, SlmmError
from slmm.events import RosterChange
from slmm.storage.database import Database
from slmm.storage.models import DeviceRow, FingerprintRow, LogRow, ReadingRow, RuleRow, StatusRow
from slmm.storage.secrets import SecretBox

logger = logging.getLogger(__name__)

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Device:
    """One unit as configured; defaults are those of 0.4.0."""

    unit_id: str
    host: str
    tcp_port: int = 2255
    ftp_port: int = 21
    tcp_enabled: bool = True
    ftp_enabled: bool = False
    ftp_username: str | None = None
    ftp_password: str | None = field(default=None, repr=False)
    web_enabled: bool = False
    poll_enabled: bool = True
    poll_interval_seconds: int = 60
    monitor_enabled: bool = False
    is_active: bool = True
    timezone: str | None = None
    """IANA zone the meter's clock shows; None means that of the service."""
    name: str | None = None
    """What people call it."""
    site: str | None = None
    latitude: float | None = None
    """Degrees north (WGS 84), -90 to 90; known with the longitude or not at all."""
    longitude: float | None = None
    """Degrees east, -180 to 180."""


_COLUMNS = tuple(column.name for column in dataclasses.fields(Device))


class Roster:
    """All units. A change is committed first, then shown, then told by ``roster_changed``."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._devices: dict[str, Device] = {}
        self._box: SecretBox | None = None
        self._unreadable: dict[str, str] = {}
        """Sealed passwords that no key opens; kept until somebody gives a new one."""
        self._turn = RLock()  # one change at a time; no device I/O happens under it

    def load(self, box: SecretBox | None = None) -> None:
        """Read all units from the database; *box* opens and seals their FTP passwords from now on."""
        self._box = box
        rows = self._database.read(lambda session: list(session.scalars(select(DeviceRow))))
        devices = (Device(**{name: getattr(row, name) for name in _COLUMNS}) for row in rows)
        self._devices = {device.unit_id: self._opened(device) for device in devices}
        if box is not None:
            for row in rows:
                if row.ftp_password and not box.is_sealed(row.ftp_password):  # from before there was a key
                    self._write(self._devices[row.unit_id])

    def take_over(self, take: Callable[[Session], T], before_told: Callable[[], None]) -> T:
        """Have *take* write units beside us, in one transaction, then show and tell what became of them."""
        with self._turn:
            before = dict(self._devices)
            result = self._database.write(take)
            self.load(self._box)
            before_told()
            changed = [unit_id for unit_id, device in self._devices.items() if before.get(unit_id) != device]
        for unit_id in sorted(changed):
            self._tell(unit_id, "changed" if unit_id in before else "added")
        return result

    def _opened(self, device: Device) -> Device:
        if self._box is None or device.ftp_password is None:
            return device
        try:
            return dataclasses.replace(device, ftp_password=self._box.unseal(device.ftp_password))
        except SlmmError as error:
            self._unreadable[device.unit_id] = device.ftp_password
            logger.error("the FTP password of %s cannot be read, give it again: %s", device.unit_id, error)
            return dataclasses.replace(device, ftp_password=None)

    def all(self) -> list[Device]:
        """Every unit, by name."""
        return [self._devices[unit_id] for unit_id in sorted(self._devices)]

    def get(self, unit_id: str) -> Device:
        """One unit; raises NotFound."""
        try:
            return self._devices[unit_id]
        except KeyError:
            raise NotFound(f"there is no unit {unit_id!r}") from None

    def __contains__(self, unit_id: str) -> bool:
        return unit_id in self._devices

    def __len__(self) -> int:
        return len(self._devices)

    def add(self, device: Device) -> None:
        """Take on a new unit; raises Conflict if there is one of that name."""
        with self._turn:
            if device.unit_id in self._devices:
                raise Conflict(f"unit {device.unit_id!r} exists already")
            self._store(device, "added")

    def put(self, device: Device) -> bool:
        """Take on a unit or replace its configuration; tells whether it is new."""
        with self._turn:
            is_new = device.unit_id not in self._devices
            self._store(device, "added" if is_new else "changed")
            return is_new

    def change(self, unit_id: str, **changes: Any) -> Device:
        """Change some members of a unit's configuration; raises NotFound."""
        with self._turn:
            device = dataclasses.replace(self.get(unit_id), **changes)
            self._store(device, "changed")
            return device

    def remove(self, unit_id: str) -> None:
        """Forget a unit with its status, trail, log and rules; raises NotFound. Alert events stay."""

        def erase(session: Session) -> None:
            for row in (ReadingRow, StatusRow, LogRow, FingerprintRow, RuleRow, DeviceRow):
                session.execute(delete(row).where(row.unit_id == unit_id))

        with self._turn:
            self.get(unit_id)
            self._database.write(erase)
            del self._devices[unit_id]
            self._unreadable.pop(unit_id, None)
        self._tell(unit_id, "removed")

    def _store(self, device: Device, change: str) -> None:
        self._write(device)
        self._devices[device.unit_id] = device
        self._tell(device.unit_id, change)

    def _write(self, device: Device) -> None:
        values = {name: getattr(device, name) for name in _COLUMNS}
        if device.ftp_password is None:
            values["ftp_password"] = self._unreadable.get(device.unit_id)
        elif self._box is not None:
            values["ftp_password"] = self._box.seal(device.ftp_password)
        self._database.write(lambda session: session.merge(DeviceRow(**values)))

    @staticmethod
    def _tell(unit_id: str, change: str) -> None:
        signals.publish(signals.roster_changed, RosterChange(unit_id, datetime.now(UTC), change))
