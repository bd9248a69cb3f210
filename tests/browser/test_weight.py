"""What the pages that people open on a phone weigh: everything that is loaded until the page is full, with gzip."""

from __future__ import annotations

import pytest

from tests.browser.conftest import Browser
from tests.browser.full import LOUD_UNIT, Full

pytestmark = [pytest.mark.browser, pytest.mark.usefixtures("no_complaints")]

MOST_BYTES = 150_000
DRAWN = "document.querySelectorAll('#chart canvas').length > 0"
PAGES = {
    "/": "document.querySelectorAll('.tile .spark path').length >= 3",
    f"/unit/{LOUD_UNIT}": f"document.querySelector('#verdict').dataset.kind === 'live' && {DRAWN}",
    f"/unit/{LOUD_UNIT}/history": f"{DRAWN} && document.querySelectorAll('#periods tr').length > 3",
    "/shared": "document.querySelector('.shared-chart').ariaLabel?.length > 20",
}


@pytest.mark.parametrize("language", ["en", "de"])
def test_a_page_is_light_enough_for_a_phone(full: Full, browser: Browser, language: str) -> None:
    full.log_in(browser)
    browser.evaluate(f"document.cookie = 'slmm_language={language}; Path=/'")
    heavy = {}
    for path, is_full in PAGES.items():
        loaded = browser.weigh(f"{full.server.url}{path}", is_full, 40)
        assert len(loaded) > 10, "what a page loads is counted"
        if sum(loaded.values()) > MOST_BYTES:
            heavy[path] = sorted(loaded.items(), key=lambda each: -each[1])[:8]
    assert heavy == {}
