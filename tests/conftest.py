"""Shared fixtures; patches gevent before anything else is imported, as the service itself does."""

from gevent import monkey

monkey.patch_all()

import os  # noqa: E402 - after patching
from collections.abc import Callable, Iterator  # noqa: E402 - after patching
from pathlib import Path  # noqa: E402
from typing import Any  # noqa: E402

import gevent  # noqa: E402
import pytest  # noqa: E402

from slmm import patching  # noqa: E402
from slmm import settings as settings_module  # noqa: E402
from slmm.emulator.process import RunningEmulator, running_emulator  # noqa: E402
from slmm.settings import Settings  # noqa: E402
from slmm.storage import upgrade  # noqa: E402
from tests.schema import Copies  # noqa: E402
from tests.server import RunningServer  # noqa: E402

patching.close_at_once()
if "SLMM_TEST_COVERAGE" in os.environ:  # of the processes that tests start, not of this one
    os.environ["COVERAGE_PROCESS_START"] = os.environ["SLMM_TEST_COVERAGE"]

FAST = {"device_pacing_s": 0.05, "monitor_poll_interval": 0.0, "reply_timeout_s": 1.0, "connect_timeout_s": 1.0}
"""Settings for tests whose subject is not the 1 s rule; the emulator is told the same pacing."""
FAST_EMULATOR = ("--quirk", "pacing_s=0.05")


def eventually(condition: Callable[[], Any], within_s: float = 10.0, what: str = "") -> Any:
    """The first true value of *condition*; fails the test when it does not come in time."""
    with gevent.Timeout(within_s, AssertionError(f"{what or condition} did not come true within {within_s} s")):
        while not (value := condition()):
            gevent.sleep(0.01)
        return value


TEST_TIMEOUT_S = 120.0
JOURNEY_TIMEOUT_S = 300.0
"""Of a test in a browser, which waits for many things, each of them patiently."""


@pytest.fixture(autouse=True)
def no_test_hangs(request: pytest.FixtureRequest) -> Iterator[None]:
    """A test that waits for ever fails instead."""
    mark = request.node.get_closest_marker("deadline")
    is_journey = request.node.get_closest_marker("browser") is not None
    seconds = mark.args[0] if mark else JOURNEY_TIMEOUT_S if is_journey else TEST_TIMEOUT_S
    with gevent.Timeout(seconds, AssertionError(f"the test took more than {seconds} s")):
        yield


TAKES_STEPS = {"migrations", "crash", "storage", "test_migrations.py", "test_slow_migration.py"}
"""Tests of the migrations, of what they find and of what stands before and after them."""


@pytest.fixture(scope="session")
def copies(tmp_path_factory: pytest.TempPathFactory) -> Copies:
    """What a new database begins with."""
    return Copies(tmp_path_factory.mktemp("schema"))


@pytest.fixture(autouse=True)
def a_new_database_is_copied(request: pytest.FixtureRequest, copies: Copies, monkeypatch: pytest.MonkeyPatch) -> None:
    """The steps of all migrations take a fifth of a second, and most tests begin with a new database."""
    if request.path.relative_to(Path(__file__).parent).parts[0] not in TAKES_STEPS:
        monkeypatch.setattr(upgrade.command, "upgrade", copies.upgrade)


@pytest.fixture
def make_settings(tmp_path: Path) -> Callable[..., Settings]:
    """Settings of a service of its own in a fresh directory."""

    def make(**given: Any) -> Settings:
        return settings_module.load({}, None, **{"data_dir": tmp_path / "data", "port": 0, **given})

    return make


@pytest.fixture
def emulator() -> Iterator[RunningEmulator]:
    """Three measuring meters with the real pacing."""
    with running_emulator(3) as running:
        yield running


@pytest.fixture
def fast_emulator() -> Iterator[RunningEmulator]:
    """Three measuring meters that may be asked every 50 ms."""
    with running_emulator(3, *FAST_EMULATOR) as running:
        yield running


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Callable[..., RunningServer]]:
    """Starts real gunicorn servers and stops them after the test."""
    started: list[RunningServer] = []

    def start(**environment: str) -> RunningServer:
        running = RunningServer(tmp_path / f"server{len(started)}", environment)
        started.append(running)
        running.start()
        return running

    yield start
    for running in started:
        running.kill()
