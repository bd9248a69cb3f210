"""``slmm alerts``: what it asks the service, and how it shows the answer."""

import json
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import parse_qs

import pytest

from tests.cli.conftest import Run, serving

EVENT = {
    "id": 7,
    "unit_id": "north",
    "rule_name": "Night [22–07]",
    "metric": "leq",
    "threshold_db": 55.0,
    "onset_at": "2026-05-01T22:00:00.000Z",
    "onset_value": 57.5,
    "peak_value": 61.0,
    "clear_at": None,
    "status": "active",
    "severity": "warning",
    "acknowledged_at": None,
    "acknowledged_by": "ada",
    "notes": None,
}
Asked = list[tuple[str, str, Any]]


@pytest.fixture
def asked() -> Asked:
    """Method, path, and query or body of every request."""
    return []


@pytest.fixture
def url(asked: Asked) -> Iterator[str]:
    """A service that has one event, of north."""

    def answer(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
        method, path = environ["REQUEST_METHOD"], environ["PATH_INFO"]
        body = environ["wsgi.input"].read()
        asked.append((method, path, json.loads(body) if body else parse_qs(environ["QUERY_STRING"])))
        if path.endswith("/8/ack"):
            start_response("404 Not Found", [("Content-Type", "application/problem+json")])
            return [b'{"detail": "there is no event 8"}']
        events = [] if "south" in path else [EVENT]
        start_response("200 OK", [("Content-Type", "application/json")])
        return [json.dumps({"status": "ok", "count": len(events), "events": events}).encode()]

    with serving(answer) as address:
        yield address


@pytest.mark.parametrize(
    ("arguments", "path", "query"),
    [
        ("", "/_alerts/events", {"limit": ["50"]}),
        ("list", "/_alerts/events", {"limit": ["50"]}),
        ("--open", "/_alerts/events", {"limit": ["50"], "state": ["open"]}),
        ("north", "/north/alerts/events", {"limit": ["50"]}),
        ("--limit 5 north", "/north/alerts/events", {"limit": ["5"]}),
        ("north --open --limit 5", "/north/alerts/events", {"limit": ["5"], "state": ["open"]}),
        ("list ack", "/ack/alerts/events", {"limit": ["50"]}),
    ],
)
def test_events_of_one_unit_or_of_all_are_asked_for(
    run: Run, url: str, asked: Asked, arguments: str, path: str, query: dict[str, list[str]]
) -> None:
    listed = run("alerts", *arguments.split(), SLMM_URL=url)
    assert listed.code == 0, listed.err
    assert asked == [("GET", f"/api/nl43{path}", query)]
    assert all(text in listed.out for text in ("north", "Night [22–07]", "55.0", "61.0", "warning", "ada"))


def test_events_are_json_for_programs(run: Run, url: str) -> None:
    assert run("alerts", "--json", SLMM_URL=url).json == [EVENT]
    assert run("alerts", "south", "--json", SLMM_URL=url).json == []


def test_no_event_is_said(run: Run, url: str) -> None:
    assert run("alerts", "south", SLMM_URL=url).out == "no alerts of south\n"
    assert run("alerts", "south", "--open", SLMM_URL=url).out == "no open alerts of south\n"


def test_notice_is_taken_with_or_without_a_note(run: Run, url: str, asked: Asked) -> None:
    assert run("alerts", "ack", "7", "--note", "crane", SLMM_URL=url).out == "event 7 is acknowledged\n"
    assert run("alerts", "ack", "7", "--json", SLMM_URL=url).json["status"] == "ok"
    path = "/api/nl43/_alerts/events/7/ack"
    assert asked == [("POST", path, {"note": "crane"}), ("POST", path, {})]
    unknown = run("alerts", "ack", "8", SLMM_URL=url)
    assert (unknown.code, unknown.err) == (1, "slmm: there is no event 8\n")
    assert run("alerts", "ack", "seven", SLMM_URL=url).code == 2


def test_a_service_without_alerts_is_said(run: Run) -> None:
    def answer(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
        start_response("404 Not Found", [("Content-Type", "application/problem+json")])
        return [json.dumps({"detail": f"there is nothing at {environ['PATH_INFO']}"}).encode()]

    with serving(answer) as url:
        answer_of_ours = run("alerts", SLMM_URL=url)
    assert answer_of_ours.code == 1
    assert answer_of_ours.err == f"slmm: the service at {url} has no alerts yet\n"


def test_help_tells_both_forms(run: Run) -> None:
    told = run("alerts", "--help")
    assert told.code == 0
    assert "[list] [UNIT] | ack EVENT_ID" in told.out
