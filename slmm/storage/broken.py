"""Files that were found damaged: each goes into a folder of its own, with its date and a report of what was done.

``broken-<time>`` stands beside the file. As long as it is there, people are told; whoever has looked at it deletes it.
Blocks: for a thread.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

logger = logging.getLogger(__name__)

PREFIX, REPORT = "broken-", "report.json"


@dataclass(frozen=True, slots=True)
class Broken:
    """What was found, and what was done about it."""

    what: str
    """``database``, ``record`` or the name of a file of a past day."""
    at: str
    why: str
    """What the damage is, in words."""
    aside: str
    """The folder it was put into."""
    outcome: str
    """What takes its place, and what is missing, in a sentence."""

    @property
    def sentence(self) -> str:
        """All of it for a person."""
        return f"{self.what} was damaged at {self.at} ({self.why}): {self.outcome}"


def set_aside(files: Iterable[Path], top: Path) -> Path:
    """Move files into a new folder below *top*, on the same disk: where that is. Files that are not there are left out.

    Raises OSError.
    """
    stamp = f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}"
    folder, number = top / f"{PREFIX}{stamp}", 1
    while folder.exists():
        number += 1
        folder = top / f"{PREFIX}{stamp}-{number}"
    folder.mkdir(mode=0o700)
    for path in files:
        with suppress(FileNotFoundError):
            path.replace(folder / path.name)
    return folder


def report(folder: Path, what: str, why: str, outcome: str) -> Broken:
    """Say it in the log, and keep it beside what was set aside; a disk that does not take it is no reason to stop."""
    found = Broken(what, f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}", why, folder.name, outcome)
    logger.error("%s; the damaged file is in %s", found.sentence, folder)
    try:
        (folder / REPORT).write_text(json.dumps(asdict(found), indent=1), encoding="utf-8")
    except OSError as error:
        logger.error("the report of that cannot be kept: %s", error)
    return found


def everything(*tops: Path) -> list[Broken]:
    """What was set aside below these folders and is still there, the newest first."""
    folders = {folder for top in tops for folder in top.glob(f"{PREFIX}*") if folder.is_dir()}
    return [_read(folder) for folder in sorted(folders, key=lambda each: each.name, reverse=True)]


def _read(folder: Path) -> Broken:
    try:
        return Broken(**json.loads((folder / REPORT).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        at = folder.name.removeprefix(PREFIX)
        return Broken("a file", at, "nobody could write down why", folder.name, "see the log of the service")
