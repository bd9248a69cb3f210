"""Whether a unit delivers data: silence, lone samples and the way back."""

from __future__ import annotations

from collections.abc import Iterable

from slmm.alerts import watchdog
from slmm.alerts.watchdog import Limits, Watch

LIMITS = Limits()


def story(samples_s: Iterable[float], until_s: float, watch: Watch | None = None) -> list[tuple[str, float]]:
    """When data are missed, and when they are back; looked at once a second and at every sample."""
    watch = watch or Watch(0.0)
    waiting, told = sorted(samples_s), []
    for now_s in range(int(until_s) + 1):
        due_s = watchdog.due_s(watch, LIMITS)
        if due_s is not None and now_s >= due_s:
            watch = watchdog.lost(watch)
            told.append(("no_data", due_s))
        while waiting and waiting[0] <= now_s:
            watch, is_back = watchdog.sampled(watch, LIMITS, waiting.pop(0))
            if is_back:
                told.append(("back", float(now_s)))
    return told


def test_silence_is_told_once_and_ends_with_ten_seconds_of_data() -> None:
    samples = [*range(100), *range(300, 330)]
    assert story(samples, 500) == [("no_data", 159.0), ("back", 310.0), ("no_data", 389.0)]


def test_a_unit_without_data_from_the_start_has_two_minutes() -> None:
    assert story([], 500) == [("no_data", 120.0)]


def test_two_samples_a_minute_are_one_alarm_without_end() -> None:
    assert story(range(0, 3600, 30), 3600) == [("no_data", 120.0)]


def test_a_link_that_thins_out_to_two_samples_a_minute_is_lost_once() -> None:
    assert story([*range(100), *range(110, 1000, 30)], 1000) == [("no_data", 159.0)]


def test_a_lone_sample_neither_ends_nor_puts_off_the_alarm() -> None:
    assert story([*range(100), 158], 300) == [("no_data", 159.0)]
    assert story([*range(100), 200, 260], 300) == [("no_data", 159.0)]


def test_short_stretches_of_data_do_not_end_the_alarm() -> None:
    stretches = [start + second for start in range(200, 500, 20) for second in range(6)]
    assert story([*range(100), *stretches], 500) == [("no_data", 159.0)]


def test_a_gap_within_the_way_back_begins_it_anew() -> None:
    samples = [*range(100), *range(200, 206), *range(215, 240)]
    assert story(samples, 239) == [("no_data", 159.0), ("back", 225.0)]


def test_what_was_there_before_a_meter_was_lost_does_not_count_for_the_way_back() -> None:
    limits = Limits(max_gap_s=90.0)  # read every 30 s
    watch, _ = watchdog.sampled(Watch(0.0), limits, 0.0)
    for at_s in (30.0, 60.0, 90.0):
        watch, _ = watchdog.sampled(watch, limits, at_s)
    watch = watchdog.lost(watch)  # it cannot be reached any more
    watch, is_back = watchdog.sampled(watch, limits, 150.0)
    assert not is_back
    assert watch.is_lost
    watch, is_back = watchdog.sampled(watch, limits, 180.0)
    assert is_back
    assert not watch.is_lost


def test_an_alarm_has_no_time_at_which_it_is_due() -> None:
    assert watchdog.due_s(watchdog.lost(Watch(0.0)), LIMITS) is None


def test_during_a_pause_nothing_is_missed_and_afterwards_the_wait_begins_anew() -> None:
    watch = Watch(0.0)
    for at_s in range(100):
        watch, _ = watchdog.sampled(watch, LIMITS, float(at_s))
    watch = watchdog.paused(watch, 150.0)
    assert watchdog.due_s(watch, LIMITS) == 150.0 + LIMITS.startup_grace_s


def test_a_pause_does_not_end_an_alarm() -> None:
    watch = watchdog.paused(watchdog.lost(Watch(0.0)), 150.0)
    assert watch.is_lost
    assert [kind for kind, _ in story([*range(200, 215)], 214, watch)] == ["back"]
