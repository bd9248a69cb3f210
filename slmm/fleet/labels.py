"""What a meter's figures are called: weightings and percentiles, read once per connection.

One value per turn, between two polls, so that a feed never pauses for more than one exchange.
"""

from __future__ import annotations

from slmm.events import Labels
from slmm.nl43.meter import Meter

SETTINGS = (
    "Frequency Weighting (Main)",
    "Time Weighting (Main)",
    "Percentile 1",
    "Percentile 2",
    "Percentile 3",
    "Percentile 4",
    "Percentile 5",
)


class LabelReader:
    """Walks through the settings that name the figures."""

    def __init__(self) -> None:
        self._values: dict[str, str | None] = {}
        self._left: list[str] = list(SETTINGS)

    @property
    def has_more(self) -> bool:
        """Whether a setting waits to be read."""
        return bool(self._left)

    def start_over(self) -> None:
        """Read everything again: the connection is new, and somebody may have used the keypad."""
        self._left = list(SETTINGS)

    def forget(self) -> None:
        """Another meter stands at this address now."""
        self._values.clear()
        self.start_over()

    def read_next(self, meter: Meter) -> Labels | None:
        """Read one setting; the labels if this changed them. A setting the meter lacks stays None."""
        name = self._left[0]
        value = meter.read_setting(name)
        self._left.pop(0)
        if name in self._values and self._values[name] == value:
            return None
        self._values[name] = value
        return Labels(
            frequency_weighting=self._values.get(SETTINGS[0]),
            time_weighting=self._values.get(SETTINGS[1]),
            percentiles=tuple(self._values.get(name) for name in SETTINGS[2:]),
        )
