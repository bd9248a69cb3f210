"""One minute from its frames: the best source for each moment, nothing twice, and nothing made up."""

import numpy as np
import pytest

from slmm.acoustics.quality import Flag
from slmm.record.frames import Source
from slmm.record.minute import MINUTE, Rows, minute_of, stream_times
from tests.record.past import NOON

NAMES = ("duration_s", "lp", "leq", "le", "lmax", "lmin", "lpeak", "over", "under", "measuring", "counter")


def rows(*given: dict[str, float]) -> Rows:
    """Frames by what differs from a frame that says nothing."""
    ordered = sorted(given, key=lambda each: each["ends_s"])
    columns = {name: np.array([each.get(name, np.nan) for each in ordered], dtype=float) for name in NAMES}
    ends_s = np.array([each["ends_s"] for each in ordered], dtype=float)
    return Rows(ends_s, np.array([each["source"] for each in ordered]), columns)


def poll(ends_s: float, lp: float = 60.0, **given: float) -> dict[str, float]:
    return {"ends_s": ends_s, "source": Source.POLL, "lp": lp, "measuring": 1.0, **given}


def interval(ends_s: float, leq: float, duration_s: float = 1.0, **given: float) -> dict[str, float]:
    return {
        "ends_s": ends_s,
        "source": Source.SD_LP,
        "lp": leq,
        "leq": leq,
        "duration_s": duration_s,
        "measuring": 1.0,
        **given,
    }


def streamed(ends_s: float, leq: float, counter: int, **given: float) -> dict[str, float]:
    return {
        "ends_s": ends_s,
        "source": Source.STREAM,
        "lp": leq,
        "leq": leq,
        "counter": counter,
        "duration_s": 0.1,
        "measuring": 1.0,
        **given,
    }


def test_nothing_received_makes_no_minute() -> None:
    assert minute_of(NOON, rows()) is None
    assert minute_of(NOON, rows(poll(-10.0))) is None


def test_a_minute_is_labelled_by_its_end() -> None:
    made = minute_of(NOON, rows(poll(30.0)))
    assert made is not None
    assert (made.starts_at, made.ends_at) == (NOON, NOON + MINUTE)


def test_stored_intervals_give_the_energy_mean() -> None:
    made = minute_of(NOON, rows(*(interval(1.0 + second, 50.0 if second % 2 else 70.0) for second in range(60))))
    assert made is not None
    assert made.laeq == pytest.approx(67.0, abs=0.05)
    assert (made.valid_s, made.received_s, made.source, made.flags) == (60.0, 60.0, "sd", Flag(0))


def test_the_better_source_covers_the_other_and_no_time_counts_twice() -> None:
    polls = [poll(1.3 * number, 80.0) for number in range(1, 47)]
    stored = [interval(1.0 + second, 60.0) for second in range(60)]
    made = minute_of(NOON, rows(*polls, *stored))
    assert made is not None
    assert made.laeq == pytest.approx(60.0)
    assert made.valid_s == 60.0
    assert made.source == "sd"


def test_a_hole_in_the_better_source_is_filled_by_the_other() -> None:
    polls = [poll(1.3 * number, 60.0) for number in range(1, 47)]
    stored = [interval(1.0 + second, 60.0) for second in range(60) if not 20 <= second < 40]
    made = minute_of(NOON, rows(*polls, *stored))
    assert made is not None
    assert made.valid_s == pytest.approx(60.0, abs=0.3)
    assert made.source == "mixed"
    assert made.laeq == pytest.approx(60.0)


def test_what_is_missing_is_neither_zero_nor_an_average() -> None:
    made = minute_of(NOON, rows(*(interval(1.0 + second, 70.0) for second in range(39))))
    assert made is not None
    assert made.laeq == pytest.approx(70.0)
    assert made.coverage == pytest.approx(39 / 60)
    assert Flag.GAP in made.flags


def test_one_missed_poll_is_bridged_and_an_outage_is_not() -> None:
    times = [1.3 * number for number in range(1, 47)]
    one_missing = minute_of(NOON, rows(*(poll(at) for at in times if at != times[20])))
    assert one_missing is not None
    assert one_missing.coverage > 0.98
    outage = minute_of(NOON, rows(*(poll(at) for at in times if not 20 < at < 40)))
    assert outage is not None
    assert outage.coverage == pytest.approx((60 - 20 + 3) / 60, abs=0.05)
    assert Flag.GAP in outage.flags


def test_a_slow_poll_stands_for_the_time_since_the_one_before() -> None:
    made = minute_of(NOON, rows(*(poll(10.0 * number) for number in range(7))))
    assert made is not None
    assert made.coverage == 1.0


def test_a_stopped_meter_is_received_but_not_valid() -> None:
    half = [poll(1.3 * number, measuring=1.0 if number < 23 else 0.0) for number in range(1, 48)]
    made = minute_of(NOON, rows(*half))
    assert made is not None
    assert made.received_s == pytest.approx(60.0, abs=0.3)
    assert made.valid_s == pytest.approx(22 * 1.3, abs=0.3)
    assert Flag.PAUSED in made.flags
    assert Flag.GAP not in made.flags


def test_percentiles_weigh_time_and_not_readings() -> None:
    """Ten seconds of stream at 80 dB hold 100 samples, fifty of polls at 50 dB only 38: L10 is 80 all the same."""
    stream = [streamed(0.1 * number, 80.0, number) for number in range(1, 101)]
    polls = [poll(10.0 + 1.3 * number, 50.0) for number in range(1, 39)]
    made = minute_of(NOON, rows(*stream, *polls))
    assert made is not None
    assert made.histogram.ln(10) == 80.0
    assert made.histogram.ln(50) == 50.0
    assert made.histogram.count == pytest.approx(600, abs=10)


@pytest.mark.parametrize("delay_s", [0.0, 0.4, 3.0])
def test_a_burst_of_the_stream_belongs_where_its_counter_says(delay_s: float) -> None:
    """A modem that holds back three seconds of lines and then delivers them at once."""
    arrivals = np.array([0.1 * n for n in range(1, 601)])
    arrivals[200:230] = arrivals[229] + delay_s
    arrivals[230:] = np.maximum(arrivals[230:], arrivals[229])
    counters = np.array([(n - 1) % 600 + 1 for n in range(1, 601)], dtype=float)
    assert stream_times(arrivals, counters) == pytest.approx([0.1 * n for n in range(1, 601)])


def test_the_counter_of_a_stream_wraps_and_a_lost_line_leaves_a_hole() -> None:
    lines = [streamed(0.1 * n, 60.0, (n + 500 - 1) % 600 + 1) for n in range(1, 601) if n != 300]
    made = minute_of(NOON, rows(*lines))
    assert made is not None
    assert made.valid_s == pytest.approx(59.9)
    assert made.source == "stream"


def test_a_long_stored_interval_is_spread_and_says_so() -> None:
    long = {**interval(600.0, 65.0, duration_s=900.0, lmax=80.0), "source": Source.SD_LEQ, "lp": np.nan}
    made = minute_of(NOON, rows(long))
    assert made is not None
    assert made.laeq == pytest.approx(65.0)
    assert Flag.SPREAD in made.flags
    assert made.lmax == 80.0
    assert made.histogram.count == 0


def test_a_running_maximum_tells_of_the_minute_only_when_it_moves() -> None:
    same = [poll(1.3 * n, 60.0, lmax=95.0, lmin=40.0, lpeak=110.0) for n in range(1, 47)]
    made = minute_of(NOON, rows(*same))
    assert made is not None
    assert (made.lmax, made.lmin, made.lpeak) == (60.0, 60.0, None)
    moved = [poll(1.3 * n, 60.0, lmax=95.0 if n < 20 else 97.0, lpeak=110.0 if n < 20 else 112.0) for n in range(1, 47)]
    made = minute_of(NOON, rows(*moved))
    assert made is not None
    assert (made.lmax, made.lpeak) == (97.0, 112.0)


def test_an_overload_shows_in_the_minute_in_which_it_came_up() -> None:
    latched = [poll(1.3 * n, over=1.0) for n in range(1, 47)]
    made = minute_of(NOON, rows(*latched))
    assert made is not None
    assert Flag.OVER not in made.flags
    came_up = [poll(1.3 * n, over=float(n > 20)) for n in range(1, 47)]
    made = minute_of(NOON, rows(*came_up))
    assert made is not None
    assert Flag.OVER in made.flags
    stored = [interval(1.0 + n, 60.0, over=float(n == 7)) for n in range(60)]
    made = minute_of(NOON, rows(*stored))
    assert made is not None
    assert Flag.OVER in made.flags


def test_an_exposure_level_that_fell_is_a_new_run() -> None:
    made = minute_of(NOON, rows(*(poll(1.3 * n, le=90.0 if n < 20 else 60.0 + n) for n in range(1, 47))))
    assert made is not None
    assert Flag.RESET in made.flags
