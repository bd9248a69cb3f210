"""Named periods, ratings, exclusions, exceedances and allowance against figures worked out by hand."""

import dataclasses
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta

import pytest

from slmm.acoustics.energy import rounded
from slmm.acoustics.intervals import Interval, PeriodLevels, Span, combine
from slmm.acoustics.quality import NO_FLAGS, Bound, Flag
from slmm.errors import Invalid
from slmm.record.history import History, Keeping
from slmm.record.office import RecordOffice
from slmm.record.summary import Comparator, Summaries, Threshold, exceedances_of, figures
from tests.record.conftest import BERLIN
from tests.record.past import NOON
from tests.record.test_history import history_of, minutes, put

MINUTE = timedelta(minutes=1)


def summaries_of(office: RecordOffice, *excluded: Span, now: datetime | None = None) -> Summaries:
    return Summaries(history_of(office, now), lambda unit_id, since, until: excluded)


def local(year: int, month: int, day: int, hour: int = 0) -> datetime:
    return datetime(year, month, day, hour, tzinfo=BERLIN).astimezone(UTC)


def a_day(office: RecordOffice, day: datetime, levels: dict[str, float]) -> None:
    """Minutes from 07:00 to 07:00 with one level for each part."""
    hours = {"day": 12, "evening": 4, "night": 8}
    begin = day
    for name, length_h in hours.items():
        count = length_h * 60
        put(office, minutes(begin, [levels[name]] * count))
        begin += timedelta(minutes=count)


# -- periods ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("day", "night_h"), [(date(2026, 10, 24), 9.0), (date(2026, 3, 28), 7.0), (date(2026, 11, 20), 8.0)]
)
def test_a_night_belongs_to_the_date_it_starts_and_is_as_long_as_it_is(
    office: RecordOffice, day: date, night_h: float
) -> None:
    summaries = summaries_of(office)
    since, until = summaries.day("a", "night", day)
    (night,) = summaries.periods("a", "night", since, until)
    assert (night.date, night.span.duration_s / 3600) == (day, night_h)
    assert night.span.starts_at.astimezone(BERLIN).hour == 23


def test_parts_of_a_date_are_three_without_a_gap(office: RecordOffice) -> None:
    summaries = summaries_of(office)
    found = summaries.periods("a", "parts", *summaries.day("a", "parts", date(2026, 11, 20)))
    assert [period.name for period in found] == ["day", "evening", "night"]
    assert found[0].span.ends_at == found[1].span.starts_at
    assert {period.date for period in found} == {date(2026, 11, 20)}


@pytest.mark.parametrize("kind", ["", "noon", "90s", "30s", "5h", "auto", "Day", "24h;", "7min"])
def test_a_kind_of_period_that_is_none_is_told(office: RecordOffice, kind: str) -> None:
    with pytest.raises(Invalid, match="parts") as error:
        summaries_of(office).periods("a", kind, NOON, NOON + timedelta(days=1))
    assert error.value.field == "period"


@pytest.mark.parametrize(("kind", "days"), [("15min", 42), ("night", 4001), ("parts", 1334)])
def test_more_periods_than_anybody_reads_are_refused(office: RecordOffice, kind: str, days: int) -> None:
    with pytest.raises(Invalid, match="4000"):
        summaries_of(office).periods("a", kind, NOON, NOON + timedelta(days=days))


def test_the_figures_of_an_hour(office: RecordOffice) -> None:
    put(office, minutes(NOON, [60.0] * 20 + [65.0] * 20 + [70.0] * 20))
    summaries = summaries_of(office)
    (hour,) = summaries.of("a", summaries.periods("a", "1h", NOON, NOON + timedelta(hours=1)))
    found = figures(hour.levels)
    assert found["laeq"] == 66.7  # T01
    assert found["lae"] == rounded(66.7058 + 35.563)
    assert (found["lmax"], found["lmin"], found["l10"], found["l50"], found["l90"]) == (71.0, 59.0, 70.0, 65.0, 60.0)
    assert (hour.levels.coverage, hour.as_recorded) == (1.0, None)


def test_sixty_slots_with_holes_are_averaged_over_what_is_known(office: RecordOffice) -> None:
    made = minutes(NOON, [70.0] * 39 + [None] * 12)
    made += minutes(NOON + MINUTE * 51, [85.0] * 6, flags=Flag.OVER)
    made += minutes(NOON + MINUTE * 57, [80.0] * 3, flags=Flag.WEATHER)
    put(office, made)
    summaries = summaries_of(office)
    (hour,) = summaries.of("a", summaries.periods("a", "1h", NOON, NOON + timedelta(hours=1)))
    assert figures(hour.levels)["laeq"] == 70.0  # T22
    assert hour.levels.coverage == 0.65
    assert not hour.levels.is_judged()
    assert hour.levels.bound is Bound.LOWER
    assert hour.as_recorded is not None
    assert hour.as_recorded.coverage == 0.7  # the windy minutes stand beside (R29)


def test_both_results_of_an_exclusion(office: RecordOffice) -> None:
    put(office, minutes(NOON, [60.0] * 50 + [90.0] * 10))
    summaries = summaries_of(office, Span(NOON + MINUTE * 50, NOON + MINUTE * 60))
    (hour,) = summaries.of("a", summaries.periods("a", "1h", NOON, NOON + timedelta(hours=1)))
    assert figures(hour.levels)["laeq"] == 60.0
    assert hour.levels.coverage == pytest.approx(50 / 60)
    assert hour.levels.flags & Flag.EXCLUDED
    assert hour.as_recorded is not None
    assert figures(hour.as_recorded)["laeq"] == rounded(82.2363)
    assert hour.as_recorded.coverage == 1.0


# -- whole days -------------------------------------------------------------------------------------


def test_lden_of_a_day(office: RecordOffice) -> None:
    a_day(office, local(2026, 11, 20, 7), {"day": 62.0, "evening": 58.0, "night": 52.0})
    (found,) = summaries_of(office).ratings("a", [date(2026, 11, 20)])
    assert found.lden is not None
    assert rounded(found.lden) == 62.2  # T10
    assert found.coverage == 1.0


def test_ratings_of_a_constant_sound(office: RecordOffice) -> None:
    a_day(office, local(2026, 11, 20, 7), {"day": 60.0, "evening": 60.0, "night": 60.0})
    (found,) = summaries_of(office).ratings("a", [date(2026, 11, 20)])
    assert [rounded(value or 0) for value in (found.lden, found.ldn, found.cnel)] == [66.4, 66.4, 66.7]  # T13


def test_a_long_night_keeps_its_weight(office: RecordOffice) -> None:
    begin = local(2026, 10, 24, 7)
    put(office, minutes(begin, [60.0] * (25 * 60)))  # the clocks go back: 25 h until the next 07:00
    (found,) = summaries_of(office).ratings("a", [date(2026, 10, 24)])
    assert rounded(found.lden or 0) == 66.4
    assert found.coverage == 1.0


def test_a_day_without_its_night_has_no_lden(office: RecordOffice) -> None:
    put(office, minutes(local(2026, 11, 20, 7), [60.0] * (16 * 60)))
    (found,) = summaries_of(office).ratings("a", [date(2026, 11, 20)])
    assert (found.lden, found.coverage) == (None, 0.0)


# -- exceedances ------------------------------------------------------------------------------------


def each_minute(*levels: float | None, coverage: float = 1.0, flags: Flag = NO_FLAGS) -> list[PeriodLevels]:
    """A minute for each level, put together as one period."""
    found = []
    for number, level in enumerate(levels):
        begin = NOON + MINUTE * number
        piece = Interval.of_level(begin, begin + MINUTE, level, valid_s=60 * coverage, lmax=level, flags=flags)
        found.append(combine([piece] if level is not None else [], begin, begin + MINUTE))
    return found


def test_runs_of_minutes_above_a_level(office: RecordOffice) -> None:
    found = exceedances_of(each_minute(69.0, 71.0, 73.0, 70.0, 75.0, 60.0), Threshold("laeq", 70.0))
    assert [(run.count, run.highest_db) for run in found.runs] == [(2, pytest.approx(73.0)), (1, pytest.approx(75.0))]
    assert found.runs[0].starts_at == NOON + MINUTE
    assert (found.runs[0].highest_ends_at, found.runs[0].ends_at) == (NOON + MINUTE * 3, NOON + MINUTE * 3)
    assert found.runs[0].laeq == pytest.approx(72.114, abs=1e-3)
    assert (found.periods, found.exceeding, found.not_judged) == (6, 3, 0)


@pytest.mark.parametrize(
    ("value", "comparator", "count"),
    [(70.04, "gt", 0), (70.05, "gt", 1), (69.95, "ge", 1), (69.94, "ge", 0), (70.0, "gt", 0), (70.0, "ge", 1)],
)
def test_the_rounded_value_is_compared(value: float, comparator: str, count: int) -> None:
    found = exceedances_of(each_minute(value), Threshold("laeq", 70.0, Comparator(comparator)))
    assert found.exceeding == count


def test_a_gap_ends_a_run_and_is_not_judged() -> None:
    found = exceedances_of(each_minute(75.0, None, 75.0), Threshold("laeq", 70.0))
    assert ([run.count for run in found.runs], found.not_judged) == ([1, 1], 1)


def test_half_a_minute_is_not_judged_but_its_lmax_is_a_breach() -> None:
    half = each_minute(75.0, coverage=0.5)
    assert exceedances_of(half, Threshold("laeq", 70.0)).not_judged == 1
    assert exceedances_of(half, Threshold("laeq", 70.0, least_coverage=0.5)).exceeding == 1
    assert exceedances_of(half, Threshold("lmax", 70.0)).exceeding == 1
    assert exceedances_of(half, Threshold("lmax", 80.0)).not_judged == 1


def test_over_range_breaches_and_never_clears() -> None:
    over = each_minute(75.0, flags=Flag.OVER)
    breach = exceedances_of(over, Threshold("laeq", 70.0))
    assert (breach.exceeding, breach.runs[0].bound) == (1, Bound.LOWER)
    assert exceedances_of(over, Threshold("laeq", 80.0)).not_judged == 1


def test_exceedances_from_the_record_leave_exclusions_out(office: RecordOffice) -> None:
    put(office, minutes(NOON, [60.0, 80.0, 80.0, 60.0]))
    spans = [Span(NOON + MINUTE * number, NOON + MINUTE * (number + 1)) for number in range(4)]
    excluded = Span(NOON + MINUTE, NOON + MINUTE * 2)
    found = summaries_of(office, excluded).exceedances("a", spans, Threshold("laeq", 70.0))
    assert (found.exceeding, found.not_judged) == (1, 1)
    too_many = [dataclasses.replace(spans[0])] * 45_001
    with pytest.raises(Invalid, match="45000"):
        summaries_of(office).exceedances("a", too_many, Threshold("laeq", 70.0))


# -- allowance --------------------------------------------------------------------------------------


def test_what_ten_hours_still_allow(office: RecordOffice) -> None:
    put(office, minutes(NOON, [77.0] * 240))
    period = Span(NOON, NOON + timedelta(hours=10))
    now = NOON + timedelta(hours=4, seconds=20)  # the minute under way is not made yet, and not missed
    found, as_of = summaries_of(office, now=now).allowance("a", 75.0, period, residual_db=58.0)
    assert as_of == NOON + timedelta(hours=4)
    assert rounded(found.used_ratio * 100) == 63.4  # T18
    assert found.used_at_most == pytest.approx(found.used_ratio)
    assert found.rest_level_db == 72.8
    assert found.exhausted_in_s == pytest.approx(2 * 3600 + 18 * 60 + 34, abs=1)
    assert rounded(found.floor_db or 0) == 73.1
    assert not found.is_lost


def test_what_was_missed_is_neither_used_nor_free(office: RecordOffice) -> None:
    put(office, minutes(NOON, [75.0] * 60 + [None] * 60 + [75.0] * 60))
    period = Span(NOON, NOON + timedelta(hours=10))
    found, _ = summaries_of(office, now=NOON + timedelta(hours=3)).allowance("a", 75.0, period)
    assert found.used_ratio == pytest.approx(0.2)
    assert found.used_at_most == pytest.approx(0.3)


def test_a_meter_that_has_been_silent_for_long_is_missed_until_now(office: RecordOffice) -> None:
    put(office, minutes(NOON, [75.0] * 60))
    now = NOON + timedelta(hours=2)
    found, as_of = summaries_of(office, now=now).allowance("a", 75.0, Span(NOON, NOON + timedelta(hours=10)))
    assert (as_of, found.used_ratio, found.used_at_most) == (now, pytest.approx(0.1), pytest.approx(0.2))


@pytest.mark.parametrize("now", [NOON - timedelta(hours=1), NOON + timedelta(seconds=1)])
def test_an_allowance_of_a_period_that_has_hardly_begun(office: RecordOffice, now: datetime) -> None:
    found, _ = summaries_of(office, now=now).allowance("a", 75.0, Span(NOON, NOON + timedelta(hours=1)))
    assert (found.used_ratio, found.is_lost) == (0.0, False)


def test_exclusions_are_asked_for_the_span_and_no_more(office: RecordOffice) -> None:
    asked: list[tuple[datetime, datetime]] = []

    def exclusions_of(unit_id: str, since: datetime, until: datetime) -> Sequence[Span]:
        asked.append((since, until))
        return ()

    history = History(office.store, office.partitions, lambda unit_id: BERLIN, Keeping(0, 0))
    summaries = Summaries(history, exclusions_of)
    summaries.of("a", summaries.periods("a", "1h", NOON, NOON + timedelta(hours=2)))
    assert asked == [(NOON, NOON + timedelta(hours=2))]
