"""Bytes on the port of a real service: HTTP requests of any kind, and WebSocket frames after a sound handshake."""

from __future__ import annotations

import atexit
import re
import socket
import struct
import tempfile
from pathlib import Path

import requests

from tests.fuzz.target import Target
from tests.server import RunningServer

SILENCE_S = 0.1
"""A service that says nothing for so long has said all."""
MOST_ANSWER_BYTES = 200_000
LOOKED_EVERY = 250
PATHS = (b"/api/nl43/a/monitor", b"/api/nl43/a/stream", b"/api/nl43/_alerts/stream")
MASK = b"\x01\x02\x03\x04"
STATUS = re.compile(rb"HTTP/1\.[01] (\d{3}) ")


def frame(
    opcode: int, payload: bytes = b"", *, is_last: bool = True, is_masked: bool = True, length: int | None = None
) -> bytes:
    """One WebSocket frame; *length* is what it says of itself."""
    said = len(payload) if length is None else length
    head = bytes([opcode | (0x80 if is_last else 0)])
    mark = 0x80 if is_masked else 0
    if said < 126:
        head += bytes([mark | said])
    elif said < 65_536:
        head += bytes([mark | 126]) + struct.pack("!H", said)
    else:
        head += bytes([mark | 127]) + struct.pack("!Q", said)
    if not is_masked:
        return head + payload
    return head + MASK + bytes(byte ^ MASK[at % 4] for at, byte in enumerate(payload))


FRAMES = (
    *(
        frame(1, b"hello"),
        frame(2, b"\xff\xfe"),
        frame(9, b"ping"),
        frame(10, b"pong"),
        frame(8, b"\x03\xe8bye"),
        frame(8),
    ),
    *(
        frame(8, b"\x03"),
        frame(8, b"\x00\x00"),
        frame(1, b"\xff\xfe"),
        frame(1, "ü".encode()[:1]),
        frame(9, b"x" * 126),
    ),
    *(
        frame(1, b"a", is_last=False),
        frame(0, b"b", is_last=False),
        frame(0, b"c"),
        frame(3, b"?"),
        frame(0x41, b"rsv"),
    ),
    *(
        frame(1, b"x", is_masked=False),
        frame(1, b"x" * 5000),
        frame(1, b"", length=2**63),
        frame(1, b"x", length=70_000),
    ),
)
UPGRADE = (
    b" HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
CHUNKED = (
    b"PUT /api/nl43/a/config HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n"
)
HTTP = (
    b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET /api/nl43/roster HTTP/1.1\r\nHost: a\r\nAccept-Language: de\r\n\r\n",
    b"POST /api/nl43/roster HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}",
    CHUNKED + b"2\r\n{}\r\n0\r\n\r\n",
    b"GET /api/nl43/a/monitor/events?newest=1 HTTP/1.1\r\nHost: a\r\nLast-Event-ID: a:1\r\n\r\n",
    b"GET /api/nl43/_monitor/events?units=a,a&replay=a&time=1 HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
    b"GET /api/nl43/a/monitor" + UPGRADE,
    b"GET /api/nl43/a/monitor HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n\r\n",
)
WORDS = (
    *(
        b"\r\n",
        b"\r\n\r\n",
        b"\x00",
        b"HTTP/1.0",
        b"HTTP/2.0",
        b"Content-Length: -1\r\n",
        b"Content-Length: 99999999999\r\n",
    ),
    *(
        b"Transfer-Encoding: chunked\r\n",
        b"Transfer-Encoding: gzip, chunked\r\n",
        b"Expect: 100-continue\r\n",
        b"OPTIONS",
    ),
    *(
        b"Upgrade: websocket\r\n",
        b"Connection: Upgrade\r\n",
        b"Sec-WebSocket-Key: x\r\n",
        b"Sec-WebSocket-Version: 7\r\n",
    ),
    *(
        b"Host: \xff\r\n",
        b"Cookie: slmm_session=\xff\r\n",
        b"Range: bytes=-1\r\n",
        b"%00",
        b"%ff",
        b"..%2f",
        b"//",
        b"?",
        b"#",
    ),
    *(
        frame(9),
        frame(8),
        frame(1, b"\xff"),
        b"\x81\xfe\xff\xff",
        b"\x81\xff" + b"\xff" * 8,
        b"X-A: " + b"b" * 700 + b"\r\n",
    ),
)


class Port:
    """A real service, started when it is first wanted."""

    def __init__(self, server: RunningServer | None = None) -> None:
        self._server = server
        self._directory: tempfile.TemporaryDirectory[str] | None = None
        self._cases = 0
        if server is not None:
            self._prepare(server)

    @property
    def server(self) -> RunningServer:
        """The running service."""
        if self._server is None:
            self._directory = tempfile.TemporaryDirectory()
            self._server = RunningServer(
                Path(self._directory.name, "s"), {"SLMM_AUTH": "off", "SLMM_LOG_LEVEL": "INFO"}
            )
            self._server.start()
            atexit.register(self.stop)
            self._prepare(self._server)
        return self._server

    @staticmethod
    def _prepare(server: RunningServer) -> None:
        unit = {"unit_id": "a", "host": "127.0.0.1", "tcp_port": 9, "poll_enabled": False}
        assert requests.post(f"{server.api}/roster", json=unit, timeout=20).status_code == 200

    def stop(self) -> None:
        """End it."""
        if self._server is not None and self._directory is not None:
            self._server.kill()
            self._directory.cleanup()

    def case(self, data: bytes) -> None:
        """Send one case; its first byte tells whether a handshake goes before it, and where to."""
        which, rest = (data[:1] or b"H")[0] % 4, data[1:]
        with socket.create_connection(("127.0.0.1", self.server.port), timeout=5) as connection:
            if which < len(PATHS) and data[:1] != b"H":
                self._shake_hands(connection, PATHS[which])
            answer = _exchange(connection, rest)
        for status in STATUS.findall(answer):
            assert status[:1] != b"5" or status in (b"501", b"503"), answer[:500]
        assert b"Traceback" not in answer
        self._cases += 1
        if self._cases % LOOKED_EVERY == 0:
            self.look()

    @staticmethod
    def _shake_hands(connection: socket.socket, path: bytes) -> None:
        connection.sendall(b"GET " + path + UPGRADE)
        head = b""
        while b"\r\n\r\n" not in head:
            piece = connection.recv(4096)
            assert piece, f"the handshake of {path!r} was cut off after {head!r}"
            head += piece
        assert b" 101 " in head, head[:300]

    def look(self) -> None:
        """It answers others, lets go of those who left, and has nothing to tell of itself."""
        assert requests.get(f"{self.server.url}/healthz", timeout=10).status_code == 200
        log = self.server.log.read_text(errors="replace")
        assert "Traceback" not in log, log[log.index("Traceback") - 500 :][:3000]
        open_files = len(list(Path(f"/proc/{self.server.worker_pid}/fd").iterdir()))
        assert open_files < 150, f"{open_files} open files after {self._cases} cases"


def _exchange(connection: socket.socket, data: bytes) -> bytes:
    """All that is answered until the service hangs up or falls silent."""
    answer = b""
    try:
        connection.sendall(data)
        connection.shutdown(socket.SHUT_WR)
        connection.settimeout(SILENCE_S)
        while len(answer) < MOST_ANSWER_BYTES and (piece := connection.recv(65_536)):
            answer += piece
    except OSError:  # silence, or hung up on us before all was sent: both are answers
        pass
    return answer


def target(port: Port | None = None) -> Target:
    """The port as a target."""
    place = port or Port()
    seeds = [
        bytes([which]) + each for which in range(3) for each in (*FRAMES, b"".join(FRAMES[:4]), b"".join(FRAMES[11:14]))
    ]
    seeds += [b"H" + each for each in HTTP]
    return Target("wire", "HTTP bytes and WebSocket frames on a real port", place.case, tuple(seeds), WORDS)
