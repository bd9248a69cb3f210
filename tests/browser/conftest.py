"""A browser, where there is one; CI demands it."""

import itertools
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from slmm.emulator.process import RunningEmulator, running_emulator
from tests.browser.full import Full, full_service
from tests.browser.past import server_with_past
from tests.browser.premises import QUICK_SERVICE, administrator, asked, cleared, furnished
from tests.conftest import FAST_EMULATOR
from tests.server import RunningServer

PATIENCE_S = 40.0
"""How long a page may take: it costs nothing where all is well, and the machine may be busy."""


class Chromium:
    """One process of driver.py for the whole run; its visitors share nothing but the process."""

    def __init__(self, executable: str) -> None:
        driver = Path(__file__).with_name("driver.py")
        self._process = subprocess.Popen(
            [sys.executable, str(driver), executable], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self._process.stdout is not None
        assert json.loads(self._process.stdout.readline()) == "ready"

    @property
    def is_running(self) -> bool:
        return self._process.poll() is None

    def ask(self, *command: Any) -> Any:
        """The answer to one command; fails with what the page or the driver objects to."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        assert self.is_running, "the browser was given up by an earlier test"
        try:
            self._process.stdin.write(json.dumps(command) + "\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
        except BaseException:  # the test's time was up: the answer to come would be taken for that to the next command
            self._process.kill()
            raise
        answer = json.loads(line)
        assert "error" not in answer, answer["error"]
        return answer["value"]

    def close(self) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with self._process.stdin, self._process.stdout:
            self._process.stdin.close()
            self._process.wait(20)


class Browser:
    """One visitor with cookies of their own: the verbs of driver.py, from this side."""

    def __init__(self, chromium: Chromium, number: int) -> None:
        self._chromium = chromium
        self._number = number
        self.come()

    def __getattr__(self, verb: str) -> Callable[..., Any]:
        def call(*arguments: Any) -> Any:
            return self._chromium.ask(self._number, verb, *arguments)

        return call

    def text(self, selector: str) -> str:
        found: str = self.evaluate(f"document.querySelector({selector!r}).textContent")
        return found

    def until(self, script: str, within_s: float = PATIENCE_S) -> Any:
        return self.wait(script, max(within_s, PATIENCE_S))


_visitors = itertools.count()
_running: list[Chromium] = []


def _chromium() -> Chromium:
    """The one that runs, or a new one; skips the test where there is none."""
    if _running and _running[-1].is_running:
        return _running[-1]
    executable = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if executable is None:
        if os.environ.get("SLMM_TEST_REQUIRE") == "all":
            pytest.fail("chromium is missing and SLMM_TEST_REQUIRE=all")
        pytest.skip("chromium is not installed")
    _running.append(Chromium(executable))
    return _running[-1]


@pytest.fixture(scope="session", autouse=True)
def chromium_ends_with_the_run() -> Iterator[None]:
    yield
    while _running:
        _running.pop().close()


@contextmanager
def running_browser() -> Iterator[Browser]:
    """A visitor for as long as the context lasts."""
    chromium = _chromium()
    visitor = Browser(chromium, next(_visitors))
    yield visitor
    if chromium.is_running:
        visitor.leave()


@pytest.fixture
def browser() -> Iterator[Browser]:
    with running_browser() as started:
        yield started


@pytest.fixture
def no_complaints(browser: Browser) -> Iterator[None]:
    """Nothing may go wrong on the pages of a test that uses this."""
    yield
    assert browser.complaints() == []


@pytest.fixture(scope="session")
def emulator() -> Iterator[RunningEmulator]:
    """Three measuring meters that may be asked every 50 ms, which belong to the service of `running` alone."""
    with running_emulator(3, *FAST_EMULATOR) as started:
        yield started


@pytest.fixture(scope="session")
def premises(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """One service for all tests that are content with a clean one; see `clean` and `running`."""
    server = RunningServer(tmp_path_factory.mktemp("premises"), QUICK_SERVICE)
    try:
        server.start()
        yield server
    finally:
        server.kill()


@pytest.fixture
def clean(premises: RunningServer, emulator: RunningEmulator) -> RunningServer:
    """A service without units, alerts and channels, as on its first day."""
    cleared(premises, emulator)
    return premises


@pytest.fixture
def running(clean: RunningServer, emulator: RunningEmulator) -> RunningServer:
    """A service with three meters."""
    furnished(clean, emulator)
    return clean


@pytest.fixture(scope="session")
def neighbours() -> Iterator[RunningEmulator]:
    """Two quick meters of the service that is guarded."""
    with running_emulator(2, *FAST_EMULATOR) as started:
        yield started


@pytest.fixture(scope="session")
def guarded(neighbours: RunningEmulator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """One service that asks everybody who they are, with ada and two meters; who adds to them takes it away again."""
    server = RunningServer(tmp_path_factory.mktemp("guarded"), {**QUICK_SERVICE, "SLMM_AUTH": "on"})
    try:
        server.start()
        admin = administrator(server)
        for unit_id, meter in zip(("north", "south"), neighbours.meters, strict=True):
            asked(admin, server, "/roster", unit_id=unit_id, host=meter.host, tcp_port=meter.port)
        yield server
    finally:
        server.kill()


@pytest.fixture(scope="session")
def past(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A server with two hours of yesterday on record, for all tests of what was."""
    yield from server_with_past(tmp_path_factory.mktemp("past"))


@pytest.fixture(scope="session")
def full(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Full]:
    """A service as after a day of use, for all tests of pages that are full."""
    with full_service(tmp_path_factory.mktemp("full")) as started:
        yield started
