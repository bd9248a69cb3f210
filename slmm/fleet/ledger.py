"""What has been learned about one meter: contact, run state and readings; kept on the board, told by signal."""

from __future__ import annotations

import logging
import time
from datetime import UTC, datetime

from slmm import events, signals
from slmm.errors import DeviceBusy, DeviceDisabled, DeviceError, NotConfirmed, Refused
from slmm.fleet import contact
from slmm.fleet.contact import Contact
from slmm.nl43.readings import quality_flags
from slmm.storage.board import StatusBoard

logger = logging.getLogger(__name__)


def utc_now() -> datetime:
    """The wall clock, aware."""
    return datetime.now(UTC)


class Ledger:
    """The book a worker keeps about its meter."""

    def __init__(self, unit_id: str, board: StatusBoard) -> None:
        self.unit_id = unit_id
        self.status = board.status(unit_id)
        self.contact = Contact()
        self.state_read_s: float | None = None
        """Monotonic time of the last recognised run state; None when it has to be read anew."""
        self._board = board
        self._lost_s: float | None = None
        self._previous: events.Levels | None = None

    def is_state_stale(self, refresh_s: float) -> bool:
        """Whether the run state is to be read again."""
        return self.state_read_s is None or time.monotonic() - self.state_read_s >= refresh_s

    def take(self, channels: tuple[events.Levels, ...], raw: str) -> events.Reading:
        """A display line that has just arrived: a reading with all that is known about its run, published."""
        main, status = channels[0], self.status
        is_measuring = status.run_state is events.RunState.MEASURING
        reading = events.Reading(
            unit_id=self.unit_id,
            at=utc_now(),
            main=main,
            raw=raw,
            subs=channels[1:],
            run_state=status.run_state,
            measurement_started_at=status.measurement_started_at,
            flags=quality_flags(main, self._previous, is_measuring),
            labels=status.labels,
        )
        self._previous = main
        status.reading = reading
        self.judge(None)  # that the meter is found again is told before the reading that shows it
        signals.publish(signals.reading_taken, reading)
        return reading

    def take_labels(self, labels: events.Labels) -> None:
        """Weightings and percentiles that differ from what was known."""
        self.status.labels = labels
        self._board.mark_changed(self.unit_id)
        signals.publish(signals.labels_read, events.LabelsRead(self.unit_id, utc_now(), labels))

    def take_run_state(self, state: events.RunState) -> None:
        """A recognised run state; only a change between two of them is a start or a stop."""
        self.state_read_s = time.monotonic()
        before, self.status.run_state = self.status.run_state, state
        if before is state:
            return
        now = utc_now()
        self.status.measurement_started_at = now if before and state is events.RunState.MEASURING else None
        self._previous = self._previous and events.Levels()  # a new run owes nothing to the old one
        self._board.mark_changed(self.unit_id)
        if before is not None:
            change = events.MeasurementChange(self.unit_id, now, state, self.status.measurement_started_at)
            signals.publish(signals.measurement_changed, change)

    def judge(self, error: DeviceError | None) -> None:
        """One exchange more: what it says about contact."""
        if error is None or isinstance(error, Refused):
            self._answered(error)
        elif not isinstance(error, (DeviceBusy, DeviceDisabled, NotConfirmed)):
            self._failed(error)  # those three say nothing about the way to the meter

    def _answered(self, refusal: Refused | None) -> None:
        self.contact, change = contact.answered(self.contact)
        status = self.status
        before = (status.is_reachable, status.consecutive_failures, status.last_error)
        status.is_reachable = True
        status.consecutive_failures = 0
        status.last_error = str(refusal) if refusal else None
        if refusal is None:
            status.last_success = utc_now()
        if before != (True, 0, status.last_error):
            self._board.mark_changed(self.unit_id)
        if change is contact.Change.FOUND:
            self.state_read_s = None  # who knows what happened meanwhile
            away_s = time.monotonic() - (self._lost_s or time.monotonic())
            logger.info("%s answers again after %.0f s", self.unit_id, away_s)
            self._tell_contact(is_reachable=True, reason=f"answers again after {away_s:.0f} s")

    def _failed(self, error: DeviceError) -> None:
        level = logging.DEBUG if self.contact.failures else logging.WARNING
        logger.log(level, "%s: %s", self.unit_id, error)
        self.contact, change = contact.failed(self.contact)
        status = self.status
        status.consecutive_failures = self.contact.failures
        status.last_error = str(error)
        if self.contact.is_reachable is not None:
            status.is_reachable = self.contact.is_reachable
        self._board.mark_changed(self.unit_id)
        if change is contact.Change.LOST:
            self._lost_s = time.monotonic()
            logger.warning("%s counts as unreachable: %s", self.unit_id, error)
            self._tell_contact(is_reachable=False, reason=str(error))

    def _tell_contact(self, *, is_reachable: bool, reason: str) -> None:
        change = events.ContactChange(self.unit_id, utc_now(), is_reachable, reason)
        signals.publish(signals.contact_changed, change)
