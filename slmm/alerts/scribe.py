"""Writes what the rules have found, in order, and tells only what is on record.

What cannot be written waits and is tried again. The transaction that writes an event writes its messages too.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any, TypeVar

import gevent
from gevent.event import Event
from gevent.lock import RLock
from sqlalchemy.exc import IntegrityError, SQLAlchemyError
from sqlalchemy.orm import Session

from slmm import events, signals
from slmm.alerts import store
from slmm.alerts.letters import Surroundings, Wishes
from slmm.alerts.rules import Rule
from slmm.alerts.state import ChangeKind
from slmm.alerts.texts import log_line
from slmm.alerts.unit import Record, RuleRun
from slmm.alerts.writing import Batch, Contact, SavedState, Writer, Written
from slmm.events import LogCategory, LogLevel
from slmm.steady import SteadyClock
from slmm.storage.batch import why
from slmm.storage.database import Database

logger = logging.getLogger(__name__)

T = TypeVar("T")

CHECKPOINT_S = 10.0
"""How old the saved evidence of a running timer may be."""
RETRY_S = 1.0
STOP_WITHIN_S = 4.0
LOUD = frozenset({"onset", "realarm", "escalated"})


class Scribe:
    """The one that writes."""

    def __init__(
        self,
        database: Database,
        clock: SteadyClock,
        surroundings: Callable[[str], Surroundings],
        runs: Callable[[], Iterator[RuleRun]],
        facts: Callable[[Rule], dict[str, Any]],
        wishes: Callable[[Rule], Wishes],
    ) -> None:
        self.told: Callable[[], None] | None = None
        """Called when there may be news for the outbox."""
        self.turn = RLock()
        """Held while something is written: changes by people come one after the other."""
        self.write_failures = 0
        self.last_error: str | None = None
        self._database = database
        self._clock = clock
        self._surroundings = surroundings
        self._runs = runs
        self._facts = facts
        self._wishes = wishes
        self._records: deque[Record] = deque()
        self._contacts: deque[Contact] = deque()
        self._saved_s: dict[int, float] = {}
        self._news = Event()
        self._failing_since_s: float | None = None
        self._greenlet: gevent.Greenlet | None = None

    def start(self) -> None:
        """Write from now on."""
        self._greenlet = gevent.Greenlet(self._write_all)
        self._greenlet.name = "alert-scribe"
        self._greenlet.link_exception(lambda dead: logger.critical("greenlet %s died", dead.name))
        self._greenlet.start()

    def stop(self) -> None:
        """Write what is left; takes STOP_WITHIN_S at most."""
        with gevent.Timeout(STOP_WITHIN_S, False), self.turn:  # after what is being written
            if self._greenlet is not None:
                self._greenlet.kill()
            self.flush(checkpoint_all=True)
        if self._records or self._contacts:
            logger.error("stopped with %d alert changes that could not be written", len(self._records))

    def note(self, records: list[Record]) -> None:
        """Changes of rules, in the order in which they happened."""
        if records:
            self._records.extend(records)
            self._news.set()

    def note_contact(self, contact: Contact) -> None:
        """A unit was lost, or is back."""
        self._contacts.append(contact)
        self._news.set()

    def save_timers(self, now_s: float) -> None:
        """Now and then: the evidence of running timers, so that a restart goes on with it."""
        if any(self._is_save_due(run, now_s) for run in self._runs()):
            self._news.set()

    def _is_save_due(self, run: RuleRun, now_s: float) -> bool:
        return run.is_dirty and now_s - self._saved_s.get(run.rule.rule_id, 0.0) >= CHECKPOINT_S

    def _write_all(self) -> None:
        while True:
            self._news.wait()
            self._news.clear()
            try:
                is_written = self.flush()
            except Exception as error:
                is_written = False
                self.last_error = str(error)
                logger.exception("alert changes could not be written for a reason nobody thought of; they are kept")
            if not is_written:
                gevent.sleep(RETRY_S)
                self._news.set()

    def flush(self, *, checkpoint_all: bool = False) -> bool:
        """Write everything that waits; tells whether it went well. What failed stays, in order."""
        with self.turn:
            return self._flush(checkpoint_all=checkpoint_all)

    def _flush(self, *, checkpoint_all: bool) -> bool:
        now_s = self._clock.now_s()
        records, contacts = list(self._records), list(self._contacts)
        touched = {record.rule.rule_id for record in records}
        runs = [
            run
            for run in self._runs()
            if run.is_dirty and (checkpoint_all or run.rule.rule_id in touched or self._is_save_due(run, now_s))
        ]
        if not records and not contacts and not runs:
            return True
        batch = self._batch(records, contacts, runs)
        for run in runs:
            run.is_dirty = False
        try:
            told = self._database.write(lambda session: Writer(session, batch, self._surroundings).write())
        except IntegrityError as error:
            for run in runs:
                run.is_dirty = True
            return self._adopt(records, error)
        except (SQLAlchemyError, OSError) as error:
            for run in runs:
                run.is_dirty = True
            self._failed(error)
            return False
        for run in runs:
            self._saved_s[run.rule.rule_id] = now_s
        for _ in records:
            self._records.popleft()
        for _ in contacts:
            self._contacts.popleft()
        self._succeeded()
        self.tell(told)
        return True

    def _batch(self, records: list[Record], contacts: list[Contact], runs: list[RuleRun]) -> Batch:
        return Batch(
            now=self._now(),
            records=tuple((record, self._facts(record.rule), self._wishes(record.rule)) for record in records),
            contacts=tuple(contacts),
            states=tuple(
                SavedState(run.rule.rule_id, run.rule.unit_id, run.rule.version, run.state, run.event_uid)
                for run in runs
            ),
            instant=self._clock.instant,
            ahead_s=self._clock.ahead_s,
        )

    def _adopt(self, records: list[Record], error: IntegrityError) -> bool:
        """Somebody else has opened the event already: it is taken over, and ours is dropped."""
        found = self._database.read(lambda session: store.load_open(session))
        is_adopted = False
        for record in records:
            key = (record.rule.rule_id, record.rule.unit_id)
            uid = found.get(key)
            if record.change.kind is ChangeKind.ONSET and uid is not None and uid != record.event_uid:
                for other in [one for one in self._records if one.event_uid == record.event_uid]:
                    self._records.remove(other)
                for run in self._runs():
                    if (run.rule.rule_id, run.rule.unit_id) == key:
                        run.event_uid, run.is_dirty = uid, True
                is_adopted = True
        if not is_adopted:
            self._failed(error)
        return is_adopted

    def _failed(self, error: Exception) -> None:
        self.write_failures += 1
        self.last_error = why(error)
        if self._failing_since_s is None:
            self._failing_since_s = time.monotonic()
            logger.error("alert changes cannot be written, nobody is told until they are: %s", self.last_error)

    def _succeeded(self) -> None:
        self.last_error = None
        if self._failing_since_s is not None:
            away_s = time.monotonic() - self._failing_since_s
            logger.info("alert changes are written again after %.0f s", away_s)
            self._failing_since_s = None

    def tell(self, told: list[Written]) -> None:
        """What is on record, to viewers and outbox."""
        now = self._now()
        for written in told:
            change = events.AlertChange(written.unit_id, now, written.kind, written.event)
            signals.publish(signals.alert_changed, change)
            if (line := log_line(written.kind, written.event)) is not None:
                level = LogLevel.INFO if written.kind not in LOUD else LogLevel.WARNING
                entry = events.LogEntry(written.unit_id, now, level, LogCategory.ALERT, line)
                signals.publish(signals.logged, entry)
        if told:
            self.wake_outbox()

    def wake_outbox(self) -> None:
        """There may be something to send."""
        if self.told is not None:
            self.told()

    def commit(
        self,
        unit_id: str,
        records: list[Record],
        change: Callable[[Session], T],
        runs: list[RuleRun] | None = None,
    ) -> T:
        """Write *records* and whatever *change* does in one transaction, then tell; for use within ``changing``."""
        batch = self._batch(records, [], runs or [])

        def work(session: Session) -> tuple[T, list[Written]]:
            outcome = change(session)
            return outcome, Writer(session, batch, self._surroundings).write()

        outcome, told = self._database.write(work)
        self.tell(told)
        self.wake_outbox()
        return outcome

    def _now(self) -> datetime:
        return self._clock.instant(self._clock.now_s())
