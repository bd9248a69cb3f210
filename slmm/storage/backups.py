"""The backups below ``data/backups``: those made here, those brought here, and the copies made before migrations.

Blocks: for a thread.
"""

from __future__ import annotations

import logging
import os
import re
import shutil
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from slmm.errors import Conflict, DiskTrouble, Invalid, NotFound, SlmmError
from slmm.storage import archive, proof, upgrade
from slmm.storage.archive import Manifest
from slmm.storage.downloads import on_disk
from slmm.storage.proof import Proof

logger = logging.getLogger(__name__)

FOLDER = "backups"
RECORDS_KEPT = 2
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,119}\.(zip|db)")
SCHEDULED = re.compile(r"slmm-nightly-\d{8}T\d{6}Z\.zip")


@dataclass(frozen=True, slots=True)
class Kept:
    """One backup."""

    name: str
    kind: str
    """``backup``, or ``migration``: the database alone, as it was before its tables were changed."""
    size_bytes: int
    made_at: datetime
    version: str | None
    schema: str | None
    parts: tuple[str, ...]
    """What of the data directory is in it."""
    missing: tuple[str, ...]
    """Files of the record that were not there when it was made."""
    trouble: str | None
    """Why it cannot be used; None when it looks well, or was restored without trouble."""
    proof: Proof | None = None
    """What came of restoring it to a place of its own; None when nobody has tried."""

    @property
    def is_scheduled(self) -> bool:
        """Whether it was made by itself, and goes by itself."""
        return SCHEDULED.fullmatch(self.name) is not None

    @property
    def is_proved(self) -> bool:
        """Whether it has been restored, and was whole."""
        return self.proof is not None and self.proof.error is None


def new_name(now: datetime, *, is_scheduled: bool = False) -> str:
    """What a backup made now is called."""
    return f"slmm-{'nightly' if is_scheduled else 'backup'}-{now.astimezone(UTC):%Y%m%dT%H%M%SZ}.zip"


class Backups:
    """What is kept in one folder."""

    def __init__(self, data_dir: Path, folder: Path | None = None) -> None:
        self.folder = folder or data_dir / FOLDER

    def all(self) -> list[Kept]:
        """Every backup, the newest first."""
        found = [path for path in self.folder.glob("*") if NAME.fullmatch(path.name) and path.is_file()]
        return sorted((_kept(path) for path in found), key=_age, reverse=True)

    def place(self, name: str) -> Path:
        """Where a backup of that name is; raises Invalid, NotFound."""
        path = self._place(name)
        if not path.is_file():
            raise NotFound(f"there is no backup {name!r}")
        return path

    def _place(self, name: str) -> Path:
        if not NAME.fullmatch(name):
            raise Invalid("name: letters, digits, '.', '_' and '-', ending in .zip", field="name")
        return self.folder / name

    def newest_usable(self, part: str = archive.DATABASE, migrations: Path = upgrade.MIGRATIONS) -> Kept | None:
        """The newest that holds *part* of the data directory and is whole; every byte is read to know it.

        One whose database is newer than this version is passed over; None when nothing can be used.
        """
        readable = upgrade.known(migrations)
        for kept in self.all():
            if part not in kept.parts or kept.trouble is not None:
                continue
            if kept.schema is not None and kept.schema not in readable:
                logger.warning("%s is passed over: its database has schema %s", kept.name, kept.schema)
                continue
            try:
                check(self.folder / kept.name)
            except SlmmError as error:
                logger.warning("%s is passed over: %s", kept.name, error)
                continue
            return kept
        return None

    def remove(self, name: str) -> None:
        """Delete one; raises NotFound, DiskTrouble."""
        path = self.place(name)
        with on_disk(f"{name} cannot be deleted"):
            path.unlink()
            proof.forget(path)

    def incoming(self, name: str) -> Incoming:
        """Room for a backup that comes from elsewhere; raises Invalid, Conflict."""
        place = self._place(name)
        if place.suffix != ".zip":
            raise Invalid("name: a backup is a ZIP file made by SLMM; this is none", field="name")
        if place.exists():
            raise Conflict(f"there is a backup {name} already")
        return Incoming(place)


class Incoming:
    """A backup on its way in: it has its name only when it was read to its end and found whole."""

    def __init__(self, place: Path) -> None:
        self._place = place
        self._part = place.with_name(f".{place.name}.part")
        with on_disk(f"{place.name} cannot be kept"):
            place.parent.mkdir(parents=True, exist_ok=True)
            self._part.touch(mode=0o600)
            self._file: BinaryIO = self._part.open("wb")

    def take(self, piece: bytes) -> None:
        """The next bytes; raises DiskFull, DiskTrouble."""
        with on_disk(f"{self._place.name} cannot be kept"):
            archive.refuse_a_full_disk(self._place.parent, len(piece))
            self._file.write(piece)

    def end(self) -> Manifest:
        """That was all of it; raises Invalid for anything but a whole backup."""
        with on_disk(f"{self._place.name} cannot be kept"):
            self._file.flush()
            os.fsync(self._file.fileno())
            manifest = archive.verify(self._part, name=self._place.name)
            self._part.replace(self._place)
        return manifest

    def close(self) -> None:
        """Let go; what did not come to its end is gone."""
        self._file.close()
        self._part.unlink(missing_ok=True)


def check(path: Path) -> None:
    """Read a backup, or a copy made before a migration, to its end; raises Invalid, DiskTrouble."""
    if path.suffix == ".db":
        archive.check_database(path)
    else:
        archive.verify(path)


def surplus(found: Sequence[Kept], keep: int) -> list[Kept]:
    """Which of those made by themselves can go, when the newest *keep* that can be used are enough.

    The newest that was restored stays in any case, with the record and without, and so do two with the record.
    """
    scheduled = sorted((each for each in found if each.is_scheduled), key=_age, reverse=True)
    usable = [each for each in scheduled if each.trouble is None]
    with_record = [each for each in usable if archive.RECORD in each.parts]
    proved = [each for each in usable if each.is_proved]
    proved_with_record = [each for each in with_record if each.is_proved]
    staying = {
        each.name for each in (*usable[:keep], *with_record[:RECORDS_KEPT], *proved[:1], *proved_with_record[:1])
    }
    return [
        each
        for each in scheduled
        if each.name not in staying and (each.trouble is None or (usable and _age(each) < _age(usable[0])))
    ]


def _age(kept: Kept) -> tuple[datetime, str]:
    return kept.made_at, kept.name


def copy_to(path: Path, folder: Path) -> None:
    """Copy a backup to another place and read it there again; raises DiskFull, DiskTrouble.

    The folder must be there: a share that is not mounted is an error, and not a new folder on our own disk.
    """
    if not folder.is_dir():
        raise DiskTrouble(f"{folder} is not there; is it mounted?")
    part = folder / f".{path.name}.part"
    with on_disk(f"{path.name} cannot be copied to {folder}"):
        archive.refuse_a_full_disk(folder, path.stat().st_size)
        try:
            part.touch(mode=0o600)
            shutil.copyfile(path, part)
            with part.open("rb") as file:
                os.fsync(file.fileno())
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)  # what is read next comes from the disk
            if archive.sha256_of(part) != archive.sha256_of(path):
                raise DiskTrouble(f"{path.name} has changed on its way to {folder}")
            part.replace(folder / path.name)
        finally:
            with suppress(OSError):
                part.unlink(missing_ok=True)


def refuse_unusable(manifest: Manifest, migrations: Path, refuse_record: Callable[[int | None], None]) -> None:
    """Raise Conflict for a backup that this version cannot read: its database or its record is newer."""
    if not manifest.holds(archive.DATABASE):
        raise Invalid("there is no database in this backup")
    if manifest.schema is not None and manifest.schema not in upgrade.known(migrations):
        raise Conflict(
            f"its database has schema {manifest.schema}, written by SLMM {manifest.version}; this version knows up to "
            f"{upgrade.head(migrations)}: install that newer version first"
        )
    refuse_record(None if manifest.record is None else int(manifest.record["schema"]))


def _kept(path: Path) -> Kept:
    found, tried = _described(path), proof.proof_of(path)
    if tried is not None and found.trouble is None:
        found = replace(found, trouble=tried.error)
    return replace(found, proof=tried)


def _described(path: Path) -> Kept:
    stat = path.stat()
    made_at = datetime.fromtimestamp(stat.st_mtime, UTC)
    if path.suffix == ".db":
        match = upgrade.COPY.fullmatch(path.name)
        schema = match["schema"] if match else None
        return Kept(path.name, "migration", stat.st_size, made_at, None, schema, (archive.DATABASE,), (), None)
    try:
        manifest = archive.read_manifest(path)
    except SlmmError as error:
        return Kept(path.name, "backup", stat.st_size, made_at, None, None, (), (), str(error))
    with suppress(ValueError):
        made_at = datetime.fromisoformat(manifest.made_at)
    parts = tuple(sorted({PurePosixPath(name).parts[0] for name in manifest.members}))
    missing = tuple((manifest.record or {}).get("missing", ()))
    return Kept(path.name, "backup", stat.st_size, made_at, manifest.version, manifest.schema, parts, missing, None)
