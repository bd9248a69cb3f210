"""Local times as instants, where the clocks change and where they do not."""

from __future__ import annotations

from datetime import date, time

import pytest

from slmm.acoustics.civil import FIRST_PASS, LAST_PASS, at_hour, day_span, instant, local_date, zone_info
from slmm.errors import Invalid
from tests.acoustics.minutes import utc

BERLIN, NEW_YORK, LORD_HOWE, KOLKATA = "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata"


@pytest.mark.parametrize(
    ("zone", "day", "clock", "first", "last"),
    [
        (BERLIN, date(2026, 7, 1), time(7), "2026-07-01T05:00", "2026-07-01T05:00"),
        (BERLIN, date(2026, 10, 25), time(2, 30), "2026-10-25T00:30", "2026-10-25T01:30"),
        (BERLIN, date(2026, 3, 29), time(2, 30), "2026-03-29T01:00", "2026-03-29T01:00"),
        (NEW_YORK, date(2026, 11, 1), time(1, 15), "2026-11-01T05:15", "2026-11-01T06:15"),
        (NEW_YORK, date(2026, 3, 8), time(2, 0), "2026-03-08T07:00", "2026-03-08T07:00"),
        (LORD_HOWE, date(2026, 4, 5), time(1, 45), "2026-04-04T14:45", "2026-04-04T15:15"),
        (LORD_HOWE, date(2026, 10, 4), time(2, 10), "2026-10-03T15:30", "2026-10-03T15:30"),
        (KOLKATA, date(2026, 3, 29), time(2, 30), "2026-03-28T21:00", "2026-03-28T21:00"),
        ("America/Havana", date(2026, 11, 1), time(0, 0), "2026-11-01T04:00", "2026-11-01T05:00"),
        ("Asia/Beirut", date(2026, 3, 29), time(0, 20), "2026-03-28T22:00", "2026-03-28T22:00"),
        ("Pacific/Apia", date(2011, 12, 30), time(0, 1), "2011-12-30T10:00", "2011-12-30T10:00"),
        ("Pacific/Apia", date(2011, 12, 30), time(23, 59), "2011-12-30T10:00", "2011-12-30T10:00"),
    ],
)
def test_local_times_that_come_twice_and_never(zone: str, day: date, clock: time, first: str, last: str) -> None:
    assert instant(day, clock, zone, FIRST_PASS) == utc(first)
    assert instant(day, clock, zone, LAST_PASS) == utc(last)


@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [
        (BERLIN, date(2026, 3, 29), 23),
        (BERLIN, date(2026, 10, 25), 25),
        (NEW_YORK, date(2026, 3, 8), 23),
        (NEW_YORK, date(2026, 11, 1), 25),
        (LORD_HOWE, date(2026, 4, 5), 24.5),
        (LORD_HOWE, date(2026, 10, 4), 23.5),
        (KOLKATA, date(2026, 3, 29), 24),
        ("America/Havana", date(2026, 11, 1), 25),
        ("Pacific/Apia", date(2011, 12, 30), 0),
    ],
)
def test_days_have_their_real_length(zone: str, day: date, hours: float) -> None:
    begins_at, ends_at = day_span(day, zone)
    assert (ends_at - begins_at).total_seconds() == hours * 3600


def test_hours_of_the_clock_may_have_parts_and_pass_midnight() -> None:
    day = date(2026, 7, 1)
    assert at_hour(day, 18.5, BERLIN) == utc("2026-07-01T16:30")
    assert at_hour(day, 24, BERLIN) == at_hour(date(2026, 7, 2), 0, BERLIN) == utc("2026-07-01T22:00")
    assert at_hour(day, 31, BERLIN) == utc("2026-07-02T05:00")
    assert at_hour(day, 23.9999999, BERLIN) == utc("2026-07-01T22:00")


def test_the_date_on_the_wall() -> None:
    assert local_date(utc("2026-07-01T18:31"), KOLKATA) == date(2026, 7, 2)
    assert local_date(utc("2026-07-01T18:29"), KOLKATA) == date(2026, 7, 1)


@pytest.mark.parametrize("zone", ["Mars/Olympus", "", "../etc/passwd", "Europe"])
def test_an_unknown_zone_is_named(zone: str) -> None:
    with pytest.raises(Invalid, match="zone") as refused:
        zone_info(zone)
    assert refused.value.field == "zone"
