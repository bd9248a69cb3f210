"""What is missing, broken or foreign is told in one sentence, with exit code 1 and no traceback."""

import json
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from slmm import cli
from tests.cli.conftest import Run, serving, surroundings

Call = Callable[..., tuple[int, str, str]]


@pytest.fixture
def call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Call:
    """The command line within this process, which is faster: exit code, output, errors."""

    def within(*arguments: str, **environment: str) -> tuple[int, str, str]:
        wanted = surroundings(tmp_path, **environment)
        with monkeypatch.context() as patch:
            for name in [name for name in os.environ if name.startswith("SLMM_")]:
                patch.delenv(name)
            for name, value in wanted.items():
                patch.setenv(name, value)
            patch.chdir(tmp_path)
            patch.setattr(sys, "argv", ["slmm", *arguments])
            with pytest.raises(SystemExit) as ended:
                cli.main()
        told = capsys.readouterr()
        return int(ended.value.code or 0), told.out, told.err

    return within


def is_one_sentence(text: str) -> bool:
    return text.startswith("slmm: ") and text.count("\n") == 1 and "Traceback" not in text


DATABASES = {
    "postgresql+nodriver://slmm:hunter2@127.0.0.1:9/slmm": "nodriver",
    "postgresql+pg8000://slmm:hunter2@127.0.0.1:9/slmm": "the driver pg8000, which is not installed",
    "sqlite:////nowhere/slmm.db": "/nowhere/slmm.db",
    "hunter2": "not the URL of a database",
}


@pytest.mark.parametrize(("url", "why"), DATABASES.items(), ids=["dialect", "driver", "directory", "text"])
@pytest.mark.parametrize("command", ["db upgrade", "user list", "token list", "serve"])
def test_a_database_that_cannot_be_used_is_told(call: Call, url: str, why: str, command: str) -> None:
    code, out, err = call(*command.split(), SLMM_DATABASE_URL=url)
    assert (code, out) == (1, "")
    assert is_one_sentence(err), err
    assert why in err
    assert "hunter2" not in err


@pytest.mark.parametrize("command", ["backup", "restore b.zip", "config show", "import-0.4 old.db", "db current"])
def test_what_is_no_database_url_is_told(call: Call, command: str) -> None:
    code, _, err = call(*command.split(), SLMM_DATABASE_URL="hunter2")
    assert code == 1
    assert is_one_sentence(err), err
    assert "hunter2" not in err


@pytest.mark.parametrize("command", ["db upgrade", "db current", "user list", "backup", "serve", "import-0.4 old.db"])
def test_a_file_that_is_no_database_is_told(call: Call, tmp_path: Path, command: str) -> None:
    (tmp_path / "data").mkdir()
    for path in (tmp_path / "data/slmm.db", tmp_path / "old.db"):
        path.write_bytes(b"this is no database at all, but long enough to look at" * 40)
    code, _, err = call(*command.split())
    assert code == 1
    assert is_one_sentence(err), err
    assert ".db" in err


@pytest.mark.parametrize("command", ["db upgrade", "user list", "serve", "restore b.zip", "import-0.4 old.db", "demo"])
def test_a_data_directory_that_cannot_be_made_is_told(call: Call, tmp_path: Path, command: str) -> None:
    for name in ("file", "demo-data", "old.db"):
        (tmp_path / name).write_text("")
    code, _, err = call(*command.split(), SLMM_DATA_DIR=str(tmp_path / "file/data"))
    assert code == 1
    assert is_one_sentence(err), err


def test_looking_at_the_schema_makes_no_database(run: Run, tmp_path: Path) -> None:
    assert run("db", "current", "--json").json["current"] is None
    assert not (tmp_path / "data/slmm.db").exists()


COMMANDS = [
    "devices list",
    "devices add a 10.0.0.1",
    "devices remove a --yes",
    "devices test a",
    "watch a --count 1",
    "start a",
    "files list a /",
    "files get a /x.rnd",
    "files get a /x --folder",
    "history export a",
    "alerts",
    "alerts a",
    "doctor",
]
BODIES: dict[str, tuple[bytes, str, str]] = {
    "page": (b"<html>It works!</html>", "text/html", "200 OK"),
    "list": (b"[1, 2]", "application/json", "200 OK"),
    "empty": (b"{}", "application/json", "200 OK"),
    "nested": (
        b'{"devices": [{}], "tests": {"a": 1}, "readings": 1, "files": ["a"], "events": [null]}',
        "application/json",
        "200 OK",
    ),
    "deep": (b"[" * 100_000, "application/json", "200 OK"),
    "error": (b"\xff\xfe", "application/json", "500 Oh\x1b[31m"),
    "elsewhere": (b"", "text/html", "302 Found"),
    "events": (b"data: {\n\ndata: 1\n\n", "text/event-stream", "200 OK"),
}


@pytest.mark.parametrize(("body", "kind", "status"), BODIES.values(), ids=BODIES)
def test_a_foreign_service_is_told(call: Call, tmp_path: Path, body: bytes, kind: str, status: str) -> None:
    def answer(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        start_response(status, [("Content-Type", kind), ("Content-Length", str(len(body)))])
        return [body]

    with serving(answer) as url:
        for command in COMMANDS:
            code, out, err = call(*command.split(), SLMM_URL=url)
            if command == "doctor":
                assert code in (0, 1, 3), err
                continue
            assert code == 1, (command, out, err)
            assert is_one_sentence(err), (command, err)
            assert "\x1b" not in err
    assert not [path for path in tmp_path.iterdir() if path.name not in ("data", "doctor")]


def test_an_answer_that_breaks_off_is_told(call: Call) -> None:
    def answer(environ: dict[str, Any], start_response: Any) -> Iterator[bytes]:
        start_response(
            "200 OK", [("Content-Length", "1000"), ("Content-Disposition", "attachment"), ("Connection", "close")]
        )
        yield b'{"devices": ['

    with serving(answer) as url:
        for command in ("devices list", "files get a /x.rnd"):
            code, _, err = call(*command.split(), SLMM_URL=url)
            assert code == 1
            assert is_one_sentence(err), err
            assert "broke off" in err


@pytest.mark.parametrize(
    "url", ["127.0.0.1:8100", "ftp://host", "http://", "http://[::1", "http://a:99999", "http://a?b"]
)
def test_an_address_that_is_none_is_wrong_usage(call: Call, url: str) -> None:
    assert call("devices", "list", SLMM_URL=url)[0] == 2


@pytest.mark.parametrize("url", ["http://a..b", f"http://{'a' * 70}.de", "http://127.0.0.1:9", "https://[::1]:9/below"])
def test_an_address_nobody_answers_at_is_told(call: Call, url: str) -> None:
    code, _, err = call("devices", "list", SLMM_URL=url)
    assert code == 1
    assert is_one_sentence(err), err
    assert url in err


def test_brackets_in_names_of_ours_are_printed_as_they_are(call: Call, tmp_path: Path) -> None:
    name = "[bold]portal[/bold] [/]"
    assert call("token", "create", name)[0] == 0
    assert name in call("token", "list")[1]
    strange = tmp_path / "[red]x?#[bold]"
    made = call("backup", "-o", str(strange))
    assert (made[0], str(strange) in made[1]) == (0, True), made
    old = call("import-0.4", str(strange))
    assert (old[0], str(strange) in old[2]) == (1, True)


def test_names_and_messages_are_printed_as_they_are(call: Call) -> None:
    name, hostile = "[bold]x[/bold] [/]", "a\x1b[31mred\nline"
    answers: dict[str, Any] = {
        "/api/nl43/roster": {
            "devices": [{"unit_id": name, "is_active": True, "status": {"is_reachable": False, "last_error": name}}]
        },
        "/api/nl43/a/diagnostics": {
            "tests": {name: {"status": "pass", "message": name}},
            "verdicts": [{"sentence": name, "advice": hostile, "cure": None}],
            "overall_status": "pass",
        },
        "/api/nl43/a/ftp/files": {
            "files": [{"name": name, "is_dir": False, "size": 1, "modified": hostile}],
            "unusable": [{"text": name, "reason": hostile}],
        },
        "/api/nl43/_alerts/events": {"events": [{"id": 1, "unit_id": "a", "rule_name": name, "notes": hostile}]},
        "/health": {"status": "ok", "problems": [name], "version": name, "units": 1, "viewers": 0},
    }

    def answer(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        start_response("200 OK", [("Content-Type", "application/json")])
        return [json.dumps(answers[environ["PATH_INFO"]]).encode()]

    with serving(answer) as url:
        for command in ("devices list", "devices test a", "files list a /", "alerts", "doctor"):
            code, out, err = call(*command.split(), SLMM_URL=url)
            assert code in (0, 3), (command, err)
            assert name in out, command
            assert "\x1b" not in out + err, command
