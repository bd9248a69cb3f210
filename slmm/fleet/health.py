"""How a meter itself is doing: clock, battery and SD card, read now and then between two readings."""

from __future__ import annotations

import time
from collections import deque
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from slmm.errors import Garbled, Refused
from slmm.nl43.meter import Meter
from slmm.storage.board import UnitStatus

SD_SAMPLES = 96
"""Free space is remembered so often: a day at the usual quarter of an hour."""
LEAST_SD_SPAN_S = 1800.0
"""A rate from less than this is noise: the card is written in blocks."""
SECONDS_A_DAY = 86_400.0


def clock_offset_s(device_clock: datetime, at: datetime, zone: ZoneInfo) -> float:
    """Seconds by which the meter's naive local clock is ahead of ours; it shows whole seconds, cut off."""
    local = at.astimezone(zone).replace(tzinfo=None)
    return (device_clock - local).total_seconds() + 0.5


def sd_days_left(samples: list[tuple[float, float]]) -> float | None:
    """Days until the card is full, from (seconds, free MB) samples; None when it does not shrink measurably."""
    if len(samples) < 2:
        return None
    (first_s, first_mb), (last_s, last_mb) = samples[0], samples[-1]
    if last_s - first_s < LEAST_SD_SPAN_S or first_mb <= last_mb:
        return None
    return last_mb * (last_s - first_s) / (first_mb - last_mb) / SECONDS_A_DAY


class HealthReader:
    """Walks through what tells how the meter is doing; one value a turn."""

    def __init__(self, every_s: float, zone: ZoneInfo) -> None:
        self._every_s = every_s
        self.zone = zone
        self._left: list[str] = []
        self._due_s = 0.0
        self._sd_samples: deque[tuple[float, float]] = deque(maxlen=SD_SAMPLES)

    def is_waiting(self) -> bool:
        """Whether a value is to be read."""
        if not self._left and time.monotonic() >= self._due_s:
            self._left = ["Clock", "Battery Level", "SD Card Free Size", "Sleep Mode"]
            self._due_s = time.monotonic() + self._every_s
        return bool(self._left)

    def start_over(self) -> None:
        """Read everything anew: the clock has been set, or a card changed."""
        self._due_s = 0.0

    def read_next(self, meter: Meter, status: UnitStatus) -> None:
        """Read one value into the status; what the meter refuses or garbles stays as it was."""
        name = self._left.pop(0)
        try:
            if name == "Clock":
                status.device_clock = meter.read_clock()
                at = datetime.now(UTC)
                status.clock_read_at = at
                status.clock_offset_s = clock_offset_s(status.device_clock, at, self.zone)
            elif name == "Battery Level":
                status.battery_level = meter.read_battery()
            elif name == "Sleep Mode":
                status.sleep_mode = meter.read_value(name)
            else:
                self._take_sd(float(meter.read_value(name).split()[0]), status)
        except (Refused, Garbled, ValueError, IndexError):
            return

    def _take_sd(self, free_mb: float, status: UnitStatus) -> None:
        if self._sd_samples and free_mb > self._sd_samples[-1][1]:
            self._sd_samples.clear()  # another card, or files were deleted
        self._sd_samples.append((time.monotonic(), free_mb))
        status.sd_remaining_mb = f"{free_mb:g}"
        status.sd_days_left = sd_days_left(list(self._sd_samples))
