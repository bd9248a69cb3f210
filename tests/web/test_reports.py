"""Reports over the interface: kinds, spans, roles, what is missing, and what a browser may do with them."""

from __future__ import annotations

import base64
import hashlib
import importlib.util
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from flask.testing import FlaskClient

from slmm.app import create_app
from slmm.cli.report import report as command
from slmm.record import periods
from slmm.record.periods import Made
from slmm.settings import load
from slmm.storage.limits import LimitBook
from tests.conftest import FAST
from tests.limits.pieces import limit
from tests.report.made import at, site
from tests.web.conftest import BASE

DAY = "day=2026-03-20"


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FlaskClient]:
    """Of a service with a few units that have two days on record; the tests only look."""
    app = create_app(load({}, None, data_dir=tmp_path_factory.mktemp("reports"), port=0, **FAST))
    running = app.extensions["slmm"]
    running.start()
    found = app.test_client()
    for unit_id in ("a", "limited", "removed"):
        where = {"host": "127.0.0.1", "tcp_enabled": False, "poll_enabled": False, "timezone": "Europe/Berlin"}
        assert found.post(f"{BASE}/roster", json={"unit_id": unit_id, **where}).status_code == 200
        made = [Made(unit_id, each) for each in site(at("2026-03-18 23:00"), 2880)]
        running.record.store.write(partial(periods.put, running.record.store, table="minutes", made=made))
    yield found
    running.stop()


def ask(client: FlaskClient, query: str, unit_id: str = "a", **more: Any) -> Any:
    return client.get(f"{BASE}/{unit_id}/report?{query}", **more)


def test_a_report_is_a_page_and_a_pdf(client: FlaskClient) -> None:
    html, pdf = ask(client, DAY), ask(client, f"{DAY}&format=pdf")
    assert (html.status_code, html.content_type) == (200, "text/html; charset=utf-8")
    assert "Fri 20 March 2026" in html.text
    assert (pdf.status_code, pdf.content_type, pdf.data[:5]) == (200, "application/pdf", b"%PDF-")
    assert pdf.headers["Content-Disposition"] == "inline; filename=a_2026-03-20.pdf"
    for query, words in (
        ("week=2026-W12", "Week 12 of 2026: Mon 16 March – Sun 22 March 2026"),
        ("month=2026-03", "March 2026"),
    ):
        assert words in ask(client, query).text
    assert ask(client, "").status_code == 200  # today


def test_neighbours_are_linked(client: FlaskClient) -> None:
    text = ask(client, DAY).text
    for address in (
        "?day=2026-03-19",
        "?day=2026-03-21",
        "?week=2026-W12",
        "?month=2026-03",
        "?day=2026-03-20&amp;format=pdf",
    ):
        assert f'href="{address}"' in text
    tomorrow = (datetime.now(UTC) + timedelta(days=2)).date()
    assert "›" not in ask(client, "").text
    assert ask(client, f"day={tomorrow}").status_code == 422


def test_a_report_speaks_the_language_of_its_reader(client: FlaskClient) -> None:
    asked, preferred = ask(client, f"{DAY}&lang=de"), ask(client, DAY, headers={"Accept-Language": "de-DE, en;q=0.5"})
    for answer in (asked, preferred):
        assert '<html lang="de">' in answer.text
        assert "Fr, 20. März 2026" in answer.text
        assert "kein Grenzwert gesetzt" in answer.text
        assert "Accept-Language" in answer.headers["Vary"]
    assert 'href="?day=2026-03-19&amp;lang=de"' in asked.text  # what was asked for stays
    assert 'href="?day=2026-03-19"' in preferred.text
    assert ask(client, f"{DAY}&lang=en", headers={"Accept-Language": "de"}).text.count("Noise report")
    assert ask(client, f"{DAY}&lang=de&format=pdf").data[:5] == b"%PDF-"
    assert ask(client, f"{DAY}&lang=fr").status_code == 422


def test_only_the_style_of_the_page_itself_is_allowed(client: FlaskClient) -> None:
    answer = ask(client, DAY)
    style = answer.text.split("<style>")[1].split("</style>")[0]
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert answer.headers["Content-Security-Policy"].startswith(f"default-src 'none'; style-src 'sha256-{digest}';")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_what_has_not_changed_is_not_sent_again(client: FlaskClient) -> None:
    first = ask(client, f"{DAY}&format=pdf")
    again = ask(client, f"{DAY}&format=pdf", headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")
    assert ask(client, f"{DAY}&format=pdf").data == first.data


REFUSED = [
    ("day=2026-02-30", "day"),
    ("day=", "day"),
    ("week=2026-W60", "week"),
    ("month=2026-3", "month"),
    ("day=2026-03-20&week=2026-W12", "day"),
    ("day=2999-01-01", "day"),
    ("day=2150-01-01", "day"),
    ("format=docx", "format"),
    ("limit=x", "limit"),
    ("limit=-1", "limit"),
    ("colour=red", "colour"),
]


def test_what_cannot_be_reported_is_refused_by_name(client: FlaskClient) -> None:
    for query, field in REFUSED:
        answer = ask(client, query)
        assert answer.status_code == 422, query
        assert [error["field"] for error in answer.json["errors"]] == [field], query


def test_one_limit_may_be_chosen(client: FlaskClient) -> None:
    book = LimitBook(client.application.extensions["slmm"].database)
    first, second = (book.add("limited", limit(name=name), "Ada").limit_id for name in ("<i>one</i>", "two"))
    text = ask(client, f"{DAY}&limit={first}", "limited").text
    assert "&lt;i&gt;one&lt;/i&gt;: " in text
    assert "two: " not in text
    assert f'href="?day=2026-03-19&amp;limit={first}"' in text
    assert "two: " in ask(client, DAY, "limited").text
    assert ask(client, f"{DAY}&limit={second + 1}", "limited").status_code == 404
    assert ask(client, f"{DAY}&limit={first}").status_code == 404  # that of another unit


def test_nobody_has_no_report(client: FlaskClient) -> None:
    assert ask(client, DAY, "ghost").status_code == 404
    assert ask(client, DAY, "_x").status_code == 422


def test_a_unit_that_was_removed_keeps_its_reports(client: FlaskClient) -> None:
    assert client.delete(f"{BASE}/removed/config").status_code == 200
    answer = ask(client, "month=2026-03", "removed")
    assert answer.status_code == 200
    assert "There are no levels" not in answer.text


def test_without_reportlab_the_way_to_it_is_told(client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *more: None if name == "reportlab" else find(name, *more)
    )
    answer = ask(client, f"{DAY}&format=pdf")
    assert (answer.status_code, answer.json["code"]) == (501, "not_installed")
    assert "pip install slmm[pdf]" in answer.json["detail"]
    assert ask(client, DAY).status_code == 200


def test_the_unit_page_links_the_report(client: FlaskClient) -> None:
    assert f'href="{BASE}/a/report"' in client.get("/unit/a").text


class Wire:
    """Takes the command's request to the application in this process."""

    def __init__(self, client: FlaskClient) -> None:
        self._client = client

    def request(self, method: str, address: str, **more: Any) -> Any:
        answer = self._client.open(address.split("127.0.0.1:9", 1)[1], method=method, query_string=more.get("params"))
        return _Answer(answer)


class _Answer:
    """As requests would show it."""

    def __init__(self, answer: Any) -> None:
        self.status_code, self.headers, self.content, self.json = (
            answer.status_code,
            answer.headers,
            answer.data,
            lambda: answer.json,
        )

    def __enter__(self) -> _Answer:
        return self

    def __exit__(self, *error: object) -> None:
        pass


def test_the_command_writes_the_file(client: FlaskClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("slmm.cli.client.requests.Session", lambda: _session(client))
    runner, where = CliRunner(), ["--url", "http://127.0.0.1:9"]
    target = tmp_path / "friday.pdf"
    done = runner.invoke(command, ["a", "--day", "2026-03-20", "-o", str(target), *where])
    assert (done.exit_code, target.read_bytes()) == (0, ask(client, f"{DAY}&format=pdf").data), done.output
    monkeypatch.chdir(tmp_path)
    assert runner.invoke(command, ["a", "--week", "2026-W12", "--format", "html", *where]).exit_code == 0
    assert (tmp_path / "a_2026-W12.html").read_bytes() == ask(client, "week=2026-W12").data
    piped = runner.invoke(command, ["a", "--day", "2026-03-20", "--format", "html", "-o", "-", *where])
    assert piped.stdout_bytes == ask(client, DAY).data
    both = runner.invoke(command, ["a", "--day", "2026-03-20", "--month", "2026-03", *where])
    assert (both.exit_code, "one of --day, --week and --month" in both.output) == (2, True)
    wrong = runner.invoke(command, ["a", "--day", "soon", *where])
    assert "day 'soon' is not allowed" in str(wrong.exception)


def _session(client: FlaskClient) -> Any:
    wire = Wire(client)
    wire.trust_env = True  # type: ignore[attr-defined]
    return wire


def test_the_head_names_unit_and_site_as_people_do(client: FlaskClient) -> None:
    assert "<h1" in ask(client, DAY, "limited").text
    assert "East fence" not in ask(client, DAY, "limited").text
    client.put(f"{BASE}/limited/config", json={"name": "East fence", "site": "Ring road"})
    assert "East fence, Ring road (limited)" in ask(client, DAY, "limited").text
