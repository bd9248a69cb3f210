"""Measurements as rows: begun, described and ended as their meters show it, on record before anybody is told.

Receivers only decide and enqueue; one greenlet writes. What cannot be written waits, in order. A run goes on over a
restart of the service and a loss of contact as long as the meter's figures can be those of the same run.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import gevent
from blinker import NamedSignal
from gevent.event import Event
from gevent.lock import RLock
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.orm import Session

from slmm import events, signals
from slmm.record.same_run import LONG_GAP_S, Figures, has_begun_anew, is_as_old_as_expected, may_continue
from slmm.steady import SteadyClock
from slmm.storage import runs
from slmm.storage.batch import why
from slmm.storage.board import StatusBoard
from slmm.storage.database import Database
from slmm.storage.devices import Roster

logger = logging.getLogger(__name__)

EXACT_WITHIN_S = 60.0
"""A start or stop at the keypad is seen with the next look at the run state; within this time it counts as exact."""
SETTLED_AFTER_S = 5.0
"""So soon after a start a display may still show the figures of the run before."""
RETRY_S = 1.0
MOST_AT_ONCE = 200
"""Changes in one transaction: a fleet that is found running at a start is thousands of them."""
STOP_WITHIN_S = 4.0

Work = Callable[[Session], list[events.RunChange]]
"""A change of a run that does no harm when it is made twice, and what is told of it."""


@dataclass(slots=True)
class OpenRun:
    """A run that goes on, and what tells it from another."""

    unit_id: str
    started_at: datetime
    store_name: str | None = None
    settings: dict[str, str] = field(default_factory=dict)
    last: Figures | None = None
    """The newest reading that belongs to it."""
    earlier: Figures | None = None
    """The one before that."""
    suspect: Figures | None = None
    """A newer one that does not seem to belong to it; the next reading decides."""
    is_gap: bool = False
    """Nobody has looked since the contact was lost or the service began."""
    is_name_old: bool = False
    """There was such a gap since the store name was read: another name then means another run."""
    other_name: events.RunSettingsRead | None = None
    """Another store name was read; the next reading decides, for the run may have ended before that."""

    @property
    def seen_until(self) -> datetime:
        """When it was last known to go on."""
        return self.started_at if self.last is None else max(self.started_at, self.last.at)

    def mark_gap(self) -> None:
        """What comes next was not seen coming."""
        self.is_gap = self.is_name_old = True

    def clock_was_set(self, step_s: float) -> None:
        """Else the time until the next reading would be as long as the step went, and the run seem to be another."""
        step = timedelta(seconds=step_s)
        self.earlier, self.last, self.suspect = (
            None if each is None else replace(each, at=each.at + step)
            for each in (self.earlier, self.last, self.suspect)
        )


class Runs:
    """Follows the runs of all units."""

    def __init__(
        self,
        database: Database,
        roster: Roster,
        board: StatusBoard,
        fingerprint: Callable[[Mapping[str, str]], str | None],
        clock: SteadyClock | None = None,
    ) -> None:
        self.book = runs.RunBook(database)
        self.write_failures = 0
        self.last_error: str | None = None
        self.dropped = 0
        """Changes that the database refused for their content."""
        self._database = database
        self._roster = roster
        self._board = board
        self._fingerprint = fingerprint
        self._open: dict[str, OpenRun] = {}
        self._pending: deque[tuple[str, Work]] = deque()
        """Changes with the units they are of, in the order in which they were asked for."""
        self._news = Event()
        self._turn = RLock()
        self._failing_since_s: float | None = None
        self._clock = clock or SteadyClock()
        self._writer: gevent.Greenlet | None = None
        self._wiring: list[tuple[NamedSignal, Callable[..., None]]] = [
            (signals.measurement_changed, self.on_measurement),
            (signals.reading_taken, self.on_reading),
            (signals.contact_changed, self.on_contact),
            (signals.labels_read, self.on_labels),
            (signals.run_settings_read, self.on_settings),
            (signals.roster_changed, self.on_roster),
        ]

    # -- life -------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Take up the runs that were open, listen, and write from now on; the board is restored by then."""
        for row in self.book.open_runs():
            run = OpenRun(row.unit_id, row.started_at, row.store_name, dict(row.settings or {}))
            run.mark_gap()
            reading = self._board.status(row.unit_id).reading if row.unit_id in self._roster else None
            if reading and reading.run_state is events.RunState.MEASURING and reading.at >= row.started_at:
                run.last = Figures(reading.at, reading.main)
            self._open[row.unit_id] = run
            if row.unit_id not in self._roster:  # taken off while we were away
                self._end(run, run.seen_until, is_exact=False, how="unseen")
        for signal, receiver in self._wiring:
            signal.connect(receiver, weak=False)
        self._writer = gevent.Greenlet(self._write_all)
        self._writer.name = "runs"
        self._writer.link_exception(lambda dead: logger.critical("greenlet %s died", dead.name))
        self._writer.start()

    def stop(self) -> None:
        """Listen no more and write what is left; takes STOP_WITHIN_S at most. Open runs stay open."""
        for signal, receiver in self._wiring:
            signal.disconnect(receiver)
        with gevent.Timeout(STOP_WITHIN_S, False), self._turn:  # after what is being written
            if self._writer is not None:
                self._writer.kill()
            self.flush()
        if self._pending:
            logger.error("stopped with %d changes of runs that could not be written", len(self._pending))

    def open_run(self, unit_id: str) -> OpenRun | None:
        """The run of a unit that goes on, if one does as far as is known."""
        return self._open.get(unit_id)

    # -- what meters show ---------------------------------------------------------------------------------

    def on_measurement(self, sender: str, event: events.MeasurementChange) -> None:
        """Receiver of ``measurement_changed``."""
        if event.unit_id not in self._roster:  # its worker may be in mid-exchange
            return
        run = self._open.get(event.unit_id)
        if event.run_state is events.RunState.STOPPED:
            if run is not None:
                self._stopped(run, event)
            return
        if run is not None:
            self._end(self._settled(run), None, is_exact=False, how="unseen")
        is_exact = event.was_asked_for or _looked_within(event, EXACT_WITHIN_S)
        self._begin(event.unit_id, event.started_at or event.at, is_exact=is_exact)

    def _stopped(self, run: OpenRun, event: events.MeasurementChange) -> None:
        run = self._settled(run)
        if event.was_asked_for:
            self._end(run, event.at, is_exact=True, how="stopped")
        elif _looked_within(event, LONG_GAP_S):
            self._end(run, event.at, is_exact=_looked_within(event, EXACT_WITHIN_S), how="by_itself")
        else:
            self._end(run, None, is_exact=False, how="unseen")

    def on_reading(self, sender: str, event: events.Reading) -> None:
        """Receiver of ``reading_taken``; counts only when the run state was read since we last could not look."""
        if (step_s := self._clock.check()) is not None:
            for each in self._open.values():
                each.clock_was_set(step_s)
        if event.run_state is None or event.unit_id not in self._roster:
            return
        status = self._board.status(event.unit_id)
        if status.state_read_at is None:
            return
        run = self._open.get(event.unit_id)
        if event.run_state is events.RunState.STOPPED:
            if run is not None:  # it ended, and that was not written down
                self._end(run, None, is_exact=False, how="unseen")
        elif run is None:
            begun = self._begin(event.unit_id, status.measurement_started_at or event.at, is_exact=False)
            begun.last = Figures(event.at, event.main)
        elif run.other_name is not None and status.state_read_at > run.other_name.at:
            self._other_name(run, run.other_name)
        else:
            self._follow(run, Figures(event.at, event.main))

    def _follow(self, run: OpenRun, now: Figures) -> None:
        """One reading more. One that does not fit is not believed before a second that does not fit either."""
        if 0.0 <= (now.at - run.started_at).total_seconds() < SETTLED_AFTER_S:  # below: the clock was set back since
            return
        if run.last is None or may_continue(run.last, now):
            run.earlier, run.last, run.suspect, run.is_gap = run.last, now, None, False
        elif run.suspect is None and _fits_but_for_last(run, now):
            run.last = now
        elif run.suspect is None:
            run.suspect = now
        else:
            begun = self._settled(run)
            begun.last = now

    def _settled(self, run: OpenRun) -> OpenRun:
        """The run that goes on now: a new one where a suspect reading shows that the old one is over."""
        suspect = run.suspect
        if suspect is None or run.last is None:
            return run
        is_unseen = run.is_gap or (suspect.at - run.last.at).total_seconds() >= LONG_GAP_S
        self._end(run, run.last.at, is_exact=False, how="unseen" if is_unseen else "superseded")
        begun = self._begin(run.unit_id, suspect.at, is_exact=False)
        begun.last = suspect
        return begun

    def _other_name(self, run: OpenRun, event: events.RunSettingsRead) -> None:
        """It measures still, under another name than before we lost sight of it: another run."""
        self._end(run, min(run.seen_until, event.at), is_exact=False, how="unseen")
        begun = self._begin(run.unit_id, event.at, is_exact=False)
        self._describe(begun, event.at, event.store_name, event.settings)

    def on_contact(self, sender: str, event: events.ContactChange) -> None:
        """Receiver of ``contact_changed``."""
        run = self._open.get(event.unit_id)
        if run is not None and not event.is_reachable:
            run.mark_gap()

    def on_labels(self, sender: str, event: events.LabelsRead) -> None:
        """Receiver of ``labels_read``."""
        if run := self._open.get(event.unit_id):
            self._describe(run, event.at, run.store_name, _settings_of(event.labels))

    def on_settings(self, sender: str, event: events.RunSettingsRead) -> None:
        """Receiver of ``run_settings_read``."""
        run = self._open.get(event.unit_id)
        if run is None:
            return
        if run.store_name is None or event.store_name in (None, run.store_name):
            run.is_name_old, run.other_name = False, None
            self._describe(run, event.at, event.store_name or run.store_name, event.settings)
        elif run.is_name_old:
            run.other_name = event
        else:
            logger.warning("%s: store name %s in a run of %s", run.unit_id, event.store_name, run.store_name)

    def on_roster(self, sender: str, event: events.RosterChange) -> None:
        """Receiver of ``roster_changed``: nobody looks at a removed unit any more; its rows stay."""
        run = self._open.get(event.unit_id)
        if run is not None and event.change == "removed":
            self._end(run, None, is_exact=False, how="unseen")

    # -- what is written ------------------------------------------------------------------------------------

    def _begin(self, unit_id: str, started_at: datetime, *, is_exact: bool) -> OpenRun:
        run = OpenRun(unit_id, started_at, settings=_settings_of(self._board.status(unit_id).labels))
        self._open[unit_id] = run
        row = runs.Beginning(unit_id, started_at, is_exact, dict(run.settings), self._fingerprint(run.settings))
        self._enqueue(unit_id, lambda session: runs.begin(session, row))
        return run

    def _end(self, run: OpenRun, ended_at: datetime | None, *, is_exact: bool, how: str) -> None:
        """None: when it was last seen to go on."""
        self._open.pop(run.unit_id, None)
        at = ended_at or run.seen_until
        self._enqueue(run.unit_id, lambda session: runs.finish(session, run.unit_id, at, is_exact=is_exact, how=how))

    def _describe(self, run: OpenRun, at: datetime, store_name: str | None, settings: Mapping[str, str]) -> None:
        known = {**run.settings, **settings}
        if (store_name, known) == (run.store_name, run.settings):
            return
        run.store_name, run.settings = store_name, known
        fingerprint = self._fingerprint(known)
        self._enqueue(
            run.unit_id,
            lambda session: runs.describe(
                session,
                run.unit_id,
                at,
                store_name=store_name,
                settings=known,
                fingerprint=fingerprint,
            ),
        )

    def _enqueue(self, unit_id: str, work: Work) -> None:
        self._pending.append((unit_id, work))
        self._news.set()

    def _write_all(self) -> None:
        while True:
            self._news.wait()
            self._news.clear()
            if not self.flush():
                gevent.sleep(RETRY_S)
                self._news.set()

    def flush(self) -> bool:
        """Write and tell everything that waits; tells whether it went well. What could not be written stays."""
        with self._turn:
            at_once = MOST_AT_ONCE
            while self._pending:
                batch = _first(self._pending, at_once)
                try:
                    told = self._database.write(lambda session, batch=batch: _done(session, batch))  # type: ignore[misc]
                except (OperationalError, InterfaceError, OSError) as error:  # locked, full or gone
                    self._failed(error)
                    return False
                except Exception:
                    if len(batch) > 1:  # one of them is to blame: each by itself
                        at_once = 1
                        continue
                    self.dropped += 1
                    logger.exception("a change of a run cannot be written and is dropped")
                    told = []
                for _ in batch:
                    self._pending.popleft()
                self._succeeded()
                for change in told:
                    signals.publish(signals.run_changed, change)
        return True

    def _failed(self, error: Exception) -> None:
        self.write_failures += 1
        self.last_error = why(error)
        if self._failing_since_s is None:
            self._failing_since_s = time.monotonic()
            logger.warning("runs cannot be written, nobody is told of them until they are: %s", self.last_error)

    def _succeeded(self) -> None:
        self.last_error = None
        if self._failing_since_s is not None:
            logger.info("runs are written again after %.0f s", time.monotonic() - self._failing_since_s)
            self._failing_since_s = None


def _first(pending: Iterable[tuple[str, Work]], most: int) -> list[Work]:
    """What is done in one go, one change of each unit: to make two in order once more could do harm."""
    units: set[str] = set()
    batch: list[Work] = []
    for unit_id, work in pending:
        if unit_id in units or len(batch) == most:
            break
        units.add(unit_id)
        batch.append(work)
    return batch


def _done(session: Session, batch: Iterable[Work]) -> list[events.RunChange]:
    return [change for work in batch for change in work(session)]


def _looked_within(event: events.MeasurementChange, most_s: float) -> bool:
    """Whether the state before the change was read so shortly before it."""
    before = event.state_read_before_at
    return before is not None and (event.at - before).total_seconds() <= most_s


def _fits_but_for_last(run: OpenRun, now: Figures) -> bool:
    """Whether a reading goes on from the one before the last: then the last was wrong, not the run another."""
    before = run.earlier
    if before is None or has_begun_anew(before.levels, now.levels):
        return False
    return is_as_old_as_expected(before, now)


def _settings_of(labels: events.Labels) -> dict[str, str]:
    """What names the figures, by the names of the settings; what is not known is left out."""
    named = {"frequency_weighting": labels.frequency_weighting, "time_weighting": labels.time_weighting}
    named |= {f"percentile_{number}": percent for number, percent in enumerate(labels.percentiles, 1)}
    return {name: value for name, value in named.items() if value is not None}
