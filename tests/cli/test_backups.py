"""Backups are tried and listed from the command line, and the schema goes back; in this process, for it is quicker."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from slmm.cli.backup import backup, backups_group
from slmm.cli.database import database_group
from slmm.storage import restore, upgrade
from slmm.storage.secrets import SecretBox
from slmm.storage.upgrade import MIGRATIONS


@pytest.fixture
def data_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A database of the newest schema and a key; commands run in the folder above it."""
    folder = tmp_path / "data"
    folder.mkdir()
    upgrade.upgrade(f"sqlite:///{folder / 'slmm.db'}", MIGRATIONS, folder / "backups")
    SecretBox.open(folder / "secret.key")
    monkeypatch.setenv("SLMM_DATA_DIR", str(folder))
    monkeypatch.chdir(tmp_path)
    return folder


def run(command: Any, *arguments: str) -> Result:
    return CliRunner().invoke(command, arguments)


def test_a_backup_is_tried_when_it_is_made_and_later(data_dir: Path) -> None:
    target = data_dir / "backups" / "mine.zip"
    made = run(backup, "-o", str(target), "--verify", "--json")
    assert made.exit_code == 0, made.output
    assert json.loads(made.stdout)["proof"]["error"] is None
    (listed,) = json.loads(run(backups_group, "list", "--json").stdout)
    assert (listed["name"], listed["proof"]["rows"]) == ("mine.zip", 1), "the number of the schema is a row"
    assert "restored 20" in run(backups_group, "list").output
    assert "was restored to a place of its own" in run(backups_group, "verify", "mine.zip").output
    target.write_bytes(target.read_bytes()[:-200])
    broken = run(backups_group, "verify", "mine.zip")
    assert broken.exit_code == 1
    assert "cannot be restored" in broken.output


def test_the_schema_goes_back_after_a_copy_was_made(data_dir: Path) -> None:
    newest = upgrade.head(MIGRATIONS)
    gone_back = run(database_group, "downgrade", "0005", "--yes", "--json")
    assert gone_back.exit_code == 0, gone_back.output
    told = json.loads(gone_back.stdout)
    assert told["current"] == "0005"
    with closing(sqlite3.connect(told["backup"])) as copy:
        assert copy.execute("select version_num from alembic_version").fetchall() == [(newest,)]
    with closing(sqlite3.connect(data_dir / "slmm.db")) as database:
        assert database.execute("select version_num from alembic_version").fetchall() == [("0005",)]


@pytest.mark.parametrize(("revision", "words"), [("0042", "there is no schema"), ("0009", "nothing to go back from")])
def test_there_is_no_going_back_to_nowhere(data_dir: Path, revision: str, words: str) -> None:
    run(database_group, "downgrade", "0008", "--yes")
    answer = run(database_group, "downgrade", revision, "--yes")
    assert words in str(answer.exception)
    assert upgrade.current(f"sqlite:///{data_dir / 'slmm.db'}") == "0008"


def test_nobody_goes_back_under_a_running_service_or_without_being_asked(data_dir: Path) -> None:
    with restore.alone(data_dir):
        busy = run(database_group, "downgrade", "0005", "--yes")
    assert "stop it first" in str(busy.exception)
    assert run(database_group, "downgrade", "0005").exit_code == 1, "nobody said yes"
    assert upgrade.current(f"sqlite:///{data_dir / 'slmm.db'}") == upgrade.head(MIGRATIONS)
