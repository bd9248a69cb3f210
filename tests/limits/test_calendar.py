from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from slmm.errors import Invalid
from slmm.limits.calendar import Change, Step, Timetable
from tests.limits.pieces import at, limit, row

WEEK = ["mon", "tue", "wed", "thu", "fri"]
NIGHTS = [row("07:00", "23:00", 65), row("23:00", "07:00", 50, name="night")]
BERLIN = "Europe/Berlin"


def local(text: str, zone: str = BERLIN) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)


def table(rows: list, zone: str = BERLIN, **more: object) -> Timetable:
    return Timetable(limit(rows=rows, **more), zone)


@pytest.mark.parametrize(
    ("day", "minutes"), [("2026-03-28", 420), ("2026-03-27", 480), ("2026-10-24", 540), ("2026-10-23", 480)]
)
def test_a_night_of_23_to_07_lasts_as_long_as_it_lasts(day: str, minutes: int) -> None:
    """T27: 420 and 540 minutes when the clocks change."""
    night = table(NIGHTS, period={"kind": "whole"}).hours_of(date.fromisoformat(day))[-1]
    assert night.row.name == "night"
    assert (night.ends_at - night.starts_at) == timedelta(minutes=minutes)


@pytest.mark.parametrize("zone", [BERLIN, "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata"])
@pytest.mark.parametrize("length", ["15min", "1h"])
def test_periods_of_a_year_follow_each_other_without_a_gap(zone: str, length: str) -> None:
    rows = [row("01:30", "02:30", 60), row("02:30", "01:30", 50)]  # its edges lie where the clocks change
    found = table(rows, zone, period={"kind": "fixed", "length": length})
    for begins, ends in (("2026-03-06", "2026-04-06"), ("2026-10-02", "2026-11-03")):
        due = list(found.periods(at(f"{begins} 00:00"), at(f"{ends} 00:00")))
        assert all(one.ends_at == other.starts_at for one, other in pairwise(due))
        assert len({one.ends_at for one in due}) == len(due)


def test_saturday_night_belongs_to_saturday() -> None:
    rows = [row("22:00", "07:00", 55, days=["sat"]), row("07:00", "22:00", 45, days=["sun"])]
    rows.append(row("22:00", "07:00", 40, days=["sun"]))
    found = table(rows)
    levels = [
        None if hours is None else hours.row.red_db
        for moment in (
            "2026-06-06T21:59",
            "2026-06-06T22:00",
            "2026-06-07T06:59",
            "2026-06-07T07:00",
            "2026-06-08T06:59",
        )
        for hours in [found.hours_at(local(moment))]
    ]
    assert levels == [None, 55, 55, 45, 40]


@pytest.mark.parametrize(
    ("on_holidays", "holiday", "sunday", "workday"),
    [("ignore", 70, None, 70), ("skip", None, None, 70), ("only", 70, None, None), ("as_sunday", None, None, 70)],
)
def test_what_a_public_holiday_is_to_a_row(on_holidays: str, holiday: object, sunday: object, workday: object) -> None:
    """1 May 2026 is a Friday, 8 May is not a holiday."""
    found = table([row("07:00", "19:00", 70, days=WEEK, on_holidays=on_holidays)], holiday_calendar="DE-BE")
    hours = [found.hours_at(local(f"2026-05-{day}T12:00")) for day in ("01", "03", "08")]
    assert [None if one is None else one.row.red_db for one in hours] == [holiday, sunday, workday]


def test_a_holiday_is_a_sunday_also_for_the_rows_of_sunday() -> None:
    found = table([row("07:00", "19:00", 50, days=["sun"], on_holidays="as_sunday")], holiday_calendar="DE-BE")
    assert found.hours_at(local("2026-05-01T12:00")) is not None
    assert found.hours_at(local("2026-05-08T12:00")) is None


def test_a_holiday_of_the_contract_counts_like_one_of_the_calendar() -> None:
    rows = [row("07:00", "19:00", 70, on_holidays="skip")]
    found = table(rows, more_holidays=["2026-06-03"])
    assert found.hours_at(local("2026-06-03T12:00")) is None
    assert found.hours_at(local("2026-06-04T12:00")) is not None


def test_a_night_before_a_holiday_is_still_that_of_the_day_it_began_on() -> None:
    rows = [row("22:00", "06:00", 50, on_holidays="skip")]
    found = table(rows, holiday_calendar="DE-BE")
    assert found.hours_at(local("2026-05-01T03:00")) is not None  # Thursday's night, in Friday the holiday
    assert found.hours_at(local("2026-05-02T03:00")) is None  # the holiday's own night


def test_the_line_has_a_step_where_the_level_changes_and_a_hole_where_there_is_none() -> None:
    found = table([row("07:00", "13:00", 70), row("13:00", "19:00", 70, amber_db=60.0), row("19:00", "22:00", 60)])
    line = found.line(local("2026-06-03T12:00"), local("2026-06-04T08:00"))
    assert line == [
        Step(local("2026-06-03T12:00"), local("2026-06-03T13:00"), 70, 67),
        Step(local("2026-06-03T13:00"), local("2026-06-03T19:00"), 70, 60),
        Step(local("2026-06-03T19:00"), local("2026-06-03T22:00"), 60, 57),
        Step(local("2026-06-04T07:00"), local("2026-06-04T08:00"), 70, 67),
    ]


def test_equal_days_are_one_step() -> None:
    assert len(table([row("00:00", "24:00", 70)]).line(local("2026-03-20T12:00"), local("2026-04-04T08:00"))) == 1


def test_the_next_change_is_the_next_other_level() -> None:
    found = table([row("07:00", "13:00", 70), row("13:00", "19:00", 70), row("19:00", "22:00", 60)])
    assert found.next_change(local("2026-06-03T08:00")) == Change(local("2026-06-03T19:00"), 60, 57)
    assert found.next_change(local("2026-06-03T20:00")) == Change(local("2026-06-03T22:00"), None, None)
    assert found.next_change(local("2026-06-03T23:00")) == Change(local("2026-06-04T07:00"), 70, 67)
    assert table([row("00:00", "24:00", 70)]).next_change(local("2026-06-03T08:00")) is None


def test_a_limit_holds_on_its_last_day_and_not_on_the_next() -> None:
    found = table([row("22:00", "06:00", 50)], valid_from="2026-06-03", valid_until="2026-06-04")
    moments = ("2026-06-03T01:00", "2026-06-03T23:00", "2026-06-05T05:59", "2026-06-05T22:30")
    assert [found.hours_at(local(moment)) is not None for moment in moments] == [False, True, True, False]


def test_fixed_periods_end_on_the_clock_and_are_cut_to_the_hours() -> None:
    found = table([row("07:10", "08:05", 70)])
    due = list(found.periods(local("2026-06-03T00:00"), local("2026-06-04T00:00")))
    clock = [(one.starts_at.astimezone(ZoneInfo(BERLIN)), one.ends_at.astimezone(ZoneInfo(BERLIN))) for one in due]
    assert [f"{begins:%H:%M}-{ends:%H:%M}" for begins, ends in clock] == [
        "07:10-07:15",
        "07:15-07:30",
        "07:30-07:45",
        "07:45-08:00",
        "08:00-08:05",
    ]


def test_every_period_falls_into_one_span_only() -> None:
    found = table(NIGHTS, period={"kind": "whole"})
    cuts = [local("2026-06-01T00:00"), local("2026-06-02T07:00"), local("2026-06-02T12:00"), local("2026-06-05T00:00")]
    parts = [due.ends_at for begins, ends in pairwise(cuts) for due in found.periods(begins, ends)]
    assert parts == [due.ends_at for due in found.periods(cuts[0], cuts[-1])]
    assert len(parts) == 8


def test_rows_may_have_periods_of_their_own() -> None:
    rows = [row("07:00", "19:00", 75, period={"kind": "whole"}), row("19:00", "22:00", 65)]
    found = table(rows, period={"kind": "fixed", "length": "1h"})
    due = list(found.periods(local("2026-06-03T00:00"), local("2026-06-04T00:00")))
    assert [(one.ends_at - one.starts_at) / timedelta(hours=1) for one in due] == [12, 1, 1, 1]
    assert found.period_at(local("2026-06-03T20:30")) == due[2]
    assert found.period_at(local("2026-06-03T08:00")) == due[0]
    assert found.period_at(local("2026-06-03T22:00")) is None


def test_a_rolling_window_runs_through_midnight_but_not_into_another_limit() -> None:
    always = table([row("00:00", "24:00", 70)], period={"kind": "rolling", "length": "1h"})
    assert always.earliest(local("2026-06-03T00:10")) == local("2026-06-02T23:10")
    nights = table(NIGHTS, period={"kind": "rolling", "length": "1h"})
    assert nights.earliest(local("2026-06-03T07:10")) == local("2026-06-03T07:00")
    assert nights.earliest(local("2026-06-03T09:10")) == local("2026-06-03T08:10")


def test_the_earliest_piece_that_is_needed_is_the_begin_of_the_period() -> None:
    found = table(NIGHTS, period={"kind": "whole"})
    assert found.earliest(local("2026-06-03T00:00")) == local("2026-06-02T23:00")
    assert table([row("07:00", "19:00", 70)]).earliest(local("2026-06-03T20:00")) == local("2026-06-03T20:00")


def test_the_zone_of_the_limit_comes_before_that_of_the_unit() -> None:
    found = table([row("07:00", "19:00", 70)], "UTC", timezone="Asia/Singapore")
    assert found.hours_at(at("2026-06-02 23:00")) is not None
    assert found.hours_at(at("2026-06-03 11:00")) is None


def test_a_zone_nobody_knows_is_refused() -> None:
    with pytest.raises(Invalid, match="Mars/Base"):
        table([row("07:00", "19:00", 70)], "Mars/Base")


def test_hours_that_do_not_exist_are_none() -> None:
    found = table([row("02:15", "02:45", 50)])
    assert found.hours_of(date(2026, 3, 29)) == ()
    assert len(found.hours_of(date(2026, 3, 30))) == 1


def test_periods_beyond_an_hour_count_from_where_the_hours_begin() -> None:
    found = table([row("07:00", "19:00", 75), row("19:00", "07:00", 60)], period={"kind": "fixed", "length": "12h"})
    due = list(found.periods(local("2026-06-03T00:00"), local("2026-06-04T19:00")))
    assert [one.ends_at for one in due] == [
        local(f"2026-06-0{day}") for day in ("3T07:00", "3T19:00", "4T07:00", "4T19:00")
    ]
    assert found.period_at(local("2026-06-03T12:00")) == due[1]


def test_the_last_of_them_is_as_long_as_the_hours_leave() -> None:
    found = table([row("08:00", "18:30", 75)], period={"kind": "fixed", "length": "4h"})
    due = list(found.periods(local("2026-06-03T00:00"), local("2026-06-04T00:00")))
    assert [(one.ends_at - one.starts_at) / timedelta(hours=1) for one in due] == [4, 4, 2.5]
    assert found.period_at(local("2026-06-03T18:00")) == due[2]


def test_eight_hours_of_a_night_are_the_night_when_the_clocks_change() -> None:
    found = table([row("23:00", "07:00", 50)], period={"kind": "fixed", "length": "8h"})
    (due,) = found.periods(local("2026-10-24T12:00"), local("2026-10-25T12:00"))
    assert due.ends_at - due.starts_at == timedelta(hours=9)


def test_a_limit_that_never_begins_has_no_next_change() -> None:
    assert table([row("07:00", "19:00", 70)], valid_until="2026-06-01").next_change(local("2026-06-03T00:00")) is None


def test_a_calendar_of_many_years_is_not_kept_whole() -> None:
    found = table([row("07:00", "19:00", 70)])
    for day in range(2000):
        assert len(found.hours_of(date(2026, 1, 1) + timedelta(days=day))) == 1
