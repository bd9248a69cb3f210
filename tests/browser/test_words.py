"""German, chosen in the panel or by the browser; and a page whose catalogue does not come."""

from collections.abc import Iterator

import pytest

from tests.browser.conftest import Browser
from tests.server import RunningServer

pytestmark = pytest.mark.browser

LANGUAGE = "document.documentElement.lang"
ENDS = "document.querySelector('#meter-line').textContent"
COMMA, POINT = (rf"/^\d+{sign}\d$/.test(document.querySelector('#lp').textContent)" for sign in (",", r"\."))


@pytest.fixture(autouse=True)
def no_complaints(browser: Browser) -> Iterator[None]:
    yield
    assert browser.complaints() == []


def test_german_is_chosen_in_the_panel_and_stays(running: RunningServer, browser: Browser) -> None:
    browser.open(f"{running.url}/unit/meter-0")
    browser.until(POINT)
    browser.click("#look summary")
    browser.choose("#language", "de")
    browser.until(f"{LANGUAGE} === 'de'")
    browser.until(COMMA)
    browser.until(f"{ENDS}.includes('antwortet') && {ENDS}.includes('Bewertung A')")
    assert "Übersicht" in browser.text("nav a")
    browser.open(f"{running.url}/roster")
    browser.until("document.title.includes('Geräteliste')")
    assert browser.evaluate("document.querySelector('#language').value") == "de"
    browser.click("#look summary")
    browser.choose("#language", "en")
    browser.until(f"{LANGUAGE} === 'en' && document.title.includes('Meters')")


def test_a_german_browser_is_spoken_to_in_german(running: RunningServer, browser: Browser) -> None:
    browser.stranger(f"{running.url}/unit/meter-0", "de-AT")
    assert browser.evaluate(LANGUAGE) == "de"
    browser.until(COMMA)
    assert browser.evaluate("document.cookie") == ""


def test_a_page_without_its_catalogue_speaks_english_and_works(running: RunningServer, browser: Browser) -> None:
    browser.open(f"{running.url}/login")
    browser.evaluate("document.cookie = 'slmm_language=de; Path=/'")
    browser.refuse_once("**/words/**")
    browser.open(f"{running.url}/unit/meter-0")
    browser.until("document.querySelector('#verdict').dataset.kind === 'live'")
    browser.until(f"{ENDS}.includes('answers')")
    assert browser.evaluate(LANGUAGE) == "de"  # what the service itself wrote
