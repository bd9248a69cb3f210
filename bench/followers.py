"""Viewers that each follow one unit: ``python -m bench.followers PORT PATH UNITS COUNT``; ``{}`` in PATH is the unit.

Prints one JSON line when all are connected; from then on a line ``begin`` starts a phase and ``end`` prints what was
seen in it: frames, gaps between a viewer's frames in ms by their timestamps (the meter's last byte), delays from there
to the arrival here in ms, viewers lost and viewers that heard nothing.
"""

from __future__ import annotations

import contextlib
import json
import resource
import select
import socket
import sys
import time
from array import array
from dataclasses import dataclass, field

STAMP = b'"timestamp":"'
STAMP_BYTES = 23
DAY_S = 86_400


@dataclass
class Phase:
    """What was seen since the word to begin."""

    delays_ms: array[float] = field(default_factory=lambda: array("d"))
    gaps_ms: array[float] = field(default_factory=lambda: array("d"))
    last_s: dict[int, float] = field(default_factory=dict)
    lost: int = 0

    def take(self, fileno: int, data: bytes, now_s: float) -> None:
        """What one viewer received at once: usually one frame."""
        at = data.find(STAMP)
        while at >= 0 and len(data) >= at + len(STAMP) + STAMP_BYTES:
            sent_s = _seconds_of_day(data[at + len(STAMP) : at + len(STAMP) + STAMP_BYTES])
            self.delays_ms.append((now_s - sent_s) % DAY_S * 1000)
            last_s = self.last_s.get(fileno)
            if last_s is not None:
                self.gaps_ms.append((sent_s - last_s) % DAY_S * 1000)
            self.last_s[fileno] = sent_s
            at = data.find(STAMP, at + STAMP_BYTES)

    def report(self, count: int) -> str:
        """One line of JSON."""
        found = {"frames": len(self.delays_ms), "lost": self.lost, "mute": count - len(self.last_s)}
        delays_ms, gaps_ms = [round(each, 1) for each in self.delays_ms], [round(each) for each in self.gaps_ms]
        return json.dumps(found | {"delays_ms": delays_ms, "gaps_ms": gaps_ms})


def _seconds_of_day(stamp: bytes) -> float:
    return int(stamp[11:13]) * 3600 + int(stamp[14:16]) * 60 + float(stamp[17:23])


def _connect(port: int, path: str) -> socket.socket:
    sock = socket.create_connection(("127.0.0.1", port), timeout=30)
    sock.sendall(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode())
    sock.setblocking(False)
    return sock


def main(port: int, path: str, units: int, count: int) -> None:
    """Connect, listen, report, until the input ends."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    poll = select.epoll()
    viewers: dict[int, socket.socket] = {}
    for number in range(count):
        sock = _connect(port, path.replace("{}", str(number % units)))
        viewers[sock.fileno()] = sock
        poll.register(sock.fileno(), select.EPOLLIN)
    orders = sys.stdin.fileno()
    poll.register(orders, select.EPOLLIN)
    print(json.dumps({"connected": len(viewers)}), flush=True)
    phase = Phase()
    while True:
        for fileno, _ in poll.poll(1.0):
            if fileno == orders:
                order = sys.stdin.readline().strip()
                if not order:
                    return
                if order == "begin":
                    phase = Phase()
                else:
                    print(phase.report(count), flush=True)
                continue
            with contextlib.suppress(BlockingIOError):
                data = viewers[fileno].recv(65_536)
                if data:
                    phase.take(fileno, data, time.time())
                else:
                    poll.unregister(fileno)
                    phase.lost += 1


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
