"""Ways in which a file is damaged, each as disks and people do it."""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from pathlib import Path

Harm = Callable[[Path], None]


def overwrite(path: Path, share: float, count: int, seed: int = 1) -> None:
    """Put *count* bytes of garbage into a file, from a share of its length on."""
    with path.open("r+b") as file:
        file.seek(int(os.path.getsize(path) * share))
        file.write(random.Random(seed).randbytes(count))


def garbage_in_header(path: Path) -> None:
    """The first sector is another file's."""
    overwrite(path, 0.0, 512)


def garbage_in_the_middle(path: Path) -> None:
    """Some sectors are another file's."""
    overwrite(path, 0.4, 60_000)


def cut_in_half(path: Path) -> None:
    """A copy that did not end."""
    os.truncate(path, os.path.getsize(path) // 2)


def emptied(path: Path) -> None:
    """Some file systems leave this after a power cut."""
    os.truncate(path, 0)


def text_instead(path: Path) -> None:
    """Somebody saved something else under its name."""
    path.write_text("this is no database\n" * 5000)


HARMS: tuple[Harm, ...] = (garbage_in_header, garbage_in_the_middle, cut_in_half, emptied, text_instead)
