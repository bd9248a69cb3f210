"""An alert engine over a real database, fed by hand on a clock that stands still until it is told to go."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from slmm import events, signals
from slmm.alerts.office import AlertOffice
from slmm.events import Levels, Reading, RunState
from slmm.settings import Settings
from slmm.storage import upgrade
from slmm.storage.board import StatusBoard
from slmm.storage.database import Database
from slmm.storage.devices import Device, Roster
from slmm.storage.models import EventRow, IncidentRow, NotificationRow, TransitionRow
from slmm.storage.secrets import KEY_FILE, SecretBox
from slmm.storage.upgrade import MIGRATIONS

START = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
"""A Monday."""


class Clockwork:
    """Wall and monotonic time, moved by hand."""

    def __init__(self) -> None:
        self.wall_s = START.timestamp()
        self.monotonic_s = 1000.0

    def go(self, seconds: float) -> None:
        self.wall_s += seconds
        self.monotonic_s += seconds


class Bench:
    """One engine with everything it needs; ``restart`` makes another over the same database, as after a crash."""

    def __init__(self, settings: Settings, path: Path) -> None:
        self.time = Clockwork()
        self.settings = settings
        self.path = path
        self.told: list[events.AlertChange] = []
        self.demands: dict[str, Any] = {}
        self._open()

    def _open(self) -> None:
        self.database = Database.open(f"sqlite:///{self.path / 'slmm.db'}")
        self.database.in_pool(upgrade.upgrade, self.database.engine, MIGRATIONS, self.path / "backups")
        self.box = SecretBox.open(self.path / KEY_FILE)
        self.roster = Roster(self.database)
        self.roster.load(self.box)
        self.board = StatusBoard()
        self.office = AlertOffice(self.settings, self.database, self.roster, self.board, lambda unit_id: ())
        clock = self.office.engine.clock
        clock._wall_s, clock._monotonic_s = lambda: self.time.wall_s, lambda: self.time.monotonic_s
        clock._origin_s = self.time.wall_s - self.time.monotonic_s
        self.office.engine.demand_changed = self.demands.__setitem__
        for name in ("a", "b"):
            if name not in self.roster:
                self.roster.add(Device(name, "127.0.0.1", 9, poll_enabled=False))
        self.office.outbox._now = lambda: datetime.fromtimestamp(self.time.wall_s, UTC)
        self.office.channels.load(self.box)
        self.office._channels_changed()
        self.engine = self.office.engine
        self.office.limit_book.load()
        self.engine.load()
        for signal, receiver in self.engine._receivers():
            signal.connect(receiver, weak=False)
        signals.alert_changed.connect(self._hear, weak=False)
        self.engine.reconsider_demands()
        for name in ("a", "b"):
            signals.publish(signals.mode_changed, events.ModeChange(name, START, events.FeedMode.IDLE))

    def _hear(self, sender: str, event: events.AlertChange) -> None:
        self.told.append(event)

    def _deaf(self) -> None:
        for signal, receiver in self.engine._receivers():
            signal.disconnect(receiver)
        signals.alert_changed.disconnect(self._hear)

    def close(self) -> None:
        self._deaf()
        self.database.close()

    def restart(self, away_s: float = 0.0, *, with_checkpoint: bool = False) -> None:
        """The process is gone without a word and comes back; with a checkpoint it had just saved its timers."""
        if with_checkpoint:
            self.engine.scribe.flush(checkpoint_all=True)
        self.close()
        self.time.go(away_s)
        self._open()

    # -- what happens -------------------------------------------------------------------------------

    def add(self, unit_id: str = "a", **members: Any) -> int:
        from slmm.web.api.alert_models import NewRule

        values = NewRule.model_validate({"threshold_db": 85.0, "cooldown_s": 0, "clear_duration_s": 0, **members})
        return self.office.rules.add(unit_id, values.model_dump()).id

    def reading(self, unit_id: str = "a", **members: Any) -> Reading:
        more = {name: members.pop(name) for name in ("run_state", "flags") if name in members}
        at = datetime.fromtimestamp(self.time.wall_s, UTC)
        taken = Reading(unit_id, at, Levels(**members), "", run_state=RunState.MEASURING)
        return replace(taken, **more)

    def sound(self, lp: float | None, unit_id: str = "a", *, then_s: float = 1.0, **members: Any) -> None:
        """One reading, written down; then time goes on."""
        signals.publish(signals.reading_taken, self.reading(unit_id, lp=lp, **members))
        self.engine.scribe.flush()
        self.time.go(then_s)

    def series(self, text: str, unit_id: str = "a") -> None:
        for token in text.split():
            if token.startswith("gap"):
                self.time.go(float(token.removeprefix("gap")))
                continue
            level, _, times = token.partition("x")
            for _ in range(int(times or 1)):
                self.sound(None if level == "_" else float(level), unit_id)

    def tick(self, seconds: float = 0.0) -> None:
        self.time.go(seconds)
        self.engine.tick()
        self.engine.scribe.flush()

    def deliver(self) -> None:
        """Send what is due now."""
        self.office.outbox.send_due(wait=True)

    # -- what is on record ----------------------------------------------------------------------------

    def rows(self, kind: Any) -> list[Any]:
        return self.database.read(lambda session: list(session.scalars(select(kind).order_by(kind.id))))

    @property
    def events(self) -> list[EventRow]:
        return self.rows(EventRow)

    @property
    def incidents(self) -> list[IncidentRow]:
        return self.rows(IncidentRow)

    @property
    def messages(self) -> list[NotificationRow]:
        return self.rows(NotificationRow)

    @property
    def transitions(self) -> list[str]:
        return [row.kind for row in self.rows(TransitionRow)]

    def second(self, at: datetime | None) -> float | None:
        """Seconds since the start."""
        return None if at is None else round((at - START).total_seconds(), 3)

    def spans(self) -> list[tuple[float | None, float | None, str | None]]:
        """Onset, end and reason of every event."""
        return [(self.second(e.onset_at), self.second(e.clear_at), e.end_reason) for e in self.events]


@pytest.fixture
def bench(make_settings: Callable[..., Settings], tmp_path: Path) -> Iterator[Bench]:
    path = tmp_path / "alerts"
    path.mkdir()
    made = Bench(make_settings(), path)
    yield made
    made.close()
