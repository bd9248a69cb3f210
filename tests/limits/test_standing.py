from __future__ import annotations

import random
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from slmm.acoustics.intervals import Interval, Span, combine
from slmm.acoustics.percentiles import Histogram
from slmm.acoustics.quality import NO_FLAGS, Flag
from slmm.limits import templates
from slmm.limits.calendar import Change
from slmm.limits.document import Limit
from slmm.limits.judge import judge
from slmm.limits.standing import Watch, allowance_of, current
from slmm.limits.totals import NOTHING, Sliding, Totals, excluded
from slmm.limits.words import Verdict
from tests.limits.pieces import MINUTE, at, limit, minutes, row

NOON = at("2026-06-03 12:00")
HOUR = timedelta(hours=1)
SECOND = timedelta(seconds=1)
TEN_HOURS = limit(period={"kind": "whole"}, rows=[row("12:00", "22:00", 75.0)])
ONE_HOUR = limit(period={"kind": "fixed", "length": "1h"})
ROLLING = limit(period={"kind": "rolling", "length": "15min"})


def test_t18_what_is_left_of_the_day() -> None:
    """Limit 75 LAeq,10h, 77.0 after 4 h: 63.4 % used, 72.8 for the rest, gone in 2 h 18 min 34 s, ends at 73.1."""
    now = NOON + 4 * HOUR
    left = allowance_of(TEN_HOURS, minutes(NOON, [77.0] * 240), now, "UTC", residual_db=58.0)
    assert left is not None
    assert left.used_ratio == pytest.approx(0.634, abs=5e-4)
    assert left.rest_level_db == 72.8
    assert left.exhausted_in_s == pytest.approx(2 * 3600 + 18 * 60 + 34, abs=1)
    assert left.floor_db == pytest.approx(73.1, abs=0.05)
    assert not left.is_lost


def test_t18_beyond_so_far_is_amber_for_it_can_still_be_kept() -> None:
    standing = current(TEN_HOURS, minutes(NOON, [77.0] * 240), NOON + 4 * HOUR, "UTC")
    assert (standing.verdict, standing.margin_db, standing.limit_db) == (Verdict.AMBER, -2.0, 75.0)
    assert standing.level_db == pytest.approx(77.0)
    assert standing.why == "would exceed 77.0 > 75.0 dB LAeq,10h, 12:00–16:00 so far, coverage 100 %"
    assert standing.period_ends_at == NOON + 10 * HOUR
    assert standing.next_change == Change(NOON + 10 * HOUR, None)


def test_a_limit_that_is_lost_is_red_before_the_period_ends() -> None:
    """77.0 for 6.31 h uses everything; rounding gives 0.05 dB more."""
    pieces = minutes(NOON, [77.0] * 390)
    lost = current(TEN_HOURS, pieces[:384], NOON + 384 * MINUTE, "UTC")
    assert (lost.verdict, lost.allowance is not None and lost.allowance.is_lost) == (Verdict.RED, True)
    assert lost.why.endswith("coverage 100 %, whatever happens now")
    edge = current(TEN_HOURS, pieces[:380], NOON + 380 * MINUTE, "UTC")  # 75.016 in the end, which is shown as 75.0
    assert (edge.verdict, edge.allowance is not None and edge.allowance.is_lost) == (Verdict.AMBER, True)


def test_the_allowance_is_the_meters_level_where_corrections_are_added() -> None:
    rows = [row("12:00", "22:00", 75.0)]
    corrected = limit(quantity="lr", period={"kind": "whole"}, rows=rows, corrections=[{"name": "K_I", "db": 5.0}])
    left = allowance_of(corrected, minutes(NOON, [72.0] * 240), NOON + 4 * HOUR, "UTC")
    assert left is not None
    assert left.limit_db == 70.0
    assert left.used_ratio == pytest.approx(0.634, abs=5e-4)


@pytest.mark.parametrize("other", [ROLLING, limit(quantity="lmax"), templates.get("minnesota-l10")])
def test_what_is_no_mean_over_a_period_has_no_allowance(other: Limit) -> None:
    assert allowance_of(other, minutes(NOON, [60.0] * 30), NOON + HOUR / 2, "UTC") is None


def test_no_limit_is_in_force_outside_the_hours() -> None:
    standing = current(TEN_HOURS, minutes(NOON - HOUR, [77.0] * 30), NOON - HOUR / 2, "UTC")
    assert (standing.verdict, standing.level_db, standing.margin_db, standing.limit_db) == (None, None, None, None)
    assert standing.why == "no limit is in force"
    assert standing.next_change == Change(NOON, 75.0, 72.0)


def test_a_period_that_has_ended_is_shown_until_something_of_the_next_is_heard() -> None:
    watch = Watch(ONE_HOUR, "UTC")
    for piece in minutes(NOON, [72.0] * 60):
        watch.add(piece)
    ended = watch.standing(NOON + HOUR + 30 * SECOND)
    assert (ended.verdict, ended.at, ended.period_ends_at) == (Verdict.RED, NOON + HOUR, NOON + HOUR)
    assert ended.why == "exceeded 72.0 > 70.0 dB LAeq,1h, 12:00–13:00, coverage 100 %"
    watch.add(minutes(NOON + HOUR, [50.0])[0])
    begun = watch.standing(NOON + HOUR + MINUTE + SECOND)
    assert (begun.verdict, begun.period_ends_at) == (Verdict.OK, NOON + 2 * HOUR)
    assert begun.previous == ended.judgement


def test_the_last_minute_may_come_after_the_period_has_ended() -> None:
    watch = Watch(ONE_HOUR, "UTC")
    pieces = minutes(NOON, [60.0] * 59 + [100.0])
    for piece in pieces[:-1]:
        watch.add(piece)
    early = watch.standing(NOON + HOUR + SECOND)
    assert early.previous is not None
    assert early.previous.verdict is Verdict.OK
    assert watch.add(pieces[-1])
    late = watch.standing(NOON + HOUR + 2 * SECOND)
    assert late.previous == judge(ONE_HOUR, pieces, NOON, NOON + HOUR, "UTC")[0]
    assert late.previous.verdict is Verdict.RED


def test_a_piece_that_comes_twice_or_too_late_is_refused() -> None:
    watch = Watch(ONE_HOUR, "UTC")
    first, second = minutes(NOON, [60.0, 90.0])
    assert watch.add(second)
    assert not watch.add(second)
    assert not watch.add(first)
    assert watch.standing(NOON + 2 * MINUTE).level_db == pytest.approx(90.0)


def test_silence_of_the_meter_is_no_silence_of_the_site() -> None:
    """After the data stay away the covered part shrinks, and soon nothing is judged."""
    watch = Watch(ONE_HOUR, "UTC")
    for piece in minutes(NOON, [60.0] * 10):
        watch.add(piece)
    fresh, stale = watch.standing(NOON + 11 * MINUTE), watch.standing(NOON + 14 * MINUTE)
    assert (fresh.verdict, fresh.at) == (Verdict.OK, NOON + 10 * MINUTE)
    assert (stale.verdict, stale.at) == (Verdict.NOT_JUDGED, NOON + 14 * MINUTE)
    assert stale.level_db == pytest.approx(60.0)
    gone = watch.standing(NOON + 61 * MINUTE)
    assert (gone.verdict, gone.level_db) == (Verdict.NO_DATA, None)
    assert gone.previous is not None
    assert gone.previous.verdict is Verdict.NOT_JUDGED


def test_a_rolling_window_says_how_much_of_it_is_there() -> None:
    early = current(ROLLING, minutes(NOON, [90.0] * 6), NOON + 6 * MINUTE, "UTC")
    assert (early.verdict, early.why) == (Verdict.NOT_JUDGED, "not judged: 90 dB LAeq,15min rolling, 6 of 15 min")
    full = current(ROLLING, minutes(NOON, [90.0] * 15), NOON + 15 * MINUTE, "UTC")
    assert full.verdict is Verdict.RED


def test_a_rolling_window_goes_on_through_midnight() -> None:
    watch = Watch(ROLLING, "UTC")
    midnight = at("2026-06-04 00:00")
    for piece in minutes(midnight - 20 * MINUTE, [72.0] * 25):
        watch.add(piece)
        standing = watch.standing(piece.ends_at)
    assert (standing.verdict, standing.at) == (Verdict.RED, midnight + 5 * MINUTE)


def test_a_rolling_window_begins_anew_with_another_limit() -> None:
    rows = [row("00:00", "12:30", 70.0), row("12:30", "24:00", 50.0)]
    watch = Watch(limit(rows=rows, period={"kind": "rolling", "length": "15min"}), "UTC")
    for piece in minutes(NOON, [69.0] * 30 + [40.0] * 15):
        watch.add(piece)
        standing = watch.standing(piece.ends_at)
        assert standing.verdict in (Verdict.NOT_JUDGED, Verdict.AMBER, Verdict.OK)
    assert standing.level_db == pytest.approx(40.0)
    assert standing.verdict is Verdict.OK


def test_a_rolling_window_does_not_reach_over_hours_without_a_limit() -> None:
    rows = [row("12:00", "12:30", 70.0), row("12:32", "13:00", 70.0)]
    watch = Watch(limit(rows=rows, period={"kind": "rolling", "length": "15min"}), "UTC")
    for piece in minutes(NOON, [69.0] * 30) + minutes(NOON + 32 * MINUTE, [69.0] * 15):
        watch.add(piece)
        if piece.ends_at == NOON + 45 * MINUTE:
            assert watch.standing(piece.ends_at).verdict is Verdict.NOT_JUDGED
    assert watch.standing(NOON + 47 * MINUTE).verdict is Verdict.AMBER


def test_a_maximum_cannot_be_taken_back() -> None:
    loud = limit(quantity="lmax", rows=[row("00:00", "24:00", 90.0)])
    standing = current(loud, minutes(NOON, [95.0, 60.0]), NOON + 2 * MINUTE, "UTC")
    assert standing.verdict is Verdict.RED


@pytest.mark.parametrize(("loud", "verdict"), [(0, Verdict.OK), (5, Verdict.AMBER), (6, Verdict.RED)])
def test_l10_of_an_hour_is_lost_when_a_tenth_of_the_hour_was_loud(loud: int, verdict: Verdict) -> None:
    """At half time 6 loud minutes are 10 % of the hour: exceeded for exactly so long, which counts."""
    start = at("2026-06-03 17:00")
    pieces = minutes(start, [70.0] * loud + [50.0] * (29 - loud))
    standing = current(templates.get("minnesota-l10"), pieces, start + 29 * MINUTE, "America/Chicago")
    assert standing.verdict is verdict


def test_l10_beyond_so_far_may_still_be_kept() -> None:
    start = at("2026-06-03 17:00")
    standing = current(
        templates.get("minnesota-l10"), minutes(start, [70.0] * 5), start + 5 * MINUTE, "America/Chicago"
    )
    assert standing.verdict is Verdict.AMBER


def test_avv_work_that_no_rest_can_redeem_is_red() -> None:
    """Four hours at 66 are 61 with their correction; the rest at 50 dB, the quietest work, leaves 60.97."""
    day = at("2026-06-03 05:00")
    avv = templates.get("germany-avv-d")
    red = current(avv, minutes(day, [66.0] * 240), day + 4 * HOUR, "Europe/Berlin")
    assert (red.verdict, red.allowance) == (Verdict.RED, None)
    quiet = current(avv, minutes(day, [60.0] * 240), day + 4 * HOUR, "Europe/Berlin")  # 55.0 is not beyond 55
    assert quiet.verdict is Verdict.AMBER
    open_ = current(avv, minutes(day, [61.0] * 240), day + 4 * HOUR, "Europe/Berlin")
    assert open_.verdict is Verdict.AMBER


def test_the_present_level_counts_for_the_time_to_exhaustion() -> None:
    pieces = minutes(NOON, [77.0] * 240)
    usual = allowance_of(TEN_HOURS, pieces, NOON + 4 * HOUR, "UTC")
    loud = allowance_of(TEN_HOURS, pieces, NOON + 4 * HOUR, "UTC", now_db=87.0)
    assert usual is not None
    assert loud is not None
    assert usual.exhausted_in_s == pytest.approx(10 * (loud.exhausted_in_s or 0.0))


def test_what_is_excluded_is_not_used() -> None:
    pieces = minutes(NOON, [60.0] * 20 + [110.0] * 4 + [60.0] * 6)
    span = Span(NOON + 20 * MINUTE, NOON + 24 * MINUTE)
    standing = current(ONE_HOUR, pieces, NOON + 30 * MINUTE, "UTC", [span])
    assert (standing.verdict, standing.level_db) == (Verdict.OK, pytest.approx(60.0))
    assert standing.judgement is not None
    assert standing.judgement.coverage == pytest.approx(26 / 30)


def test_a_watch_says_from_when_it_needs_pieces() -> None:
    watch = Watch(TEN_HOURS, "UTC")
    assert watch.earliest(NOON + 4 * HOUR) == NOON
    assert watch.earliest(NOON + 5 * MINUTE) == NOON - 10 * MINUTE  # for the mean of the last 15 minutes
    assert watch.earliest(NOON - HOUR) == NOON - 75 * MINUTE


@pytest.mark.parametrize("kind", ["whole", "rolling", "noisiest"])
def test_a_piece_across_the_begin_of_the_hours_is_no_part_of_them(kind: str) -> None:
    period = {"kind": kind} if kind == "whole" else {"kind": kind, "length": "10min"}
    watch = Watch(limit(period=period, rows=[row("12:00", "13:00", 70.0)]), "UTC")
    watch.standing(NOON + SECOND)  # the hours have begun, and the piece before them comes late
    for piece in minutes(NOON - MINUTE / 2, [100.0] + [60.0] * 20):
        watch.add(piece)
    standing = watch.standing(NOON + 21 * MINUTE)
    assert (standing.level_db, standing.verdict) == (pytest.approx(60.0), Verdict.OK)


def test_a_piece_that_begins_in_the_future_is_not_waited_for() -> None:
    """A meter whose clock is ahead by less than a piece: the moment is now, not later."""
    standing = Watch(ONE_HOUR, "UTC")
    for piece in minutes(NOON, [60.0] * 10):
        standing.add(piece)
    assert standing.standing(NOON + 9 * MINUTE + 50 * SECOND).at == NOON + 9 * MINUTE + 50 * SECOND


def test_without_any_data_there_is_no_verdict_but_the_limit_is_known() -> None:
    standing = current(ONE_HOUR, [], NOON + HOUR / 2, "UTC")
    assert (standing.verdict, standing.limit_db, standing.previous) == (Verdict.NO_DATA, 70.0, None)
    assert standing.why == "no data for LAeq,1h, 12:00–12:30 so far"
    assert standing.allowance is not None
    assert (standing.allowance.used_ratio, standing.allowance.used_at_most) == (0.0, None)


# --- the quick way gives what the slow way gives ---

_FLAGS = [NO_FLAGS] * 20 + [Flag.OVER, Flag.UNDER, Flag.WEATHER, Flag.EXCLUDED, Flag.RESET, Flag.OVER | Flag.WEATHER]


def wild(seed: int, count: int, begins_at: datetime = NOON - 2 * HOUR) -> list[Interval]:
    """Minutes with holes, flags, partial coverage and estimates."""
    dice = random.Random(seed)
    found = []
    for number in range(count):
        if dice.random() < 0.08:
            continue
        level_db = None if dice.random() < 0.03 else dice.uniform(35.0, 75.0)
        start = begins_at + number * MINUTE
        piece = Interval.of_level(
            start,
            start + MINUTE,
            level_db,
            valid_s=dice.choice([60.0, 60.0, 60.0, 41.0]),
            lmax=level_db and level_db + 5,
            lmin=level_db and level_db - 5,
            histogram=Histogram.EMPTY if level_db is None else Histogram.of([level_db, level_db + 1]),
            flags=dice.choice(_FLAGS),
            source=dice.choice(["sd", "poll"]),
        )
        found.append(replace(piece, uncertainty_db=dice.choice([None, None, 1.5])))
    return found


@pytest.mark.parametrize("seed", range(20))
def test_totals_say_what_combine_says(seed: int) -> None:
    pieces, ends_at = wild(seed, 60), NOON - HOUR
    spans = [Span(NOON - 100 * MINUTE, NOON - 97 * MINUTE)] if seed % 2 else []
    total = NOTHING
    for piece in pieces:
        is_out = any(span.overlap_s(piece.starts_at, piece.ends_at) > 0 for span in spans)
        total = total.plus(excluded(piece) if is_out else Totals.of(piece, with_histogram=True))
    quick = total.levels(NOON - 2 * HOUR, ends_at)
    slow = combine(pieces, NOON - 2 * HOUR, ends_at, spans)
    for name in quick.__dataclass_fields__:
        one, other = getattr(quick, name), getattr(slow, name)
        assert one == (pytest.approx(other) if isinstance(other, float) else other), name


@pytest.mark.parametrize("seed", range(10))
def test_a_sliding_window_says_what_combine_says(seed: int) -> None:
    window, pieces, length = Sliding(with_histogram=True), wild(seed, 90), 10 * MINUTE
    for number, piece in enumerate(pieces):
        window.add(piece)
        quick = window.levels(piece.ends_at - length, piece.ends_at)
        slow = combine(pieces[max(0, number - 12) : number + 1], piece.ends_at - length, piece.ends_at)
        assert quick.energy_s == pytest.approx(slow.energy_s)
        assert (quick.coverage, quick.flags, quick.lmax) == (pytest.approx(slow.coverage), slow.flags, slow.lmax)
        assert quick.histogram == slow.histogram


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize(
    "members",
    [
        {},
        {"period": {"kind": "fixed", "length": "1h"}, "quantity": "ln", "percent": 10},
        {"period": {"kind": "whole"}, "rows": [row("11:00", "13:30", 60.0), row("13:30", "15:00", 50.0)]},
        {"period": {"kind": "noisiest", "length": "30min"}, "rows": [row("11:00", "13:30", 60.0)]},
    ],
)
def test_a_watch_ends_each_period_as_it_is_judged_afterwards(seed: int, members: dict) -> None:
    found, pieces = limit(**members), wild(seed, 360)
    watch = Watch(found, "UTC")
    told = {}
    for piece in pieces:
        watch.add(piece)
        previous = watch.standing(piece.ends_at).previous
        if previous is not None:
            told[previous.ends_at, previous.row] = previous
    judged = judge(found, pieces, pieces[0].starts_at, pieces[-1].starts_at - HOUR / 2, "UTC")
    assert len(judged) >= 1
    for judgement in judged:
        live = told[judgement.ends_at, judgement.row]
        assert (live.verdict, live.why, live.coverage) == (
            judgement.verdict,
            judgement.why,
            pytest.approx(judgement.coverage),
        )


@pytest.mark.parametrize("seed", range(6))
def test_a_watch_rolls_as_it_is_judged_afterwards(seed: int) -> None:
    pieces = wild(seed, 180)
    watch = Watch(ROLLING, "UTC")
    judged = {judgement.ends_at: judgement for judgement in judge(ROLLING, pieces, NOON - 3 * HOUR, NOON + HOUR, "UTC")}
    compared = 0
    for piece in pieces:
        watch.add(piece)
        live = watch.standing(piece.ends_at).judgement
        if piece.ends_at in judged and live is not None:
            assert (live.verdict, live.why) == (judged[piece.ends_at].verdict, judged[piece.ends_at].why)
            compared += 1
    assert compared == len(judged) > 100


def test_a_piece_costs_the_same_however_long_the_period_is(monkeypatch: pytest.MonkeyPatch) -> None:
    sums = 0
    plus = Totals.plus

    def counted(self: Totals, other: Totals) -> Totals:
        nonlocal sums
        sums += 1
        return plus(self, other)

    monkeypatch.setattr(Totals, "plus", counted)
    watch, cost = Watch(TEN_HOURS, "UTC"), []
    pieces = minutes(NOON, [60.0] * 600)
    for block in range(4):
        sums = 0
        for piece in pieces[block * 150 : (block + 1) * 150]:
            watch.add(piece)
            watch.standing(piece.ends_at)
        cost.append(sums)
    assert max(cost) <= 150 * 6
    assert cost[3] <= cost[1] + 15
