"""A feed is a log with cursors: the last frames of one subject, each encoded once.

The ring keeps the frame as it stands in a Server-Sent Event; the bare JSON is a slice of that.
A viewer is not stored here as a queue but holds a number: how many frames of the feed it has had.
"""

from __future__ import annotations

import itertools
from collections import deque
from dataclasses import dataclass

RING_FRAMES = 1000
RING_AGE_S = 600.0
RING_BYTES = 1_000_000
"""Most bytes of one feed: a frame of levels takes some 600."""
RINGS_BYTES = 256_000_000
"""Most bytes of the feeds of one kind, whose room the units share."""
LEAST_RING_BYTES = 16_000
CATCH_UP_FRAMES = 10
"""A viewer further behind than this skips to the newest frame (1 s feeds: ten seconds)."""


def sse_event(data: bytes, *, event: str = "", event_id: str = "") -> bytes:
    """One Server-Sent Event (HTML standard, 9.2); *data* must be a single line."""
    name = b"event: %b\n" % event.encode() if event else b""
    ident = b"id: %b\n" % event_id.encode() if event_id else b""
    return b"%b%bdata: %b\n\n" % (name, ident, data)


@dataclass(frozen=True, slots=True)
class Frame:
    """One published frame; ``sequence`` counts over all feeds, so ids of one connection always grow."""

    sequence: int
    ordinal: int
    """Number of this frame within its feed, from 1; differences tell how many were missed."""
    at_s: float
    """Monotonic time of publication."""
    boot: str
    event: str
    """Name of the SSE event; empty for level frames."""
    sse: bytes

    @property
    def data(self) -> bytes:
        """The JSON object alone."""
        return self.sse[self.sse.index(b"data: ") + 6 : -2]

    @property
    def event_id(self) -> str:
        """``<boot>-<sequence>``, what a returning client sends as Last-Event-ID."""
        return f"{self.boot}-{self.sequence}"


class Room:
    """How many bytes each feed may hold: as many as one may, or its share of what all may."""

    def __init__(self, each_bytes: int = RING_BYTES, all_bytes: int = RINGS_BYTES) -> None:
        self.each_bytes = each_bytes
        self._most_bytes, self._all_bytes = each_bytes, all_bytes

    def divide(self, units: int) -> None:
        """There are so many units now; feeds that hold too much get smaller with their next frame."""
        share_bytes = max(LEAST_RING_BYTES, self._all_bytes // max(1, units))
        self.each_bytes = min(self._most_bytes, share_bytes)


class Feed:
    """The last frames of one subject; bounded by count and age."""

    def __init__(
        self,
        name: str,
        *,
        conflates: bool,
        ring_frames: int = RING_FRAMES,
        ring_age_s: float = RING_AGE_S,
        room: Room | None = None,
    ) -> None:
        self.name = name
        self.conflates = conflates
        """Whether a viewer far behind may skip: levels yes, notices no."""
        self.count = 0
        """How many frames were ever appended here."""
        self.issued = 0
        """How many ordinals were given out; ahead of ``count`` while frames wait for delivery."""
        self.held_bytes = 0
        self.cut = 0
        """Frames that went before their time, because the ring may not take more memory."""
        self._frames: deque[Frame] = deque()
        self._ring_frames = ring_frames
        self._ring_age_s = ring_age_s
        self._room = room or Room()

    def __repr__(self) -> str:
        return f"<Feed {self.name} count={self.count} held={len(self._frames)}>"

    @property
    def last(self) -> Frame | None:
        """The newest frame, whatever its age."""
        return self._frames[-1] if self._frames else None

    def append(self, frame: Frame) -> None:
        """Add the next frame and let go of those too old, too many or too large; the newest is always kept."""
        frames = self._frames
        frames.append(frame)
        self.count = frame.ordinal
        self.held_bytes += len(frame.sse)
        oldest_s = frame.at_s - self._ring_age_s
        while frames[0].at_s < oldest_s or len(frames) > self._ring_frames:
            self.held_bytes -= len(frames.popleft().sse)
        while self.held_bytes > self._room.each_bytes and len(frames) > 1:
            self.held_bytes -= len(frames.popleft().sse)
            self.cut += 1

    def held(self) -> int:
        """How many frames the ring holds."""
        return len(self._frames)

    def newer_than(self, count: int) -> list[Frame]:
        """The frames after the first *count*, oldest first, as far as the ring holds them."""
        wanted = min(self.count - count, len(self._frames))
        if wanted <= 0:
            return []
        return list(itertools.islice(self._frames, len(self._frames) - wanted, None))

    def cursor_at(self, sequence: int) -> int:
        """The cursor of somebody who has had everything up to *sequence*."""
        newer = 0
        for frame in reversed(self._frames):
            if frame.sequence <= sequence:
                break
            newer += 1
        return self.count - newer

    def unseen(self, cursor: int, *, may_skip: bool) -> list[tuple[Frame, int]]:
        """What a viewer at *cursor* gets now: frames, each with how many were missed just before it."""
        behind = self.count - cursor
        if behind <= 0:
            return []
        if may_skip and self.conflates and behind > CATCH_UP_FRAMES and self._frames:
            return [(self._frames[-1], behind - 1)]
        frames = self.newer_than(cursor)
        lost = behind - len(frames)
        return [(frame, lost if index == 0 else 0) for index, frame in enumerate(frames)]
