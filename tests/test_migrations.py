"""The schema: up, down, as the models say, backed up first, all or nothing, and never guessed."""

import fcntl
import json
import logging
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import gevent
import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Engine, inspect, make_url, text
from sqlalchemy.schema import CreateTable

import slmm.storage.models  # noqa: F401 - fills the metadata
from slmm.errors import Conflict, Invalid
from slmm.storage import archive, upgrade
from slmm.storage.database import Base, Database
from slmm.storage.upgrade import MIGRATIONS

STEP = '''"""{name}."""
import sqlalchemy as sa
from alembic import op
revision, down_revision, branch_labels, depends_on = "9001", "{after}", None, None
def upgrade():
{body}
'''


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = Database.open(f"sqlite:///{tmp_path / 'slmm.db'}")
    yield opened
    opened.close()


@pytest.fixture
def engine(database: Database) -> Engine:
    return database.engine


@pytest.fixture
def one_more_step(tmp_path: Path) -> Path:
    """A copy of the migrations, to which a test adds a step."""
    return Path(shutil.copytree(MIGRATIONS, tmp_path / "migrations", ignore=shutil.ignore_patterns("__pycache__")))


def migrate(engine: Engine, tmp_path: Path, migrations: Path = MIGRATIONS) -> None:
    upgrade.upgrade(engine, migrations, tmp_path / "backups")


def add_step(migrations: Path, *lines: str) -> None:
    body = "\n".join(f"    {line}" for line in lines)
    after = upgrade.head(migrations)
    (migrations / "versions" / "9001_step.py").write_text(STEP.format(name="A step", after=after, body=body))


def add_unit(engine: Engine) -> None:
    """One unit with a status and a trail row."""
    with engine.begin() as connection:
        connection.execute(
            text(
                "insert into nl43_config (unit_id, host, tcp_port, ftp_port, tcp_enabled, ftp_enabled, web_enabled,"
                " poll_enabled, poll_interval_seconds, monitor_enabled, is_active)"
                " values ('a', 'h', 1, 2, 1, 0, 0, 1, 60, 0, 1)"
            )
        )
        connection.execute(text("insert into nl43_status (unit_id, consecutive_failures) values ('a', 0)"))
        connection.execute(
            text("insert into nl43_readings (unit_id, timestamp) values ('a', '2026-01-01 00:00:00.000000')")
        )


def backups(tmp_path: Path) -> list[Path]:
    return list((tmp_path / "backups").glob("*.db"))


def test_the_newest_schema_is_what_the_models_say(engine: Engine, tmp_path: Path) -> None:
    migrate(engine, tmp_path)
    with engine.connect() as connection:
        found = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(found, Base.metadata) == []


def test_every_step_can_be_taken_back(engine: Engine, tmp_path: Path) -> None:
    migrate(engine, tmp_path)
    upgrade.downgrade(engine, MIGRATIONS, "base")
    assert set(inspect(engine).get_table_names()) <= {"alembic_version"}
    migrate(engine, tmp_path)
    assert upgrade.current(engine) == upgrade.head(MIGRATIONS)
    assert backups(tmp_path) == []


def test_a_database_with_tables_is_copied_aside_first(engine: Engine, tmp_path: Path) -> None:
    with engine.begin() as connection:
        connection.execute(text("create table treasure (gold integer)"))
        connection.execute(text("insert into treasure values (42)"))
    migrate(engine, tmp_path)
    (copy,) = backups(tmp_path)
    assert copy.stat().st_mode & 0o077 == 0
    with closing(sqlite3.connect(copy)) as backup:
        assert backup.execute("select gold from treasure").fetchall() == [(42,)]


def test_the_copy_is_named_by_the_schema_it_has(engine: Engine, tmp_path: Path, one_more_step: Path) -> None:
    migrate(engine, tmp_path)
    before = upgrade.head(MIGRATIONS)
    add_step(one_more_step, "op.create_table('more', sa.Column('id', sa.Integer()))")
    migrate(engine, tmp_path, one_more_step)
    (copy,) = backups(tmp_path)
    assert copy.stem.endswith(f"Z-{before}")
    with closing(sqlite3.connect(copy)) as backup:
        assert backup.execute("select version_num from alembic_version").fetchall() == [(before,)]


def test_only_the_newest_copies_are_kept_and_nothing_else_is_touched(
    engine: Engine, tmp_path: Path, one_more_step: Path
) -> None:
    migrate(engine, tmp_path)
    for day in range(1, 9):
        (tmp_path / "backups" / f"slmm-2026010{day}T000000.000001Z-0001.db").write_bytes(b"x")
    theirs = tmp_path / "backups" / "before-the-move.db"
    theirs.write_bytes(b"x")
    add_step(one_more_step, "op.create_table('more', sa.Column('id', sa.Integer()))")
    migrate(engine, tmp_path, one_more_step)
    left = sorted(path.name for path in backups(tmp_path) if path != theirs)
    assert theirs.exists()
    assert left[:4] == [f"slmm-2026010{day}T000000.000001Z-0001.db" for day in range(5, 9)]
    assert len(left) == upgrade.COPIES_KEPT


def test_a_copy_that_is_damaged_is_no_copy(
    engine: Engine, tmp_path: Path, one_more_step: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    migrate(engine, tmp_path)
    add_step(one_more_step, "op.create_table('more', sa.Column('id', sa.Integer()))")

    def damaged(path: Path) -> None:
        raise Invalid(f"the database {path.name} is damaged")

    monkeypatch.setattr(archive, "check_database", damaged)
    with pytest.raises(upgrade.BackupFailed, match="damaged"):
        migrate(engine, tmp_path, one_more_step)
    assert upgrade.current(engine) == upgrade.head(MIGRATIONS)
    assert backups(tmp_path) == []


def test_a_copy_that_fails_is_an_error_and_leaves_no_half_of_it(tmp_path: Path) -> None:
    nowhere = Database.open(f"sqlite:///{tmp_path / 'no such directory' / 'slmm.db'}")
    with pytest.raises(upgrade.BackupFailed, match="nothing is migrated"):
        upgrade.backup(nowhere.engine, tmp_path / "backups", "0001")
    assert list((tmp_path / "backups").iterdir()) == []
    nowhere.close()


def test_a_new_database_needs_no_backup_and_a_current_one_no_migration(engine: Engine, tmp_path: Path) -> None:
    migrate(engine, tmp_path)
    migrate(engine, tmp_path)
    assert backups(tmp_path) == []


def test_a_newer_schema_is_refused_and_left_as_it_is(engine: Engine, tmp_path: Path) -> None:
    migrate(engine, tmp_path)
    with engine.begin() as connection:
        connection.execute(text("update alembic_version set version_num = '9999'"))
    with pytest.raises(upgrade.SchemaUnknown, match="9999"):
        migrate(engine, tmp_path)
    assert upgrade.current(engine) == "9999"


def test_tables_of_an_earlier_slmm_are_refused_and_left_as_they_are(engine: Engine, tmp_path: Path) -> None:
    with engine.begin() as connection:
        connection.execute(text("create table nl43_config (unit_id text)"))
    with pytest.raises(upgrade.SchemaUnknown, match="nl43_config"):
        migrate(engine, tmp_path)
    assert inspect(engine).get_table_names() == ["nl43_config"]


def test_a_step_that_fails_leaves_the_schema_as_it_was(engine: Engine, tmp_path: Path, one_more_step: Path) -> None:
    migrate(engine, tmp_path)
    add_step(
        one_more_step,
        "op.create_table('half', sa.Column('id', sa.Integer()))",
        "raise RuntimeError('power cut')",
    )
    with pytest.raises(RuntimeError, match="power cut"):
        migrate(engine, tmp_path, one_more_step)
    assert "half" not in inspect(engine).get_table_names()
    assert upgrade.current(engine) == upgrade.head(MIGRATIONS)


def test_rebuilding_a_table_keeps_the_rows_that_refer_to_it(
    engine: Engine, tmp_path: Path, one_more_step: Path
) -> None:
    migrate(engine, tmp_path)
    add_unit(engine)
    add_step(
        one_more_step,
        "with op.batch_alter_table('nl43_config', recreate='always') as batch:",
        "    batch.add_column(sa.Column('colour', sa.Text()))",
    )
    migrate(engine, tmp_path, one_more_step)
    with engine.connect() as connection:
        assert connection.execute(text("select count(*) from nl43_readings")).scalar() == 1
        assert connection.execute(text("select count(*) from nl43_status")).scalar() == 1
        assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1


def test_a_step_that_orphans_rows_is_refused(engine: Engine, tmp_path: Path, one_more_step: Path) -> None:
    migrate(engine, tmp_path)
    add_unit(engine)
    add_step(one_more_step, "op.execute('delete from nl43_config')")
    with pytest.raises(RuntimeError, match="without a parent"):
        migrate(engine, tmp_path, one_more_step)
    with engine.connect() as connection:
        assert connection.execute(text("select count(*) from nl43_config")).scalar() == 1


def test_levels_move_into_columns_and_back(engine: Engine, tmp_path: Path) -> None:
    migrate(engine, tmp_path)
    upgrade.downgrade(engine, MIGRATIONS, "0001")
    add_unit(engine)
    levels = {"lp": 55.1, "leq": None, "over": False, "lieq": 1.0}
    with engine.begin() as connection:
        connection.execute(text("update nl43_status set levels = :levels"), {"levels": json.dumps(levels)})
    migrate(engine, tmp_path)
    with engine.connect() as connection:
        row = connection.execute(text("select lp, leq, over from nl43_status")).one()
        assert tuple(row) == (55.1, None, 0)
    upgrade.downgrade(engine, MIGRATIONS, "0001")
    with engine.connect() as connection:
        saved = json.loads(connection.execute(text("select levels from nl43_status")).scalar_one())
    assert (saved["lp"], saved["leq"], saved["over"]) == (55.1, None, False)


def test_migrating_leaves_logging_alone(engine: Engine, tmp_path: Path) -> None:
    ours = logging.getLogger("slmm.storage.recorder")
    root = logging.getLogger()
    before = (root.level, list(root.handlers), ours.disabled, ours.level)
    migrate(engine, tmp_path)
    assert (root.level, list(root.handlers), ours.disabled, ours.level) == before


def test_a_second_starter_waits_for_the_first_and_gives_up_in_the_end(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    backup_dir = tmp_path / "backups"
    backup_dir.mkdir()
    with open(backup_dir / "migration.lock", "w", encoding="ascii") as first:
        fcntl.flock(first, fcntl.LOCK_EX)
        monkeypatch.setattr(upgrade, "LOCK_WITHIN_S", 0.2)
        with pytest.raises(Conflict, match=r"migration\.lock"):
            database.in_pool(upgrade.upgrade, database.engine, MIGRATIONS, backup_dir)
        monkeypatch.setattr(upgrade, "LOCK_WITHIN_S", 30.0)
        second = gevent.spawn(database.in_pool, upgrade.upgrade, database.engine, MIGRATIONS, backup_dir)
        assert second.join(0.2) is None
        assert not second.ready()
    second.get(timeout=10)
    assert database.in_pool(upgrade.current, database.engine) == upgrade.head(MIGRATIONS)


def test_a_url_will_do_in_place_of_an_engine(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'by-url.db'}"
    upgrade.upgrade(url, MIGRATIONS, tmp_path / "backups")
    assert upgrade.current(url) == upgrade.head(MIGRATIONS)


def test_the_tables_can_be_said_in_postgresql() -> None:
    said = {
        str(CreateTable(table).compile(dialect=make_url("postgresql://").get_dialect()()))
        for table in Base.metadata.tables.values()
    }
    assert any("id BIGSERIAL" in statement for statement in said)
    assert not any("DATETIME" in statement for statement in said)
