"""Until when a message waits for somebody who sleeps."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from slmm.alerts.quiet import quiet_until

BERLIN = "Europe/Berlin"


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("at", "until"),
    [
        ("2026-06-05T19:59:59", None),
        ("2026-06-05T20:00", "2026-06-06T05:00"),
        ("2026-06-05T23:30", "2026-06-06T05:00"),
        ("2026-06-06T04:59:59", "2026-06-06T05:00"),
        ("2026-06-06T05:00", None),
    ],
)
def test_quiet_hours_go_over_midnight_and_end_at_the_minute(at: str, until: str | None) -> None:
    assert quiet_until(utc(at), "22:00", "07:00", BERLIN) == (until and utc(until))


def test_quiet_hours_within_a_day() -> None:
    assert quiet_until(utc("2026-06-05T11:00"), "12:00", "14:00", BERLIN) == utc("2026-06-05T12:00")
    assert quiet_until(utc("2026-06-05T12:00"), "12:00", "14:00", BERLIN) is None


@pytest.mark.parametrize(
    ("at", "until"),
    [("2026-03-28T22:00", "2026-03-29T05:00"), ("2026-10-24T21:00", "2026-10-25T06:00")],
)
def test_seven_in_the_morning_is_seven_also_when_the_clocks_change(at: str, until: str) -> None:
    assert quiet_until(utc(at), "22:00", "07:00", BERLIN) == utc(until)


def test_an_end_that_comes_twice_lets_people_sleep_until_the_second() -> None:
    at = utc("2026-10-24T23:00")
    assert quiet_until(at, "22:00", "02:30", BERLIN) == utc("2026-10-25T01:30")
    assert quiet_until(utc("2026-10-25T00:45"), "22:00", "02:30", BERLIN) == utc("2026-10-25T01:30")


def test_the_zone_is_that_of_the_person() -> None:
    at = utc("2026-06-05T03:00")
    assert quiet_until(at, "22:00", "07:00", "America/New_York") == utc("2026-06-05T11:00")
    assert quiet_until(at, "22:00", "07:00", "Pacific/Chatham") is None


@pytest.mark.parametrize(("start", "end"), [(None, None), ("22:00", None), (None, "07:00"), ("", ""), ("8:00", "8:00")])
def test_without_two_different_ends_there_are_no_quiet_hours(start: str | None, end: str | None) -> None:
    assert quiet_until(utc("2026-06-05T23:00"), start, end, BERLIN) is None
