"""Unfinished files that a crash left: cleared away at the start, unless somebody may still be writing them.

Downloads are not among them: those are gone on with. Blocks: for a thread.
"""

from __future__ import annotations

import logging
import os
import shutil
import time
from pathlib import Path

logger = logging.getLogger(__name__)

IDLE_S = 600.0
"""A file that nobody has written for so long is nobody's."""
_OURS = (".restoring", ".recovering", "record/.mending")
"""Made by the owner of the data directory alone."""
_UNFINISHED = ("backups/.*.part", "backups/*.partial")


def clear(data_dir: Path) -> list[str]:
    """Remove what was left; the names. Called by the owner of the data directory."""
    found = [path for path in (data_dir / name for name in _OURS) if path.exists()]
    found += [path for path in data_dir.glob(".backup-*") if not _is_alive(path.name.removeprefix(".backup-"))]
    long_ago_s = time.time() - IDLE_S
    found += [path for mask in _UNFINISHED for path in data_dir.glob(mask) if _changed_s(path) < long_ago_s]
    for path in found:
        logger.info("%s was left unfinished, and is removed", path)
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
    return [path.relative_to(data_dir).as_posix() for path in found]


def _is_alive(pid: str) -> bool:
    try:
        os.kill(int(pid), 0)
    except (ProcessLookupError, ValueError, OverflowError):
        return False
    except PermissionError:
        return True
    return int(pid) != os.getpid()


def _changed_s(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return time.time()
