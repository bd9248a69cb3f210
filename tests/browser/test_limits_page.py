"""The page of a unit's limits: from a template to a limit, tried on the past, to an alert that is acknowledged."""

from __future__ import annotations

import pytest
import requests

from slmm.emulator.process import RunningEmulator
from tests.browser.conftest import Browser
from tests.browser.inbox import FOLLOWED, LOUD_DB, OPEN, count, make_rule, select, wait_for_open
from tests.browser.past import UNIT
from tests.server import RunningServer

pytestmark = [pytest.mark.browser, pytest.mark.usefixtures("no_complaints")]


def test_a_template_becomes_a_limit_that_was_tried_on_the_past(past: RunningServer, browser: Browser) -> None:
    browser.open(f"{past.url}/unit/{UNIT}/limits")
    browser.until("!document.querySelector('#limit-empty').hidden")
    browser.click("#set-limit")
    browser.until("document.querySelectorAll('#template option').length > 30")
    select(browser, "#template", "events-15min")
    browser.until("document.querySelector('#template-source').textContent.includes('has the last word')")
    browser.fill("[data-field='rows.0.from']", "25:00")
    browser.click("#limit-form [type=submit]")
    browser.until("document.querySelector('[data-field=\"rows.0.from\"]').getAttribute('aria-invalid') === 'true'")
    assert "25:00" in browser.text("#limit-form .field-error")
    browser.fill("[data-field='rows.0.from']", "00:00")
    browser.fill("[data-field='rows.0.until']", "24:00")
    browser.fill("[data-field='rows.0.level_db']", "60")
    words = "LAeq,15min rolling above 60.0 dB, every day 00:00–24:00"
    browser.until(f"document.querySelector('#limit-words').textContent.includes({words!r})")
    browser.click("#limit-form [data-try]")
    browser.until("document.querySelector('#limit-editor .back-verdict')?.dataset.kind === 'fired'")
    assert browser.evaluate("document.querySelectorAll('#limit-editor .back-test tbody tr').length") >= 1
    browser.click("#limit-form [type=submit]")
    browser.until("!document.querySelector('#rule-editor').hidden")  # whom to tell
    assert browser.evaluate("document.querySelector('[name=watched]').value") == "limit:1"
    browser.click("#rule-form [type=submit]")
    browser.until("document.querySelectorAll('.rule-card').length === 1")
    kept = past.get(f"/{UNIT}/limits")["limits"][0]
    assert (kept["template"], kept["document"]["rows"][0]["level_db"]) == ("events-15min", 60.0)
    assert past.get(f"/{UNIT}/alerts/rules")["rules"][0]["limit_warns"]
    for width, scheme in ((390, "dark"), (1280, "light")):
        browser.resize(width, 900)
        browser.scheme(scheme)
        browser.until("document.documentElement.scrollWidth <= innerWidth")
        assert browser.axe() == []
    assert browser.csp_reports() == []
    browser.click(".limit-card .buttons button:last-child")
    browser.click("#delete-dialog [value=yes]")
    browser.until("document.querySelector('#outcome').dataset.kind === 'bad'")  # a rule watches it, says the service
    assert kept["name"] in browser.text("#limit-list")


def test_a_rule_made_on_the_page_fires_and_is_acknowledged_by_keyboard(
    running: RunningServer, emulator: RunningEmulator, browser: Browser
) -> None:
    browser.open(f"{running.url}/unit/meter-0/limits")
    browser.until("!document.querySelector('#rule-empty').hidden")
    browser.press("r")
    browser.until("!document.querySelector('#rule-editor').hidden")
    browser.fill("#rule-form [data-field=name]", "Loud")
    browser.fill("#rule-form [data-field=duration_s]", "0")
    browser.click("#rule-form [type=submit]")
    browser.until("document.querySelector('[data-field=threshold_db][aria-invalid=true]')")
    browser.fill("#rule-form [data-field=threshold_db]", "85")
    browser.click("#rule-form [type=submit]")
    browser.until("document.querySelector('.rule-card')?.dataset.state === 'normal'")
    assert "above 85.0 dB" in browser.text(".rule-card")
    make_rule(running, "meter-0", "Louder", threshold_db=88)
    emulator.client.offset(0, LOUD_DB)
    wait_for_open(running, 2)
    browser.open(f"{running.url}/alerts")
    browser.until(f"{FOLLOWED} && {count(OPEN)} === 2")
    browser.press("j")
    browser.press("j")
    browser.press("k")
    assert browser.evaluate("document.activeElement === document.querySelector('#open .event')")
    browser.press("e")
    browser.until("document.querySelector('#remark-dialog').open")
    assert browser.text("#others-text") == "and the other alert of the same incident"
    browser.press("Enter")  # the note has the focus: a line, and nothing is sent
    browser.click("#remark-dialog [type=submit]")
    browser.until("!document.querySelector('#remark-dialog').open")  # the feed tells it before the answer does
    browser.until(f"document.querySelectorAll({OPEN!r} + '[data-state=acknowledged]').length === 2")
    assert running.get("/_alerts/summary")["unacknowledged"] == 0
    browser.press("/")
    assert browser.evaluate("document.activeElement.name") == "severity"
    link = browser.evaluate(f"document.querySelector({OPEN!r} + ' .event-rule-link').getAttribute('href')")
    browser.open(f"{running.url}{link}")
    browser.until("document.activeElement.classList.contains('rule-card')")
    assert requests.get(f"{running.url}{link}", timeout=20).status_code == 200
