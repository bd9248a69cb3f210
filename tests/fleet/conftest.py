"""A runtime in this process over real meters in another."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from slmm import events, signals
from slmm.emulator.process import RunningEmulator
from slmm.live.formats import SSE
from slmm.live.viewer import Viewer
from slmm.runtime import Runtime
from slmm.settings import Settings
from slmm.storage.database import Database
from slmm.storage.devices import Device
from tests.conftest import FAST


class Heard:
    """Every signal of the program, in order."""

    def __init__(self) -> None:
        self.readings: list[events.Reading] = []
        self.runs: list[events.MeasurementChange] = []
        self.contacts: list[events.ContactChange] = []
        self.modes: list[events.ModeChange] = []
        self._wiring = [
            (signals.reading_taken, self.readings),
            (signals.measurement_changed, self.runs),
            (signals.contact_changed, self.contacts),
            (signals.mode_changed, self.modes),
        ]
        self._receivers: list[tuple[Any, Any]] = []

    def listen(self) -> None:
        for signal, found in self._wiring:

            def receive(sender: str, event: Any, found: list[Any] = found) -> None:
                found.append(event)

            signal.connect(receive, weak=False)
            self._receivers.append((signal, receive))

    def stop(self) -> None:
        for signal, receive in self._receivers:
            signal.disconnect(receive)


@pytest.fixture
def heard() -> Iterator[Heard]:
    listening = Heard()
    listening.listen()
    yield listening
    listening.stop()


@pytest.fixture
def start_runtime(make_settings: Callable[..., Settings]) -> Iterator[Callable[..., Runtime]]:
    started: list[Runtime] = []

    def start(**given: Any) -> Runtime:
        settings = make_settings(**{**FAST, **given})
        runtime = Runtime(settings, Database.open(settings.sqlalchemy_url))
        runtime.start()
        started.append(runtime)
        return runtime

    yield start
    for runtime in started:
        runtime.stop()


def add(runtime: Runtime, emulator: RunningEmulator, index: int = 0, **members: Any) -> str:
    """Put meter *index* on the roster as ``m<index>``, not polled in the background unless asked for."""
    meter = emulator.meters[index]
    unit_id = f"m{index}"
    members.setdefault("poll_enabled", False)
    runtime.roster.add(Device(unit_id, meter.host, meter.port, **members))
    return unit_id


def watch(runtime: Runtime, unit_id: str) -> Viewer:
    """One viewer more, who pulls."""
    return runtime.hub.join([unit_id], SSE)
