"""Work on the meters' SD cards: one at a time for each meter, while its feed knows what holds it."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from gevent.lock import BoundedSemaphore

from slmm.errors import DeviceBusy, DeviceDisabled, DeviceError, DeviceUnreachable, NotFound
from slmm.events import LogCategory, LogLevel
from slmm.fleet.supervisor import Fleet
from slmm.nl43.card import Card, InPool
from slmm.nl43.ftp import CardAccess, CardTimes
from slmm.nl43.listing import Entry, parse_folder_name, to_utc
from slmm.nl43.probe import Probe, probe
from slmm.storage.board import StatusBoard
from slmm.storage.devices import Device, Roster

logger = logging.getLogger(__name__)

FACTORY_USER, FACTORY_PASSWORD = "USER", "0000"
TURN_WITHIN_S = 20.0
CARD_TOP = "/NL-43"


@dataclass(frozen=True, slots=True)
class CardOptions:
    """How the meters can reach us, and how much of their links we may use."""

    data_ports: tuple[int, int] | None = None
    data_address: str | None = None
    accepts_any_sender: bool = False
    limit_bytes_s: float | None = None
    times: CardTimes = field(default_factory=CardTimes)


class Transfers:
    """The cards of all meters."""

    def __init__(self, fleet: Fleet, roster: Roster, board: StatusBoard, options: CardOptions, in_pool: InPool) -> None:
        self._fleet = fleet
        self._roster = roster
        self._board = board
        self._options = options
        self._in_pool = in_pool
        self._turns: dict[str, BoundedSemaphore] = {}

    @contextmanager
    def card(self, unit_id: str, what: str) -> Iterator[Card]:
        """The card of a meter for as long as the context lasts; *what* is being done is told and logged.

        Raises NotFound, Standby, DeviceDisabled, or DeviceBusy when another transfer does not end soon.
        """
        device = self._roster.get(unit_id)
        worker = self._fleet.worker(unit_id)
        if not device.is_active:
            raise DeviceDisabled(f"{what}: the unit is deactivated: {unit_id}")
        if not device.ftp_enabled:
            raise DeviceDisabled(f"{what}: FTP is disabled for {unit_id}; set ftp_enabled in its configuration")
        turn = self._turns.setdefault(unit_id, BoundedSemaphore(1))
        if not turn.acquire(timeout=TURN_WITHIN_S):
            raise DeviceBusy(f"{unit_id} is held by {worker.held_by or 'another transfer'}", retry_after_s=10.0)
        began_s = time.monotonic()
        worker.hold(what)
        try:
            yield self._new_card(device)
        except (DeviceError, NotFound) as error:
            took_s = time.monotonic() - began_s
            worker.journal.write(LogLevel.ERROR, LogCategory.FTP, f"{what}: {error} (after {took_s:.1f} s)")
            if isinstance(error, DeviceUnreachable) and error.refused:
                raise DeviceUnreachable(
                    f"{error}; FTP may be off in the meter: enable it first", refused=True
                ) from error
            raise
        else:
            took_s = time.monotonic() - began_s
            worker.journal.write(LogLevel.INFO, LogCategory.FTP, f"{what}: done in {took_s:.1f} s")
        finally:
            worker.hold(None)
            turn.release()

    def _new_card(self, device: Device) -> Card:
        access = CardAccess(
            device.host,
            device.ftp_port,
            device.ftp_username or FACTORY_USER,
            device.ftp_password or FACTORY_PASSWORD,
            data_ports=self._options.data_ports,
            data_address=self._options.data_address,
            accepts_any_sender=self._options.accepts_any_sender,
        )
        return Card(
            access,
            self._in_pool,
            self._clock_of(device.unit_id),
            times=self._options.times,
            limit_bytes_s=self._options.limit_bytes_s,
        )

    def port_answers(self, unit_id: str) -> Callable[[], bool] | None:
        """How to find out whether a meter's FTP port is open; None when its card is not to be read from here."""
        device = self._roster.get(unit_id)
        return (lambda: probe(device.host, device.ftp_port) is Probe.OPEN) if device.ftp_enabled else None

    def zone(self, unit_id: str) -> ZoneInfo:
        """The zone a meter's clock shows; raises NotFound."""
        return ZoneInfo(self._fleet.zone(unit_id))

    def _offset_s(self, unit_id: str) -> float:
        return self._board.status(unit_id).clock_offset_s or 0.0

    def _clock_of(self, unit_id: str) -> Callable[[], datetime]:
        """The meter's clock as far as known: naive, in its zone."""
        zone, ahead = self.zone(unit_id), timedelta(seconds=self._offset_s(unit_id))
        return lambda: datetime.now(UTC).astimezone(zone).replace(tzinfo=None) + ahead

    def instant(self, unit_id: str, entry: Entry) -> datetime | None:
        """When an entry was written, its meter's clock and zone understood; None if it does not say."""
        if entry.modified is None:
            return None
        return to_utc(entry.modified, self.zone(unit_id), self._offset_s(unit_id))


def latest_measurement(entries: tuple[Entry, ...]) -> Entry | None:
    """The folder of the measurement begun last: the newest by time, then by name."""
    folders = [
        entry
        for entry in entries
        if entry.is_folder and (found := parse_folder_name(entry.name)) is not None and found.mode == "Auto"
    ]
    return max(folders, key=lambda entry: (entry.modified or datetime.min, entry.name), default=None)  # noqa: DTZ901
