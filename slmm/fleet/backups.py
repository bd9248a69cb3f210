"""Backups of the service as operations: those somebody asks for, and the one of every night; one at a time."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import gevent
from gevent.threadpool import ThreadPool
from sqlalchemy import make_url

from slmm import __version__
from slmm.errors import Conflict, Invalid, SlmmError
from slmm.fleet.operations import Operation, Operations, Step
from slmm.record import nightly, snapshot
from slmm.settings import Settings
from slmm.storage import archive, proof
from slmm.storage.archive import Progress
from slmm.storage.backups import Backups, new_name
from slmm.storage.database import Database
from slmm.storage.threads import run_in

logger = logging.getLogger(__name__)

SYSTEM = "_system"
"""What operations on the service itself are kept under: no unit may be called so."""
_STEPS = {
    "copy": "copy the database and the record as they are at one instant",
    "pack": "pack",
    "check": "read all of it again",
    "unpack": "check and unpack",
    "open": "open all of it in a place of its own",
}


class BackupDesk:
    """Begins backups, restores and trials, and knows what came of those that are made by themselves."""

    def __init__(self, settings: Settings, database: Database, operations: Operations) -> None:
        self.book = Backups(settings.data_dir)
        self.state: nightly.State | None = None
        """What came of those made by themselves; None before the first look, and where there are none."""
        self._settings = settings
        self._database = database
        self._operations = operations

    @cached_property
    def refusal(self) -> str | None:
        """Why this service cannot back up its database; None when it can. Asks the disk, the first time."""
        url = make_url(self._settings.sqlalchemy_url)
        if url.get_backend_name() != "sqlite":
            return f"the database is {url.get_backend_name()}: back it up with its own tools (pg_dump, pg_restore)"
        own = (self._settings.data_dir / archive.DATABASE).resolve()
        if Path(url.database or "").resolve() != own:
            return "SLMM_DATABASE_URL names a database outside the data directory: back it up from there"
        return None

    @property
    def is_scheduled(self) -> bool:
        """Whether backups are made by themselves."""
        return bool(self._settings.backup_at) and self.refusal is None

    def next_at(self, now: datetime) -> datetime | None:
        """When the next is made by itself."""
        if not self.is_scheduled:
            return None
        return nightly.next_due(now, self._settings.backup_at, ZoneInfo(self._settings.timezone))

    def trouble(self) -> str | None:
        """Why there is no backup of the last time it was due; None when there is one, or none is to be made."""
        return self.state.error if self.state is not None else None

    def begin(self, kind: str, subject: str, work: Callable[[Progress], Any]) -> Operation:
        """Run *work* in a thread of its own, and tell how far it is; it ends when the service does.

        Raises DeviceBusy while another is at work.
        """

        def run(operation: Operation) -> Any:
            is_over = threading.Event()
            pool = ThreadPool(1)

            def progress(what: str, done: int, total: int) -> None:
                """In the thread, so nothing is published: whoever wants to know asks."""
                if is_over.is_set():
                    raise Conflict("the service stopped")
                if not operation.steps or operation.steps[-1].name != _STEPS[what]:
                    operation.end_step("done")
                    operation.steps.append(Step(_STEPS[what]))
                operation.done, operation.total, operation.progress_unit = done, total, "bytes"

            try:
                return run_in(pool, work, progress)
            except gevent.GreenletExit:
                is_over.set()
                raise
            finally:
                if not is_over.is_set():  # else the thread ends at its next step: to wait would keep the service
                    pool.kill()

        return self._operations.begin(SYSTEM, kind, run, subject=subject)

    def make(self, *, with_record: bool, with_downloads: bool) -> Operation:
        """Make one now."""
        data_dir, name = self._settings.data_dir, new_name(datetime.now(UTC))
        taken = snapshot.of(data_dir) if with_record else None

        def work(progress: Progress) -> dict[str, Any]:
            manifest = archive.write(
                data_dir,
                data_dir / archive.DATABASE,
                self.book.folder / name,
                __version__,
                with_downloads=with_downloads,
                snapshot=taken,
                progress=progress,
            )
            return {"name": name, "members": len(manifest.members), "record": manifest.record}

        return self.begin("backup", name, work)

    def verify(self, place: Path) -> Operation:
        """Restore one to a place of its own to see whether it can be; what cannot is an operation that failed."""

        def work(progress: Progress) -> dict[str, Any]:
            found = proof.prove(place, self._settings.data_dir, snapshot.check, progress)
            if found.error is not None:
                raise Invalid(found.error)
            return {"name": place.name, "took_s": found.took_s, "rows": found.rows, "readings": found.readings}

        return self.begin("verify", place.name, work)

    def look(self) -> None:
        """Begin the one of the night when it is due; called every minute or so."""
        if not self.is_scheduled:
            return
        now, settings = datetime.now(UTC), self._settings
        if self.state is None:
            self._database.in_pool(archive.clear_workshops, settings.data_dir)
            self.state = self._database.in_pool(nightly.load, settings.data_dir, now)
        is_due = nightly.is_due(self.state, now, settings.backup_at, ZoneInfo(settings.timezone))
        if is_due and self._operations.running(SYSTEM) is None:
            self._make_nightly(self.state, now)

    def _make_nightly(self, before: nightly.State, now: datetime) -> None:
        def work(progress: Progress) -> dict[str, Any]:
            try:
                state = nightly.make(self._settings, before, now, progress)
            except Exception as error:  # top of the thread: else it would be tried again every minute
                logger.exception("the backup of the night failed")
                state = nightly.failed(before, now, f"{type(error).__name__}: {error}")
            progress("open", 0, 0)  # raises when the service stops: no outcome; the next start makes up for it
            self.state = state
            nightly.keep(self._settings.data_dir, state)
            if (trouble := state.error or state.copy_error) is not None:
                raise SlmmError(trouble)
            return {"name": state.name}

        self.begin("nightly", new_name(now, is_scheduled=True), work)
