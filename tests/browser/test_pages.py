"""The live pages in a real browser, over a real server and real meters."""

import gzip
from pathlib import Path

import pytest
import requests

from slmm.emulator.process import RunningEmulator
from tests.browser.conftest import Browser
from tests.browser.proxy import Proxy
from tests.server import RunningServer

pytestmark = [pytest.mark.browser, pytest.mark.usefixtures("no_complaints")]

LEVEL = r"/^\d+\.\d$/"
LIVE = "document.querySelector('#verdict').dataset.kind === 'live'"
LINKED = "document.querySelector('#link').dataset.state === 'live'"
TILES = "document.querySelectorAll('.tile').length"
MOVED = """(() => {
  window.seen ??= new Set();
  window.seen.add(document.querySelector('#lp').textContent);
  return window.seen.size >= 3;
})()"""


def test_the_page_of_a_unit_shows_levels_with_label_unit_and_age(running: RunningServer, browser: Browser) -> None:
    browser.open(f"{running.url}/unit/meter-0")
    browser.until(LIVE)
    browser.until(MOVED)
    browser.until("document.querySelector('#lp-label').textContent === 'LAF'", 40)
    browser.until("document.querySelector('#leq-label').textContent === 'LAeq'")
    browser.until(f"{LEVEL}.test(document.querySelector('#leq').textContent)")
    assert browser.evaluate("[...document.querySelectorAll('.big .unit')].map(e => e.textContent)") == ["dB", "dB"]
    assert "old" in browser.text("#age")
    browser.until("[...document.querySelectorAll('#percentiles dt')].some(e => e.textContent === 'LA95')", 60)
    terms = browser.evaluate("[...document.querySelectorAll('.grid dt')].map(e => e.textContent)")
    assert terms == ["LA5", "LA10", "LA50", "LA90", "LA95", "LAFmax", "LAFmin", "Lpeak", "LAE"]
    assert browser.text("#percentile-base").startswith("from LAF, running")
    assert "measuring" in browser.text("#run-state")
    assert "weighting A, Fast" in browser.text("#meter-line")
    assert browser.evaluate("document.querySelector('#chart canvas').width") > 300


def test_a_killed_server_is_noticed_and_its_return_too(
    running: RunningServer, emulator: RunningEmulator, browser: Browser
) -> None:
    """On the page of a unit, and on that of all units, where one more comes while the service is away."""
    assert requests.delete(f"{running.api}/meter-1/config", timeout=40).status_code == 200
    browser.open(f"{running.url}/unit/meter-0")
    browser.until(LIVE)
    wall = browser.new_tab(f"{running.url}/")
    browser.until(f"{LINKED} && {TILES} === 2")
    running.kill()
    browser.until(f"!({LINKED})")
    browser.use_tab(0)
    browser.until(f"!({LINKED})")
    browser.until("document.querySelector('#unit').classList.contains('is-stale')")
    running.start()
    running.add("meter-1", emulator.meters[1])
    browser.until(LINKED, 60)
    browser.until(LIVE)
    browser.evaluate("window.seen = undefined")
    browser.until(MOVED)
    browser.use_tab(wall)
    browser.until(f"{TILES} === 3", 60)


def test_a_proxys_502_does_not_end_the_page(running: RunningServer, browser: Browser) -> None:
    proxy = Proxy(running.port)
    try:
        browser.open(f"{proxy.url}/unit/meter-0")
        browser.until(LIVE)
        proxy.break_down()
        browser.until("document.querySelector('#link').dataset.state === 'waiting'")
        browser.until("document.querySelector('#unit').classList.contains('is-stale')")
        assert proxy.refused > 0
        proxy.recover()
        browser.until(LINKED, 60)
        browser.until(LIVE)
    finally:
        browser.open("about:blank")
        proxy.close()


def test_history_goes_over_into_live_without_a_double_and_a_gap_stays_a_gap(
    running: RunningServer, browser: Browser
) -> None:
    browser.open(f"{running.url}/unit/meter-0")
    found = browser.evaluate(
        """(async () => {
          const { UnitStore, ServerClock } = await import('/static/js/store.js');
          const store = new UnitStore('u', new ServerClock());
          const at = (second) => new Date(Date.UTC(2026, 0, 1, 12, 0, second)).toISOString();
          store.backfill([0, 60, 120].map((second) => ({ timestamp: at(second), lp: 50, leq: 50 })));
          for (const second of [100, 101, 102, 103, 104, 104, 103, 105, 140, 141]) {
            store.take({ timestamp: at(second), feed_status: 'ok', lp: 60, leq: 60 });
          }
          const seconds = store.columns[0].map((time) => time % 3600);
          return { seconds, levels: store.columns[1] };
        })()"""
    )
    assert found["seconds"] == [0, 60, 100, 101, 102, 103, 104, 105, 122.5, 140, 141]
    assert found["levels"] == [50, 50, 60, 60, 60, 60, 60, 60, None, 60, 60]


def test_the_interface_page_shows_every_operation(running: RunningServer, browser: Browser) -> None:
    """Swagger UI puts only those near the window on a long page: each is there once one has scrolled to it."""
    browser.open(f"{running.url}/docs")
    browser.until("document.querySelectorAll('.opblock').length > 5")
    paths = requests.get(f"{running.url}/openapi.json", timeout=40).json()["paths"]
    wanted = sum(len(operations) for operations in paths.values())
    browser.evaluate("window.seen = new Set()")
    browser.until(
        f"""(() => {{
          for (const block of document.querySelectorAll('.opblock')) window.seen.add(block.id);
          window.scrollBy(0, 700);
          return window.seen.size === {wanted};
        }})()""",
        60,
    )


def test_the_client_for_portals_is_small() -> None:
    client = Path(__file__).resolve().parents[2] / "static" / "js" / "slmm-client.js"
    assert len(gzip.compress(client.read_bytes())) <= 4096
