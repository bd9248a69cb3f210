"""The client for portals: one stream for the tabs of a browser, pages of another origin, readings that grow old."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from gevent.pywsgi import WSGIServer

from slmm.emulator.process import RunningEmulator, running_emulator
from tests.browser.conftest import Browser
from tests.browser.premises import QUICK_SERVICE
from tests.conftest import FAST_EMULATOR, eventually
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
    with running_emulator(3, *FAST_EMULATOR) as running:
        yield running


@pytest.fixture(scope="module")
def portal() -> Iterator[str]:
    """The example on a web server of its own; its origin."""
    page = (Path(__file__).resolve().parents[2] / "examples" / "portal.html").read_bytes()

    def answer(environ: dict[str, Any], start: Any) -> list[bytes]:
        start("200 OK", [("Content-Type", "text/html; charset=utf-8")])
        return [page]

    server = WSGIServer(("127.0.0.1", 0), answer, log=None)
    server.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.stop(timeout=1)


@pytest.fixture(scope="module")
def running(meters: RunningEmulator, portal: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    server = RunningServer(tmp_path_factory.mktemp("client"), {**QUICK_SERVICE, "SLMM_CORS_ORIGINS": portal})
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


def test_a_unit_that_is_not_there_costs_only_the_tab_that_asked(running: RunningServer, browser: Browser) -> None:
    browser.open(f"{running.url}/health")
    follow(browser, "{ units: ['meter-0'] }")
    browser.until(f"{HEARD} >= 1")
    browser.new_tab(f"{running.url}/health")
    follow(browser, "{ units: ['ghost'] }")
    browser.until("window.states.some(([state, detail]) => state === 'closed' && detail === 'refused with 404')", 30)
    browser.use_tab(0)
    before = browser.evaluate(HEARD)
    browser.until(f"{HEARD} >= {before} + 2")
    assert_nothing_is_missing(running, browser)


MUTE = """(() => {
  const { channel } = window.client;
  window.hears = channel.onmessage;
  channel.onmessage = null;
  channel.postMessage = () => {};
})()"""
SPEAK = """(() => {
  const { channel } = window.client;
  delete channel.postMessage;
  channel.onmessage = window.hears;
})()"""


def test_a_leader_that_is_frozen_with_the_lock_in_its_hand_holds_up_nobody(
    running: RunningServer, browser: Browser
) -> None:
    """Nothing is heard of a frozen tab, and it hears nothing; the lock stays with it."""
    browser.open(f"{running.url}/health")
    follow(browser, "{ units: ['meter-0'] }")
    browser.until(f"{HEARD} >= 1")
    follower = browser.new_tab(f"{running.url}/health")
    follow(browser, "{ units: ['meter-0'] }")
    browser.until(f"{HEARD} >= 2 && window.client.part === 'follower'")
    browser.use_tab(0)
    browser.evaluate(MUTE)
    browser.use_tab(follower)
    browser.until("window.client.part === 'alone'")
    before = browser.evaluate(HEARD)
    browser.until(f"{HEARD} >= {before} + 3")
    browser.use_tab(0)
    browser.evaluate(SPEAK)
    browser.use_tab(follower)
    browser.until("window.client.part === 'follower'")
    eventually(lambda: subscribers(running)[0] == 1)
    assert_nothing_is_missing(running, browser)


def test_a_portal_marks_what_is_old_and_is_refused_where_its_origin_is_not_listed(
    running: RunningServer, meters: RunningEmulator, portal: str, browser: Browser
) -> None:
    example = f"?base={running.url}&units=meter-1,meter-2"
    browser.open(f"{portal.replace('127.0.0.1', 'localhost')}/{example}")  # another origin, for a browser
    browser.until("document.querySelector('#link').textContent.includes('SLMM_CORS_ORIGINS')")
    browser.open(f"{portal}/{example}")
    browser.until("document.querySelectorAll('li:not(.is-stale)').length === 2")
    browser.new_tab(f"{portal}/{example}")
    browser.until("document.querySelectorAll('li:not(.is-stale)').length === 2")
    eventually(lambda: subscribers(running) == [0, 1, 1])
    meters.client.fault(1, "silence", count=2)
    browser.until("document.querySelector('li.is-stale .state')?.textContent.startsWith('old, read ')")
    meters.client.fault(1, "unplugged")
    browser.until("document.querySelector('li.is-stale .state')?.textContent.startsWith('not reachable, read ')", 40)
    assert browser.axe() == []
    meters.client.fault(1, "plugged")
    browser.until("document.querySelectorAll('li:not(.is-stale)').length === 2", 40)
