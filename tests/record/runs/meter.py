"""What the fleet would tell of one meter, and short forms of rows."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

from slmm import events, signals
from slmm.events import Labels, Levels, MeasurementChange, RunSettingsRead, RunState
from slmm.record.runs import Runs
from slmm.storage.board import StatusBoard
from slmm.storage.models import RunRow

START = datetime(2026, 3, 29, 0, 59, 30, tzinfo=UTC)
ALL_LABELS = Labels("A", "F", ("5", "10", "50", "90", "95"))
SETTINGS = {
    "store_mode": "Auto",
    "lp_interval": "100ms",
    "leq_interval": "1m",
    "measurement_time": "Manual",
    "measurement_time_auto": "24h",
}


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


class Meter:
    """What the fleet would tell of one meter."""

    def __init__(self, board: StatusBoard, unit_id: str = "a") -> None:
        self.unit_id = unit_id
        self.board = board
        self.lmax = 80.0
        self.leq = 60.0

    @property
    def status(self) -> object:
        return self.board.status(self.unit_id)

    def change(
        self, second: float, state: RunState, *, asked: bool = False, looked_before_s: float | None = 30.0
    ) -> None:
        before = None if looked_before_s is None else at(second - looked_before_s)
        status = self.board.status(self.unit_id)
        status.run_state, status.state_read_at = state, at(second)
        status.measurement_started_at = at(second) if state is RunState.MEASURING else None
        change = MeasurementChange(self.unit_id, at(second), state, status.measurement_started_at, asked, before)
        signals.publish(signals.measurement_changed, change)

    def start(self, second: float, *, asked: bool = True, looked_before_s: float | None = 30.0) -> None:
        self.change(second, RunState.MEASURING, asked=asked, looked_before_s=looked_before_s)

    def stop(self, second: float, *, asked: bool = True, looked_before_s: float | None = 30.0) -> None:
        self.change(second, RunState.STOPPED, asked=asked, looked_before_s=looked_before_s)

    def found(self, second: float, state: RunState) -> None:
        """The state is read, and is what it was."""
        status = self.board.status(self.unit_id)
        status.run_state, status.state_read_at = state, at(second)

    def show(self, second: float, *, age_s: float, lmax: float | None = None) -> None:
        """A reading of a run of that age."""
        le = round(self.leq + 10 * math.log10(age_s), 1)
        levels = Levels(lp=55.0, leq=self.leq, le=le, lmax=self.lmax if lmax is None else lmax, lmin=40.0)
        status = self.board.status(self.unit_id)
        reading = events.Reading(self.unit_id, at(second), levels, raw="", run_state=status.run_state)
        status.reading = reading
        signals.publish(signals.reading_taken, reading)

    def lose(self, second: float) -> None:
        signals.publish(signals.contact_changed, events.ContactChange(self.unit_id, at(second), False, "gone"))

    def come_back(self, second: float) -> None:
        self.board.status(self.unit_id).state_read_at = None
        signals.publish(signals.contact_changed, events.ContactChange(self.unit_id, at(second), True, "back"))

    def tell_name(self, second: float, store_name: str | None, **settings: str) -> None:
        signals.publish(signals.run_settings_read, RunSettingsRead(self.unit_id, at(second), store_name, settings))


def rows(runs: Runs) -> list[RunRow]:
    """Oldest first."""
    runs.flush()
    return runs.book.find("a")[::-1]


def ends(row: RunRow) -> tuple[float | None, bool, str | None]:
    ended_s = None if row.ended_at is None else (row.ended_at - START).total_seconds()
    return ended_s, row.is_end_exact, row.how


def starts(row: RunRow) -> tuple[float, bool]:
    return (row.started_at - START).total_seconds(), row.is_start_exact
