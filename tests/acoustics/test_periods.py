"""Day, evening and night in civil time."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import pairwise

import pytest

from slmm.acoustics.periods import CNEL, LDEN, LDN, Scheme, period_at, periods_between, periods_of
from slmm.errors import Invalid
from tests.acoustics.minutes import utc

BERLIN = "Europe/Berlin"


def test_a_usual_day_has_twelve_four_and_eight_hours() -> None:
    found = periods_of(date(2026, 7, 1), BERLIN)
    assert [(period.name, period.span.duration_s / 3600) for period in found] == [
        ("day", 12),
        ("evening", 4),
        ("night", 8),
    ]
    assert found[0].span.starts_at == utc("2026-07-01T05:00")


def test_a_night_belongs_to_the_date_it_starts_on() -> None:
    sunday_morning = utc("2026-07-05T02:00")
    found = period_at(sunday_morning, BERLIN)
    assert (found.name, found.date) == ("night", date(2026, 7, 4))
    assert period_at(utc("2026-07-05T05:00"), BERLIN).name == "day"


@pytest.mark.parametrize(
    ("zone", "before", "minutes"),
    [
        (BERLIN, date(2026, 3, 28), 420),
        (BERLIN, date(2026, 10, 24), 540),
        ("America/New_York", date(2026, 3, 7), 420),
        ("America/New_York", date(2026, 10, 31), 540),
        ("Australia/Lord_Howe", date(2026, 4, 4), 510),
        ("Australia/Lord_Howe", date(2026, 10, 3), 450),
        ("Asia/Kolkata", date(2026, 3, 28), 480),
    ],
)
def test_nights_of_a_clock_change(zone: str, before: date, minutes: int) -> None:
    night = periods_of(before, zone)[-1]
    assert night.span.duration_s == minutes * 60


@pytest.mark.parametrize("zone", [BERLIN, "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "America/Havana"])
@pytest.mark.parametrize("scheme", [LDEN, LDN, CNEL, Scheme(day=0.5, evening=1.5, night=2.25)])
def test_the_periods_of_a_year_leave_no_gap(zone: str, scheme: Scheme) -> None:
    found = [
        period for number in range(366) for period in periods_of(date(2026, 1, 1) + timedelta(number), zone, scheme)
    ]
    assert all(one.span.ends_at == other.span.starts_at for one, other in pairwise(found))
    assert sum(period.span.duration_s for period in found) == 366 * 86_400


def test_a_part_within_the_hour_that_does_not_exist_is_none() -> None:
    found = periods_of(date(2026, 3, 29), BERLIN, Scheme(day=2.0, evening=2.5, night=3.0))
    assert [period.name for period in found] == ["night"]


def test_periods_between_are_whole_and_touching_is_not_enough() -> None:
    found = periods_between(utc("2026-07-01T10:00"), utc("2026-07-02T05:00"), BERLIN)
    assert [(period.name, period.date.day) for period in found] == [("day", 1), ("evening", 1), ("night", 1)]


@pytest.mark.parametrize(
    ("scheme", "weights_h"),
    [
        (LDEN, (12, 4, 8)),
        (LDN, (15, 0, 9)),
        (CNEL, (12, 3, 9)),
        (Scheme(evening=20.0), (13, 3, 8)),
        (Scheme(evening=19.0, night=22.0), (12, 3, 9)),
        (Scheme(day=6.5, evening=18.5, night=24.0), (12, 5.5, 6.5)),
    ],
)
def test_a_scheme_weighs_its_own_hours(scheme: Scheme, weights_h: tuple[float, float, float]) -> None:
    assert scheme.weights_h == weights_h
    assert sum(scheme.weights_h) == 24


@pytest.mark.parametrize(
    ("hours", "field"),
    [
        ({"day": -1.0}, "day"),
        ({"night": 24.5}, "night"),
        ({"evening": 25.0}, "evening"),
        ({"evening": 6.0}, "evening"),
        ({"evening": 23.0}, "evening"),
        ({"evening": None, "night": 7.0}, "night"),
        ({"day": float("nan")}, "day"),
    ],
)
def test_hours_in_disorder_are_refused(hours: dict[str, float], field: str) -> None:
    with pytest.raises(Invalid) as refused:
        Scheme(**hours)
    assert refused.value.field == field
