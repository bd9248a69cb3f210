"""Viewers who all come at the same moment: ``python -m tests.crash.viewers PORT COUNT UNITS SECONDS``.

Each follows one of the units ``u0``, ``u1``, … A JSON line tells when everybody has a first frame, or as many as come
within two minutes; SECONDS later, or upon SIGTERM, another one tells what was seen.
"""

from __future__ import annotations

import contextlib
import json
import resource
import select
import signal
import socket
import statistics
import sys
import time
from dataclasses import dataclass, field

FRAME = b'"timestamp":"'
READY_WITHIN_S = 120.0


@dataclass
class Viewer:
    """One of them; times in s after the begin."""

    sock: socket.socket
    request: bytes
    came_s: float
    status: int | None = None
    first_s: float | None = None
    last_s: float | None = None
    longest_gap_s: float = 0.0
    frames: int = 0
    is_gone: bool = False

    def hear(self, data: bytes, now_s: float) -> None:
        """What arrived at once."""
        if self.status is None and data.startswith(b"HTTP/1.1 "):
            self.status = int(data[9:12])
        count = data.count(FRAME)
        if not count:
            return
        if self.first_s is None:
            self.first_s = now_s
        if self.last_s is not None:
            self.longest_gap_s = max(self.longest_gap_s, now_s - self.last_s)
        self.last_s = now_s
        self.frames += count


@dataclass
class Crowd:
    """All of them in one thread."""

    port: int
    viewers: dict[int, Viewer] = field(default_factory=dict)
    began_s: float = field(default_factory=time.monotonic)

    def __post_init__(self) -> None:
        self._poll = select.epoll()

    def come(self, count: int, units: int) -> None:
        """All at once: nobody waits for the other's connection."""
        self.began_s = time.monotonic()
        for number in range(count):
            sock = socket.socket()
            sock.setblocking(False)
            path = f"/api/nl43/u{number % units}/monitor/events"
            request = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{self.port}\r\n\r\n".encode()
            with contextlib.suppress(BlockingIOError):
                sock.connect(("127.0.0.1", self.port))
            self.viewers[sock.fileno()] = Viewer(sock, request, self._now_s())
            self._poll.register(sock.fileno(), select.EPOLLOUT)

    def follow(self, until_s: float, *, is_over_with_all: bool) -> None:
        """Listen until then, or until everybody has had a first frame or will never have one."""
        while (left_s := until_s - self._now_s()) > 0:
            if is_over_with_all and all(one.first_s is not None or one.is_gone for one in self.viewers.values()):
                return
            for fileno, events in self._poll.poll(min(left_s, 0.5)):
                self._serve(self.viewers[fileno], fileno, events)

    def _serve(self, viewer: Viewer, fileno: int, events: int) -> None:
        try:
            if events & select.EPOLLOUT and viewer.request:
                viewer.sock.send(viewer.request)
                viewer.request = b""
                self._poll.modify(fileno, select.EPOLLIN)
                return
            data = viewer.sock.recv(65_536)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if data:
            viewer.hear(data, self._now_s())
        if not data or viewer.status not in (None, 200):
            viewer.is_gone = True
            self._poll.unregister(fileno)
            viewer.sock.close()

    def _now_s(self) -> float:
        return time.monotonic() - self.began_s

    def report(self) -> dict[str, float | int]:
        """What was seen so far."""
        everybody = list(self.viewers.values())
        waits_s = [one.first_s - one.came_s for one in everybody if one.first_s is not None]
        return {
            "viewers": len(everybody),
            "with_a_frame": len(waits_s),
            "refused": sum(one.status not in (None, 200) for one in everybody),
            "lost": sum(one.is_gone and one.status in (None, 200) for one in everybody),
            "first_frame_median_s": round(statistics.median(waits_s), 3) if waits_s else 0.0,
            "first_frame_longest_s": round(max(waits_s, default=0.0), 3),
            "longest_gap_s": round(max((one.longest_gap_s for one in everybody), default=0.0), 3),
            "frames": sum(one.frames for one in everybody),
        }


def main(port: int, count: int, units: int, seconds: float) -> None:
    """Come, listen, tell."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    crowd = Crowd(port)
    crowd.come(count, units)
    crowd.follow(READY_WITHIN_S, is_over_with_all=True)
    print(json.dumps(crowd.report()), flush=True)  # noqa: T201
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    with contextlib.suppress(SystemExit):
        crowd.follow(time.monotonic() - crowd.began_s + seconds, is_over_with_all=False)
    print(json.dumps(crowd.report()), flush=True)  # noqa: T201


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4]))
