"""Each fault of the emulator: no wrong value published, no phantom start or stop, and soon back."""

import time
from collections.abc import Callable
from typing import Any

import pytest

from slmm.emulator.faults import REPLY_FAULTS
from slmm.emulator.process import RunningEmulator
from slmm.errors import DeviceTimeout
from slmm.events import Reading
from slmm.nl43.meter import Meter
from slmm.runtime import Runtime
from tests.conftest import eventually
from tests.fleet.conftest import Heard, add, watch

REPLY_TIMEOUT_S = 1.0
BACKOFF_STEP_S = 0.5
FIELDS = ("lp", "leq", "le", "lmax", "lmin", "ln1", "ln2", "ln3", "ln4", "ln5", "lpeak")
VALUES = {"late_reply": 2.5}
CASES = [(name, command) for name in REPLY_FAULTS for command in ("DOD?", "Measure?")]
CASES += [("refused_control_port", ""), ("clock_jump", "")]


def truths(emulator: RunningEmulator) -> list[list[float | None]]:
    """What the meter truly showed, decoded without the code under test."""
    shown: list[list[float | None]] = []
    for line in emulator.client.meters()[0]["shown"]:
        fields = [field.strip() for field in line.split(",")[:11]]
        shown.append([None if field == "-.-" else float(field) for field in fields])
    return shown


def is_true(reading: Reading, shown: list[list[float | None]]) -> bool:
    """Whether every level published stands in one line the meter showed; a blank may be missing."""
    levels = [getattr(reading.main, name) for name in FIELDS]
    return any(all(level is None or level == true for level, true in zip(levels, line, strict=True)) for line in shown)


@pytest.mark.parametrize(("name", "command"), CASES)
@pytest.mark.parametrize("prompt", ["after", "none"])
def test_a_fault_publishes_nothing_wrong_and_is_overcome(
    start_runtime: Callable[..., Runtime],
    fast_emulator: RunningEmulator,
    heard: Heard,
    name: str,
    command: str,
    prompt: str,
) -> None:
    fast_emulator.client.quirk(0, "prompt", prompt)
    runtime = start_runtime(
        reply_timeout_s=REPLY_TIMEOUT_S,
        monitor_backoff_base_s=BACKOFF_STEP_S,
        monitor_backoff_watched_max_s=BACKOFF_STEP_S,
        monitor_state_refresh_s=0.3,
    )
    watch(runtime, add(runtime, fast_emulator))
    eventually(lambda: heard.readings and heard.readings[-1].run_state)
    value = VALUES.get(name, 1.5)
    fast_emulator.client.fault(0, name, value=value, count=2, only=command)
    happened: dict[str, Any] = eventually(lambda: fast_emulator.client.meters()[0]["faults_happened"].get(name))
    assert happened
    began_s, seen = time.monotonic(), len(heard.readings)
    # The fault may hit a read and its one retry: two deadlines, the late reply itself, and a step of back-off.
    within_s = 2 * REPLY_TIMEOUT_S + 2 * BACKOFF_STEP_S + value + 1.0
    eventually(lambda: len(heard.readings) >= seen + 10, within_s + 2.0, f"readings after {name}")
    assert time.monotonic() - began_s < within_s + 2.0
    published = heard.readings[-60:]  # taken first: what comes while the truth is fetched is not in it
    shown = truths(fast_emulator)
    wrong = [reading for reading in published if not is_true(reading, shown)]
    assert wrong == []
    assert heard.runs == []
    assert fast_emulator.client.counters(0)["most_open"] == 1


def test_blank_fields_keep_the_others_in_their_place(
    start_runtime: Callable[..., Runtime], fast_emulator: RunningEmulator
) -> None:
    runtime = start_runtime()
    unit_id = add(runtime, fast_emulator)
    runtime.fleet.read_now(unit_id)
    fast_emulator.client.fault(0, "blank_fields", only="DOD?")
    main = runtime.fleet.read_now(unit_id).main
    assert (main.leq, main.lmin, main.lpeak) == (None, None, None)
    assert main.lmax is not None
    assert main.ln1 is not None
    assert main.over is False


def test_a_command_that_changes_the_meter_is_never_sent_twice(
    start_runtime: Callable[..., Runtime], fast_emulator: RunningEmulator
) -> None:
    runtime = start_runtime()
    unit_id = add(runtime, fast_emulator)
    runtime.fleet.read_now(unit_id)
    fast_emulator.client.fault(0, "silence", only="Measure,Stop")
    with pytest.raises(DeviceTimeout):
        runtime.fleet.request(unit_id, Meter.stop_measurement, "stop")
    assert fast_emulator.client.counters(0)["commands"]["Measure,Stop"] == 1


@pytest.mark.parametrize(
    ("quirk", "value"),
    [
        ("prompt", "double"),
        ("prompt", "crlf"),
        ("prompt_on_connect", "true"),
        ("has_option", "false"),
        ("second_connection", "rst"),
        ("slot_release_s", "0.3"),
    ],
)
def test_every_position_of_a_switch_works(
    start_runtime: Callable[..., Runtime], fast_emulator: RunningEmulator, heard: Heard, quirk: str, value: str
) -> None:
    fast_emulator.client.quirk(0, quirk, value)
    runtime = start_runtime()
    watch(runtime, add(runtime, fast_emulator))
    eventually(lambda: len(heard.readings) >= 10)
    assert runtime.fleet.connections()[0].garbled == 0
