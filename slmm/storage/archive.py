"""Backups of the data directory as one ZIP: database, key, and downloads if wished; verified, and restored.

Blocks: for the command line, or a thread.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import sqlite3
import zipfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath

from slmm.errors import Conflict, DiskTrouble, Invalid
from slmm.storage.downloads import on_disk
from slmm.storage.secrets import KEY_FILE

DATABASE, DOWNLOADS, MANIFEST = "slmm.db", "downloads", "manifest.json"
FORMAT = 1
PIECE_BYTES = 1_048_576


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a backup holds: SHA-256 of each member by its name."""

    format: int
    version: str
    schema: str | None
    made_at: str
    members: dict[str, str]


@contextmanager
def alone(data_dir: Path) -> Iterator[None]:
    """Nobody else owns the data directory meanwhile; raises Conflict while the service runs."""
    data_dir.mkdir(parents=True, exist_ok=True)
    with open(data_dir / "runtime.lock", "a+", encoding="ascii") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            holder = lock.read().strip() or "unknown"
            raise Conflict(f"SLMM (process {holder}) runs on {data_dir}; stop it first") from None
        yield


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def schema_of(database: Path) -> str | None:
    """The revision a SQLite file is at."""
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        try:
            row = connection.execute("select version_num from alembic_version").fetchone()
        except sqlite3.OperationalError:
            return None
    return None if row is None else str(row[0])


def write(data_dir: Path, database: Path, target: Path, version: str, *, with_downloads: bool = False) -> Manifest:
    """A consistent backup, also while the service runs; it has its name only when it was read again and found whole.

    Raises Invalid when there is no database, Conflict when *target* exists, DiskTrouble.
    """
    if not database.is_file():
        raise Invalid(f"there is no database at {database}")
    if target.exists():
        raise Conflict(f"{target} exists already")
    part, copy = target.with_name(f".{target.name}.part"), target.with_name(f".{target.name}.db")
    with on_disk(f"{target} cannot be written"):
        try:
            copy.touch(mode=0o600)
            with closing(sqlite3.connect(database)) as source, closing(sqlite3.connect(copy)) as destination:
                source.backup(destination)
            files = {DATABASE: copy, **_beside(data_dir, with_downloads=with_downloads)}
            hashes = {name: _sha256(path) for name, path in files.items()}
            made_at = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
            manifest = Manifest(FORMAT, version, schema_of(copy), made_at, hashes)
            part.touch(mode=0o600)  # it holds the key and every account
            with zipfile.ZipFile(part, "w", zipfile.ZIP_DEFLATED, allowZip64=True) as archive:
                archive.writestr(MANIFEST, json.dumps(asdict(manifest), indent=1))
                for name, path in files.items():
                    archive.write(path, name)
            verify(part)
            with part.open("rb") as file:
                os.fsync(file.fileno())
            part.replace(target)
        except sqlite3.Error as error:
            raise DiskTrouble(f"{database} cannot be copied: {error}") from error
        finally:
            part.unlink(missing_ok=True)
            copy.unlink(missing_ok=True)
    return manifest


def _beside(data_dir: Path, *, with_downloads: bool) -> dict[str, Path]:
    files = {KEY_FILE: data_dir / KEY_FILE} if (data_dir / KEY_FILE).is_file() else {}
    if with_downloads:
        for path in sorted((data_dir / DOWNLOADS).rglob("*")):
            if path.is_file() and not path.is_symlink() and ".partial" not in path.parts:
                files[str(path.relative_to(data_dir))] = path
    return files


def verify(path: Path) -> Manifest:
    """Read a backup to its end; raises Invalid unless every member is there, whole and where it may be."""
    try:
        with zipfile.ZipFile(path) as archive:
            manifest = Manifest(**json.loads(archive.read(MANIFEST)))
            if manifest.format != FORMAT:
                raise Invalid(f"{path} has format {manifest.format}; this version reads {FORMAT}")
            if set(archive.namelist()) != {MANIFEST, *manifest.members}:
                raise Invalid(f"{path} does not hold what its manifest says")
            for name, sha256 in manifest.members.items():
                _check_name(name)
                with archive.open(name) as member:
                    if hashlib.file_digest(member, "sha256").hexdigest() != sha256:  # type: ignore[arg-type]
                        raise Invalid(f"{name} in {path} is not what was backed up")
    except (zipfile.BadZipFile, KeyError, TypeError, ValueError, EOFError) as error:
        raise Invalid(f"{path} is no backup of SLMM: {error}") from error
    except OSError as error:
        raise DiskTrouble(f"{path} cannot be read: {error.strerror or error}") from error
    return manifest


def _check_name(name: str) -> None:
    parts = PurePosixPath(name).parts
    is_known = name in (DATABASE, KEY_FILE) or (len(parts) > 1 and parts[0] == DOWNLOADS)
    if not is_known or ".." in parts or name.startswith("/") or "\\" in name:
        raise Invalid(f"{name!r} has no place in a backup")


def restore(path: Path, data_dir: Path, *, force: bool = False) -> tuple[Manifest, Path | None]:
    """Put a backup in place; what was there is set aside, and where to is told.

    Raises Conflict while the service runs, or when there are data and *force* is not given.
    """
    manifest = verify(path)
    with alone(data_dir), on_disk(f"{path} cannot be restored to {data_dir}"):
        present = [data_dir / name for name in (DATABASE, KEY_FILE) if (data_dir / name).exists()]
        if present and not force:
            raise Conflict(f"{data_dir} holds data already; --force sets them aside")
        fresh = data_dir / ".restoring"
        shutil.rmtree(fresh, ignore_errors=True)
        with zipfile.ZipFile(path) as archive:
            for name in manifest.members:
                target = fresh / name
                target.parent.mkdir(parents=True, exist_ok=True)
                target.touch(mode=0o600)
                with archive.open(name) as member, target.open("wb") as file:
                    shutil.copyfileobj(member, file, PIECE_BYTES)
                    file.flush()
                    os.fsync(file.fileno())
        aside = _set_aside(data_dir, manifest) if present else None
        for name in {PurePosixPath(name).parts[0] for name in manifest.members}:
            (fresh / name).replace(data_dir / name)
        shutil.rmtree(fresh)
    return manifest, aside


def _set_aside(data_dir: Path, manifest: Manifest) -> Path:
    """Move away what the backup replaces, the database's companions with it."""
    aside = data_dir / f"before-restore-{datetime.now(UTC):%Y%m%dT%H%M%SZ}"
    aside.mkdir()
    names = [DATABASE, f"{DATABASE}-wal", f"{DATABASE}-shm", KEY_FILE]
    if any(name.startswith(DOWNLOADS) for name in manifest.members):
        names.append(DOWNLOADS)
    for name in names:
        if (data_dir / name).exists():
            (data_dir / name).replace(aside / name)
    return aside
