"""The log of the whole service: two sources in one list, filtered, paged, followed; without secrets."""

import logging
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient

from slmm import signals
from slmm.events import LogCategory, LogEntry, LogLevel
from slmm.logs import without_secrets
from tests.web.conftest import BASE

NOW = datetime.now(UTC)


@pytest.fixture
def told(client: FlaskClient) -> FlaskClient:
    """Ten entries of two meters, and one line of the service."""
    for number in range(10):
        level = LogLevel.ERROR if number == 7 else LogLevel.INFO
        at = NOW - timedelta(minutes=10 - number)
        unit = "north" if number % 2 else "south"
        signals.publish(signals.logged, LogEntry(unit, at, level, LogCategory.POLL, f"entry {number} of 100%"))
    logging.getLogger("slmm.fleet").warning("north was lost, password=hunter2 said the modem")
    return client


def ask(client: FlaskClient, **query: Any) -> list[str]:
    answer = client.get(f"{BASE}/_logs", query_string=query)
    assert answer.status_code == 200, answer.json
    return [row["message"] for row in answer.json["logs"]]


def test_both_sources_are_one_list_newest_first(told: FlaskClient) -> None:
    found = ask(told)
    assert found.index("entry 9 of 100%") < found.index("entry 8 of 100%")
    line = next(message for message in found if "north was lost" in message)
    assert found.index(line) < found.index("entry 9 of 100%")
    assert line == "slmm.fleet: north was lost, password=*** said the modem"


def test_filters_narrow(told: FlaskClient) -> None:
    assert ask(told, level="ERROR", source="units") == ["entry 7 of 100%"]
    assert len(ask(told, unit="north")) == 5
    assert ask(told, text="ENTRY 3 OF 100%") == ["entry 3 of 100%"]
    assert ask(told, text="0_", source="units") == [], "no wildcards"
    assert ask(told, category="TCP") == []
    assert all("slmm" in message for message in ask(told, category="SERVICE"))
    since = (NOW - timedelta(minutes=2, seconds=30)).isoformat()
    assert ask(told, source="units", **{"from": since}) == ["entry 9 of 100%", "entry 8 of 100%"]
    assert told.get(f"{BASE}/_logs", query_string={"level": "LOUD"}).status_code == 422


def test_pages_meet_and_nothing_is_twice(told: FlaskClient) -> None:
    whole, pages, query = ask(told, limit=1000), [], {"limit": 3}
    while True:
        answer = told.get(f"{BASE}/_logs", query_string=query).json
        pages += [row["message"] for row in answer["logs"]]
        if answer["next"] is None:
            break
        query = {"limit": 3, **{name: value for name, value in answer["next"].items() if value is not None}}
    assert pages == whole


def test_following_gives_what_is_new(told: FlaskClient) -> None:
    newest = told.get(f"{BASE}/_logs").json["newest"]
    assert ask(told, **newest) == []
    signals.publish(signals.logged, LogEntry("east", datetime.now(UTC), LogLevel.INFO, LogCategory.TCP, "hello"))
    logging.getLogger("slmm.runtime").warning("and a line")
    assert set(ask(told, **newest)) == {"hello", "slmm.runtime: and a line"}


@pytest.mark.parametrize(
    ("text", "kept", "gone"),
    [
        ("GET https://ada:s3cret@example.org/x", "https://***@example.org/x", "s3cret"),
        ("Authorization: Bearer abcdef123456", "Bearer ***", "abcdef123456"),
        ("token slmm_AbCdEfGh12345 was used", "token *** was used", "AbCdEf"),
        ("GET /share/Zm9vYmFy?x=1", "/share/***?x=1", "Zm9v"),
        ("open /setup and enter the code AB12-CD34-EF56", "enter the code ***", "AB12"),
        ("/events?units=a&ticket=abc.def", "units=a&ticket=***", "abc.def"),
        ('{"ftp_password": "hunter2"}', '"ftp_password": "***"', "hunter2"),
        ("measurement 7 began at 07:00", "measurement 7 began at 07:00", "***"),
    ],
)
def test_what_looks_like_a_secret_is_not_shown(text: str, kept: str, gone: str) -> None:
    assert kept in without_secrets(text)
    assert gone not in without_secrets(text)
