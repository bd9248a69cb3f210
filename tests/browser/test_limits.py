"""Where limits stand, on the page of a unit, in a real browser over a real server."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.browser.conftest import Browser
from tests.server import RunningServer

pytestmark = [pytest.mark.browser, pytest.mark.usefixtures("no_complaints")]

SHOWN = "!document.querySelector('#unit-limits').hidden"


def limit(level_db: float, **members: Any) -> dict[str, Any]:
    rows = [{"from": "00:00", "until": "24:00", "level_db": level_db}]
    document = {"name": "Site", "quantity": "laeq", "period": {"kind": "fixed", "length": "15min"}, "rows": rows}
    return document | members


def asked(browser: Browser, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
    options = {"method": method, "headers": {"Content-Type": "application/json"}, "body": body and json.dumps(body)}
    return browser.evaluate(
        f"fetch('/api/nl43/meter-0/limits{path}', {json.dumps(options)}).then((answer) => answer.json())"
    )


WORDS = """(async () => {
  const words = await import('/static/js/limit-words.js');
  const now = { level_db: 72.1, limit_db: 70, margin_db: -2.1, bound: '=', uncertainty_db: 1.2 };
  const used = { used_ratio: 0.63396, used_at_most: 0.7, is_lost: false };
  const allowance = { ...used, rest_s: 21600, rest_level_db: 72.8, exhausted_in_s: 8314 };
  const lost = { ...allowance, is_lost: true };
  return [
    words.verdict({ verdict: 'amber', now }), words.verdict({ verdict: null, now: null }),
    words.level({ now: { ...now, bound: '>' } }), words.level({ now: { ...now, level_db: null } }),
    words.uncertainty({ now }), words.margin({ now }), words.used({ allowance }), words.rest({ allowance }),
    words.rest({ allowance: lost }), words.rest({ allowance: { ...allowance, exhausted_in_s: 30000 } }),
  ];
})()"""


def check_words(browser: Browser) -> None:
    """The pure module, run by the browser that has to run it."""
    assert browser.evaluate(WORDS) == [
        "beyond the limit so far",
        "no limit is in force",
        "at least 72.1 dB",
        "–",
        "± 1.2 dB",
        "2.1 dB above the limit of 70.0 dB",
        "63.3 % to 70.0 % of the allowance used",
        "No more than 72.8 dB for the rest (6 h). At the level of the last 15 min it is used up in 2 h 18 min.",
        "Exceeded whatever happens now.",
        "No more than 72.8 dB for the rest (6 h). At the level of the last 15 min it lasts.",
    ]


def test_a_limit_stands_on_the_page_and_goes_with_it(running: RunningServer, browser: Browser) -> None:
    browser.open(f"{running.url}/unit/meter-0")
    browser.until("document.querySelector('#verdict').dataset.kind === 'live'")
    assert browser.evaluate("document.querySelector('#unit-limits').hidden")
    made = asked(browser, "POST", "", limit(139.0))["limit"]
    browser.until(SHOWN)  # told by the stream, without asking
    assert browser.text(".limit h3").startswith("Site")
    browser.until("document.querySelector('.limit-old').textContent.includes('old')")
    assert browser.text(".limit-verdict") in ("within the limit", "no data", "not judged: too little is known")
    meter = browser.evaluate("(({ tagName, max }) => `${tagName} ${max}`)(document.querySelector('.limit meter'))")
    assert meter == "METER 100"
    asked(browser, "DELETE", f"/{made['id']}")
    browser.until("document.querySelector('#unit-limits').hidden")
    check_words(browser)
