"""One service with a login behind each of the proxies of deploy/."""

from collections.abc import Iterator

import pytest

from slmm.emulator.process import running_emulator
from tests.conftest import FAST_EMULATOR
from tests.deploy.proxies import KINDS, FrontDoor
from tests.deploy.visitors import Visitor
from tests.server import RunningServer


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """It believes one proxy, and reads one meter."""
    directory = tmp_path_factory.mktemp("service")
    server = RunningServer(directory, {"SLMM_AUTH": "on", "SLMM_PROXY_HOPS": "1", "SLMM_DEVICE_PACING_S": "0.05"})
    with running_emulator(1, *FAST_EMULATOR) as emulator:
        server.start()
        try:
            admin = Visitor.first(server)
            meter = emulator.meters[0]
            taken = admin.post("/roster", {"unit_id": "a", "host": meter.host, "tcp_port": meter.port})
            assert taken.status_code == 200, taken.text
            yield server
        finally:
            server.kill()


@pytest.fixture(scope="module", params=KINDS)
def door(
    request: pytest.FixtureRequest, service: RunningServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[FrontDoor]:
    """The service as people reach it."""
    with KINDS[request.param](tmp_path_factory.mktemp(request.param), service.port) as running:
        yield running


@pytest.fixture(scope="module")
def ada(door: FrontDoor) -> Visitor:
    """An administrator who has logged in through the proxy."""
    return Visitor.through(door)
