"""``slmm verify``: beside the service and without it, and its three exit codes."""

import json
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import duckdb
import pytest
import requests
from click.testing import CliRunner

from slmm import settings
from slmm.cli import slmm
from slmm.record.chain.evidence import Evidence
from slmm.record.office import RecordOffice
from slmm.record.periods import Made
from slmm.storage.database import Database
from slmm.storage.upgrade import MIGRATIONS, upgrade
from tests.cli.conftest import TOP
from tests.record.chain.sealed import HOUR, TEN, UNITS, minute, put
from tests.server import RunningServer

NORTH, SOUTHERN = (f"record/levels/minutes/{unit}/2026-11-20.1.parquet" for unit in UNITS)


@pytest.fixture(scope="module")
def sealed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory with two files, an original of a card, and an hour of the next day in the tables."""
    data_dir = tmp_path_factory.mktemp("sealed") / "data"
    data_dir.mkdir()
    given = settings.load({}, None, data_dir=data_dir)
    database = Database.open(given.sqlalchemy_url)
    upgrade(database.engine, MIGRATIONS, data_dir / "backups")
    office = RecordOffice(given, lambda unit_id: ZoneInfo("UTC"))
    office.start()
    evidence = Evidence(given, database, office)
    office.file_written = evidence.seal_partition
    put(office, [Made(unit, minute(number, 50 + len(unit))) for unit in UNITS for number in range(60)])
    evidence.catch_up()
    office.move_days(TEN + timedelta(days=3))
    evidence.catch_up(TEN + timedelta(days=4))
    put(
        office, [Made("north", minute(1440 + number)) for number in range(60)], until=TEN + timedelta(days=1) + 2 * HOUR
    )
    evidence.catch_up_hours()
    original = data_dir / "downloads" / "north" / "a.rnd"
    original.parent.mkdir(parents=True)
    original.write_bytes(b"2026/11/20 10:00:00, 61.2\r\n" * 400)
    evidence.seal_card_file(original)
    office.stop()
    database.close()
    return data_dir


@dataclass(frozen=True)
class Told:
    code: int
    out: str
    report: dict[str, Any]

    @property
    def texts(self) -> list[str]:
        return [found["text"] for found in self.report["findings"]]


@pytest.fixture
def data_dir(sealed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of it that a test may spoil."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SLMM_DATA_DIR", raising=False)
    return Path(shutil.copytree(sealed, tmp_path / "data"))


def look(data_dir: Path, *arguments: str) -> Told:
    answered = CliRunner().invoke(slmm, ["verify", "--data-dir", str(data_dir), *arguments, "--json"])
    assert answered.exception is None or isinstance(answered.exception, SystemExit), answered.exception
    return Told(answered.exit_code, answered.output, json.loads(answered.stdout or "{}"))


def change(file: Path, statement: str) -> None:
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute(statement)


def flip(path: Path, place: int) -> int:
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)
    return content[place] ^ 1


def test_what_nobody_touched_is_unchanged(data_dir: Path) -> None:
    before = {path: path.read_bytes() for path in data_dir.rglob("*") if path.suffix in (".duckdb", ".db", ".parquet")}
    told = look(data_dir)
    assert (told.code, told.report["verdict"], told.report["findings"]) == (0, "unchanged", [])
    assert (told.report["files"], told.report["hours"], told.report["links"]) == (3, 1, 5)
    assert look(data_dir, "--all").report["hours"] == 2
    assert {path: path.read_bytes() for path in before} == before, "to look changes nothing"


def test_people_get_a_sentence_and_the_head(data_dir: Path) -> None:
    answered = CliRunner().invoke(slmm, ["verify", "--data-dir", str(data_dir)])
    assert answered.exit_code == 0
    assert "as they were sealed" in answered.output
    assert f"{look(data_dir).report['head']} (link 5)" in answered.output
    flip(data_dir / "downloads/north/a.rnd", 4711)
    answered = CliRunner().invoke(slmm, ["verify", "--data-dir", str(data_dir)])
    assert answered.exit_code == 1
    assert "downloads/north/a.rnd: byte 4711 changed: it was 0x" in answered.output
    assert "link 5)" in answered.output


@pytest.mark.parametrize("subject", [NORTH, SOUTHERN, "downloads/north/a.rnd"])
def test_a_flipped_byte_is_named_with_what_it_was(data_dir: Path, subject: str) -> None:
    for place in (4, 1000, -1):
        path = data_dir / subject
        whole = path.read_bytes()
        was = flip(path, place)
        told = look(data_dir)
        (found,) = told.report["findings"]
        assert told.code == 1
        assert (found["what"], found["subject"]) == ("file", subject)
        assert (found["offset"], found["byte_was"], found["byte_is"]) == (place % len(whole), was, was ^ 1)
        path.write_bytes(whole)
    assert look(data_dir).code == 0


def test_a_file_cut_off_longer_missing_or_renamed(data_dir: Path) -> None:
    path = data_dir / "downloads/north/a.rnd"
    whole = path.read_bytes()
    path.write_bytes(whole[:512])
    assert look(data_dir).texts == [
        "downloads/north/a.rnd: 10288 bytes shorter than the 10800 it had: from byte 512 on it is gone"
    ]
    path.write_bytes(whole + b"2026")
    assert "what begins at byte 10800 was added" in look(data_dir).texts[0]
    path.unlink()
    north = data_dir / NORTH
    north.rename(north.with_name("2026-11-19.1.parquet"))
    told = look(data_dir)
    assert told.code == 1
    assert [found["what"] for found in told.report["findings"]] == ["missing", "missing", "unsealed"]
    assert f"it is {NORTH}, under another name" in told.texts[2]


def test_a_minute_changed_in_the_record_is_named(data_dir: Path) -> None:
    with duckdb.connect(str(data_dir / "record" / "record.duckdb")) as connection:
        connection.execute("update minutes set lmax = lmax - 3 where starts_at = '2026-11-21 10:07:00'")
    told = look(data_dir)
    assert (told.code, told.texts) == (1, ["north, the minute from 2026-11-21 10:07 UTC changed"])


def test_the_chain_can_be_checked_with_what_the_docs_show(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shown = (TOP / "docs" / "evidence.md").read_text().partition("```python\n")[2].partition("```")[0]
    monkeypatch.chdir(data_dir.parent)
    names: dict[str, Any] = {}
    exec(shown, names)
    names["database"].close()
    assert capsys.readouterr().out.strip() == look(data_dir).report["head"]
    change(data_dir / "slmm.db", "update seals set size_bytes = size_bytes + 1 where id = 4")
    with pytest.raises(AssertionError, match="4"):
        exec(shown, names)
    names["database"].close()


def test_a_record_that_is_gone_is_missing(data_dir: Path) -> None:
    (data_dir / "record" / "record.duckdb").unlink()
    told = look(data_dir)
    assert (told.code, told.report["findings"][0]["subject"]) == (1, "record/record.duckdb")


def test_a_record_that_cannot_be_read_is_not_called_unchanged(data_dir: Path) -> None:
    (data_dir / "record" / "record.duckdb").write_bytes(b"no database" * 2000)
    told = look(data_dir)
    assert (told.code, told.report["verdict"]) == (2, "unchecked")
    assert "the minutes: the record at" in told.report["unchecked"][0]


def test_an_edited_link_is_named(data_dir: Path) -> None:
    change(data_dir / "slmm.db", "update seals set sha256 = upper(sha256) where id = 3")
    told = look(data_dir)
    assert told.code == 1
    assert "link 3" in told.texts[0]
    assert "was changed" in told.texts[0]


def test_links_taken_from_the_end_show_by_a_head_noted_elsewhere(data_dir: Path) -> None:
    head = look(data_dir).report["head"]
    assert look(data_dir, "--head", head).code == 0
    assert look(data_dir, "--head", head[:20].upper()).code == 0
    change(data_dir / "slmm.db", "delete from seals where id >= 4")
    assert look(data_dir).code == 0, "the chain alone cannot tell"
    told = look(data_dir, "--head", head)
    assert (told.code, told.report["findings"][0]["what"]) == (1, "head")
    assert look(data_dir, "--head", "12").code == 2


def test_a_file_without_a_seal_shows_when_links_were_taken(data_dir: Path) -> None:
    change(data_dir / "slmm.db", "delete from seals where id >= 3")
    assert [found["subject"] for found in look(data_dir).report["findings"]] == [SOUTHERN]


def test_where_nothing_can_be_checked_it_says_so(data_dir: Path, tmp_path: Path) -> None:
    nothing = look(tmp_path / "nowhere")
    assert (nothing.code, nothing.report["verdict"]) == (2, "unchecked")
    assert "there is no database" in nothing.report["unchecked"][0]
    change(data_dir / "slmm.db", "drop table seals")
    assert look(data_dir).code == 2
    (data_dir / "slmm.db").write_bytes(b"garbage" * 1000)
    assert look(data_dir).code == 2


def test_beside_a_running_service_the_minutes_are_asked_of_it(
    server: Callable[..., RunningServer], sealed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    data_dir = Path(shutil.copytree(sealed, tmp_path / "server0" / "data"))
    serving = server(SLMM_RECORD_MINUTES_DAYS="0")
    told = look(data_dir, "--url", serving.url, "--all")
    assert (told.code, told.report["verdict"], told.report["hours"]) == (0, "unchanged", 2), told
    state = requests.get(f"{serving.api}/_evidence", timeout=5).json()
    assert (state["head"], state["trouble"], state["last_check"]) == (told.report["head"], None, None)
    assert state["kinds"] == {"minutes": 2, "levels": 2, "card": 1}

    flip(data_dir / SOUTHERN, 200)
    told = look(data_dir, "--url", serving.url)
    assert (told.code, told.report["findings"][0]["offset"], told.report["hours"]) == (1, 200, 1)
    answer = requests.post(f"{serving.api}/_evidence/verify", json={"heads": ["ab" * 32]}, timeout=20).json()
    assert (answer["verdict"], [found["what"] for found in answer["findings"]]) == ("changed", ["head", "file"])
    assert requests.get(f"{serving.api}/_evidence", timeout=5).json()["last_check"]["findings"] == 2
    flip(data_dir / SOUTHERN, 200)

    away = look(data_dir, "--url", "http://127.0.0.1:9")
    assert (away.code, away.report["verdict"], away.report["files"]) == (2, "unchecked", 3)
    assert "the minutes, which the running service holds: no SLMM answers" in away.report["unchecked"][0]
