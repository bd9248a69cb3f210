"""One viewer of one or many feeds: up to date and written to by the publisher, or catching up by cursor.

``flowing`` means it has had every frame of every feed it follows; then it costs no bookkeeping and no
greenlet. When its socket blocks, it remembers a cursor per feed, and whoever keeps it is woken to catch up.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from gevent.event import Event

from slmm.live.feed import Feed, Frame
from slmm.live.formats import Format
from slmm.live.outlet import Offer, Outlet

EARLIEST = "earliest"


@dataclass(frozen=True, slots=True)
class Start:
    """Where a viewer begins in each of its feeds."""

    resume: str = ""
    """The id of the last event it had; EARLIEST for all that is held; else the newest frame of each feed."""
    with_newest: bool = False
    """At least the newest frame of every feed, had or not: the viewer passes it on to somebody who has none."""
    replayed: frozenset[str] = frozenset()
    """Units of which all that is held is wanted, whatever *resume* says; ``*`` means every one."""

    def cursor(self, feed: Feed, boot: str) -> int:
        """How many frames of *feed* count as had."""
        newest = feed.count - 1 if feed.last and feed.conflates else feed.count
        if self.resume == EARLIEST or not self.replayed.isdisjoint((feed.name, "*")):
            return feed.count - feed.held()
        known_boot, _, sequence = self.resume.rpartition("-")
        if known_boot == boot and sequence.isdecimal():
            cursor = feed.cursor_at(int(sequence))
            return min(cursor, newest) if self.with_newest else cursor
        return newest


NEWEST = Start()


class Viewer:
    """A subscriber; made by ``Hub.join`` and ended by ``Hub.leave``."""

    __slots__ = (
        *("form", "owner", "address", "outlet", "is_flowing", "is_over", "seen_sequence", "last_sent_s", "skipped"),
        *("_wake", "_urgent", "_cursors", "_is_replaying"),
    )

    def __init__(
        self,
        feeds: Iterable[Feed],
        form: Format,
        *,
        boot: str,
        start: Start = NEWEST,
        owner: str = "",
        address: str = "",
    ) -> None:
        self.form = form
        self.owner = owner
        """By what right it follows, such as ``token:3``; empty when nobody has to ask."""
        self.address = address
        self.outlet: Outlet | None = None
        self.is_flowing = False
        self.is_over = False
        self.seen_sequence = 0
        """Frames up to this one are not written again by the publisher."""
        self.last_sent_s = 0.0
        self.skipped = 0
        self._wake: Callable[[], None] = _nobody
        self._urgent = b""
        self._cursors: dict[Feed, int] = {}
        self._is_replaying = True
        for feed in feeds:
            self.follow(feed, boot=boot, start=start)

    def follow(self, feed: Feed, *, boot: str, start: Start = NEWEST) -> None:
        """Get the frames of one feed more, from *start* on as far as the ring reaches back."""
        self._cursors[feed] = start.cursor(feed, boot)

    def unfollow(self, feed: Feed) -> None:
        """Forget a feed that has ended."""
        self._cursors.pop(feed, None)

    @property
    def feeds(self) -> list[Feed]:
        """The feeds it follows."""
        return list(self._cursors)

    def take(self) -> bytes:
        """Everything not had yet, in order of publication; empty when up to date."""
        pending: list[tuple[int, Frame, int]] = []
        for feed, cursor in self._cursors.items():
            if feed.count > cursor:
                unseen = feed.unseen(cursor, may_skip=not self._is_replaying)
                pending += [(frame.sequence, frame, missed) for frame, missed in unseen]
                self._cursors[feed] = feed.count
        self._is_replaying = False
        pending.sort(key=lambda item: item[0])
        self.skipped += sum(missed for _, _, missed in pending)
        urgent, self._urgent = self._urgent, b""
        return b"".join([self.form.frame(frame, missed) for _, frame, missed in pending]) + urgent

    def push(self, feed: Feed, frame: Frame, data: bytes, now_s: float) -> None:
        """Called by the publisher with a frame that stands in the ring already; never waits."""
        if not self.is_flowing:
            self._wake()
            return
        if frame.sequence <= self.seen_sequence or self.outlet is None:
            return
        match self.outlet.offer(data):
            case Offer.SENT:
                self.last_sent_s = now_s
            case Offer.KEPT:
                self._stall(feed, had=frame.ordinal)
            case Offer.REFUSED:
                self._stall(feed, had=frame.ordinal - 1)
            case Offer.GONE:
                self.end()

    def push_urgent(self, data: bytes, now_s: float) -> None:
        """Hand over bytes of no feed (a heartbeat, a farewell); dropped when the socket is full."""
        self.last_sent_s = now_s
        if not self.is_flowing or self.outlet is None:
            self._urgent = data
            self._wake()
            return
        match self.outlet.offer(data):
            case Offer.KEPT:
                self._stall(None, had=0)
            case Offer.GONE:
                self.end()
            case _:
                return

    def _stall(self, feed: Feed | None, *, had: int) -> None:
        for each in self._cursors:
            self._cursors[each] = each.count
        if feed is not None:
            self._cursors[feed] = had
        self.is_flowing = False
        self._wake()

    def end(self) -> None:
        """Have whoever keeps the viewer bring it to its end."""
        self.is_over = True
        self.is_flowing = False
        self._wake()

    def hang_up(self) -> None:
        """End it without a wait for the peer, which takes nothing or has gone."""
        self.end()
        if self.outlet is not None:
            self.outlet.give_up()

    def attach(self, outlet: Outlet, wake: Callable[[], None]) -> None:
        """Write to *outlet* from now on; *wake* is called, from any greenlet, when the viewer is behind or over.

        It must not wait; what it wakes calls ``catch_up``, in a greenlet that may.
        """
        self.outlet, self._wake = outlet, wake

    def detach(self) -> None:
        """Nobody is woken any more."""
        self._wake = _nobody

    def catch_up(self, sequence_now: Callable[[], int]) -> None:
        """Write to the outlet what is missing, waiting for it, until the publisher takes over or the viewer has ended.

        Raises OSError when the peer goes during a write, or takes nothing for too long.
        """
        outlet = self.outlet
        assert outlet is not None
        while not self.is_over:
            if outlet.is_blocked:
                outlet.finish()
            if data := self.take():
                outlet.send(data)
                continue
            # No switch of greenlets happens between an empty take() and this.
            self.seen_sequence = sequence_now()
            self.is_flowing = True
            return
        if self._urgent:
            outlet.offer(self._urgent)

    def chunks(self) -> Iterator[bytes]:
        """The same for servers whose socket is out of reach: pieces for a streaming response."""
        news = Event()
        self._wake = news.set
        while True:
            news.clear()
            if data := self.take():
                yield data
                continue
            if self.is_over:
                return
            news.wait()


def _nobody() -> None:
    """Stands where nobody has to be woken."""
