"""Which judgements belong to a report, and both results."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from slmm.acoustics.intervals import Interval, Span
from slmm.limits.document import parse
from slmm.limits.words import Verdict
from slmm.report import reach
from slmm.report.document import BEYOND, UNKNOWN, LimitResult, gaps_of
from slmm.report.judging import needed, result_of
from slmm.report.reach import Reach
from slmm.storage.limits import KeptLimit
from tests.limits.pieces import at, minutes, row

BERLIN = "Europe/Berlin"
FRIDAY = reach.of_day("2026-11-20", BERLIN)
LATER = at("2026-12-24 00:00")


def kept(kind: dict[str, str], rows: list[dict[str, Any]], **more: Any) -> KeptLimit:
    limit = parse({"name": "site", "quantity": "laeq", "period": kind, "rows": rows, **more})
    return KeptLimit(1, "a", limit, None, 1, True, "Ada", datetime(2026, 1, 1, tzinfo=UTC), None)


def judged(
    limit: KeptLimit,
    levels: Iterable[float | None],
    *,
    since: str = "2026-11-19 21:00",
    excluded: tuple[Span, ...] = (),
    day: Reach = FRIDAY,
    until: datetime = LATER,
) -> LimitResult:
    pieces: list[Interval] = [each for each in minutes(at(since), levels) if each.valid_s]
    return result_of(limit, pieces, excluded, day, until)


NIGHT = kept({"kind": "whole"}, [row("22:00", "06:00", 50.0)])


def test_a_night_belongs_to_the_date_it_begins_on() -> None:
    levels = [60.0] * (9 * 60) + [40.0] * (15 * 60) + [55.0] * (8 * 60)  # 22:00-07:00, then from Friday 22:00 on
    found = judged(NIGHT, levels)
    assert [(each.shown_db, each.starts_at) for each in found.judgements] == [(55.0, at("2026-11-20 21:00"))]
    thursday = reach.of_day("2026-11-19", BERLIN)
    assert [each.shown_db for each in judged(NIGHT, levels, day=thursday).judgements] == [60.0]


def test_a_night_that_lasts_is_left_for_later() -> None:
    levels = [60.0] * (32 * 60)
    assert judged(NIGHT, levels, until=at("2026-11-21 04:59")).judgements == ()
    assert len(judged(NIGHT, levels, until=at("2026-11-21 05:00")).judgements) == 1


def test_quarters_belong_to_the_day_they_end_in() -> None:
    quarters = kept({"kind": "fixed", "length": "15min"}, [row("00:00", "24:00", 70.0)])
    found = judged(quarters, [60.0] * (32 * 60))
    assert len(found.judgements) == 96
    assert found.judgements[0].ends_at == at("2026-11-19 23:15")
    assert found.judgements[-1].ends_at == at("2026-11-20 23:00")


def test_a_rolling_window_may_reach_back_into_the_day_before() -> None:
    rolling = kept({"kind": "rolling", "length": "15min"}, [row("00:00", "24:00", 70.0)])
    span = needed([rolling], FRIDAY, LATER)
    assert (span.starts_at, span.ends_at) == (at("2026-11-19 22:45"), at("2026-11-20 23:00"))
    found = judged(rolling, [80.0] * 120 + [60.0] * (24 * 60))  # loud until midnight, as the clock there has it
    assert len(found.judgements) == 1440
    assert [stretch.covers.ends_at for stretch in found.stretches(BEYOND)] == [at("2026-11-19 23:13")]
    assert found.is_rolling


def test_a_noisiest_hour_after_midnight_belongs_to_the_evening_before() -> None:
    noisiest = kept({"kind": "noisiest", "length": "30min"}, [row("22:00", "07:00", 50.0)])
    levels = [40.0] * (24 * 60) + [40.0] * 240 + [60.0] * 30 + [40.0] * 270
    (one,) = judged(noisiest, levels).judgements
    assert (one.shown_db, one.starts_at) == (60.0, at("2026-11-21 01:00"))
    assert judged(noisiest, levels, until=at("2026-11-21 05:59")).judgements == ()


def test_both_results_are_told_when_they_differ() -> None:
    quarters = kept({"kind": "fixed", "length": "15min"}, [row("00:00", "24:00", 70.0)])
    levels = [60.0] * 600 + [85.0] * 15 + [60.0] * 900
    span = Span(at("2026-11-20 07:00"), at("2026-11-20 07:05"))
    found = judged(quarters, levels, excluded=(span,))
    assert (found.count(BEYOND), found.count(UNKNOWN)) == (0, 1 + 3)  # 10 of 15 minutes; the end is missing
    found = judged(quarters, levels, excluded=(Span(at("2026-11-20 07:00"), at("2026-11-20 07:15")),))
    assert found.as_recorded is not None
    assert (found.count(BEYOND), sum(each.verdict is Verdict.RED for each in found.as_recorded)) == (0, 1)
    elsewhere = Span(at("2026-11-25 07:00"), at("2026-11-25 07:15"))
    assert judged(quarters, levels, excluded=(elsewhere,)).as_recorded is None


def test_stretches_end_where_the_limit_changes() -> None:
    quarters = kept({"kind": "fixed", "length": "15min"}, [row("00:00", "12:00", 50.0), row("12:00", "24:00", 55.0)])
    found = judged(quarters, [60.0] * (32 * 60))
    assert [len(each.periods) for each in found.stretches(BEYOND)] == [48, 48]


def test_a_stretch_tells_its_loudest_and_its_worst_coverage() -> None:
    quarters = kept({"kind": "fixed", "length": "15min"}, [row("00:00", "24:00", 55.0)])
    levels = [40.0] * 120 + [60.0] * 15 + [65.0] * 12 + [None] * 3 + [60.0] * 15 + [40.0] * 60
    (one,) = judged(quarters, levels).stretches(BEYOND)
    assert (one.loudest.shown_db, round(one.least_coverage, 3), len(one.periods)) == (65.0, 0.8, 3)


def test_gaps_are_the_times_of_which_nothing_is_known() -> None:
    pieces = [*minutes(at("2026-11-20 00:05"), [60.0] * 10), *minutes(at("2026-11-20 00:20"), [60.0] * 5)]
    found = gaps_of(pieces, Span(at("2026-11-20 00:00"), at("2026-11-20 00:30")))
    clock = [(f"{gap.starts_at:%M}", f"{gap.ends_at:%M}") for gap in found]
    assert clock == [("00", "05"), ("15", "20"), ("25", "30")]
    assert gaps_of(pieces, Span(at("2026-11-20 00:06"), at("2026-11-20 00:14"))) == []
