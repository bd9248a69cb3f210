"""Hours of rules: membership by instants, the nights the clocks change, holidays; against minutes counted."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slmm.alerts.schedule import ALWAYS, FOREVER, OnHolidays, Schedule, Window
from slmm.errors import Invalid
from slmm.limits.holiday import calendar

NEW_YORK = "America/New_York"
MONDAY, FRIDAY, SATURDAY = 0, 4, 5
MINUTE = timedelta(minutes=1)
NIGHT = (time(22), time(7))


def night(zone: str = NEW_YORK, **members: object) -> Schedule:
    return Schedule(zone, *NIGHT, **members)  # type: ignore[arg-type]


def local(text: str, zone: str = NEW_YORK, fold: int = 0) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone), fold=fold).astimezone(UTC)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def window_of(schedule: Schedule, day: str) -> Window:
    found = schedule.window_of(date.fromisoformat(day))
    assert found is not None
    return found


# -- which instants are in ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("at", "is_in"),
    [
        ("2026-06-05T06:00", False),  # Friday morning belongs to Thursday's night
        ("2026-06-05T23:00", True),
        ("2026-06-06T02:00", True),
        ("2026-06-06T06:59:59.999999", True),
        ("2026-06-06T07:00", False),
        ("2026-06-06T22:00", False),
    ],
)
def test_a_window_over_midnight_belongs_to_the_day_it_starts_on(at: str, is_in: bool) -> None:
    assert (night(days=frozenset({FRIDAY})).window_at(local(at)) is not None) is is_in


def test_a_window_is_half_open() -> None:
    schedule = Schedule("UTC", time(8), time(9))
    window = window_of(schedule, "2026-06-05")
    assert utc("2026-06-05T08:00") in window
    assert utc("2026-06-05T09:00") not in window
    assert schedule.window_at(utc("2026-06-05T07:59:59.999999")) is None
    assert schedule.window_at(utc("2026-06-05T09:00")) is None


def test_whole_days_begin_and_end_at_local_midnight() -> None:
    weekend = Schedule("Europe/Berlin", days=frozenset({5, 6}))
    assert window_of(weekend, "2026-06-06") == Window(utc("2026-06-05T22:00"), utc("2026-06-06T22:00"))
    assert weekend.window_at(utc("2026-06-05T21:59:59")) is None
    assert weekend.window_of(date(2026, 6, 5)) is None


def test_whole_days_have_23_and_25_hours_when_the_clocks_change() -> None:
    schedule = Schedule("Europe/Berlin", days=frozenset({6}))
    lengths = [window_of(schedule, day) for day in ("2026-03-29", "2026-10-25")]
    assert [window.ends_at - window.starts_at for window in lengths] == [timedelta(hours=23), timedelta(hours=25)]


def test_adjacent_whole_days_leave_no_instant_between() -> None:
    schedule = Schedule("Pacific/Chatham", days=frozenset({5, 6}))
    assert window_of(schedule, "2026-04-04").ends_at == window_of(schedule, "2026-04-05").starts_at


def test_a_schedule_without_limits_is_always_in_force() -> None:
    assert ALWAYS.is_always
    assert Schedule("Europe/Berlin").is_always
    assert utc("2026-06-05T08:00") in FOREVER
    assert not night().is_always
    assert not Schedule(on_holidays=OnHolidays.SKIP).is_always
    assert not Schedule(days=frozenset({MONDAY})).is_always


# -- the nights the clocks change -----------------------------------------------------------------------------


@pytest.mark.parametrize(("day", "hours"), [("2026-03-07", 8), ("2026-10-31", 10), ("2026-06-05", 9)])
def test_a_night_lasts_as_long_as_it_really_does(day: str, hours: int) -> None:
    window = window_of(night(), day)
    assert window.ends_at - window.starts_at == timedelta(hours=hours)


def test_a_start_that_does_not_exist_is_the_instant_of_the_change() -> None:
    assert window_of(Schedule(NEW_YORK, time(2, 30), time(5)), "2026-03-08").starts_at == utc("2026-03-08T07:00")


def test_an_end_that_does_not_exist_is_the_instant_of_the_change() -> None:
    assert window_of(Schedule(NEW_YORK, time(22), time(2, 30)), "2026-03-07").ends_at == utc("2026-03-08T07:00")


def test_an_end_that_comes_twice_is_the_last_one_and_the_window_does_not_open_again() -> None:
    schedule = Schedule(NEW_YORK, time(22), time(1, 30))
    window = window_of(schedule, "2026-10-31")
    assert window.ends_at == utc("2026-11-01T06:30")
    for fold in (0, 1):
        assert schedule.window_at(local("2026-11-01T01:15", fold=fold)) == window
    assert schedule.window_at(local("2026-11-01T01:45", fold=0)) == window
    assert schedule.window_at(local("2026-11-01T01:45", fold=1)) is None


def test_a_start_that_comes_twice_is_the_first_one() -> None:
    schedule = Schedule(NEW_YORK, time(1, 30), time(5))
    assert window_of(schedule, "2026-11-01").starts_at == utc("2026-11-01T05:30")
    assert schedule.window_at(local("2026-11-01T01:15", fold=1)) is not None


def test_half_an_hour_on_lord_howe_counts_as_it_is() -> None:
    schedule = Schedule("Australia/Lord_Howe", time(22), time(7))
    spring, autumn = window_of(schedule, "2026-10-03"), window_of(schedule, "2026-04-04")
    assert spring.ends_at - spring.starts_at == timedelta(hours=8.5)
    assert autumn.ends_at - autumn.starts_at == timedelta(hours=9.5)
    inside = window_of(Schedule("Australia/Lord_Howe", time(2, 10), time(5)), "2026-10-04")
    assert inside.starts_at == utc("2026-10-03T15:30")


def test_a_window_within_the_hour_that_does_not_exist_is_left_out() -> None:
    schedule = Schedule(NEW_YORK, time(2, 10), time(2, 40))
    assert schedule.window_of(date(2026, 3, 8)) is None
    assert schedule.next_window(utc("2026-03-08T06:00")) == window_of(schedule, "2026-03-09")


def test_a_day_that_a_country_left_out_has_no_window() -> None:
    samoa = Schedule("Pacific/Apia", days=frozenset({4}))
    assert samoa.window_of(date(2011, 12, 30)) is None


# -- holidays ----------------------------------------------------------------------------------------------------

CORPUS_CHRISTI = "2026-06-04"
"""A Thursday, and a holiday in Bavaria but not in Berlin."""


def bavarian(on_holidays: OnHolidays, days: set[int]) -> Schedule:
    return Schedule(
        "Europe/Berlin",
        *NIGHT,
        days=frozenset(days),
        on_holidays=on_holidays,
        is_holiday=calendar("DE-BY"),
    )


def test_no_window_starts_on_a_skipped_holiday_but_the_night_before_goes_on_into_it() -> None:
    schedule = bavarian(OnHolidays.SKIP, set(range(7)))
    assert schedule.window_at(local(f"{CORPUS_CHRISTI}T23:00", "Europe/Berlin")) is None
    assert schedule.window_at(local(f"{CORPUS_CHRISTI}T03:00", "Europe/Berlin")) is not None
    assert schedule.window_at(local("2026-06-05T23:00", "Europe/Berlin")) is not None


def test_a_holiday_can_count_as_a_sunday() -> None:
    sundays, thursdays = bavarian(OnHolidays.AS_SUNDAY, {6}), bavarian(OnHolidays.AS_SUNDAY, {3})
    at = local(f"{CORPUS_CHRISTI}T23:00", "Europe/Berlin")
    assert sundays.window_at(at) is not None
    assert thursdays.window_at(at) is None


def test_a_holiday_is_a_day_like_any_other_if_it_is_ignored() -> None:
    schedule = bavarian(OnHolidays.IGNORE, {3})
    assert schedule.window_at(local(f"{CORPUS_CHRISTI}T23:00", "Europe/Berlin")) is not None


def test_parts_of_a_country_have_their_own_holidays() -> None:
    day = date.fromisoformat(CORPUS_CHRISTI)
    assert calendar("DE-BY")(day)
    assert not calendar("DE-BE")(day)
    assert not calendar(None)(day)


@pytest.mark.parametrize("name", ["XX", "DE-XX"])
def test_a_calendar_nobody_knows_is_refused(name: str) -> None:
    with pytest.raises(Invalid, match="holiday_calendar"):
        calendar(name)


# -- the next window ----------------------------------------------------------------------------------------------


def test_the_next_window_is_the_present_one_or_the_first_to_come() -> None:
    schedule = night(days=frozenset({FRIDAY}))
    friday = window_of(schedule, "2026-06-05")
    assert schedule.next_window(local("2026-06-01T12:00")) == friday
    assert schedule.next_window(friday.starts_at) == friday
    assert schedule.next_window(friday.ends_at - MINUTE) == friday
    assert schedule.next_window(friday.ends_at) == window_of(schedule, "2026-06-12")


def test_there_is_no_next_window_when_every_allowed_day_is_skipped() -> None:
    schedule = Schedule(on_holidays=OnHolidays.SKIP, is_holiday=lambda day: True)
    assert schedule.next_window(utc("2026-06-05T08:00")) is None


# -- against the minutes themselves -------------------------------------------------------------------------------

ZONES = ["UTC", "Europe/Berlin", NEW_YORK, "Australia/Lord_Howe", "Pacific/Chatham"]
CHANGES = [date(2026, 3, 8), date(2026, 3, 29), date(2026, 4, 5), date(2026, 9, 27), date(2026, 10, 4),
           date(2026, 10, 25), date(2026, 11, 1)]  # fmt: skip
DAYS = st.one_of(
    st.builds(lambda day, by: day + timedelta(days=by), st.sampled_from(CHANGES), st.integers(-2, 1)),
    st.dates(date(2026, 1, 1), date(2027, 12, 31)),
)
CLOCKS = st.one_of(
    st.builds(time, st.integers(0, 23), st.integers(0, 59)),
    st.builds(time, st.integers(0, 4), st.sampled_from([0, 15, 30, 45])),
)


def minutes_of(day: date) -> list[datetime]:
    """Every minute of the four days around, in UTC."""
    first = datetime.combine(day, time(12), UTC) - timedelta(hours=30)
    return [first + MINUTE * count for count in range(4 * 1440)]


def expected(day: date, start: time, end: time, zone: str) -> list[datetime]:
    """The minutes from the first at which the wall clock shows the start to the last at which it shows the end.

    A time that it never shows counts as the first minute at which it shows a later one.
    """
    last_day = day if start < end else day + timedelta(days=1)
    shown = [(at, at.astimezone(ZoneInfo(zone)).replace(tzinfo=None)) for at in minutes_of(day)]

    def passes(wanted: datetime) -> list[datetime]:
        exact = [at for at, wall in shown if wall == wanted]
        return exact or [next(at for at, wall in shown if wall > wanted)]

    begins_at, ends_at = passes(datetime.combine(day, start))[0], passes(datetime.combine(last_day, end))[-1]
    return [at for at, _ in shown if begins_at <= at < ends_at]


@settings(max_examples=60, deadline=None)
@given(zone=st.sampled_from(ZONES), day=DAYS, start=CLOCKS, end=CLOCKS)
def test_a_window_has_exactly_the_minutes_that_the_clock_on_the_wall_gives_it(
    zone: str, day: date, start: time, end: time
) -> None:
    if start == end:
        return
    schedule = Schedule(zone, start, end)
    window = schedule.window_of(day)
    minutes = expected(day, start, end, zone)
    assert [at for at in minutes_of(day) if window is not None and at in window] == minutes
    if window is not None:
        assert (window.starts_at, window.ends_at) == (minutes[0], minutes[-1] + MINUTE)  # one piece, not empty


@settings(max_examples=60, deadline=None)
@given(zone=st.sampled_from(ZONES), day=DAYS, start=CLOCKS, end=CLOCKS, days=st.sets(st.integers(0, 6), min_size=1))
def test_membership_and_the_next_window_agree_with_the_windows_of_the_days(
    zone: str, day: date, start: time, end: time, days: set[int]
) -> None:
    if start == end:
        return
    schedule = Schedule(zone, start, end, frozenset(days))
    around = [schedule.window_of(day + timedelta(days=by)) for by in range(-3, 12)]
    windows = [window for window in around if window is not None]
    for earlier, later in pairwise(windows):
        assert earlier.ends_at <= later.starts_at or (earlier.ends_at - later.starts_at) <= timedelta(hours=1)
    for at in minutes_of(day)[::37]:
        found = [window for window in windows if at in window]
        assert schedule.window_at(at) == (found[0] if found else None)
        coming = [window for window in windows if window.ends_at > at]
        assert schedule.next_window(at) == coming[0]


@settings(max_examples=40, deadline=None)
@given(zone=st.sampled_from(ZONES), day=DAYS)
def test_whole_days_follow_each_other_without_a_hole_or_an_overlap(zone: str, day: date) -> None:
    schedule = Schedule(zone, days=frozenset(range(6)), is_holiday=lambda _: False)
    first, second = schedule.window_of(day), schedule.window_of(day + timedelta(days=1))
    if first is not None and second is not None:
        assert first.ends_at == second.starts_at
        assert first.starts_at < first.ends_at
