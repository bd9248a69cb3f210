"""A clock that never steps: seconds since the epoch as they were at the start, plus monotonic time.

What waits for a time to pass runs on it. When the wall clock is set, timers go on; only what people read is corrected.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime

STEP_S = 2.0
"""A difference beyond this is somebody setting the clock; below it is measuring noise."""


class SteadyClock:
    """Steady seconds, and their relation to UTC."""

    def __init__(
        self, wall_s: Callable[[], float] = time.time, monotonic_s: Callable[[], float] = time.monotonic
    ) -> None:
        self._wall_s = wall_s
        self._monotonic_s = monotonic_s
        self._origin_s = wall_s() - monotonic_s()
        self.ahead_s = 0.0
        """How far UTC is ahead of the steady seconds since the clock was set."""

    def now_s(self) -> float:
        """Steady seconds."""
        return self._origin_s + self._monotonic_s()

    def now(self) -> datetime:
        """The present instant, by the wall clock as it was when last looked at."""
        return self.instant(self.now_s())

    def check(self) -> float | None:
        """Take over a step of the wall clock; how far it went in s, or None."""
        step_s = self._wall_s() - self.now_s() - self.ahead_s
        if abs(step_s) <= STEP_S:
            return None
        self.ahead_s += step_s
        return step_s

    def instant(self, steady_s: float) -> datetime:
        """The UTC instant of steady seconds."""
        return datetime.fromtimestamp(steady_s + self.ahead_s, UTC)

    def steady_s(self, at: datetime) -> float:
        """The steady seconds of an instant."""
        return at.timestamp() - self.ahead_s
