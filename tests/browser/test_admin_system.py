"""The pages of the machine: one journey of an operator at night, from the report to a backup that waits."""

import pytest

from tests.browser.conftest import Browser
from tests.server import RunningServer

pytestmark = [pytest.mark.browser, pytest.mark.usefixtures("no_complaints")]

NO_RUN = "document.querySelector('#progress').hidden"
NO_TROUBLE = (
    "(document.querySelector('#troubles').textContent.includes('Nothing.') || document.querySelector('#troubles li'))"
    " && [...document.querySelectorAll('#troubles li')].every((item) => item.textContent.includes('had to wait'))"
)
"""But for a machine that is busy with other tests."""


def sound(browser: Browser) -> None:
    """Nothing that axe or the policy objects to, in light and dark, on a phone and on a desk."""
    for scheme in ("light", "dark"):
        browser.scheme(scheme)
        assert browser.axe() == [], scheme
    browser.resize(390, 844)
    assert browser.axe() == []
    browser.until("document.documentElement.scrollWidth <= innerWidth")
    browser.resize(1280, 900)
    assert browser.csp_reports() == []


def test_the_machine_is_looked_after(browser: Browser, clean: RunningServer) -> None:
    clean.add("north", type("Meter", (), {"host": "127.0.0.1", "port": 9}), tcp_enabled=False)

    browser.open(f"{clean.url}/admin/system")
    browser.until("document.querySelectorAll('#vitals .vital').length >= 7")
    assert browser.evaluate(NO_TROUBLE)
    assert "make minutes" in browser.text("#jobs")
    browser.click("#standby")
    browser.click("dialog[open] button.danger")
    browser.until("document.querySelector('#troubles').textContent.includes('Standby')")
    sound(browser)
    browser.click("#resume")
    browser.until(NO_TROUBLE)

    browser.open(f"{clean.url}/admin/logs")
    browser.fill("input[name=text]", "running with")
    browser.until("document.querySelector('#list').textContent.includes('slmm.runtime: running with')")
    browser.fill("input[name=text]", "no such words")
    browser.until("document.querySelector('#empty').textContent.includes('fits these filters')")
    browser.fill("input[name=text]", "")
    browser.until("document.querySelector('#list').children.length > 0")
    sound(browser)

    browser.open(f"{clean.url}/admin/retention")
    browser.until("document.querySelector('#tiers').textContent.includes('SLMM_RECORD_FRAMES_DAYS=30')")
    browser.click("#prune")
    browser.click("dialog[open] button.primary")
    browser.until("document.querySelector('#outcome').textContent.startsWith('Removed')")
    sound(browser)

    browser.open(f"{clean.url}/admin/backup")
    browser.until("document.querySelector('#list').textContent.includes('There is no backup yet')")
    browser.click("#make-form button")
    browser.until("document.querySelector('#outcome').textContent.includes('read again and whole')")
    browser.until("document.querySelector('#nightly-state').textContent.includes('Every day at 03:10 (UTC)')")
    browser.click("#list button[aria-label^='Verify now']")
    browser.until("document.querySelector('#list').textContent.includes('verified by restoring')")
    browser.until("document.querySelector('#outcome').textContent.includes('everything in it is there')")
    sound(browser)
    browser.click("#list button[aria-label^='Put back']")
    browser.click("dialog[open] button.danger")
    browser.until(f"document.querySelector('#pending').textContent.includes('next start') && {NO_RUN}")
    sound(browser)
    browser.click("#pending button")
    browser.until("document.querySelector('#pending').childElementCount === 0")
    assert clean.get("/_system/backups")["pending"] is None
