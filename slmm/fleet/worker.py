"""The greenlet that owns one meter: jobs first, then the poll that is due.

It alone talks to the meter. What it learns goes to the status board and out as signals.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

import gevent

from slmm import events, logs, signals
from slmm.errors import (
    ConnectionLost,
    DeviceBusy,
    DeviceDisabled,
    DeviceError,
    DeviceTimeout,
    DeviceUnreachable,
    Refused,
)
from slmm.fleet import inspection, pacing
from slmm.fleet.chores import Chores
from slmm.fleet.diagnosis import Verdict, contact_verdict
from slmm.fleet.jobs import Job, JobQueue, Priority
from slmm.fleet.journal import Journal
from slmm.fleet.ledger import Ledger, utc_now
from slmm.fleet.pacing import NO_RULES, AlertDemand, Cadences, Demand
from slmm.fleet.timetable import Timetable
from slmm.nl43.link import LinkTimes
from slmm.nl43.meter import Meter
from slmm.storage.board import StatusBoard, UnitStatus
from slmm.storage.devices import Device

T = TypeVar("T")

QUEUE_JOBS = 8
STOP_WITHIN_S = 2.0
STREAM_WAIT_S = 0.25


class MeterWorker:
    """Owner of one device: its socket, its pacing and its place on the status board."""

    def __init__(
        self,
        device: Device,
        times: LinkTimes,
        cadences: Cadences,
        board: StatusBoard,
        *,
        first_delay_s: float = 0.0,
        watchers: int = 0,
        stream_watchers: int = 0,
        alerts: AlertDemand = NO_RULES,
        is_standby: bool = False,
    ) -> None:
        self.device = device
        self.times = times
        self.cadences = cadences
        self.mode = events.FeedMode.OFF
        self.watchers = watchers
        self.stream_watchers = stream_watchers
        self.alerts = alerts
        self.is_standby = is_standby
        self._timetable = Timetable(cadences, pacing_s=times.pacing_s, not_before_s=time.monotonic() + first_delay_s)
        self._timetable.demand = self._new_demand()
        self.journal = Journal(device.unit_id)
        self._ledger = Ledger(device.unit_id, board, self.journal, self._explain)
        self._meter = self._new_meter()
        self._chores = Chores(
            self._ledger,
            state_refresh_s=cadences.state_refresh_s,
            health_refresh_s=cadences.health_refresh_s,
            zone=ZoneInfo(self.zone),
        )
        self._jobs = JobQueue(device.unit_id, QUEUE_JOBS)
        self._is_stopping = False
        self._owes_poll = False
        """The last turn was a step of a long operation: a poll that is due goes next."""
        self._greenlet: gevent.Greenlet | None = None

    def __repr__(self) -> str:
        return f"<MeterWorker {self.unit_id} {self.mode} {self._ledger.contact.standing}>"

    @property
    def unit_id(self) -> str:
        """The unit this worker owns."""
        return self.device.unit_id

    @property
    def demand(self) -> Demand:
        """Why this meter is read at present; made anew when a reason changes, not at every poll."""
        return self._timetable.demand

    @property
    def zone(self) -> str:
        """The IANA zone the meter's clock is taken to be in."""
        return self.device.timezone or self.cadences.timezone

    @property
    def status(self) -> UnitStatus:
        """What the board says of this unit."""
        return self._ledger.status

    @property
    def meter(self) -> Meter:
        """The link, for counters and state; only the worker's own greenlet may use its verbs."""
        return self._meter

    def _new_meter(self) -> Meter:
        device = self.device
        return Meter(
            device.unit_id, device.host, device.tcp_port, self.times, self._ledger.take_run_state, self.journal
        )

    # -- what others call -----------------------------------------------------------------------

    def start(self, died: Callable[[MeterWorker], None]) -> None:
        """Start the greenlet; *died* is called if it ends by an exception."""
        self._greenlet = gevent.Greenlet(self._run)
        self._greenlet.name = f"meter-{self.unit_id}"
        self._greenlet.link_exception(lambda dead: died(self))
        self._greenlet.start()

    def stop(self) -> None:
        """Ask the worker to finish its exchange and let go; ``join`` waits for it."""
        self._is_stopping = True
        self._jobs.wake()

    def join(self, timeout_s: float = STOP_WITHIN_S) -> None:
        """Wait for the end; a worker still in an exchange by then is cut off and its connection closed."""
        if self._greenlet is None:
            return
        self._greenlet.join(timeout_s)
        if not self._greenlet.dead:
            self._greenlet.kill(block=True, timeout=1.0)
        self._meter.close()

    def configure(self, device: Device) -> None:
        """Take over a changed configuration; a new address takes effect with the next exchange."""
        moved = (device.host, device.tcp_port) != (self.device.host, self.device.tcp_port)
        self.device = device
        if moved:
            self._jobs.put(Job(self._move, "move to the new address", Priority.LETTING_GO))
        self._chores.health.zone = ZoneInfo(self.zone)
        self._reconsider()

    def settings_changed(self) -> None:
        """Somebody has changed a setting: names of figures and clock are read anew."""
        self._chores.read_settings_again()
        self._chores.health.start_over()
        self._jobs.wake()

    def set_watchers(self, count: int) -> None:
        """How many viewers follow this unit now."""
        was_watched, self.watchers = self.watchers > 0, count
        if was_watched != (count > 0):
            self._reconsider()

    def set_stream_watchers(self, count: int) -> None:
        """How many viewers follow the 100 ms stream of this unit now."""
        was_streamed, self.stream_watchers = self.stream_watchers > 0, count
        if was_streamed != (count > 0):
            self._timetable.stream_wanted()
            self._reconsider()

    def set_alert_demand(self, alerts: AlertDemand) -> None:
        """What the unit's alert rules want of its feed now."""
        if alerts.needs_stream and not self.alerts.needs_stream:
            self._timetable.stream_wanted()
        self.alerts = alerts
        self._reconsider()

    def hold(self, held_by: str | None) -> None:
        """A transfer holds the meter, in words, or has let go: its silence meanwhile is no failure."""
        self._ledger.hold(held_by)
        if held_by is None:
            self._timetable.look_now()
            self._jobs.wake()

    @property
    def held_by(self) -> str | None:
        """What holds the meter, in words."""
        return self._ledger.status.held_by

    def set_standby(self, is_standby: bool) -> None:
        """Hold no connection, or take up again."""
        self.is_standby = is_standby
        self._reconsider()

    def refuse_if_disabled(self, what: str) -> None:
        """Raise DeviceDisabled when the meter is not to be talked to."""
        if not (self.device.is_active and self.device.tcp_enabled):
            why = "TCP is disabled" if self.device.is_active else "the unit is deactivated"
            raise DeviceDisabled(f"{what}: {why} for {self.unit_id}")

    def request(
        self, action: Callable[[Meter], T], what: str, timeout_s: float, priority: Priority = Priority.PERSON
    ) -> T:
        """Run *action* in the meter's turn, before the next poll; waits in the caller's greenlet.

        Raises DeviceBusy instead of a time-out while a transfer holds the meter.
        """
        self.refuse_if_disabled(what)
        job = Job(action, what, priority)
        self._jobs.put(job)
        try:
            return job.wait(timeout_s)
        except (DeviceTimeout, DeviceUnreachable, ConnectionLost) as error:
            if self.held_by is None:
                raise
            raise DeviceBusy(f"{self.unit_id} is held by {self.held_by}: {error}", retry_after_s=10.0) from error

    def read_now(self, timeout_s: float) -> events.Reading:
        """A fresh reading, stored and published like a poll."""
        return self.request(lambda meter: self._read_display(), "read the display", timeout_s)

    def disconnect(self, timeout_s: float) -> bool:
        """Close the connection after the command in flight; tells whether there was one."""
        job = Job(lambda meter: meter.close(), "disconnect", Priority.LETTING_GO)
        self._jobs.put(job)
        return job.wait(timeout_s)

    def _new_demand(self) -> Demand:
        device = self.device
        return Demand(
            is_allowed=device.is_active and device.tcp_enabled and not self.is_standby,
            watchers=self.watchers,
            stream_watchers=self.stream_watchers,
            is_kept_alive=device.monitor_enabled,
            background_s=float(device.poll_interval_seconds) if device.poll_enabled else None,
            alerts=self.alerts,
        )

    @property
    def interval_s(self) -> float | None:
        """Seconds between polls at present, back-off included."""
        pause_s = self._timetable.pause_s
        return None if pause_s is None else max(pause_s, self.times.pacing_s)

    # -- the loop -----------------------------------------------------------------------------------

    def _reconsider(self) -> None:
        """The demand has changed: show the mode and look again when the next poll is due."""
        self._timetable.demand_changed(self._new_demand())
        if pacing.feed_mode(self.demand) is events.FeedMode.OFF:
            with suppress(DeviceBusy):  # no room: the loop lets go by itself
                self._jobs.put(Job(self._let_go, "let go", Priority.LETTING_GO))
        self._show_mode()
        self._jobs.wake()

    def _let_go(self, meter: Meter) -> None:
        if not self.demand.is_allowed:
            meter.close()

    def _move(self, meter: Meter) -> None:
        meter.close()
        counters = meter.counters
        self._meter = self._new_meter()
        self._meter.counters = counters
        self._chores.labels.forget()
        self._chores.run_settings.start_over()

    def _run(self) -> None:
        logs.note(unit_id=self.unit_id)
        try:
            while not self._is_stopping:
                job = self._next_job()
                if job is not None:
                    self._run_job(job)
                else:
                    self._do_what_is_due()
        finally:
            self._jobs.cancel_all(DeviceUnreachable(f"{self.unit_id} is being let go"))
            self._meter.close()

    def _next_job(self) -> Job[Any] | None:
        if self._is_polls_turn():
            return None
        due_s = self._due_s()
        timeout_s = None if due_s is None else max(0.0, due_s - time.monotonic())
        return self._jobs.take(timeout_s)

    def _is_polls_turn(self) -> bool:
        """Whether a poll goes before the next step of a long operation."""
        is_steps_turn = not self._owes_poll or self._jobs.head is not Priority.STEP
        return not is_steps_turn and self._is_poll_due(max(self._meter.ready_s, time.monotonic()))

    def _is_poll_due(self, now_s: float) -> bool:
        due_s = self._poll_due_s()
        return due_s is not None and due_s <= now_s

    def _poll_due_s(self) -> float | None:
        return self._timetable.poll_due_s(
            self._meter.ready_s,
            time.monotonic(),
            is_chore_waiting=self._is_chore_waiting(),
            is_state_known=self._ledger.state_read_s is not None,
        )

    def _stream_due_s(self) -> float | None:
        return self._timetable.stream_due_s(self._meter.ready_s)

    def _due_s(self) -> float | None:
        """Monotonic time of the next thing to do without being asked; None if there is none."""
        poll_s, expires_s, stream_s = self._poll_due_s(), self._meter.expires_s, self._stream_due_s()
        if expires_s is None and stream_s is None:
            return poll_s
        return min((due_s for due_s in (poll_s, expires_s, stream_s) if due_s is not None), default=None)

    def _do_what_is_due(self) -> None:
        now_s = time.monotonic()
        self._owes_poll = False
        expires_s, stream_s = self._meter.expires_s, self._stream_due_s()
        if expires_s is not None and now_s >= expires_s:
            self._meter.close("its time has come")
        elif stream_s is not None and stream_s <= now_s and not self._is_poll_due(now_s):
            self._attempt(self._stream)
        elif self._is_chore_waiting() and self._timetable.is_chores_turn(
            self._meter.ready_s, now_s, is_state_known=self._ledger.state_read_s is not None
        ):
            self._attempt(self._do_chore)
        else:
            self._attempt(self._read_display)

    def _run_job(self, job: Job[Any]) -> None:
        replies_before = self._meter.counters.replies
        self._owes_poll = job.priority is Priority.STEP
        error = job.run(self._meter)
        if error is not None or self._meter.counters.replies > replies_before:
            self._ledger.judge(error)
            self._show_mode()

    # -- polls --------------------------------------------------------------------------------------

    def _is_chore_waiting(self) -> bool:
        return self._ledger.status.held_by is None and self._chores.are_waiting()

    def _do_chore(self) -> None:
        self._timetable.chore_done()
        self._chores.do_next(self._meter)

    def _attempt(self, read: Callable[[], object]) -> None:
        try:
            read()
        except DeviceError as error:
            self._ledger.judge(error)
            self._timetable.failures = self._ledger.contact.failures
            self._timetable.failed(time.monotonic(), is_held=self.held_by is not None)
        self._show_mode()

    def _read_display(self) -> events.Reading:
        opened_before = self._meter.counters.opened
        self._ledger.status.last_poll_attempt = utc_now()
        channels, raw = self._meter.read_display()
        if self.times.is_persistent and self._meter.counters.opened != opened_before:
            self._chores.labels.start_over()  # a connection for each reading says nothing about the meter
        self._timetable.polled(time.monotonic())
        return self._ledger.take(channels, raw)

    # -- the 100 ms stream --------------------------------------------------------------------------

    def _stream(self) -> None:
        """Stream until somebody wants something else of the meter; ends with SUB."""
        try:
            self._meter.begin_stream()
        except Refused as refusal:
            self._timetable.stream_refused(time.monotonic())
            self._ledger.refuse_stream(refusal)
            return
        while not self._is_stream_over():
            for line in self._meter.stream_lines(STREAM_WAIT_S):
                self._ledger.take_streamed(line)
        self._meter.close_stream()

    def _is_stream_over(self) -> bool:
        if self._is_stopping or self._stream_due_s() is None:
            return True
        self._jobs.drop_wakes()  # to look again is what happens here
        return self._jobs.head is not None or self._is_poll_due(time.monotonic())

    def _explain(self, error: DeviceError) -> Verdict:
        """Why the meter is lost; knocks at its other ports for that."""
        findings = inspection.known(self.device, self._ledger.status)
        return contact_verdict(inspection.after_failure(findings, self.device, error))

    def _show_mode(self) -> None:
        self._timetable.failures = self._ledger.contact.failures
        mode = pacing.feed_mode(self.demand)
        if mode is not events.FeedMode.OFF and self._ledger.contact.failures:
            mode = events.FeedMode.BACKOFF
        if mode is not self.mode:
            self.mode = mode
            signals.publish(signals.mode_changed, events.ModeChange(self.unit_id, utc_now(), mode))
