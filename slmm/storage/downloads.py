"""Where files from the meters' cards are kept, and how they get there whole.

They live in ``<data_dir>/downloads/<unit>/<tree of the card>``; no name of a card is trusted as a path. What
is not yet whole lives in ``<unit>/.partial`` and is renamed into its place when size and disk are sure of it.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import re
import shutil
import stat
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from pathlib import Path
from typing import BinaryIO

from slmm.errors import Conflict, DiskFull, DiskTrouble, Invalid, NotFound
from slmm.nl43.card import Card, InPool
from slmm.nl43.listing import Found, check_path, to_utc

PARTIAL = ".partial"
PARTIAL_KEPT = timedelta(days=7)
KEEP_FREE_BYTES = 256 * 1024 * 1024
"""Room that a download leaves to the database."""
CHUNK_BYTES = 262_144
NAME_LIMIT_BYTES = 180

_UNIT = re.compile(r"[A-Za-z0-9-][A-Za-z0-9._-]{0,63}")
_FORBIDDEN = frozenset('<>:"/\\|?*')
_AT_AN_END = re.compile(r"^[. ]+|[. ]+$")
_RESERVED = re.compile(r"(CON|PRN|AUX|NUL|CLOCK\$|CONIN\$|CONOUT\$|COM[0-9¹²³]|LPT[0-9¹²³]) *(\..*)?", re.IGNORECASE)
_MARKED = re.compile(r"~[0-9a-f]{12}(\.[^.]*)?$")


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


@contextmanager
def on_disk(what: str) -> Iterator[None]:
    """Errors of the disk become ours."""
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
        self._what = f"{remote.path} cannot be kept"
        modified = remote.entry.modified
        self._identity = json.dumps(
            [remote.path, remote.entry.size_bytes, None if modified is None else modified.isoformat()]
        )
        self._hash = hashlib.sha256()
        self.size_bytes = 0
        key = hashlib.sha256(remote.path.encode()).hexdigest()[:32]
        with on_disk(self._what):
            folder = _real_folder(unit_folder, [PARTIAL])
            self._identity_path, self._path = folder / f"{key}.json", folder / f"{key}.part"
            if not self._is_of_an_earlier_try():
                self._path.unlink(missing_ok=True)
                self._identity_path.write_text(self._identity)
            # No link is followed: what stands there is ours, or nothing.
            opened = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
            self._file: BinaryIO = os.fdopen(opened, "r+b")
            self.resumable_bytes = min(os.fstat(opened).st_size, remote.entry.size_bytes)

    def _is_of_an_earlier_try(self) -> bool:
        try:
            return self._identity_path.read_text() == self._identity
        except (FileNotFoundError, UnicodeDecodeError):
            return False

    def start_at(self, offset_bytes: int) -> None:
        """Keep what is before the offset, forget what is behind; bytes follow from there."""
        with on_disk(self._what):
            _refuse_a_full_disk(self._path.parent, self._remote.entry.size_bytes - offset_bytes)
            self._file.truncate(offset_bytes)
            if offset_bytes != self.size_bytes:
                self._file.seek(0)
                self._hash = hashlib.sha256()
                while piece := self._file.read(CHUNK_BYTES):
                    self._hash.update(piece)
            self._file.seek(offset_bytes)
            self.size_bytes = offset_bytes

    def write(self, data: bytes) -> None:
        """The next bytes."""
        with on_disk(self._what):
            self._file.write(data)
        self._hash.update(data)
        self.size_bytes += len(data)

    def finish(self, place: Path, modified_s: float | None) -> str:
        """Make sure that the disk has it all, and give it its name; the SHA-256 of what is there."""
        with on_disk(self._what):
            self._file.flush()
            os.fsync(self._file.fileno())
            if os.fstat(self._file.fileno()).st_size != self.size_bytes:
                raise DiskTrouble(f"{self._what}: the disk holds another size than was written")
            self._file.close()
            if modified_s is not None:
                os.utime(self._path, (modified_s, modified_s))
            self._path.replace(place)
            _sync_folder(place.parent)
            self._identity_path.unlink(missing_ok=True)
        return self._hash.hexdigest()

    def close(self) -> None:
        """Let go; what came stays for the next try."""
        self._file.close()


def _refuse_a_full_disk(folder: Path, needed_bytes: int) -> None:
    free_bytes = shutil.disk_usage(folder).free
    if needed_bytes > free_bytes - KEEP_FREE_BYTES:
        raise DiskFull(
            f"a download needs {needed_bytes} bytes, but only {free_bytes} are free, of which "
            f"{KEEP_FREE_BYTES} are left to the database"
        )


# -- all files ------------------------------------------------------------------------------------------


class Downloads:
    """All that was fetched from the cards."""

    def __init__(self, top: Path, in_pool: InPool) -> None:
        self._top = top
        self._in_pool = in_pool

    def place(self, unit_id: str, remote_path: str) -> Path:
        """Where a file or folder of a card is kept, whether it is there or not; raises Invalid."""
        if not _UNIT.fullmatch(unit_id):
            raise Invalid(f"{unit_id!r} is no unit", "unit_id")
        return self._top.joinpath(unit_id, *_parts(remote_path))

    def fetch(
        self,
        card: Card,
        unit_id: str,
        remote: Found,
        zone: tzinfo,
        progress: Callable[[int], None] | None = None,
    ) -> Downloaded:
        """Bring one file into its place, going on where an earlier try stopped.

        Raises NotFound, Refused or the DeviceError of the last attempt; DiskTrouble, and Conflict where a
        folder stands in the way. What came before an error stays for the next try.
        """
        place = self.place(unit_id, remote.path)
        modified_s = _modified_s(remote, zone)
        part = self._in_pool(PartFile, self._unit_folder(unit_id), remote)
        resumed_bytes = part.resumable_bytes
        try:
            transfer = card.download(remote.path, remote.entry.size_bytes, part, progress, resumed_bytes)
            self._in_pool(self._make_room, unit_id, remote.path, place)
            sha256 = self._in_pool(part.finish, place, modified_s)
        finally:
            self._in_pool(part.close)
        return Downloaded(
            remote,
            place,
            transfer.size_bytes,
            sha256,
            is_growing=transfer.is_growing,
            was_resumed=resumed_bytes > 0 and not transfer.was_restarted,
            was_restarted=transfer.was_restarted,
        )

    def fetch_files(
        self,
        card: Card,
        unit_id: str,
        remotes: Sequence[Found],
        zone: tzinfo,
        progress: Callable[[FolderProgress], None] | None = None,
    ) -> FetchedFiles:
        """Bring many files, with one login; those that are whole here already are not fetched again."""
        files: list[Downloaded] = []
        missing: list[tuple[str, str]] = []
        total_bytes = sum(remote.entry.size_bytes for remote in remotes)
        done_bytes = 0
        with card.one_session():
            for number, remote in enumerate(remotes):

                def tell(
                    file_bytes: int, path: str = remote.path, before: int = done_bytes, done: int = number
                ) -> None:
                    if progress is not None:
                        progress(FolderProgress(before + file_bytes, total_bytes, done, len(remotes), path))

                tell(0)
                try:
                    kept = self._in_pool(self._kept, unit_id, remote, zone)
                    files.append(kept or self.fetch(card, unit_id, remote, zone, tell))
                except NotFound as error:
                    missing.append((remote.path, str(error)))
                done_bytes += remote.entry.size_bytes
        return FetchedFiles(tuple(files), tuple(missing))

    def _kept(self, unit_id: str, remote: Found, zone: tzinfo) -> Downloaded | None:
        """The file as it is here, if an earlier download brought the same: same size, same time."""
        place = self.place(unit_id, remote.path)
        modified_s = _modified_s(remote, zone)
        with on_disk(f"{place} cannot be read"):
            try:
                found = place.lstat()
            except (FileNotFoundError, NotADirectoryError):
                return None
            is_same = (found.st_size, found.st_mtime) == (remote.entry.size_bytes, modified_s)
            if not stat.S_ISREG(found.st_mode) or not is_same:
                return None
            with place.open("rb") as file:
                sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        return Downloaded(
            remote, place, found.st_size, sha256, is_growing=False, was_resumed=False, was_restarted=False
        )

    def _unit_folder(self, unit_id: str) -> Path:
        return self._in_pool(self._make_unit_folder, unit_id)

    def _make_unit_folder(self, unit_id: str) -> Path:
        with on_disk("the download folder cannot be made"):
            self._top.mkdir(parents=True, exist_ok=True)
            return _real_folder(self._top, [unit_id])

    def _make_room(self, unit_id: str, remote_path: str, place: Path) -> None:
        """The folders above *place*; raises Conflict where something that is no file has its name."""
        with on_disk(f"{place} cannot be made"):
            _real_folder(self._top, [unit_id, *_parts(remote_path)[:-1]])
            if place.is_symlink() or (place.exists() and not place.is_file()):
                raise Conflict(f"{place} is no file and stands in the way of a download")

    def prune_partials(self, before: datetime) -> int:
        """Forget unfinished downloads that nobody has gone on with since; how many."""
        return self._in_pool(self._prune_partials, before.timestamp())

    def _prune_partials(self, before_s: float) -> int:
        removed = 0
        with on_disk("old unfinished downloads cannot be removed"):
            for path in self._top.glob(f"*/{PARTIAL}/*"):
                if path.lstat().st_mtime < before_s:
                    path.unlink(missing_ok=True)
                    removed += path.suffix == ".part"
        return removed


def _modified_s(remote: Found, zone: tzinfo) -> float | None:
    """The meter's time as seconds since 1970; None if it gave none."""
    modified = remote.entry.modified
    return None if modified is None else to_utc(modified, zone, 0.0).timestamp()
