"""Events and incidents for people: finding them, acknowledging, noting, closing and snoozing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from slmm.alerts import machine
from slmm.alerts.desk import Desk
from slmm.alerts.engine import AlertEngine
from slmm.alerts.letters import Surroundings
from slmm.alerts.state import EndReason, State, Step
from slmm.alerts.unit import Record, RuleRun, UnitAlerts
from slmm.alerts.views import event_view
from slmm.alerts.writing import CONTACT_RULE, Written
from slmm.errors import Conflict, Invalid, NotFound
from slmm.storage.database import Database
from slmm.storage.models import EventRow, IncidentRow, ShelfRow, TransitionRow

LONGEST_SHELF = timedelta(days=7)


class Inbox:
    """What people do with alerts."""

    def __init__(self, database: Database, engine: AlertEngine, surroundings: Callable[[str], Surroundings]) -> None:
        self._database = database
        self._engine = engine
        self._surroundings = surroundings

    # -- finding ------------------------------------------------------------------------------------

    def events(
        self,
        limit: int,
        *,
        units: Sequence[str] | None = None,
        state: str | None = None,
        severity: str | None = None,
        before_id: int | None = None,
        since: datetime | None = None,
    ) -> list[EventRow]:
        """Events, newest first; *state* is ``open``, ``unacknowledged`` or ``ended``."""
        wanted = _of_state(select(EventRow), state).order_by(EventRow.onset_at.desc(), EventRow.id.desc()).limit(limit)
        if units is not None:
            wanted = wanted.where(EventRow.unit_id.in_(units))
        if severity is not None:
            wanted = wanted.where(EventRow.severity == severity)
        if before_id is not None:
            onset_at = select(EventRow.onset_at).where(EventRow.id == before_id).scalar_subquery()
            is_older = (EventRow.onset_at < onset_at) | ((EventRow.onset_at == onset_at) & (EventRow.id < before_id))
            wanted = wanted.where(is_older)
        if since is not None:
            wanted = wanted.where(EventRow.onset_at >= since)
        return self._database.read(lambda session: list(session.scalars(wanted)))

    def event(self, event_id: int, unit_id: str | None = None) -> EventRow:
        """One event; raises NotFound."""
        return self._database.read(lambda session: _find(session, event_id, unit_id))

    def transitions(self, event_id: int) -> list[TransitionRow]:
        """What happened to an event, in order."""

        def read(session: Session) -> list[TransitionRow]:
            event = _find(session, event_id, None)
            wanted = select(TransitionRow).where(TransitionRow.event_uid == event.uid).order_by(TransitionRow.id)
            return list(session.scalars(wanted))

        return self._database.read(read)

    def counts(self, units: Sequence[str] | None = None) -> dict[str, int]:
        """Open events, and how many of them nobody has acknowledged."""
        wanted = select(EventRow.severity, EventRow.acknowledged_at).where(EventRow.clear_at.is_(None))
        if units is not None:
            wanted = wanted.where(EventRow.unit_id.in_(units))
        rows = self._database.read(lambda session: list(session.execute(wanted)))
        unacknowledged = [severity for severity, at in rows if at is None]
        return {
            "open": len(rows),
            "unacknowledged": len(unacknowledged),
            "red": sum(severity == "red" for severity in unacknowledged),
        }

    def open_by_unit(self, units: Sequence[str]) -> dict[str, dict[str, Any]]:
        """Of each unit that has open events: how many, how many nobody has acknowledged, and the worst severity."""
        wanted = select(EventRow.unit_id, EventRow.severity, EventRow.acknowledged_at).where(
            EventRow.clear_at.is_(None)
        )
        rows = self._database.read(lambda session: list(session.execute(wanted)))
        asked = frozenset(units)
        found: dict[str, dict[str, Any]] = {}
        for unit_id, severity, at in rows:
            if unit_id in asked:
                one = found.setdefault(unit_id, {"open": 0, "unacknowledged": 0, "severity": "amber"})
                one["open"] += 1
                one["unacknowledged"] += at is None
                one["severity"] = "red" if severity == "red" else one["severity"]
        return found

    # -- acknowledging ---------------------------------------------------------------------------------

    def acknowledge(
        self, event_id: int, by: str, *, note: str | None = None, cause: str | None = None, unit_id: str | None = None
    ) -> EventRow:
        """Somebody has seen it; a second time changes nothing but note and cause. Raises NotFound or DiskTrouble."""
        found = self.event(event_id, unit_id)

        def write(session: Session) -> EventRow:
            event = _find(session, event_id, unit_id)
            if event.acknowledged_at is None:
                event.acknowledged_at, event.acknowledged_by = self._now(), by
                _keep(session, event, "acknowledged", self._now(), by, note)
            event.notes = _joined(event.notes, note)
            event.cause = cause or event.cause
            session.flush()
            if event.incident_id is not None:
                self._desk(session, event.unit_id).acknowledged(event.incident_id)
            return event

        return self._change(found, machine.acknowledge, write, "acknowledged", by)

    def unacknowledge(self, event_id: int, by: str) -> EventRow:
        """Taken back; raises NotFound, or Conflict for an event that has ended."""
        found = self.event(event_id)
        if found.clear_at is not None:
            raise Conflict(f"event {event_id} has ended; its acknowledgement stays")

        def write(session: Session) -> EventRow:
            event = _find(session, event_id, None)
            event.acknowledged_at = event.acknowledged_by = None
            _keep(session, event, "unacknowledged", self._now(), by, None)
            session.flush()
            if event.incident_id is not None:
                self._desk(session, event.unit_id).unacknowledged(event.incident_id)
            return event

        def undo(state: State, at_s: float) -> Step:
            return machine.unacknowledge(state), ()

        return self._change(found, undo, write, "unacknowledged", by)

    def acknowledge_incident(self, incident_uid: str, by: str, note: str | None = None) -> list[EventRow]:
        """All events of an incident that nobody has acknowledged, ended or not; raises NotFound."""

        def read(session: Session) -> list[int]:
            incident = session.scalar(select(IncidentRow).where(IncidentRow.uid == incident_uid))
            if incident is None:
                raise NotFound("this incident is unknown")
            wanted = select(EventRow.id).where(EventRow.incident_id == incident.id, EventRow.acknowledged_at.is_(None))
            return list(session.scalars(wanted))

        return [self.acknowledge(event_id, by, note=note) for event_id in self._database.read(read)]

    def annotate(self, event_id: int, by: str, *, note: str | None = None, cause: str | None = None) -> EventRow:
        """Say what it was, also long after; raises NotFound."""

        def write(session: Session) -> EventRow:
            event = _find(session, event_id, None)
            event.notes = _joined(event.notes, note)
            event.cause = cause or event.cause
            _keep(session, event, "annotated", self._now(), by, note or cause)
            return event

        event = self._database.write(write)
        self._engine.scribe.tell([Written(event.unit_id, "annotated", event_view(event))])
        return event

    def close(self, event_id: int, by: str, reason: str) -> EventRow:
        """End an event by hand; its rule fires again only after the level has come back once.

        Raises NotFound, or Conflict for an event that has ended.
        """
        found = self.event(event_id)
        if found.clear_at is not None:
            raise Conflict(f"event {event_id} has ended already")
        if found.rule_id == CONTACT_RULE:
            raise Conflict("a lost meter cannot be closed by hand; acknowledge it, it ends when data arrive again")
        run = self._run(found)

        def write(session: Session) -> EventRow:
            event = _find(session, event_id, None)
            event.notes = _joined(event.notes, reason)
            if run is None:  # its rule is gone or off: nothing else will end it
                event.clear_at, event.status = self._now(), "cleared"
                event.end_reason = EndReason.CLOSED_BY_HAND.value
                _keep(session, event, "ended", self._now(), by, reason)
                session.flush()
                self._desk(session, event.unit_id).ended(event)
            return event

        def end(state: State, at_s: float) -> Step:
            return machine.close_by_hand(state, at_s)

        self._change(found, end, write, "ended", by)
        return self.event(event_id)

    # -- snoozing ---------------------------------------------------------------------------------------

    def shelve(
        self, unit_id: str, rule_id: int | None, until: datetime, by: str, reason: str, *, is_one_shot: bool = False
    ) -> ShelfRow:
        """Record, but tell nobody, until then; raises Invalid for a time that is past or too far away."""
        now = self._now()
        if not now < until <= now + LONGEST_SHELF:
            raise Invalid(f"until {until.isoformat()} is not allowed: from now to 7 days ahead", field="until")
        row = ShelfRow(
            unit_id=unit_id,
            rule_id=rule_id,
            until=until,
            is_one_shot=is_one_shot,
            created_by=by,
            created_at=now,
            reason=reason,
        )
        self._database.write(lambda session: session.add(row))
        return row

    def shelves(self, units: Sequence[str] | None = None) -> list[ShelfRow]:
        """What is snoozed now."""
        wanted = select(ShelfRow).where(ShelfRow.ended_at.is_(None), ShelfRow.until > self._now())
        if units is not None:
            wanted = wanted.where(ShelfRow.unit_id.in_(units))
        return self._database.read(lambda session: list(session.scalars(wanted.order_by(ShelfRow.until))))

    def shelf(self, shelf_id: int) -> ShelfRow:
        """One of them; raises NotFound."""
        row = self._database.read(lambda session: session.get(ShelfRow, shelf_id))
        if row is None:
            raise NotFound(f"nothing is snoozed under number {shelf_id}")
        return row

    def unshelve(self, shelf_id: int, by: str) -> ShelfRow:
        """End it now: who was never told of what is still open hears of it. Raises NotFound."""

        def end(session: Session) -> ShelfRow:
            row = session.get(ShelfRow, shelf_id)
            if row is None:
                raise NotFound(f"nothing is snoozed under number {shelf_id}")
            if row.ended_at is None:
                self._end_shelf(session, row, by)
            return row

        row = self._database.write(end)
        self._engine.scribe.wake_outbox()
        return row

    def expire_shelves(self) -> int:
        """End those whose time is over; how many. Called now and then by the scheduler."""
        now = self._now()
        wanted = select(ShelfRow).where(ShelfRow.ended_at.is_(None), ShelfRow.until <= now)
        if not self._database.read(lambda session: session.scalar(wanted.limit(1))):
            return 0

        def end(session: Session) -> int:
            rows = list(session.scalars(wanted))
            for row in rows:
                self._end_shelf(session, row, "its time was over")
            return len(rows)

        count = self._database.write(end)
        self._engine.scribe.wake_outbox()
        return count

    def _end_shelf(self, session: Session, row: ShelfRow, by: str) -> None:
        row.ended_at, row.ended_by = self._now(), by
        session.flush()
        self._desk(session, row.unit_id).unshelved(row.unit_id, row.rule_id)

    # -- inside --------------------------------------------------------------------------------------------

    def _change(
        self,
        event: EventRow,
        step: Callable[[State, float], Step],
        write: Callable[[Session], EventRow],
        kind: str,
        by: str,
    ) -> EventRow:
        """What somebody does to an event, in one transaction with what it does to the rule's state."""
        with self._engine.changing(event.unit_id) as unit:
            run = self._run_in(unit, event)
            records: list[Record] = []
            trial: RuleRun | None = None
            if run is not None:
                trial = RuleRun(run.rule, run.state, run.event_uid)
                records = trial.apply(step(run.state, self._engine.clock.now_s()), actor=by)
            changed = self._engine.scribe.commit(event.unit_id, records, write, [trial] if trial else [])
            if run is not None and trial is not None:
                run.state = trial.state
        if not records:
            self._engine.scribe.tell([Written(changed.unit_id, kind, event_view(changed))])
        return changed

    def _run(self, event: EventRow) -> RuleRun | None:
        unit = self._engine.units.get(event.unit_id)
        return self._run_in(unit, event) if unit else None

    @staticmethod
    def _run_in(unit: UnitAlerts, event: EventRow) -> RuleRun | None:
        run = unit.runs.get(event.rule_id)
        return run if run is not None and run.event_uid == event.uid and run.state.has_event else None

    def _desk(self, session: Session, unit_id: str) -> Desk:
        return Desk(session, self._now(), self._surroundings(unit_id))

    def _now(self) -> datetime:
        return self._engine.clock.instant(self._engine.clock.now_s())


def _of_state(wanted: Select[Any], state: str | None) -> Select[Any]:
    if state == "open":
        return wanted.where(EventRow.clear_at.is_(None))
    if state == "unacknowledged":
        return wanted.where(EventRow.clear_at.is_(None), EventRow.acknowledged_at.is_(None))
    return wanted.where(EventRow.clear_at.is_not(None)) if state == "ended" else wanted


def _find(session: Session, event_id: int, unit_id: str | None) -> EventRow:
    event = session.get(EventRow, event_id)
    if event is None or (unit_id is not None and event.unit_id != unit_id):
        raise NotFound(f"there is no alert event {event_id}" + (f" of {unit_id}" if unit_id else ""))
    return event


def _joined(before: str | None, note: str | None) -> str | None:
    """Notes are added, never overwritten."""
    return "\n".join(part for part in (before, note) if part) or None


def _keep(session: Session, event: EventRow, kind: str, at: datetime, by: str, reason: str | None) -> None:
    session.add(
        TransitionRow(
            event_uid=event.uid,
            rule_id=event.rule_id,
            unit_id=event.unit_id,
            kind=kind,
            at=at,
            written_at=at,
            actor=by,
            reason=reason,
        )
    )
