"""Metrics that a disk or a database has to be asked for: off the hub, and not at every scrape."""

from __future__ import annotations

import logging
import shutil
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from gevent.lock import RLock
from prometheus_client.core import Metric
from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from slmm.errors import SlmmError
from slmm.record.store import Connection
from slmm.storage.models import EventRow, NotificationRow
from slmm.web.metrics.families import gauge, gauges
from slmm.web.tiers import tiers

if TYPE_CHECKING:
    from slmm.runtime import Runtime

logger = logging.getLogger(__name__)

STORAGE_EVERY_S = 60.0
"""Every file is looked at and every row counted for it."""
ROWS_EVERY_S = 5.0
WAITING = ("pending", "held", "sending", "waiting")


class Part:
    """Some metrics, asked for now and then, whoever scrapes; a failure leaves them out and says so."""

    def __init__(self, name: str, every_s: float, ask: Callable[[], list[Metric]]) -> None:
        self.name = name
        self.is_ok = True
        self._every_s = every_s
        self._ask = ask
        self._found: list[Metric] = []
        self._asked_s: float | None = None
        self._turn = RLock()

    def metrics(self) -> list[Metric]:
        """What was found when last asked; waits when it is too old."""
        with self._turn:
            if self._asked_s is None or time.monotonic() - self._asked_s >= self._every_s:
                self._look()
        return self._found

    def _look(self) -> None:
        try:
            self._found = self._ask()
        except (SQLAlchemyError, OSError, SlmmError) as error:
            logger.log(logging.WARNING if self.is_ok else logging.DEBUG, "no metrics of %s: %s", self.name, error)
            self._found, self.is_ok = [], False
        else:
            self.is_ok = True
        self._asked_s = time.monotonic()


def parts(runtime: Runtime) -> list[Part]:
    """Everything that is kept; each by itself, so that one that fails spoils no other."""
    return [
        Part("storage", STORAGE_EVERY_S, lambda: _storage(runtime)),
        Part("memory", ROWS_EVERY_S, lambda: _memory(runtime)),
        Part("disk", ROWS_EVERY_S, lambda: _disk(runtime)),
        Part("alerts", ROWS_EVERY_S, lambda: runtime.database.read(_alerts)),
    ]


def _storage(runtime: Runtime) -> list[Metric]:
    found = tiers(runtime, datetime.now(UTC))
    sizes = [((tier.key,), float(tier.size_bytes)) for tier in found if tier.size_bytes is not None]
    entries = [((tier.key,), float(tier.entries)) for tier in found if tier.entries is not None]
    oldest = [((tier.key,), tier.oldest.timestamp()) for tier in found if tier.oldest is not None]
    told = "Rows of a kind in the databases, or files where it is files."
    return [
        gauges("slmm_storage_bytes", "Bytes on the disk by kind.", ("kind",), sizes),
        gauges("slmm_storage_entries", told, ("kind",), entries),
        gauges("slmm_storage_oldest_timestamp_seconds", "The oldest of a kind, as Unix time.", ("kind",), oldest),
    ]


def _memory(runtime: Runtime) -> list[Metric]:
    """Whose memory it is: the record's is bounded by a setting, what Python holds is to stay as it is."""
    store = runtime.record.store
    rows = store.read(_record_memory) if store.is_open else []
    return [
        gauges(
            "slmm_record_memory_bytes",
            "Memory that the record's database holds, by DuckDB's words for what.",
            ("kind",),
            (((kind.lower(),), float(size)) for kind, size in rows),
        ),
        gauge("slmm_python_blocks", "Blocks of memory that Python's objects take.", sys.getallocatedblocks()),
    ]


def _record_memory(connection: Connection) -> list[tuple[str, int]]:
    found: list[tuple[str, int]] = connection.execute("select tag, memory_usage_bytes from duckdb_memory()").fetchall()
    return found


def _disk(runtime: Runtime) -> list[Metric]:
    usage = runtime.database.in_pool(shutil.disk_usage, runtime.settings.data_dir)
    return [
        gauge("slmm_disk_free_bytes", "Free on the disk of the data directory.", usage.free),
        gauge("slmm_disk_size_bytes", "Size of that disk.", usage.total),
    ]


def _alerts(session: Session) -> list[Metric]:
    is_known = EventRow.acknowledged_at.is_not(None)
    wanted = (
        select(EventRow.severity, is_known, func.count())
        .where(EventRow.clear_at.is_(None))
        .group_by(EventRow.severity, is_known)
    )
    found = {(severity, bool(known)): count for severity, known, count in session.execute(wanted)}
    opened = [
        ((severity, "true" if known else "false"), float(found.get((severity, known), 0)))
        for severity in ("red", "amber")
        for known in (False, True)
    ]
    states = dict.fromkeys(WAITING, 0.0) | {"dead": 0.0}
    by_state = select(NotificationRow.status, func.count()).group_by(NotificationRow.status)
    states |= {status: float(count) for status, count in session.execute(by_state) if status in states}
    return [
        gauges("slmm_alerts_open", "Open alerts.", ("severity", "acknowledged"), opened),
        gauges(
            "slmm_messages",
            "Messages about alerts that wait, are under way, or were given up.",
            ("state",),
            (((state,), count) for state, count in states.items()),
        ),
    ]
