"""The judges of a run: what is wrong is found, and what is right is not complained about."""

import random
from typing import Any

import pytest

from slmm.settings import load
from slmm.soak.environment import settings as soak_settings
from slmm.soak.measuring import Baseline, Life, compare_counters
from slmm.soak.readings import Book, Levels, Visit, check_visit, of_line, seconds, stamp
from slmm.soak.slope import theil_sen
from slmm.soak.troubles import KILL, Alarm, Loud, Trouble, compare_alarms, find
from slmm.soak.watching import event_id

T = seconds("2026-11-21T12:00:00.000Z")


def levels(number: int) -> Levels:
    return tuple(float(number) for _ in range(11))


def row(number: int, at_s: float | None = None) -> tuple[str, Levels]:
    return stamp(T + number if at_s is None else at_s), levels(number)


def book(*made: int) -> Book:
    its = Book("u")
    its.made.extend((T + number - 0.1, levels(number)) for number in made)
    return its


def settled(its: Book, rows: list[tuple[str, Levels]]) -> tuple[int, list[float], list[float]]:
    found = its.settle(rows, T + 1000)
    return len(found.phantoms), [at_s - T for at_s in found.lost_s], found.unkept_s


def test_a_record_that_has_all_is_in_order() -> None:
    assert settled(book(1, 2, 3), [row(1), row(2), row(3)]) == (0, [], [])


def test_a_reading_the_meter_never_made_is_found() -> None:
    assert settled(book(1, 3), [row(1), row(2), row(3)])[0] == 1


def test_a_reading_that_is_twice_on_record_is_found() -> None:
    assert settled(book(1, 2), [row(1), row(1, T + 1.5), row(2)])[0] == 1


def test_a_reading_the_record_lacks_is_found_with_its_time() -> None:
    assert settled(book(1, 2, 3), [row(1), row(3)])[1] == [pytest.approx(1.9, abs=0.01)]


def test_of_equal_lines_the_latest_is_the_one_that_arrived() -> None:
    its = Book("u")
    its.made.extend([(T, levels(7)), (T + 5, levels(7))])
    assert settled(its, [row(7, T + 5.1)])[1] == [0.0]


def test_a_blank_field_is_no_wrong_level_and_a_wrong_level_is() -> None:
    blank = (1.0, None, *levels(1)[2:])
    assert settled(book(1), [(stamp(T + 1), blank)])[0] == 0
    wrong = (1.0, 99.0, *levels(1)[2:])
    assert settled(book(1), [(stamp(T + 1), wrong)])[0] == 1


def test_what_viewers_saw_must_be_on_record_as_they_saw_it() -> None:
    its = book(1, 2, 3)
    its.published = dict([row(1), row(2), (stamp(T + 3), levels(4))])
    assert settled(its, [row(1), row(3)])[2] == [T + 2, T + 3]


def test_spans_that_follow_each_other_lose_nothing_between_them() -> None:
    its = book(*range(1, 41))
    its.published = dict(row(number) for number in range(1, 41))
    lost: list[float] = []
    for start in range(0, 40, 10):
        found = its.settle([row(number) for number in range(start + 1, start + 11)], T + start + 10)
        lost += [*found.lost_s, *found.unkept_s]
    assert lost == []
    assert not its.made


def test_a_line_is_read_without_the_code_under_test() -> None:
    assert of_line(" 41.0, 39.4,  -.-, 41.0, 37.8, 40.8, 40.6, 39.2, 38.6, 38.3, 58.7,  -.-,0,0")[:3] == (
        41.0,
        39.4,
        None,
    )


KNOWN = [("b", number) for number in range(100, 120)]


@pytest.mark.parametrize(
    ("got", "complaint"),
    [
        ([(number, 0) for number in range(100, 110)], None),
        ([(100, 0), (101, 0), (105, 3), (106, 0)], None),
        ([(100, 7), (101, 0)], None),
        ([(100, 0), (101, 0), (105, 0)], "missed 3 frames of b and was told of 0"),
        ([(100, 0), (101, 2)], "missed 0 frames of b and was told of 2"),
        ([(100, 0), (100, 0)], "twice or out of order"),
        ([(101, 0), (100, 0)], "twice or out of order"),
    ],
)
def test_a_viewer_misses_what_it_is_told_and_no_more(got: list[tuple[int, int]], complaint: str | None) -> None:
    found = check_visit(Visit("u", [(("b", number), skipped) for number, skipped in got]), KNOWN)
    assert found is None if complaint is None else complaint in (found or "")


def test_an_id_with_a_hyphen_in_its_boot_is_taken_apart_at_the_last() -> None:
    assert event_id("a-b-17") == ("a-b", 17)


def alarm(at_s: float, *, is_level: bool = True, reason: str = "cleared") -> Alarm:
    return Alarm("u", is_level, T + at_s, T + at_s + 1, reason)


LOUD = [Loud("u", T + 10, T + 20), Loud("u", T + 50, T + 60)]
FAULT = Trouble("network: silence", "u", T + 30, T + 35, T + 36)


@pytest.mark.parametrize(
    ("alarms", "complaints"),
    [
        ([alarm(10.5), alarm(50.5)], 0),
        ([alarm(10.5)], 1),
        ([alarm(10.5), alarm(15), alarm(50.5)], 1),
        ([alarm(10.5), alarm(50.5), alarm(80)], 1),
        ([alarm(10.5), alarm(50.5, reason="no_data")], 1),
        ([alarm(10.5), alarm(50.5), alarm(31, is_level=False, reason="online")], 0),
        ([alarm(10.5), alarm(50.5), alarm(5, is_level=False, reason="online")], 1),
    ],
)
def test_each_loud_phase_has_one_event_and_none_is_without_a_cause(alarms: list[Alarm], complaints: int) -> None:
    assert len(compare_alarms(LOUD, alarms, [FAULT])) == complaints


def test_a_kill_explains_the_two_seconds_before_it_and_a_fault_does_not() -> None:
    kill = Trouble(KILL, "", T + 30, T + 34, T + 35)
    assert find([kill], "u", T + 28.5) is kill
    assert find([kill], "u", T + 27.5) is None
    assert find([FAULT], "u", T + 28.5) is None
    assert find([FAULT], "other", T + 31) is None


def counted(**differences: float) -> dict[str, bool]:
    link = {"commands": 100, "replies": 97, "timeouts": 2, "garbled": 1, "lost": 0, "opened": 3, "open_failures": 0}
    link |= {name: value for name, value in differences.items() if name in link}
    others = {"accepted": 3, "commands": 100, "forwarded": 99, "received": 99, "answered": 98}
    others |= {name.removeprefix("their_"): value for name, value in differences.items() if name.startswith("their_")}
    metrics: list[tuple[str, dict[str, str], float]] = [
        ("slmm_command_results_total", {"result": "R+0000"}, 97.0),
        ("slmm_command_results_total", {"result": "timeout"}, 3.0),
        ("slmm_command_results_total", {"result": "unreachable"}, 5.0),
        ("slmm_connections_opened_total", {"unit": "u"}, 3.0),
    ]
    none: dict[str, Any] = dict.fromkeys(others, 0)
    found = compare_counters({"u": link}, metrics, {"u": Baseline(**none)}, {"u": Baseline(**others)})  # type: ignore[arg-type]
    return {count.what: count.is_equal for count in found}


def test_counters_that_agree_are_found_to() -> None:
    assert all(counted().values())


@pytest.mark.parametrize(
    "difference",
    [
        {"their_commands": 99},
        {"their_received": 98},
        {"their_accepted": 4},
        {"their_accepted": 2},
        {"replies": 96},
        {"their_answered": 96},
        {"their_answered": 101},
    ],
)
def test_counters_that_do_not_are_found_out(difference: dict[str, float]) -> None:
    assert not all(counted(**difference).values())


def test_growth_is_found_in_noise_and_outliers() -> None:
    chance = random.Random(7)
    points = [(hour / 100, 200 + 3.0 * hour / 100 + chance.gauss(0, 0.2)) for hour in range(900)]
    points[100] = (1.0, 900.0)
    found = theil_sen(points)
    assert found is not None
    assert found.low < 3.0 < found.high
    assert found.value == pytest.approx(3.0, abs=0.1)


def test_what_does_not_grow_has_zero_between_its_bounds() -> None:
    chance = random.Random(3)
    found = theil_sen([(number, 200 + chance.gauss(0, 1)) for number in range(100)])
    assert found is not None
    assert found.low < 0 < found.high


def test_too_few_points_tell_nothing() -> None:
    assert theil_sen([(number, 1.0) for number in range(9)]) is None


@pytest.mark.parametrize("speed", [1.0, 10.0, 12.0])
def test_the_settings_of_a_run_are_settings_of_the_service(speed: float) -> None:
    found = load(soak_settings(speed), None)
    assert found.device_pacing_s == pytest.approx(1.0 / speed)


def test_what_settings_bound_is_told_apart_from_what_grows() -> None:
    life = Life(began_s=100.0)
    for second in range(0, 3600, 30):
        life.memory.append((100.0 + second, 200.0 + second / 600))  # the database keeps what it has written
        life.rest.append((100.0 + second, 190.0 + second / 7200))
    whole, rest = life.slope_mib_h(600.0), life.slope_of_rest_mib_h(600.0)
    assert whole is not None
    assert rest is not None
    assert (whole.value, rest.value) == pytest.approx((6.0, 0.5))
    assert life.slope_of_rest_mib_h(3590.0) is None, "one point tells nothing"
