"""``slmm report`` against the real application, served within this process."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

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
DAY = f"{NOON:%Y-%m-%d}"


@pytest.fixture
def report(call: Call, make_settings: Callable[..., Settings]) -> Iterator[Callable[..., tuple[int, str, str]]]:
    app = create_app(make_settings())
    runtime = app.extensions["slmm"]
    runtime.start()
    runtime.roster.add(Device("a", "127.0.0.1", 9, poll_enabled=False))
    put(runtime.record, minutes(NOON, [60.0] * 30))
    with serving(app) as url:
        yield lambda *more: call("report", *more, SLMM_URL=url)
    runtime.stop()


def test_a_day_is_saved_under_the_name_the_service_gives_it(report: Any, tmp_path: Path) -> None:
    code, out, _ = report("a", "--day", DAY, "--json")

    assert code == 0
    told = json.loads(out)
    content = (tmp_path / told["file"]).read_bytes()
    assert DAY in told["file"]
    assert told["file"].endswith(".pdf")
    assert content.startswith(b"%PDF")
    assert told["size_bytes"] == len(content)


def test_a_month_in_german_goes_where_it_is_told(report: Any, tmp_path: Path) -> None:
    code, out, _ = report("a", "--month", DAY[:7], "--lang", "de", "--format", "html", "-o", "month.html")

    text = (tmp_path / "month.html").read_text()
    assert (code, out) == (0, f"month.html  {len(text.encode())} bytes\n")
    assert '<html lang="de"' in text


def test_a_page_can_be_piped(report: Any) -> None:
    code, out, _ = report("a", "--day", DAY, "--format", "html", "-o", "-")

    assert code == 0
    assert out.startswith("<!doctype html>")


@pytest.mark.parametrize(
    ("options", "code", "word"),
    [
        (("a", "--day", DAY, "--week", "2026-W47"), 2, "one of --day, --week and --month"),
        (("a", "--day", "2026-02-30"), 1, "2026-02-30"),
        (("nobody", "--day", DAY), 1, "nobody"),
        (("a", "--day", DAY, "-o", "nowhere/x.pdf"), 1, "nowhere/x.pdf cannot be written"),
    ],
)
def test_what_cannot_be_made_leaves_no_file(
    report: Any, tmp_path: Path, options: tuple[str, ...], code: int, word: str
) -> None:
    ended, out, err = report(*options)

    assert (ended, out) == (code, "")
    assert word in err
    assert code == 2 or is_one_sentence(err)
    assert [path.name for path in tmp_path.iterdir() if path.name != "data"] == []


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (b"Content-Type: text/plain\r\nContent-Length: 2\r\n\r\nhi", "no SLMM of this version"),
        (b"Content-Type: application/pdf\r\nContent-Length: 1000\r\n\r\n%PDF", "broke off"),
    ],
)
def test_half_an_answer_or_another_one_is_no_report(call: Call, tmp_path: Path, answer: bytes, why: str) -> None:
    listener = gevent.socket.create_server(("127.0.0.1", 0))

    def answer_once() -> None:
        connection, _ = listener.accept()
        with connection:
            connection.recv(65_536)
            connection.sendall(b"HTTP/1.1 200 OK\r\n" + answer)

    server = gevent.spawn(answer_once)
    code, _, err = call("report", "a", SLMM_URL=f"http://127.0.0.1:{listener.getsockname()[1]}")
    server.join(5)
    listener.close()

    assert code == 1
    assert is_one_sentence(err)
    assert why in err
    assert not list(tmp_path.glob("*.pdf"))
