"""Brings what the SD cards stored into the record: every interval once, at its place, and the minutes made anew.

A file is kept as it was fetched, read, placed on the time line and compared with what is on record of it. New rows and
the word that they are there are one transaction; a span whose minutes are not yet made anew is noted in the same, so
that a service that is cut off goes on where it was. Nothing is ever taken back: rows that are on record stay where
they are.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from gevent.lock import BoundedSemaphore

from slmm import signals
from slmm.acoustics.intervals import Interval
from slmm.events import MinuteMade
from slmm.record import periods
from slmm.record.card import file as cardfile
from slmm.record.card import originals
from slmm.record.card.alignment import ClockReading
from slmm.record.card.book import CardBook
from slmm.record.card.comparison import compare
from slmm.record.card.file import Fetched
from slmm.record.card.folder import Desk, FileWork, FolderMerge, Tally
from slmm.record.card.ledger import CardLedger
from slmm.record.card.live import LiveRecord
from slmm.record.minute import MINUTE
from slmm.record.office import RecordOffice
from slmm.record.periods import Made
from slmm.record.rollup import ZoneOf, floor
from slmm.storage.database import Database
from slmm.storage.models import CardFileRow
from slmm.storage.runs import RunBook

FULL_MINUTE_S = 59.5
FILLED_LEAST_S = 0.5
CLOSING = timedelta(minutes=2)
"""Minutes that were just being closed as rows came may have been made without these: they are made once more."""
ClockOf = Callable[[str], ClockReading | None]
Minutes = dict[datetime, Interval]
"""By their end."""


@dataclass(slots=True)
class Merged(Tally):
    """What came of the files of one fetch."""

    files: int = 0
    minutes: int = 0
    """Made anew."""
    minutes_filled: int = 0
    """Of which something had been missing."""

    def view(self) -> dict[str, Any]:
        """For an operation's result."""
        return {
            "files": self.files,
            "rows": self.rows,
            "new_rows": self.new_rows,
            "left_out": self.left_out,
            "minutes": self.minutes,
            "minutes_filled": self.minutes_filled,
            "troubles": self.troubles[: cardfile.TROUBLES_TOLD],
        }

    def text(self) -> str:
        """In words."""
        said = f"{self.new_rows} of {self.rows} intervals in {self.files} files are new"
        said += f", {self.minutes_filled} minutes were filled"
        return f"{said}, {self.left_out} rows could not be used" if self.left_out else said


class CardMerge:
    """For all units; one merge of a unit at a time."""

    def __init__(self, office: RecordOffice, database: Database, zone_of: ZoneOf, clock_of: ClockOf) -> None:
        self.ledger = CardLedger(office.store)
        self.book = CardBook(database)
        self.original_kept: Callable[[Path], object] = lambda path: None
        """Told of every original when it is in place, before anything is made of it; what it raises ends the merge."""
        self._office = office
        self._runs = RunBook(database)
        self._zone_of = zone_of
        self._clock_of = clock_of
        self._live = LiveRecord(office.store, office.partitions)
        self._turns: dict[str, BoundedSemaphore] = {}

    def note_clock(self, unit_id: str) -> None:
        """Keep what is known of a meter's clock: rows of today are placed by what it showed today."""
        if self._office.store.is_open and (reading := self._clock_of(unit_id)) is not None:
            self.ledger.note_clock(unit_id, reading)

    def merge(self, unit_id: str, files: Sequence[Fetched]) -> Merged:
        """Bring files of a card into the record; raises DiskTrouble, and then goes on where it was when asked again."""
        with self._turn(unit_id):
            self.note_clock(unit_id)
            done = Merged(files=len(files))
            desk = Desk(
                unit_id,
                self._zone_of(unit_id),
                self._office.store,
                self._office.historian,
                self.ledger,
                self._live,
                self._runs,
                lambda file: self._keep(unit_id, file),
            )
            works: list[FileWork] = []
            folders, beside = cardfile.folders_of(files)
            for file in beside:
                self._keep(unit_id, file)
            for folder in folders:
                works += FolderMerge(desk, folder, done).run()
            self._finish(unit_id, works, done)
            return done

    def resume(self) -> None:
        """Make anew what was left by a service that was cut off, or was being closed; raises DiskTrouble."""
        if not self._office.store.is_open:
            return
        for unit_id in self.ledger.units_with_spans():
            with self._turn(unit_id):
                self._finish(unit_id, [], Merged())

    def _turn(self, unit_id: str) -> BoundedSemaphore:
        return self._turns.setdefault(unit_id, BoundedSemaphore(1))

    def _keep(self, unit_id: str, file: Fetched) -> CardFileRow:
        place = self._office.store.in_pool(
            originals.keep, self._office.folder, unit_id, file.remote_path, file.path, file.sha256
        )
        if not self.book.is_there(unit_id, file.remote_path, file.sha256):
            self.original_kept(place)
        return self.book.put(
            unit_id,
            file.remote_path,
            file.sha256,
            kind=file.kind,
            store_name=file.store_name,
            local_path=str(place.relative_to(self._office.folder.parent)),
            size_bytes=file.size_bytes,
            fetched_at=file.fetched_at,
            is_growing=file.is_growing,
        )

    # -- minutes ------------------------------------------------------------------------------------

    def _finish(self, unit_id: str, works: Sequence[FileWork], done: Merged) -> None:
        """Make minutes, hours and days anew, and say by how much the card differs."""
        before: Minutes = {}
        after: Minutes = {}
        left: list[tuple[datetime, datetime]] = []
        spans = self.ledger.spans(unit_id)
        for starts_at, ends_at in spans:
            closed = self._office.rollup.mark()
            self._remake(unit_id, starts_at, ends_at if closed is None else min(ends_at, closed), before, after)
            if closed is not None and ends_at > closed - CLOSING:
                left.append((max(starts_at, closed - CLOSING), ends_at))
        done.minutes = len(after)
        done.minutes_filled = sum(_is_filled(before.get(at), minute) for at, minute in after.items())
        for work in works:
            values = dict(work.values)
            if not work.is_done:
                values["differences"] = _differences(before, after, work.span)
            self.book.put(unit_id, work.file.remote_path, work.file.sha256, **values)
        if spans:
            self.ledger.spans_done(unit_id, left)

    def _remake(self, unit_id: str, starts_at: datetime, ends_at: datetime, before: Minutes, after: Minutes) -> None:
        """Minutes that have been closed; the others will be, with all that is on record by then."""
        begin, until = floor(starts_at, MINUTE), floor(ends_at + MINUTE - timedelta(microseconds=1), MINUTE)
        if begin >= until:
            return
        old = {minute.ends_at: minute for minute in self._office.rollup.minutes(unit_id, begin, until)}
        made = {minute.ends_at: minute for minute in self._office.rollup.remake(unit_id, begin, until)}
        # Single frames are not kept for ever: a minute made anew without them would know less than it did.
        poorer = [old[at] for at, minute in made.items() if at in old and _is_poorer(minute, old[at])]
        if poorer:
            rows = [Made(unit_id, minute) for minute in poorer]
            store = self._office.store
            store.write(lambda connection: periods.put(store, connection, "minutes", rows))
            self._office.rollup.roll(unit_id, begin, until)
            made |= {minute.ends_at: minute for minute in poorer}
        before |= old
        after |= made
        for at, minute in made.items():
            if not _is_same(old.get(at), minute):
                signals.publish(signals.minute_made, MinuteMade(unit_id, at, minute))


def _is_poorer(new: Interval, old: Interval) -> bool:
    return new.valid_s < old.valid_s - FILLED_LEAST_S or new.histogram.count < old.histogram.count


def _is_same(old: Interval | None, new: Interval) -> bool:
    """Whether a minute made anew says what it said before."""
    if old is None:
        return False
    names = ("energy_s", "valid_s", "received_s", "lmax", "lmin", "lpeak", "flags", "source", "uncertainty_db")
    return all(getattr(old, name) == getattr(new, name) for name in names)


def _is_filled(old: Interval | None, new: Interval) -> bool:
    had_s = 0.0 if old is None else old.valid_s
    return had_s < FULL_MINUTE_S and new.valid_s >= had_s + FILLED_LEAST_S


def _differences(before: Minutes, after: Minutes, span: tuple[datetime, datetime] | None) -> dict[str, Any]:
    """Live against card, minute by minute, over what a file brought."""
    if span is None:
        return {"count": 0, "minutes_filled": 0}
    here = [at for at in after if span[0] < at and at - MINUTE < span[1]]
    live = [(at, before[at].laeq) for at in here if at in before and before[at].source in ("poll", "stream")]
    card = [(at, after[at].laeq) for at in here if after[at].source == "sd"]
    found = compare(live, card)
    return {
        "count": found.count,
        "mean_db": _rounded(found.mean_db),
        "median_db": _rounded(found.median_db),
        "max_abs_db": _rounded(found.max_abs_db),
        "worst_at": found.worst_at.isoformat() if found.worst_at else None,
        "minutes_filled": sum(_is_filled(before.get(at), after[at]) for at in here),
        "filled_s": round(sum(max(0.0, after[at].valid_s - _had_s(before.get(at))) for at in here), 1),
    }


def _had_s(old: Interval | None) -> float:
    return 0.0 if old is None else old.valid_s


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 2)
