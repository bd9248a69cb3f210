"""What is read from a meter beside its levels: run state, names of the figures, health; one exchange a turn."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from slmm.fleet.health import HealthReader
from slmm.fleet.labels import LabelReader
from slmm.fleet.ledger import Ledger
from slmm.nl43.meter import Meter


class Chores:
    """The list of one meter."""

    def __init__(self, ledger: Ledger, *, state_refresh_s: float, health_refresh_s: float, zone: ZoneInfo) -> None:
        self.labels = LabelReader()
        self.health = HealthReader(health_refresh_s, zone)
        self._ledger = ledger
        self._state_refresh_s = state_refresh_s

    def are_waiting(self) -> bool:
        """Whether there is anything to read."""
        return self._ledger.is_state_stale(self._state_refresh_s) or self.labels.has_more or self.health.is_waiting()

    def do_next(self, meter: Meter) -> None:
        """Do the most urgent one; raises a DeviceError when the meter does not answer."""
        if self._ledger.is_state_stale(self._state_refresh_s):
            meter.read_run_state()
        elif self.labels.has_more:
            if labels := self.labels.read_next(meter):
                self._ledger.take_labels(labels)
        elif self.health.is_waiting():
            self.health.read_next(meter, self._ledger.status)
        self._ledger.judge(None)
