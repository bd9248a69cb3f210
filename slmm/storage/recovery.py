"""A damaged database is found before it is used: it is set aside, and the newest backup that is whole takes its place.

Without a backup nothing is made up: a service that began with an empty database would watch nobody's noise, alarm
nobody, and let the next visitor in as the first. Blocks: for a thread.
"""

from __future__ import annotations

import hashlib
import logging
import os
import shutil
import sqlite3
import time
import zipfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from sqlalchemy import Engine, make_url
from sqlalchemy.exc import ArgumentError

from slmm.errors import Conflict, DiskFull, DiskTrouble, SlmmError
from slmm.storage import archive, broken, upgrade
from slmm.storage.backups import Backups, Kept
from slmm.storage.broken import Broken
from slmm.storage.downloads import on_disk
from slmm.storage.secrets import KEY_FILE

logger = logging.getLogger(__name__)

AFTER_CLEAN_STOP_S, AFTER_CRASH_S = 2.0, 20.0
"""How long the check may take; what is not looked at by then is taken for whole."""
WORKSHOP = ".recovering"
LEFT_BYTES = 16_000_000
FREE_WITHIN_S = 30.0
_LOOK_EVERY = 50_000
"""Steps of SQLite's machine between two looks at the clock: some ms."""
_DAMAGE = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})


class NoBackup(SlmmError):
    """The database is damaged, and there is nothing to put in its place."""


def file_of(engine: Engine | str) -> Path | None:
    """The file of a SQLite database; None for another."""
    try:
        url = make_url(engine) if isinstance(engine, str) else engine.url
    except ArgumentError:  # told by whoever opens it
        return None
    return Path(url.database) if url.get_backend_name() == "sqlite" and url.database else None


def is_damage(error: BaseException | None) -> bool:
    """Whether an error of SQLite says that the file is not what it was; a lock or a full disk does not."""
    code = getattr(error, "sqlite_errorcode", None)
    return code is not None and code & 0xFF in _DAMAGE


def damage(file: Path, data_dir: Path, within_s: float = AFTER_CRASH_S) -> str | None:
    """What is wrong with a database, in words; None when it looks well, or nothing was found in time."""
    if why := lost(file, data_dir):
        return why
    return _checked(file, within_s) if file.exists() else None


def lost(file: Path, data_dir: Path) -> str | None:
    """Why there is no database where there was one once; None when there is one, or never was."""
    try:
        state = "it is empty" if file.stat().st_size == 0 else None
    except FileNotFoundError:
        state = "it is gone"
    had_one = (data_dir / KEY_FILE).exists()
    return f"{state}, though the key of its secrets is there" if state and had_one else None


def _checked(file: Path, within_s: float) -> str | None:
    began_s = time.monotonic()
    try:
        with closing(sqlite3.connect(file, timeout=1.0)) as connection:
            connection.set_progress_handler(lambda: time.monotonic() - began_s > within_s, _LOOK_EVERY)
            found = [str(row[0]) for row in connection.execute("pragma quick_check(3)")]
    except sqlite3.Error as error:
        if is_damage(error):
            return str(error)
        if error.sqlite_errorcode == sqlite3.SQLITE_INTERRUPT:
            logger.info("%s was checked for %g s, not to its end, and no damage was found", file, within_s)
        return None  # locked, or cannot be opened: whoever opens it next says so
    logger.debug("%s was checked in %.2f s", file, time.monotonic() - began_s)
    return None if found == ["ok"] else "; ".join(" ".join(each.split()) for each in found)[:300]


def wait_until_free(file: Path, within_s: float = FREE_WITHIN_S) -> None:
    """Wait while another process holds the database; raises Conflict when it does not let go.

    Any other trouble is told by whoever opens it next.
    """
    if not file.exists():
        return
    try:
        with closing(sqlite3.connect(file, timeout=within_s, isolation_level=None)) as connection:
            connection.execute("begin immediate")
            connection.execute("rollback")
    except sqlite3.Error as error:
        if error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY:
            raise Conflict(f"another process has held the database {file} for {within_s:g} s; end it first") from error


def mend(file: Path, data_dir: Path, migrations: Path, within_s: float = AFTER_CRASH_S) -> Broken | None:
    """Called by the owner of the data directory before the database is opened; None when it is well.

    Cut off anywhere, the next start does it again. Raises NoBackup, and nothing is changed, or DiskTrouble.
    """
    shutil.rmtree(data_dir / WORKSHOP, ignore_errors=True)
    why = damage(file, data_dir, within_s)
    if why is None:
        return None
    logger.error("the database %s is damaged: %s", file, why)
    with on_disk(f"the damaged database {file} cannot be replaced"):
        for kept in _usable(data_dir, migrations):
            copy = _taken_out(kept, data_dir)
            if copy is not None:
                return _exchange(file, copy, kept, data_dir, why)
    raise no_backup(file, data_dir, why)


def no_backup(file: Path, data_dir: Path, why: str) -> NoBackup:
    """What to say, and how to go on."""
    return NoBackup(
        f"the database {file} is damaged ({why}), and no usable backup is in {Backups(data_dir).folder}. Nothing was "
        "changed, and nothing is served, for an empty database would alarm nobody. Put a backup in place: "
        "slmm restore FILE --force. Without one, set the damaged file aside and begin with nothing: slmm begin-anew"
    )


def is_to_be_mended(file: Path, data_dir: Path, migrations: Path) -> bool:
    """Whether the next start will exchange the database; raises NoBackup when it could not."""
    why = damage(file, data_dir, AFTER_CLEAN_STOP_S)
    if why is None:
        return False
    if next(_usable(data_dir, migrations), None) is None:
        raise no_backup(file, data_dir, why)
    return True


def begin_anew(file: Path, data_dir: Path, migrations: Path) -> Broken:
    """Set the database aside and make an empty one; for an operator who says so. Raises DiskTrouble."""
    why = damage(file, data_dir) or "no damage was found, an operator wished to begin anew"
    with on_disk(f"{file} cannot be set aside"):
        folder = broken.set_aside(_with_companions(file), file.parent)
        upgrade.upgrade(f"sqlite:///{file}", migrations, data_dir / "backups")
        outcome = "an empty one was begun; meters, rules and accounts are to be made"
        return broken.report(folder, "database", why, outcome)


def _usable(data_dir: Path, migrations: Path) -> Iterator[Kept]:
    """Backups that hold a database this version can read, the newest first."""
    known = upgrade.known(migrations)
    for kept in Backups(data_dir).all():
        if kept.trouble is None and archive.DATABASE in kept.parts and (kept.schema or None) in {None, *known}:
            yield kept


def _taken_out(kept: Kept, data_dir: Path) -> Path | None:
    """The database of a backup, checked to its end; None when it is not whole after all."""
    workshop = data_dir / WORKSHOP
    shutil.rmtree(workshop, ignore_errors=True)
    workshop.mkdir(mode=0o700)
    source, copy = Backups(data_dir).folder / kept.name, workshop / archive.DATABASE
    try:
        if kept.kind == "migration":
            refuse_without_room(workshop, source.stat().st_size)
            shutil.copyfile(source, copy)
        else:
            take_member(source, archive.DATABASE, copy)
            if not (data_dir / KEY_FILE).exists():
                take_member(source, KEY_FILE, workshop / KEY_FILE)
        copy.chmod(0o600)
        why = _checked(copy, float("inf")) or (None if copy.stat().st_size else "it is empty")
    except SlmmError as error:
        why = str(error)
    if why is None:
        return copy
    logger.error("the backup %s cannot be used: %s", kept.name, why)
    return None


def take_member(backup: Path, name: str, target: Path) -> None:
    """Write one file of a backup to *target*, and see that it is what was backed up; raises Invalid, DiskTrouble."""
    manifest = archive.read_manifest(backup)
    expected = manifest.members.get(name)
    if expected is None:
        raise DiskTrouble(f"{backup.name} holds no {name}")
    sha256 = hashlib.sha256()
    try:
        with zipfile.ZipFile(backup) as opened, opened.open(name) as member, target.open("wb") as file:
            refuse_without_room(target.parent, opened.getinfo(name).file_size)
            os.fchmod(file.fileno(), 0o600)
            while piece := member.read(archive.PIECE_BYTES):
                sha256.update(piece)
                file.write(piece)
            file.flush()
            os.fsync(file.fileno())
    except (zipfile.BadZipFile, KeyError, EOFError, OSError) as error:
        raise DiskTrouble(f"{name} cannot be read from {backup.name}: {error}") from error
    if sha256.hexdigest() != expected:
        raise DiskTrouble(f"{name} in {backup.name} is not what was backed up")


def refuse_without_room(folder: Path, needed_bytes: int) -> None:
    """Raise DiskFull unless so much can be written there; closer to the limit than a backup may go, for it must be."""
    free_bytes = shutil.disk_usage(folder).free
    if needed_bytes > free_bytes - LEFT_BYTES:
        raise DiskFull(f"{needed_bytes} bytes are needed in {folder}, and {free_bytes} are free: make room")


def _exchange(file: Path, copy: Path, kept: Kept, data_dir: Path, why: str) -> Broken:
    folder = broken.set_aside(_with_companions(file), file.parent)
    outcome = (
        f"{kept.name} of {kept.made_at:%Y-%m-%d %H:%M} UTC took its place; what was changed after that is missing: "
        "look at meters, rules, limits and accounts"
    )
    found = broken.report(folder, "database", why, outcome)  # before the exchange: it cannot go untold
    if (key := copy.with_name(KEY_FILE)).exists():
        key.replace(data_dir / KEY_FILE)
    if copy.stat().st_dev == file.parent.stat().st_dev:
        copy.replace(file)
    else:
        shutil.copyfile(copy, file)
    shutil.rmtree(data_dir / WORKSHOP, ignore_errors=True)
    return found


def _with_companions(file: Path) -> list[Path]:
    """The log first: without it the database is still one."""
    return [*(file.with_name(f"{file.name}{ending}") for ending in archive.COMPANIONS), file]
