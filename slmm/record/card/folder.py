"""One folder of an SD card on its way into the record: its files read in order, placed, and their new rows written."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from slmm.nl43.stored import StoredInterval, StoredKind
from slmm.nl43.stored_header import StoredHeader
from slmm.record.card import file as cardfile
from slmm.record.card.alignment import AlignedInterval, ClockReading, JumpKind
from slmm.record.card.file import Fetched, Folder, ReadFile
from slmm.record.card.ledger import CardLedger, Stretch, known, seconds
from slmm.record.card.live import LiveRecord
from slmm.record.card.placing import Anchor, Certainty, Placement, Series, cut_off_s, place, reading_of
from slmm.record.card.skeleton import Block, block_of, blocks_of, readings_along, readings_of
from slmm.record.historian import Historian
from slmm.record.store import Connection, Store
from slmm.storage.models import CardFileRow, RunRow
from slmm.storage.runs import RunBook

CLOCK_NEAR = timedelta(days=3)
ALONG = timedelta(hours=30)
"""Readings along the rows so far from those of a file say nothing more about it; zones differ by less."""
MOST_HELD = 200_000
"""Rows read ahead and held, some 100 MB; of a longer measurement files are read twice."""
_ALL_TIMES = datetime(1970, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)
Mask = NDArray[np.bool_]


@dataclass(slots=True)
class FileWork:
    """A file of rows on its way."""

    file: Fetched
    row: CardFileRow
    stretches: Sequence[Stretch] = ()
    """What is on record of it, and of other files that had its path; of itself alone when it is done."""
    read: ReadFile | None = None
    """Its rows, when they have been read ahead."""
    span: tuple[datetime, datetime] | None = None
    """Of the rows that this version of the file brought."""
    values: dict[str, Any] = field(default_factory=dict)
    """To be written into its row."""
    is_done: bool = False
    """This version was merged before, or has no rows."""


@dataclass(slots=True)
class Tally:
    """What came of a folder."""

    rows: int = 0
    new_rows: int = 0
    left_out: int = 0
    troubles: list[str] = field(default_factory=list)
    runs: dict[int, int] = field(default_factory=dict)
    """Runs to which files belong, with the rows of each."""
    ends_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Desk:
    """What it takes to merge the files of one unit."""

    unit_id: str
    zone: ZoneInfo
    store: Store
    historian: Historian
    ledger: CardLedger
    live: LiveRecord
    runs: RunBook
    keep: Callable[[Fetched], CardFileRow]
    """Keeps the original."""

    def heard(self, from_at: datetime, until_at: datetime) -> Series:
        """What was received live."""
        return self.live.between(self.unit_id, from_at, until_at)


class FolderMerge:
    """The files of one measurement, in order."""

    def __init__(self, desk: Desk, folder: Folder, tally: Tally) -> None:
        self._desk = desk
        self._folder = folder
        self._tally = tally
        self._header = StoredHeader()
        self._readings: Sequence[ClockReading] = ()
        self._lp: list[Stretch] = []
        """Lp rows of this measurement that are on record."""

    def run(self) -> list[FileWork]:
        """Put new rows on record; what remains to be written of each file."""
        others = [FileWork(file, self._desk.keep(file), is_done=True) for file in self._folder.others]
        self._header = self._desk.store.in_pool(cardfile.read_header, self._folder.header)
        works: list[FileWork] = []
        for kind, files in self._folder.rows:
            here = [self._begun(file) for file in files]
            self._readings = self._clock_readings(kind, here)
            before: _Last | None = None
            for work in here:
                before = self._merge_file(work, kind, before) or before
                if before is not None and kind is StoredKind.LP:
                    self._lp += before.stretches
            works += here
        runs = [work.values["run_id"] for work in works if work.values.get("run_id") is not None]
        for work in others:
            work.values["run_id"] = max(runs, key=runs.count, default=None)
        return [*works, *others]

    def _begun(self, file: Fetched) -> FileWork:
        row = self._desk.keep(file)
        stretches = self._desk.ledger.stretches(self._desk.unit_id, file.remote_path)
        brought = [stretch for stretch in stretches if stretch.sha256 == file.sha256]
        work = FileWork(file, row, stretches, is_done=row.differences is not None and bool(brought))
        if work.is_done:
            work.stretches = [stretch for stretch in stretches if stretch.begins == brought[-1].begins]
        return work

    def _read(self, work: FileWork, kind: StoredKind) -> ReadFile:
        """The rows of a file; read once or twice, for not all files of a long measurement are held at once."""
        if work.read is not None:
            read, work.read = work.read, None
            return read
        return self._desk.store.in_pool(cardfile.read_rows, work.file, kind, self._header)

    def _merge_file(self, work: FileWork, kind: StoredKind, before: _Last | None) -> _Last | None:
        """Its last row; None where it has none."""
        if work.is_done:
            self._tally.rows += work.row.rows
            if work.row.first_at is not None and work.row.last_at is not None:
                self._assign(work, work.row.rows, work.row.first_at, work.row.last_at)
            (*_, last) = [stretch for stretch in work.stretches if stretch.sha256 == work.file.sha256]
            return _last(work.stretches, last)
        read = self._read(work, kind)
        self._desk.store.in_pool(cardfile.leave_out_repeated, read, before.stretches if before else ())
        self._tally.rows += len(read.rows)
        self._tally.left_out += read.left_out
        if not read.rows:
            self._told(work, read, 0)
            return None
        own = [stretch for stretch in work.stretches if stretch.begins == read.begins]
        is_known = known(read.rows, own)
        placed = self._placed(work.file, read, own, before)
        own += self._insert(work, kind, read, placed, is_known)
        self._describe(work, read, placed, own)
        (*_, end) = placed.rows
        stored = end.stored
        return _Last(stored.address, stored.starts, end.ends_at, end.duration_s, placed.pieces[-1].certainty, own)

    # -- where rows lie -----------------------------------------------------------------------------

    def _placed(self, file: Fetched, read: ReadFile, own: Sequence[Stretch], before: _Last | None) -> Placement:
        rows = read.rows
        anchors = _anchors(rows, own)
        if before is not None:
            anchors.append(Anchor(-1, before.ends_at, before.certainty))
        low, high = (row.starts.replace(tzinfo=UTC) for row in (rows[0], rows[-1]))
        near = [each for each in self._readings if low - ALONG <= each.at <= high + ALONG]
        return place(
            rows,
            self._desk.zone,
            near or self._readings,
            live_of=self._desk.heard,
            before=None if before is None else before.row(rows[0]),
            anchors=anchors,
            not_after=file.fetched_at,
        )

    def _clock_readings(self, kind: StoredKind, works: Sequence[FileWork]) -> Sequence[ClockReading]:
        """What the clock showed all along the rows; nothing where it was never read, and the sound does not tell.

        Leq intervals go by the Lp rows of the same measurement: what is too coarse to be heard is not put elsewhere.
        """
        if kind is StoredKind.LEQ and (of_lp := readings_of(self._lp)):
            return of_lp
        blocks: list[Block] = []
        held = 0
        for work in works:
            if work.is_done:
                blocks += [block_of(stretch, kind) for stretch in sorted(work.stretches, key=_in_file)]
                continue
            read = self._read(work, kind)
            if read.rows:
                blocks += self._desk.store.in_pool(blocks_of, read.rows)
            held += len(read.rows)
            work.read = read if held <= MOST_HELD else None
        if not blocks:
            return []
        low, high = (block.row.starts.replace(tzinfo=UTC) for block in (blocks[0], blocks[-1]))
        ledger, unit_id = self._desk.ledger, self._desk.unit_id
        known_by = ledger.clocks(unit_id, low - CLOCK_NEAR, high + CLOCK_NEAR) or ledger.clocks(unit_id, *_ALL_TIMES)
        known_by = known_by or self._heard_readings(kind, works)
        return readings_along(blocks, self._desk.zone, known_by) if known_by else []

    def _heard_readings(self, kind: StoredKind, works: Sequence[FileWork]) -> list[ClockReading]:
        """Of a meter whose clock was never read: what the first file says whose sound was received live as well."""
        for work in works:
            if work.is_done:
                continue
            read = work.read or self._desk.store.in_pool(cardfile.read_rows, work.file, kind, self._header)
            placed = place(read.rows, self._desk.zone, (), live_of=self._desk.heard)
            for piece in placed.pieces:
                if piece.certainty is Certainty.HEARD:
                    return [reading_of(piece.rows[0], cut_off_s([row.starts for row in read.rows]))]
        return []

    # -- what is written ----------------------------------------------------------------------------

    def _insert(
        self,
        work: FileWork,
        kind: StoredKind,
        read: ReadFile,
        placed: Placement,
        is_known: Mask,
    ) -> list[Stretch]:
        """Put new rows on record; the stretches they are."""
        keys = {(row.address, row.starts) for row, was in zip(read.rows, is_known, strict=True) if not was}
        groups = _stretches(placed, keys, work.file, read.begins)
        if kind is StoredKind.MAN:
            groups = [group for group in groups if self._is_free(group[1], read)]
        if not groups:
            return []
        rows = [row for _, part in groups for row in part]
        frames = [
            cardfile.frame(self._desk.unit_id, self._folder.store_name, kind, row)
            for row in rows
            if row.stored.levels.leq is not None
        ]
        starts_at, ends_at = min(row.starts_at for row in rows), max(row.ends_at for row in rows)

        def beside(connection: Connection) -> None:
            self._desk.ledger.add(connection, self._desk.unit_id, [stretch for stretch, _ in groups])
            self._desk.ledger.add_span(connection, self._desk.unit_id, starts_at, ends_at)

        self._desk.historian.write(frames, beside)
        self._tally.new_rows += len(rows)
        return [stretch for stretch, _ in groups]

    def _is_free(self, rows: Sequence[AlignedInterval], read: ReadFile) -> bool:
        """Whether nothing else from a card tells of that time: a manual store often repeats what runs beside it."""
        taken = [row for row in rows if self._desk.live.is_stored(self._desk.unit_id, row.starts_at, row.ends_at)]
        if taken:
            read.tell(f"address {taken[0].stored.address} lies within other intervals of the card and is not on record")
        return not taken

    def _describe(self, work: FileWork, read: ReadFile, placed: Placement, own: Sequence[Stretch]) -> None:
        for remark in placed.remarks:
            read.tell(remark)
        if placed.is_ambiguous:
            read.tell("it begins in the hour that the clocks show twice, and nothing tells in which")
        for jump in placed.jumps:
            what = "no rows for" if jump.kind is JumpKind.GAP else "the meter's clock was set by"
            read.tell(f"before address {jump.address} ({jump.shown}): {what} {jump.jump_s:.1f} s")
        rows = list(placed.rows)
        brought = [each for each in own if each.sha256 == work.file.sha256]
        is_ours = known([row.stored for row in rows], brought)
        ours = [row for row, is_one in zip(rows, is_ours, strict=True) if is_one]
        if ours:
            work.span = (min(row.starts_at for row in ours), max(row.ends_at for row in ours))
        first_at, last_at = min(row.starts_at for row in rows), max(row.ends_at for row in rows)
        self._told(work, read, sum(each.rows for each in brought))
        self._assign(work, len(rows), first_at, last_at)
        work.values |= {
            "first_at": first_at,
            "last_at": last_at,
            "clock_offset_s": round(_ahead_s(rows[-1], self._desk.zone), 3),
        }

    def _assign(self, work: FileWork, count: int, first_at: datetime, last_at: datetime) -> None:
        """To the run these rows are of; more may be known of runs than when the file was fetched first."""
        run = self._run_of(first_at, last_at)
        work.values["run_id"] = run.id if run else None
        if run is not None:
            self._tally.runs[run.id] = self._tally.runs.get(run.id, 0) + count
        self._tally.ends_at = max(self._tally.ends_at or last_at, last_at)

    def _told(self, work: FileWork, read: ReadFile, merged_rows: int) -> None:
        name = work.file.remote_path.rpartition("/")[2]
        self._tally.troubles += [f"{name}: {trouble['reason']}" for trouble in read.troubles]
        work.values |= {"rows": len(read.rows), "merged_rows": merged_rows, "troubles": read.troubles or None}

    def _run_of(self, first_at: datetime, last_at: datetime) -> RunRow | None:
        """The run these rows are of: of the same store name, or one of which the name is not known."""
        found = self._desk.runs.find(self._desk.unit_id, starts_at=first_at, ends_at=last_at)
        same = [run for run in found if run.store_name in (self._folder.store_name, None)]

        def overlap(run: RunRow) -> tuple[bool, timedelta]:
            ends_at = min(run.ended_at or last_at, last_at)
            return run.store_name is not None, ends_at - max(run.started_at, first_at)

        return max(same, key=overlap, default=None)


@dataclass(frozen=True, slots=True)
class _Last:
    """The last row of a file, and where it lies."""

    address: int
    shown: datetime
    ends_at: datetime
    duration_s: float
    certainty: Certainty
    stretches: Sequence[Stretch]
    """All that is on record of the file."""

    def row(self, like: StoredInterval) -> StoredInterval:
        """Itself, as far as it matters for those that follow."""
        return replace(like, address=self.address, starts=self.shown, duration_s=self.duration_s)


def _in_file(stretch: Stretch) -> tuple[datetime, int]:
    return stretch.ends_at, stretch.first_address


def _last(stretches: Sequence[Stretch], last: Stretch) -> _Last:
    return _Last(last.last_address, last.last_shown, last.ends_at, last.duration_s, last.certainty, stretches)


def _anchors(rows: Sequence[StoredInterval], own: Sequence[Stretch]) -> list[Anchor]:
    """The last row of each stretch, where the file has it."""
    places = {(row.address, row.starts): index for index, row in enumerate(rows)}
    found = []
    for stretch in own:
        index = places.get((stretch.last_address, stretch.last_shown))
        if index is not None:
            found.append(Anchor(index, stretch.ends_at, stretch.certainty))
    return found


def _stretches(
    placed: Placement, keys: set[tuple[int, datetime]], file: Fetched, begins: str
) -> list[tuple[Stretch, list[AlignedInterval]]]:
    """New rows, cut wherever address, time or place do not go on evenly, as a stretch knows its rows by evenness."""
    found: list[tuple[Stretch, list[AlignedInterval]]] = []
    for piece in placed.pieces:
        group: list[AlignedInterval] = []
        groups = [group]
        for row in piece.rows:
            is_new = (row.stored.address, row.stored.starts) in keys
            if group and (not is_new or row.stored.address != group[-1].stored.address + 1):
                group = []
                groups.append(group)
            if is_new:
                group.append(row)
        for part in groups:
            found += _even(part, file, begins, piece.certainty)
    return found


def _even(
    part: list[AlignedInterval], file: Fetched, begins: str, certainty: Certainty
) -> list[tuple[Stretch, list[AlignedInterval]]]:
    """Rows as stretches of which each knows all of its rows again."""
    if not part:
        return []
    stretch = _stretch(part, file, begins, certainty)
    addresses = np.array([row.stored.address for row in part], dtype=np.int64)
    shown_s = np.array([seconds(row.stored.starts) for row in part])
    if len(part) <= 2 or stretch.holds(addresses, shown_s).all():
        return [(stretch, part)]
    middle = len(part) // 2
    return [*_even(part[:middle], file, begins, certainty), *_even(part[middle:], file, begins, certainty)]


def _stretch(part: Sequence[AlignedInterval], file: Fetched, begins: str, certainty: Certainty) -> Stretch:
    first, last = part[0].stored, part[-1].stored
    return Stretch(
        file.remote_path,
        begins,
        file.sha256,
        len(part),
        first.address,
        last.address,
        first.starts,
        last.starts,
        part[-1].ends_at,
        part[-1].duration_s,
        certainty,
    )


def _ahead_s(row: AlignedInterval, zone: Any) -> float:
    """By how much the meter's clock was ahead in its zone."""
    civil = row.starts_at.astimezone(zone).replace(tzinfo=None)
    return (row.stored.starts - civil).total_seconds()
