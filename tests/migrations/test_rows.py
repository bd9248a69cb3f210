"""Every step of the schema with rows of its time: nothing that both sides can hold is lost, up or down."""

from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.script import ScriptDirectory

from slmm.storage import upgrade
from slmm.storage.accounts import Accounts
from slmm.storage.database import Database
from slmm.storage.devices import Roster
from slmm.storage.grants import Shares, Tokens
from slmm.storage.secrets import SecretBox
from slmm.storage.upgrade import MIGRATIONS
from tests.migrations.rows import FTP_PASSWORD, LEVELS, UNITS, Content, content, differences, fill

REVISIONS = sorted(script.revision for script in ScriptDirectory(str(MIGRATIONS)).walk_revisions())


def go_up(database: Database, revision: str) -> None:
    """To that schema, as a version of its time would have done it."""
    command.upgrade(upgrade._config(database.engine, MIGRATIONS), revision)


def look(database: Database) -> Content:
    with database.engine.connect() as connection:
        return content(connection)


def with_rows(database: Database, revision: str, box: SecretBox) -> Content:
    """A database of that schema with rows in all its tables."""
    go_up(database, revision)
    with database.engine.begin() as connection:
        fill(connection, box)
    return look(database)


def without_levels(found: Content) -> Content:
    """The first schema had the levels of the last state in one column, with what was known alone."""
    return {
        table: {key: {name: value for name, value in row.items() if name != "levels"} for key, row in rows.items()}
        for table, rows in found.items()
    }


@pytest.mark.parametrize(
    ("database", "revision"),
    [
        *(("sqlite", revision) for revision in REVISIONS),
        *(("postgresql", revision) for revision in (REVISIONS[0], "0005", REVISIONS[-2])),
    ],
    indirect=["database"],
)
def test_rows_of_any_time_come_up_are_read_and_go_down_again(
    database: Database, box: SecretBox, tmp_path: Path, revision: str
) -> None:
    before = with_rows(database, revision, box)
    assert all(len(rows) == 2 for rows in before.values())
    upgrade.upgrade(database.engine, MIGRATIONS, tmp_path / "backups")
    newest = look(database)
    assert differences(before, newest) == []
    assert_read(database, box, before)
    upgrade.downgrade(database.engine, MIGRATIONS, revision)
    again = look(database)
    assert again.keys() == before.keys()
    assert differences(without_levels(before), without_levels(again)) == []
    if revision == "0001":
        assert_levels(newest, again)
    upgrade.upgrade(database.engine, MIGRATIONS, tmp_path / "backups")
    assert differences(newest, look(database)) == []


def assert_read(database: Database, box: SecretBox, before: Content) -> None:
    """The service of today understands what is there, secrets included."""
    roster = Roster(database)
    roster.load(box)
    assert sorted(device.unit_id for device in roster.all()) == sorted(UNITS)
    assert {device.ftp_password for device in roster.all()} == {FTP_PASSWORD}
    if "users" in before:
        assert [user.name for user in Accounts(database).all()] == ["name-1", "name-2"]
        assert {tuple(token.units or ()) for token in Tokens(database).all()} == {UNITS}
        assert {tuple(share.units or ()) for share in Shares(database).all()} == {UNITS}


def assert_levels(newest: Content, again: Content) -> None:
    """Levels went from one column into many, and back."""
    for unit_id in UNITS:
        row = newest["nl43_status"][unit_id,]
        assert {name: row[name] for name in LEVELS} == LEVELS
        assert {name: again["nl43_status"][unit_id,]["levels"][name] for name in LEVELS} == LEVELS


def test_step_by_step_down_to_the_first_schema_and_up_again(database: Database, box: SecretBox, tmp_path: Path) -> None:
    newest = with_rows(database, REVISIONS[-1], box)
    above = newest
    for revision in reversed(REVISIONS[:-1]):
        upgrade.downgrade(database.engine, MIGRATIONS, revision)
        found = look(database)
        assert differences(above, found) == [], f"on the way to {revision}"
        above = found
    kept: dict[str, Any] = {table: len(rows) for table, rows in above.items()}
    assert kept == {"nl43_config": 2, "nl43_status": 2, "nl43_readings": 2}
    upgrade.upgrade(database.engine, MIGRATIONS, tmp_path / "backups")
    found = look(database)
    assert differences(above, found) == []
    levels = {name: newest["nl43_status"][UNITS[0],][name] for name in ("lp", "leq", "lpeak", "over")}
    assert {name: found["nl43_status"][UNITS[0],][name] for name in levels} == levels
