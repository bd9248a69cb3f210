"""Days, weeks and months on the calendar."""

from datetime import date, timedelta

import pytest

from slmm.errors import Invalid
from slmm.report import reach
from tests.report.made import at

BERLIN = "Europe/Berlin"


def test_a_day_is_of_the_local_calendar() -> None:
    found = reach.of_day("2026-11-20", BERLIN)
    assert (found.span.starts_at, found.span.ends_at) == (at("2026-11-19 23:00"), at("2026-11-20 23:00"))
    assert (found.name, found.days, found.clock_changes) == ("2026-11-20", [date(2026, 11, 20)], [])


@pytest.mark.parametrize(
    ("name", "first", "last"),
    [
        ("2026-W47", date(2026, 11, 16), date(2026, 11, 22)),
        ("2026-W53", date(2026, 12, 28), date(2027, 1, 3)),
        ("2026-W01", date(2025, 12, 29), date(2026, 1, 4)),
    ],
)
def test_a_week_is_that_of_iso(name: str, first: date, last: date) -> None:
    found = reach.of_week(name, BERLIN)
    assert (found.first, found.last, found.name) == (first, last, name)


@pytest.mark.parametrize(("name", "days"), [("2026-02", 28), ("2028-02", 29), ("2026-12", 31)])
def test_a_month_ends_with_its_last_day(name: str, days: int) -> None:
    found = reach.of_month(name, BERLIN)
    assert (len(found.days), found.days[0].day, found.name) == (days, 1, name)


@pytest.mark.parametrize("direction", [-1, 1])
@pytest.mark.parametrize("kind", ["day", "week", "month"])
def test_neighbours_leave_no_day_out(kind: str, direction: int) -> None:
    found = reach.around(date(2026, 12, 31), kind, BERLIN)
    other = found.neighbour(direction)
    assert other is not None
    earlier, later = (found, other) if direction > 0 else (other, found)
    assert later.first - earlier.last == timedelta(days=1)
    assert other.neighbour(-direction) == found


@pytest.mark.parametrize(
    ("name", "hours", "moment", "change_h"),
    [("2026-10-25", 25, "2026-10-25 01:00", -1), ("2026-03-29", 23, "2026-03-29 01:00", 1)],
)
def test_the_night_of_a_clock_change_is_told(name: str, hours: int, moment: str, change_h: int) -> None:
    found = reach.of_day(name, BERLIN)
    assert found.span.duration_s == hours * 3600
    assert found.clock_changes == [(at(moment), timedelta(hours=change_h))]


def test_a_day_that_a_place_went_without_is_refused() -> None:
    with pytest.raises(Invalid, match="does not exist in Pacific/Apia"):
        _ = reach.of_day("2011-12-30", "Pacific/Apia").span


@pytest.mark.parametrize(
    "text", ["", "2026-11-31", "2026-1-1", "20261120", "2026-W47", "0001-01-01", "9999-12-31", "٢٠٢٦-11-20"]
)
def test_what_is_no_day_is_refused(text: str) -> None:
    with pytest.raises(Invalid) as caught:
        reach.of_day(text, BERLIN)
    assert caught.value.field == "day"


@pytest.mark.parametrize("text", ["2026-W54", "2025-W53", "2026-W00", "2026W47", "2026-47", "0000-W01", "9999-W52"])
def test_what_is_no_week_is_refused(text: str) -> None:
    with pytest.raises(Invalid) as caught:
        reach.of_week(text, BERLIN)
    assert caught.value.field == "week"


@pytest.mark.parametrize("text", ["2026-13", "2026-00", "2026", "2026-1", "0000-01", "9999-12"])
def test_what_is_no_month_is_refused(text: str) -> None:
    with pytest.raises(Invalid) as caught:
        reach.of_month(text, BERLIN)
    assert caught.value.field == "month"


def test_the_calendar_of_reports_ends() -> None:
    assert reach.of_day("1990-01-01", BERLIN).neighbour(-1) is None
    assert reach.of_month("2199-12", BERLIN).neighbour(1) is None
