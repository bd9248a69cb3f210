"""Fetches what the SD cards stored, by itself: after a run, after an outage, and now and then while a run goes on.

What is fetched goes through ``record.merge``. A person comes first: while an operation runs on a meter nothing is
fetched from it by itself, and a fetch under way stops for it and goes on later where it was. While a meter measures its
FTP server is never switched.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import gevent
from blinker import NamedSignal
from gevent.event import Event

from slmm import events, signals
from slmm.errors import DeviceBusy, DeviceDisabled, NotFound, SlmmError, Standby
from slmm.events import LogCategory, LogLevel, RunState
from slmm.fleet.cardfetch import CardFetch
from slmm.fleet.cardwishes import Wish, Wishes
from slmm.fleet.operations import Operation, Operations
from slmm.fleet.supervisor import Fleet
from slmm.record.card.merge import CardMerge
from slmm.storage.devices import Roster
from slmm.storage.models import RunRow
from slmm.storage.runs import RunBook

logger = logging.getLogger(__name__)

TICK_S = 5.0
RESUME_EVERY_S = 60.0
SCHEDULE_EVERY_S = 60.0
AFTER_START_S = 60.0
AFTER_END_S = 15.0
"""The meter closes its files, and whoever ended the run may want to fetch them himself."""
AFTER_OUTAGE_S = 30.0
OUTAGE_LEAST_S = 60.0
GIVE_WAY_S = 30.0
AT_ONCE = 4
"""Meters fetched from at a time, so that a morning after a power cut leaves room for live levels."""
NOT_FORGOTTEN = timedelta(days=2)
"""A run that ended so short a time ago, and whose card nobody has thought of since, is taken up after a start."""
STOP_WITHIN_S = 3.0


class Quiet(Operation):
    """An operation that nobody follows."""

    def tell(self) -> None:
        """Nobody asked."""


@dataclass(slots=True)
class Fetch:
    """One that is under way."""

    wish: Wish
    greenlet: gevent.Greenlet
    is_fetching: bool = True
    """Files are still coming; merging them takes a moment only, and is not broken off."""


class CardSync:
    """Built without side effects, started and stopped by the runtime."""

    def __init__(
        self,
        fleet: Fleet,
        roster: Roster,
        operations: Operations,
        runs: RunBook,
        merge: CardMerge,
        fetch: CardFetch,
        *,
        every_h: float,
        limit_bytes_s: float | None,
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self.wishes = Wishes()
        self._fleet = fleet
        self._roster = roster
        self._operations = operations
        self._runs = runs
        self._merge = merge
        self._fetch = fetch
        self._every = timedelta(hours=every_h)
        self._limit_bytes_s = limit_bytes_s
        self._now_s = now_s
        self._news: deque[tuple[str, int, str, float]] = deque()
        self._lost_s: dict[str, float] = {}
        self._regained: deque[str] = deque()
        self._under_way: dict[str, Fetch] = {}
        self._looked_at: dict[int, datetime] = {}
        self._due_s: dict[str, float] = {}
        self._stop = Event()
        self._ticking: gevent.Greenlet | None = None
        self._wiring: list[tuple[NamedSignal, Callable[..., None]]] = [
            (signals.run_changed, self.on_run),
            (signals.contact_changed, self.on_contact),
            (signals.roster_changed, self.on_roster),
            (signals.operation_changed, self.on_operation),
        ]

    # -- life -------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Take up what waited, and listen."""
        self._stop.clear()
        for run in self._merge.book.waiting_runs(datetime.now(UTC) - NOT_FORGOTTEN):
            self._news.append((run.unit_id, run.id, "it was still to be fetched", self._now_s() + AFTER_START_S))
        for signal, receiver in self._wiring:
            signal.connect(receiver, weak=False)
        self._ticking = gevent.Greenlet(self._run)
        self._ticking.name = "cards"
        self._ticking.link_exception(lambda dead: logger.critical("greenlet %s died", dead.name))
        self._ticking.start()

    def stop(self) -> None:
        """Listen no more, and break off what is under way; it goes on after the next start."""
        for signal, receiver in self._wiring:
            signal.disconnect(receiver)
        self._stop.set()
        greenlets = [fetch.greenlet for fetch in self._under_way.values()]
        gevent.killall(greenlets, timeout=STOP_WITHIN_S)
        if self._ticking is not None:
            self._ticking.join(timeout=STOP_WITHIN_S)

    @property
    def under_way(self) -> list[str]:
        """Units that are being fetched from by itself."""
        return sorted(self._under_way)

    # -- what happens -----------------------------------------------------------------------------------

    def on_run(self, sender: str, event: events.RunChange) -> None:
        """Receiver of ``run_changed``."""
        if event.change == "ended":
            self._news.append((event.unit_id, event.run_id, "the measurement has ended", self._now_s() + AFTER_END_S))

    def on_contact(self, sender: str, event: events.ContactChange) -> None:
        """Receiver of ``contact_changed``."""
        if not event.is_reachable:
            self._lost_s.setdefault(event.unit_id, self._now_s())
            return
        lost_s = self._lost_s.pop(event.unit_id, self._now_s())
        if self._now_s() - lost_s > OUTAGE_LEAST_S:
            self._regained.append(event.unit_id)

    def on_roster(self, sender: str, event: events.RosterChange) -> None:
        """Receiver of ``roster_changed``."""
        if event.unit_id not in self._roster:
            self.wishes.forget(event.unit_id)
            self._lost_s.pop(event.unit_id, None)

    def on_operation(self, sender: str, event: events.OperationChange) -> None:
        """Receiver of ``operation_changed``: somebody wants something of this meter."""
        fetch = self._under_way.get(event.unit_id)
        if event.state == "running" and fetch is not None and fetch.is_fetching:
            self.wishes.put_off(fetch.wish, self._now_s() + GIVE_WAY_S)
            fetch.greenlet.kill(block=False)

    # -- what is done about it --------------------------------------------------------------------------

    def _run(self) -> None:
        while not self._stop.wait(TICK_S):
            try:
                self.tick()
            except SlmmError as error:
                logger.warning("cards wait: %s", error)
            except Exception:
                logger.exception("fetching cards failed for a reason nobody thought of")

    def tick(self) -> None:
        """Look at what is due, and begin it."""
        while self._news:
            unit_id, run_id, why, not_before_s = news = self._news[0]
            with suppress(NotFound):
                self._want(self._runs.get(unit_id, run_id), why, not_before_s)
            if self._news and self._news[0] is news:  # another look may have been at it while the database answered
                self._news.popleft()
        for device in self._roster.all():
            self._merge.note_clock(device.unit_id)
        while self._regained:
            self._want_after_outage(self._regained.popleft())
        if self._is_time("schedule", SCHEDULE_EVERY_S) and self._every:
            self._want_scheduled()
        if self._is_time("resume", RESUME_EVERY_S):
            self._merge.resume()
        busy = {*self._under_way, *(device.unit_id for device in self._roster.all() if self._is_busy(device.unit_id))}
        for wish in self.wishes.due(self._now_s(), busy, AT_ONCE - len(self._under_way)):
            self._begin(wish)

    def _is_busy(self, unit_id: str) -> bool:
        return self._fleet.is_standby or self._operations.running(unit_id) is not None

    def _is_time(self, what: str, every_s: float) -> bool:
        if self._now_s() < self._due_s.get(what, 0.0):
            return False
        self._due_s[what] = self._now_s() + every_s
        return True

    def _may_fetch(self, unit_id: str) -> bool:
        if unit_id not in self._roster:
            return False
        device = self._roster.get(unit_id)
        return device.is_active and device.ftp_enabled

    def _want(self, run: RunRow, why: str, not_before_s: float) -> None:
        """The files of a run that stores some, where they can be had."""
        if not self._may_fetch(run.unit_id) or not stores(run) or run.card in ("merged", "failed"):
            return
        if run.ended_at is not None and run.card != "wanted":
            self._runs.change(run.id, card="wanted", card_note=None, card_at=datetime.now(UTC))
        self.wishes.add(run.unit_id, run.id, why, not_before_s)

    def _want_after_outage(self, unit_id: str) -> None:
        """What the run that goes on has stored meanwhile, and whatever could not be had while the meter was away."""
        begin_s = self._now_s() + AFTER_OUTAGE_S
        why = "contact was lost for a while"
        for wish in self.wishes.of_unit(unit_id):
            self.wishes.add(unit_id, wish.run_id, why, begin_s)
        for run in self._runs.open_runs():
            if run.unit_id == unit_id:
                self._want(run, why, begin_s)

    def _want_scheduled(self) -> None:
        now = datetime.now(UTC)
        for run in self._runs.open_runs():
            last_at = max(run.card_at or run.started_at, self._looked_at.get(run.id, run.started_at))
            if now - last_at >= self._every and not self.wishes.of_unit(run.unit_id):
                self._looked_at[run.id] = now
                self._want(run, "it is time", self._now_s())

    def _begin(self, wish: Wish) -> None:
        greenlet = gevent.Greenlet(self._fulfil, wish)
        greenlet.name = f"card-{wish.unit_id}"
        self._under_way[wish.unit_id] = Fetch(wish, greenlet)
        greenlet.link(lambda ended: self._under_way.pop(wish.unit_id, None))
        greenlet.start()

    def _fulfil(self, wish: Wish) -> None:
        unit_id = wish.unit_id
        try:
            run = self._runs.get(unit_id, wish.run_id)
            if run.card == "merged" or not self._may_fetch(unit_id):
                self.wishes.done(wish)
                return
            logger.info("%s: the card is fetched: %s", unit_id, wish.why)
            operation = Quiet("by itself", unit_id, "card", datetime.now(UTC))
            is_stopped = run.ended_at is not None and self._fetch.run_state(unit_id) is RunState.STOPPED
            if is_stopped:
                self._fetch.see_to_ftp(operation, unit_id)
            folder = self._fetch.bring(operation, unit_id, run, limit_bytes_s=self._limit_bytes_s)
            self._under_way[unit_id].is_fetching = False
            self._fetch.take(unit_id, folder, run_id=run.id)
            self.wishes.done(wish)
        except (DeviceBusy, Standby):
            self.wishes.put_off(wish, self._now_s() + GIVE_WAY_S)
        except (NotFound, DeviceDisabled) as error:
            self.wishes.done(wish)
            self._note(wish, "none", f"{error}")
        except SlmmError as error:
            self._failed(wish, error)
        except Exception:
            logger.exception("%s: the card cannot be brought into the record", unit_id)
            self._failed(wish, SlmmError("it failed for a reason nobody thought of; see the log of the service"))

    def _failed(self, wish: Wish, error: SlmmError) -> None:
        pause_s = self.wishes.failed(wish, self._now_s())
        if pause_s is None:
            self._note(wish, "failed", f"{error}; it is not tried again by itself")
        else:
            self._note(wish, "wanted", f"{error}; it is tried again in {pause_s / 60:.0f} minutes")

    def _note(self, wish: Wish, card: str, note: str) -> None:
        """Say it where people look: at the run, and in the log of the device."""
        try:
            run = self._runs.get(wish.unit_id, wish.run_id)
            state = card if run.ended_at is not None or card == "none" else run.card
            self._runs.change(run.id, card=state, card_note=note, card_at=datetime.now(UTC))
            self._fleet.worker(wish.unit_id).journal.write(LogLevel.WARNING, LogCategory.FTP, f"SD card: {note}")
        except SlmmError as error:
            logger.warning("%s: %s (%s)", wish.unit_id, note, error)


def stores(run: RunRow) -> bool:
    """Whether a run stores intervals as it goes on; with manual store it does not."""
    return (run.settings or {}).get("store_mode") != "Manual"
