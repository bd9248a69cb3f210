"""A browser, where there is one; CI demands it."""

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

from slmm.emulator.process import RunningEmulator
from tests.browser.past import server_with_past
from tests.server import RunningServer


class Browser:
    """Verbs of driver.py, from this side."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    def __getattr__(self, verb: str) -> Callable[..., Any]:
        def call(*arguments: Any) -> Any:
            assert self._process.stdin is not None
            assert self._process.stdout is not None
            self._process.stdin.write(json.dumps([verb, *arguments]) + "\n")
            self._process.stdin.flush()
            answer = json.loads(self._process.stdout.readline())
            assert "error" not in answer, answer["error"]
            return answer["value"]

        return call

    def text(self, selector: str) -> str:
        found: str = self.evaluate(f"document.querySelector({selector!r}).textContent")
        return found

    def until(self, script: str, within_s: float = 20.0) -> Any:
        return self.wait(script, within_s)


@contextmanager
def running_browser() -> Iterator[Browser]:
    """A browser for as long as the context lasts; skips the test where there is none."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        if os.environ.get("SLMM_TEST_REQUIRE") == "all":
            pytest.fail("chromium is missing and SLMM_TEST_REQUIRE=all")
        pytest.skip("chromium is not installed")
    driver = Path(__file__).with_name("driver.py")
    process = subprocess.Popen(
        [sys.executable, str(driver), chromium], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdin is not None
    assert process.stdout is not None
    with process.stdin, process.stdout:
        assert json.loads(process.stdout.readline()) == "ready"
        yield Browser(process)
        process.stdin.close()
        process.wait(20)


@pytest.fixture
def browser() -> Iterator[Browser]:
    with running_browser() as started:
        yield started


@pytest.fixture
def no_complaints(browser: Browser) -> Iterator[None]:
    """Nothing may go wrong on the pages of a test that uses this."""
    yield
    assert browser.complaints() == []


@pytest.fixture
def running(server: Callable[..., RunningServer], emulator: RunningEmulator) -> RunningServer:
    """A server with three meters."""
    started = server()
    for index in range(3):
        started.add(f"meter-{index}", emulator.meters[index])
    return started


@pytest.fixture(scope="session")
def past(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A server with two hours of yesterday on record, for all tests of what was."""
    yield from server_with_past(tmp_path_factory.mktemp("past"))
