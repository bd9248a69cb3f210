"""What has been learned about one meter: contact, run state and readings; kept on the board, told by signal."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from slmm import events, signals
from slmm.errors import DeviceBusy, DeviceDisabled, DeviceError, Garbled, NotConfirmed, Refused
from slmm.events import LogCategory, LogLevel
from slmm.fleet import contact
from slmm.fleet.contact import Contact
from slmm.fleet.diagnosis import Verdict
from slmm.fleet.journal import Journal
from slmm.nl43.readings import decode_stream_status, quality_flags, run_goes_on
from slmm.storage.board import StatusBoard

logger = logging.getLogger(__name__)

NEW_RUN_FLAGS = frozenset({"lmax_fell", "lmin_rose", "le_fell"})
"""What shows that the meter began its figures anew though nobody told us."""
ASKED_AT_LEAST = 20
"""However surely the display shows that it measures, the run state is asked for after so many times the usual pause."""
BATTERY_WORDS = {"F": "Full", "M": "Middle", "L": "Low", "D": "Dead", "E": "Empty"}
"""The letters of ``DRD?status`` (comm. guide p. 92); of the words only Full was ever seen on a meter."""


def utc_now() -> datetime:
    """The wall clock, aware."""
    return datetime.now(UTC)


class Ledger:
    """The book a worker keeps about its meter."""

    def __init__(
        self, unit_id: str, board: StatusBoard, journal: Journal, explain: Callable[[DeviceError], Verdict]
    ) -> None:
        self.unit_id = unit_id
        self.status = board.status(unit_id)
        self.contact = Contact()
        self.state_read_s: float | None = None
        """Monotonic time of the last recognised run state; None when it has to be read anew."""
        self.runs_seen = 0
        """Goes up whenever another run may have begun: what it is made with is then read anew."""
        self._board = board
        self._journal = journal
        self._explain = explain
        self._lost_s: float | None = None
        self._previous: events.Levels | None = None
        self._previous_s = 0.0
        """Monotonic time of the reading before."""
        self._shown_s = 0.0
        """Until then the display has shown that a measurement runs."""

    def is_state_stale(self, refresh_s: float) -> bool:
        """Whether the run state is to be read again: nobody has said or shown it for so long.

        To ask takes the place of a reading; while the figures of a measurement move there is no need to.
        """
        if self.state_read_s is None:
            return True
        now_s = time.monotonic()
        asked_ago_s = now_s - self.state_read_s
        return asked_ago_s >= refresh_s and (
            now_s - self._shown_s >= refresh_s or asked_ago_s >= ASKED_AT_LEAST * refresh_s
        )

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
        if not NEW_RUN_FLAGS.isdisjoint(reading.flags):
            self.runs_seen += 1
        elif is_measuring and run_goes_on(main, self._previous):
            self._note_measuring()
        self._previous, self._previous_s = main, time.monotonic()
        status.reading = reading
        self.judge(None)  # that the meter is found again is told before the reading that shows it
        signals.publish(signals.reading_taken, reading)
        return reading

    def _note_measuring(self) -> None:
        """It measured when the reading before this one was taken, whatever happened since."""
        status = self.status
        self._shown_s = self._previous_s
        if status.reading is not None and status.state_read_at is not None:
            status.state_read_at = max(status.state_read_at, status.reading.at)

    def take_streamed(self, line: str) -> None:
        """A DRD line that has just arrived; one that makes no sense is counted in the log and left out."""
        try:
            told = decode_stream_status(line)
        except Garbled as error:
            self._journal.write(LogLevel.WARNING, LogCategory.COMMAND, f"a line of the stream is garbled: {error}")
            return
        status = self.status
        if told.run_state is not None:
            self.take_run_state(told.run_state)
        status.battery_level = BATTERY_WORDS.get(told.battery or "", status.battery_level)
        status.power_source = told.power or status.power_source
        if told.sd_free_mb is not None:
            status.sd_remaining_mb = f"{told.sd_free_mb:g}"
        streamed = events.StreamedLevels(
            unit_id=self.unit_id,
            at=utc_now(),
            main=told.frame.channels[0],
            raw=line,
            counter=told.frame.counter,
            run_state=status.run_state,
            measurement_started_at=status.measurement_started_at,
            device_clock=told.clock,
            power=told.power,
            battery=told.battery,
            sd_free_mb=told.sd_free_mb,
        )
        if self.contact.failures or status.is_reachable is not True:
            self.judge(None)
        signals.publish(signals.levels_streamed, streamed)

    def refuse_stream(self, refusal: Refused) -> None:
        """The meter will not stream: those who wait for it are told."""
        self.judge(refusal)
        reason = f"{self.unit_id} does not stream: {refusal}"
        signals.publish(signals.stream_ended, events.StreamEnd(self.unit_id, utc_now(), reason))

    def hold(self, held_by: str | None) -> None:
        """Something holds the meter, or has let go of it (None)."""
        self.status.held_by = held_by
        signals.publish(signals.hold_changed, events.HoldChange(self.unit_id, utc_now(), held_by))

    def take_labels(self, labels: events.Labels) -> None:
        """Weightings and percentiles that differ from what was known."""
        self.status.labels = labels
        self._board.mark_changed(self.unit_id)
        signals.publish(signals.labels_read, events.LabelsRead(self.unit_id, utc_now(), labels))

    def take_run_settings(self, store_name: str | None, settings: Mapping[str, str]) -> None:
        """What the running measurement is stored under, and what it is made with."""
        self.status.store_name = store_name
        event = events.RunSettingsRead(self.unit_id, utc_now(), store_name, dict(settings))
        signals.publish(signals.run_settings_read, event)

    def take_run_state(self, state: events.RunState, was_asked_for: bool = False) -> None:
        """A recognised run state; only a change between two of them is a start or a stop."""
        self.state_read_s = time.monotonic()
        now = utc_now()
        before, self.status.run_state = self.status.run_state, state
        read_before_at, self.status.state_read_at = self.status.state_read_at, now
        if before is state:
            return
        has_begun = state is events.RunState.MEASURING
        if has_begun:
            self.runs_seen += 1
            self.status.store_name = None
        is_change = before is not None or was_asked_for  # a start or stop of ours is one whatever was known before
        self.status.measurement_started_at = now if is_change and has_begun else None
        self._previous = self._previous and events.Levels()  # a new run owes nothing to the old one
        self._board.mark_changed(self.unit_id)
        has_stopped = before is not None and state is events.RunState.STOPPED
        self.status.stopped_by_itself_at = now if has_stopped and not was_asked_for else None
        words = "a measurement runs" if has_begun else "no measurement runs"
        if is_change:
            words = "measurement started" if has_begun else "measurement stopped"
            words += "" if was_asked_for else ", not by us"
        self._journal.write(LogLevel.INFO, LogCategory.STATE, words)
        if is_change:
            started_at = self.status.measurement_started_at
            change = events.MeasurementChange(self.unit_id, now, state, started_at, was_asked_for, read_before_at)
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
            self.state_read_s = status.state_read_at = None  # who knows what happened meanwhile
            self.runs_seen += 1
            status.verdict = None
            away_s = time.monotonic() - (self._lost_s or time.monotonic())
            logger.info("%s answers again after %.0f s", self.unit_id, away_s)
            self._tell_contact(is_reachable=True, reason=f"answers again after {away_s:.0f} s")

    def _failed(self, error: DeviceError) -> None:
        if self.status.held_by is not None:  # its silence is no failure
            self.status.last_error = f"held by {self.status.held_by}: {error}"
            self._board.mark_changed(self.unit_id)
            return
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
            verdict = self._explain(error)
            status.verdict = verdict.code
            logger.warning("%s counts as unreachable: %s (%s)", self.unit_id, verdict.sentence, error)
            self._tell_contact(is_reachable=False, reason=verdict.sentence)

    def _tell_contact(self, *, is_reachable: bool, reason: str) -> None:
        level, words = (LogLevel.INFO, "reachable again") if is_reachable else (LogLevel.ERROR, "unreachable")
        self._journal.write(level, LogCategory.STATE, f"{words}: {reason}")
        change = events.ContactChange(self.unit_id, utc_now(), is_reachable, reason)
        signals.publish(signals.contact_changed, change)
