"""Files of this computer on their way out: one as it is, many as one ZIP, in pieces read in the pool."""

from __future__ import annotations

import io
import os
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from slmm.nl43.card import InPool
from slmm.storage.downloads import on_disk

PIECE_BYTES = 262_144
_ZIP_YEARS = range(1980, 2108)
_NO_TIME = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class Member:
    """A file on disk and its place in a ZIP, whose times are the meter's: local and without a zone."""

    path: Path
    name: str
    modified: datetime | None = None


class _Outbox(io.RawIOBase):
    """What zipfile writes to: a place that cannot seek, emptied after every piece."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, data: object) -> int:
        piece = bytes(data)  # type: ignore[call-overload]
        self._pieces.append(piece)
        return len(piece)

    def take(self) -> bytes:
        """What was written since the last time."""
        taken, self._pieces = b"".join(self._pieces), []
        return taken


def stream_file(path: Path, in_pool: InPool) -> Iterator[bytes]:
    """One file in pieces; raises OSError."""
    with in_pool(path.open, "rb") as file:
        while piece := in_pool(file.read, PIECE_BYTES):
            yield piece


def stream_zip(members: Sequence[Member], in_pool: InPool) -> Iterator[bytes]:
    """A ZIP of the files, made while it is sent: neither memory nor disk holds it."""
    pieces = _zip_pieces(members)
    while (piece := in_pool(next, pieces, None)) is not None:
        if piece:
            yield piece


def write_zip(path: Path, members: Sequence[Member]) -> None:
    """A ZIP on this disk, under its name only when it is whole; raises DiskTrouble. Blocks: for the pool."""
    part = path.with_name(f".{path.name}.part")
    with on_disk(f"{path} cannot be written"):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with part.open("wb") as file:
                for piece in _zip_pieces(members):
                    file.write(piece)
                file.flush()
                os.fsync(file.fileno())
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)


def _zip_pieces(members: Sequence[Member]) -> Iterator[bytes]:
    outbox = _Outbox()
    with zipfile.ZipFile(outbox, "w", zipfile.ZIP_DEFLATED, allowZip64=True) as archive:
        for member in members:
            described = zipfile.ZipInfo(member.name, _zip_time(member.modified))
            described.compress_type = zipfile.ZIP_DEFLATED
            described.external_attr = 0o644 << 16
            with member.path.open("rb") as source, archive.open(described, "w", force_zip64=True) as target:
                while piece := source.read(PIECE_BYTES):
                    target.write(piece)
                    yield outbox.take()
    yield outbox.take()


def _zip_time(modified: datetime | None) -> tuple[int, int, int, int, int, int]:
    if modified is None or modified.year not in _ZIP_YEARS:
        return _NO_TIME
    return (modified.year, modified.month, modified.day, modified.hour, modified.minute, modified.second)
