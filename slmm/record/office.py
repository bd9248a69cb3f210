"""The record under one roof: historian, minutes, files of past days; built and started together, kept tidy by jobs."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import gevent
from gevent.lock import RLock

from slmm import signals
from slmm.acoustics.intervals import Interval
from slmm.errors import DiskTrouble
from slmm.events import MinuteMade
from slmm.record import recovery
from slmm.record.historian import Historian
from slmm.record.minute import LOOK_AHEAD_S, MINUTE
from slmm.record.partitions import Partition, Partitions
from slmm.record.periods import Made
from slmm.record.rollup import HOUR, Rollup, ZoneOf, floor
from slmm.record.store import FRAME_COLUMNS, Connection, Store
from slmm.settings import Settings
from slmm.times import timestamp_or_none

logger = logging.getLogger(__name__)

FILE = "record.duckdb"
LEVELS = "levels"
SETTLE = timedelta(minutes=10)
MOVE_AFTER = timedelta(hours=26)
"""A UTC day goes into files when it is over everywhere that matters, and its last frames have settled."""
IN_TABLES = timedelta(hours=24)
"""What is younger is in no file yet: less than MOVE_AFTER by more than the hour that a period may begin before."""
MOST_AT_ONCE = 60
"""Minutes closed in one call, after a time in which nobody could."""
TOLD_AT_ONCE = 25
"""Minutes between two switches of greenlets: judging a limit anew takes a tenth of a millisecond and more."""
GRACE_S = LOOK_AHEAD_S + 1.0
MEND_EVERY_S = 600.0
DAYS_AT_ONCE = 5


class RecordOffice:
    """Built without side effects, started and stopped by the runtime."""

    def __init__(self, settings: Settings, zone_of: ZoneOf) -> None:
        self.folder = settings.data_dir / "record"
        self.store = Store(self.folder / FILE, settings.record_memory_mb)
        self.partitions = Partitions(self.store, self.folder / LEVELS)
        self.rollup = Rollup(self.store, self.partitions, zone_of)
        self.historian = Historian(self.store)
        self.file_written: Callable[[Partition, Path], None] = lambda partition, path: None
        """Told of every file of the record when it is in place."""
        self.trouble: str | None = None
        """Why there is no record, in words; None while there is one."""
        self._settings = settings
        self._mark: datetime | None = None
        self._may_mend_s = 0.0
        """When a damaged file may be replaced again: each time leaves a copy on the disk."""
        self._to_roll: list[Partition] = []
        """Days whose hours are made anew, for the record that had them is gone."""
        self._turn = RLock()
        self.store.is_damage = recovery.is_damage
        self.store.examine = lambda connection, error: self.partitions.examine(connection, error, settings.data_dir)

    def start(self) -> None:
        """Open, and listen. A record that cannot be opened is no reason not to watch: frames wait in memory."""
        self._open(mends=False)
        self.historian.start()

    def _open(self, *, mends: bool = True) -> bool:
        """Open, and clear away what a crash left; tells whether the record is there.

        A damaged file is replaced by what can be read of it, see ``recovery``: not at the start, for it may take long.
        """
        with self._turn:
            if self.store.is_open and self.store.spoilt is None:
                return True
            try:
                self._open_or_mend(mends=mends)
                self.partitions.sweep()
                self._mark = self.rollup.mark()
            except DiskTrouble as error:
                is_news = self.trouble != str(error)
                self.trouble = str(error)
                logger.log(logging.ERROR if is_news else logging.DEBUG, "%s; readings wait in memory", error)
                return False
            self.trouble = None
            return True

    def _open_or_mend(self, *, mends: bool) -> None:
        why = self._damage()
        if why is None:
            return
        path, top = self.store.path, self.partitions.top
        if not mends:
            raise DiskTrouble(f"the record at {path} is damaged and will be mended at once: {why}")
        if time.monotonic() < self._may_mend_s:
            raise DiskTrouble(f"the record at {path} is damaged again, and is mended in some minutes: {why}")
        self._may_mend_s = time.monotonic() + MEND_EVERY_S
        data_dir, memory_mb = self._settings.data_dir, self._settings.record_memory_mb
        self.store.in_pool(recovery.mend, path, top, data_dir, why, memory_mb)
        self.store.open()
        self._to_roll = self.store.read(recovery.days_without_hours)

    def _damage(self) -> str | None:
        """Open; what is damaged if that cannot be, None when it is open. Raises DiskTrouble for what may pass."""
        spoilt = self.store.spoilt
        if spoilt is not None:
            logger.error("the record is closed and opened again: %s", spoilt)
            self.store.let_go()
            if recovery.is_damage(spoilt):
                return spoilt
        elif self.store.in_pool(recovery.is_lost, self.store.path, self.partitions.top):
            return "it is gone, though files of past days are there"
        try:
            self.store.open()
        except DiskTrouble as error:
            if recovery.is_damage(error):
                return str(error.__cause__ or error)
            raise
        return None

    def stop(self) -> None:
        """Write what is left and close."""
        self.historian.stop()
        self.store.close()

    @property
    def made_until(self) -> datetime | None:
        """Up to when minutes have been made; None before the record is open, and before the first."""
        return self._mark

    def minutes(self, unit_id: str, from_at: datetime, until_at: datetime) -> list[Interval]:
        """The minutes of a unit within a span, by time; raises DiskTrouble."""
        return self.rollup.minutes(unit_id, from_at, until_at)

    def problems(self) -> list[str]:
        """What is wrong, in sentences; empty while everything is recorded."""
        found = [f"nothing is recorded: {self.trouble}"] if self.trouble else self.partitions.problems()
        if not self.trouble and self.historian.last_error:
            found.append(f"readings wait to be recorded: {self.historian.last_error}")
        if self.historian.dropped:
            found.append(f"{self.historian.dropped} readings were never recorded, for too many had to wait")
        return found

    def state(self) -> dict[str, Any]:
        """How the record is kept up, for operators."""
        return {
            "frames_written": self.historian.written,
            "frames_pending": self.historian.pending,
            "frames_dropped": self.historian.dropped,
            "write_failures": self.historian.write_failures,
            "minutes_until": timestamp_or_none(self._mark),
            "trouble": next(iter(self.problems()), None),
        }

    # -- jobs --------------------------------------------------------------------------------------

    def close_minutes(self, now: datetime | None = None) -> int:
        """Make the minutes that are over, and the hours and days; how many minutes."""
        if not self._open():
            return 0
        self._roll_again()
        now = now or datetime.now(UTC)
        self._follow_clock(now)
        ready = min(now, self.historian.written_until) - timedelta(seconds=GRACE_S)
        begin = self._next_minute(now)
        closed = 0
        try:
            while begin + MINUTE <= ready and closed < MOST_AT_ONCE:
                end = min(floor(ready, MINUTE), floor(begin, SETTLE) + SETTLE)
                made = self.rollup.close(begin, end)
                closed += round((end - begin) / MINUTE)
                self._mark = begin = end
                self._tell(made)
                if begin == floor(begin, SETTLE):
                    self._roll(begin)
        except DiskTrouble as error:
            logger.warning("minutes wait: %s", error)
        return closed

    def _follow_clock(self, now: datetime) -> None:
        """A clock that was set back brings the same minutes once more: they are made anew, of all that was heard."""
        if self._mark is not None and self._mark > now:
            self._mark = floor(now - timedelta(seconds=GRACE_S), MINUTE)
            logger.warning("the clock was set back: the minutes from %s on are made once more", self._mark)

    def _roll_again(self) -> None:
        """Some of the days whose hours went with a damaged record."""
        for _ in range(min(DAYS_AT_ONCE, len(self._to_roll))):
            each = self._to_roll.pop()
            begin = datetime(each.day.year, each.day.month, each.day.day, tzinfo=UTC)
            try:
                self.rollup.roll(each.unit_id, begin, begin + timedelta(days=1))
            except DiskTrouble as error:
                logger.warning("the hours of %s on %s cannot be made anew: %s", each.unit_id, each.day, error)

    def _next_minute(self, now: datetime) -> datetime:
        """Where to go on; times of which there is no frame are jumped over."""
        if self._mark is None or self._mark < now - HOUR:
            since = self._mark or datetime(1970, 1, 1, tzinfo=UTC)
            oldest = self.store.read(
                lambda connection: connection.execute(
                    "select min(ends_at) from (select ends_at from frames union all select ends_at from settled)"
                    " where ends_at > ?",
                    [since.replace(tzinfo=None)],
                ).fetchone()
            )
            first = oldest[0].replace(tzinfo=UTC) if oldest and oldest[0] else now
            self._mark = max(since, floor(min(first, self.historian.written_until), MINUTE))
        return self._mark

    def _tell(self, made: list[Made]) -> None:
        for number, (unit_id, interval) in enumerate(sorted(made, key=lambda each: each.interval.ends_at), 1):
            if number % TOLD_AT_ONCE == 0:
                gevent.sleep(0)
            signals.publish(signals.minute_made, MinuteMade(unit_id, interval.ends_at, interval))

    def _roll(self, until: datetime) -> None:
        """Hours and days that may have ended; zones differ by quarters of an hour, so this is looked at often."""
        units = self.store.unit_ids.values()
        if until > datetime.now(UTC) - IN_TABLES:
            self.rollup.roll_fleet(units, until - SETTLE, until)
            return
        for unit_id in units:
            self.rollup.roll(unit_id, until - SETTLE, until)

    def settle(self, now: datetime | None = None) -> None:
        """Sort what is older than a while by unit, so that one unit's frames are found without reading everyone's."""
        if not self.store.is_open:
            return
        before = floor((now or datetime.now(UTC)) - SETTLE, SETTLE).replace(tzinfo=None)
        columns = ", ".join(FRAME_COLUMNS)

        def change(connection: Connection) -> None:
            connection.execute(
                f"insert into settled select {columns} from frames where ends_at < ? order by unit, ends_at", [before]
            )
            connection.execute("delete from frames where ends_at < ?", [before])

        try:
            self.store.write(change)
            self.store.put_away()
        except DiskTrouble as error:
            logger.warning("what is on record stays as it came: %s", error)

    def move_days(self, now: datetime | None = None) -> list[Partition]:
        """Put days that are over into files; which were written. On trouble the rest stays where it is."""
        moved: list[Partition] = []
        if self.store.is_open:
            try:
                self._move_days(now or datetime.now(UTC), moved)
            except DiskTrouble as error:
                logger.warning("past days stay in the database: %s", error)
        return moved

    def _move_days(self, now: datetime, moved: list[Partition]) -> None:
        before = (now - MOVE_AFTER).date()
        for kind in ("frames", "minutes"):
            for unit_id, day in self.store.read(
                lambda connection, kind=kind: self.partitions.days_to_move(connection, kind, before)  # type: ignore[misc]
            ):
                made = self.partitions.move(kind, unit_id, day)
                if made is not None:
                    moved.append(made)
                    self.file_written(made, made.below(self.partitions.top))

    def prune(self, now: datetime) -> list[Partition]:
        """Remove the files that are older than their retention; which they were."""
        gone: list[Partition] = []
        if not self.store.is_open:
            return gone
        for kind, days in (
            ("frames", self._settings.record_frames_days),
            ("minutes", self._settings.record_minutes_days),
        ):
            if days:
                gone += self.partitions.forget(kind, (now - timedelta(days=days)).date())
        return gone
