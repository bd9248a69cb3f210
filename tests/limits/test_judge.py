from __future__ import annotations

from datetime import timedelta

import pytest

from slmm.acoustics.intervals import Interval, Span
from slmm.acoustics.percentiles import Histogram
from slmm.acoustics.quality import Bound, Flag
from slmm.limits import templates
from slmm.limits.judge import judge
from slmm.limits.verdict import Judgement
from slmm.limits.words import Verdict
from tests.limits.pieces import MINUTE, at, limit, minutes, row

NOON = at("2026-06-03 12:00")  # a Wednesday
HOUR = timedelta(hours=1)
ONE_HOUR = {"kind": "fixed", "length": "1h"}


def verdicts(found: list[Judgement]) -> list[str]:
    return [judgement.verdict.value for judgement in found]


def test_t02_quarters_make_the_hour_by_energy() -> None:
    pieces = minutes(NOON, [68.2, 71.5, 66.9, 80.3], step=timedelta(minutes=15))
    (found,) = judge(limit(period=ONE_HOUR, rows=[row("00:00", "24:00", 75.0)]), pieces, NOON, NOON + HOUR, "UTC")
    assert found.level_db == pytest.approx(75.2, abs=0.05)
    assert (found.shown_db, found.verdict, found.margin_db) == (75.2, Verdict.RED, -0.2)
    assert found.why == "exceeded 75.2 > 75.0 dB LAeq,1h, 12:00–13:00, coverage 100 %"


def test_t16_the_rolling_window_is_not_judged_before_it_is_full() -> None:
    pieces = minutes(NOON, [60.0] * 14 + [85.0] + [60.0] * 20)
    rolling = limit(period={"kind": "rolling", "length": "15min"})
    found = judge(rolling, pieces, NOON, NOON + HOUR, "UTC")
    assert [judgement.ends_at for judgement in found] == [NOON + number * MINUTE for number in range(15, 36)]
    assert [judgement.shown_db for judgement in found] == [73.4] * 15 + [60.0] * 6
    assert verdicts(found) == ["red"] * 15 + ["ok"] * 6


def test_t17_fixed_and_rolling_are_two_things() -> None:
    pieces = minutes(NOON, [60.0] * 8 + [80.0] * 7 + [80.0] * 7 + [60.0] * 8)
    fixed = judge(limit(), pieces, NOON, NOON + HOUR / 2, "UTC")
    rolled = judge(limit(period={"kind": "rolling", "length": "15min"}), pieces, NOON, NOON + HOUR / 2, "UTC")
    assert (
        max(judgement.level_db or 0 for judgement in rolled) > max(judgement.level_db or 0 for judgement in fixed) + 2
    )


def test_t22_too_little_is_known_to_judge() -> None:
    """39 minutes at 70.0, 12 missing, 6 over-range, 3 windy: 70.0 over 65 %, and not 68.1 as with zeros."""
    pieces = minutes(NOON, [70.0] * 39)
    pieces += minutes(NOON + 39 * MINUTE, [None] * 12, flags=Flag.GAP)
    pieces += minutes(NOON + 51 * MINUTE, [95.0] * 6, flags=Flag.OVER)
    pieces += minutes(NOON + 57 * MINUTE, [90.0] * 3, flags=Flag.WEATHER)
    (found,) = judge(limit(period=ONE_HOUR, rows=[row("00:00", "24:00", 65.0)]), pieces, NOON, NOON + HOUR, "UTC")
    assert found.shown_db == 70.0
    assert found.coverage == pytest.approx(0.65)
    assert found.verdict is Verdict.NOT_JUDGED
    assert found.why == "not judged: at least 70.0 dB LAeq,1h, 12:00–13:00, coverage 65 % of at least 75 %"
    (lax,) = judge(
        limit(period=ONE_HOUR, rows=[row("00:00", "24:00", 65.0)], least_coverage=0.65),
        pieces,
        NOON,
        NOON + HOUR,
        "UTC",
    )
    assert lax.verdict is Verdict.RED


@pytest.mark.parametrize(
    ("level_db", "comparator", "round_to_db", "verdict", "words"),
    [
        (70.04, ">", 0.1, "amber", "close: 70.0 ≤ 70.0 (amber > 67.0) dB"),
        (70.05, ">", 0.1, "red", "exceeded 70.1 > 70.0 dB"),
        (69.95, ">=", 0.1, "red", "exceeded 70.0 ≥ 70.0 dB"),
        (69.94, ">=", 0.1, "amber", "close: 69.9 < 70.0 (amber ≥ 67.0) dB"),
        (70.49, ">", 1, "amber", "close: 70 ≤ 70 (amber > 67) dB"),
        (70.5, ">", 1, "red", "exceeded 71 > 70 dB"),
        (69.5, ">=", 1, "red", "exceeded 70 ≥ 70 dB"),
        (67.0, ">", 0.1, "ok", "kept 67.0 ≤ 70.0 dB"),
        (67.0, ">=", 0.1, "amber", "close: 67.0 < 70.0 (amber ≥ 67.0) dB"),
        (30.0, ">", 0.1, "ok", "kept 30.0 ≤ 70.0 dB"),
    ],
)
def test_r11_rounded_once_and_then_compared(
    level_db: float, comparator: str, round_to_db: float, verdict: str, words: str
) -> None:
    found = judge(
        limit(comparator=comparator, round_to_db=round_to_db),
        minutes(NOON, [level_db] * 15),
        NOON,
        NOON + HOUR / 4,
        "UTC",
    )
    assert verdicts(found) == [verdict]
    assert found[0].why.startswith(words)
    assert found[0].level_db == pytest.approx(level_db)


def test_r26_a_breach_with_over_range_is_still_a_breach() -> None:
    pieces = minutes(NOON, [60.0] * 50) + minutes(NOON + 50 * MINUTE, [120.0] * 10, flags=Flag.OVER)
    (found,) = judge(limit(period=ONE_HOUR), pieces, NOON, NOON + HOUR, "UTC")
    assert (found.verdict, found.bound, found.shown_db) == (Verdict.RED, Bound.LOWER, 60.0)
    assert found.why == "exceeded at least 112.2 > 70.0 dB LAeq,1h, 12:00–13:00, coverage 83.3 %"


def test_r26_keeping_the_limit_with_over_range_is_not_proven() -> None:
    pieces = minutes(NOON, [60.0] * 59) + minutes(NOON + 59 * MINUTE, [61.0], flags=Flag.OVER)
    (found,) = judge(limit(period=ONE_HOUR), pieces, NOON, NOON + HOUR, "UTC")
    assert found.verdict is Verdict.NOT_PROVEN
    assert found.why == "not proven: at least 60.0 against 70.0 dB LAeq,1h, 12:00–13:00, coverage 98.3 %, over-range"


def test_r26_all_of_it_beyond_the_range_is_a_breach_and_no_hole() -> None:
    pieces = minutes(NOON, [131.0] * 60, flags=Flag.OVER)
    (found,) = judge(limit(period=ONE_HOUR), pieces, NOON, NOON + HOUR, "UTC")
    assert (found.verdict, found.shown_db, found.coverage) == (Verdict.RED, None, 0.0)
    assert found.why.startswith("exceeded at least 131.0 > 70.0 dB")


@pytest.mark.parametrize(("over", "verdict"), [(20, "red"), (15, "red"), (14, "not_judged")])
def test_r26_loudness_does_not_hide_itself(over: int, verdict: str) -> None:
    """What over-range took from the coverage is no hole; a few such minutes beside a hole do not count (T22)."""
    quiet = 60 - over if over >= 15 else 40
    pieces = minutes(NOON, [60.0] * quiet) + minutes(NOON + (60 - over) * MINUTE, [131.0] * over, flags=Flag.OVER)
    (found,) = judge(
        limit(period=ONE_HOUR, least_coverage=0.75 if over < 20 else 0.8), pieces, NOON, NOON + HOUR, "UTC"
    )
    assert found.verdict.value == verdict


def test_r26_under_range_is_an_upper_bound() -> None:
    pieces = minutes(NOON, [25.0] * 15, flags=Flag.UNDER)
    (kept,) = judge(limit(), pieces, NOON, NOON + HOUR / 4, "UTC")
    assert (kept.verdict, kept.why[:29]) == (Verdict.OK, "kept at most 25.0 ≤ 70.0 dB L")
    (open_,) = judge(limit(rows=[row("00:00", "24:00", 20.0)]), pieces, NOON, NOON + HOUR / 4, "UTC")
    assert open_.verdict is Verdict.NOT_PROVEN
    assert open_.why.endswith("under-range")


def test_nothing_is_known_of_a_period_without_pieces() -> None:
    found = judge(limit(), minutes(NOON, [60.0] * 15), NOON, NOON + HOUR / 2, "UTC")
    assert verdicts(found) == ["ok", "no_data"]
    assert (found[1].level_db, found[1].margin_db, found[1].used_ratio) == (None, None, None)
    assert found[1].why == "no data for LAeq,15min, 12:15–12:30"


def test_what_is_excluded_is_missing_and_not_quiet() -> None:
    pieces = minutes(NOON, [60.0] * 12 + [100.0] * 3)
    span = Span(NOON + 12 * MINUTE + timedelta(seconds=30), NOON + 15 * MINUTE)
    (found,) = judge(limit(), pieces, NOON, NOON + HOUR / 4, "UTC", [span])
    assert (found.shown_db, found.coverage, found.verdict) == (60.0, 0.8, Verdict.OK)
    assert found.flags & Flag.EXCLUDED
    rolling = limit(period={"kind": "rolling", "length": "15min"})
    elsewhere = [
        Span(NOON - HOUR, NOON),
        Span(NOON + 13 * MINUTE, NOON + 14 * MINUTE),
        Span(NOON + HOUR, NOON + 2 * HOUR),
    ]
    (rolled,) = judge(rolling, pieces, NOON, NOON + HOUR / 4, "UTC", [span, *elsewhere])
    assert (rolled.shown_db, rolled.coverage) == (60.0, 0.8)


def test_singapore_one_loud_period_uses_22_percent_of_the_day() -> None:
    """Five minutes at 90 dB against 12 h at 75 dB: 5/720 · 10^1.5."""
    day = at("2026-06-02 23:00")  # 07:00 in Singapore
    pieces = minutes(day, [90.0] + [0.0] * 143, step=timedelta(minutes=5))
    (found,) = judge(templates.get("singapore-homes-long"), pieces, day, day + 12 * HOUR, "Asia/Singapore")
    assert found.used_ratio == pytest.approx(0.2196, abs=1e-4)
    assert found.verdict is Verdict.OK
    assert found.why == "kept 68.4 ≤ 75.0 dB LAeq,12h, 07:00–19:00, coverage 100 %"
    short = judge(templates.get("singapore-homes-5min"), pieces, day, day + HOUR / 2, "Asia/Singapore")
    assert verdicts(short) == ["amber", "ok", "ok", "ok", "ok", "ok"]


def test_denmark_judges_the_noisiest_contiguous_hours() -> None:
    """T25-like: eight hours at 60 within 07-18 and three at 40 stay 60; a mean over all would be 58.6."""
    day = at("2026-06-03 05:00")  # 07:00 in Copenhagen
    pieces = minutes(day, [40.0] * 120 + [60.0] * 480 + [40.0] * 60)
    (found,) = judge(templates.get("denmark-mixed"), pieces, day, day + 11 * HOUR, "Europe/Copenhagen")
    assert (found.shown_db, found.verdict) == (60.0, Verdict.RED)
    assert found.noisiest == Span(day + 2 * HOUR, day + 10 * HOUR)
    assert (found.starts_at, found.ends_at) == (day + 2 * HOUR, day + 10 * HOUR)
    assert found.why == "exceeded 60.0 > 55.0 dB Lr,8h noisiest, 09:00–17:00, coverage 100 %"


def test_the_noisiest_half_hour_of_a_night_may_pass_midnight() -> None:
    night = at("2026-06-03 20:00")
    pieces = minutes(night, [30.0] * 110 + [50.0] * 30 + [30.0] * 400)
    (found,) = judge(templates.get("denmark-mixed"), pieces, night, night + 9 * HOUR, "Europe/Copenhagen")
    assert (found.shown_db, found.limit_db, found.verdict) == (50.0, 40.0, Verdict.RED)
    assert found.why.startswith("exceeded 50.0 > 40.0 dB Lr,30min noisiest, 23:50–00:20")


def test_without_enough_data_for_any_stretch_the_noisiest_is_not_judged() -> None:
    day = at("2026-06-03 05:00")
    pieces = minutes(day, [60.0] * 120)
    (found,) = judge(templates.get("denmark-mixed"), pieces, day, day + 11 * HOUR, "Europe/Copenhagen")
    assert (found.verdict, found.noisiest) == (Verdict.NOT_JUDGED, None)


@pytest.mark.parametrize(("evening", "minutes_long"), [("2026-03-28 22:00", 420), ("2026-10-24 21:00", 540)])
def test_a_night_of_another_length_has_its_real_mean(evening: str, minutes_long: int) -> None:
    """One hour at 80 in a silent night: 10 lg(60 / length) below."""
    begins = at(evening)
    rows = [row("23:00", "07:00", 50.0)]
    pieces = minutes(begins, [80.0] * 60 + [0.0] * (minutes_long - 60))
    (found,) = judge(limit(rows=rows, period={"kind": "whole"}), pieces, begins, begins + 12 * HOUR, "Europe/Berlin")
    assert found.level_db == pytest.approx({420: 71.549, 540: 70.458}[minutes_long], abs=1e-3)
    assert found.coverage == 1.0
    assert "23:00–07:00" in found.why


def test_ln_of_the_hour_comes_from_its_histogram() -> None:
    """Minnesota: 7 of 60 minutes at 70 make L10 70 and leave L50 at 50."""
    start = at("2026-06-03 17:00")
    pieces = minutes(start, [50.0] * 53 + [70.0] * 7)
    (loud,) = judge(templates.get("minnesota-l10"), pieces, start, start + HOUR, "America/Chicago")
    (median,) = judge(templates.get("minnesota-l50"), pieces, start, start + HOUR, "America/Chicago")
    assert (loud.shown_db, loud.verdict, loud.used_ratio) == (70.0, Verdict.RED, None)
    assert loud.why == "exceeded 70.0 > 65.0 dB LAF10,1h, 12:00–13:00, coverage 100 %"
    assert (median.shown_db, median.verdict) == (50.0, Verdict.OK)


def test_rolling_ln_moves_with_the_window() -> None:
    rolling = limit(quantity="ln", percent=50, period={"kind": "rolling", "length": "4min"})
    found = judge(rolling, minutes(NOON, [60.0] * 4 + [72.0] * 4), NOON, NOON + HOUR, "UTC")
    assert [judgement.shown_db for judgement in found] == [60.0, 60.0, 72.0, 72.0, 72.0]


def test_a_maximum_that_was_seen_was_seen_however_little_was() -> None:
    pieces = minutes(NOON, [60.0, 95.0] + [None] * 13)
    (found,) = judge(limit(quantity="lmax", rows=[row("00:00", "24:00", 90.0)]), pieces, NOON, NOON + HOUR / 4, "UTC")
    assert (found.shown_db, found.verdict) == (95.0, Verdict.RED)
    (kept,) = judge(limit(quantity="lmax", rows=[row("00:00", "24:00", 96.0)]), pieces, NOON, NOON + HOUR / 4, "UTC")
    assert kept.verdict is Verdict.NOT_JUDGED


def test_corrections_are_added_before_rounding() -> None:
    found = limit(
        quantity="lr",
        corrections=[{"name": "K_I", "db": 5.04}, {"name": "façade", "db": -3.0}],
        rows=[row("00:00", "24:00", 70.0, corrections=[{"name": "K_R", "db": 0.02}])],
    )
    (judgement,) = judge(found, minutes(NOON, [68.0] * 15), NOON, NOON + HOUR / 4, "UTC")
    assert judgement.level_db == pytest.approx(70.06)
    assert (judgement.shown_db, judgement.label) == (70.1, "Lr,15min")
    assert judgement.used_ratio == pytest.approx(10**0.006)


@pytest.mark.parametrize(
    ("hours", "level_db", "shown_db", "verdict", "calls"),
    [
        (2.5, 64.0, 54.0, "amber", False),
        (3.0, 64.0, 59.0, "red", False),
        (8.0, 66.0, 61.0, "red", True),
        (8.5, 56.0, 56.0, "red", False),
        (0.0, 0.0, 40.0, "ok", False),
    ],
)
def test_avv_takes_the_work_and_corrects_for_its_hours(
    hours: float, level_db: float, shown_db: float, verdict: str, calls: bool
) -> None:
    day = at("2026-06-03 05:00")  # 07:00 in Berlin
    pieces = minutes(day, [level_db] * round(hours * 60) + [40.0] * (780 - round(hours * 60)))
    (found,) = judge(templates.get("germany-avv-d"), pieces, day, day + 13 * HOUR, "Europe/Berlin")
    assert (found.shown_db, found.verdict.value, found.calls_for_action) == (shown_db, verdict, calls)


def test_declared_hours_of_use_come_before_those_that_were_counted() -> None:
    document = templates.document("germany-avv-d")
    document["rows"][0]["time_correction"]["used_h"] = 2.0
    day = at("2026-06-03 05:00")
    found = limit(**document)
    (judgement,) = judge(found, minutes(day, [64.0] * 780), day, day + 13 * HOUR, "Europe/Berlin")
    assert judgement.shown_db == 54.0


def test_hong_kong_rounds_to_whole_decibels() -> None:
    start = at("2026-06-03 04:00")  # 12:00 in Hong Kong
    (found,) = judge(
        templates.get("hong-kong-a"), minutes(start, [75.49] * 30), start, start + HOUR / 2, "Asia/Hong_Kong"
    )
    assert (found.shown_db, found.verdict) == (75.0, Verdict.AMBER)
    (beyond,) = judge(
        templates.get("hong-kong-a"), minutes(start, [75.5] * 30), start, start + HOUR / 2, "Asia/Hong_Kong"
    )
    assert (beyond.shown_db, beyond.verdict) == (76.0, Verdict.RED)


def test_a_day_of_11_and_a_half_hours_may_be_called_11_h() -> None:
    day = at("2026-06-03 06:00")
    pieces = minutes(day, [65.0] * 690)
    (found,) = judge(templates.get("uk-order-11h"), pieces, day, day + 12 * HOUR, "Europe/London")
    assert (found.shown_db, found.used_ratio) == (65.0, pytest.approx(1.0))
    assert found.why == "close: 65.0 ≤ 65.0 (amber > 62.0) dB LAeq,11h, 07:00–18:30, coverage 100 %"


def test_no_limit_is_judged_outside_its_hours() -> None:
    found = judge(limit(rows=[row("12:15", "12:45", 70.0)]), minutes(NOON, [90.0] * 60), NOON, NOON + HOUR, "UTC")
    assert [judgement.ends_at for judgement in found] == [NOON + 30 * MINUTE, NOON + 45 * MINUTE]


def test_a_rolling_window_does_not_carry_the_day_into_the_night() -> None:
    rows = [row("00:00", "12:30", 70.0), row("12:30", "24:00", 50.0)]
    pieces = minutes(NOON, [69.0] * 30 + [40.0] * 30)
    found = judge(limit(rows=rows, period={"kind": "rolling", "length": "15min"}), pieces, NOON, NOON + HOUR, "UTC")
    assert next(judgement.ends_at for judgement in found if judgement.limit_db == 50.0) == NOON + 45 * MINUTE
    assert {judgement.verdict for judgement in found if judgement.limit_db == 50.0} == {Verdict.OK}


def test_the_uncertainty_of_polled_minutes_is_told() -> None:
    pieces = [
        Interval(piece.starts_at, piece.ends_at, piece.energy_s, 60.0, 60.0, source="poll", uncertainty_db=2.0)
        for piece in minutes(NOON, [60.0] * 15)
    ]
    (found,) = judge(limit(), pieces, NOON, NOON + HOUR / 4, "UTC")
    assert found.uncertainty_db == pytest.approx(0.61, abs=0.01)  # 10 lg(1 + 0.585 / √15)


def test_a_minute_with_no_histogram_has_no_ln() -> None:
    (found,) = judge(
        limit(quantity="ln", percent=10),
        [Interval.of_level(NOON, NOON + HOUR / 4, 60.0, histogram=Histogram.EMPTY)],
        NOON,
        NOON + HOUR / 4,
        "UTC",
    )
    assert found.verdict is Verdict.NO_DATA


def test_an_exclusion_that_only_touches_leaves_its_neighbours_alone() -> None:
    pieces = minutes(NOON, [60.0] * 15)
    around = [Span(NOON - HOUR, NOON), Span(NOON + HOUR / 4, NOON + HOUR)]
    (found,) = judge(limit(), pieces, NOON, NOON + HOUR / 4, "UTC", around)
    assert (found.coverage, found.flags) == (1.0, Flag(0))


def test_avv_work_that_is_excluded_is_no_work() -> None:
    day = at("2026-06-03 05:00")
    pieces = minutes(day, [90.0] * 120 + [52.0] * 660)
    spans = [Span(day, day + 2 * HOUR)]
    (found,) = judge(templates.get("germany-avv-d"), pieces, day, day + 13 * HOUR, "Europe/Berlin", spans)
    assert (found.shown_db, found.verdict) == (52.0, Verdict.OK)


def test_a_rolling_limit_without_any_piece_has_nothing_to_judge() -> None:
    assert judge(limit(period={"kind": "rolling", "length": "15min"}), [], NOON, NOON + HOUR, "UTC") == []


def test_a_piece_that_is_cut_by_the_hours_belongs_to_none() -> None:
    rows = [row("12:00", "12:30", 70.0)]
    pieces = minutes(NOON - MINUTE / 2, [90.0] + [60.0] * 29 + [90.0])
    (whole,) = judge(limit(rows=rows, period={"kind": "whole"}), pieces, NOON, NOON + HOUR, "UTC")
    assert whole.shown_db == 60.0
    rolled = judge(limit(rows=rows, period={"kind": "rolling", "length": "15min"}), pieces, NOON, NOON + HOUR, "UTC")
    assert {judgement.shown_db for judgement in rolled} == {60.0}


def test_lpeak_is_judged_by_its_own_maximum() -> None:
    loud = limit(quantity="lpeak", rows=[row("00:00", "24:00", 135.0)])
    (found,) = judge(loud, minutes(NOON, [136.0] * 15), NOON, NOON + HOUR / 4, "UTC")
    assert found.why == "exceeded 136.0 > 135.0 dB LCpeak,15min, 12:00–12:15, coverage 100 %"
