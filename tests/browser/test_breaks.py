"""Whatever breaks, no value looks live when it is older than three frames, and the page goes on by itself."""

from collections.abc import Iterator
from datetime import datetime

import pytest

from slmm.emulator.process import RunningEmulator, running_emulator
from tests.browser.conftest import Browser
from tests.browser.proxy import Proxy
from tests.server import RunningServer

pytestmark = pytest.mark.browser

UNIT = ("/unit/meter-0", "!document.querySelector('#unit').classList.contains('is-stale')")
WALL = ("/", "document.querySelector('.tile[data-unit-id=meter-0]')?.dataset.stale === 'false'")
PAGES = pytest.mark.parametrize(("path", "looks_live"), [UNIT, WALL], ids=["unit", "wall"])
LINK = "document.querySelector('#link').dataset.state"
HOUR_MS = 3_600_000
OLD_AFTER_S = 3.5
"""Three frames of a second, and half a one for the way."""
DRAWN_WITHIN_S = 1.5
"""Pages draw twice a second, or once; the machine may be busy."""


@pytest.fixture(scope="module")
def meters() -> Iterator[RunningEmulator]:
    with running_emulator(1) as running:
        yield running


@pytest.fixture(scope="module")
def running(meters: RunningEmulator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    server = RunningServer(tmp_path_factory.mktemp("breaks"), {})
    try:
        server.start()
        server.add("meter-0", meters.meters[0])
        yield server
    finally:
        server.kill()


@pytest.fixture
def proxy(running: RunningServer, browser: Browser) -> Iterator[Proxy]:
    started = Proxy(running.port)
    yield started
    browser.open("about:blank")
    started.close()


def set_clock(browser: Browser, ahead_ms: int) -> None:
    """Set the browser's wall clock as a person or a time server does; the steady one goes on as it was."""
    browser.evaluate(
        f"(() => {{ window.trueNow ??= Date.now.bind(Date); Date.now = () => window.trueNow() + {ahead_ms}; }})()"
    )


def record(browser: Browser, looks_live: str) -> None:
    """Note from now on when the page last looked live, by the true clock."""
    browser.evaluate(
        f"""(() => {{
          window.trueNow ??= Date.now.bind(Date);
          window.lastLive = 0;
          setInterval(() => {{ if ({looks_live}) window.lastLive = window.trueNow(); }}, 50);
        }})()"""
    )


@PAGES
def test_a_meter_that_falls_silent_looks_live_no_longer_than_three_frames(
    running: RunningServer, meters: RunningEmulator, browser: Browser, path: str, looks_live: str
) -> None:
    browser.open(f"{running.url}{path}")
    browser.until(looks_live)
    record(browser, looks_live)
    meters.client.fault(0, "unplugged")
    browser.until(f"!({looks_live})")
    set_clock(browser, HOUR_MS)  # and back: the stream is made anew, the value stays as old as it is
    browser.until("window.trueNow() - window.lastLive > 2000")
    set_clock(browser, -HOUR_MS)
    browser.until("window.trueNow() - window.lastLive > 4000")
    read_s = datetime.fromisoformat(running.get("/meter-0/status")["data"]["last_seen"]).timestamp()
    assert browser.evaluate("window.lastLive") / 1000 - read_s < OLD_AFTER_S + DRAWN_WITHIN_S
    meters.client.fault(0, "plugged")
    browser.until(looks_live, 40)


def test_a_clock_that_is_set_makes_nothing_old_for_long(running: RunningServer, browser: Browser) -> None:
    path, looks_live = WALL
    browser.open(f"{running.url}{path}")
    browser.until(looks_live)
    for ahead_ms in (HOUR_MS, -HOUR_MS):
        set_clock(browser, ahead_ms)
        browser.until(looks_live, 10)
        browser.until(f"{LINK} === 'live'")


def test_after_a_laptops_sleep_everything_is_old_until_it_is_heard_again(
    running: RunningServer, proxy: Proxy, browser: Browser
) -> None:
    """The network has forgotten the stream without a word; only the wall clock went on."""
    path, looks_live = UNIT
    browser.open(f"{proxy.url}{path}")
    browser.until(looks_live)
    proxy.stall()
    proxy.break_down(cut=False)
    set_clock(browser, HOUR_MS)
    browser.until(f"!({looks_live})")
    browser.until(f"{LINK} !== 'live'", 10)  # not only when the stream has been mute for a minute
    assert not browser.evaluate(looks_live)
    proxy.recover()
    browser.until(looks_live, 40)


def test_without_a_network_the_page_says_so_and_goes_on_when_it_is_back(
    running: RunningServer, proxy: Proxy, browser: Browser
) -> None:
    path, looks_live = UNIT
    browser.open(f"{proxy.url}{path}")
    browser.until(looks_live)
    browser.offline(True)
    proxy.break_down()
    browser.until(f"{LINK} === 'offline'")
    browser.until("document.querySelector('#link').textContent === 'offline'")
    browser.until(f"!({looks_live})")
    proxy.recover()
    browser.offline(False)
    browser.until(looks_live)
    browser.until("document.querySelector('.link-more').textContent === ''")
