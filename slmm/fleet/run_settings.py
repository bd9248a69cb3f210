"""What a running measurement is stored under and made with, read once for each run; one value a turn.

Weightings and percentiles belong to it too: they are read as labels.
"""

from __future__ import annotations

from collections.abc import Mapping

from slmm.fleet.procedures import REAL_NAMES, SETTINGS
from slmm.nl43.meter import Meter

STORE_NAME = "Store Name"
_WANTED: Mapping[str, str] = {
    member: {**SETTINGS, **REAL_NAMES}[member]
    for member in ("store_mode", "lp_interval", "leq_interval", "measurement_time", "measurement_time_auto")
}
"""By their names in ``slmm.fleet.procedures``, with those of the meter."""


class RunSettingsReader:
    """Walks through them; a setting the meter lacks is left out."""

    def __init__(self) -> None:
        self.store_name: str | None = None
        self.values: dict[str, str] = {}
        self._left: list[str] = []

    @property
    def has_more(self) -> bool:
        """Whether a setting waits to be read."""
        return bool(self._left)

    def start_over(self) -> None:
        """Another run may have begun, or somebody has changed a setting."""
        self.store_name = None
        self.values = {}
        self._left = [STORE_NAME, *_WANTED]

    def read_next(self, meter: Meter) -> bool:
        """Read one setting; tells whether there is something to tell: the store name, or all of them."""
        member = self._left[0]
        value = meter.read_setting(_WANTED.get(member, member))
        self._left.pop(0)
        if member == STORE_NAME:
            self.store_name = value
        elif value is not None:
            self.values[member] = value
        return member == STORE_NAME or not self._left
