"""Writes every frame of every meter into the record, about once a second, off the hub.

What waits is kept while the disk does not take it, up to MOST_PENDING frames; then the oldest go, counted and said.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

import gevent
from gevent.event import Event
from gevent.lock import RLock

from slmm.errors import DiskTrouble
from slmm.events import Reading, StreamedLevels
from slmm.record import frames
from slmm.record.frames import Frame
from slmm.record.store import Connection, Store
from slmm.signals import levels_streamed, reading_taken

logger = logging.getLogger(__name__)

FLUSH_EVERY_S = 1.0
MOST_PENDING = 400_000
"""Frames kept while the record cannot be written: 100 meters for an hour, some 300 MB."""
MOST_AT_ONCE = 20_000
STOP_WITHIN_S = 3.0


class Historian:
    """Receives readings and streams, writes them in batches."""

    def __init__(self, store: Store) -> None:
        self.written = 0
        self.dropped = 0
        """Frames lost for good: too many waited."""
        self.write_failures = 0
        self.last_error: str | None = None
        self._store = store
        self._pending: deque[Frame] = deque()
        self._writing: Sequence[Frame] = ()
        self._failing_since_s: float | None = None
        self._is_overflowing = False
        self._stop = Event()
        self._turn = RLock()
        self._writer: gevent.Greenlet | None = None

    @property
    def pending(self) -> int:
        """Frames not written yet."""
        return len(self._pending) + len(self._writing)

    @property
    def written_until(self) -> datetime:
        """Before this instant nothing waits any more."""
        oldest = self._writing[0] if self._writing else self._pending[0] if self._pending else None
        return datetime.now(UTC) if oldest is None else oldest.ends_at

    def on_reading(self, sender: str, event: Reading) -> None:
        """Receiver of ``reading_taken``."""
        self._take(frames.of_reading(event))

    def on_stream(self, sender: str, event: StreamedLevels) -> None:
        """Receiver of ``levels_streamed``."""
        self._take(frames.of_stream(event))

    def _take(self, frame: Frame) -> None:
        self._pending.append(frame)
        self._drop_surplus()

    def _drop_surplus(self) -> None:
        while len(self._pending) > MOST_PENDING:
            self._pending.popleft()
            self.dropped += 1
            if not self._is_overflowing:
                self._is_overflowing = True
                logger.error("more than %d frames wait to be recorded; the oldest are dropped", MOST_PENDING)

    def start(self) -> None:
        """Listen, and write from now on."""
        self._stop.clear()
        reading_taken.connect(self.on_reading, weak=False)
        levels_streamed.connect(self.on_stream, weak=False)
        self._writer = gevent.Greenlet(self._run)
        self._writer.name = "historian"
        self._writer.link_exception(lambda dead: logger.critical("greenlet %s died", dead.name))
        self._writer.start()

    def stop(self) -> None:
        """Write what is left, then end; takes STOP_WITHIN_S at most."""
        reading_taken.disconnect(self.on_reading)
        levels_streamed.disconnect(self.on_stream)
        self._stop.set()
        with gevent.Timeout(STOP_WITHIN_S, False):
            if self._writer is not None:
                self._writer.join()
            self.flush()
        if self.pending:
            logger.error("stopped with %d frames that could not be recorded", self.pending)

    def flush(self) -> None:
        """Write everything that waits; on failure it stays, and the next call tries again."""
        with self._turn:
            while self._pending and self._write_batch():
                pass

    def write(self, added: Sequence[Frame], beside: Callable[[Connection], None] | None = None) -> None:
        """Add frames that come from elsewhere, such as an SD card, and *beside* in the same transaction.

        Raises DiskTrouble, and nothing is added.
        """

        def change(connection: Connection) -> None:
            frames.insert(self._store, connection, added)
            if beside is not None:
                beside(connection)

        self._store.write(change)
        self.written += len(added)

    def _run(self) -> None:
        while not self._stop.wait(FLUSH_EVERY_S):
            try:
                self.flush()
            except Exception as error:
                self.write_failures += 1
                self.last_error = str(error)
                logger.exception("recording failed for a reason nobody thought of; what waits is kept")

    def _write_batch(self) -> bool:
        """Write one transaction; tells whether it went well."""
        count = min(len(self._pending), MOST_AT_ONCE)
        self._writing = [self._pending.popleft() for _ in range(count)]
        is_written = False
        try:
            self.write(self._writing)
            is_written = True
        except DiskTrouble as error:
            self._failed(error)
        finally:
            if not is_written:
                self._pending.extendleft(reversed(self._writing))
                self._drop_surplus()
            self._writing = ()
        if is_written:
            self._succeeded()
        return is_written

    def _failed(self, error: DiskTrouble) -> None:
        self.write_failures += 1
        self.last_error = str(error)
        if self._failing_since_s is None:
            self._failing_since_s = time.monotonic()
            logger.warning("%s; frames are kept in memory", error)
        else:
            logger.debug("still: %s", error)

    def _succeeded(self) -> None:
        self.last_error = None
        self._is_overflowing = False
        if self._failing_since_s is not None:
            away_s = time.monotonic() - self._failing_since_s
            logger.info("the record is written again after %.0f s, %d frames dropped", away_s, self.dropped)
            self._failing_since_s = None
