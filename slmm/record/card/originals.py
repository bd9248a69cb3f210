"""The files of the SD cards as they were fetched: each version is kept, under its hash, and never changed again."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import shutil
from pathlib import Path

from slmm.errors import Conflict
from slmm.nl43.listing import parse_folder_name
from slmm.storage.downloads import local_name, on_disk

FOLDER = "card"
SHOWN_DIGITS = 16
"""Of the hash, in the name; the whole hash is on record."""


def store_folder(remote_path: str) -> str | None:
    """The folder of a measurement in a path of a card, such as ``Auto_0019``; None for anything else."""
    return next((part for part in remote_path.split("/") if parse_folder_name(part) is not None), None)


def keep(top: Path, unit_id: str, remote_path: str, fetched: Path, sha256: str) -> Path:
    """Keep a file that was fetched below *top*; where it is then. Raises DiskTrouble, Conflict.

    Doing it again changes nothing.
    The download's own place is used again when the meter writes another file of that name.
    """
    name = f"{sha256[:SHOWN_DIGITS]}_{local_name(remote_path.rpartition('/')[2])}"
    folder = top / FOLDER / unit_id / (store_folder(remote_path) or "other")
    place = folder / name
    with on_disk(f"{place} cannot be kept"):
        folder.mkdir(parents=True, exist_ok=True)
        if place.exists() and place.stat().st_size == fetched.stat().st_size:
            return place
        unfinished = folder / f".{name}"
        unfinished.unlink(missing_ok=True)
        _link(fetched, unfinished)
        with unfinished.open("rb") as file:
            is_same = hashlib.file_digest(file, "sha256").hexdigest() == sha256
        if not is_same:
            unfinished.unlink()
            raise Conflict(f"{fetched} was replaced while it was being kept; fetch it again")
        unfinished.replace(place)
        _sync(folder)
    return place


def _link(fetched: Path, place: Path) -> None:
    """A second name for the same bytes where the disk allows it: a download replaces its file, never writes in it."""
    with contextlib.suppress(OSError):
        place.hardlink_to(fetched)
        return
    try:
        shutil.copy2(fetched, place)
        _sync(place)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            with contextlib.suppress(OSError):
                place.unlink(missing_ok=True)
        raise


def _sync(path: Path) -> None:
    opened = os.open(path, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
