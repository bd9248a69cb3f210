"""Anything may happen to an alert in any order; what is on record must always make sense.

A step is one reading, or one thing that somebody does. SLMM_TEST_STEPS asks for more of them than the usual 15,000.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy.exc import OperationalError

from slmm import events, signals
from slmm import settings as settings_module
from slmm.errors import Conflict, DiskTrouble
from slmm.storage.models import ShelfRow
from tests.alerts.conftest import Bench

WANTED_STEPS = int(os.environ.get("SLMM_TEST_STEPS", "15000"))
LEVELS = st.one_of(
    st.sampled_from([60.0, 70.0, 83.0, 84.0, 85.0, 85.1, 90.0, 96.0, None]),
    st.integers(min_value=600, max_value=1000).map(lambda tenths: tenths / 10),
)
# Loud and quiet stretches as they occur, and pauses around what counts as a gap.
STRETCHES = st.lists(
    st.tuples(LEVELS, st.integers(min_value=1, max_value=60), st.sampled_from([1.0, 1.0, 1.0, 4.0, 6.0, 70.0])),
    min_size=1,
    max_size=6,
)
RULES = st.fixed_dictionaries(
    {
        "threshold_db": st.sampled_from([70.0, 85.0]),
        "duration_s": st.sampled_from([0, 3, 10]),
        "clear_duration_s": st.sampled_from([None, 0, 5]),
        "cooldown_s": st.sampled_from([0, 30]),
        "red_threshold_db": st.sampled_from([None, 95.0]),
        "latch": st.booleans(),
        "on_no_data": st.sampled_from(["freeze", "clear"]),
        "remind_after_s": st.sampled_from([None, "60"]),
    }
)
_steps = 0


@contextmanager
def locked(bench: Bench) -> Iterator[None]:
    """The database refuses every write."""
    real = bench.database.write

    def refuse(change: Any) -> Any:
        raise OperationalError("update", {}, Exception("database is locked"))

    bench.database.write = refuse  # type: ignore[method-assign]
    try:
        yield
    finally:
        bench.database.write = real  # type: ignore[method-assign]


class AnyOrder(RuleBasedStateMachine):
    """Two rules of one unit and everything that can happen to them."""

    template: Path

    def __init__(self) -> None:
        super().__init__()
        self.directory = Path(tempfile.mkdtemp(dir="/dev/shm" if Path("/dev/shm").is_dir() else None))
        shutil.copytree(self.template, self.directory, dirs_exist_ok=True)
        self.bench = Bench(settings_module.load({}, None, data_dir=self.directory, port=0), self.directory)
        self.rule_ids: list[int] = []
        self.told_before: dict[int, set[str]] = {}
        """The onsets that had gone out, or were about to, when something was snoozed."""

    def teardown(self) -> None:
        self.bench.close()
        shutil.rmtree(self.directory, ignore_errors=True)

    def _count(self, steps: int = 1) -> None:
        global _steps
        _steps += steps

    @initialize(first=RULES, second=RULES)
    def make_rules(self, first: dict[str, Any], second: dict[str, Any]) -> None:
        self.rule_ids = [self.bench.add("a", **first), self.bench.add("a", **second)]

    # -- the meter ---------------------------------------------------------------------------------

    @rule(stretches=STRETCHES)
    def sound(self, stretches: list[tuple[float | None, int, float]]) -> None:
        for level, count, pause_s in stretches:
            for _ in range(count):
                signals.publish(signals.reading_taken, self.bench.reading(lp=level))
                self.bench.time.go(pause_s)
                self._count()
            self.bench.engine.scribe.flush()

    @rule(stretches=STRETCHES)
    def sound_while_the_database_is_locked(self, stretches: list[tuple[float | None, int, float]]) -> None:
        with locked(self.bench):
            self.sound(stretches)
        self.bench.engine.scribe.flush()

    @rule(seconds=st.sampled_from([1.0, 15.0, 61.0, 130.0]))
    def pass_time(self, seconds: float) -> None:
        self.bench.tick(seconds)
        self._count()

    @rule(is_reachable=st.booleans())
    def change_contact(self, is_reachable: bool) -> None:
        change = events.ContactChange("a", self.bench.reading().at, is_reachable, "no route")
        signals.publish(signals.contact_changed, change)
        self.bench.engine.scribe.flush()
        self._count()

    @rule(seconds=st.sampled_from([-7200.0, -60.0, 60.0, 7200.0]))
    def set_the_clock(self, seconds: float) -> None:
        self.bench.time.wall_s += seconds
        self.bench.tick()
        for told in self.told_before.values():  # what was over may go on again by the new time
            told |= self._told("pending", "sending", "sent", "merged")
        self._count()

    # -- the service ---------------------------------------------------------------------------------

    @rule(away_s=st.sampled_from([0.0, 3.0, 40.0, 600.0]), with_checkpoint=st.booleans())
    def restart(self, away_s: float, with_checkpoint: bool) -> None:
        self.bench.restart(away_s, with_checkpoint=with_checkpoint)
        self._count()

    @rule(level=LEVELS)
    def crash_before_the_commit(self, level: float | None) -> None:
        signals.publish(signals.reading_taken, self.bench.reading(lp=level))
        self.bench.time.go(1.0)
        self.bench.restart()
        self._count()

    @rule()
    def deliver(self) -> None:
        self.bench.deliver()
        self._count()

    # -- people ----------------------------------------------------------------------------------------

    def _open(self) -> list[Any]:
        return [event for event in self.bench.events if event.clear_at is None]

    @precondition(lambda self: self._open())
    @rule(data=st.data(), what=st.sampled_from(["acknowledge", "unacknowledge", "close"]))
    def act(self, data: st.DataObject, what: str) -> None:
        event = data.draw(st.sampled_from(self._open()))
        inbox = self.bench.office.inbox
        if what == "acknowledge":
            inbox.acknowledge(event.id, "kim")
        elif what == "unacknowledge":
            inbox.unacknowledge(event.id, "kim")
        else:
            try:
                inbox.close(event.id, "kim", "known")
            except Conflict:
                assert event.rule_id == 0
        self._count()

    @precondition(lambda self: self._open())
    @rule()
    def acknowledge_while_the_database_is_locked(self) -> None:
        before = self._open()[0]
        with locked(self.bench), pytest.raises((OperationalError, DiskTrouble)):
            self.bench.office.inbox.acknowledge(before.id, "kim")
        assert self.bench.office.inbox.event(before.id).acknowledged_by == before.acknowledged_by
        self._count()

    @rule(
        index=st.integers(min_value=0, max_value=1),
        change=st.sampled_from(
            [
                {"threshold_db": 70.0, "red_threshold_db": None},
                {"threshold_db": 85.0},
                {"name": "other"},
                {"duration_s": 5},
                {"enabled": False},
                {"enabled": True},
                {"schedule_start": "13:00", "schedule_end": "14:00"},
                {"schedule_start": None, "schedule_end": None},
            ]
        ),
    )
    def edit(self, index: int, change: dict[str, Any]) -> None:
        self.bench.office.rules.change("a", self.rule_ids[index], change, by="kim")
        self._count()

    @rule(minutes=st.sampled_from([1, 30]), is_one_shot=st.booleans())
    def snooze(self, minutes: int, is_one_shot: bool) -> None:
        until = self.bench.office.inbox._now() + timedelta(minutes=minutes)
        shelf = self.bench.office.inbox.shelve("a", None, until, "kim", "noise", is_one_shot=is_one_shot)
        self.told_before[shelf.id] = self._told("pending", "sending", "sent", "merged")
        self._count()

    @rule()
    def expire_snoozes(self) -> None:
        self.bench.office.inbox.expire_shelves()
        self._count()

    # -- what always holds -------------------------------------------------------------------------------

    @invariant()
    def state_and_record_agree(self) -> None:
        if not self.rule_ids:
            return
        self.bench.engine.scribe.flush()
        rows = self.bench.events
        open_rows = {(row.rule_id, row.uid) for row in rows if row.clear_at is None and row.rule_id}
        unit = self.bench.engine.units["a"]
        running = {(run.rule.rule_id, run.event_uid) for run in unit.runs.values() if run.state.has_event}
        assert running == open_rows
        assert all((row.status == "active") == (row.clear_at is None) for row in rows)
        assert all((row.end_reason is None) == (row.clear_at is None) for row in rows)

    @invariant()
    def incidents_are_open_with_their_events(self) -> None:
        if not self.rule_ids:
            return
        rows = self.bench.events
        for incident in self.bench.incidents:
            has_open = any(row.incident_id == incident.id and row.clear_at is None for row in rows)
            assert has_open == (incident.closed_at is None), incident.id

    @invariant()
    def everybody_hears_once_of_begin_and_end(self) -> None:
        if not self.rule_ids:
            return
        messages = self.bench.messages
        rows = self.bench.events
        shelved = {row.incident_id for row in rows if row.suppressed}
        for incident in self.bench.incidents:
            own = [message for message in messages if message.incident_id == incident.id]
            onsets = [message for message in own if message.kind == "onset"]
            ends = [message for message in own if message.stage == "end"]
            assert len(onsets) <= 1
            assert len(ends) <= 1
            assert onsets or incident.id in shelved
            if incident.closed_at is not None and onsets and onsets[0].status != "suppressed":
                assert ends, incident.id
            if incident.closed_at is None:
                assert not ends
            if ends:
                assert onsets[0].status != "pending"

    @invariant()
    def what_is_snoozed_is_not_sent(self) -> None:
        if not self.rule_ids:
            return
        now = self.bench.office.inbox._now()
        for shelf in self.bench.rows(ShelfRow):
            if shelf.ended_at is None and shelf.until > now:
                assert self._told("sent") <= self.told_before[shelf.id]

    def _told(self, *states: str) -> set[str]:
        """The onsets that went out, or wait."""
        return {row.uid for row in self.bench.messages if row.kind == "onset" and row.status in states}


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("template")
    made = Bench(settings_module.load({}, None, data_dir=directory, port=0), directory)
    made.close()
    return directory


@pytest.mark.deadline(3600.0)
def test_anything_in_any_order_leaves_a_record_that_makes_sense(template: Path) -> None:
    AnyOrder.template = template
    machine = seed(20261121)(AnyOrder)
    wanted = settings(
        max_examples=max(20, WANTED_STEPS // 700),
        stateful_step_count=30,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate, Phase.shrink],
    )
    while _steps < WANTED_STEPS:
        run_state_machine_as_test(machine, settings=wanted)
        machine = seed(_steps)(AnyOrder)
    assert _steps >= WANTED_STEPS
