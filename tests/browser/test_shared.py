"""The page behind a share link, in the browser of somebody without an account."""

from __future__ import annotations

import pytest
import requests

from tests.browser.conftest import Browser
from tests.browser.test_admin import go, rows
from tests.server import RunningServer

pytestmark = [pytest.mark.browser, pytest.mark.usefixtures("no_complaints")]

LEVEL = r"/^\d+\.\d$/"
GUEST_SEES = """fetch('/api/nl43/' + %r).then((answer) => answer.status)"""


def made_limit(browser: Browser) -> None:
    """A limit that no meter here breaks, by the interface as the one who is logged in."""
    browser.evaluate(
        """fetch('/api/nl43/north/limits', { method: 'POST', headers: { 'Content-Type': 'application/json' },
          body: JSON.stringify({ name: 'Permit', quantity: 'laeq', period: { kind: 'fixed', length: '15min' },
            rows: [{ from: '00:00', until: '24:00', level_db: 99 }] }) }).then((answer) => answer.json())"""
    )


def test_a_resident_sees_the_levels_of_the_link_and_is_told_when_it_ends(
    guarded: RunningServer, browser: Browser
) -> None:
    go(browser, guarded, "/admin/shares")
    made_limit(browser)
    browser.until("document.querySelectorAll('#units input').length === 2")
    browser.fill("#add-form [name=name]", "Neighbours")
    browser.click("#add-form [type=submit]")
    browser.until("document.querySelector('#add-form .field-error')?.textContent === 'choose at least one'")
    browser.click("#units [value=north]")
    browser.click("#add-form [type=submit]")
    browser.until("document.querySelector('#secret')")
    link = browser.evaluate("document.querySelector('#secret').value")
    browser.until(f"{rows('list')}.some((row) => row.includes('Neighbours') && row.includes('north'))")

    browser.stranger(link)
    browser.until("location.pathname === '/shared'")
    assert browser.text("h1") == "Neighbours"
    assert browser.evaluate("[...document.querySelectorAll('.shared-unit h2')].map((h) => h.textContent)") == ["north"]
    assert browser.evaluate("document.querySelectorAll('.top nav a').length") == 0
    browser.until("document.querySelector('.shared-now')?.textContent.startsWith('LAF ')", 40)
    browser.until("document.querySelector('.shared-facts').textContent.includes('99.0 dB')")
    browser.until("document.querySelector('.shared-age').textContent.startsWith('last reading')")
    browser.until("!document.querySelector('.shared-unit').classList.contains('is-now-stale')")
    browser.until("document.querySelector('.shared-chart').ariaLabel.startsWith('Chart of the last 6 hours')")
    for path in ("south/status", "south/limits/standing", "_monitor/events?units=south"):
        assert browser.evaluate(GUEST_SEES % path) == 404, path
    for path in ("north/config", "north/logs", "_alerts/events", "north/history?hours=1&step=1s", "_users"):
        assert browser.evaluate(GUEST_SEES % path) in (403, 422), path
    for width, scheme in ((320, "dark"), (1280, "light")):
        browser.resize(width, 850)
        browser.scheme(scheme)
        assert browser.axe() == []
        assert browser.evaluate("document.documentElement.scrollWidth <= innerWidth"), width
    assert browser.csp_reports() == []

    browser.use_tab(0)
    browser.click("#list button")
    browser.click("dialog.ask [type=submit]")
    browser.until("document.querySelector('#list details')?.textContent.includes('revoked')")
    browser.use_tab(1)
    browser.until("!document.querySelector('#ended').hidden", 30)
    browser.until("document.querySelector('.shared-verdict').textContent === 'Old figures: the link has ended'")
    browser.until("document.querySelector('.shared-unit').classList.contains('is-stale')")
    assert requests.get(link, timeout=40).status_code == 404


WORDS = """(async () => {
  const say = await import('/static/js/shared-words.js');
  const at = (margin_db, level_db = 60) => ({ level_db, limit_db: 66, margin_db, bound: '=', label: 'LAeq,15min' });
  const view = { isActive: true, hasReading: true };
  const fresh = { view, isMeasuring: true, isOld: false, lastSeen: '12:00' };
  const standing = (verdict, now) => ({ verdict, now, limit_id: 1, at: '2026-01-01T12:00:00Z' });
  const clock = { hour: () => '12:15' };
  return [
    say.verdict(fresh, standing('ok', at(6))).text,
    say.verdict(fresh, standing('amber', at(-2))).text,
    say.verdict(fresh, standing('red', at(-2))).kind,
    say.verdict(fresh, standing(null, null)).kind,
    say.verdict({ ...fresh, view: { ...view, isStale: true } }, standing('ok', at(6))),
    say.verdict({ ...fresh, isOld: true }, standing('ok', at(6))).kind,
    say.verdict({ ...fresh, isMeasuring: false }, standing('ok', at(6))).kind,
    say.worst([standing('ok', at(1)), standing('red', at(-1)), standing('amber', at(2))]).verdict,
    say.worst([]),
    say.figure(standing('ok', { ...at(6), bound: '>' }), null, clock).level,
    say.figure(null, { at: 1, level: 51.26 }, clock),
    say.figure(null, null, clock).level,
    say.marginText(standing('red', at(-2.1))),
    say.ageText(7200),
    say.chartText([null, 40, 61.5], 6),
  ];
})()"""


def test_the_words_are_those_of_people_who_do_not_measure_sound(guarded: RunningServer, browser: Browser) -> None:
    browser.open(f"{guarded.url}/login")
    assert browser.evaluate(WORDS) == [
        "Within the limit",
        "Above the limit so far; quieter minutes may still bring the mean back",
        "red",
        "none",
        {"kind": "grey", "text": "No current figures: nothing was heard of the meter since 12:00"},
        "grey",
        "grey",
        "red",
        None,
        "≥ 60.0",
        {"level": "51.3", "label": "LAeq,1min", "period": "mean of the minute to 12:15", "at": 1},
        "–",
        "2.1 dB above the limit",
        "last reading 2 hours ago",
        "Chart of the last 6 hours, one mean a minute: between 40.0 and 61.5 dB.",
    ]
