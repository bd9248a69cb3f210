"""Seals what the record stores: files as soon as they are in place, hours of minutes when they are over or made anew.

What a crash or a full disk left unsealed is sealed by the next ``catch_up``.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path

import gevent
from gevent.lock import RLock
from sqlalchemy.exc import SQLAlchemyError

from slmm import signals
from slmm.errors import DiskTrouble, Invalid, SlmmError
from slmm.events import MinuteMade
from slmm.record.chain import fingerprint, sealed_minutes, verification
from slmm.record.chain.fingerprint import Fingerprint
from slmm.record.chain.sealed_minutes import HOUR, HourPrint, hour_named, hour_of, subject_of
from slmm.record.chain.seals import Chain, Kind, Seal, Standing, Stored
from slmm.record.chain.verification import (
    CARD,
    LEVELS,
    Progress,
    Report,
    What,
    begin_report,
    check_hours,
    hours_to_check,
    quiet,
)
from slmm.record.office import RecordOffice
from slmm.record.partitions import Partition
from slmm.record.periods import Made
from slmm.record.rollup import Rollup
from slmm.record.store import Connection, Store
from slmm.settings import Settings
from slmm.storage.database import Database

logger = logging.getLogger(__name__)

FILED_AFTER = timedelta(hours=50)
"""The minutes of an hour are in a file by then: a UTC day is moved 26 h after its end at the latest."""
SOON_SEALED_S = 1200.0
"""A file this young may be on its way to its seal."""
STOP_WITHIN_S = 2.0
_AT_ONCE = 50
_ROWS_AT_ONCE = 1000
"""Files sealed in one transaction."""


def minutes_of(store: Store, rollup: Rollup, hour: datetime) -> list[Made]:
    """The minutes of all units in one hour, from tables and files, the newest of each; raises DiskTrouble."""
    units = sorted(store.unit_ids.values())
    return [Made(unit_id, each) for unit_id in units for each in rollup.minutes(unit_id, hour, hour + HOUR)]


def hours_in_tables(store: Store) -> set[datetime]:
    """Hours that have minutes which are not in a file."""

    def question(connection: Connection) -> set[datetime]:
        found = connection.execute("select distinct date_trunc('hour', starts_at) from minutes").fetchall()
        return {row[0].replace(tzinfo=UTC) for row in found}

    return store.read(question)


def hours_being_remade(store: Store) -> set[datetime]:
    """Hours to which an SD card added something, and whose minutes are not all made anew yet."""

    def question(connection: Connection) -> set[datetime]:
        if not connection.execute("select 1 from duckdb_tables() where table_name = 'card_spans'").fetchall():
            return set()
        found: set[datetime] = set()
        for starts_at, ends_at in connection.execute("select starts_at, ends_at from card_spans").fetchall():
            hour = hour_of(starts_at.replace(tzinfo=UTC))
            while hour < ends_at.replace(tzinfo=UTC):
                found.add(hour)
                hour += HOUR
        return found

    return store.read(question)


class Evidence:
    """The chain of one data directory, while the service runs."""

    def __init__(self, settings: Settings, database: Database, office: RecordOffice) -> None:
        self.chain = Chain(database)
        self.last_report: Report | None = None
        self._settings = settings
        self._office = office
        self._standing: Standing | None = None
        self._troubles: dict[str, str] = {}
        self._remade: set[datetime] = set()
        self._has_looked_back = False
        self._appending = RLock()
        self._turn = RLock()

    def start(self) -> None:
        """Listen; nothing is read before the first seal."""
        signals.minute_made.connect(self._on_minute, weak=False)

    def stop(self) -> None:
        """Seal what was made anew, and listen no more."""
        signals.minute_made.disconnect(self._on_minute)
        with gevent.Timeout(STOP_WITHIN_S, False):  # the next start seals hours that are over
            self.catch_up_hours()

    def _on_minute(self, sender: str, event: MinuteMade) -> None:
        """A minute of an hour that is sealed already means that it was made anew."""
        self._remade.add(hour_of(event.interval.starts_at))

    def _known(self) -> Standing:
        """What the chain says is there; read once."""
        with self._appending:
            if self._standing is None:
                self._standing = self.chain.standing(with_blocks=False)
                if self._standing.broken:
                    logger.error("evidence: %s; new links follow all the same", self._standing.broken)
            return self._standing

    def _append(self, stored: Sequence[Stored], *, only_new: bool = False) -> list[Seal]:
        with self._appending:
            known = self._known()
            wanted = [each for each in stored if not (only_new and each.subject in known.files)]
            made = self.chain.append(wanted)
            for seal in made:
                known.add(seal)
            return made

    @property
    def last_error(self) -> str | None:
        """Why something cannot be sealed at present, in words; None while all goes well."""
        return next(iter(self._troubles.values()), None)

    @contextmanager
    def _told(self, what: str) -> Iterator[None]:
        """What fails is said once, and done by the next ``catch_up``."""
        try:
            yield
        except (SlmmError, SQLAlchemyError, OSError) as error:
            level = logging.DEBUG if what in self._troubles else logging.WARNING
            logger.log(level, "evidence: %s cannot be sealed: %s", what, error)
            self._troubles[what] = str(error)
        else:
            if self._troubles.pop(what, None):
                logger.info("evidence: %s can be sealed again", what)

    # -- files -------------------------------------------------------------------------------------

    def seal_card_file(self, path: Path) -> Seal:
        """Seal an original of an SD card below the data directory; its seal, also if it had one already.

        Raises Invalid, DiskTrouble.
        """
        stored = self._print(Kind.CARD, path)
        known = self._known().files.get(stored.subject)
        if known is not None and (known.size_bytes, known.sha256) == (stored.size_bytes, stored.sha256):
            return known
        return self._append([stored])[0]

    def seal_partition(self, partition: Partition, path: Path) -> None:
        """Receiver of ``RecordOffice.file_written``: what fails is done by the next ``catch_up``."""
        with self._told("files"):
            self._append([self._print(Kind.LEVELS, path)], only_new=True)

    def _print(self, kind: Kind, path: Path) -> Stored:
        subject = self._subject(path)
        try:
            made = self._office.store.in_pool(_fingerprint, path)
        except OSError as error:
            raise DiskTrouble(f"{path} cannot be read to be sealed: {error.strerror or error}") from error
        return Stored(datetime.now(UTC), kind, subject, made.size_bytes, made.sha256, made.blocks.packed())

    def _subject(self, path: Path) -> str:
        top = self._settings.data_dir.resolve()
        try:
            return path.resolve().relative_to(top).as_posix()
        except ValueError as error:
            raise Invalid(f"path: {path} is not below {top}, which what is sealed has to be", field="path") from error

    def catch_up(self, now: datetime | None = None) -> int:
        """Seal files that have no seal, say which are gone, then the hours; how many links were made."""
        now = now or datetime.now(UTC)
        made = 0
        with self._turn:
            if self._office.store.is_open:
                with self._told("files"):
                    made += self._seal_files(self._office.store.read(_registered))
                with self._told("originals of SD cards"):
                    made += self._seal_originals()
                with self._told("files that went"):
                    made += self._say_gone(self._office.store.read(_registered), now)
        return made + self.catch_up_hours(now) + self.let_go(now)

    def _seal_files(self, partitions: Mapping[str, Partition]) -> int:
        known = self._known().files
        waiting = [partition for subject, partition in partitions.items() if subject not in known]
        made = 0
        trouble: DiskTrouble | None = None
        for begin in range(0, len(waiting), _AT_ONCE):
            stored = []
            for each in waiting[begin : begin + _AT_ONCE]:
                try:
                    stored.append(self._print(Kind.LEVELS, each.below(self._office.partitions.top)))
                except DiskTrouble as error:  # the others shall not wait for it
                    trouble = error
            made += len(self._append(stored, only_new=True))
        if trouble is not None:
            raise trouble
        return made

    def _seal_originals(self) -> int:
        """Those that were kept, but the service was cut off before they were sealed."""
        found = self._office.store.in_pool(verification.stored_below, self._settings.data_dir / CARD)
        known = self._known().files
        top = self._settings.data_dir
        waiting = [path for path in found if path.relative_to(top).as_posix() not in known]
        return len([self.seal_card_file(path) for path in waiting])

    def _say_gone(self, partitions: Mapping[str, Partition], now: datetime) -> int:
        """Files that retention has removed; any other that is missing stays in the chain as missing."""
        absent = self._office.store.in_pool(self._gone, partitions, self._known(), now)
        made = self._append([Stored(now, Kind.GONE, seal.subject, seal.size_bytes, seal.sha256) for seal in absent])
        self.chain.forget_blocks([seal.number for seal in absent])
        return len(made)

    def _gone(self, partitions: Mapping[str, Partition], known: Standing, now: datetime) -> list[Seal]:
        return [
            seal
            for subject, seal in list(known.files.items())
            if subject not in partitions
            and self._is_past_retention(subject, now)
            and not (self._settings.data_dir / subject).exists()
        ]

    def _is_past_retention(self, subject: str, now: datetime) -> bool:
        parts = Path(subject).parts
        if parts[:2] != LEVELS.parts or len(parts) != 5:
            return False
        days = self._settings.record_frames_days if parts[2] == "frames" else self._settings.record_minutes_days
        day = date.fromisoformat(parts[4].partition(".")[0])
        return bool(days) and day < (now - timedelta(days=days)).date()

    # -- hours of minutes --------------------------------------------------------------------------

    def catch_up_hours(self, now: datetime | None = None) -> int:
        """Seal hours that are over, and anew those whose minutes were made anew; how many links were made."""
        made = 0
        with self._turn, self._told("minutes"):
            store = self._office.store
            mark = self._office.rollup.mark() if store.is_open else None
            if mark is not None:
                if not self._has_looked_back:  # a merge may have been cut off before it told of its minutes
                    self._remade |= hours_being_remade(store)
                    self._has_looked_back = True
                known = self._known().hours
                over = {hour for hour in hours_in_tables(store) if subject_of(hour) not in known}
                for hour in sorted(hour for hour in over | self._remade if hour + HOUR <= mark):
                    made += self._seal_hour(hour)
        return made

    def _seal_hour(self, hour: datetime) -> int:
        self._remade.discard(hour)
        try:
            made = self._hour_print(hour)
            before = self._known().hours.get(subject_of(hour))
            if not made.rows or (before is not None and before.sha256 == made.sha256):
                return 0
            stored = Stored(
                datetime.now(UTC), Kind.MINUTES, subject_of(hour), made.size_bytes, made.sha256, made.blocks
            )
            self._append([stored])
            if before is not None:
                self.chain.forget_blocks([before.number])
        except Exception:
            self._remade.add(hour)  # next time, then
            raise
        return 1

    def _hour_print(self, hour: datetime) -> HourPrint:
        found = minutes_of(self._office.store, self._office.rollup, hour)
        return self._office.store.in_pool(sealed_minutes.print_of, found)

    def let_go(self, now: datetime) -> int:
        """Hours that are in files now: their details go when the files say the same, else that is a link of its own."""
        made = 0
        with self._turn, self._told("minutes in files"):
            if not self._office.store.is_open:
                return 0
            detailed = self.chain.detailed(Kind.MINUTES)
            known = self._known()
            told = {(seal.subject, seal.sha256) for seal in known.altered}
            busy = hours_in_tables(self._office.store) | self._remade
            for subject, seal in list(known.hours.items()):
                hour = hour_named(subject)
                if seal.number not in detailed or hour > now - FILED_AFTER or hour in busy:
                    continue
                found = self._hour_print(hour)
                if found.sha256 == seal.sha256:
                    self.chain.forget_blocks([seal.number])
                elif (subject, found.sha256) not in told:
                    logger.error("evidence: the minutes of %s in the files are not those that were sealed", subject)
                    self._append([Stored(now, Kind.ALTERED, subject, found.size_bytes, found.sha256)])
                    made += 1
        return made

    # -- verification ------------------------------------------------------------------------------

    def verify(
        self,
        heads: Sequence[str] = (),
        *,
        with_files: bool = True,
        every_hour: bool = False,
        progress: Progress = quiet,
    ) -> Report:
        """Hold all that is stored against the chain; raises DiskTrouble when the minutes cannot be read."""
        store = self._office.store
        with self._turn, self._office.partitions.as_they_are():
            self.catch_up_hours()
            standing, report = begin_report(self.chain, heads)
            if store.is_open:
                record = (store, self._office.rollup)
                check_minutes(self.chain, standing, report, record, progress, every=every_hour, remade=self._remade)
            elif standing.hours:
                report.unchecked.append(f"the minutes: {self._office.trouble or 'the record is closed'}")
        if with_files:
            self._verify_files(standing, report, progress)
            self.last_report = report
        return report

    def _verify_files(self, standing: Standing, report: Report, progress: Progress) -> None:
        in_pool = self._office.store.in_pool
        data_dir = self._settings.data_dir
        young_s = time.time() - SOON_SEALED_S
        verification.check_files(data_dir, standing, self.chain, report, in_pool, progress)
        report.findings += in_pool(verification.check_unsealed, data_dir, standing, report.findings, young_s)
        if any(found.what in (What.MISSING, What.UNSEALED) for found in report.findings):
            self.catch_up()  # retention may have removed it meanwhile, or it was sealed since
            verification.drop_outdated(report, self.chain.standing(with_blocks=False))


def check_minutes(
    chain: Chain,
    standing: Standing,
    report: Report,
    record: tuple[Store, Rollup],
    progress: Progress = quiet,
    *,
    every: bool = False,
    remade: Collection[datetime] = (),
) -> None:
    """The minutes in tables and files against the seals of their hours, into *report*; raises DiskTrouble."""
    store, rollup = record
    in_tables, detailed = hours_in_tables(store), chain.detailed(Kind.MINUTES)
    due = store.in_pool(partial(hours_to_check, standing, detailed, in_tables, every=every))
    before = len(report.findings)
    check_hours(due, lambda hour: minutes_of(store, rollup, hour), chain, report, progress)
    # Hours that are being made anew from an SD card are neither changed nor unchanged.
    busy = {subject_of(hour) for hour in hours_being_remade(store).union(remade)}
    waiting = [found for found in report.findings[before:] if found.subject in busy]
    if waiting:
        report.findings = [found for found in report.findings if found not in waiting]
        report.unchecked.append(f"the minutes of {len(waiting)} hours: being made anew with data of an SD card")


def _fingerprint(path: Path) -> Fingerprint:
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        return fingerprint.of_file(file, fingerprint.block_bytes_for(size))


def _subject_of(partition: Partition) -> str:
    """Its place below the data directory; as plain text, for there may be many."""
    return f"{LEVELS}/{partition.kind}/{partition.unit_id}/{partition.day.isoformat()}.{partition.part}.parquet"


def _registered(connection: Connection) -> dict[str, Partition]:
    """All files the record knows, by their place."""
    found: dict[str, Partition] = {}
    rows = connection.execute("select kind, unit_id, day, part, row_count from partitions")
    while piece := rows.fetchmany(_ROWS_AT_ONCE):  # not all at once: other threads want to go on meanwhile
        for row in piece:
            partition = Partition(*row)
            found[_subject_of(partition)] = partition
    return found
