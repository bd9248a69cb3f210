"""What the data directory takes, by tier, how fast it grows, and when the disk will be full.

Blocks: for a thread.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

LOOK_BACK_DAYS = 7
HORIZON_DAYS = 3650
"""Nobody plans further than ten years."""
_DAY = re.compile(r"(\d{4}-\d{2}-\d{2})\.\d+\.parquet")


@dataclass(frozen=True, slots=True)
class Folder:
    """Files of one tier."""

    size_bytes: int = 0
    files: int = 0
    oldest: datetime | None = None
    newest: datetime | None = None
    bytes_a_day: float | None = None
    """What the last days took; None when there are too few to tell."""


@dataclass(frozen=True, slots=True)
class Growth:
    """How a tier goes on: so many bytes a day until it is *keeps_days* old, then as many go as come."""

    bytes_a_day: float
    age_days: float = 0.0
    keeps_days: float | None = None
    """None: it is kept for ever."""


def days_until_full(free_bytes: float, tiers: Sequence[Growth]) -> float | None:
    """When nothing is free any more; None when that does not happen within ten years.

    Each tier grows by the same amount every day, until what is its oldest now, or will be, is older than it is kept.
    """
    ends = sorted({_grows_for(tier) for tier in tiers} | {float(HORIZON_DAYS)})
    begin = 0.0
    for end in ends:
        rate = sum(tier.bytes_a_day for tier in tiers if _grows_for(tier) >= end)
        span = min(end, HORIZON_DAYS) - begin
        if rate > 0 and free_bytes <= rate * span:
            return begin + max(0.0, free_bytes) / rate
        free_bytes -= rate * span
        begin = end
        if begin >= HORIZON_DAYS:
            break
    return None


def _grows_for(tier: Growth) -> float:
    return float(HORIZON_DAYS) if tier.keeps_days is None else max(0.0, tier.keeps_days - tier.age_days)


def free_bytes(folder: Path) -> int:
    """What is free on the disk of a folder."""
    return shutil.disk_usage(folder).free


def files_below(top: Path) -> Iterator[tuple[Path, os.stat_result]]:
    """Every file below *top*, or *top* itself with its companions when it is one; none where there is nothing."""
    if top.is_file():
        for path in (top, *(top.with_name(f"{top.name}{ending}") for ending in ("-wal", "-shm", ".wal"))):
            if path.exists():
                yield path, path.stat()
        return
    for folder, _, names in os.walk(top):
        for name in names:
            path = Path(folder, name)
            try:
                yield path, path.lstat()
            except FileNotFoundError:
                continue


def folder_bytes(top: Path) -> int:
    """Bytes of all files below *top*."""
    return sum(stat.st_size for _, stat in files_below(top))


def by_day_in_name(top: Path, today: date) -> Folder:
    """The files of past days of one kind; each is named by its day."""
    sizes: dict[date, int] = {}
    count = 0
    for path, stat in files_below(top):
        match = _DAY.fullmatch(path.name)
        if match:
            day = date.fromisoformat(match[1])
            sizes[day] = sizes.get(day, 0) + stat.st_size
            count += 1
    if not sizes:
        return Folder()
    recent = [size for day, size in sizes.items() if day > today - timedelta(days=LOOK_BACK_DAYS + 2)]
    return Folder(
        sum(sizes.values()),
        count,
        _midnight(min(sizes)),
        _midnight(max(sizes)),
        sum(recent) / len(recent) if recent else 0.0,
    )


def by_time(top: Path, now: datetime) -> Folder:
    """Files that bear no day; what came in the last days counts by when it was written."""
    found = [(stat.st_mtime, stat.st_size) for path, stat in files_below(top) if path.suffix != ".lock"]
    if not found:
        return Folder()
    since_s = (now - timedelta(days=LOOK_BACK_DAYS)).timestamp()
    recent = sum(size for at_s, size in found if at_s > since_s)
    span_days = min(float(LOOK_BACK_DAYS), max((now.timestamp() - min(at_s for at_s, _ in found)) / 86_400, 0.0))
    oldest, newest = min(found)[0], max(found)[0]
    return Folder(
        sum(size for _, size in found),
        len(found),
        datetime.fromtimestamp(oldest, UTC),
        datetime.fromtimestamp(newest, UTC),
        recent / span_days if span_days >= 1 else None,
    )


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)
