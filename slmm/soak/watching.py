"""Viewers: one observer who misses nothing, and a crowd that comes, dawdles, goes and comes back."""

from __future__ import annotations

import random
import time
from collections import deque
from collections.abc import Callable
from typing import Any

import gevent
from gevent.event import Event

from slmm.soak.readings import Book, Id, Visit, of_line, of_members, seconds
from slmm.soak.streams import EventStream, StreamEnded

KEPT_IDS = 20_000
MEASURING = ("Start", None)
"""What a meter that always measures may be said to do; None is not known yet."""
SMALL_BUFFER = 4096
LONGEST_VISIT_S = 40.0


def event_id(text: str) -> Id:
    """Boot and sequence of ``<boot>-<sequence>``."""
    boot, _, sequence = text.rpartition("-")
    return boot, int(sequence)


class Observer:
    """Follows all units over one stream, through every restart, and puts down every frame."""

    def __init__(self, port: int, books: dict[str, Book]) -> None:
        self.frames = 0
        self.complaints: list[str] = []
        self.ids: dict[str, deque[Id]] = {unit_id: deque(maxlen=KEPT_IDS) for unit_id in books}
        self.last_frame_s = dict.fromkeys(books, 0.0)
        """When the newest reading of a unit was taken, as the service says."""
        self.told_lost: dict[str, list[float]] = {unit_id: [] for unit_id in books}
        """When viewers were told that a unit is out of reach."""
        self._port = port
        self._books = books
        self._news = Event()

    def run(self) -> None:
        """Watch until killed."""
        last_id = ""
        while True:
            try:
                with EventStream(self._port, "/api/nl43/_monitor/events", last_id=last_id) as stream:
                    while True:
                        name, ident, data = stream.next()
                        last_id = ident or last_id
                        if not name and ident:
                            self._take(event_id(ident), data)
            except StreamEnded:
                gevent.sleep(0.2)

    def _take(self, ident: Id, frame: dict[str, Any]) -> None:
        unit_id = frame["unit_id"]
        ids = self.ids.get(unit_id)
        if ids is None or (ids and ids[-1] == ident):  # the newest comes again with a new stream
            return
        ids.append(ident)
        if "skipped" in frame:
            self.complaints.append(f"the observer of {unit_id} missed {frame['skipped']} frames")
        if frame["feed_status"] != "ok":
            self.told_lost[unit_id].append(seconds(frame["timestamp"]))
            return
        self.frames += 1
        levels = of_members(frame)
        if levels != of_line(frame["raw_payload"]):
            self.complaints.append(f"a frame of {unit_id} says {levels} of the line {frame['raw_payload'][:80]!r}")
        if frame["measurement_state"] not in MEASURING:
            self.complaints.append(f"{unit_id} is said to be in state {frame['measurement_state']!r}")
        self._books[unit_id].published[frame["timestamp"]] = levels
        self.last_frame_s[unit_id] = max(self.last_frame_s[unit_id], seconds(frame["timestamp"]))
        self._news.set()

    def frame_after(self, unit_id: str, at_s: float, within_s: float) -> float | None:
        """When the first reading seen after *at_s* (Unix time) was taken; None when none comes in time."""
        deadline_s = time.monotonic() + within_s
        while (seen_s := self.last_frame_s[unit_id]) <= at_s:
            left_s = deadline_s - time.monotonic()
            if left_s <= 0:
                return None
            self._news.clear()
            self._news.wait(left_s)
        return seen_s


class Crowd:
    """Viewers of single units; what each got is checked later, when the observer has surely had it, too."""

    def __init__(self, port: int, units: list[str], is_over: Callable[[], bool]) -> None:
        self.visits = 0
        self.returns = 0
        self.skipped = 0
        """Frames that viewers were told they had missed."""
        self.done: list[tuple[float, Visit]] = []
        """Visits that wait to be checked, with the Unix time they ended at."""
        self._port = port
        self._units = units
        self._is_over = is_over

    def come_and_go(self, seed: int, *, is_slow: bool) -> None:
        """One viewer after the other until all is over."""
        chance = random.Random(seed)
        while not self._is_over():
            visit = Visit(chance.choice(self._units))
            leaves_s = time.monotonic() + chance.uniform(2.0, LONGEST_VISIT_S)
            self.visits += 1
            self._look(visit, leaves_s, chance, is_slow=is_slow)
            if visit.got and chance.random() < 0.5 and not self._is_over():
                gevent.sleep(chance.uniform(0.2, 3.0))
                self.returns += 1
                self._look(visit, time.monotonic() + chance.uniform(2.0, 10.0), chance, is_slow=is_slow)
            self.done.append((time.time(), visit))
            gevent.sleep(chance.uniform(0.1, 2.0))

    def _look(self, visit: Visit, leaves_s: float, chance: random.Random, *, is_slow: bool) -> None:
        last_id = f"{visit.got[-1][0][0]}-{visit.got[-1][0][1]}" if visit.got else ""
        buffer = SMALL_BUFFER if is_slow else None
        try:
            with EventStream(
                self._port, f"/api/nl43/{visit.unit_id}/monitor/events", receive_buffer=buffer, last_id=last_id
            ) as stream:
                while time.monotonic() < leaves_s and not self._is_over():
                    name, ident, frame = stream.next()
                    if name or not ident:
                        continue
                    skipped = int(frame.get("skipped", 0))
                    self.skipped += skipped
                    visit.got.append((event_id(ident), skipped))
                    if is_slow and chance.random() < 0.05:
                        gevent.sleep(chance.uniform(4.0, 20.0))
        except StreamEnded:
            gevent.sleep(0.5)  # the service was killed; what came so far is checked all the same
