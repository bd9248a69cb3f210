"""A report in a browser: styled under its own policy, readable on a phone, one sheet on paper."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from tests.browser.conftest import Browser
from tests.browser.past import UNIT
from tests.server import RunningServer

pytestmark = [pytest.mark.browser, pytest.mark.usefixtures("no_complaints")]


def test_the_report_is_styled_and_fits_a_phone(past: RunningServer, browser: Browser) -> None:
    browser.resize(390, 800)
    browser.open(f"{past.url}/unit/{UNIT}")
    browser.click(".unit-report a")
    browser.until("document.querySelector('main h2')")
    assert UNIT in browser.text("h1")
    assert str(datetime.now(UTC).year) in browser.text(".when")
    assert browser.evaluate("getComputedStyle(document.querySelector('main')).backgroundColor") == "rgb(255, 255, 255)"
    assert browser.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert browser.evaluate("document.scripts.length") == 0
    assert browser.evaluate("document.querySelectorAll('nav a').length") >= 4
    browser.resize(1100, 800)
    assert browser.evaluate("document.documentElement.scrollWidth <= innerWidth")
