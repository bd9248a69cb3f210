"""Minutes put on record as they are, to be reported on."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

from slmm.acoustics.energy import energy
from slmm.acoustics.intervals import Interval
from slmm.acoustics.percentiles import Histogram
from slmm.acoustics.quality import NO_FLAGS, Flag
from slmm.limits.document import parse
from slmm.record import periods
from slmm.record.chain.seals import Chain, Kind, Stored
from slmm.record.history import History, Keeping
from slmm.record.office import RecordOffice
from slmm.record.periods import Made
from slmm.report.document import Report
from slmm.report.gather import Gatherer
from slmm.report.press import Press
from slmm.settings import load
from slmm.storage import runs, upgrade
from slmm.storage.calibrations import CalibrationBook, NewCalibration
from slmm.storage.database import Database
from slmm.storage.limits import LimitBook
from slmm.storage.remarks import NewRemark, RemarkBook

MINUTE = timedelta(minutes=1)


def at(text: str) -> datetime:
    """``2026-11-20 07:00`` as an instant in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def minute(starts_at: datetime, laeq: float, *, flags: Flag = NO_FLAGS, source: str = "stream") -> Interval:
    """One whose time-weighted levels spread 6 dB around its mean."""
    classes = np.arange(round(laeq * 10) - 30, round(laeq * 10) + 30, dtype=np.int16)
    return Interval(
        starts_at,
        starts_at + MINUTE,
        energy_s=60.0 * energy(laeq),
        valid_s=60.0,
        received_s=60.0,
        lmax=laeq + 8.0,
        lmin=laeq - 9.0,
        lpeak=laeq + 22.0,
        histogram=Histogram(classes, np.full(60, 10, dtype=np.int64)),
        flags=flags,
        source=source,
        uncertainty_db=0.4 if source == "poll" else None,
    )


def site(starts_at: datetime, count: int) -> list[Interval]:
    """A site that works from 7 to 17 UTC, and is quiet otherwise; the same every time."""
    found = []
    for number in range(count):
        begin = starts_at + number * MINUTE
        base = 66.0 if 7 <= begin.hour < 17 else 46.0
        wave = 4.0 * np.sin(number / 37.0) + 2.5 * np.sin(number / 7.3) + 1.5 * np.sin(number * 1.7)
        found.append(minute(begin, round(base + float(wave), 2)))
    return found


BERLIN = ZoneInfo("Europe/Berlin")
ALL_DAY = [
    {"from": "07:00", "until": "20:00", "level_db": 70, "name": "day"},
    {"from": "20:00", "until": "07:00", "level_db": 50, "name": "night"},
]


class Archive:
    """A record and a database of their own; *now* may be set."""

    def __init__(self, folder: Path) -> None:
        settings = load({}, None, data_dir=folder)
        self.now = at("2026-12-24 12:00")
        self.office = RecordOffice(settings, lambda unit_id: BERLIN)
        self.office.start()
        self.database = Database.open(settings.sqlalchemy_url)
        upgrade.upgrade(self.database.engine, upgrade.MIGRATIONS, folder / "backups")
        self.history = History(
            self.office.store, self.office.partitions, lambda unit_id: BERLIN, Keeping(30, 730), lambda: self.now
        )
        self.gatherer = Gatherer(self.database, self.history, Press())
        self.limits = LimitBook(self.database)
        self.gathered: dict[tuple[str, int | None, str], Report] = {}
        """What was gathered before, for a report is not changed by who looks at it."""

    def put(self, minutes: Iterable[Interval], unit_id: str = "north-gate") -> None:
        """Have them on record."""
        made = [Made(unit_id, each) for each in minutes]
        self.office.store.write(lambda connection: periods.put(self.office.store, connection, "minutes", made))

    def limit(self, name: str, kind: dict[str, str], **more: Any) -> int:
        """Set one for north-gate."""
        document = {"name": name, "quantity": "laeq", "period": kind, "rows": ALL_DAY, **more}
        return self.limits.add("north-gate", parse(document), "Ada Lovelace").limit_id

    def remark(self, begin: str, end: str, reason: str, words: str, *, excludes: bool, by: str = "Ada Lovelace") -> int:
        """One of north-gate."""
        book = RemarkBook(self.database, lambda: at("2026-11-21 16:00"))
        return book.add("north-gate", NewRemark(at(begin), at(end), reason, excludes, words), by).id

    def check(self, moment: str, kind: str, measured_db: float, unit_id: str = "north-gate") -> None:
        """One with the calibrator."""
        book = CalibrationBook(self.database, lambda: at("2026-12-24 12:00"))
        new = NewCalibration(at(moment), kind, measured_db, calibrator="NC-75", serial_number="3451")
        book.add(unit_id, new, "Grace Hopper")

    def close(self) -> None:
        """Let go of the files."""
        self.office.stop()
        self.database.close()


def a_busy_day(archive: Archive, begin: str = "2026-11-15 22:00", days: int = 8) -> None:
    """20 November 2026 and days around it: gaps, over-range, exclusions, a drift that voids, a measurement, seals."""
    minutes = [each for each in site(at(begin), 1440 * days) if not _is_gap(each.starts_at)]
    archive.put(_special(each) for each in minutes)
    archive.limit("Quarters", {"kind": "fixed", "length": "15min"}, scheme="Contract", authority="City of Example")
    archive.limit("Whole day", {"kind": "whole"})
    archive.remark("2026-11-20 10:30", "2026-11-20 11:50", "foreign", "Airshow <b>low</b> passes", excludes=True)
    archive.remark("2026-11-20 13:00", "2026-11-20 13:00", "remark", "Piling began", excludes=False, by="Grace Hopper")
    withdrawn = archive.remark("2026-11-20 05:00", "2026-11-20 05:20", "weather", "Rain", excludes=True)
    RemarkBook(archive.database, lambda: at("2026-11-21 17:00")).withdraw("north-gate", withdrawn, "Grace Hopper")
    archive.check("2026-11-20 06:00", "before", 94.05)
    archive.check("2026-11-20 20:30", "after", 93.93)
    archive.check("2026-11-22 06:00", "before", 94.0)
    archive.check("2026-11-22 12:00", "after", 94.8)
    settings = {"frequency_weighting": "A", "time_weighting": "F", "lp_interval": "100ms"}
    begun = runs.Beginning("north-gate", at("2026-11-15 21:58"), True, settings, None, "0019")
    archive.database.write(lambda session: runs.begin(session, begun))
    hours = [f"2026-11-20T{hour:02}:00:00Z" for hour in range(12)]
    Chain(archive.database).append(
        [Stored(at("2026-11-20 12:00"), Kind.MINUTES, hour, 10, "ab" * 32) for hour in hours]
    )
    Chain(archive.database).append(
        [Stored(at("2026-11-29 12:00"), Kind.MINUTES, "2026-11-29T11:00:00Z", 10, "cd" * 32)]
    )


def _is_gap(begin: datetime) -> bool:
    is_short = at("2026-11-20 18:40") <= begin < at("2026-11-20 19:12")
    return is_short or at("2026-11-18 18:40") <= begin < at("2026-11-19 19:12")


def _special(piece: Interval) -> Interval:
    if piece.starts_at == at("2026-11-20 14:31"):
        return replace(piece, flags=Flag.OVER)
    if piece.starts_at.day == 20 and piece.starts_at.hour in (1, 2, 3):
        return replace(piece, source="poll", uncertainty_db=0.4)
    return piece
