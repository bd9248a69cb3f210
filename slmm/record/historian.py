"""Writes every frame of every meter into the record, about once a second, off the hub."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from slmm.errors import DiskFull
from slmm.events import Reading, StreamedLevels
from slmm.record import frames
from slmm.record.frames import Frame
from slmm.record.store import Connection, Store
from slmm.signals import levels_streamed, reading_taken
from slmm.storage.behind import WriteBehind

LEFT_TO_ALERTS_BYTES = 16_000_000


class Historian(WriteBehind[Frame]):
    """Receives readings and streams, writes them in batches."""

    name = "historian"
    rows_are = "frames"
    goes_to = "the record"
    most_pending = 400_000
    """100 meters for an hour, some 300 MB."""
    most_at_once = 20_000
    stop_within_s = 3.0

    def __init__(self, store: Store) -> None:
        super().__init__()
        self.written = 0
        self._store = store

    @property
    def written_until(self) -> datetime:
        """Before this instant nothing waits any more."""
        oldest = self._writing[0] if self._writing else self._pending[0] if self._pending else None
        return datetime.now(UTC) if oldest is None else oldest.ends_at

    def on_reading(self, sender: str, event: Reading) -> None:
        """Receiver of ``reading_taken``."""
        self._add(frames.of_reading(event))

    def on_stream(self, sender: str, event: StreamedLevels) -> None:
        """Receiver of ``levels_streamed``."""
        self._add(frames.of_stream(event))

    def start(self) -> None:
        """Listen, and write from now on."""
        reading_taken.connect(self.on_reading, weak=False)
        levels_streamed.connect(self.on_stream, weak=False)
        self._start_writing()

    def stop(self) -> None:
        """Write what is left, then end."""
        reading_taken.disconnect(self.on_reading)
        levels_streamed.disconnect(self.on_stream)
        self._stop_writing()

    def write(self, added: Sequence[Frame], beside: Callable[[Connection], None] | None = None) -> None:
        """Add frames that come from elsewhere, such as an SD card, and *beside* in the same transaction.

        Raises DiskTrouble, and nothing is added.
        """

        def change(connection: Connection) -> None:
            self._leave_room()
            frames.insert(self._store, connection, added)
            if beside is not None:
                beside(connection)

        self._store.write(change)
        self.written += len(added)

    def _leave_room(self) -> None:
        """The last of the disk is for alerts, rules and accounts; readings can wait in memory. Raises DiskFull."""
        folder = self._store.path.parent
        if shutil.disk_usage(folder).free < LEFT_TO_ALERTS_BYTES:
            left = f"the last {LEFT_TO_ALERTS_BYTES // 1_000_000} MB are left to alerts and settings"
            raise DiskFull(f"the disk of {folder} is full: {left}")

    def _write(self, batch: Sequence[Frame]) -> list[str]:
        self.write(batch)
        return []
