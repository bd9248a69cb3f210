"""The baseline of fan-out: accepts streams and writes one prepared frame a second to each, nothing else.

``python -m bench.bare_send``: prints its port; a bare loop of non-blocking sends, no feed, no HTTP.
"""

from __future__ import annotations

import resource
import select
import socket
import sys
import time
from datetime import UTC, datetime

FILL = "x" * 640
"""Brings the frame to the size of a real one."""


def main() -> None:
    """Serve until killed."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    listener = socket.create_server(("127.0.0.1", 0), backlog=4096)
    listener.setblocking(False)
    sys.stdout.write(f"{listener.getsockname()[1]}\n")
    sys.stdout.flush()
    viewers: list[socket.socket] = []
    due_s = time.monotonic() + 1.0
    while True:
        if select.select([listener], [], [], max(0.0, due_s - time.monotonic()))[0]:
            viewer, _ = listener.accept()
            viewer.recv(1024)
            viewer.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n")
            viewer.setblocking(False)
            viewers.append(viewer)
        if time.monotonic() >= due_s:
            due_s += 1.0
            stamp = datetime.now(UTC).replace(tzinfo=None).isoformat(timespec="milliseconds")
            frame = f'id: 1\ndata: {{"timestamp":"{stamp}Z","fill":"{FILL}"}}\n\n'.encode()
            for viewer in viewers:
                try:
                    viewer.send(frame)
                except OSError:
                    continue


if __name__ == "__main__":
    main()
