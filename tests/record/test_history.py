"""Levels at any step against the 100 ms truth: sources, gaps, clock changes, files and tables, hours and minutes."""

import dataclasses
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from slmm.acoustics.intervals import Interval, Span, combine
from slmm.acoustics.percentiles import Histogram
from slmm.acoustics.quality import Bound, Flag
from slmm.errors import Invalid
from slmm.events import Levels, Reading, RunState
from slmm.record import periods
from slmm.record.frames import Frame, Source
from slmm.record.history import History, Keeping, Points, Question, parse_metrics, parse_step
from slmm.record.office import RecordOffice
from slmm.record.periods import Made
from tests.record.conftest import BERLIN
from tests.record.past import NOON, Past, close_all, record_polls, record_stream, simulate

EVER = Keeping(0, 0)
HOUR = timedelta(hours=1)
Ask = Callable[..., Points]


def history_of(office: RecordOffice, now: datetime | None = None, keeping: Keeping = EVER) -> History:
    at = now or datetime(2027, 6, 1, tzinfo=UTC)
    return History(office.store, office.partitions, lambda unit_id: BERLIN, keeping, lambda: at)


@pytest.fixture
def ask(office: RecordOffice) -> Ask:
    def question(from_at: datetime, until_at: datetime, step: str, metrics: str = "laeq") -> Points:
        return history_of(office).ask(Question("a", from_at, until_at, parse_step(step), parse_metrics(metrics)))

    return question


def minutes(starts_at: datetime, levels: list[float | None], **more: object) -> list[Made]:
    """A minute for each level; None leaves it out."""
    made = []
    for number, level in enumerate(levels):
        begin = starts_at + timedelta(minutes=number)
        if level is not None:
            histogram = Histogram(np.array([round(level * 10)]), np.array([600]))
            piece = Interval.of_level(
                begin, begin + timedelta(minutes=1), level, lmax=level + 1, lmin=level - 1, histogram=histogram
            )
            made.append(Made("a", dataclasses.replace(piece, **more)))  # type: ignore[arg-type]
    return made


def put(office: RecordOffice, made: list[Made], table: str = "minutes") -> None:
    office.store.write(lambda connection: periods.put(office.store, connection, table, made))


# -- steps and metrics ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "step_s"),
    [("1", 1), ("30s", 30), ("60", 60), ("1min", 60), ("15min", 900), ("1h", 3600), ("1d", 86_400), ("auto", None)],
)
def test_steps_are_named_in_many_ways(text: str, step_s: int | None) -> None:
    assert parse_step(text) == step_s


@pytest.mark.parametrize(
    "text", ["", "0", "7s", "45s", "90s", "7min", "5h", "2d", "-1", "1.5", "1 h", "1H", "١", "9" * 7]
)
def test_a_step_that_divides_nothing_is_told_what_would_do(text: str) -> None:
    with pytest.raises(Invalid, match="1min") as error:
        parse_step(text)
    assert error.value.field == "step"


@pytest.mark.parametrize("text", ["", ",", "laeq,foo", "l0", "l100", "l1.5", "ln6", "lp;drop table frames", "l1٥"])
def test_metrics_that_are_none_are_refused(text: str) -> None:
    with pytest.raises(Invalid) as error:
        parse_metrics(text)
    assert error.value.field == "metrics"


def test_metrics_are_taken_once_each() -> None:
    assert parse_metrics(" LAeq, l5,laeq ,ln1") == ("laeq", "l5", "ln1")


# -- from frames ------------------------------------------------------------------------------------


def truth(past: Past, points: Points) -> list[float]:
    """The true LAeq of each period."""
    spans = [((each.starts_at - past.starts_at).total_seconds(), each.expected_s) for each in points.levels]
    return [past.laeq(since, since + length) for since, length in spans]


def worst(past: Past, points: Points) -> float:
    pairs = zip(points.column("laeq"), truth(past, points), strict=True)
    return max(abs(found - true) for found, true in pairs if found is not None)


def test_seconds_of_a_stream_are_those_that_were(office: RecordOffice, ask: Ask) -> None:
    past = simulate("a", 60.0, "site")
    record_stream(office, past)
    points = ask(NOON, NOON + timedelta(seconds=60), "1s", "laeq,lmax,l50")
    assert (points.taken_from, len(points.levels)) == ("frames", 60)
    assert worst(past, points) < 0.1
    assert points.column("lmax")[7] == pytest.approx(past.lp[70:80].max(), abs=0.05)
    assert points.column("l50")[7] == Histogram.of(past.lp[70:80]).ln(50)
    assert all(each.coverage == 1.0 and not each.flags for each in points.levels)


def test_a_burst_of_late_lines_is_put_where_it_belongs(office: RecordOffice, ask: Ask) -> None:
    past = simulate("a", 20.0)
    for streamed in past.stream():
        late_s = (streamed.at - NOON).total_seconds()
        held = late_s if late_s <= 8 else max(late_s, 12.0)  # nothing for 4 s, then everything at once
        office.historian.on_stream("a", event=dataclasses.replace(streamed, at=NOON + timedelta(seconds=held)))
    office.historian.flush()
    points = ask(NOON, NOON + timedelta(seconds=20), "1s")
    assert worst(past, points) < 0.1
    assert [each.coverage for each in points.levels] == pytest.approx([1.0] * 20)


def test_the_best_source_of_a_period_counts_alone(office: RecordOffice, ask: Ask) -> None:
    past = simulate("a", 40.0)
    record_polls(office, past)
    record_stream(office, past, 10, 30)
    office.historian.write(past.stored(1.0)[20:30])
    points = ask(NOON, NOON + timedelta(seconds=40), "10s")
    assert [each.sources for each in points.levels] == [{"poll"}, {"stream"}, {"sd"}, {"poll"}]
    assert worst(past, Points(10, "frames", points.levels[1:3], {})) < 0.1
    assert points.levels[2].valid_s == 10.0


def test_a_few_stored_seconds_do_not_hide_the_readings(office: RecordOffice, ask: Ask) -> None:
    past = simulate("a", 30.0)
    record_polls(office, past)
    office.historian.write(past.stored(1.0)[:2])
    assert ask(NOON, NOON + timedelta(seconds=30), "30s").levels[0].sources == {"poll"}


def test_what_nobody_heard_is_null_and_no_average(office: RecordOffice, ask: Ask) -> None:
    past = simulate("a", 60.0)
    record_stream(office, past, 0, 20)
    record_stream(office, past, 40.5, 60)
    points = ask(NOON, NOON + timedelta(seconds=60), "10s")
    assert [value is None for value in points.column("laeq")] == [False, False, True, True, False, False]
    assert points.levels[4].flags == Flag.GAP
    assert points.levels[4].coverage == pytest.approx(0.95)
    assert worst(past, Points(10, "frames", points.levels[:2], {})) < 0.1


def test_a_stored_interval_across_a_boundary_is_shared(office: RecordOffice, ask: Ask) -> None:
    frame = Frame("a", NOON + timedelta(seconds=7), Source.SD_LEQ, Levels(leq=60.0, lmax=70.0), 4.0, True)
    office.historian.write([frame])
    first, second = ask(NOON, NOON + timedelta(seconds=10), "5s").levels
    assert (first.valid_s, second.valid_s) == pytest.approx((2.0, 2.0))
    assert (first.lmax, second.lmax) == (None, 70.0)


def test_over_range_is_a_lower_bound_and_not_a_hole(office: RecordOffice, ask: Ask) -> None:
    frames = [
        Frame("a", NOON + timedelta(seconds=number + 1), Source.SD_LP, Levels(leq=90.0, over=number == 1), 1.0, True)
        for number in range(2)
    ]
    office.historian.write(frames)
    points = ask(NOON, NOON + timedelta(seconds=2), "1s")
    assert points.column("laeq") == pytest.approx([90.0, 90.0])
    assert [each.bound for each in points.levels] == [Bound.NONE, Bound.LOWER]


def test_a_pause_is_received_and_not_valid(office: RecordOffice, ask: Ask) -> None:
    levels = Levels(lp=50.0, leq=50.0)
    for number in range(10):
        state = RunState.MEASURING if number < 5 else RunState.STOPPED
        at = NOON + timedelta(seconds=number + 1)
        office.historian.on_reading("a", event=Reading("a", at, levels, "", run_state=state))
    office.historian.flush()
    first, second = ask(NOON, NOON + timedelta(seconds=10), "5s").levels
    assert first.laeq == pytest.approx(50.0)
    assert (second.laeq, second.flags) == (None, Flag.PAUSED)


def test_what_the_display_showed_last_is_taken_as_it_is(office: RecordOffice, ask: Ask) -> None:
    past = simulate("a", 120.0)
    record_polls(office, past)
    close_all(office, NOON + timedelta(minutes=2))
    points = ask(NOON, NOON + timedelta(minutes=2), "1min", "lp,le,laeq")
    last = [reading for reading in past.polls() if reading.at <= NOON + timedelta(minutes=1)][-1]
    assert (points.column("lp")[0], points.column("le")[0]) == (last.main.lp, last.main.le)
    with pytest.raises(Invalid, match="7 days"):
        ask(NOON, NOON + timedelta(days=8), "1h", "lp")


# -- from minutes -----------------------------------------------------------------------------------


def test_levels_are_those_of_combine_whatever_was_in_the_minutes(office: RecordOffice) -> None:
    rng = np.random.default_rng(7)
    flags = [Flag(0), Flag.OVER, Flag.UNDER, Flag.WEATHER, Flag.GAP | Flag.OVER, Flag.SPREAD, Flag.CALIBRATION]
    made = []
    for number in range(240):
        if rng.random() < 0.1:
            continue
        begin = NOON + timedelta(minutes=number)
        lp = rng.normal(60, 8, 50)
        made.append(
            Interval(
                begin, begin + timedelta(minutes=1), float(rng.uniform(1e4, 1e9)), float(rng.uniform(1, 60)), 60.0,
                float(lp.max()), float(lp.min()), None if number % 3 else 99.0, Histogram.of(lp),
                flags[rng.integers(0, len(flags)) if rng.random() < 0.3 else 0],
                ("sd", "poll", "stream", "mixed")[rng.integers(0, 4)],
                float(rng.uniform(0.1, 3)) if rng.random() < 0.5 else None,
            )
        )  # fmt: skip
    put(office, [Made("a", piece) for piece in made])
    history = history_of(office)
    excluded = [Span(NOON + timedelta(minutes=31, seconds=30), NOON + timedelta(minutes=40))]
    spans = [Span(NOON + timedelta(minutes=begin), NOON + timedelta(minutes=end)) for begin, end in
             [(0, 15), (15, 30), (30, 45), (45, 46), (60, 120), (120, 121), (200, 240)]]  # fmt: skip
    for found in history.levels("a", spans, excluded=excluded):
        expected = combine(made, found.starts_at, found.ends_at, excluded)
        for name in ("laeq", "lmax", "lmin", "lpeak", "valid_s", "coverage", "received_s", "over_s", "laeq_at_least"):
            assert getattr(found, name) == pytest.approx(getattr(expected, name), rel=1e-9), name
        assert (found.uncertainty_db or 0.0) == pytest.approx(expected.uncertainty_db or 0.0, rel=1e-6)
        assert (found.histogram, found.flags, found.bound) == (expected.histogram, expected.flags, expected.bound)
        assert found.sources == expected.sources


def test_a_quarter_of_readings_is_within_02_db_of_the_truth(office: RecordOffice, ask: Ask) -> None:
    past = simulate("a", 1800.0, "traffic")
    record_polls(office, past, every_s=1.0)
    close_all(office, NOON + timedelta(minutes=30))
    points = ask(NOON, NOON + timedelta(minutes=30), "15min", "laeq,l90")
    assert points.taken_from == "minutes"
    assert worst(past, points) < 0.2
    assert points.column("l90")[0] == pytest.approx(Histogram.of(past.lp[:9000]).ln(90), abs=0.5)


def test_ln_of_an_hour_is_not_the_mean_of_its_quarters(office: RecordOffice, ask: Ask) -> None:
    put(office, minutes(NOON, [50.0] * 45 + [80.0] * 15))
    points = ask(NOON, NOON + HOUR, "1h", "l10,l90")
    assert (points.column("l10"), points.column("l90")) == ([80.0], [50.0])  # T09


def test_minutes_in_files_and_in_tables_are_one(office: RecordOffice, ask: Ask) -> None:
    put(office, minutes(NOON, [60.0] * 30))
    assert office.partitions.move("minutes", "a", NOON.date()) is not None
    put(office, minutes(NOON + timedelta(minutes=20), [70.0] * 20))  # ten of them anew, after the file
    assert ask(NOON, NOON + timedelta(minutes=40), "10min").column("laeq") == pytest.approx([60.0, 60.0, 70.0, 70.0])
    assert office.partitions.move("minutes", "a", NOON.date()) is not None
    assert ask(NOON, NOON + timedelta(minutes=40), "10min").column("laeq") == pytest.approx([60.0, 60.0, 70.0, 70.0])


def test_periods_are_whole_and_on_the_local_clock(office: RecordOffice, ask: Ask) -> None:
    put(office, minutes(NOON, [60.0] * 60))
    points = ask(NOON + timedelta(minutes=7), NOON + timedelta(minutes=31), "15min")
    assert [each.ends_at.minute for each in points.levels] == [15, 30, 45]
    day = ask(NOON, NOON + HOUR, "1d").levels
    assert [(each.starts_at, each.expected_s) for each in day] == [(datetime(2026, 11, 19, 23, tzinfo=UTC), 86_400.0)]


@pytest.mark.parametrize(("date", "hours"), [(datetime(2026, 10, 25), 25), (datetime(2026, 3, 29), 23)])  # noqa: DTZ001
def test_days_of_clock_changes_have_the_hours_they_have(
    office: RecordOffice, ask: Ask, date: datetime, hours: int
) -> None:
    begin = date.replace(tzinfo=BERLIN).astimezone(UTC)
    put(office, minutes(begin, [60.0] * (hours * 60)))
    day = ask(begin, begin + HOUR, "1d").levels
    assert [(each.expected_s, each.coverage) for each in day] == [(hours * 3600.0, 1.0)]
    each = ask(begin, begin + timedelta(hours=hours), "1h").levels
    assert len(each) == hours
    assert all(before.ends_at == after.starts_at for before, after in pairwise(each))


def test_steps_of_another_zone_begin_with_its_clock(office: RecordOffice) -> None:
    put(office, minutes(NOON, [60.0] * 120))
    history = History(office.store, office.partitions, lambda unit_id: ZoneInfo("Asia/Kolkata"), EVER)
    points = history.ask(Question("a", NOON, NOON + HOUR, 3600, ("laeq",)))
    assert [each.ends_at.minute for each in points.levels] == [30, 30]


def test_a_unit_that_was_never_heard_has_gaps_only(ask: Ask) -> None:
    for step in ("1s", "1min"):
        points = ask(NOON, NOON + timedelta(minutes=2), step)
        assert set(points.column("laeq")) == {None}
        assert all(each.coverage == 0.0 for each in points.levels)


# -- how many ---------------------------------------------------------------------------------------


def test_too_many_points_are_refused_with_a_step_that_would_do(office: RecordOffice, ask: Ask) -> None:
    with pytest.raises(Invalid, match="10s would do") as error:
        ask(NOON, NOON + timedelta(hours=10), "1s")
    assert error.value.field == "step"
    assert len(ask(NOON, NOON + timedelta(hours=10), "10s").levels) == 3600
    with pytest.raises(Invalid, match="ask for less"):
        ask(NOON - timedelta(days=5000), NOON, "1d")


@pytest.mark.parametrize(
    ("span", "step_s"),
    [(timedelta(minutes=5), 1), (timedelta(hours=2), 2), (timedelta(days=1), 30), (timedelta(days=30), 900)],
)
def test_auto_takes_the_finest_step_that_fits(office: RecordOffice, span: timedelta, step_s: int) -> None:
    for beside in (timedelta(0), timedelta(seconds=17)):
        question = Question("a", NOON + beside, NOON + span + beside, None, ("laeq",))
        found, spans = history_of(office).plan(question)
        assert found == step_s
        assert len(spans) <= 4000


def test_auto_asks_minutes_where_frames_are_gone(office: RecordOffice) -> None:
    history = history_of(office, NOON + timedelta(days=31), Keeping(30, 730))
    assert history.plan(Question("a", NOON, NOON + HOUR, None, ("laeq",)))[0] == 60


def test_a_span_without_length_or_sense_is_refused(ask: Ask) -> None:
    with pytest.raises(Invalid, match="is not after"):
        ask(NOON, NOON, "1min")
    with pytest.raises(Invalid, match="1990"):
        ask(datetime(1, 1, 1, tzinfo=UTC), NOON, "1d")


# -- from hours -------------------------------------------------------------------------------------


def with_hours(office: RecordOffice, levels: list[float], **flagged: Flag) -> None:
    """Hours of 60 equal minutes each; h3=Flag.OVER flags one minute of the third."""
    for number, level in enumerate(levels):
        begin = NOON + HOUR * number
        made = minutes(begin, [level] * 60)
        if flag := flagged.get(f"h{number}"):
            made[5] = Made("a", dataclasses.replace(made[5].interval, flags=flag, energy_s=60 * 10**9.0))
        put(office, made)
    office.rollup.roll("a", NOON, NOON + HOUR * len(levels))


LONG_AFTER = NOON + timedelta(days=61)


def test_long_times_come_from_hours_and_say_the_same(office: RecordOffice) -> None:
    with_hours(office, [60.0, 62.0, 64.0, 66.0], h2=Flag.OVER)
    history = history_of(office)
    long = history.ask(Question("a", NOON, LONG_AFTER, 7200, ("laeq", "l50", "lmax")))
    short = history.ask(Question("a", NOON, NOON + HOUR * 4, 7200, ("laeq", "l50", "lmax")))
    assert (long.taken_from, short.taken_from) == ("hours", "minutes")
    for metric in ("laeq", "l50", "lmax"):
        assert long.column(metric)[: len(short.levels)] == pytest.approx(short.column(metric))
    assert [each.valid_s for each in long.levels[:3]] == [each.valid_s for each in short.levels[:3]]
    assert sum(each.over_s for each in long.levels) == 60.0


def test_one_bad_minute_does_not_take_its_hour_along(office: RecordOffice) -> None:
    with_hours(office, [60.0, 60.0], h1=Flag.WEATHER)
    found = history_of(office).ask(Question("a", NOON, LONG_AFTER, 3600, ("laeq",)))
    assert [each.valid_s for each in found.levels[:2]] == [3600.0, 3540.0]


def test_minutes_stand_in_after_the_last_hour_that_was_made(office: RecordOffice) -> None:
    with_hours(office, [60.0])
    put(office, minutes(NOON + HOUR, [70.0] * 30))
    found = history_of(office).ask(Question("a", NOON, LONG_AFTER, 3600, ("laeq",)))
    assert found.column("laeq")[:2] == pytest.approx([60.0, 70.0])
    assert found.levels[1].coverage == 0.5


def test_hours_do_where_the_minutes_are_gone(office: RecordOffice) -> None:
    with_hours(office, [60.0, 60.0], h1=Flag.OVER)
    office.store.write(lambda connection: connection.execute("delete from minutes"))
    history = history_of(office, NOON + timedelta(days=800), Keeping(30, 730))
    first, second = history.ask(Question("a", NOON, NOON + HOUR * 2, 3600, ("laeq",))).levels
    assert first.laeq == pytest.approx(60.0)
    assert second.valid_s == 3600.0  # nothing can be left out of it any more, and that is said
    assert (second.bound, bool(second.flags & Flag.OVER)) == (Bound.LOWER, True)


def test_an_excluded_hour_without_minutes_is_left_out_whole(office: RecordOffice) -> None:
    with_hours(office, [60.0, 60.0])
    office.store.write(lambda connection: connection.execute("delete from minutes"))
    history = history_of(office, NOON + timedelta(days=800), Keeping(30, 730))
    spans = [Span(NOON, NOON + HOUR * 2)]
    (found,) = history.levels("a", spans, excluded=[Span(NOON, NOON + timedelta(minutes=1))])
    assert (found.valid_s, found.flags & Flag.EXCLUDED) == (3600.0, Flag.EXCLUDED)
