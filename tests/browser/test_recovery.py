"""What the live pages missed or could not load is made good, and what ended is told in words."""

import re

import pytest
import requests

from slmm.emulator.process import RunningEmulator
from tests.browser.conftest import Browser
from tests.server import RunningServer

pytestmark = [pytest.mark.browser, pytest.mark.usefixtures("no_complaints")]

CONNECTED = "document.querySelector('#link').dataset.state === 'live'"
LEVEL = r"/^\d+\.\d$/"
VERDICT = "document.querySelector('#verdict').textContent"


def test_units_appear_although_the_first_answer_was_a_502(running: RunningServer, browser: Browser) -> None:
    browser.refuse_once("**/api/nl43/roster")
    browser.open(f"{running.url}/")
    browser.until("document.querySelectorAll('.tile').length === 3")
    browser.until("document.querySelector('.tile .verdict').textContent.startsWith('live')")
    browser.until(CONNECTED)


def test_the_past_of_a_unit_is_loaded_although_the_first_answer_was_a_502(
    running: RunningServer, browser: Browser
) -> None:
    browser.refuse_once("**/api/nl43/roster")
    browser.open(f"{running.url}/unit/meter-0")
    browser.until("document.querySelector('#leq-label').textContent === 'LAeq'", 40)
    browser.until("document.querySelector('#outcome').textContent === ''")


def test_an_empty_roster_is_connected_before_anything_is_heard(clean: RunningServer, browser: Browser) -> None:
    browser.open(f"{clean.url}/")
    browser.until(CONNECTED)  # its first heartbeat comes later


def test_a_deactivated_and_a_removed_unit_are_told_in_words(running: RunningServer, browser: Browser) -> None:
    browser.open(f"{running.url}/unit/meter-0")
    browser.until(f"{VERDICT} === 'live'")
    assert requests.post(f"{running.api}/meter-0/deactivate", timeout=20).status_code == 200
    browser.until(f"{VERDICT}.startsWith('deactivated')")
    assert requests.post(f"{running.api}/meter-0/activate", timeout=20).status_code == 200
    browser.until(f"{VERDICT} === 'live'")
    assert requests.delete(f"{running.api}/meter-0/config", timeout=20).status_code == 200
    browser.until(f"{VERDICT} === 'no longer on the roster'")
    browser.until("document.querySelector('#unit').classList.contains('is-stale')")
    browser.until("['#start', '#stop'].every(e => document.querySelector(e).getAttribute('aria-disabled') === 'true')")


WATCHED = """(() => {
  const verdict = document.querySelector("#verdict"), spoken = verdict.querySelector("[role=status]");
  window.said = new Set([spoken.textContent]);
  window.shown = new Set([verdict.textContent]);
  const watcher = new MutationObserver(() => {
    window.said.add(spoken.textContent);
    window.shown.add(verdict.textContent);
  });
  watcher.observe(verdict, { childList: true, characterData: true, subtree: true });
})()"""


def test_an_unplugged_meter_is_told_in_words_greyed_and_comes_back(
    running: RunningServer, emulator: RunningEmulator, browser: Browser
) -> None:
    """All that was said and shown is collected in the page: how long each lasts depends on the machine."""
    browser.open(f"{running.url}/unit/meter-0")
    browser.until(f"{VERDICT} === 'live' && {LEVEL}.test(document.querySelector('#lp').textContent)")
    browser.evaluate(WATCHED)
    emulator.client.fault(0, "silence", count=2)
    browser.until("[...window.shown].some((each) => each.startsWith('old data: '))")
    emulator.client.fault(0, "unplugged")
    browser.until(f"{VERDICT}.startsWith('not reachable: ')", 60)
    browser.until("document.querySelector('#unit').classList.contains('is-stale')")
    line = browser.evaluate("getComputedStyle(document.querySelector('.big .value')).textDecorationLine")
    assert line == "line-through"
    shown = browser.evaluate("[...window.shown]")
    assert any(re.fullmatch(r"old data: \d+(\.\d)? s without a reading", each) for each in shown), shown
    said = browser.evaluate("[...window.said]")  # what is read aloud does not tick
    assert {each for each in said if each.startswith("old")} == {"old data"}
    assert browser.evaluate("document.querySelector('#verdict').closest('[role=status], [aria-live]')") is None
    emulator.client.fault(0, "plugged")
    browser.until(f"{VERDICT} === 'live' && !document.querySelector('#unit').classList.contains('is-stale')")


def test_the_legend_gives_the_newest_levels_and_those_under_the_pointer(
    running: RunningServer, browser: Browser
) -> None:
    browser.open(f"{running.url}/unit/meter-0")
    shown = "document.querySelector('#legend-lp-value').textContent"
    browser.until(f"/^\\d+\\.\\d dB$/.test({shown})")
    assert browser.text("#legend-time") == ""
    browser.hover("#chart .u-over")
    browser.until("/, \\d\\d:\\d\\d:\\d\\d/.test(document.querySelector('#legend-time').textContent)")
