"""The inbox in a real browser: what begins appears by itself, nothing cries twice, all of it can be found and read."""

import json
import re

import pytest
import requests

from slmm.emulator.process import RunningEmulator
from tests.browser.conftest import Browser
from tests.browser.inbox import (
    FOLLOWED,
    LOUD_DB,
    OPEN,
    RECENT,
    SPOKEN,
    button,
    count,
    make_channel,
    make_rule,
    select,
    wait_for_open,
)
from tests.conftest import eventually
from tests.server import RunningServer

pytestmark = [pytest.mark.browser, pytest.mark.usefixtures("no_complaints")]


def test_a_breach_appears_live_with_badge_and_title(
    running: RunningServer, emulator: RunningEmulator, browser: Browser
) -> None:
    make_rule(running, "meter-0", "Night", severity="red")
    browser.open(f"{running.url}/alerts")
    browser.until(FOLLOWED)
    browser.until("document.querySelector('#open-empty [data-why=quiet]').checkVisibility()")
    assert browser.evaluate("document.title") == "Alerts · SLMM"
    emulator.client.offset(0, LOUD_DB)
    browser.until(f"{count(OPEN)} === 1", 30)
    entry = browser.text(OPEN)
    for words in ("Red", "meter-0", "Night", "dB, above 85.0 dB", "active", "since "):
        assert words in entry
    zone = browser.evaluate("Intl.DateTimeFormat().resolvedOptions().timeZone")
    assert zone in browser.text(f"{OPEN} .event-when")
    browser.until("document.title === '(1) Alerts · SLMM'")
    assert browser.text("#alert-badge") == "1 not acknowledged, 1 red"
    link = browser.evaluate(f"document.querySelector('{OPEN} .event-chart').getAttribute('href')")
    onset = running.get("/_alerts/events")["events"][0]["onset_at"]
    assert link == f"/unit/meter-0?at={onset.replace(':', '%3A')}"
    browser.open(f"{running.url}/")
    browser.until("document.title === '(1) All units · SLMM'")
    emulator.client.offset(0, 0)
    wait_for_open(running, 0)
    browser.until("document.title === 'All units · SLMM' && document.querySelector('#alert-badge').hidden")
    browser.open(f"{running.url}/alerts")
    browser.until(f"{count(RECENT)} === 1")
    ended = browser.text(RECENT)
    assert "cleared" in ended
    assert "the level is back to normal" in ended


def test_the_inbox_does_not_have_the_meters_read_fast(running: RunningServer, browser: Browser) -> None:
    browser.open(f"{running.url}/alerts")
    browser.until(FOLLOWED)
    feeds = running.get("/_monitor/status")["monitors"]
    assert [feed["subscribers"] for feed in feeds.values()] == [0, 0, 0]


def test_only_what_begins_is_read_aloud_and_only_once(
    running: RunningServer, emulator: RunningEmulator, browser: Browser
) -> None:
    make_rule(running, "meter-0", "Night", severity="red")
    emulator.client.offset(0, LOUD_DB)
    wait_for_open(running, 1)
    browser.open(f"{running.url}/alerts")
    browser.until(f"{count(OPEN)} === 1")
    browser.until(FOLLOWED)
    browser.until("!document.querySelector('#alert-badge').hidden")
    assert browser.evaluate(SPOKEN) == []  # it stands on the page already
    emulator.client.offset(0, 0)
    browser.until(f"{count(RECENT)} === 1", 30)
    assert browser.evaluate(SPOKEN) == []
    emulator.client.offset(0, LOUD_DB)
    browser.until(f"{count(OPEN)} === 1", 30)
    browser.until(f"{SPOKEN}.length === 1")
    (spoken,) = browser.evaluate(SPOKEN)
    assert re.fullmatch(r"Red alert, unit meter-0: Night, L(AF|p) \d+\.\d dB", spoken)
    requests.post(f"{running.api}/_alerts/events/2/ack", json={}, timeout=20)
    browser.until(f"document.querySelector('{OPEN}').dataset.state === 'acknowledged'")
    emulator.client.offset(0, 0)
    browser.until(f"{count(RECENT)} === 2", 30)
    assert browser.evaluate(SPOKEN) == [spoken]
    assert browser.evaluate("[...document.querySelectorAll('[aria-live=assertive]')].map(e => e.id)") == [
        "announcements"
    ]


def test_the_page_of_a_unit_shows_its_open_alerts_and_leads_to_them(
    running: RunningServer, emulator: RunningEmulator, browser: Browser
) -> None:
    make_rule(running, "meter-0", "Night", severity="red")
    make_rule(running, "meter-1", "Day")
    strip = "document.querySelectorAll('#unit-alert-list li').length"
    emulator.client.offset(1, LOUD_DB)
    wait_for_open(running, 1)
    browser.open(f"{running.url}/unit/meter-0")
    browser.until(f"{FOLLOWED} && document.title === '(1) meter-0 · SLMM'")
    assert browser.evaluate("document.querySelector('#unit-alerts').hidden")  # that of another unit
    emulator.client.offset(0, LOUD_DB)
    browser.until(f"{strip} === 1", 30)
    browser.until("document.title === '(2) meter-0 · SLMM'")
    shown = browser.text("#unit-alert-list")
    for words in ("Red", "Night: L", ", above 85.0 dB, active", "since "):
        assert words in shown
    assert [line.split(",")[0] for line in browser.evaluate(SPOKEN)] == ["Red alert"]
    browser.click("#unit-alerts a")
    browser.until("location.search === '?unit=meter-0'")
    browser.until(f"{count(OPEN)} === 1")
    emulator.client.offset(0, 0)
    wait_for_open(running, 1)
    browser.open(f"{running.url}/unit/meter-0")
    browser.until(FOLLOWED)
    assert browser.evaluate(SPOKEN) == []  # the feed tells once more what was; it is not news
    browser.until("document.querySelector('#unit-alerts').hidden")


def test_filters_stand_in_the_address_and_an_address_filters(
    running: RunningServer, emulator: RunningEmulator, browser: Browser
) -> None:
    make_rule(running, "meter-0", "Night", severity="red")
    make_rule(running, "meter-1", "Day")
    emulator.client.offset(0, LOUD_DB)
    emulator.client.offset(1, LOUD_DB)
    wait_for_open(running, 2)
    shown = f"[...document.querySelectorAll('{OPEN} .event-unit')].map(e => e.textContent).join()"
    browser.open(f"{running.url}/alerts")
    browser.until(f"{shown} === 'meter-0,meter-1'")  # red first
    browser.open(f"{running.url}/alerts?severity=amber")
    browser.until(f"{shown} === 'meter-1'")
    browser.open(f"{running.url}/alerts?unit=meter-0&show=open")
    browser.until(f"{shown} === 'meter-0'")
    assert browser.text("[data-show][aria-pressed=true]") == "Open"
    browser.until("document.querySelector('#recent-box').hidden")
    select(browser, "[name=severity]", "amber")
    browser.until("location.search === '?show=open&severity=amber&unit=meter-0'")
    browser.until("document.querySelector('#open-empty [data-why=filtered]').checkVisibility()")
    browser.click("#unfilter")
    browser.until(f"location.search === '' && {shown} === 'meter-0,meter-1'")
    requests.post(f"{running.api}/_alerts/events/1/ack", json={}, timeout=20)
    browser.click("[data-show=unacknowledged]")
    browser.until(f"location.search === '?show=unacknowledged' && {count(OPEN)} === 1")
    browser.evaluate("history.back()")
    browser.until(f"location.search === '' && {count(OPEN)} === 2")


def test_a_channel_that_fails_is_told_with_its_error(
    running: RunningServer, emulator: RunningEmulator, browser: Browser
) -> None:
    make_channel(running, "portal", 9)
    make_rule(running, "meter-0", "Night", channels="portal")
    browser.open(f"{running.url}/alerts")
    browser.until(FOLLOWED)
    assert browser.evaluate("document.querySelector('#channels').hidden")
    emulator.client.offset(0, LOUD_DB)
    eventually(lambda: running.get("/_alerts/channels")["channels"][-1]["health"] == "failing", 40)
    error = running.get("/_alerts/channels")["channels"][-1]["last_error"]
    browser.until(f"document.querySelector('#channel-list').textContent.includes({json.dumps(error)})", 90)
    assert "Channel portal fails; messages wait and are tried again since " in browser.text("#channel-list")


def test_more_of_the_past_is_shown_page_by_page_and_an_older_entry_only_once(
    running: RunningServer, browser: Browser
) -> None:
    make_rule(running, "meter-0", "Night")
    assert requests.post(f"{running.api}/meter-0/deactivate", timeout=20).status_code == 200
    for _ in range(22):
        for level in (90.0, 40.0):
            answer = requests.post(f"{running.api}/meter-0/status", json={"lp": level}, timeout=20)
            assert answer.status_code == 200, answer.text
    eventually(lambda: running.get("/_alerts/events?state=ended")["count"] >= 22, 20)
    browser.open(f"{running.url}/alerts")
    browser.until(f"{count(RECENT)} === 20 && !document.querySelector('#more').hidden")
    browser.click("#more")
    browser.until(f"{count(RECENT)} === 22 && document.querySelector('#more').hidden")
    ids = browser.evaluate(f"[...document.querySelectorAll('{RECENT}')].map(e => Number(e.dataset.eventId))")
    assert ids == sorted(set(ids), reverse=True)


def test_an_empty_inbox_says_why_and_what_fills_it(
    clean: RunningServer, emulator: RunningEmulator, browser: Browser
) -> None:
    browser.open(f"{clean.url}/alerts")
    browser.until("document.querySelector('#open-empty [data-why=unitless]').checkVisibility()")
    clean.add("meter-0", emulator.meters[0])
    browser.open(f"{clean.url}/alerts")
    browser.until("document.querySelector('#open-empty [data-why=ruleless]').checkVisibility()")
    assert browser.evaluate("document.querySelector('#first-limits').getAttribute('href')") == "/unit/meter-0/limits"
    assert "Nothing is over yet" in browser.text("#recent-empty")


def test_a_phone_shows_the_inbox_without_sideways_scrolling_and_with_room_for_fingers(
    running: RunningServer, emulator: RunningEmulator, browser: Browser
) -> None:
    make_rule(running, "meter-0", "A name that is as long as names of rules may get, " * 2, severity="red")
    emulator.client.offset(0, LOUD_DB)
    wait_for_open(running, 1)
    for width, scheme in ((320, "light"), (390, "dark")):
        browser.resize(width, 800)
        browser.scheme(scheme)
        browser.open(f"{running.url}/alerts")
        browser.until(f"{count(OPEN)} === 1")
        browser.click(button("snooze"))
        assert browser.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert browser.evaluate(LOW_CONTRAST) == []
        browser.click("#snooze-dialog [data-cancel]")
        assert browser.evaluate(LOW_CONTRAST) == []
        small = "[...document.querySelectorAll('button, select, input, .event-chart, summary')]"
        small += ".filter(e => e.checkVisibility() && e.getBoundingClientRect().height < 44)"
        assert browser.evaluate(f"{small}.map(e => e.outerHTML)") == []


LOW_CONTRAST = """(() => {
  const parse = (text) => text.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => [r, g, b]
    .map((part) => part / 255)
    .map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4))
    .reduce((sum, part, index) => sum + part * [0.2126, 0.7152, 0.0722][index], 0);
  const ground = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const [r, g, b, alpha = 1] = parse(getComputedStyle(at).backgroundColor);
      if (alpha > 0) return [r, g, b];
    }
    return [255, 255, 255];
  };
  const hasText = (element) => [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
  return [...document.body.querySelectorAll('*')]
    .filter((element) => hasText(element) && element.checkVisibility() && !element.closest('.unseen, noscript'))
    .map((element) => {
      const [a, b] = [light(parse(getComputedStyle(element).color)), light(ground(element))];
      return [(Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05), element.textContent.slice(0, 40)];
    })
    .filter(([ratio]) => ratio < 4.5);
})()"""
"""Texts whose contrast with what is behind them is below 4.5 (WCAG 2.2, 1.4.3)."""
