"""Starts the emulator as a process of its own, for tests, demos and benchmarks."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from slmm.emulator.control import EmulatorClient

_TOP = Path(__file__).resolve().parent.parent.parent


@dataclass(frozen=True, slots=True)
class Address:
    """Where one meter listens."""

    host: str
    port: int
    ftp_port: int | None = None
    card: Path | None = None
    """Where the files of its SD card are, if it has one."""


@dataclass(frozen=True, slots=True)
class RunningEmulator:
    """A running emulator process."""

    client: EmulatorClient
    meters: list[Address]
    process: subprocess.Popen[str]


def _address(host: str, port: int, ftp_port: int | None, card: str | None) -> Address:
    return Address(host, port, ftp_port, Path(card) if card else None)


@contextmanager
def running_emulator(count: int = 1, *options: str) -> Iterator[RunningEmulator]:
    """Run *count* meters on free ports while the context lasts; raises RuntimeError if it does not come up."""
    arguments = ["--count", str(count), "--base-port", "0", "--control-port", "0", *options]
    process = subprocess.Popen(
        [sys.executable, "-m", "slmm.emulator", *arguments], stdout=subprocess.PIPE, text=True, cwd=_TOP
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line:
            raise RuntimeError(f"the emulator ended with {process.wait(5)} before it was ready")
        ready = json.loads(line)
        meters = [_address(**meter) for meter in ready["meters"]]
        yield RunningEmulator(EmulatorClient(ready["control"]), meters, process)
    finally:
        process.terminate()
        process.wait(10)
        if process.stdout is not None:
            process.stdout.close()
