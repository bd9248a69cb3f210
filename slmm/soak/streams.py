"""Reading Server-Sent Events from a plain socket, at one's own pace."""

from __future__ import annotations

import json
import socket
from typing import Any


class StreamEnded(Exception):
    """The stream ended, or nothing came any more."""


class EventStream:
    """One open stream; a context, so that its socket is closed."""

    def __init__(self, port: int, path: str, *, receive_buffer: int | None = None, last_id: str = "") -> None:
        self._buffer = b""
        self._sock = socket.socket()
        try:
            if receive_buffer:
                self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
            self._sock.settimeout(30)
            self._sock.connect(("127.0.0.1", port))
            resume = f"Last-Event-ID: {last_id}\r\n" if last_id else ""
            self._sock.sendall(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n{resume}\r\n".encode())
            head = self._until(b"\r\n\r\n")
        except OSError as error:
            self._sock.close()
            raise StreamEnded(str(error)) from error
        except StreamEnded:
            self._sock.close()
            raise
        if b" 200 " not in head.split(b"\r\n", 1)[0]:
            self._sock.close()
            raise StreamEnded(head.decode("latin-1"))

    def __enter__(self) -> EventStream:
        return self

    def __exit__(self, *_: object) -> None:
        self._sock.close()

    def _until(self, mark: bytes) -> bytes:
        while (end := self._buffer.find(mark)) < 0:
            try:
                data = self._sock.recv(65_536)
            except OSError as error:
                raise StreamEnded(str(error)) from error
            if not data:
                raise StreamEnded("the service closed the stream")
            self._buffer += data
        found, self._buffer = self._buffer[:end], self._buffer[end + len(mark) :]
        return found

    def next(self) -> tuple[str, str, dict[str, Any]]:
        """Name, id and data of the next event; raises StreamEnded."""
        while True:
            fields = {"event": "", "id": "", "data": ""}
            for line in self._until(b"\n\n").decode().split("\n"):
                name, _, value = line.partition(": ")
                fields[name] = value
            if fields["data"]:
                return fields["event"], fields["id"], json.loads(fields["data"])
