"""A real gunicorn with the gevent worker, and clients that read its streams."""

from __future__ import annotations

import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import gevent
import requests

TOP = Path(__file__).resolve().parent.parent
START_WITHIN_S = 60.0
"""It takes three on a machine that has nothing else to do."""


def free_port() -> int:
    """A port that was free a moment ago, and not of those the kernel hands out to whoever asks for any."""
    while True:
        port = random.randrange(12_000, 32_000)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


class RunningServer:
    """The service as a process of its own; the port stays the same over restarts."""

    def __init__(self, directory: Path, environment: dict[str, str]) -> None:
        self.directory = directory
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.api = f"{self.url}/api/nl43"
        self.log = directory / "server.log"
        self._environment = environment
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start and wait until it answers."""
        self.directory.mkdir(parents=True, exist_ok=True)
        wanted = {
            **{name: value for name, value in os.environ.items() if not name.startswith("SLMM_")},
            "SLMM_PORT": str(self.port),
            "SLMM_DATA_DIR": str(self.directory / "data"),
            **self._environment,
        }
        with open(self.log, "ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "gunicorn", "wsgi:app"], cwd=TOP, env=wanted, stdout=log, stderr=log
            )
        deadline_s = time.monotonic() + START_WITHIN_S
        while time.monotonic() < deadline_s:
            if self._process.poll() is not None:
                break
            try:
                if requests.get(f"{self.url}/health", timeout=2).json().get("is_running"):
                    return
            except (requests.ConnectionError, requests.Timeout):
                gevent.sleep(0.05)
        raise RuntimeError(f"the server did not come up:\n{self.log.read_text()}")

    @property
    def worker_pid(self) -> int:
        """The process that does the work."""
        assert self._process is not None
        children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children").read_text()
        return int(children.split()[0])

    def terminate(self, within_s: float = 40.0) -> int:
        """SIGTERM; the exit code."""
        assert self._process is not None
        self._process.terminate()
        return self._process.wait(within_s)

    def kill(self) -> None:
        """SIGKILL for master and worker, as a power cut would."""
        if self._process is None or self._process.poll() is not None:
            return
        with suppress(IndexError, ProcessLookupError):
            os.kill(self.worker_pid, signal.SIGKILL)
        self._process.kill()
        self._process.wait(40)

    def add(self, unit_id: str, meter: Any, **members: Any) -> None:
        """Put a meter on the roster."""
        body = {"unit_id": unit_id, "host": meter.host, "tcp_port": meter.port, **members}
        answer = requests.post(f"{self.api}/roster", json=body, timeout=40)
        assert answer.status_code == 200, answer.text

    def take_all_off(self) -> None:
        """Leave no meter on the roster, for a test that begins with none."""
        for unit in self.get("/roster")["devices"]:
            answer = requests.delete(f"{self.api}/{unit['unit_id']}/config", timeout=40)
            assert answer.status_code == 200, answer.text

    @property
    def is_running(self) -> bool:
        """Started, and not ended since."""
        return self._process is not None and self._process.poll() is None

    def get(self, path: str) -> Any:
        """A JSON answer of the REST interface."""
        answer = requests.get(f"{self.api}{path}", timeout=40)
        assert answer.status_code == 200, answer.text
        return answer.json()


class EventStream:
    """Reads Server-Sent Events from a raw socket."""

    def __init__(self, server: RunningServer, path: str, *, receive_buffer: int | None = None) -> None:
        self.sock = socket.socket()
        if receive_buffer:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.sock.settimeout(40)
        self._buffer = b""
        try:
            self.sock.connect(("127.0.0.1", server.port))
            self.sock.sendall(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\n\r\n".encode())
            self.head = self._until(b"\r\n\r\n").decode()
        except BaseException:
            self.sock.close()
            raise

    def _until(self, mark: bytes) -> bytes:
        while mark not in self._buffer:
            data = self.sock.recv(65_536)
            if not data:
                raise EOFError(self._buffer)
            self._buffer += data
        found, _, self._buffer = self._buffer.partition(mark)
        return found

    def next(self) -> dict[str, Any]:
        """The next event: its fields, with ``data`` decoded and ``event`` empty for frames."""
        while True:
            fields: dict[str, Any] = {"event": "", "id": ""}
            for line in self._until(b"\n\n").decode().split("\n"):
                name, _, value = line.partition(": ")
                fields[name] = value
            if "data" in fields:
                fields["data"] = json.loads(fields["data"])
                return fields

    def frame(self) -> dict[str, Any]:
        """The next unnamed event's JSON."""
        while True:
            event = self.next()
            if not event["event"]:
                data: dict[str, Any] = event["data"]
                return data

    def rest(self) -> Iterator[dict[str, Any]]:
        """The events up to the end of the stream, which the service has to bring about."""
        with suppress(EOFError):
            while True:
                yield self.next()

    def close(self) -> None:
        """Go away."""
        self.sock.close()


@contextmanager
def event_stream(server: RunningServer, path: str, **options: Any) -> Iterator[EventStream]:
    """An open stream for the length of the context."""
    stream = EventStream(server, path, **options)
    try:
        yield stream
    finally:
        stream.close()
