"""Whether the service can do its work now: what a load balancer or a container asks before it sends people here.

The answer is a few seconds old at most, so that whoever asks cannot keep the disk busy.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, cast

import gevent
from flask import Flask, current_app
from gevent.lock import RLock
from pydantic import BaseModel, Field
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from slmm.errors import SlmmError
from slmm.storage import upgrade, usage

if TYPE_CHECKING:
    from slmm.runtime import Runtime

EVERY_S = 2.0
WITHIN_S = 3.0
"""How long the database may take for a write that changes nothing."""
LEAST_FREE_BYTES = 100_000_000
LATE_S = 1.0
"""A hub this late within the last ten seconds answers nobody in time."""
CHECKS = ("runtime", "lock", "schema", "database", "record", "hub", "disk")
EXTENSION = "slmm.readiness"


class ReadyAnswer(BaseModel):
    """The service does its work."""

    status: str = "ready"
    checks: list[str] = Field(description="What was looked at")
    warnings: list[str] = Field([], description="Files that were found damaged, and what took their place")


class Readiness:
    """Looks at everything, and remembers it for a moment."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._looked_s: float | None = None
        self._found: dict[str, str] = {}
        self._head: str | None = None
        self._turn = RLock()

    def reasons(self) -> dict[str, str]:
        """Why not, by check and in a sentence; empty when it is ready."""
        if not self._runtime.is_running:
            return {"runtime": "the service is starting or stopping"}
        with self._turn:
            if self._looked_s is None or time.monotonic() - self._looked_s >= EVERY_S:
                self._found = {**self._of_memory(), **self._of_disk()}
                self._looked_s = time.monotonic()
            return self._found

    def _of_memory(self) -> dict[str, str]:
        found, record = {}, self._runtime.record
        if not record.store.is_open:
            found["record"] = f"there is no record to write to: {record.trouble or 'it is closed'}"
        elif record.historian.last_error:
            found["record"] = f"the record cannot be written: {record.historian.last_error}"
        if (late_s := self._runtime.hub_lag.lately_s()) > LATE_S:
            found["hub"] = f"somebody had to wait {late_s:.1f} s within the last ten seconds"
        return found

    def _of_disk(self) -> dict[str, str]:
        runtime, found = self._runtime, {}
        if not runtime.database.in_pool(runtime.owns_data):
            found["lock"] = "the data directory is not ours: its lock is gone or belongs to another process"
        try:
            free = runtime.database.in_pool(usage.free_bytes, runtime.settings.data_dir)
        except OSError as error:
            found["disk"] = f"the data directory cannot be looked at: {error}"
        else:
            if free < LEAST_FREE_BYTES:
                found["disk"] = (
                    f"{free // 1_000_000} MB are free on the disk; {LEAST_FREE_BYTES // 1_000_000} are needed"
                )
        return {**found, **self._of_database()}

    def _of_database(self) -> dict[str, str]:
        too_slow = TimeoutError(f"it took nothing for {WITHIN_S:g} s")
        try:
            with gevent.Timeout(WITHIN_S, too_slow):
                schema = self._runtime.database.write(_write_nothing_new)
        except (SQLAlchemyError, OSError, SlmmError) as error:
            return {"database": f"the database cannot be written: {getattr(error, 'orig', None) or error}"}
        if self._head is None:
            self._head = self._runtime.database.in_pool(upgrade.head, upgrade.MIGRATIONS)
        if schema != self._head:
            return {"schema": f"the database has schema {schema}, and this version needs {self._head}"}
        return {}


def _write_nothing_new(session: Session) -> str | None:
    """The schema's number, written over itself: takes the lock and a place in the journal, and changes nothing."""
    session.execute(text("update alembic_version set version_num = version_num"))
    found: str | None = session.scalar(text("select version_num from alembic_version"))
    return found


def register(app: Flask) -> None:
    """Give the application its checks."""
    app.extensions[EXTENSION] = Readiness(app.extensions["slmm"])


def readiness() -> Readiness:
    """The checks of the present application."""
    return cast(Readiness, current_app.extensions[EXTENSION])
