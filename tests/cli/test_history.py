"""``slmm history export`` against the real application, served within this process."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import duckdb
import gevent.socket
import pytest

from slmm.app import create_app
from slmm.settings import Settings
from slmm.storage.devices import Device
from tests.cli.conftest import serving
from tests.cli.test_troubles import Call, call, is_one_sentence
from tests.record.past import NOON
from tests.record.test_history import minutes, put

__all__ = ["call"]
SPAN = ("--from", "2026-11-20T12:00:00Z", "--until", "2026-11-20T13:00:00Z")


@pytest.fixture
def export(call: Call, make_settings: Callable[..., Settings]) -> Iterator[Callable[..., tuple[int, str, str]]]:
    app = create_app(make_settings())
    runtime = app.extensions["slmm"]
    runtime.start()
    runtime.roster.add(Device("a", "127.0.0.1", 9, poll_enabled=False))
    put(runtime.record, minutes(NOON, [60.0] * 30))
    with serving(app) as url:
        yield lambda *more: call("history", "export", "a", *more, SLMM_URL=url)
    runtime.stop()


def test_an_export_is_saved_whole_under_its_name(export: Any, tmp_path: Path) -> None:
    code, out, err = export(*SPAN, "--metrics", "laeq", "-o", "x.csv")
    assert (code, out) == (0, "")
    assert err.startswith("x.csv  ")
    lines = [line for line in (tmp_path / "x.csv").read_text().splitlines() if not line.startswith("#")]
    assert len(lines) == 31
    assert export(*SPAN, "--format", "parquet", "--what", "hours", "-o", "x.parquet")[0] == 0
    with duckdb.connect() as reader:
        found = reader.execute(f"select laeq from '{tmp_path / 'x.parquet'}'").fetchall()
    assert found == [(60.0,)]
    assert not list(tmp_path.glob(".*.part"))


def test_a_refused_export_leaves_no_file(export: Any, tmp_path: Path) -> None:
    code, _, err = export(*SPAN, "--metrics", "evil", "-o", "x.csv")
    assert code == 1
    assert is_one_sentence(err)
    assert "evil" in err
    assert export(*SPAN, "-o", "nowhere/x.csv")[0] == 1
    assert [path.name for path in tmp_path.iterdir() if path.name != "data"] == []


@pytest.mark.parametrize(
    ("options", "word"),
    [
        (("--what", "minutes"), "--from"),
        ((*SPAN, "--hours", "2"), "--hours"),
        ((*SPAN, "--format", "json"), "JSON"),
        (("--format", "xlsx"), "--from"),
    ],
)
def test_options_that_do_not_go_together_are_told(call: Call, options: tuple[str, ...], word: str) -> None:
    code, _, err = call("history", "export", "a", *options)
    assert code == 2
    assert word in err


def test_the_trail_stays_what_it_was(export: Any) -> None:
    assert export() == (0, "timestamp,lp,leq,lmax,ln1,ln2\n", "")
    assert export("--json")[1] == "[]\n"


def test_half_an_answer_is_no_export(call: Call, tmp_path: Path) -> None:
    listener = gevent.socket.create_server(("127.0.0.1", 0))

    def answer_by_half() -> None:
        connection, _ = listener.accept()
        with connection:
            connection.recv(65_536)
            connection.sendall(
                b"HTTP/1.1 200 OK\r\nContent-Type: text/csv\r\nContent-Length: 1000\r\n\r\n# unit: a\r\n"
            )

    server = gevent.spawn(answer_by_half)
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    code, _, err = call("history", "export", "a", *SPAN, "-o", "x.csv", SLMM_URL=url)
    server.join(5)
    listener.close()
    assert (code, "broke off" in err) == (1, True)
    assert not list(tmp_path.glob("*.csv*")) + list(tmp_path.glob(".*.part"))
