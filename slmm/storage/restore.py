"""Putting a backup in place: at once while no service runs, or unpacked now and put in place at the next start.

A running service cannot change its own database under its feet. So a backup is checked and unpacked beside what is
there, and the next start, before it opens anything, sets the present aside and moves the other in: renames only, which
may be cut off at any point and go on from there. Blocks: for the command line, or a thread.
"""

from __future__ import annotations

import fcntl
import json
import logging
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from slmm.errors import Conflict, SlmmError
from slmm.storage import archive
from slmm.storage.archive import COMPANIONS, DATABASE, DOWNLOADS, RECORD, Manifest, Progress
from slmm.storage.downloads import on_disk
from slmm.storage.secrets import KEY_FILE

logger = logging.getLogger(__name__)

PENDING = "restore-pending"
TREE, READY, DONE = "tree", "ready.json", "restored.json"
_PARTS = (DATABASE, KEY_FILE, RECORD, DOWNLOADS)


@dataclass(frozen=True, slots=True)
class Pending:
    """A backup that is put in place at the next start."""

    name: str
    made_at: str
    version: str
    schema: str | None
    parts: list[str]
    """What of the data directory it replaces."""
    staged_at: str
    staged_by: str
    aside: str
    """Where what is there now goes."""


@dataclass(frozen=True, slots=True)
class Restored:
    """What the last restore has come to."""

    name: str
    at: str
    aside: str
    error: str | None = None
    """Why nothing was changed."""


@contextmanager
def alone(data_dir: Path) -> Iterator[None]:
    """Nobody else owns the data directory meanwhile; raises Conflict while the service runs."""
    data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    with open(data_dir / "runtime.lock", "a+", encoding="ascii") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            holder = lock.read().strip() or "unknown"
            raise Conflict(f"SLMM (process {holder}) runs on {data_dir}; stop it first") from None
        yield


def restore(path: Path, data_dir: Path, *, force: bool = False) -> tuple[Manifest, Path | None]:
    """Put a backup in place now; what was there is set aside, and where to is told.

    Raises Conflict while the service runs, or when there are data and *force* is not given.
    """
    archive.verify(path)
    with alone(data_dir), on_disk(f"{path} cannot be restored to {data_dir}"):
        present = [name for name in _PARTS[:3] if (data_dir / name).exists()]
        if present and not force:
            raise Conflict(f"{data_dir} holds data already; --force sets them aside")
        manifest = archive.unpack(path, data_dir / ".restoring")
        aside = data_dir / f"before-restore-{_stamp()}"
        swap(data_dir / ".restoring", data_dir, aside)
        shutil.rmtree(data_dir / ".restoring")
    return manifest, aside if aside.exists() else None


def swap(tree: Path, data_dir: Path, aside: Path) -> None:
    """Move what is there aside, and *tree* in; cut off anywhere, doing it again ends it."""
    for name in _PARTS:
        if not (tree / name).exists():
            continue
        companions = [f"{name}{ending}" for ending in COMPANIONS] if name == DATABASE else []
        for each in (*companions, name):
            if (data_dir / each).exists():
                aside.mkdir(exist_ok=True)
                (data_dir / each).replace(aside / each)
        (tree / name).replace(data_dir / name)


# -- at the next start -------------------------------------------------------------------------------


def stage(path: Path, data_dir: Path, by: str, progress: Progress = archive.unheard) -> Pending:
    """Check a backup and unpack it beside the present; takes the place of another that waits. Raises Invalid."""
    folder = data_dir / PENDING
    with on_disk(f"{path.name} cannot be unpacked"):
        cancel(data_dir)
        folder.mkdir(mode=0o700)
        try:
            manifest = archive.unpack(path, folder / TREE, progress)
        except BaseException:  # also the end of the service: half a tree must not wait
            shutil.rmtree(folder, ignore_errors=True)
            raise
        parts = [name for name in _PARTS if manifest.holds(name)]
        now = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
        pending = Pending(
            path.name,
            manifest.made_at,
            manifest.version,
            manifest.schema,
            parts,
            now,
            by,
            f"before-restore-{_stamp()}",
        )
        _write(folder / READY, asdict(pending))
    logger.warning("%s is put in place at the next start, asked for by %s", path.name, by)
    return pending


def pending(data_dir: Path) -> Pending | None:
    """What waits for the next start."""
    found = _read(data_dir / PENDING / READY)
    return None if found is None else Pending(**found)


def cancel(data_dir: Path) -> bool:
    """Everything stays as it is; tells whether something had waited."""
    had_waited = (data_dir / PENDING / READY).exists()
    (data_dir / PENDING / READY).unlink(missing_ok=True)
    shutil.rmtree(data_dir / PENDING, ignore_errors=True)
    return had_waited


def last(data_dir: Path) -> Restored | None:
    """What became of the last one that waited."""
    found = _read(data_dir / DONE)
    return None if found is None else Restored(**found)


def put_in_place(data_dir: Path) -> Restored | None:
    """Called at the start by the owner of the data directory, before anything is opened; None when nothing waits.

    What fails leaves the rest for the next start, and raises: half of a backup must not be served.
    """
    waiting = pending(data_dir)
    if waiting is None:
        shutil.rmtree(data_dir / PENDING, ignore_errors=True)  # what was never ready
        return None
    folder, aside = data_dir / PENDING, data_dir / waiting.aside
    try:
        with on_disk(f"{waiting.name} cannot be put in place"):
            swap(folder / TREE, data_dir, aside)
            done = Restored(waiting.name, f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}", waiting.aside)
            _write(data_dir / DONE, asdict(done))
            cancel(data_dir)
    except SlmmError as error:
        logger.error("%s; %s holds what was moved aside so far", error, aside)
        raise
    logger.warning("%s of %s is in place; what was there is in %s", waiting.name, waiting.made_at, aside)
    return done


def _stamp() -> str:
    return f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}"


def _write(path: Path, what: dict[str, Any]) -> None:
    unfinished = path.with_name(f".{path.name}")
    unfinished.write_text(json.dumps(what, indent=1), encoding="utf-8")
    unfinished.replace(path)


def _read(path: Path) -> dict[str, Any] | None:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return None
    return found if isinstance(found, dict) else None
