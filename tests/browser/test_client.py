"""The client for portals: one stream for the tabs of a browser, pages of another origin, readings that grow old."""

from collections.abc import Iterator

import pytest

from slmm.emulator.process import RunningEmulator, running_emulator
from tests.browser.conftest import Browser
from tests.conftest import eventually
from tests.server import RunningServer, event_stream

pytestmark = pytest.mark.browser

FOLLOW = """(async (options) => {
  const { SlmmClient } = await import("/static/js/slmm-client.js");
  window.frames_heard = [];
  window.states = [];
  window.client = new SlmmClient({
    ...options,
    onFrame: (frame) => window.frames_heard.push([frame.unit_id, frame.timestamp]),
    onState: (state, detail) => window.states.push([state, detail]),
  });
})"""
HEARD = "window.frames_heard.length"


@pytest.fixture(scope="module")
def meters() -> Iterator[RunningEmulator]:
    with running_emulator(3) as running:
        yield running


@pytest.fixture(scope="module")
def running(meters: RunningEmulator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    server = RunningServer(tmp_path_factory.mktemp("client"), {})
    try:
        server.start()
        for number in range(3):
            server.add(f"meter-{number}", meters.meters[number])
        yield server
    finally:
        server.kill()


def follow(browser: Browser, options: str) -> None:
    browser.evaluate(f"{FOLLOW}({options})")


def subscribers(server: RunningServer) -> list[int]:
    return [feed["subscribers"] for feed in server.get("/_monitor/status")["monitors"].values()]


def published(server: RunningServer, unit_id: str, last: str) -> list[str]:
    """The times of a unit's frames that the server holds, up to *last*."""
    with event_stream(server, f"/api/nl43/{unit_id}/monitor/events?last_event_id=earliest") as stream:
        found = [stream.frame()["timestamp"]]
        while found[-1] < last:
            found.append(stream.frame()["timestamp"])
    return found


def assert_nothing_is_missing(server: RunningServer, browser: Browser) -> None:
    """Every frame from the first to the last this tab has heard, once and in order."""
    heard: dict[str, list[str]] = {}
    for unit_id, timestamp in browser.evaluate("window.frames_heard"):
        heard.setdefault(unit_id, []).append(timestamp)
    for unit_id, times in heard.items():
        held = published(server, unit_id, times[-1])
        assert times == held[held.index(times[0]) : held.index(times[-1]) + 1]


def test_tabs_share_one_stream_and_another_takes_over_without_a_gap(running: RunningServer, browser: Browser) -> None:
    browser.open(f"{running.url}/health")
    follow(browser, "{ units: ['meter-0'] }")
    browser.until(f"{HEARD} >= 2")
    second = browser.new_tab(f"{running.url}/health")
    follow(browser, "{ units: ['meter-1'], lastEventId: 'earliest' }")
    browser.until(f"{HEARD} >= 2")
    third = browser.new_tab(f"{running.url}/health")
    follow(browser, "{}")
    browser.until("new Set(window.frames_heard.map(([unit]) => unit)).size === 3")
    eventually(lambda: subscribers(running) == [1, 1, 1])
    before = browser.evaluate(HEARD)
    browser.close_tab(0)
    browser.until(f"{HEARD} >= {before} + 9")
    assert_nothing_is_missing(running, browser)
    eventually(lambda: subscribers(running) == [1, 1, 1])
    assert browser.evaluate("window.states.map(([state]) => state)") == ["connecting", "live"]
    browser.use_tab(second)
    assert {unit for unit, _ in browser.evaluate("window.frames_heard")} == {"meter-1"}
    assert_nothing_is_missing(running, browser)
    browser.close_tab(third)
    eventually(lambda: subscribers(running) == [0, 1, 0])
