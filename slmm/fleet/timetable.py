"""When a meter's worker does what: readings, chores between them, the 100 ms stream, and whose turn it is."""

from __future__ import annotations

from slmm.fleet import pacing
from slmm.fleet.pacing import Cadences, Demand

READINGS_PER_CHORE = 4
"""Readings between two exchanges that show no levels, so that a feed is never halved by them."""
HELD_RETRY_S = 15.0
"""A meter that does not answer during a transfer is left alone so long: reconnecting wedges real meters."""
STREAM_RETRY_S = 30.0
"""Pause after a meter has refused to stream."""


class Timetable:
    """All times are monotonic seconds, and every question is asked with the present one."""

    def __init__(self, cadences: Cadences, *, pacing_s: float, not_before_s: float) -> None:
        self.demand = Demand(is_allowed=False)
        self.failures = 0
        """Failed polls in a row."""
        self._cadences = cadences
        self._pacing_s = pacing_s
        self._not_before_s = not_before_s
        self._last_poll_s: float | None = None
        self._readings_since_chore = 0
        self._stream_not_before_s = 0.0

    @property
    def pause_s(self) -> float | None:
        """Seconds between polls at present, back-off included; None when nobody wants one."""
        return pacing.interval_s(self.demand, self.failures, self._cadences)

    # -- what happened ------------------------------------------------------------------------------

    def demand_changed(self, demand: Demand) -> None:
        """Somebody came or went: look at once."""
        self.demand = demand
        self._not_before_s = 0.0

    def polled(self, now_s: float) -> None:
        """A reading was taken."""
        self._last_poll_s = now_s
        self._readings_since_chore += 1

    def chore_done(self) -> None:
        """A chore took the place of a reading."""
        self._readings_since_chore = 0

    def look_now(self) -> None:
        """What kept the meter from answering is over."""
        self._not_before_s = self._stream_not_before_s = 0.0
        self._last_poll_s = None

    def failed(self, now_s: float, *, is_held: bool = False) -> None:
        """An exchange failed: readings and stream wait for the back-off, or for what holds the meter."""
        self._last_poll_s = now_s
        if is_held:
            self._not_before_s = now_s + HELD_RETRY_S
        pause_s = pacing.interval_s(self.demand, max(1, self.failures), self._cadences)
        self._stream_not_before_s = now_s + (pause_s or self._cadences.backoff_watched_max_s)

    def stream_refused(self, now_s: float) -> None:
        """The meter does not stream at present."""
        self._stream_not_before_s = now_s + STREAM_RETRY_S

    def stream_wanted(self) -> None:
        """The first viewer of the stream has come."""
        self._stream_not_before_s = 0.0

    # -- what is due --------------------------------------------------------------------------------

    def poll_due_s(self, ready_s: float, now_s: float, *, is_chore_waiting: bool, is_state_known: bool) -> float | None:
        """When the next reading or chore is due; None when nobody wants one."""
        pause_s = self.pause_s
        if pause_s is None:
            return None
        due_s = max(self._not_before_s, ready_s)
        if self._last_poll_s is not None and not (
            is_chore_waiting and self.is_chores_turn(ready_s, now_s, is_state_known=is_state_known)
        ):
            due_s = max(due_s, self._last_poll_s + pause_s)
        return due_s

    def stream_due_s(self, ready_s: float) -> float | None:
        """When the 100 ms stream is to begin; None when nobody wants it."""
        if not (self.demand.is_allowed and self.demand.is_streamed):
            return None
        return max(self._stream_not_before_s, ready_s)

    def is_chores_turn(self, ready_s: float, now_s: float, *, is_state_known: bool) -> bool:
        """Whether a chore goes before the next reading.

        The first reading comes first and an unknown run state follows at once. After that chores use the time
        between two readings, or, where there is none to spare, the place of every fifth.
        """
        if self.failures:
            return False
        if not is_state_known or self.demand.is_streamed:  # a stream is interrupted by the reading anyway
            return self._readings_since_chore >= 1
        return self._readings_since_chore >= READINGS_PER_CHORE or self._has_time_to_spare(ready_s, now_s)

    def _has_time_to_spare(self, ready_s: float, now_s: float) -> bool:
        """Whether one more exchange, and the rest it demands, ends before the next reading is due."""
        pause_s = self.pause_s
        if pause_s is None or self._last_poll_s is None:
            return False
        return self._last_poll_s + pause_s - max(ready_s, now_s) >= self._pacing_s
