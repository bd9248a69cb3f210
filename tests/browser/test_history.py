"""The history of a unit in a browser: found, compared, excluded, taken away as a file; never empty without a reason."""

from __future__ import annotations

import pytest
import requests

from tests.browser.conftest import Browser
from tests.browser.past import DATE, UNIT
from tests.server import RunningServer

pytestmark = [pytest.mark.browser, pytest.mark.usefixtures("no_complaints")]

DRAWN = "document.querySelector('#chart canvas') !== null && !document.querySelector('#chart').hidden"
ROWS = "[...document.querySelectorAll('#periods tbody tr')].length"


def test_a_day_is_found_summed_up_and_taken_away_as_a_file(past: RunningServer, browser: Browser) -> None:
    browser.open(f"{past.url}/history?unit={UNIT}&date={DATE}&period=1h")
    browser.until(DRAWN)
    browser.until(f"{ROWS} === 2")
    assert "Highest LAeq,1min: " in browser.text("#chart-note")
    assert browser.text("#zone") == "UTC"
    href = browser.evaluate("document.querySelector('#exports a').href")
    answer = requests.get(href, timeout=20)
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "text/csv; charset=utf-8")
    assert len([line for line in answer.text.splitlines() if not line.startswith("#")]) == 121  # two hours and a head
    browser.click("#before")
    browser.until("!document.querySelector('#no-levels').hidden")
    assert "the meter was not read then" in browser.text("#no-levels-why")
    browser.evaluate("history.back()")
    browser.until(f"{DRAWN} && {ROWS} === 2")
    browser.click("#above summary")
    browser.fill("#above-form [name=level]", "60")
    browser.click("#above-form button")
    browser.until("document.querySelector('#above-found .table-box')")
    assert "of what 60.0 dB allows is used" in browser.text("#above-found")
    browser.click("#reports a.primary")
    browser.until("document.querySelector('h1')?.textContent.includes('Noise report')")
    browser.evaluate("history.back()")


def test_what_is_excluded_is_told_by_whom_and_both_results_are_kept(past: RunningServer, browser: Browser) -> None:
    for width, scheme in ((390, "dark"), (1280, "light")):
        browser.resize(width, 900)
        browser.scheme(scheme)
        browser.open(f"{past.url}/unit/{UNIT}/history?date={DATE}&period=1h&also=before")
        browser.until(f"{DRAWN} && {ROWS} === 2")
        assert browser.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert browser.axe() == []
    browser.click("#add-remark")
    browser.fill("#remark-dialog [name=from]", f"{DATE}T10:30")
    browser.fill("#remark-dialog [name=until]", f"{DATE}T10:45")
    browser.click("#remark-dialog [name=excludes]")
    browser.click("#remark-dialog [type=submit]")
    browser.until("document.querySelector('#remark-dialog .field-error')")  # it says nothing yet
    assert browser.evaluate("document.activeElement.name") == "text"
    browser.fill("#remark-dialog [name=text]", "a helicopter")
    browser.click("#remark-dialog [type=submit]")
    browser.until("document.querySelector('#remarks').textContent.includes('a helicopter')")
    browser.until("document.querySelector('#periods').textContent.includes('with all that was recorded')")
    browser.click("#remarks button")
    browser.until("document.querySelector('#remarks').textContent.includes('withdrawn by')")
    browser.until("!document.querySelector('#periods').textContent.includes('with all that was recorded')")
    browser.click("#verify")
    browser.until("document.querySelector('#evidence-outcome').dataset.kind === 'good'")
    assert browser.csp_reports() == []


def test_days_and_weeks_are_those_of_the_site(past: RunningServer, browser: Browser) -> None:
    """The pure module: clock changes, the ISO week over the turn of a year, and a month."""
    browser.open(f"{past.url}/unit/{UNIT}/history")
    found = browser.evaluate(
        """(async () => {
          const { calendarSpan, instant, moved, reportQuery, wall } = await import('/static/js/history-span.js');
          const { limitColumns } = await import('/static/js/history-levels.js');
          const zone = 'Europe/Berlin';
          const at = (hour) => `2026-11-20T${hour}:00Z`;
          const step = (from, until, level_db) => ({ starts_at: at(from), ends_at: at(until), level_db });
          const day = calendarSpan('day', '2026-11-20', 'UTC');
          const steps = [step('00:00', '07:00', 45), step('07:00', '19:00', 65), step('20:00', '24:00', 45)];
          const line = limitColumns(steps, day);
          const lasts = (span) => (span.until - span.from) / 3600000;
          const hours = (kind, date) => lasts(calendarSpan(kind, date, zone));
          const december = calendarSpan('month', '2026-12-31', zone);
          const of = (kind, date) => reportQuery(calendarSpan(kind, date, zone));
          return {
            line: line[0].map((second, index) => [(second - day.from / 1000) / 3600, line[1][index]]),
            hours: [hours('day', '2026-03-29'), hours('day', '2026-10-25'), hours('week', '2026-10-21')],
            reports: [of('week', '2027-01-02'), of('month', '2026-12-31'), reportQuery(moved(december, 1))],
            wall: wall(instant('2026-03-29T02:30', zone), zone),
            twice: new Date(instant('2026-10-25T02:30', zone)).toISOString(),
          };
        })()"""
    )
    assert found["line"] == [[0, 45], [7, 45], [19, 65], [19.5, None], [20, 45], [24, 45]]
    assert found["hours"] == [23, 25, 169]
    assert found["reports"] == ["week=2026-W53", "month=2026-12", "month=2027-01"]
    assert found["wall"] == "2026-03-29T03:30"  # an hour that does not exist
    assert found["twice"] == "2026-10-25T00:30:00.000Z"
