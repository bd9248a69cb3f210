"""A database that is damaged: found at the start, set aside, and replaced by the newest backup that is whole."""

import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import requests

from slmm import __version__
from slmm.errors import Conflict
from slmm.storage import archive, broken, recovery, upgrade
from slmm.storage.secrets import KEY_FILE
from slmm.storage.upgrade import MIGRATIONS
from tests.conftest import eventually
from tests.crash.damage import HARMS, Harm, garbage_in_header, garbage_in_the_middle
from tests.server import TOP, RunningServer


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory with a database that holds 300 notes, and its key."""
    top = tmp_path_factory.mktemp("template") / "data"
    top.mkdir()
    (top / KEY_FILE).write_text("key")
    url = f"sqlite:///{top / archive.DATABASE}"
    upgrade.upgrade(url, MIGRATIONS, top / "backups")
    with closing(sqlite3.connect(top / archive.DATABASE)) as database, database:
        database.execute("create table notes (id integer primary key, text varchar)")
        database.executemany("insert into notes (text) values (?)", (("x" * 1500,) for _ in range(300)))
    return top


@pytest.fixture
def data_dir(template: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    return Path(shutil.copytree(template, tmp_path / "data"))


def notes(file: Path) -> int:
    """How many notes a database holds."""
    with closing(sqlite3.connect(file)) as database:
        return int(database.execute("select count(*) from notes").fetchone()[0])


def backup(data_dir: Path, name: str) -> Path:
    """A backup of the database and the key."""
    target = data_dir / "backups" / name
    archive.write(data_dir, data_dir / archive.DATABASE, target, __version__)
    return target


def forget_notes(file: Path, count: int) -> None:
    """So many fewer."""
    with closing(sqlite3.connect(file)) as database, database:
        database.execute(f"delete from notes where id in (select id from notes limit {count})")


def test_a_sound_database_is_left_alone(data_dir: Path) -> None:
    before = (data_dir / archive.DATABASE).read_bytes()
    assert recovery.mend(data_dir / archive.DATABASE, data_dir, MIGRATIONS) is None
    assert (data_dir / archive.DATABASE).read_bytes() == before
    assert broken.everything(data_dir) == []


def test_a_first_start_misses_nothing(tmp_path: Path) -> None:
    assert recovery.mend(tmp_path / archive.DATABASE, tmp_path, MIGRATIONS) is None


@pytest.mark.parametrize("harm", [*HARMS, Path.unlink], ids=lambda harm: harm.__name__)
def test_the_newest_backup_takes_its_place_and_the_damaged_file_is_kept(data_dir: Path, harm: Harm) -> None:
    file = data_dir / archive.DATABASE
    os.utime(backup(data_dir, "old.zip"), (1e9, 1e9))
    forget_notes(file, 10)
    shutil.copyfile(file, data_dir / "backups" / "slmm-20260101T000000.000000Z-0001.db")
    harm(file)
    harmed = file.read_bytes() if file.exists() else None
    found = recovery.mend(file, data_dir, MIGRATIONS)
    assert found is not None
    assert notes(file) == 290
    assert (found.what, "slmm-20260101" in found.outcome) == ("database", True)
    aside = data_dir / found.aside / archive.DATABASE
    assert (aside.read_bytes() if aside.exists() else None) == harmed
    assert broken.everything(data_dir) == [found]
    assert recovery.mend(file, data_dir, MIGRATIONS) is None, "it is done once"


@pytest.mark.parametrize("harm", HARMS, ids=lambda harm: harm.__name__)
def test_a_backup_that_is_damaged_too_is_passed_over(data_dir: Path, harm: Harm) -> None:
    file = data_dir / archive.DATABASE
    backup(data_dir, "good.zip")
    os.utime(data_dir / "backups" / "good.zip", (1e9, 1e9))
    forget_notes(file, 10)
    newest = data_dir / "backups" / "slmm-20260101T000000.000000Z-0001.db"
    shutil.copyfile(file, newest)
    harm(newest)
    garbage_in_header(file)
    found = recovery.mend(file, data_dir, MIGRATIONS)
    assert found is not None
    assert "good.zip" in found.outcome
    assert notes(file) == 300


def test_without_a_backup_nothing_is_changed_and_nothing_begins(data_dir: Path) -> None:
    file = data_dir / archive.DATABASE
    garbage_in_the_middle(file)
    before = file.read_bytes()
    with pytest.raises(recovery.NoBackup, match="slmm begin-anew"):
        recovery.mend(file, data_dir, MIGRATIONS)
    assert file.read_bytes() == before
    assert sorted(path.name for path in data_dir.iterdir() if path.name != "backups") == [KEY_FILE, archive.DATABASE]


def test_a_database_that_somebody_holds_is_not_taken_for_a_damaged_one(data_dir: Path) -> None:
    file = data_dir / archive.DATABASE
    with closing(sqlite3.connect(file)) as other:
        other.execute("pragma journal_mode=delete")
        other.execute("begin exclusive")
        assert recovery.mend(file, data_dir, MIGRATIONS) is None


def test_a_key_that_went_with_the_database_comes_back_with_it(data_dir: Path) -> None:
    file = data_dir / archive.DATABASE
    backup(data_dir, "good.zip")
    garbage_in_header(file)
    (data_dir / KEY_FILE).unlink()
    assert recovery.mend(file, data_dir, MIGRATIONS) is not None
    assert (data_dir / KEY_FILE).read_text() == "key"


def test_cut_off_between_two_renames_the_next_start_ends_it(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = data_dir / archive.DATABASE
    backup(data_dir, "good.zip")
    garbage_in_header(file)

    def cut_off(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(broken, "report", cut_off)
    with pytest.raises(KeyboardInterrupt):
        recovery.mend(file, data_dir, MIGRATIONS)
    monkeypatch.undo()
    assert not file.exists()
    assert recovery.mend(file, data_dir, MIGRATIONS) is not None
    assert notes(file) == 300


@pytest.fixture
def service(tmp_path: Path) -> Iterator[RunningServer]:
    """A service that has run once, and was killed."""
    running = RunningServer(tmp_path / "server", {"SLMM_MONITOR_IDLE_POLL_INTERVAL": "600"})
    running.start()
    body = {"unit_id": "u0", "host": "127.0.0.1", "tcp_port": 9}
    assert requests.post(f"{running.api}/roster", json=body, timeout=40).status_code == 200
    yield running
    running.kill()


def slmm(running: RunningServer, *words: str) -> "subprocess.CompletedProcess[str]":
    """A command beside the service that does not run."""
    environment = {"PATH": os.environ["PATH"], "SLMM_DATA_DIR": str(running.directory / "data")}
    return subprocess.run(
        [sys.executable, "-m", "slmm", *words], cwd=TOP, env=environment, capture_output=True, text=True, timeout=60
    )


def test_while_somebody_holds_it_nothing_is_acknowledged_and_damage_is_told_aloud(service: RunningServer) -> None:
    data = service.directory / "data"
    body = {"unit_id": "u1", "host": "127.0.0.1", "tcp_port": 9, "tcp_enabled": False}
    with closing(sqlite3.connect(data / archive.DATABASE, isolation_level=None, timeout=20)) as other:
        other.execute("begin immediate")
        answer = requests.post(f"{service.api}/roster", json=body, timeout=40)
        assert (answer.status_code, answer.json()["code"]) == (503, "database_unavailable")
        assert "the database cannot be written" in requests.get(f"{service.url}/readyz", timeout=40).json()["detail"]
        other.execute("rollback")
    assert requests.post(f"{service.api}/roster", json=body, timeout=40).status_code == 200
    assert slmm(service, "backup", "-o", str(data / "backups" / "good.zip")).returncode == 0
    service.kill()
    garbage_in_the_middle(data / archive.DATABASE)
    service.start()
    assert [unit["unit_id"] for unit in service.get("/roster")["devices"]] == ["u0", "u1"]
    health = requests.get(f"{service.url}/health", timeout=40).json()
    assert health["status"] == "degraded"
    assert any("database was damaged" in problem for problem in health["problems"])
    ready = requests.get(f"{service.url}/readyz", timeout=40)
    assert ready.status_code == 200
    assert "database was damaged" in ready.json()["warnings"][0]
    page = service.get("/_system/report")
    (trouble,) = [each for each in page["problems"] if "damaged" in each["sentence"]]
    assert "good.zip" in trouble["sentence"]
    assert "broken-" in trouble["cure"]
    assert "ERROR" in service.log.read_text()
    shutil.rmtree(next(data.glob("broken-*")))
    eventually(lambda: requests.get(f"{service.url}/health", timeout=40).json()["status"] == "ok", 20)


def test_without_a_backup_it_does_not_start_and_says_how_to_go_on(service: RunningServer) -> None:
    data = service.directory / "data"
    service.kill()
    garbage_in_header(data / archive.DATABASE)
    with pytest.raises(RuntimeError, match="no usable backup"):
        service.start()
    assert service.terminate() == 3
    assert "Traceback" not in service.log.read_text()
    told = slmm(service, "serve")
    assert (told.returncode, "slmm begin-anew" in told.stderr) == (1, True)
    done = slmm(service, "begin-anew", "--yes")
    assert done.returncode == 0, done.stderr
    service.start()
    assert service.get("/roster")["devices"] == []


def test_a_database_that_is_held_for_too_long_is_told_in_a_sentence(data_dir: Path) -> None:
    file = data_dir / archive.DATABASE
    with closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("begin immediate")
        with pytest.raises(Conflict, match="another process has held the database"):
            recovery.wait_until_free(file, 0.1)
    recovery.wait_until_free(file, 0.1)
