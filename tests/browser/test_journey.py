"""The whole way: a meter is taken on, limited, too loud, told of, acknowledged, reported, and seen by a neighbour.

With SLMM_SCREENSHOTS=1 the pictures of docs/screenshots are taken anew on the way.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.browser.conftest import Browser
from tests.browser.full import LOUD_UNIT, Full
from tests.browser.inbox import FOLLOWED, LOUD_DB, select

pytestmark = [pytest.mark.browser, pytest.mark.usefixtures("no_complaints")]

PICTURES = Path(__file__).resolve().parents[2] / "docs" / "screenshots"
MOST_BYTES = 200_000
LIVE = "document.querySelector('#verdict')?.dataset.kind === 'live'"
UNIT = "gate-north"
ALERT = f"[...document.querySelectorAll('#open .event')].find((each) => each.textContent.includes({UNIT!r}))"
SHARED_VERDICT = "document.querySelector('.shared-verdict').textContent"


LISTEN = """(() => {
  window.said = new Map();
  for (const region of document.querySelectorAll("[role=status], [aria-live=polite]")) {
    let text = region.textContent;
    new MutationObserver(() => {
      if (region.textContent === text || region.closest("[hidden]")) return;
      text = region.textContent;
      const name = region.id || region.className;
      window.said.set(name, [...(window.said.get(name) ?? []), [performance.now(), text]]);
    }).observe(region, { childList: true, characterData: true, subtree: true });
  }
})()"""
TOO_OFTEN = """[...window.said].filter(([, all]) =>
  all.some(([at], number) => number > 0 && at - all[number - 1][0] < 9500))"""
"""What is read aloud again before ten seconds are over, with a little room for the timers."""


def take_on(full: Full, browser: Browser) -> None:
    """By the wizard, from the list of meters."""
    meter = full.emulator.meters[-1]
    browser.open(f"{full.server.url}/roster")
    browser.press("n")
    browser.until("document.activeElement?.name === 'host'")
    browser.fill("#where [name=host]", meter.host)
    browser.fill("#where [name=tcp_port]", str(meter.port))
    browser.press("Enter")
    browser.until("!document.querySelector('#facts').hidden")
    browser.fill("#facts-form [name=name]", "Gate north")
    browser.click("#take-on")
    browser.until("!document.querySelector('#done').hidden")
    browser.click("#see-live")
    browser.until(LIVE)


def limit_from_template(browser: Browser) -> None:
    """A minute instead of a quarter of an hour, and a rule that tells when it is broken."""
    browser.click(f".unit-nav a[href='/unit/{UNIT}/limits']")
    browser.until("document.querySelector('#limit-empty')?.hidden === false")
    browser.press("l")
    browser.until("document.querySelectorAll('#template option').length > 30")
    select(browser, "#template", "events-15min")
    browser.until("document.querySelector('#template-source').textContent.includes('has the last word')")
    for field, value in (
        ("name", "Minute by minute"),
        ("period.length", "1min"),
        ("rows.0.from", "00:00"),
        ("rows.0.until", "24:00"),
    ):
        browser.fill(f"[data-field='{field}']", value)
    browser.fill("[data-field='rows.0.level_db']", "85")
    browser.until("document.querySelector('#limit-words').textContent.includes('LAeq,1min rolling above 85.0 dB')")
    browser.click("#limit-form [type=submit]")
    browser.until("!document.querySelector('#rule-editor').hidden")
    browser.click("#rule-form [type=submit]")
    browser.until("document.querySelectorAll('.rule-card').length === 1")


def link_for_the_neighbours(full: Full, browser: Browser) -> str:
    """Made on the page, where it is shown once."""
    browser.open(f"{full.server.url}/admin/shares")
    browser.until(f"document.querySelector('#units [value={UNIT}]')")
    browser.fill("#add-form [name=name]", "Neighbours of the gate")
    browser.click(f"#units [value={UNIT}]")
    browser.click("#add-form [type=submit]")
    browser.until("document.querySelector('#secret')")
    link: str = browser.evaluate("document.querySelector('#secret').value")
    return link


@pytest.mark.deadline(300)
def test_a_meter_is_taken_on_limited_too_loud_acknowledged_reported_and_shared(full: Full, browser: Browser) -> None:
    full.log_in(browser)
    browser.resize(1280, 900)
    take_on(full, browser)
    limit_from_template(browser)
    full.emulator.client.offset(len(full.emulator.meters) - 1, LOUD_DB)
    guest = browser.stranger(link_for_the_neighbours(full, browser))
    browser.until("location.pathname === '/shared' && document.querySelector('.shared-now')?.textContent")
    browser.use_tab(0)
    heard = []
    for path, is_there in (("/", "document.querySelectorAll('.tile').length >= 4"), (f"/unit/{LOUD_UNIT}", LIVE)):
        heard.append(browser.new_tab(f"{full.server.url}{path}"))
        browser.until(is_there)
        browser.evaluate(LISTEN)
    browser.use_tab(0)
    browser.open(f"{full.server.url}/alerts")
    browser.until(FOLLOWED)

    browser.until(f"{ALERT} !== undefined", 150)
    told = browser.evaluate(f"{ALERT}.textContent")
    assert "Minute by minute" in told
    assert "above 85.0 dB" in told, "so loud that it is red at once"
    browser.evaluate(f"{ALERT}.focus()")
    browser.press("e")
    browser.until("document.querySelector('#remark-dialog').open")
    browser.fill("#remark-dialog textarea", "Sheet piling until noon; the crew knows.")
    browser.click("#remark-dialog [type=submit]")
    browser.until(f"{ALERT}.dataset.state === 'acknowledged'")

    for tab in heard:
        browser.use_tab(tab)
        assert browser.evaluate(TOO_OFTEN) == []
    browser.use_tab(guest)
    browser.until(f"{SHARED_VERDICT}.startsWith('The limit is exceeded')")
    browser.use_tab(0)
    browser.open(f"{full.server.url}/unit/{UNIT}/history")
    browser.click("#reports a.primary")
    browser.until("document.querySelector('main h2')")
    assert UNIT in browser.text("h1")
    assert "Minute by minute" in browser.text("body"), "the limit it broke"
    if os.environ.get("SLMM_SCREENSHOTS") == "1":
        take_pictures(full, browser)


def take_pictures(full: Full, browser: Browser) -> None:
    """For the README: desk and phone, light and dark, once in German."""
    chart = "document.querySelectorAll('#chart canvas').length > 0"
    levels = f"{LIVE} && /[0-9]/.test(document.querySelector('#legend-laeq-value')?.textContent)"
    curves = "document.querySelectorAll('.tile .spark path').length >= 3"
    drawn = "document.querySelector('.shared-chart').ariaLabel?.length > 20"
    unit = f"/unit/{LOUD_UNIT}"
    for name, path, is_full, size, scheme, language in (
        ("wall", "/", curves, (1280, 580), "light", "en"),
        ("unit", f"{unit}?window=1h", levels, (1100, 1000), "dark", "en"),
        ("history-de", f"{unit}/history", chart, (1280, 900), "light", "de"),
        ("wall-phone", "/", curves, (390, 844), "dark", "en"),
        ("unit-phone", unit, levels, (390, 844), "light", "en"),
        ("inbox-phone", "/alerts", "document.querySelector('#open .event')", (390, 844), "light", "en"),
        ("shared-phone", f"/shared?units={LOUD_UNIT}", drawn, (390, 844), "light", "en"),
    ):
        browser.resize(*size)
        browser.scheme(scheme)
        browser.evaluate(f"document.cookie = 'slmm_language={language}; Path=/'")
        browser.open(f"{full.server.url}{path}")
        browser.until(is_full)
        browser.until("document.querySelector('#link')?.dataset.state !== 'connecting'")
        browser.picture(str(PICTURES / f"{name}.png"))
        assert (PICTURES / f"{name}.png").stat().st_size < MOST_BYTES
