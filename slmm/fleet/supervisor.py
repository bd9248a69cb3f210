"""All workers: one for each unit of the roster, started and stopped as the roster changes."""

from __future__ import annotations

import logging
import random
from collections import Counter
from collections.abc import Callable
from typing import TypeVar

import gevent

from slmm import events, signals
from slmm.errors import NotFound, Standby
from slmm.fleet.jobs import Priority
from slmm.fleet.pacing import NO_RULES, AlertDemand, Cadences
from slmm.fleet.status import (
    ConnectionStatus,
    MonitorStatus,
    PollStatus,
    connection_status,
    monitor_status,
    poll_status,
)
from slmm.fleet.tally import FleetTally
from slmm.fleet.worker import STOP_WITHIN_S, MeterWorker
from slmm.nl43.link import LinkTimes
from slmm.nl43.meter import Meter
from slmm.storage.board import StatusBoard
from slmm.storage.devices import Device, Roster

logger = logging.getLogger(__name__)

T = TypeVar("T")

REQUEST_TIMEOUT_S = 15.0
REVIVE_AFTER_S = 5.0
SPREAD_S = 5.0
"""Meters that nobody watches are first read within this time after the start, not all at once."""


class Fleet:
    """The meters in our care."""

    def __init__(
        self,
        roster: Roster,
        board: StatusBoard,
        times: LinkTimes,
        cadences: Cadences,
        *,
        is_standby: bool = False,
    ) -> None:
        self.is_standby = is_standby
        self.tally = FleetTally()
        self._roster = roster
        self._board = board
        self._times = times
        self._cadences = cadences
        self._workers: dict[str, MeterWorker] = {}
        self._watchers: dict[str, int] = {}
        self._stream_watchers: dict[str, int] = {}
        self._alert_demands: dict[str, AlertDemand] = {}
        self._is_running = False
        self._revivals: set[gevent.Greenlet] = set()

    # -- life -------------------------------------------------------------------------------------

    def start(self) -> None:
        """One worker for each unit; kept-alive feeds run from here on."""
        self._is_running = True
        signals.roster_changed.connect(self.on_roster, weak=False)
        for device in self._roster.all():
            self._employ(device, first_delay_s=random.uniform(0, self._spread_s(device.unit_id)))

    def _spread_s(self, unit_id: str) -> float:
        """A unit whose alert rules want a reading every second cannot wait for five."""
        wanted_s = self._alert_demands.get(unit_id, NO_RULES).interval_s
        return SPREAD_S if wanted_s is None else min(SPREAD_S, max(self._times.pacing_s, wanted_s))

    def stop(self) -> None:
        """Let every worker finish its exchange, then close every connection; takes STOP_WITHIN_S at most."""
        self._is_running = False
        signals.roster_changed.disconnect(self.on_roster)
        gevent.killall(list(self._revivals))
        workers, self._workers = list(self._workers.values()), {}
        for worker in workers:
            worker.stop()
        gevent.joinall([gevent.spawn(worker.join, STOP_WITHIN_S) for worker in workers])

    def _employ(self, device: Device, *, first_delay_s: float = 0.0) -> None:
        worker = MeterWorker(
            device,
            self._times,
            self._cadences,
            self._board,
            first_delay_s=first_delay_s,
            watchers=self._watchers.get(device.unit_id, 0),
            stream_watchers=self._stream_watchers.get(device.unit_id, 0),
            alerts=self._alert_demands.get(device.unit_id, NO_RULES),
            is_standby=self.is_standby,
        )
        worker.journal.beside = self.tally.watch(worker)
        self._workers[device.unit_id] = worker
        worker.start(self._revive)

    def _revive(self, dead: MeterWorker) -> None:
        """A worker ended by a fault of ours: say so, and put another in its place after a pause."""
        logger.critical("the worker of %s died; a new one starts in %g s", dead.unit_id, REVIVE_AFTER_S)

        def replace() -> None:
            if self._is_running and self._workers.get(dead.unit_id) is dead:
                self._employ(self._roster.get(dead.unit_id))

        greenlet = gevent.spawn_later(REVIVE_AFTER_S, replace)
        self._revivals.add(greenlet)
        greenlet.link(self._revivals.discard)

    def on_roster(self, sender: str, event: events.RosterChange) -> None:
        """Receiver of ``roster_changed``: compare the desired set with the running one."""
        worker = self._workers.get(event.unit_id)
        if event.unit_id not in self._roster:
            self._watchers.pop(event.unit_id, None)
            self._stream_watchers.pop(event.unit_id, None)
            self._alert_demands.pop(event.unit_id, None)
            self.tally.opened.pop(event.unit_id, None)
            if worker is not None:
                del self._workers[event.unit_id]
                worker.stop()
                gevent.spawn(worker.join)
        elif worker is None:
            self._employ(self._roster.get(event.unit_id))
        else:
            worker.configure(self._roster.get(event.unit_id))

    def set_watchers(self, unit_id: str, count: int) -> None:
        """The hub tells how many viewers a unit has."""
        self._watchers[unit_id] = count
        if worker := self._workers.get(unit_id):
            worker.set_watchers(count)

    def set_stream_watchers(self, unit_id: str, count: int) -> None:
        """The hub tells how many viewers the 100 ms stream of a unit has."""
        self._stream_watchers[unit_id] = count
        if worker := self._workers.get(unit_id):
            worker.set_stream_watchers(count)

    def set_alert_demand(self, unit_id: str, alerts: AlertDemand) -> None:
        """The alert engine tells what the rules of a unit want of its feed."""
        self._alert_demands[unit_id] = alerts
        if worker := self._workers.get(unit_id):
            worker.set_alert_demand(alerts)

    def link_states(self) -> Counter[str]:
        """How many connections are doing what."""
        return Counter(worker.meter.state.value for worker in self._workers.values())

    def standby(self) -> None:
        """Let go of every device connection and keep them free."""
        self._set_standby(True)

    def resume(self) -> None:
        """Take up again."""
        self._set_standby(False)

    def _set_standby(self, is_standby: bool) -> None:
        if is_standby != self.is_standby:
            logger.info("standby" if is_standby else "resumed")
        self.is_standby = is_standby
        for worker in self._workers.values():
            worker.set_standby(is_standby)

    # -- requests ---------------------------------------------------------------------------------

    def worker(self, unit_id: str) -> MeterWorker:
        """The owner of a unit; raises NotFound, or Standby while the service holds no connections."""
        if self.is_standby:
            raise Standby("the service is in standby and holds no device connections; resume it first")
        return self._worker(unit_id)

    def _worker(self, unit_id: str) -> MeterWorker:
        worker = self._workers.get(unit_id)
        if worker is None:
            raise NotFound(f"there is no unit {unit_id!r}")
        return worker

    def request(
        self,
        unit_id: str,
        action: Callable[[Meter], T],
        what: str,
        timeout_s: float = REQUEST_TIMEOUT_S,
        priority: Priority = Priority.PERSON,
    ) -> T:
        """Run *action* on the meter in its turn and wait; raises what the action raises, or DeviceBusy."""
        return self.worker(unit_id).request(action, what, timeout_s, priority)

    def zone(self, unit_id: str) -> str:
        """The IANA zone a meter's clock is taken to be in."""
        return self._worker(unit_id).zone

    def settings_changed(self, unit_id: str) -> None:
        """Somebody has changed a setting of a meter."""
        self._worker(unit_id).settings_changed()

    def read_now(self, unit_id: str) -> events.Reading:
        """A fresh reading, stored and published like a poll."""
        return self.worker(unit_id).read_now(REQUEST_TIMEOUT_S)

    def disconnect(self, unit_id: str, timeout_s: float = 10.0) -> bool:
        """Close the connection of a unit after the command in flight; tells whether there was one."""
        return self._worker(unit_id).disconnect(timeout_s)

    def flush_connections(self) -> int:
        """Close all connections; how many there were."""
        open_units = [unit_id for unit_id, worker in self._workers.items() if worker.meter.is_open]
        closing = [gevent.spawn(self.disconnect, unit_id) for unit_id in open_units]
        gevent.joinall(closing)
        return sum(bool(greenlet.value) for greenlet in closing)

    # -- views --------------------------------------------------------------------------------------

    def monitor_status(self) -> dict[str, MonitorStatus]:
        """The shared feeds by unit."""
        return {unit_id: monitor_status(worker) for unit_id, worker in sorted(self._workers.items())}

    def polling_status(self) -> list[PollStatus]:
        """The background poller, a row per unit."""
        return [poll_status(worker) for _, worker in sorted(self._workers.items())]

    def connections(self) -> list[ConnectionStatus]:
        """The links, a row per unit."""
        return [connection_status(worker) for _, worker in sorted(self._workers.items())]
