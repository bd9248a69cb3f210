"""A meter that talks without end: memory stays bounded, and others go on."""

import gc
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from typing import Any

import gevent
import pytest
from gevent.server import StreamServer

from slmm.emulator.process import Address, RunningEmulator
from tests.conftest import eventually
from tests.server import RunningServer, event_stream

FLOOD_BYTES = 5_000_000

MOST_GROWTH_KB = 120_000


def rss_kb(server: RunningServer) -> int:
    """Memory of the worker."""
    with open(f"/proc/{server.worker_pid}/status", encoding="ascii") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))


class Flood:
    """Listens as a meter would, and sends one pattern over and over to whoever connects."""

    def __init__(self, pattern: bytes) -> None:
        self.sent = 0
        self._pattern = pattern * (65_536 // len(pattern))
        self._server = StreamServer(("127.0.0.1", 0), self._pour)
        self._server.start()
        self.address = Address("127.0.0.1", int(self._server.server_port))

    def _pour(self, sock: socket.socket, _peer: object) -> None:
        with suppress(OSError):
            while True:
                self.sent += sock.send(self._pattern)

    def close(self) -> None:
        """Let go."""
        self._server.stop(timeout=0)


@pytest.fixture(params=[b"\xff garbage \x00", b"R+0000\r\n", b"$"], ids=["garbage", "replies without end", "prompts"])
def flood(request: pytest.FixtureRequest) -> Iterator[Flood]:
    """One that never ends."""
    pouring = Flood(request.param)
    yield pouring
    pouring.close()
    gc.collect()


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """One for all."""
    running = RunningServer(tmp_path_factory.mktemp("server"), {})
    running.start()
    yield running
    running.kill()


def test_a_meter_that_floods_costs_no_memory_and_no_other_its_pace(
    service: RunningServer, flood: Flood, emulator: RunningEmulator
) -> None:
    service.take_all_off()
    service.add("good", emulator.meters[0])
    service.add("flood", flood.address)
    before_kb = rss_kb(service)
    with ExitStack() as stack:
        stack.enter_context(event_stream(service, "/api/nl43/flood/monitor/events"))
        good = stack.enter_context(event_stream(service, "/api/nl43/good/monitor/events"))
        frames = 0
        with gevent.Timeout(60, AssertionError(f"{flood.sent} bytes were taken, {frames} frames of the other came")):
            while flood.sent < FLOOD_BYTES or frames < 10:
                good.frame()
                frames += 1
        assert rss_kb(service) - before_kb < MOST_GROWTH_KB
        status: Callable[[], dict[str, Any]] = lambda: service.get("/flood/status")["data"]  # noqa: E731
        eventually(lambda: status()["last_error"], 30)
    assert service.get("/good/status")["data"]["is_reachable"] is True
