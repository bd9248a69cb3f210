"""The meter's pause begins with the end of its reply, however the reply comes."""

from collections.abc import Callable

from slmm.emulator.process import RunningEmulator
from slmm.nl43.link import LinkTimes
from slmm.nl43.meter import Meter

PACING_S = 0.05
READINGS = 12


def meter_at(emulator: RunningEmulator) -> Meter:
    address = emulator.meters[0]
    return Meter("m", address.host, address.port, LinkTimes(pacing_s=PACING_S, reply_timeout_s=2.0), lambda *_: None)


def read(emulator: RunningEmulator, prepare: Callable[[], None] = lambda: None) -> int:
    """Read so often, and tell how many commands came too soon."""
    meter = meter_at(emulator)
    try:
        meter.read_display()
        prepare()
        for _ in range(READINGS):
            meter.read_display()
    finally:
        meter.close()
    return int(emulator.client.counters(0)["too_soon"])


def test_a_prompt_that_comes_after_its_line_is_waited_for(fast_emulator: RunningEmulator) -> None:
    client = fast_emulator.client
    assert read(fast_emulator, lambda: client.fault(0, "byte_by_byte", count=READINGS)) == 0
    assert client.faults_happened(0) == {"byte_by_byte": READINGS}


def test_a_meter_without_prompts_is_not_waited_for(fast_emulator: RunningEmulator) -> None:
    fast_emulator.client.quirk(0, "prompt", "none")
    assert read(fast_emulator) == 0


def test_a_prompt_that_is_missing_once_costs_no_reading(fast_emulator: RunningEmulator) -> None:
    client = fast_emulator.client
    assert read(fast_emulator, lambda: client.fault(0, "missing_prompt", count=2)) == 0
    counters = client.counters(0)
    assert counters["received"] == READINGS + 1
    assert counters["connections"] == 1
