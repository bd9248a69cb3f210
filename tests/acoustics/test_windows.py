"""Fixed, rolling and running LAeq, and the noisiest time."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from slmm.acoustics.energy import mean_level
from slmm.acoustics.intervals import Span
from slmm.acoustics.quality import Bound, Flag
from slmm.acoustics.windows import RollingWindow, WindowLevel, fixed_periods, noisiest, rolling, running
from slmm.errors import Invalid
from tests.acoustics.minutes import HOUR, MINUTE, NOON, pieces, utc

BERLIN, LORD_HOWE = "Europe/Berlin", "Australia/Lord_Howe"


def spans(since: str, until: str, length_s: int, zone: str) -> list[Span]:
    return list(fixed_periods(utc(since), utc(until), length_s, zone))


def minutes_of(found: list[Span]) -> list[float]:
    return [span.duration_s / 60 for span in found]


def test_fixed_periods_end_on_the_quarter_and_are_whole() -> None:
    found = spans("2026-07-01T10:07", "2026-07-01T10:46", 900, BERLIN)
    assert [span.ends_at.minute for span in found] == [15, 30, 45, 0]
    assert found[0].starts_at == utc("2026-07-01T10:00")
    assert spans("2026-07-01T10:15", "2026-07-01T10:30", 900, BERLIN) == [
        Span(utc("2026-07-01T10:15"), utc("2026-07-01T10:30"))
    ]


def test_hours_follow_the_local_clock_and_not_utc() -> None:
    found = spans("2026-07-01T10:00", "2026-07-01T11:00", 3600, "Asia/Kolkata")
    assert [span.starts_at.minute for span in found] == [30, 30]
    (day,) = spans("2026-07-01T10:00", "2026-07-01T10:01", 86_400, "Asia/Kolkata")
    assert (day.starts_at, day.ends_at) == (utc("2026-06-30T18:30"), utc("2026-07-01T18:30"))


@pytest.mark.parametrize(
    ("zone", "day", "length_s", "minutes"),
    [
        (BERLIN, "2026-03-29", 3600, [60.0] * 23),
        (BERLIN, "2026-10-25", 3600, [60.0] * 25),
        (BERLIN, "2026-03-29", 7200, [120.0, 60.0] + [120.0] * 10),
        (BERLIN, "2026-10-25", 7200, [120.0, 180.0] + [120.0] * 10),
        (BERLIN, "2026-03-29", 86_400, [23 * 60.0]),
        (BERLIN, "2026-10-25", 86_400, [25 * 60.0]),
        (BERLIN, "2026-10-25", 43_200, [13 * 60.0, 12 * 60.0]),
        ("America/New_York", "2026-03-08", 900, [15.0] * 92),
        ("America/New_York", "2026-11-01", 900, [15.0] * 100),
        (LORD_HOWE, "2026-04-05", 1800, [30.0] * 49),
        (LORD_HOWE, "2026-04-05", 3600, [60.0, 90.0] + [60.0] * 22),
        (LORD_HOWE, "2026-10-04", 3600, [60.0, 60.0, 30.0] + [60.0] * 21),
        (LORD_HOWE, "2026-10-04", 1800, [30.0] * 47),
        ("Asia/Kolkata", "2026-03-29", 3600, [60.0] * 24),
        ("America/Havana", "2026-11-01", 3600, [60.0] * 25),
        ("Asia/Beirut", "2026-03-29", 3600, [60.0] * 23),
        ("Pacific/Apia", "2011-12-29", 43_200, [720.0, 720.0]),
    ],
)
def test_fixed_periods_on_days_the_clocks_change(zone: str, day: str, length_s: int, minutes: list[float]) -> None:
    begin = datetime.fromisoformat(day).replace(tzinfo=ZoneInfo(zone))
    until = begin + timedelta(days=1)
    found = list(fixed_periods(begin.astimezone(UTC), until.astimezone(UTC), length_s, zone))
    assert minutes_of(found) == minutes


@pytest.mark.parametrize("zone", [BERLIN, "America/New_York", LORD_HOWE, "Asia/Kolkata", "America/Havana", "UTC"])
@pytest.mark.parametrize("length_s", [3600, 28_800, 86_400])
def test_the_fixed_periods_of_a_year_leave_no_gap(zone: str, length_s: int) -> None:
    found = spans("2026-01-01T00:00", "2026-12-31T00:00", length_s, zone)
    assert all(one.ends_at == other.starts_at for one, other in pairwise(found))
    assert found[0].starts_at <= utc("2026-01-01T00:00") < found[0].ends_at
    assert found[-1].starts_at < utc("2026-12-31T00:00") <= found[-1].ends_at


def test_the_day_that_was_left_out_has_no_periods() -> None:
    found = spans("2011-12-30T09:00", "2011-12-30T11:00", 3600, "Pacific/Apia")
    assert [span.starts_at.hour for span in found] == [9, 10]


@pytest.mark.parametrize("length_s", [0, -900, 7 * 60, 2 * 86_400, 0.5, 900.5])
def test_a_fixed_period_divides_the_day(length_s: float) -> None:
    with pytest.raises(Invalid, match="length_s"):
        spans("2026-07-01T10:00", "2026-07-01T11:00", length_s, BERLIN)  # type: ignore[arg-type]


def levels_of(found: list[WindowLevel]) -> list[float | None]:
    return [None if window.laeq is None else round(window.laeq, 6) for window in found]


def test_a_rolling_window_forgets_a_blast_without_a_trace() -> None:
    found = rolling(pieces([140.0] + [20.0] * 10), 300.0)
    assert levels_of(found)[5:] == [20.0] * 6


def test_a_gap_makes_a_rolling_value_invalid_and_not_quiet() -> None:
    found = rolling(pieces([70.0] * 5) + pieces([70.0] * 5, NOON + 8 * MINUTE), 300.0)
    assert levels_of(found) == [None] * 4 + [70.0] + [None] * 3 + [70.0, 70.0]
    assert [round(window.coverage, 1) for window in found] == [0.2, 0.4, 0.6, 0.8, 1.0, 0.4, 0.4, 0.6, 0.8, 1.0]
    assert found[5].so_far_db == pytest.approx(70.0)


def test_the_coverage_rule_may_be_another() -> None:
    gap = pieces([70.0] * 5) + pieces([70.0], NOON + 7 * MINUTE)
    assert levels_of(rolling(gap, 300.0, least_coverage=0.6))[-1] == 70.0


def test_flags_go_when_what_they_were_said_of_goes() -> None:
    levels = pieces([60.0] * 8)
    levels[2] = replace(levels[2], flags=Flag.UNDER)
    found = rolling(levels, 180.0)
    assert [window.bound for window in found] == [Bound.NONE] * 2 + [Bound.UPPER] * 3 + [Bound.NONE] * 3


def test_over_range_and_excluded_pieces_have_no_part_in_a_window() -> None:
    levels = pieces([60.0, 60.0, 60.0, 60.0, 99.0, 60.0, 98.0, 60.0])
    levels[4] = replace(levels[4], flags=Flag.OVER)
    excluded = [Span(NOON + 6 * MINUTE, NOON + 7 * MINUTE)]
    found = rolling(reversed(levels), 240.0, excluded=excluded)
    assert [window.ends_at for window in found] == [NOON + n * MINUTE for n in (1, 2, 3, 4, 5, 6, 8)]
    assert levels_of(found) == [None] * 3 + [60.0, 60.0, 60.0, None]
    assert [window.bound for window in found][4:] == [Bound.LOWER] * 3
    assert [window.coverage for window in found][4:] == [0.75, 0.75, 0.5]


def test_a_rolling_window_may_be_asked_between_the_pieces() -> None:
    window = RollingWindow(180.0)
    assert window.at(NOON) == WindowLevel(NOON, None, 0.0, 0.0, Flag(0), Bound.NONE, None)
    for piece in pieces([60.0, 60.0, 60.0]):
        window.add(piece)
    assert window.at(NOON + 3 * MINUTE).laeq == pytest.approx(60.0)
    late = window.at(NOON + 3 * MINUTE + timedelta(seconds=1))
    assert (late.coverage, late.laeq) == (pytest.approx(2 / 3), None)
    assert window.at(NOON + HOUR).coverage == 0.0


def test_a_window_has_a_length() -> None:
    with pytest.raises(Invalid, match="length_s"):
        RollingWindow(0.0)


def test_a_running_level_counts_from_its_start() -> None:
    levels = pieces([90.0, 60.0, 70.0, 80.0])
    found = running(levels, NOON + MINUTE)
    assert levels_of(found) == [
        round(mean_level(part) or 0.0, 6) for part in ([60.0], [60.0, 70.0], [60.0, 70.0, 80.0])
    ]
    assert [window.coverage for window in found] == [1.0, 1.0, 1.0]


def test_a_running_level_that_began_late_is_not_valid_yet() -> None:
    found = running(pieces([60.0] * 4, NOON + 2 * MINUTE), NOON, least_coverage=0.5)
    assert levels_of(found) == [None, 60.0, 60.0, 60.0]
    excluded = running(pieces([60.0, 80.0]), NOON, excluded=[Span(NOON + MINUTE, NOON + 2 * MINUTE)])
    assert len(excluded) == 1


def test_of_equally_noisy_times_the_first_is_taken() -> None:
    found = noisiest(pieces([60.0] * 10), NOON, NOON + 10 * MINUTE, 180.0)
    assert found is not None
    assert (found.starts_at, found.ends_at) == (NOON, NOON + 3 * MINUTE)


def test_the_noisiest_time_lies_within_its_bounds() -> None:
    levels = pieces([95.0, 60.0, 60.0, 62.0, 95.0])
    found = noisiest(levels, NOON + MINUTE, NOON + 4 * MINUTE, 120.0)
    assert found is not None
    assert found.laeq == pytest.approx(mean_level([60.0, 62.0]))


def test_a_gap_does_not_make_a_time_the_noisiest() -> None:
    levels = pieces([80.0]) + pieces([70.0] * 4, NOON + 5 * MINUTE)
    found = noisiest(levels, NOON, NOON + 9 * MINUTE, 240.0)
    assert found is not None
    assert (found.starts_at, found.laeq) == (NOON + 5 * MINUTE, pytest.approx(70.0))
    assert noisiest(levels[:2], NOON, NOON + 9 * MINUTE, 240.0) is None


def test_a_time_shorter_than_the_window_has_no_noisiest() -> None:
    assert noisiest(pieces([60.0] * 3), NOON, NOON + 3 * MINUTE, 240.0) is None
    assert noisiest([], NOON, NOON + HOUR, 240.0) is None


def test_what_was_excluded_is_told_of_the_noisiest_time() -> None:
    levels = pieces([60.0] * 3 + [99.0] + [70.0] * 4)
    found = noisiest(levels, NOON, NOON + 8 * MINUTE, 300.0, excluded=[Span(NOON + 3 * MINUTE, NOON + 4 * MINUTE)])
    assert found is not None
    assert (found.starts_at, found.flags, found.coverage) == (NOON + 3 * MINUTE, Flag.EXCLUDED, 0.8)
