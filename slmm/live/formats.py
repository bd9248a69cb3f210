"""The two forms a frame takes on the wire: Server-Sent Event and WebSocket text."""

from __future__ import annotations

from typing import Protocol

from slmm.live.feed import Frame, sse_event


class Format(Protocol):
    """How a viewer's stream is written."""

    def frame(self, frame: Frame, skipped: int) -> bytes:
        """The bytes of one frame, telling how many were missed before it."""

    def note(self, data: bytes, event: str, retry_ms: int | None = None) -> bytes:
        """The bytes of something that stands in no feed: a heartbeat, a farewell."""


def with_skipped(data: bytes, skipped: int) -> bytes:
    """The same JSON object, telling how many frames the viewer missed before it."""
    return data if skipped <= 0 else data[:-1] + b',"skipped":%d}' % skipped


def websocket_text(data: bytes) -> bytes:
    """One unfragmented, unmasked text frame as a server sends it (RFC 6455, 5.2)."""
    size = len(data)
    if size < 126:
        return b"\x81" + bytes((size,)) + data
    if size < 65_536:
        return b"\x81\x7e" + size.to_bytes(2, "big") + data
    return b"\x81\x7f" + size.to_bytes(8, "big") + data


class ServerSentEvents:
    """Unnamed events for levels, named ones for all else."""

    def frame(self, frame: Frame, skipped: int) -> bytes:
        """The stored bytes themselves, unless something was missed."""
        if skipped <= 0:
            return frame.sse
        return sse_event(with_skipped(frame.data, skipped), event=frame.event, event_id=frame.event_id)

    def note(self, data: bytes, event: str, retry_ms: int | None = None) -> bytes:
        """A named event without an id, so that the client's Last-Event-ID stays."""
        retry = b"" if retry_ms is None else b"retry: %d\n" % retry_ms
        return retry + sse_event(data, event=event)


class WebSocketText:
    """The same JSON as text messages, without ids and names."""

    def frame(self, frame: Frame, skipped: int) -> bytes:
        """The JSON of the frame."""
        return websocket_text(with_skipped(frame.data, skipped))

    def note(self, data: bytes, event: str, retry_ms: int | None = None) -> bytes:
        """The JSON alone; its members tell what it is."""
        return websocket_text(data)


SSE = ServerSentEvents()
WEBSOCKET = WebSocketText()
