"""An FTP server like the meter's over a folder of one's own, with faults on demand: ``running_ftp_meter``."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from slmm.emulator.ftp_process import FtpServers
from tests.conftest import eventually


@dataclass(frozen=True)
class RunningFtpMeter:
    """A running server: where it listens, what it shows, what it heard."""

    host: str
    port: int
    root: Path
    _servers: FtpServers

    @property
    def commands(self) -> list[str]:
        """Every command so far, as it came; the news comes through a pipe."""
        self._servers.catch_up()
        return list(self._servers.heard[0])

    def count(self, word: str) -> int:
        """How often a command was heard."""
        return sum(line.split(" ")[0] == word for line in self.commands)

    def has_heard(self, line: str) -> None:
        """Wait for the news of a command, which comes through a pipe."""
        eventually(lambda: line in self.commands)


@contextmanager
def running_ftp_meter(directory: Path, host: str = "127.0.0.1", **faults: Any) -> Iterator[RunningFtpMeter]:
    """Serve *directory*/card while the context lasts."""
    root = directory / "card"
    root.mkdir(exist_ok=True)
    servers = FtpServers(host, [root])
    try:
        servers.set_faults(0, **faults)
        servers.open(0)
        yield RunningFtpMeter(host, servers.ports[0], root, servers)
    finally:
        servers.stop()
