"""The baseline of a whole fleet: polls meters and passes each answer on, nothing else: no protocol, record or rules.

``python -m bench.bare_relay PORT ...``: a greenlet a meter sends ``DOD?``, reads the answer and writes one frame of the
usual size to the viewers of ``/N``, N being the meter's place in the list. Prints its own port.
"""

from __future__ import annotations

from gevent import monkey

monkey.patch_all()

import resource
import socket
import sys
from collections import defaultdict
from datetime import UTC, datetime

import gevent

from bench.bare_send import FILL

PAUSE_S = 1.0
VIEWERS: defaultdict[int, list[socket.socket]] = defaultdict(list)


def relay(number: int, port: int) -> None:
    """One meter, for ever."""
    sock = socket.create_connection(("127.0.0.1", port))
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    while True:
        sock.sendall(b"DOD?\r\n")
        data = b""
        while not data.endswith(b"$"):
            data += sock.recv(4096)
        stamp = datetime.now(UTC).replace(tzinfo=None).isoformat(timespec="milliseconds")
        frame = f'id: 1\ndata: {{"timestamp":"{stamp}Z","fill":"{FILL}"}}\n\n'.encode()
        for viewer in VIEWERS[number]:
            try:
                viewer.send(frame)
            except OSError:
                continue
        gevent.sleep(PAUSE_S)


def accept(listener: socket.socket) -> None:
    """Viewers, each of one meter."""
    while True:
        viewer, _ = listener.accept()
        number = int(viewer.recv(1024).split(b" ", 2)[1][1:])
        viewer.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n")
        VIEWERS[number].append(viewer)


def main(ports: list[int]) -> None:
    """Serve until killed."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    listener = socket.create_server(("127.0.0.1", 0), backlog=4096)
    sys.stdout.write(f"{listener.getsockname()[1]}\n")
    sys.stdout.flush()
    gevent.spawn(accept, listener)
    for number, port in enumerate(ports):
        gevent.spawn_later(number / len(ports), relay, number, port)
    gevent.wait()


if __name__ == "__main__":
    main([int(port) for port in sys.argv[1:]])
