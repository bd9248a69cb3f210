"""Where files from the meters' cards are kept, how they get there whole, and how they leave as one ZIP.

They live in ``<data_dir>/downloads/<unit>/<tree of the card>``; no name of a card is trusted as a path. What
is not yet whole lives in ``<unit>/.partial`` and is renamed into its place when size and disk are sure of it.
"""

from __future__ import annotations

import errno
import hashlib
import io
import json
import os
import re
import shutil
import stat
import unicodedata
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import BinaryIO

from slmm.errors import Conflict, Invalid, NotFound, SlmmError
from slmm.nl43.card import Card, InPool
from slmm.nl43.listing import Found, check_path

PARTIAL = ".partial"
PARTIAL_KEPT = timedelta(days=7)
KEEP_FREE_BYTES = 256 * 1024 * 1024
"""Room that a download leaves to the database."""
CHUNK_BYTES = 262_144
NAME_LIMIT_BYTES = 180
_ZIP_YEARS = range(1980, 2108)

_UNIT = re.compile(r"[A-Za-z0-9-][A-Za-z0-9._-]{0,63}")
_FORBIDDEN = frozenset('<>:"/\\|?*')
_AT_AN_END = re.compile(r"^[. ]+|[. ]+$")
_RESERVED = re.compile(r"(CON|PRN|AUX|NUL|CLOCK\$|CONIN\$|CONOUT\$|COM[0-9¹²³]|LPT[0-9¹²³]) *(\..*)?", re.IGNORECASE)
_MARKED = re.compile(r"~[0-9a-f]{12}(\.[^.]*)?$")


class DiskTrouble(SlmmError):
    """The disk of this computer did not take or give a file."""


class DiskFull(DiskTrouble):
    """There is not enough room for a download."""


@dataclass(frozen=True, slots=True)
class Downloaded:
    """A file that is whole in its place."""

    remote: Found
    path: Path
    size_bytes: int
    sha256: str
    is_growing: bool
    """It was still being recorded: there is more on the card now."""
    was_resumed: bool
    was_restarted: bool
    """An earlier part could not be continued, so all of it was fetched anew."""


@dataclass(frozen=True, slots=True)
class FolderProgress:
    """How far the download of many files is."""

    bytes_done: int
    bytes_total: int
    files_done: int
    files_total: int
    path: str
    """The file under way."""


@dataclass(frozen=True, slots=True)
class FetchedFiles:
    """What became of many files."""

    files: tuple[Downloaded, ...]
    missing: tuple[tuple[str, str], ...]
    """Path and reason of those that were no longer on the card."""


@dataclass(frozen=True, slots=True)
class ZipMember:
    """A file on disk and its place in a ZIP, whose times are the meter's: local and without a zone."""

    path: Path
    name: str
    modified: datetime | None = None


@contextmanager
def _on_disk(what: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        kind = DiskFull if error.errno in (errno.ENOSPC, errno.EDQUOT) else DiskTrouble
        raise kind(f"{what}: {error.strerror or error}") from error


# -- names ----------------------------------------------------------------------------------------------


def local_name(name: str) -> str:
    """A name that any file system takes as one name; two different names never become the same.

    A sound one stays as it is; any other gets a mark made of the original, and so does one that looks marked.
    """
    plain = "".join("_" if _is_unfit(letter) else letter for letter in name)
    plain = _AT_AN_END.sub(lambda match: "_" * len(match[0]), plain)
    if _RESERVED.fullmatch(plain):
        plain = f"_{plain}"
    if plain == name != "" and len(name.encode()) <= NAME_LIMIT_BYTES and not _MARKED.search(name):
        return name
    stem, dot, ending = plain.rpartition(".")
    if not stem or len(ending.encode()) > 12:
        stem, dot, ending = plain, "", ""
    mark = "~" + hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:12] + dot + ending
    room = NAME_LIMIT_BYTES - len(mark.encode())
    return stem.encode()[:room].decode("utf-8", "ignore") + mark


def _is_unfit(letter: str) -> bool:
    return letter in _FORBIDDEN or unicodedata.category(letter)[0] == "C" or letter in "\u2028\u2029"


def _parts(remote_path: str) -> list[str]:
    return [local_name(part) for part in check_path(remote_path).split("/") if part]


def _real_folder(top: Path, parts: Sequence[str]) -> Path:
    """Make the folders below *top* as needed; raises Conflict where a link or a file stands in the way."""
    folder = top
    for part in parts:
        folder /= part
        with suppress(FileExistsError):
            folder.mkdir()
        if not stat.S_ISDIR(folder.lstat().st_mode):
            raise Conflict(f"{folder} is no folder and stands in the way of a download")
    return folder


def _sync_folder(folder: Path) -> None:
    opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


# -- one file -------------------------------------------------------------------------------------------


class PartFile:
    """The sink of one download; everything here runs in the pool."""

    def __init__(self, unit_folder: Path, remote: Found) -> None:
        """Find what an earlier download left of the same file: same path, size and time."""
        self._remote = remote
        self._sidecar_text = json.dumps(
            {
                "remote_path": remote.path,
                "size_bytes": remote.entry.size_bytes,
                "modified": None if remote.entry.modified is None else remote.entry.modified.isoformat(),
            }
        )
        key = hashlib.sha256(remote.path.encode()).hexdigest()[:32]
        with self._disk():
            folder = _real_folder(unit_folder, [PARTIAL])
            self._sidecar = folder / f"{key}.json"
            self.path = folder / f"{key}.part"
            self._file: BinaryIO | None = self._opened()
            self._hash = hashlib.sha256()
            self._hashed_bytes = 0
            self.resumable_bytes = self._resumable_bytes()

    def _disk(self) -> contextmanager[None]:  # type: ignore[valid-type]
        return _on_disk(f"{self._remote.path} cannot be kept")
