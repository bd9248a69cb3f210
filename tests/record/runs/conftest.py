"""A follower of runs over a database of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from slmm import signals
from slmm.events import RunChange
from slmm.fleet.procedures import fingerprint
from slmm.record.runs import Runs
from slmm.storage import upgrade
from slmm.storage.board import StatusBoard
from slmm.storage.database import Database
from slmm.storage.devices import Device, Roster
from slmm.storage.upgrade import MIGRATIONS
from tests.record.runs.meter import Meter


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = Database.open(f"sqlite:///{tmp_path / 'slmm.db'}")
    opened.in_pool(upgrade.upgrade, opened.engine, MIGRATIONS, tmp_path / "backups")
    yield opened
    opened.close()


@pytest.fixture
def board() -> StatusBoard:
    return StatusBoard()


@pytest.fixture
def roster(database: Database) -> Roster:
    loaded = Roster(database)
    loaded.load()
    loaded.add(Device("a", "10.0.0.1"))
    return loaded


@pytest.fixture
def begin(database: Database, roster: Roster, board: StatusBoard) -> Iterator[Callable[[], Runs]]:
    """Starts the follower; called again, it is a restart without a farewell."""
    started: list[Runs] = []

    def start() -> Runs:
        for runs in started:
            runs.flush()
            runs.stop()
        started[:] = [Runs(database, roster, board, fingerprint)]
        started[0].start()
        return started[0]

    yield start
    for runs in started:
        runs.stop()


@pytest.fixture
def runs(begin: Callable[[], Runs]) -> Runs:
    return begin()


@pytest.fixture
def meter(runs: Runs, board: StatusBoard) -> Meter:
    return Meter(board)


@pytest.fixture
def told() -> Iterator[list[RunChange]]:
    found: list[RunChange] = []

    def receive(sender: str, event: RunChange) -> None:
        found.append(event)

    with signals.run_changed.connected_to(receive):
        yield found
