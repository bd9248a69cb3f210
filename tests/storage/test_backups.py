"""Which backup can be relied on: the newest that is whole and of a schema this version knows."""

import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from slmm.errors import Invalid
from slmm.storage import archive, upgrade
from slmm.storage.backups import Backups
from slmm.storage.upgrade import MIGRATIONS


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    """A database of the newest schema and a key."""
    upgrade.upgrade(f"sqlite:///{tmp_path / archive.DATABASE}", MIGRATIONS, tmp_path / "backups")
    (tmp_path / "secret.key").write_bytes(b"k" * 44)
    return tmp_path


def write(data_dir: Path, name: str) -> Path:
    """A backup of that name; each is a minute newer than the one before."""
    path = data_dir / "backups" / name
    archive.write(data_dir, data_dir / archive.DATABASE, path, "1.0")
    return path


def migration_copy(data_dir: Path, schema: str, at_s: float) -> Path:
    path = data_dir / "backups" / f"slmm-20260101T000000.1Z-{schema}.db"
    with (
        closing(sqlite3.connect(data_dir / archive.DATABASE)) as source,
        closing(sqlite3.connect(path)) as copy,
    ):
        source.backup(copy)
    os.utime(path, (at_s, at_s))
    return path


def spoil(path: Path) -> None:
    """Turn bytes in the middle over."""
    with path.open("r+b") as file:
        file.seek(path.stat().st_size // 2)
        piece = file.read(64)
        file.seek(-len(piece), os.SEEK_CUR)
        file.write(bytes(byte ^ 0xFF for byte in piece))


def test_without_backups_none_is_usable(data_dir: Path) -> None:
    assert Backups(data_dir).newest_usable() is None


def test_a_broken_backup_is_passed_over_for_an_older_whole_one(data_dir: Path) -> None:
    copy = migration_copy(data_dir, "0001", at_s=1_700_000_000.0)
    whole = write(data_dir, "new.zip")
    newest = Backups(data_dir).newest_usable()
    assert newest is not None
    assert newest.name == whole.name
    spoil(whole)
    older = Backups(data_dir).newest_usable()
    assert older is not None
    assert older.name == copy.name
    assert Backups(data_dir).newest_usable(archive.RECORD) is None
    copy.write_bytes(b"\0" * copy.stat().st_size)
    assert Backups(data_dir).newest_usable() is None


def test_a_backup_of_a_newer_schema_is_passed_over(data_dir: Path) -> None:
    migration_copy(data_dir, "9999", at_s=1_700_000_000.0)
    assert Backups(data_dir).newest_usable() is None


def test_a_damaged_database_is_told_by_name(data_dir: Path) -> None:
    archive.check_database(data_dir / archive.DATABASE)
    copy = migration_copy(data_dir, "0001", at_s=1_700_000_000.0)
    copy.write_bytes(b"no database at all, but some bytes of something else" * 100)
    with pytest.raises(Invalid, match=copy.name):
        archive.check_database(copy)
