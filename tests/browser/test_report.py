"""A report in a browser: styled under its own policy, readable on a phone, one sheet on paper."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
import requests

from tests.browser.conftest import Browser
from tests.server import RunningServer

pytestmark = [pytest.mark.browser, pytest.mark.usefixtures("no_complaints")]


def test_the_report_is_styled_and_fits_a_phone(
    server: Callable[..., RunningServer], browser: Browser, tmp_path: Path
) -> None:
    running = server()
    body = {"unit_id": "north-gate", "host": "127.0.0.1", "tcp_enabled": False}
    assert requests.post(f"{running.url}/api/nl43/roster", json=body, timeout=20).status_code == 200
    browser.resize(390, 800)
    browser.open(f"{running.url}/unit/north-gate")
    browser.click(".unit-report a")
    browser.until("document.querySelector('main h2')")
    assert "north-gate" in browser.text("h1")
    assert str(datetime.now(UTC).year) in browser.text(".when")
    assert browser.evaluate("getComputedStyle(document.querySelector('main')).backgroundColor") == "rgb(255, 255, 255)"
    assert browser.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert browser.evaluate("document.scripts.length") == 0
    assert browser.evaluate("document.querySelectorAll('nav a').length") >= 4
    browser.resize(1100, 800)
    assert browser.evaluate("document.documentElement.scrollWidth <= innerWidth")
