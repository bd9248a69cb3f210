"""Runs the FTP servers of simulated meters in a process of their own, and gives them orders."""

from __future__ import annotations

import importlib.util
import itertools
import json
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

TOP = Path(__file__).resolve().parent.parent.parent
WITHIN_S = 10.0
HEARD_MOST = 1000


@dataclass(slots=True)
class _Order:
    """One that is not answered yet."""

    is_done: threading.Event = field(default_factory=threading.Event)
    wrong: str = "the FTP process has ended"


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
        if not (line := self._process.stdout.readline()):
            raise RuntimeError(f"the FTP process ended with {self._process.wait(WITHIN_S)} before it was ready")
        self.ports: list[int] = json.loads(line)["ports"]
        self.transfers = [0] * len(self.ports)
        """Files on their way, by meter."""
        self.heard: list[deque[str]] = [deque(maxlen=HEARD_MOST) for _ in self.ports]
        """The last commands, by meter."""
        self._numbers = itertools.count(1)
        self._orders: dict[int, _Order] = {}
        self._listener = threading.Thread(target=self._listen, daemon=True)  # a greenlet, where gevent has patched
        self._listener.start()

    def _listen(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            news: dict[str, Any] = json.loads(line)
            if "done" in news:
                order = self._orders.pop(news["done"])
                order.wrong = news["wrong"]
                order.is_done.set()
            elif "transfers" in news:
                self.transfers[news["meter"]] = news["transfers"]
            else:
                self.heard[news["meter"]].append(news["heard"])
        for order in self._orders.values():
            order.is_done.set()

    def _order(self, meter: int, do: str, **more: Any) -> None:
        assert self._process.stdin is not None
        number = next(self._numbers)
        waiting = self._orders[number] = _Order()
        self._process.stdin.write(json.dumps({"id": number, "meter": meter, "do": do, **more}) + "\n")
        self._process.stdin.flush()
        if not waiting.is_done.wait(WITHIN_S):
            raise RuntimeError(f"the FTP process did not {do} within {WITHIN_S:g} s")
        if waiting.wrong:
            raise ValueError(waiting.wrong)

    def open(self, meter: int) -> None:
        """FTP is on."""
        self._order(meter, "open")

    def close(self, meter: int) -> None:
        """FTP is off: the port refuses."""
        self._order(meter, "close")

    def set_faults(self, meter: int, **faults: Any) -> None:
        """What is wrong from now on; nothing when nothing is named; raises ValueError for what there is not."""
        self._order(meter, "faults", faults=faults)

    def set_clock(self, meter: int, ahead_s: float) -> None:
        """How far the meter's clock, read as UTC, is ahead of ours: what is old is listed with its year."""
        self._order(meter, "clock", ahead_s=ahead_s)

    def catch_up(self) -> None:
        """Wait until all that the process has heard so far is known here."""
        self._order(0, "nothing")

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
        """The last commands."""
        return list(self._servers.heard[self._number])

    def open(self) -> None:
        """FTP is on."""
        self._servers.open(self._number)

    def close(self) -> None:
        """FTP is off: the port refuses."""
        self._servers.close(self._number)

    def set_faults(self, **faults: Any) -> None:
        """What is wrong from now on; nothing when nothing is named; raises ValueError for what there is not."""
        self._servers.set_faults(self._number, **faults)

    def set_clock(self, ahead_s: float) -> None:
        """How far the meter's clock, read as UTC, is ahead of ours."""
        self._servers.set_clock(self._number, ahead_s)
