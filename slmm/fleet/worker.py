"""The greenlet that owns one meter: jobs first, then the poll that is due.

It alone talks to the meter. What it learns goes to the status board and out as signals.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any, TypeVar

import gevent
from gevent.queue import Empty, Full, PriorityQueue

from slmm import events, signals
from slmm.errors import DeviceBusy, DeviceDisabled, DeviceError, DeviceUnreachable
from slmm.fleet import pacing
from slmm.fleet.jobs import Job, Priority
from slmm.fleet.labels import LabelReader
from slmm.fleet.ledger import Ledger, utc_now
from slmm.fleet.pacing import Cadences, Demand
from slmm.nl43.meter import LinkTimes, Meter
from slmm.storage.board import StatusBoard, UnitStatus
from slmm.storage.devices import Device

logger = logging.getLogger(__name__)

T = TypeVar("T")

QUEUE_JOBS = 8
STOP_WITHIN_S = 2.0
READINGS_PER_CHORE = 4
"""Readings between two exchanges that show no levels, so that a feed is never halved by them."""


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
        is_standby: bool = False,
    ) -> None:
        self.device = device
        self.times = times
        self.cadences = cadences
        self.mode = events.FeedMode.OFF
        self.watchers = watchers
        self.is_standby = is_standby
        self.demand = self._new_demand()
        """Why this meter is read at present; made anew when a reason changes, not at every poll."""
        self._ledger = Ledger(device.unit_id, board)
        self._meter = self._new_meter()
        self._labels = LabelReader()
        self._jobs: PriorityQueue = PriorityQueue(maxsize=QUEUE_JOBS)
        self._is_stopping = False
        self._last_poll_s: float | None = None
        self._not_before_s = time.monotonic() + first_delay_s
        self._readings_since_chore = 0
        self._greenlet: gevent.Greenlet | None = None

    def __repr__(self) -> str:
        return f"<MeterWorker {self.unit_id} {self.mode} {self._ledger.contact.standing}>"

    @property
    def unit_id(self) -> str:
        """The unit this worker owns."""
        return self.device.unit_id

    @property
    def status(self) -> UnitStatus:
        """What the board says of this unit."""
        return self._ledger.status

    @property
    def meter(self) -> Meter:
        """The link, for counters and state; only the worker's own greenlet may use its verbs."""
        return self._meter

    def _new_meter(self) -> Meter:
        return Meter(
            self.device.unit_id, self.device.host, self.device.tcp_port, self.times, self._ledger.take_run_state
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
        self._wake()

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
            self._submit(Job(self._move, "move to the new address", Priority.LETTING_GO))
        self._reconsider()

    def set_watchers(self, count: int) -> None:
        """How many viewers follow this unit now."""
        was_watched, self.watchers = self.watchers > 0, count
        if was_watched != (count > 0):
            self._reconsider()

    def set_standby(self, is_standby: bool) -> None:
        """Hold no connection, or take up again."""
        self.is_standby = is_standby
        self._reconsider()

    def request(self, action: Callable[[Meter], T], what: str, timeout_s: float) -> T:
        """Run *action* in the meter's turn, before the next poll; waits in the caller's greenlet."""
        if not (self.device.is_active and self.device.tcp_enabled):
            why = "TCP is disabled" if self.device.is_active else "the unit is deactivated"
            raise DeviceDisabled(f"{what}: {why} for {self.unit_id}")
        job = Job(action, what)
        self._submit(job)
        return job.wait(timeout_s)

    def read_now(self, timeout_s: float) -> events.Reading:
        """A fresh reading, stored and published like a poll."""
        return self.request(lambda meter: self._read_display(), "read the display", timeout_s)

    def disconnect(self, timeout_s: float) -> bool:
        """Close the connection after the command in flight; tells whether there was one."""
        job = Job(lambda meter: meter.close(), "disconnect", Priority.LETTING_GO)
        self._submit(job)
        return job.wait(timeout_s)

    def _new_demand(self) -> Demand:
        device = self.device
        return Demand(
            is_allowed=device.is_active and device.tcp_enabled and not self.is_standby,
            watchers=self.watchers,
            is_kept_alive=device.monitor_enabled,
            background_s=float(device.poll_interval_seconds) if device.poll_enabled else None,
        )

    @property
    def interval_s(self) -> float | None:
        """Seconds between polls at present, back-off included."""
        pause_s = pacing.interval_s(self.demand, self._ledger.contact.failures, self.cadences)
        return None if pause_s is None else max(pause_s, self.times.pacing_s)

    # -- the loop -----------------------------------------------------------------------------------

    def _submit(self, job: Job[Any]) -> None:
        try:
            self._jobs.put_nowait(job)
        except Full as full:
            raise DeviceBusy(f"{self.unit_id} has {QUEUE_JOBS} commands waiting; try again") from full

    def _wake(self) -> None:
        if not self._jobs.full():  # a full queue is awake already
            self._jobs.put_nowait(Job(lambda meter: None, "look again", Priority.CHORE))

    def _reconsider(self) -> None:
        """The demand has changed: show the mode and look again when the next poll is due."""
        self.demand = self._new_demand()
        self._not_before_s = 0.0
        if pacing.feed_mode(self.demand) is events.FeedMode.OFF:
            self._submit_quietly(Job(self._let_go, "let go", Priority.LETTING_GO))
        self._show_mode()
        self._wake()

    def _submit_quietly(self, job: Job[Any]) -> None:
        try:
            self._submit(job)
        except DeviceBusy:
            logger.warning("%s: no room for %r; the loop lets go by itself", self.unit_id, job.what)

    def _let_go(self, meter: Meter) -> None:
        if not self.demand.is_allowed:
            meter.close()

    def _move(self, meter: Meter) -> None:
        meter.close()
        counters = meter.counters
        self._meter = self._new_meter()
        self._meter.counters = counters
        self._labels.forget()

    def _run(self) -> None:
        try:
            while not self._is_stopping:
                job = self._next_job()
                if job is not None:
                    self._run_job(job)
                else:
                    self._do_what_is_due()
        finally:
            self._cancel_jobs()
            self._meter.close()

    def _next_job(self) -> Job[Any] | None:
        due_s = self._due_s()
        timeout_s = None if due_s is None else max(0.0, due_s - time.monotonic())
        try:
            job: Job[Any] = self._jobs.get(timeout=timeout_s) if timeout_s != 0.0 else self._jobs.get_nowait()
        except Empty:
            return None
        return job

    def _due_s(self) -> float | None:
        """Monotonic time of the next thing to do without being asked; None if there is none."""
        expires_s = self._meter.expires_s
        pause_s = pacing.interval_s(self.demand, self._ledger.contact.failures, self.cadences)
        if pause_s is None:
            return expires_s
        due_s = max(self._not_before_s, self._meter.ready_s)
        if self._last_poll_s is not None and not self._is_chore_due():
            due_s = max(due_s, self._last_poll_s + pause_s)
        return due_s if expires_s is None else min(due_s, expires_s)

    def _do_what_is_due(self) -> None:
        now_s = time.monotonic()
        expires_s = self._meter.expires_s
        if expires_s is not None and now_s >= expires_s:
            self._meter.close()
            return
        if self._is_chore_due():
            self._attempt(self._do_chore)
        else:
            self._attempt(lambda: self._read_display())

    def _run_job(self, job: Job[Any]) -> None:
        counters = self._meter.counters
        replies_before = counters.replies
        error = job.run(self._meter)
        if error is not None or counters.replies > replies_before:
            self._ledger.judge(error)
            self._show_mode()

    def _cancel_jobs(self) -> None:
        while True:
            try:
                job: Job[Any] = self._jobs.get_nowait()
            except Empty:
                return
            job.cancel(DeviceUnreachable(f"{self.unit_id} is being let go"))

    # -- polls --------------------------------------------------------------------------------------

    def _is_chore_due(self) -> bool:
        """Whether the run state or a label is to be read before the next reading.

        The first reading comes first and an unknown run state follows at once. After that chores use the time
        between two readings, or, where there is none to spare, the place of every fifth.
        """
        if self._ledger.contact.failures:
            return False
        if not (self._labels.has_more or self._ledger.is_state_stale(self.cadences.state_refresh_s)):
            return False
        if self._ledger.state_read_s is None:
            return self._readings_since_chore >= 1
        return self._readings_since_chore >= READINGS_PER_CHORE or self._has_time_to_spare()

    def _has_time_to_spare(self) -> bool:
        """Whether one more exchange, and the rest it demands, ends before the next reading is due."""
        pause_s = pacing.interval_s(self.demand, self._ledger.contact.failures, self.cadences)
        if pause_s is None or self._last_poll_s is None:
            return False
        begins_s = max(self._meter.ready_s, time.monotonic())
        return self._last_poll_s + pause_s - begins_s >= self.times.pacing_s

    def _do_chore(self) -> None:
        self._readings_since_chore = 0
        if self._ledger.is_state_stale(self.cadences.state_refresh_s):
            self._meter.read_run_state()
        elif labels := self._labels.read_next(self._meter):
            self._ledger.take_labels(labels)
        self._ledger.judge(None)

    def _attempt(self, read: Callable[[], object]) -> None:
        try:
            read()
        except DeviceError as error:
            self._ledger.judge(error)
            self._last_poll_s = time.monotonic()
        self._show_mode()

    def _read_display(self) -> events.Reading:
        opened_before = self._meter.counters.opened
        self._ledger.status.last_poll_attempt = utc_now()
        channels, raw = self._meter.read_display()
        if self._meter.counters.opened != opened_before:
            self._labels.start_over()
        self._readings_since_chore += 1
        self._last_poll_s = time.monotonic()
        return self._ledger.take(channels, raw)

    def _show_mode(self) -> None:
        mode = pacing.feed_mode(self.demand)
        if mode is not events.FeedMode.OFF and self._ledger.contact.failures:
            mode = events.FeedMode.BACKOFF
        if mode is not self.mode:
            self.mode = mode
            signals.publish(signals.mode_changed, events.ModeChange(self.unit_id, utc_now(), mode))
