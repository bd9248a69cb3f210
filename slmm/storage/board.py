"""The status board: the latest state of every unit, in memory; the recorder writes it behind."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import select

from slmm.events import Labels, Levels, Reading, RunState
from slmm.storage.database import Database
from slmm.storage.models import StatusRow

_LEVELS = tuple(item.name for item in dataclasses.fields(Levels) if item.name in StatusRow.__table__.columns)


@dataclass(slots=True)
class UnitStatus:
    """What is known of one unit; changed by its worker alone."""

    unit_id: str
    reading: Reading | None = None
    labels: Labels = field(default_factory=Labels)
    run_state: RunState | None = None
    state_read_at: datetime | None = None
    """When the run state was last recognised; None while nobody has looked since the contact was lost or we began."""
    measurement_started_at: datetime | None = None
    store_name: str | None = None
    """What the running measurement is stored under, as last read; not kept over a restart."""
    is_reachable: bool | None = None
    consecutive_failures: int = 0
    last_poll_attempt: datetime | None = None
    last_success: datetime | None = None
    last_error: str | None = None
    battery_level: str | None = None
    power_source: str | None = None
    sd_remaining_mb: str | None = None
    sd_free_ratio: str | None = None
    device_clock: datetime | None = None
    """The meter's own clock when it was last read, naive local time."""
    clock_read_at: datetime | None = None
    clock_offset_s: float | None = None
    """Seconds by which the meter's clock is ahead of ours."""
    sd_days_left: float | None = None
    """Days until the SD card is full at the present rate."""
    stopped_by_itself_at: datetime | None = None
    """When a measurement was seen to have ended that nobody stopped through us."""
    verdict: str | None = None
    """Why the meter is lost, as a stable word such as ``wedged``; None while it answers."""
    sleep_mode: str | None = None
    held_by: str | None = None
    """What keeps the meter from answering, such as a transfer; not kept over a restart."""


class StatusBoard:
    """One status per unit, and which of them changed since they were last written."""

    def __init__(self) -> None:
        self._statuses: dict[str, UnitStatus] = {}
        self._changed: set[str] = set()
        self._read: set[str] = set()

    def status(self, unit_id: str) -> UnitStatus:
        """The status of a unit; an empty one for a unit not seen yet."""
        return self._statuses.setdefault(unit_id, UnitStatus(unit_id))

    def all(self) -> list[UnitStatus]:
        """Every status there is, by unit."""
        return [self._statuses[unit_id] for unit_id in sorted(self._statuses)]

    def mark_changed(self, unit_id: str) -> None:
        """The status of this unit is to be written."""
        self._changed.add(unit_id)

    def mark_read(self, unit_id: str) -> None:
        """Nothing but the reading is new: it is written with the next round of all readings."""
        self._read.add(unit_id)

    def forget(self, unit_id: str) -> None:
        """The unit is gone."""
        self._statuses.pop(unit_id, None)
        self._changed.discard(unit_id)
        self._read.discard(unit_id)

    def take_changed(self, *, with_readings: bool = True) -> list[UnitStatus]:
        """Copies of what changed since the last call; without mere readings where those can wait."""
        changed, self._changed = self._changed, set()
        if with_readings:
            changed |= self._read
            self._read = set()
        return [dataclasses.replace(self._statuses[unit_id]) for unit_id in changed if unit_id in self._statuses]

    def restore(self, database: Database) -> None:
        """Take over what an earlier run saved."""
        rows = database.read(lambda session: list(session.scalars(select(StatusRow))))
        for row in rows:
            self._statuses[row.unit_id] = _from_row(row)

    def restore_new(self, database: Database) -> list[UnitStatus]:
        """Take over what is saved of units that are not looked after yet; which."""
        rows = database.read(lambda session: list(session.scalars(select(StatusRow))))
        new = [_from_row(row) for row in rows if row.unit_id not in self._statuses]
        self._statuses.update({status.unit_id: status for status in new})
        return new


def to_row(status: UnitStatus) -> dict[str, Any]:
    """The columns of a status."""
    reading = status.reading
    main, labels = reading.main if reading else Levels(), status.labels
    return {
        "unit_id": status.unit_id,
        "last_seen": reading and reading.at,
        "measurement_state": status.run_state and status.run_state.value,
        "measurement_start_time": status.measurement_started_at,
        "counter": reading and reading.counter,
        **{name: getattr(main, name) for name in _LEVELS},
        "labels": {
            "frequency_weighting": labels.frequency_weighting,
            "time_weighting": labels.time_weighting,
            "percentiles": list(labels.percentiles),
        },
        "raw_payload": reading and reading.raw,
        "battery_level": status.battery_level,
        "power_source": status.power_source,
        "sd_remaining_mb": status.sd_remaining_mb,
        "sd_free_ratio": status.sd_free_ratio,
        "is_reachable": status.is_reachable,
        "consecutive_failures": status.consecutive_failures,
        "last_poll_attempt": status.last_poll_attempt,
        "last_success": status.last_success,
        "last_error": status.last_error,
    }


def _from_row(row: StatusRow) -> UnitStatus:
    saved: dict[str, Any] = dict(row.labels or {})
    labels = Labels(
        saved.get("frequency_weighting"),
        saved.get("time_weighting"),
        tuple(saved.get("percentiles") or [None] * 5),
    )
    run_state = RunState(row.measurement_state) if row.measurement_state in set(RunState) else None
    reading = None
    if row.last_seen is not None:
        reading = Reading(
            unit_id=row.unit_id,
            at=row.last_seen,
            main=Levels(**{name: getattr(row, name) for name in _LEVELS}),
            raw=row.raw_payload or "",
            run_state=run_state,
            measurement_started_at=row.measurement_start_time,
            counter=row.counter,
            labels=labels,
        )
    return UnitStatus(
        unit_id=row.unit_id,
        reading=reading,
        labels=labels,
        run_state=run_state,
        measurement_started_at=row.measurement_start_time,
        is_reachable=row.is_reachable,
        consecutive_failures=row.consecutive_failures,
        last_poll_attempt=row.last_poll_attempt,
        last_success=row.last_success,
        last_error=row.last_error,
        battery_level=row.battery_level,
        power_source=row.power_source,
        sd_remaining_mb=row.sd_remaining_mb,
        sd_free_ratio=row.sd_free_ratio,
    )
