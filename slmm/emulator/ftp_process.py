"""Runs the FTP servers of simulated meters in a process of their own, and gives them orders."""

from __future__ import annotations

import importlib.util
import itertools
import json
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

TOP = Path(__file__).resolve().parent.parent.parent
WITHIN_S = 10.0


class FtpServers:
    """One process, a server for each root folder; ports are known and refuse until opened."""

    def __init__(self, host: str, roots: Sequence[Path]) -> None:
        if importlib.util.find_spec("pyftpdlib") is None:
            raise RuntimeError("a card with FTP needs pyftpdlib: pip install pyftpdlib")
        self._process = subprocess.Popen(
            [sys.executable, "-m", "slmm.emulator.ftp", host, *map(str, roots)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=TOP,
        )
        assert self._process.stdout is not None
        self.ports: list[int] = json.loads(self._process.stdout.readline())["ports"]
        self.transfers = [0] * len(self.ports)
        """Files on their way, by meter."""
        self.heard: list[list[str]] = [[] for _ in self.ports]
        """Commands so far, by meter."""
        self._numbers = itertools.count(1)
        self._done: dict[int, threading.Event] = {}
        self._listener = threading.Thread(target=self._listen, daemon=True)  # a greenlet, where gevent has patched
        self._listener.start()

    def _listen(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            news: dict[str, Any] = json.loads(line)
            if "done" in news:
                self._done.pop(news["done"]).set()
            elif "transfers" in news:
                self.transfers[news["meter"]] = news["transfers"]
            else:
                self.heard[news["meter"]].append(news["heard"])

    def _order(self, meter: int, do: str, **more: Any) -> None:
        assert self._process.stdin is not None
        number = next(self._numbers)
        done = self._done[number] = threading.Event()
        self._process.stdin.write(json.dumps({"id": number, "meter": meter, "do": do, **more}) + "\n")
        self._process.stdin.flush()
        if not done.wait(WITHIN_S):
            raise RuntimeError(f"the FTP process did not {do} within {WITHIN_S:g} s")

    def open(self, meter: int) -> None:
        """FTP is on."""
        self._order(meter, "open")

    def close(self, meter: int) -> None:
        """FTP is off: the port refuses."""
        self._order(meter, "close")

    def set_faults(self, meter: int, **faults: Any) -> None:
        """What is wrong from now on; nothing when nothing is named."""
        self._order(meter, "faults", faults=faults)

    def stop(self) -> None:
        """End the process."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(WITHIN_S)
        self._listener.join(WITHIN_S)
        self._process.stdout.close()


class FtpPort:
    """The FTP server of one meter."""

    def __init__(self, servers: FtpServers, number: int) -> None:
        self._servers = servers
        self._number = number

    @property
    def port(self) -> int:
        """Where it listens when it is open."""
        return self._servers.ports[self._number]

    @property
    def is_sending(self) -> bool:
        """Whether a file is on its way."""
        return self._servers.transfers[self._number] > 0

    @property
    def heard(self) -> list[str]:
        """The commands so far."""
        return self._servers.heard[self._number]

    def open(self) -> None:
        """FTP is on."""
        self._servers.open(self._number)

    def close(self) -> None:
        """FTP is off: the port refuses."""
        self._servers.close(self._number)

    def set_faults(self, **faults: Any) -> None:
        """What is wrong from now on; nothing when nothing is named."""
        self._servers.set_faults(self._number, **faults)
