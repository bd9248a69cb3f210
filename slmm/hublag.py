"""How late the hub runs what is due: the one figure that says whether something blocks everybody.

A greenlet asks to be woken after a short while and looks how much later it was. The runtime starts and stops it.
"""

from __future__ import annotations

import logging
import math
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

import gevent

from slmm.tallies import Histogram

logger = logging.getLogger(__name__)

EVERY_S = 0.25
KEPT = 1200
"""Five minutes."""
LAG_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
LATELY = 40
"""Looks of the last ten seconds."""


@dataclass(frozen=True, slots=True)
class Lag:
    """What the hub was late by over the last minutes; None before it was looked at."""

    samples: int
    span_s: float
    p50_ms: float | None
    p99_ms: float | None
    max_ms: float | None


def share_of(sorted_values: Sequence[float], share: float) -> float | None:
    """The value that this share of all does not exceed (nearest rank); None of nothing."""
    if not sorted_values:
        return None
    return sorted_values[max(0, math.ceil(share * len(sorted_values)) - 1)]


def figures(lags_s: Sequence[float], span_s: float) -> Lag:
    """The figures people look at, in ms."""
    in_order = sorted(lags_s)
    p50, p99, most = (
        None if value is None else round(value * 1000, 2)
        for value in (share_of(in_order, 0.5), share_of(in_order, 0.99), in_order[-1] if in_order else None)
    )
    return Lag(len(in_order), round(span_s, 1), p50, p99, most)


class HubLag:
    """Looks again and again; costs four wake-ups a second."""

    def __init__(self, every_s: float = EVERY_S) -> None:
        self.seen_s = Histogram(LAG_S)
        """All since the start."""
        self._every_s = every_s
        self._lags_s: deque[float] = deque(maxlen=KEPT)
        self._greenlet: gevent.Greenlet | None = None

    def start(self) -> None:
        """Look from now on."""
        greenlet = self._greenlet = gevent.Greenlet(self._run)
        greenlet.name = "hub-lag"
        greenlet.link_exception(lambda dead: logger.critical("greenlet %s died", dead.name))
        greenlet.start()

    def stop(self) -> None:
        """Look no more; what was seen stays."""
        if self._greenlet is not None:
            self._greenlet.kill()
            self._greenlet = None

    def _run(self) -> None:
        while True:
            asked_s = time.monotonic()
            gevent.sleep(self._every_s)
            self.take(time.monotonic() - asked_s - self._every_s)

    def take(self, lag_s: float) -> None:
        """One look; a timer that fires a little early was not late."""
        self._lags_s.append(max(0.0, lag_s))
        self.seen_s.take(max(0.0, lag_s))

    def lately_s(self) -> float:
        """The worst of the last ten seconds; 0 before it was looked at."""
        return max(list(self._lags_s)[-LATELY:], default=0.0)

    def lag(self) -> Lag:
        """What it was over the last minutes."""
        lags_s = list(self._lags_s)
        return figures(lags_s, len(lags_s) * self._every_s + sum(lags_s))
