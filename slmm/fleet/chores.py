"""What is read from a meter beside its levels, one exchange a turn: run state, settings, names of figures, health."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from slmm.events import RunState
from slmm.fleet.health import HealthReader
from slmm.fleet.labels import LabelReader
from slmm.fleet.ledger import Ledger
from slmm.fleet.run_settings import RunSettingsReader
from slmm.nl43.meter import Meter


class Chores:
    """The list of one meter."""

    def __init__(self, ledger: Ledger, *, state_refresh_s: float, health_refresh_s: float, zone: ZoneInfo) -> None:
        self.labels = LabelReader()
        self.run_settings = RunSettingsReader()
        self.health = HealthReader(health_refresh_s, zone)
        self._ledger = ledger
        self._state_refresh_s = state_refresh_s
        self._runs_seen = 0

    def read_settings_again(self) -> None:
        """Somebody may have changed a setting."""
        self.labels.start_over()
        self.run_settings.start_over()

    def are_waiting(self) -> bool:
        """Whether there is anything to read."""
        if self._ledger.runs_seen != self._runs_seen:  # set at the keypad while nothing ran, perhaps
            self._runs_seen = self._ledger.runs_seen
            self.read_settings_again()
        is_stale = self._ledger.is_state_stale(self._state_refresh_s)
        return is_stale or self.labels.has_more or self._is_run_to_be_read() or self.health.is_waiting()

    def _is_run_to_be_read(self) -> bool:
        return self.run_settings.has_more and self._ledger.status.run_state is RunState.MEASURING

    def do_next(self, meter: Meter) -> None:
        """Do the most urgent one; raises a DeviceError when the meter does not answer."""
        if self._ledger.is_state_stale(self._state_refresh_s):
            meter.read_run_state()
        elif self.labels.has_more:
            if labels := self.labels.read_next(meter):
                self._ledger.take_labels(labels)
        elif self._is_run_to_be_read():
            if self.run_settings.read_next(meter):
                self._ledger.take_run_settings(self.run_settings.store_name, self.run_settings.values)
        elif self.health.is_waiting():
            self.health.read_next(meter, self._ledger.status)
        self._ledger.judge(None)
