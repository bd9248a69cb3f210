"""A folder of an SD card as files of rows: which of them count, in which order, what the header says."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from slmm.nl43.listing import parse_file_name, parse_folder_name
from slmm.nl43.stored import StoredFile, StoredInterval, StoredKind, file_kind, read_stored
from slmm.nl43.stored_header import StoredHeader, parse_header
from slmm.record.card.alignment import AlignedInterval
from slmm.record.card.ledger import Stretch, first_of, known
from slmm.record.card.originals import store_folder
from slmm.record.frames import Frame, Source
from slmm.storage.downloads import on_disk

HEADER_ENDING = ".rnh"
SOURCES = {StoredKind.LP: Source.SD_LP, StoredKind.LEQ: Source.SD_LEQ, StoredKind.MAN: Source.SD_LEQ}
START_SLACK_S = 2.0
TROUBLES_TOLD = 50


@dataclass(frozen=True, slots=True)
class Fetched:
    """A file of a card that is here, whole."""

    remote_path: str
    path: Path
    sha256: str
    size_bytes: int
    is_growing: bool
    fetched_at: datetime
    """Aware."""

    @property
    def kind(self) -> str:
        """As ``card_files`` has it."""
        found = file_kind(self.remote_path)
        if found is not None:
            return str(found)
        return "header" if self.remote_path.lower().endswith(HEADER_ENDING) else "other"

    @property
    def store_name(self) -> str | None:
        """Of the folder it is in."""
        folder = store_folder(self.remote_path)
        found = parse_folder_name(folder) if folder else None
        return None if found is None else found.store


@dataclass(frozen=True, slots=True)
class Folder:
    """The files of one measurement."""

    name: str
    store_name: str
    header: Fetched | None
    rows: tuple[tuple[StoredKind, tuple[Fetched, ...]], ...]
    """Of each kind in the order of their numbers; Lp first."""
    others: tuple[Fetched, ...]
    """What holds no rows that count, the header among them."""


def is_wanted(remote_path: str) -> bool:
    """Whether a file of a card is of use to the record."""
    return file_kind(remote_path) is not None or remote_path.lower().endswith(HEADER_ENDING)


def folders_of(files: Iterable[Fetched]) -> tuple[list[Folder], list[Fetched]]:
    """The files by folder, and those that are in none."""
    found: dict[str, list[Fetched]] = {}
    beside: list[Fetched] = []
    for file in files:
        name = store_folder(file.remote_path)
        if name is None:
            beside.append(file)
        else:
            found.setdefault(name, []).append(file)
    return [_folder(name, found[name]) for name in sorted(found)], beside


def _folder(name: str, files: Sequence[Fetched]) -> Folder:
    by_kind: dict[StoredKind, list[Fetched]] = {}
    others = []
    for file in files:
        kind = file_kind(file.remote_path)
        if kind is None:
            others.append(file)
        else:
            by_kind.setdefault(kind, []).append(file)
    rows = []
    for kind in StoredKind:
        found = by_kind.get(kind, [])
        # The bands of a meter with octaves tell of the same intervals once more.
        plain = [file for file in found if not _is_octaves(file)]
        others += [file for file in found if plain and _is_octaves(file)]
        if found:
            rows.append((kind, tuple(sorted(plain or found, key=_order))))
    header = min((file for file in others if file.kind == "header"), key=_order, default=None)
    store = parse_folder_name(name)
    assert store is not None
    return Folder(name, store.store, header, tuple(rows), tuple(others))


def _is_octaves(file: Fetched) -> bool:
    name = parse_file_name(file.remote_path.rpartition("/")[2])
    return name is not None and name.kind == "OCT"


def _order(file: Fetched) -> tuple[int, str]:
    name = parse_file_name(file.remote_path.rpartition("/")[2])
    return (0 if name is None else name.sequence, file.remote_path)


# -- reading; slow, in a thread -------------------------------------------------------------------------


def read_header(file: Fetched | None) -> StoredHeader:
    """The header; an empty one where there is none."""
    if file is None:
        return StoredHeader()
    with on_disk(f"{file.path} cannot be read"), file.path.open("rb") as opened:
        return parse_header(opened)


@dataclass(slots=True)
class ReadFile:
    """The rows of a file, and what is wrong with it."""

    stored: StoredFile
    troubles: list[dict[str, Any]] = field(default_factory=list)
    left_out: int = 0
    begins: str = ""
    """Which file of its name it is, see ``cardledger.first_of``; empty for one without rows."""

    @property
    def rows(self) -> tuple[StoredInterval, ...]:
        """Those that count."""
        return self.stored.rows

    def tell(self, reason: str, *, is_left_out: bool = False, line: int = 0, text: str = "") -> None:
        """One trouble more."""
        if len(self.troubles) < TROUBLES_TOLD:
            self.troubles.append({"line": line, "text": text, "reason": reason, "is_left_out": is_left_out})


def read_rows(file: Fetched, kind: StoredKind, header: StoredHeader) -> ReadFile:
    """A file of rows."""
    interval_s = header.lp_interval_s if kind is StoredKind.LP else None
    with on_disk(f"{file.path} cannot be read"), file.path.open("rb") as opened:
        stored = read_stored(opened, kind, interval_s)
    read = ReadFile(stored, left_out=stored.left_out_count, begins=first_of(stored.rows) if stored.rows else "")
    for trouble in stored.troubles[:TROUBLES_TOLD]:
        read.tell(trouble.reason, is_left_out=trouble.is_left_out, line=trouble.line, text=trouble.text)
    _check(read, file, kind, header)
    return read


def leave_out_repeated(read: ReadFile, before: Sequence[Stretch]) -> None:
    """Take out rows that are in the file before as well, of which all that is on record is *before*."""
    if not before or not read.rows:
        return
    is_repeated = known(read.rows, before)
    if repeated := int(is_repeated.sum()):
        rows = tuple(row for row, is_one in zip(read.rows, is_repeated, strict=True) if not is_one)
        read.tell(f"{repeated} rows stand in the file before this one as well", is_left_out=True)
        read.left_out += repeated
        read.stored = replace(read.stored, rows=rows)


def _check(read: ReadFile, file: Fetched, kind: StoredKind, header: StoredHeader) -> None:
    """Header against file."""
    if header.store_name is not None and header.store_name != file.store_name:
        read.tell(f"the header is of store name {header.store_name}, the folder of {file.store_name}")
    if not read.rows:
        return
    first = read.rows[0]
    if header.starts is not None and (first.starts - header.starts).total_seconds() < -START_SLACK_S:
        read.tell(f"its first row begins at {first.starts}, before the measurement of the header ({header.starts})")
    if kind is StoredKind.LEQ and header.leq_interval_s is not None:
        odd = [row for row in read.rows[:-1] if abs(row.duration_s - header.leq_interval_s) > 0.1]
        if odd:
            read.tell(
                f"{len(odd)} intervals are not {header.leq_interval_s:g} s long as the header has it, the first at"
                f" address {odd[0].address}: {odd[0].duration_s:g} s"
            )
    without = sum(row.levels.leq is None for row in read.rows)
    if without:
        read.tell(f"{without} of {len(read.rows)} rows have no Leq and are not on record")


def frame(unit_id: str, store_name: str, kind: StoredKind, row: AlignedInterval) -> Frame:
    """A row for the record."""
    stored = row.stored
    levels = stored.levels if kind is StoredKind.LP else replace(stored.levels, lp=None)
    return Frame(
        unit_id,
        row.ends_at,
        SOURCES[kind],
        levels,
        duration_s=row.duration_s,
        is_measuring=True,
        store=store_name,
        address=stored.address,
    )
