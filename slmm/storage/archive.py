"""Backups of the data directory as one ZIP: database, key, record, and downloads if wished; verified, and restored.

Blocks: for the command line, or a thread.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import lzma
import os
import shutil
import sqlite3
import struct
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import quote

from slmm.errors import Conflict, DiskFull, DiskTrouble, Invalid
from slmm.storage.downloads import KEEP_FREE_BYTES, on_disk
from slmm.storage.secrets import KEY_FILE

DATABASE, DOWNLOADS, MANIFEST, RECORD = "slmm.db", "downloads", "manifest.json", "record"
FORMAT = 3
READABLE = frozenset({1, 2, 3})
"""1 had no record, 2 did not count rows."""
PIECE_BYTES = 1_048_576
COMPANIONS = ("-wal", "-shm")
WORKSHOP = ".backup-"
_FOLDERS = (DOWNLOADS, RECORD)
_PACKED_ALREADY = frozenset({".parquet", ".zip"})

_NO_ZIP = (
    *(zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error, EOFError),
    *(RuntimeError, KeyError, TypeError, ValueError, OverflowError),
)
"""What zipfile raises for bytes that are no ZIP, or a damaged one."""
MOST_PARTS = 32
"""Of a member's name: removing a tree takes an open file for each step down."""
MANIFEST_LIMIT_BYTES = 64 * 1_048_576
"""A line of some hundred bytes for each file of the record, of which there are a few a day and unit."""

Progress = Callable[[str, int, int], None]
"""Told what is done (copy, pack, check or unpack), and how many bytes of how many; may raise to end it."""
Snapshot = Callable[[Path, Callable[[], None]], Mapping[str, Any] | None]
"""Copies the record to a folder, calls the second at the instant that counts, and says what it holds."""


def unheard(what: str, done_bytes: int, total_bytes: int) -> None:
    """Progress that nobody follows."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a backup holds: SHA-256 of each member by its name."""

    format: int
    version: str
    schema: str | None
    made_at: str
    members: dict[str, str]
    record: dict[str, Any] | None = None
    """How many rows and files the record in it has, and what of it was missing; None without a record."""
    sizes: dict[str, int] = field(default_factory=dict)
    """Bytes of each member."""
    rows: dict[str, int] = field(default_factory=dict)
    """How many rows each table of the database has; empty in backups of formats 1 and 2."""

    def holds(self, part: str) -> bool:
        """Whether a file or folder of the data directory is in it."""
        return any(PurePosixPath(name).parts[0] == part for name in self.members)


def sha256_of(path: Path) -> str:
    """The hash of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def schema_of(database: Path) -> str | None:
    """The revision a SQLite file is at."""
    with closing(sqlite3.connect(f"file:{quote(str(database))}?mode=ro", uri=True)) as connection:
        try:
            row = connection.execute("select version_num from alembic_version").fetchone()
        except sqlite3.OperationalError:
            return None
    return None if row is None else str(row[0])


def rows_of(database: Path) -> dict[str, int]:
    """How many rows each table of a SQLite file has."""
    with closing(sqlite3.connect(f"file:{quote(str(database))}?mode=ro", uri=True)) as connection:
        tables = connection.execute("select name from sqlite_master where type = 'table' order by name").fetchall()
        return {
            name: int(connection.execute(f'select count(*) from "{name}"').fetchone()[0])
            for (name,) in tables
            if not name.startswith("sqlite_")
        }


def check_database(database: Path) -> None:
    """Read a SQLite file to its end, as SQLite understands it; raises Invalid unless it is whole, DiskTrouble."""
    try:
        with closing(sqlite3.connect(f"file:{quote(str(database))}?mode=ro&immutable=1", uri=True)) as connection:
            found = [str(row[0]) for row in connection.execute("pragma integrity_check(3)")]
    except sqlite3.DatabaseError as error:
        kind = DiskTrouble if isinstance(error, sqlite3.OperationalError) else Invalid
        raise kind(f"the database {database.name} cannot be read: {error}") from error
    if found != ["ok"]:
        raise Invalid(f"the database {database.name} is damaged: {'; '.join(found)}")


def write(
    data_dir: Path,
    database: Path,
    target: Path,
    version: str,
    *,
    with_downloads: bool = False,
    snapshot: Snapshot | None = None,
    progress: Progress = unheard,
) -> Manifest:
    """A consistent backup, also while the service runs; it has its name only when it was read again and found whole.

    Raises Invalid when there is no database, Conflict when *target* exists, DiskTrouble.
    """
    if not database.is_file():
        raise Invalid(f"there is no database at {database}")
    if target.exists():
        raise Conflict(f"{target} exists already")
    part = target.with_name(f".{target.name}.part")
    with on_disk(f"{target} cannot be written"):
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            with workshop_in(data_dir) as workshop:
                progress("copy", 0, 0)
                record = _copy(database, workshop, snapshot)
                files = _found(workshop, data_dir, with_downloads=with_downloads)
                sizes = {name: path.stat().st_size for name, path in files.items()}
                refuse_a_full_disk(target.parent, sum(sizes.values()))
                part.touch(mode=0o600)  # it holds the key and every account
                hashes = _pack(part, files, sizes, progress)
                made_at = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
                schema, rows = schema_of(workshop / DATABASE), rows_of(workshop / DATABASE)
            manifest = Manifest(FORMAT, version, schema, made_at, hashes, record, sizes, rows)
            with zipfile.ZipFile(part, "a", zipfile.ZIP_DEFLATED, allowZip64=True) as archive:
                archive.writestr(MANIFEST, json.dumps(asdict(manifest), indent=1))
            verify(part, progress)
            with part.open("rb") as file:
                os.fsync(file.fileno())
            part.replace(target)
        except sqlite3.Error as error:
            raise DiskTrouble(f"{database} cannot be copied: {error}") from error
        finally:
            part.unlink(missing_ok=True)
    return manifest


@contextmanager
def workshop_in(data_dir: Path) -> Iterator[Path]:
    """Where copies are made: beside the record, so that a second name for a file is enough."""
    clear_workshops(data_dir)
    folder = Path(tempfile.mkdtemp(prefix=WORKSHOP, dir=data_dir))
    held = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(held)


def clear_workshops(data_dir: Path) -> None:
    """Remove what a backup left that was cut off; one that is at work holds its folder."""
    for folder in data_dir.glob(f"{WORKSHOP}*"):
        try:
            held = os.open(folder, os.O_RDONLY)
        except FileNotFoundError:
            continue  # it came to its end this moment
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder, ignore_errors=True)
        except BlockingIOError:
            continue
        finally:
            os.close(held)


def _copy(database: Path, workshop: Path, snapshot: Snapshot | None) -> dict[str, Any] | None:
    copy, found = workshop / DATABASE, None
    with closing(sqlite3.connect(database)) as source:

        def pin() -> None:
            """What is read from now on is as it is now, whoever writes: the database has a write-ahead log."""
            source.rollback()
            source.execute("begin")
            source.execute("select count(*) from sqlite_master").fetchone()

        if snapshot is None:
            pin()
        else:
            found = snapshot(workshop / RECORD, pin)
        copy.touch(mode=0o600)
        with closing(sqlite3.connect(copy)) as destination:
            source.backup(destination)
    return None if found is None else dict(found)


def _found(workshop: Path, data_dir: Path, *, with_downloads: bool) -> dict[str, Path]:
    """Every file that goes into the backup, by its name there."""
    files = {path.relative_to(workshop).as_posix(): path for path in sorted(workshop.rglob("*")) if path.is_file()}
    if (data_dir / KEY_FILE).is_file():
        files[KEY_FILE] = data_dir / KEY_FILE
    if with_downloads:
        for path in sorted((data_dir / DOWNLOADS).rglob("*")):
            if path.is_file() and not path.is_symlink() and ".partial" not in path.parts:
                files[path.relative_to(data_dir).as_posix()] = path
    return files


def refuse_a_full_disk(folder: Path, needed_bytes: int) -> None:
    """Raise DiskFull unless so much can be written there, and room is left to the database."""
    free_bytes = shutil.disk_usage(folder).free
    if needed_bytes > free_bytes - KEEP_FREE_BYTES:
        raise DiskFull(
            f"up to {needed_bytes} bytes are needed in {folder}, but only {free_bytes} are free, of which "
            f"{KEEP_FREE_BYTES} are left to the database"
        )


def _pack(part: Path, files: Mapping[str, Path], sizes: Mapping[str, int], progress: Progress) -> dict[str, str]:
    done, total = 0, sum(sizes.values())
    hashes: dict[str, str] = {}
    with zipfile.ZipFile(part, "w", zipfile.ZIP_DEFLATED, allowZip64=True, compresslevel=1) as archive:
        for name, path in files.items():
            info = zipfile.ZipInfo.from_file(path, name, strict_timestamps=False)
            info.compress_type = zipfile.ZIP_STORED if path.suffix in _PACKED_ALREADY else zipfile.ZIP_DEFLATED
            info.external_attr = 0o600 << 16
            sha256 = hashlib.sha256()
            with path.open("rb") as file, archive.open(info, "w", force_zip64=True) as member:
                while piece := file.read(PIECE_BYTES):
                    sha256.update(piece)
                    member.write(piece)
                    done += len(piece)
                    progress("pack", done, total)
            hashes[name] = sha256.hexdigest()
    return hashes


def read_manifest(path: Path) -> Manifest:
    """What a backup says it holds; raises Invalid for a file that is none, DiskTrouble."""
    with _opened(path, path.name) as archive:
        return _manifest(archive, path.name)


@contextmanager
def _opened(path: Path, called: str) -> Iterator[zipfile.ZipFile]:
    try:
        with zipfile.ZipFile(path) as archive:
            yield archive
    except _NO_ZIP as error:
        raise Invalid(f"{called} is no backup of SLMM: {error}") from error
    except OSError as error:
        raise DiskTrouble(f"{path} cannot be read: {error.strerror or error}") from error


def _manifest(archive: zipfile.ZipFile, called: str) -> Manifest:
    if archive.getinfo(MANIFEST).file_size > MANIFEST_LIMIT_BYTES:  # it is read as one piece
        raise Invalid(f"{called} has a manifest of more than {MANIFEST_LIMIT_BYTES} bytes")
    manifest = Manifest(**json.loads(archive.read(MANIFEST)))
    if not isinstance(manifest.members, dict):
        raise Invalid(f"{called} has a manifest without members")
    if manifest.format not in READABLE:
        raise Invalid(f"{called} has format {manifest.format}; this version reads up to {FORMAT}")
    return manifest


def verify(path: Path, progress: Progress = unheard, *, name: str = "") -> Manifest:
    """Read a backup to its end; raises Invalid unless every member is there, whole and where it may be.

    *name* is what the messages call it.
    """
    return _read_through(path, None, progress, name)


def unpack(path: Path, into: Path, progress: Progress = unheard) -> Manifest:
    """The same, and put every member below *into*, on the disk when this returns."""
    shutil.rmtree(into, ignore_errors=True)
    into.mkdir(mode=0o700, parents=True)
    return _read_through(path, into, progress, "")


def _read_through(path: Path, into: Path | None, progress: Progress, called: str) -> Manifest:
    called = called or path.name
    with _opened(path, called) as archive:
        manifest = _manifest(archive, called)
        if set(archive.namelist()) != {MANIFEST, *manifest.members}:
            raise Invalid(f"{called} does not hold what its manifest says")
        done, total = 0, sum(archive.getinfo(name).file_size for name in manifest.members)
        if into is not None:
            refuse_a_full_disk(into, total)
        for name, expected in manifest.members.items():
            _check_name(name)
            sha256 = hashlib.sha256()
            with archive.open(name) as member, _new_file(into, name) as put:
                while piece := member.read(PIECE_BYTES):
                    sha256.update(piece)
                    put(piece)
                    done += len(piece)
                    progress("unpack" if into else "check", done, total)
            if sha256.hexdigest() != expected:
                raise Invalid(f"{name} in {called} is not what was backed up")
    return manifest


@contextmanager
def _new_file(into: Path | None, name: str) -> Iterator[Callable[[bytes], object]]:
    """Takes the bytes of one member; nowhere to put them means that they are only read."""
    if into is None:
        yield len
        return
    target = into / name
    target.parent.mkdir(parents=True, exist_ok=True)
    target.touch(mode=0o600)
    with target.open("wb") as file:
        yield file.write
        file.flush()
        os.fsync(file.fileno())


def _check_name(name: str) -> None:
    parts = PurePosixPath(name).parts
    is_known = name in (DATABASE, KEY_FILE) or (1 < len(parts) <= MOST_PARTS and parts[0] in _FOLDERS)
    if not is_known or ".." in parts or name.startswith("/") or "\\" in name:
        raise Invalid(f"{name!r} has no place in a backup")
