"""Whether what the clock says of ages may be believed: nothing must be removed because somebody set it to 2080."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from datetime import datetime, timedelta

from slmm.steady import SteadyClock

logger = logging.getLogger(__name__)

FAR = timedelta(days=1)
"""A leap beyond this may be a wrong clock."""
WAIT_S = 86_400.0
"""So long it has to go on as it is before it is believed."""


class Ages:
    """Looks at the clock whenever something is to be removed for its age."""

    def __init__(self, clock: SteadyClock | None = None, monotonic_s: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock or SteadyClock()
        self._monotonic_s = monotonic_s
        self._believed_from_s: float | None = None
        self._is_first = True

    def are_believed(self, now: datetime, last_known: datetime | None) -> bool:
        """Whether to go by *now*; *last_known* is the newest instant on record, which counts for the first look."""
        ahead = timedelta(seconds=self._clock.check() or 0.0)
        if self._is_first and last_known is not None:
            ahead = max(ahead, now - last_known)
        self._is_first = False
        if ahead > FAR:
            self._believed_from_s = self._monotonic_s() + WAIT_S
            logger.warning(
                "the clock is %.0f days ahead of what was last known: nothing is removed for its age within a day",
                ahead / timedelta(days=1),
            )
        elif ahead < -FAR:
            self._believed_from_s = None  # it was set right
        return not self.is_in_doubt

    @property
    def is_in_doubt(self) -> bool:
        """Whether nothing is removed for its age at present."""
        return self._believed_from_s is not None and self._monotonic_s() < self._believed_from_s
