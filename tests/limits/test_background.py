from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest

from slmm.acoustics.intervals import Interval
from slmm.acoustics.percentiles import Histogram
from slmm.acoustics.quality import NO_FLAGS, Flag
from slmm.limits.background import BackgroundFound, background
from slmm.limits.calendar import Timetable
from slmm.limits.rows import Background
from tests.limits.pieces import at, limit, row

NIGHTS = Timetable(limit(rows=[row("07:00", "22:00", 60.0), row("22:00", "07:00", 50.0)]), "UTC")
NIGHT = NIGHTS.limit.rows[1]
START, QUARTER = at("2026-06-01 12:00"), timedelta(minutes=15)


def nights(levels: list[float], flags: Flag = NO_FLAGS) -> list[Interval]:
    """36 quarters a night: four at the level, the rest 10 dB above; the day is loud."""
    found = []
    for number, level_db in enumerate(levels):
        noon = START + timedelta(days=number)
        for quarter in range(96):
            begins = noon + quarter * QUARTER
            is_night = 40 <= quarter < 76
            shown = (level_db if 40 <= quarter < 44 else level_db + 10) if is_night else 70.0
            found.append(
                Interval.of_level(
                    begins,
                    begins + QUARTER,
                    shown,
                    histogram=Histogram.of([shown]),
                    flags=flags if is_night else NO_FLAGS,
                )
            )
    return found


def found(pieces: list[Interval], days: int, **how: Any) -> BackgroundFound:
    return background(NIGHTS, NIGHT, Background(**how), pieces, START, START + timedelta(days=days))


def test_it_is_the_median_of_the_quiet_tenth_of_each_day() -> None:
    """Four of 36 values are 40 and the like: the tenth percentile, the 4th from below, is theirs."""
    result = found(nights([40.0, 41.0, 42.0, 43.0, 44.0, 45.0, 30.0]), 7)
    assert result.level_db == 42.0
    assert result.by_day[date(2026, 6, 1)] == 40.0
    assert len(result.by_day) == 7


def test_below_the_tenth_lies_the_next_value() -> None:
    assert found(nights([40.0] * 7), 7, day_percentile=11.2).level_db == 50.0


def test_six_days_are_not_enough() -> None:
    result = found(nights([40.0] * 6), 6)
    assert (result.level_db, len(result.by_day)) == (None, 6)


def test_windy_nights_do_not_count() -> None:
    pieces = nights([40.0] * 7)
    windy = nights([40.0] * 8, Flag.WEATHER)[7 * 96 :]
    assert len(found(pieces + windy, 8).by_day) == 7


def test_it_is_never_below_the_least_that_is_allowed() -> None:
    assert found(nights([22.0] * 7), 7, least_db=30.0).level_db == 30.0


@pytest.mark.parametrize("days", [7, 8])
def test_a_night_that_is_cut_by_the_span_does_not_count(days: int) -> None:
    result = background(
        NIGHTS, NIGHT, Background(), nights([40.0] * days), START + timedelta(hours=11), START + timedelta(days=days)
    )
    assert len(result.by_day) == days - 1


def test_parts_that_the_hours_cut_do_not_count() -> None:
    """22:05 to 07:00: the quarter of 22:00 is none, so three of 35 values are the quiet ones."""
    cut = Timetable(limit(rows=[row("22:05", "07:00", 50.0)]), "UTC")
    result = background(cut, cut.limit.rows[0], Background(), nights([40.0] * 7), START, START + timedelta(days=7))
    assert result.level_db == 50.0
