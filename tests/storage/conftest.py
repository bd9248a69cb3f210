"""A migrated SQLite database in a fresh directory."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from slmm.storage import upgrade
from slmm.storage.database import Database
from slmm.storage.devices import Roster
from slmm.storage.upgrade import MIGRATIONS


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = Database.open(f"sqlite:///{tmp_path / 'slmm.db'}")
    opened.in_pool(upgrade.upgrade, opened.engine, MIGRATIONS, tmp_path / "backups")
    yield opened
    opened.close()


@pytest.fixture
def roster(database: Database) -> Roster:
    loaded = Roster(database)
    loaded.load()
    return loaded
