"""The way in, in a real browser: first account, out and in again, back to the page that was wanted."""

import re
from collections.abc import Callable

import pytest

from slmm.emulator.process import RunningEmulator
from tests.browser.conftest import Browser
from tests.server import RunningServer

pytestmark = pytest.mark.browser

PASSWORD = "correct horse battery"


def test_a_person_sets_up_logs_out_and_comes_back_to_the_page_they_wanted(
    server: Callable[..., RunningServer], emulator: RunningEmulator, browser: Browser
) -> None:
    guarded = server(SLMM_AUTH="on")
    found = re.search(r"enter the code (\S+)", guarded.log.read_text())
    assert found is not None
    browser.open(f"{guarded.url}/")
    browser.until("location.pathname === '/setup'")
    for name, text in (("code", found[1]), ("name", "ada"), ("password", PASSWORD)):
        browser.fill(f"[name={name}]", text)
    browser.click("#entry-form button")
    browser.until("location.pathname === '/' && !document.querySelector('#empty').hidden")
    assert browser.text(".who span") == "ada"
    browser.click("#adding summary")
    for name, value in (("unit_id", "north"), ("host", emulator.meters[0].host), ("tcp_port", emulator.meters[0].port)):
        browser.fill(f"[name={name}]", str(value))
    browser.click("#add-form button")
    browser.until("document.querySelectorAll('.tile').length === 1")
    browser.click("#logout")
    browser.until("location.pathname === '/login'")
    browser.open(f"{guarded.url}/unit/north")
    browser.until("location.pathname === '/login'")
    browser.fill("[name=name]", "ada")
    browser.fill("[name=password]", "not the password")
    browser.click("#entry-form button")
    browser.until("document.querySelector('#outcome').textContent.includes('wrong')")
    browser.fill("[name=password]", PASSWORD)
    browser.click("#entry-form button")
    browser.until("location.pathname === '/unit/north'")
    browser.until("document.querySelector('#verdict').dataset.kind === 'live'")
