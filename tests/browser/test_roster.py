"""A meter is tried, taken on, seen live and changed, and a list is looked at before it is taken; in a real browser."""

from __future__ import annotations

import pytest

from slmm.emulator.process import RunningEmulator
from tests.browser.conftest import Browser
from tests.server import RunningServer

pytestmark = [pytest.mark.browser, pytest.mark.usefixtures("no_complaints")]

ENDED = "document.querySelector('#trial-end').textContent"


def check(browser: Browser) -> None:
    for scheme, width in (("light", 1280), ("dark", 390)):
        browser.scheme(scheme)
        browser.resize(width, 844)
        assert browser.axe() == []
        assert browser.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert browser.csp_reports() == []


def test_a_meter_comes_onto_the_roster(clean: RunningServer, emulator: RunningEmulator, browser: Browser) -> None:
    meter = emulator.meters[0]
    browser.open(f"{clean.url}/roster")
    browser.until("!document.querySelector('#empty').hidden")
    browser.click("#empty a.primary")

    browser.until("document.activeElement?.name === 'host'")
    browser.click("#try")  # nothing is typed yet: the field says so
    assert browser.evaluate("document.querySelector('[name=host]').getAttribute('aria-invalid')") == "true"
    browser.fill("#where [name=host]", meter.host)
    browser.fill("#where [name=tcp_port]", "9")
    browser.click("#try")
    browser.until(f"{ENDED}.includes('cannot be read')")
    assert "2255" in browser.text("#steps [data-state=failed] .step-advice")
    browser.fill("#where [name=tcp_port]", str(meter.port))
    browser.click("#try")
    browser.until(f"{ENDED}.includes('It can be read')")
    check(browser)
    assert browser.evaluate("document.querySelector('#facts-form').elements.unit_id.value").startswith("nl43-")

    browser.fill("#facts-form [name=name]", "Gäte North")
    assert browser.evaluate("document.querySelector('#facts-form').elements.unit_id.value") == "gaete-north"
    browser.fill("#facts-form [name=latitude]", "53,55")
    browser.click("#take-on")
    browser.until("document.querySelector('#facts-form .field-error')?.textContent.includes('neither of them')")
    browser.fill("#facts-form [name=longitude]", "10")
    browser.click("#take-on")
    browser.until("!document.querySelector('#done').hidden")
    browser.click("#see-live")
    browser.until("document.querySelector('#verdict')?.dataset.kind === 'live'")
    assert clean.get("/gaete-north/config")["data"]["latitude"] == 53.55

    browser.open(f"{clean.url}/roster")
    browser.until("document.querySelector('#rows .verdict')?.textContent === 'measuring'")
    check(browser)
    browser.click("#rows [data-act=edit]")
    browser.fill("#edit-form [name=site]", "Harbour")
    assert browser.axe() == []
    browser.click("#edit-form [type=submit]")
    browser.until("document.querySelector('#rows .hint').textContent === 'gaete-north · Harbour'")
    browser.click("#rows [data-act=rest]")
    browser.click("dialog.ask [type=submit]")
    browser.until("document.querySelector('#rows .verdict').textContent === 'left alone on request'")

    browser.open(f"{clean.url}/roster/import")
    browser.fill("#text", "unit_id;host;name\ngaete-north;;Gate\nyard;10.0.0.2;Yard\nbad;no host;")
    browser.click("#list [type=submit]")
    browser.until("!document.querySelector('#preview').hidden")
    assert browser.text("#lines tbody tr").startswith("4badrefusedhost: ")
    check(browser)
    assert len(clean.get("/roster")["devices"]) == 1
    browser.click("#take")
    browser.until("document.querySelector('#summary').textContent.startsWith('Done: one new meter, one meter changed')")
    assert {unit["name"] for unit in clean.get("/roster")["devices"]} == {"Gate", "Yard"}
