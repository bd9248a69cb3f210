"""What is kept, tier by tier: how much, since when, for how long, and how the disk goes on. Blocks but for memory."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from slmm.record.card.originals import FOLDER as CARD
from slmm.record.store import Connection
from slmm.storage import usage
from slmm.storage.models import AuditRow, LogRow, NotificationRow, ReadingRow
from slmm.storage.usage import Folder, Growth

if TYPE_CHECKING:
    from slmm.runtime import Runtime

FRAME_BYTES, MINUTE_BYTES = 25, 330
"""What a row is assumed to take, rather too much; for services too young to have a file of past days to look at."""


@dataclass(frozen=True, slots=True)
class Tier:
    """One kind of what is kept."""

    key: str
    setting: str | None
    """The setting that says how long; None for what nobody removes."""
    keeps_days: float | None
    """None: for ever."""
    size_bytes: int | None
    """None for rows that share the database's file with others."""
    entries: int | None
    oldest: datetime | None
    bytes_a_day: float | None = None
    is_estimate: bool = False

    def growth(self, now: datetime) -> Growth:
        """How it goes on."""
        age_days = (now - self.oldest).total_seconds() / 86_400 if self.oldest else 0.0
        return Growth(self.bytes_a_day or 0.0, age_days, self.keeps_days)


def tiers(runtime: Runtime, now: datetime) -> list[Tier]:
    """Every tier; asks both databases and looks at every file."""
    settings, data_dir = runtime.settings, runtime.settings.data_dir
    rows = runtime.record.store.read(_record_rows) if runtime.record.store.is_open else {}
    counted = runtime.database.read(_database_rows)
    files = runtime.database.in_pool(_files, runtime.record.folder, data_dir, now)
    sizes = files["sizes"]

    def of_record(key: str, setting: str, days: float, row_bytes: int) -> Tier:
        folder: Folder = files[key]
        count, oldest, a_day = rows.get(key, (0, None, 0))
        begins = min((at for at in (folder.oldest, oldest) if at), default=None)
        rate, is_estimate = folder.bytes_a_day, False
        if rate is None:
            rate, is_estimate = float(a_day * row_bytes), True
        return Tier(key, setting, days or None, folder.size_bytes, count, begins, rate, is_estimate)

    def of_rows(key: str, setting: str, days: float) -> Tier:
        count, oldest = counted[key]
        return Tier(key, setting, days, None, count, oldest)

    def of_files(key: str) -> Tier:
        folder: Folder = files[key]
        rate = folder.bytes_a_day if key != "backups" else None  # they come when somebody asks for one
        return Tier(key, None, None, folder.size_bytes, folder.files, folder.oldest, rate)

    hours = rows.get("hours", (0, None, 0))
    return [
        of_record("frames", "record_frames_days", settings.record_frames_days, FRAME_BYTES),
        of_record("minutes", "record_minutes_days", settings.record_minutes_days, MINUTE_BYTES),
        Tier("hours", None, None, sizes["record"], hours[0], hours[1]),
        of_rows("trail", "monitor_trail_retention_hours", settings.monitor_trail_retention_hours / 24),
        of_rows("logs", "log_retention_days", settings.log_retention_days),
        of_rows("audit", "audit_retention_days", settings.audit_retention_days),
        of_rows("messages", "alert_outbox_retention_days", settings.alert_outbox_retention_days),
        Tier("database", None, None, sizes["database"], None, None),
        of_files("downloads"),
        of_files("originals"),
        of_files("backups"),
    ]


def forecast(runtime: Runtime, found: list[Tier], now: datetime) -> dict[str, Any]:
    """What a day takes, what is free, and when it will be full."""
    free = runtime.database.in_pool(usage.free_bytes, runtime.settings.data_dir)
    growths = [tier.growth(now) for tier in found]
    return {
        "free_bytes": free,
        "bytes_a_day": sum(each.bytes_a_day for each in growths),
        "days_until_full": usage.days_until_full(free, growths),
        "is_estimate": any(tier.is_estimate and tier.bytes_a_day for tier in found),
    }


def _files(record: Path, data_dir: Path, now: datetime) -> dict[str, Any]:
    levels, today = record / "levels", now.astimezone(UTC).date()
    return {
        "frames": usage.by_day_in_name(levels / "frames", today),
        "minutes": usage.by_day_in_name(levels / "minutes", today),
        "downloads": usage.by_time(data_dir / "downloads", now),
        "originals": usage.by_time(record / CARD, now),
        "backups": usage.by_time(data_dir / "backups", now),
        "sizes": {
            "record": usage.folder_bytes(record / "record.duckdb"),
            "database": usage.folder_bytes(data_dir / "slmm.db"),
        },
    }


def _record_rows(connection: Connection) -> dict[str, tuple[int, datetime | None, int]]:
    """Rows, the oldest, and how many of the last day, of each kind."""
    found = {}
    for key, source in (
        ("frames", "(select ends_at from frames union all select ends_at from settled)"),
        ("minutes", "minutes"),
        ("hours", "hours"),
    ):
        row = connection.execute(
            f"select count(*), min(ends_at), count(*) filter (ends_at > now() at time zone 'UTC' - interval 1 day)"
            f" from {source}"
        ).fetchone()
        count, oldest, recent = row or (0, None, 0)
        found[key] = (int(count), oldest.replace(tzinfo=UTC) if oldest else None, int(recent))
    return found


def _database_rows(session: Session) -> dict[str, tuple[int, datetime | None]]:
    columns = {
        "trail": ReadingRow.timestamp,
        "logs": LogRow.timestamp,
        "audit": AuditRow.at,
        "messages": NotificationRow.created_at,
    }
    found: dict[str, tuple[int, datetime | None]] = {}
    for key, column in columns.items():
        count, oldest = session.execute(select(func.count(), func.min(column))).one()
        found[key] = (int(count), oldest)
    return found
