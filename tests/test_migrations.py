"""The schema: up, down, as the models say, backed up first, and never guessed."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Engine, inspect, text

import slmm.storage.models  # noqa: F401 - fills the metadata
from slmm.runtime import MIGRATIONS
from slmm.storage import upgrade
from slmm.storage.database import Base, Database


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    database = Database.open(f"sqlite:///{tmp_path / 'slmm.db'}")
    yield database.engine
    database.close()


def migrate(engine: Engine, tmp_path: Path) -> None:
    upgrade.upgrade(engine, MIGRATIONS, tmp_path / "backups")


def test_the_newest_schema_is_what_the_models_say(engine: Engine, tmp_path: Path) -> None:
    migrate(engine, tmp_path)
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), Base.metadata) == []


def test_every_step_can_be_taken_back(engine: Engine, tmp_path: Path) -> None:
    migrate(engine, tmp_path)
    upgrade.downgrade(engine, MIGRATIONS, "base")
    assert set(inspect(engine).get_table_names()) <= {"alembic_version"}
    migrate(engine, tmp_path)
    assert upgrade.current(engine) == upgrade.head(MIGRATIONS)


def test_a_database_with_tables_is_copied_aside_first(engine: Engine, tmp_path: Path) -> None:
    with engine.begin() as connection:
        connection.execute(text("create table treasure (gold integer)"))
        connection.execute(text("insert into treasure values (42)"))
    migrate(engine, tmp_path)
    (copy,) = (tmp_path / "backups").glob("*.db")
    with closing(sqlite3.connect(copy)) as backup:
        assert backup.execute("select gold from treasure").fetchall() == [(42,)]


def test_a_new_database_needs_no_backup_and_a_current_one_no_migration(
    engine: Engine, tmp_path: Path
) -> None:
    migrate(engine, tmp_path)
    migrate(engine, tmp_path)
    assert list((tmp_path / "backups").glob("*.db")) == []


def test_a_newer_schema_is_refused_and_left_as_it_is(engine: Engine, tmp_path: Path) -> None:
    migrate(engine, tmp_path)
    with engine.begin() as connection:
        connection.execute(text("update alembic_version set version_num = '9999'"))
    with pytest.raises(upgrade.SchemaUnknown, match="9999"):
        migrate(engine, tmp_path)
    assert upgrade.current(engine) == "9999"
