"""A crowd of event-stream viewers in one process: ``python -m bench.crowd PORT PATH COUNT SECONDS``.

Prints one JSON line when all are connected and one at the end: frames, delays in ms, viewers lost.
The delay of a frame runs from its timestamp (the meter's last byte) to its arrival here.
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

STAMP = b'"timestamp":"'


def _connect(port: int, path: str) -> socket.socket:
    sock = socket.create_connection(("127.0.0.1", port), timeout=30)
    sock.sendall(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode())
    sock.setblocking(False)
    return sock


def _sent_s(data: bytes) -> float | None:
    """Seconds of the day at which the last frame in *data* was taken."""
    at = data.rfind(STAMP)
    if at < 0 or len(data) < at + len(STAMP) + 23:
        return None
    stamp = data[at + len(STAMP) : at + len(STAMP) + 23]
    return int(stamp[11:13]) * 3600 + int(stamp[14:16]) * 60 + float(stamp[17:23])


def main(port: int, path: str, count: int, seconds: float) -> None:
    """Connect, listen, report."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    poll = select.epoll()
    viewers: dict[int, socket.socket] = {}
    for _ in range(count):
        sock = _connect(port, path)
        viewers[sock.fileno()] = sock
        poll.register(sock.fileno(), select.EPOLLIN)
    print(json.dumps({"connected": len(viewers)}), flush=True)
    sys.stdin.readline()  # the word to begin
    for sock in viewers.values():  # frames that waited here while nobody read are not late
        with contextlib.suppress(BlockingIOError):
            while sock.recv(65_536):
                pass
    delays, frames, lost, heard = array("d"), 0, 0, set()
    ends_s = time.monotonic() + seconds
    while (left_s := ends_s - time.monotonic()) > 0:
        for fileno, _ in poll.poll(min(left_s, 1.0)):
            try:
                data = viewers[fileno].recv(65_536)
            except BlockingIOError:
                continue
            if not data:
                poll.unregister(fileno)
                lost += 1
                continue
            found = data.count(STAMP)
            frames += found
            sent_s = _sent_s(data) if found else None
            if sent_s is not None:
                delays.append((time.time() - sent_s) % 86_400 * 1000)
                heard.add(fileno)
    print(json.dumps({"frames": frames, "lost": lost, "mute": count - len(heard), "delays": list(delays)}), flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2], int(sys.argv[3]), float(sys.argv[4]))
