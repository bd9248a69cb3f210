"""A wall clock that can be set while a process runs: libfaketime before it, and monotonic time left alone."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

SLEEP = """\
import select, time

def sleep(seconds, _select=select.select):
    _select([], [], [], seconds)

time.sleep = sleep
"""
"""libfaketime 0.9.10 refuses clock_nanosleep while monotonic time is left alone, and Python's sleep is made of it."""


def library() -> Path:
    """Where libfaketime of Debian's package faketime is; skips the test where it is not."""
    found = next(iter(Path("/usr/lib").glob("*/faketime/libfaketime.so.1")), None)
    if found is None:
        if os.environ.get("SLMM_TEST_REQUIRE") == "all":
            pytest.fail("faketime is missing and SLMM_TEST_REQUIRE=all")
        pytest.skip("faketime is not installed")
    return found


@dataclass
class WallClock:
    """The clock of whoever runs in its environment."""

    file: Path
    ahead_s: int = 0
    """How far it is ahead of this machine's."""
    steps: int = 0
    """How often it was set."""

    def environment(self) -> dict[str, str]:
        """What a process needs to go by it."""
        self._write()
        folder = self.file.with_suffix(".python")
        folder.mkdir(exist_ok=True)
        (folder / "sitecustomize.py").write_text(SLEEP)
        return {
            "PYTHONPATH": str(folder),
            "LD_PRELOAD": str(library()),
            "FAKETIME_TIMESTAMP_FILE": str(self.file),
            "FAKETIME_CACHE_DURATION": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "NO_FAKE_STAT": "1",
        }

    def step(self, seconds: int) -> None:
        """Set it."""
        self.ahead_s += seconds
        self.steps += 1
        self._write()

    def now(self) -> datetime:
        """What it shows."""
        return datetime.fromtimestamp(time.time() + self.ahead_s, UTC)

    def _write(self) -> None:
        new = self.file.with_suffix(".new")
        new.write_text(f"{self.ahead_s:+d}\n")
        new.replace(self.file)
