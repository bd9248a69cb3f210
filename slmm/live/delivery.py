"""Frames on their way from the feeds to who follows them, in the order they were published, through one queue.

They go out at once while few watch, by the broadcaster's greenlet in slices when many do, so that the hub
is never held for long.
"""

from __future__ import annotations

import secrets
import time
from collections import deque
from collections.abc import Callable

import gevent
from gevent.event import Event

from slmm.live import encoding
from slmm.live.feed import Feed, Frame, sse_event
from slmm.live.formats import Format
from slmm.live.viewer import Viewer

SLICE_VIEWERS = 200
"""Writes between two switches of greenlets: about 3 ms."""


class Delivery:
    """Who follows which feed, and the one place that writes frames to viewers."""

    def __init__(self) -> None:
        self.boot = secrets.token_hex(4)
        """First part of every event's id: sequences of another life of the service mean nothing."""
        self.followers: dict[Feed, dict[Viewer, None]] = {}
        self.frames_written = 0
        self.is_under_way = False
        """Whether a frame is being written at this moment."""
        self._sequence = 0
        self._delivered = 0
        self._outgoing: deque[tuple[Feed, Frame]] = deque()
        self._news = Event()

    def delivered(self) -> int:
        """The sequence of the last frame that was handed to its followers."""
        return self._delivered

    def publish(self, feed: Feed, payload: encoding.Payload, event: str = "") -> None:
        """Append a frame to *feed* and hand it to all who follow; never waits."""
        self._sequence += 1
        feed.issued += 1
        data = encoding.json_bytes(payload)
        event_id = f"{self.boot}-{self._sequence}"
        frame = Frame(
            sequence=self._sequence,
            ordinal=feed.issued,
            at_s=time.monotonic(),
            boot=self.boot,
            event=event,
            sse=sse_event(data, event=event, event_id=event_id),
        )
        self._outgoing.append((feed, frame))
        if self.is_under_way:
            return
        if len(self._outgoing) == 1 and len(self.followers.get(feed, ())) <= SLICE_VIEWERS:
            self._deliver_next(pause=None)
        else:
            self._news.set()

    def _deliver_next(self, pause: Callable[[], None] | None) -> None:
        feed, frame = self._outgoing.popleft()
        feed.append(frame)
        self._delivered = frame.sequence
        followers = self.followers.get(feed)
        if not followers:
            return
        encoded: dict[Format, bytes] = {}
        now_s = time.monotonic()
        self.is_under_way = True
        try:
            for index, viewer in enumerate(list(followers) if pause else followers, 1):
                data = encoded.get(viewer.form)
                if data is None:
                    data = encoded[viewer.form] = viewer.form.frame(frame, 0)
                viewer.push(feed, frame, data, now_s)
                if pause and index % SLICE_VIEWERS == 0:
                    pause()
            self.frames_written += len(followers)
        finally:
            self.is_under_way = False

    def broadcast(self) -> None:
        """Deliver what is too much for the greenlet that publishes, for ever."""
        while True:
            self._news.wait()
            self._news.clear()
            while self._outgoing:
                self._deliver_next(pause=lambda: gevent.sleep(0))
