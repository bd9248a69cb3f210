"""The 100 ms stream: one at the meter, any number of viewers, interrupted cleanly, ended with SUB."""

import itertools
import json
from collections.abc import Callable
from datetime import datetime
from typing import Any

import gevent
import pytest

from slmm import events, signals
from slmm.emulator.process import RunningEmulator
from slmm.errors import DeviceTimeout
from slmm.live.audience import Channel
from slmm.live.formats import SSE
from slmm.live.viewer import Viewer
from slmm.nl43.meter import Meter
from slmm.runtime import Runtime
from tests.conftest import eventually
from tests.fleet.conftest import Heard, add, watch

OF_STREAM = 45
"""Commas a line of the stream has at most, whatever state it carries; the display's has more."""


def follow(
    runtime: Runtime, unit_id: str = "m0", channel: Channel = Channel.STREAM
) -> tuple[Viewer, list[dict[str, Any]], gevent.Greenlet]:
    """A viewer of the stream, or of another channel, and the frames it gets."""
    viewer = runtime.hub.join([unit_id], SSE, channel=channel)
    frames: list[dict[str, Any]] = []

    def read() -> None:
        for piece in viewer.chunks():
            for event in piece.decode().split("\n\n"):
                for line in event.split("\n"):
                    if line.startswith("data: "):
                        frames.append(json.loads(line[6:]))

    return viewer, frames, gevent.spawn(read)


def leave(runtime: Runtime, *viewers: Viewer) -> None:
    for viewer in viewers:
        runtime.hub.leave(viewer)


def test_many_viewers_share_one_stream_of_ten_frames_a_second(
    start_runtime: Callable[..., Runtime], fast_emulator: RunningEmulator
) -> None:
    runtime = start_runtime()
    add(runtime, fast_emulator)
    followers = [follow(runtime) for _ in range(5)]
    eventually(lambda: all(len(frames) >= 25 for _, frames, _ in followers))
    assert fast_emulator.client.counters(0)["streams"] == 1
    counters = [frame["counter"] for frame in followers[0][1]]
    assert counters == list(range(counters[0], counters[0] + len(counters)))
    leave(runtime, *(viewer for viewer, _, _ in followers))
    eventually(lambda: not fast_emulator.client.meters()[0]["is_streaming"])


def test_a_frame_carries_levels_and_the_state_of_the_meter(
    start_runtime: Callable[..., Runtime], fast_emulator: RunningEmulator
) -> None:
    runtime = start_runtime()
    add(runtime, fast_emulator)
    viewer, frames, _ = follow(runtime)
    frame = eventually(lambda: frames and frames[-1])
    assert frame["feed_status"] == "ok"
    assert 20 < frame["lp"] < 130
    assert frame["measurement_state"] == "Start"
    assert frame["battery"] == "F"
    assert frame["sd_free_mb"] > 0
    assert runtime.board.status("m0").battery_level == "Full"
    leave(runtime, viewer)


def test_a_meter_without_status_streams_levels_all_the_same(
    start_runtime: Callable[..., Runtime], fast_emulator: RunningEmulator
) -> None:
    fast_emulator.client.quirk(0, "has_stream_status", "False")
    runtime = start_runtime()
    add(runtime, fast_emulator)
    viewer, frames, _ = follow(runtime)
    frame = eventually(lambda: frames and frames[-1])
    assert "battery" not in frame
    assert frame["lp"] is not None
    leave(runtime, viewer)


def test_a_meter_that_will_not_stream_says_so_to_its_viewers(
    start_runtime: Callable[..., Runtime], fast_emulator: RunningEmulator
) -> None:
    fast_emulator.client.quirk(0, "has_option", "False")
    runtime = start_runtime()
    add(runtime, fast_emulator)
    viewer, frames, reader = follow(runtime)
    reader.join(10)
    assert reader.dead
    assert frames[-1]["code"] == "stream_ended"
    assert "R+0001" in frames[-1]["error"]
    assert runtime.board.status("m0").is_reachable is not False
    leave(runtime, viewer)


@pytest.mark.parametrize("answer", ["prompt", "none", "result"])
def test_a_command_interrupts_the_stream_and_the_stream_goes_on(
    start_runtime: Callable[..., Runtime], fast_emulator: RunningEmulator, answer: str
) -> None:
    fast_emulator.client.quirk(0, "sub_answer", answer)
    runtime = start_runtime()
    add(runtime, fast_emulator)
    viewer, frames, _ = follow(runtime)
    eventually(lambda: len(frames) > 5)
    for _ in range(3):
        before = len(frames)
        assert runtime.fleet.request("m0", Meter.read_battery, "battery") == "Full"
        eventually(lambda before=before: len(frames) > before + 5)
    runtime.fleet.request("m0", lambda meter: meter.write_setting("Key Lock", "On"), "lock")
    counters = fast_emulator.client.counters(0)
    assert counters["not_recognised"] == 0
    assert runtime.fleet.connections()[0].opened == 1
    leave(runtime, viewer)


def test_readings_go_on_beside_the_stream_at_the_idle_cadence(
    start_runtime: Callable[..., Runtime], fast_emulator: RunningEmulator, heard: Heard
) -> None:
    runtime = start_runtime(monitor_idle_poll_interval=1.0)
    add(runtime, fast_emulator)
    watcher = watch(runtime, "m0")
    viewer, frames, _ = follow(runtime)
    # The readings before the stream began count, too, and a busy machine streams less: the ratio shows with time.
    eventually(lambda: len(heard.readings) >= 3 and len(frames) > max(20, 3 * len(heard.readings)))
    leave(runtime, viewer, watcher)


def test_who_follows_readings_gets_a_level_a_second_beside_the_stream(
    start_runtime: Callable[..., Runtime], fast_emulator: RunningEmulator, heard: Heard
) -> None:
    runtime = start_runtime(monitor_idle_poll_interval=60.0, reply_timeout_s=10.0)  # a busy machine is no broken stream
    add(runtime, fast_emulator)
    viewer, frames, _ = follow(runtime)
    eventually(lambda: len(frames) >= 5)
    watcher, levels, _ = follow(runtime, channel=Channel.LEVELS)
    guest, shared, _ = follow(runtime, channel=Channel.SHARED)
    eventually(lambda: sum("from_stream" in level for level in levels) >= 4)
    between = [level for level in levels if "from_stream" in level]

    def are_of_stream() -> bool:
        streamed = {(frame["timestamp"], frame["counter"], frame["lp"]) for frame in frames}
        return {(level["timestamp"], level["counter"], level["lp"]) for level in between} <= streamed

    eventually(are_of_stream)  # either of the two may be served first
    for level in between:
        assert [name for name in ("leq", "le", "lmax", "lmin", "lpeak", "ln1", "over") if level[name] is not None] == []
    times = [datetime.fromisoformat(level["timestamp"]) for level in between]
    spacings = [(after - before).total_seconds() for before, after in itertools.pairwise(times)]
    assert all(spacing >= 1.0 for spacing in spacings), spacings
    assert all(reading.raw.count(",") > OF_STREAM for reading in heard.readings), "no reading was made of them"
    reading = runtime.board.status("m0").reading
    assert reading is not None
    assert reading.main.leq is not None, "what was last displayed stays on the board"
    eventually(lambda: shared and "from_stream" in shared[-1])
    assert "raw_payload" not in shared[-1]
    leave(runtime, viewer, watcher, guest)


def test_a_stream_that_breaks_is_told_once_and_comes_back(
    start_runtime: Callable[..., Runtime], fast_emulator: RunningEmulator
) -> None:
    runtime = start_runtime(monitor_backoff_base_s=0.1, monitor_backoff_watched_max_s=0.2)
    add(runtime, fast_emulator)
    viewer, frames, _ = follow(runtime)
    eventually(lambda: len(frames) > 5)
    fast_emulator.client.fault(0, "unplugged")
    eventually(lambda: any(frame["feed_status"] == "unreachable" for frame in frames), 30)
    fast_emulator.client.fault(0, "plugged")
    count = len(frames)
    eventually(lambda: len(frames) > count + 5 and frames[-1]["feed_status"] == "ok", 30)
    assert sum(frame["feed_status"] == "unreachable" for frame in frames) == 1
    leave(runtime, viewer)


def test_ending_the_service_ends_the_stream_with_sub(
    start_runtime: Callable[..., Runtime], fast_emulator: RunningEmulator
) -> None:
    runtime = start_runtime()
    add(runtime, fast_emulator)
    _, frames, _ = follow(runtime)
    eventually(lambda: len(frames) > 5)
    runtime.stop()
    assert not fast_emulator.client.meters()[0]["is_streaming"]
    assert fast_emulator.client.counters(0)["subs"] >= 1


@pytest.mark.deadline(90)
def test_a_person_waits_two_seconds_at_most_while_the_stream_runs_and_fifty_watch(
    start_runtime: Callable[..., Runtime], emulator: RunningEmulator
) -> None:
    runtime = start_runtime(device_pacing_s=1.0, reply_timeout_s=5.0)
    add(runtime, emulator)
    watchers = [watch(runtime, "m0") for _ in range(50)]
    viewer, frames, _ = follow(runtime)
    eventually(lambda: len(frames) > 5)
    waited: list[float] = []

    def note(sender: str, event: events.LogEntry) -> None:
        if event.message.startswith("Battery Level?"):
            waited.append(gevent.get_hub().loop.now())

    signals.logged.connect(note, weak=False)
    try:
        waits = []
        for _ in range(12):
            asked_s = gevent.get_hub().loop.now()
            runtime.fleet.request("m0", Meter.read_battery, "battery")
            waits.append(waited[-1] - asked_s)
            gevent.sleep(0.3)
    finally:
        signals.logged.disconnect(note)
    assert max(waits) <= 2.2, waits
    leave(runtime, viewer, *watchers)


def test_what_comes_late_after_sub_never_answers_a_setting(
    start_runtime: Callable[..., Runtime], fast_emulator: RunningEmulator
) -> None:
    fast_emulator.client.quirk(0, "sub_answer", "none")
    runtime = start_runtime()
    add(runtime, fast_emulator)
    viewer, frames, _ = follow(runtime)
    eventually(lambda: len(frames) > 5)
    fast_emulator.client.fault(0, "late_reply", value=2.0, only="Clock?")
    try:
        runtime.fleet.request("m0", lambda meter: meter.write_setting("Key Lock", "On"), "lock")
    except DeviceTimeout:
        pytest.fail("the setting was spoiled by the read before it")
    assert runtime.fleet.request("m0", lambda meter: meter.read_value("Key Lock"), "read") == "On"
    leave(runtime, viewer)
