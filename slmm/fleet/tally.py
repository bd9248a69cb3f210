"""What all links together have done: latencies and results by command, connections made, gaps between polls."""

from __future__ import annotations

import time
from collections import Counter
from operator import itemgetter
from typing import Protocol

from slmm.events import FeedMode
from slmm.nl43.link import Exchange, LinkWatch
from slmm.tallies import Histogram, Histograms

LATENCY_S = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 3.0, 5.0, 10.0)
"""The manual allows a meter 3 s; a modem needs some tenths."""
GAP_S = (1.0, 1.1, 1.25, 1.5, 2.0, 3.0, 5.0, 10.0, 15.0, 30.0, 60.0, 300.0, 900.0)
"""A watched meter is read every 1 to 1.3 s; one that is only kept alive every 10 s."""
POLL = "DOD"


class Reader(Protocol):
    """What is asked of a worker."""

    @property
    def unit_id(self) -> str:
        """The unit it reads."""

    mode: FeedMode


class FleetTally:
    """Counts since the service started, over all units."""

    def __init__(self) -> None:
        self.exchanges_s: Histograms[tuple[str, str]] = Histograms(LATENCY_S)
        """By command and result."""
        self.gaps_s: Histograms[str] = Histograms(GAP_S)
        self.opened: Counter[str] = Counter()

    def results(self) -> list[tuple[tuple[str, str], int]]:
        """How often a command had which result."""
        return [(key, found.count) for key, found in sorted(self.exchanges_s, key=itemgetter(0))]

    def latency_s(self) -> list[tuple[str, Histogram]]:
        """How long a command took, whatever came of it."""
        by_command: dict[str, Histogram] = {}
        for (command, _), found in sorted(self.exchanges_s, key=itemgetter(0)):
            by_command.setdefault(command, Histogram(LATENCY_S)).add(found)
        return list(by_command.items())

    def watch(self, reader: Reader) -> LinkTally:
        """Somebody who is told what happens on the link of *reader*."""
        return LinkTally(self, reader)


class LinkTally(LinkWatch):
    """Counts for one link."""

    def __init__(self, tally: FleetTally, reader: Reader) -> None:
        self._tally = tally
        self._reader = reader
        self._polled_s = 0.0
        self._mode: FeedMode | None = None
        """Of the last poll; a gap between two cadences would say nothing about either."""

    def opened(self, peer: str) -> None:
        """Told by the link."""
        self._tally.opened[self._reader.unit_id] += 1

    def exchanged(self, exchange: Exchange) -> None:
        """Told by the link: costs a count and a look for its bucket."""
        name = exchange.command.name
        self._tally.exchanges_s.take((name, exchange.result), exchange.duration_s)
        if name == POLL and exchange.error is None:
            self._count_gap()

    def _count_gap(self) -> None:
        now_s, mode = time.monotonic(), self._reader.mode
        if mode is self._mode:
            self._tally.gaps_s.take(mode, now_s - self._polled_s)
        self._polled_s, self._mode = now_s, mode
