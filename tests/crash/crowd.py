"""A crowd that opens its pages at the same moment, as after an alarm or a power cut.

    python -m tests.crash.crowd --viewers 1000

Some viewers are there already. Told are how long it took until everybody of the crowd had a first frame, the longest
time one of those who were there waited for the next, who was refused, and what it cost in memory.
"""

from __future__ import annotations

from gevent import monkey

if __name__ == "__main__":
    monkey.patch_all()

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gevent

from slmm.emulator.process import running_emulator
from tests.server import TOP, RunningServer

UNITS = 10
BEFORE = 20
"""Viewers who are there already: two of each unit."""
LISTENS_S = 5.0


@dataclass(frozen=True)
class Outcome:
    """What came of it."""

    crowd: dict[str, Any]
    """When everybody had a first frame."""
    crowd_after: dict[str, Any]
    """Some seconds later."""
    before: dict[str, Any]
    """Of those who were there already, at the end."""
    rss_mb: tuple[float, float]
    """Of the worker, before and with the crowd."""
    load: float


class Viewers:
    """A process of them."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process

    def line(self) -> dict[str, Any]:
        """What they tell next; raises RuntimeError when they have ended."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"the viewers ended with {self.process.wait(10)}")
        found: dict[str, Any] = json.loads(line)
        return found


@contextmanager
def viewers(port: int, count: int, listens_s: float) -> Iterator[Viewers]:
    """So many while the context lasts."""
    command = [sys.executable, "-m", "tests.crash.viewers", str(port), str(count), str(UNITS), str(listens_s)]
    process = subprocess.Popen(command, cwd=TOP, stdout=subprocess.PIPE, text=True)
    try:
        yield Viewers(process)
    finally:
        process.kill()
        process.wait(10)
        if process.stdout is not None:
            process.stdout.close()


def rss_mb(server: RunningServer) -> float:
    """Memory of the worker."""
    with open(f"/proc/{server.worker_pid}/status", encoding="ascii") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS")) / 1000


def run(directory: Path, count: int, listens_s: float = LISTENS_S) -> Outcome:
    """Let *count* viewers come at once to a service that reads ten meters."""
    with running_emulator(UNITS) as emulator:
        server = RunningServer(directory, {})
        server.start()
        try:
            for number, meter in enumerate(emulator.meters):
                server.add(f"u{number}", meter)
            with viewers(server.port, BEFORE, listens_s=600.0) as early:
                early.line()
                gevent.sleep(listens_s)  # their meters find their pace
                return _storm(server, early, count, listens_s)
        finally:
            server.kill()


def _storm(server: RunningServer, early: Viewers, count: int, listens_s: float) -> Outcome:
    before_mb = rss_mb(server)
    with viewers(server.port, count, listens_s) as crowd:
        at_first, after = crowd.line(), crowd.line()
        with_crowd_mb = rss_mb(server)
    early.process.terminate()
    return Outcome(at_first, after, early.line(), (before_mb, with_crowd_mb), os.getloadavg()[0])


def main() -> None:
    """Run as the command line has it, and tell."""
    parser = argparse.ArgumentParser(description="A crowd that opens its pages at the same moment.")
    parser.add_argument("--viewers", type=int, default=1000)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        outcome = run(Path(folder), asked.viewers)
    crowd, after = outcome.crowd, outcome.crowd_after
    print(f"{crowd['viewers']} viewers came at once: {crowd['refused']} refused, {after['lost']} lost")  # noqa: T201
    print(  # noqa: T201
        f"first frame: half of them after {crowd['first_frame_median_s']} s,"
        f" all {crowd['with_a_frame']} after {crowd['first_frame_longest_s']} s"
    )
    print(f"{after['frames']} frames went out to them within the next {LISTENS_S:g} s and before")  # noqa: T201
    print(f"longest gap of the {BEFORE} who were there before: {outcome.before['longest_gap_s']} s")  # noqa: T201
    print(f"memory of the service: {outcome.rss_mb[0]:.0f} MB, with them {outcome.rss_mb[1]:.0f} MB")  # noqa: T201
    print(f"load of the machine: {outcome.load:.1f}")  # noqa: T201


if __name__ == "__main__":
    main()
