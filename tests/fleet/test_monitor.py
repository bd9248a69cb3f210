"""Reading meters: while watched, when kept alive, in the background, in trouble, and not at all."""

from collections.abc import Callable

import gevent
import pytest

from slmm.emulator.process import RunningEmulator
from slmm.errors import DeviceDisabled, DeviceUnreachable, Standby, StatusError
from slmm.events import FeedMode, RunState
from slmm.nl43.meter import Meter
from slmm.runtime import Runtime
from tests.conftest import eventually
from tests.fleet.conftest import Heard, add, watch

Start = Callable[..., Runtime]


def test_a_meter_is_read_while_somebody_watches_and_left_alone_after(
    start_runtime: Start, fast_emulator: RunningEmulator, heard: Heard
) -> None:
    runtime = start_runtime()
    unit_id = add(runtime, fast_emulator)
    gevent.sleep(0.2)
    assert fast_emulator.client.counters(0)["received"] == 0
    viewer = watch(runtime, unit_id)
    eventually(lambda: len(heard.readings) >= 5)
    runtime.hub.leave(viewer)
    gevent.sleep(0.2)
    seen = len(heard.readings)
    gevent.sleep(0.4)
    assert len(heard.readings) == seen
    assert runtime.fleet.monitor_status()[unit_id].mode is FeedMode.OFF


def test_a_feed_kept_alive_is_read_at_the_idle_cadence_and_restored_at_boot(
    start_runtime: Start, fast_emulator: RunningEmulator, heard: Heard
) -> None:
    runtime = start_runtime(monitor_idle_poll_interval=0.3)
    add(runtime, fast_emulator, monitor_enabled=True)
    eventually(lambda: len(heard.readings) >= 3)
    intervals = [(b.at - a.at).total_seconds() for a, b in zip(heard.readings, heard.readings[1:], strict=False)]
    assert all(0.25 < interval < 0.6 for interval in intervals)
    runtime.stop()
    heard.readings.clear()
    start_runtime(monitor_idle_poll_interval=0.3)
    eventually(lambda: heard.readings, 10)


def test_the_background_poller_reads_what_nobody_watches(
    start_runtime: Start, fast_emulator: RunningEmulator, heard: Heard
) -> None:
    runtime = start_runtime()
    unit_id = add(runtime, fast_emulator, poll_enabled=True, poll_interval_seconds=30)
    eventually(lambda: heard.readings, 10)
    status = runtime.fleet.polling_status()[0]
    assert (status.covered_by_feed, runtime.fleet.monitor_status()[unit_id].mode) == (False, FeedMode.BACKGROUND)
    viewer = watch(runtime, unit_id)
    assert runtime.fleet.polling_status()[0].covered_by_feed
    runtime.hub.leave(viewer)


def test_the_first_frame_comes_at_once_though_no_poll_runs(
    start_runtime: Start, emulator: RunningEmulator, heard: Heard
) -> None:
    runtime = start_runtime(device_pacing_s=1.0)
    unit_id = add(runtime, emulator)
    gevent.sleep(0.1)
    with gevent.Timeout(0.5):
        viewer = watch(runtime, unit_id)
        while not viewer.take():
            gevent.sleep(0.001)


def test_three_failed_polls_make_one_unreachable_and_recovery_is_told(
    start_runtime: Start, fast_emulator: RunningEmulator, heard: Heard
) -> None:
    runtime = start_runtime(monitor_backoff_base_s=0.1, monitor_backoff_watched_max_s=0.3)
    unit_id = add(runtime, fast_emulator)
    watch(runtime, unit_id)
    eventually(lambda: heard.readings)
    fast_emulator.client.fault(0, "unplugged")
    eventually(lambda: heard.contacts)
    assert heard.contacts[0].is_reachable is False
    assert "refuses" in heard.contacts[0].reason
    status = runtime.fleet.monitor_status()[unit_id]
    assert (status.mode, status.reachable) == (FeedMode.BACKOFF, False)
    gevent.sleep(1.0)
    assert len(heard.contacts) == 1
    seen = len(heard.readings)
    fast_emulator.client.fault(0, "plugged")
    eventually(lambda: len(heard.readings) > seen)
    assert [change.is_reachable for change in heard.contacts] == [False, True]


def test_starts_and_stops_at_the_keypad_are_seen_as_changes(
    start_runtime: Start, fast_emulator: RunningEmulator, heard: Heard
) -> None:
    runtime = start_runtime(monitor_state_refresh_s=0.2)
    watch(runtime, add(runtime, fast_emulator))
    eventually(lambda: heard.readings and heard.readings[-1].run_state is RunState.MEASURING)
    assert heard.runs == []
    fast_emulator.client.keypad(0, "stop")
    eventually(lambda: len(heard.runs) == 1)
    fast_emulator.client.keypad(0, "start")
    eventually(lambda: len(heard.runs) == 2)
    assert [change.run_state for change in heard.runs] == [RunState.STOPPED, RunState.MEASURING]
    assert heard.runs[1].started_at is not None
    eventually(lambda: heard.readings[-1].measurement_started_at == heard.runs[1].started_at)


def test_a_person_starts_and_stops_between_two_polls(
    start_runtime: Start, fast_emulator: RunningEmulator, heard: Heard
) -> None:
    runtime = start_runtime()
    unit_id = add(runtime, fast_emulator)
    watch(runtime, unit_id)
    eventually(lambda: heard.readings)
    assert runtime.fleet.request(unit_id, Meter.stop_measurement, "stop") is RunState.STOPPED
    with pytest.raises(StatusError, match="R\\+0004"):
        runtime.fleet.request(unit_id, Meter.stop_measurement, "stop")
    assert runtime.fleet.request(unit_id, Meter.start_measurement, "start") is RunState.MEASURING
    assert fast_emulator.client.counters(0)["too_soon"] == 0


def test_start_ends_a_sleep_mode_first(start_runtime: Start, fast_emulator: RunningEmulator) -> None:
    runtime = start_runtime()
    unit_id = add(runtime, fast_emulator)
    runtime.fleet.request(unit_id, Meter.stop_measurement, "stop")
    runtime.fleet.request(unit_id, lambda meter: meter.write_setting("Sleep Mode", "On"), "sleep")
    runtime.fleet.request(unit_id, Meter.start_measurement, "start")
    assert runtime.fleet.request(unit_id, lambda meter: meter.read_setting("Sleep Mode"), "read") == "Off"


def test_standby_lets_go_of_every_meter_and_resume_takes_them_up(
    start_runtime: Start, fast_emulator: RunningEmulator, heard: Heard
) -> None:
    runtime = start_runtime()
    unit_id = add(runtime, fast_emulator)
    watch(runtime, unit_id)
    eventually(lambda: heard.readings)
    runtime.fleet.standby()
    eventually(lambda: fast_emulator.client.counters(0)["open_now"] == 0)
    assert fast_emulator.client.counters(0)["closed_by_rst"] == 0
    with pytest.raises(Standby):
        runtime.fleet.read_now(unit_id)
    seen = len(heard.readings)
    runtime.fleet.resume()
    eventually(lambda: len(heard.readings) > seen)


def test_a_deactivated_unit_is_left_alone(start_runtime: Start, fast_emulator: RunningEmulator, heard: Heard) -> None:
    runtime = start_runtime()
    unit_id = add(runtime, fast_emulator)
    watch(runtime, unit_id)
    eventually(lambda: heard.readings)
    runtime.roster.change(unit_id, is_active=False)
    runtime.fleet.disconnect(unit_id)
    assert runtime.fleet.disconnect(unit_id) is False
    eventually(lambda: fast_emulator.client.counters(0)["open_now"] == 0)
    with pytest.raises(DeviceDisabled):
        runtime.fleet.read_now(unit_id)


def test_a_moved_unit_is_read_at_its_new_address(
    start_runtime: Start, fast_emulator: RunningEmulator, heard: Heard
) -> None:
    runtime = start_runtime()
    unit_id = add(runtime, fast_emulator)
    watch(runtime, unit_id)
    eventually(lambda: heard.readings)
    runtime.roster.change(unit_id, tcp_port=fast_emulator.meters[1].port)
    eventually(lambda: fast_emulator.client.counters(1)["received"] > 2)
    eventually(lambda: fast_emulator.client.counters(0)["open_now"] == 0)


def test_a_removed_unit_is_let_go(start_runtime: Start, fast_emulator: RunningEmulator, heard: Heard) -> None:
    runtime = start_runtime()
    unit_id = add(runtime, fast_emulator)
    viewer = watch(runtime, unit_id)
    eventually(lambda: heard.readings)
    runtime.roster.remove(unit_id)
    eventually(lambda: fast_emulator.client.counters(0)["open_now"] == 0)
    assert viewer.is_over


def test_labels_are_read_from_the_meter(start_runtime: Start, fast_emulator: RunningEmulator) -> None:
    runtime = start_runtime()
    unit_id = add(runtime, fast_emulator)
    watch(runtime, unit_id)
    eventually(lambda: runtime.board.status(unit_id).labels.percentiles[4], 20)
    labels = runtime.board.status(unit_id).labels
    assert (labels.frequency_weighting, labels.time_weighting) == ("A", "F")
    assert labels.percentiles == ("5", "10", "50", "90", "95")


def test_chores_use_the_time_between_slow_polls_and_do_not_delay_them(
    start_runtime: Start, fast_emulator: RunningEmulator, heard: Heard
) -> None:
    runtime = start_runtime(monitor_idle_poll_interval=1.0)
    unit_id = add(runtime, fast_emulator, monitor_enabled=True)
    eventually(lambda: runtime.board.status(unit_id).labels.percentiles[4], 5)
    assert len(heard.readings) <= 3
    eventually(lambda: len(heard.readings) >= 4)
    intervals = [(b.at - a.at).total_seconds() for a, b in zip(heard.readings, heard.readings[1:], strict=False)]
    assert all(0.9 < interval < 1.2 for interval in intervals)


def test_a_meter_that_was_never_there_is_an_error_that_says_so(start_runtime: Start, emulator: RunningEmulator) -> None:
    runtime = start_runtime()
    unit_id = add(runtime, emulator)
    emulator.client.fault(0, "unplugged")
    with pytest.raises(DeviceUnreachable, match="refused"):
        runtime.fleet.read_now(unit_id)


def test_connections_without_persistence_are_closed_after_each_exchange(
    start_runtime: Start, fast_emulator: RunningEmulator
) -> None:
    runtime = start_runtime(tcp_persistent_enabled=False)
    unit_id = add(runtime, fast_emulator)
    for _ in range(3):
        runtime.fleet.read_now(unit_id)
    eventually(lambda: fast_emulator.client.counters(0)["open_now"] == 0)
    assert fast_emulator.client.counters(0)["connections"] == 3


def test_an_idle_connection_is_closed_when_its_time_has_come(
    start_runtime: Start, fast_emulator: RunningEmulator
) -> None:
    runtime = start_runtime(tcp_idle_ttl=0.5)
    runtime.fleet.read_now(add(runtime, fast_emulator))
    assert fast_emulator.client.counters(0)["open_now"] == 1
    eventually(lambda: fast_emulator.client.counters(0)["open_now"] == 0, 3)
    assert fast_emulator.client.counters(0)["closed_by_fin"] == 1
