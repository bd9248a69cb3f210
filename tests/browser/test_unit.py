"""The live page of one unit in a real browser: its chart, what it says in words, and what a reader does with it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import requests

from slmm import settings as settings_module
from slmm.events import Levels, Reading, RunState
from slmm.record.frames import of_reading
from slmm.record.office import RecordOffice
from slmm.times import timestamp
from tests.browser.conftest import Browser
from tests.server import RunningServer

pytestmark = [pytest.mark.browser, pytest.mark.usefixtures("no_complaints")]

UNIT = "north"
PAST = timedelta(minutes=70)
STEP = timedelta(seconds=4)
LEVEL = r"/^\d+\.\d dB$/"
READ = f"{LEVEL}.test(document.querySelector('#legend-laeq-value').textContent)"

INK = """(() => {
  const canvas = document.querySelector('#chart canvas');
  const over = document.querySelector('#chart .u-over').getBoundingClientRect();
  const at = canvas.getBoundingClientRect();
  const ratio = canvas.width / at.width;
  const probe = document.body.appendChild(document.createElement('span'));
  const rgb = (name) => {
    probe.style.color = `var(${name})`;
    return getComputedStyle(probe).color.match(/\\d+/g).slice(0, 3).map(Number);
  };
  // Pixels of a colour, or of anything but the ground, between two shares of the width and two levels.
  window.ink = (name, left, right, low, high) => {
    const x = (share) => Math.round((over.left - at.left + share * over.width) * ratio);
    const y = (level) => Math.round((over.top - at.top + ((100 - level) / 70) * over.height) * ratio);
    const { data } = canvas.getContext('2d').getImageData(x(left), y(high), x(right) - x(left), y(low) - y(high));
    const wanted = name && rgb(name);
    let count = 0;
    for (let index = 0; index < data.length; index += 4) {
      if (!wanted) count += data[index + 3] > 0;
      else if (data[index + 3] > 200 && wanted.every((part, at) => Math.abs(part - data[index + at]) < 12)) count += 1;
    }
    return count;
  };
  return true;
})()"""


def kept_past(begin: datetime, gap: tuple[datetime, datetime]) -> Iterator[Reading]:
    """60 dB and 70 dB in turn, a minute each, and a silence."""
    at = begin
    while at < datetime.now(UTC):
        if not gap[0] <= at < gap[1]:
            level = 60.0 if at.minute % 2 else 70.0
            yield Reading(UNIT, at, Levels(lp=level, leq=65.0, lmax=level), "", run_state=RunState.MEASURING)
        at += STEP


@pytest.fixture(scope="module")
def past(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[RunningServer, datetime]]:
    """A server whose record holds 70 minutes of a unit up to an instant, silent from -40 to -30 min; the instant."""
    directory = tmp_path_factory.mktemp("past")
    settings = settings_module.load({}, None, data_dir=directory / "data", port=0)
    now = datetime.now(UTC)
    office = RecordOffice(settings, lambda unit_id: ZoneInfo("UTC"))
    office.start()
    gap = now - timedelta(minutes=40), now - timedelta(minutes=30)
    office.historian.write([of_reading(reading) for reading in kept_past(now - PAST, gap)])
    office.rollup.remake(UNIT, now - PAST, now)
    office.stop()
    server = RunningServer(directory, {})
    server.start()
    added = {"unit_id": UNIT, "host": "127.0.0.1", "tcp_enabled": False, "timezone": "UTC"}
    assert requests.post(f"{server.api}/roster", json=added, timeout=40).status_code == 200
    change = now - timedelta(minutes=20)
    rows = [
        {"from": f"{change:%H:%M}", "until": f"{change - timedelta(hours=1):%H:%M}", "level_db": 55.0},
        {"from": f"{change - timedelta(hours=1):%H:%M}", "until": f"{change:%H:%M}", "level_db": 85.0},
    ]
    limit = {"name": "Site", "quantity": "laeq", "period": {"kind": "fixed", "length": "15min"}, "rows": rows}
    assert requests.post(f"{server.api}/{UNIT}/limits", json=limit, timeout=40).status_code == 200
    yield server, now
    server.kill()


def share(now: datetime, minutes_ago: float, window: timedelta = timedelta(hours=1)) -> float:
    """Where on the chart something is that was so long before *now*; the chart itself goes on to the present."""
    moment = now - timedelta(minutes=minutes_ago)
    return 1 - (datetime.now(UTC) - moment) / window


def rows_of(browser: Browser) -> list[list[str]]:
    found: list[list[str]] = browser.evaluate(
        "[...document.querySelectorAll('#chart-table tbody tr')].map((row) => [...row.cells].map((e) => e.textContent))"
    )
    return found


def test_an_hour_has_its_steps_its_gap_and_the_limit_of_each_time(
    past: tuple[RunningServer, datetime], browser: Browser
) -> None:
    server, now = past
    browser.resize(1280, 900)
    browser.open(f"{server.url}/unit/{UNIT}?window=1h&series=laeq,limit")
    browser.until(READ)
    browser.until(INK)
    browser.until(f"ink('--limit', {share(now, 15)}, {share(now, 5)}, 54, 56) > 30")
    assert browser.evaluate(f"ink('--limit', {share(now, 55)}, {share(now, 25)}, 84, 86)") > 60
    assert browser.evaluate(f"ink('--limit', {share(now, 55)}, {share(now, 25)}, 54, 56)") == 0
    assert browser.evaluate(f"ink('--limit', {share(now, 17)}, {share(now, 8)}, 84, 86)") == 0
    assert browser.evaluate(f"ink('--laeq', {share(now, 28)}, {share(now, 5)}, 59, 71)") > 200
    assert browser.evaluate(f"ink('--laeq', {share(now, 38)}, {share(now, 32)}, 31, 99)") == 0
    assert "data" in browser.text("#chart-summary")
    for window in ("5min", "24h", "30d"):
        browser.click(f"[data-window='{window}']")
        browser.until("new URLSearchParams(location.search).get('window') !== '1h'")
        browser.until(READ)
        browser.until(f"ink('--laeq', 0.02, 1, 55, 75) > {20 if window == '5min' else 3}")


def test_a_span_is_drawn_out_kept_in_the_address_read_as_a_table_and_excluded(
    past: tuple[RunningServer, datetime], browser: Browser
) -> None:
    server, _ = past
    browser.resize(1280, 900)
    browser.open(f"{server.url}/unit/{UNIT}?window=1h")
    browser.until(READ)
    browser.drag("#chart .u-over", 0.7, 0.95)
    browser.until("new URLSearchParams(location.search).has('from')")
    browser.click("#chart-table-button")
    browser.until("document.querySelectorAll('#chart-table tbody tr').length > 5")
    browser.until("document.querySelector('#legend-lp-value').textContent !== '– dB'")
    shown = browser.evaluate("Object.fromEntries(new URLSearchParams(location.search))")
    rows, where = rows_of(browser), browser.text("#moment-text")
    minutes = requests.get(
        f"{server.api}/{UNIT}/history",
        params={"from": shown["from"], "until": shown["until"], "step": "1min", "metrics": "laeq,lmax"},
        timeout=10,
    ).json()
    told = {f"{level:.1f}" for level in minutes["levels"]["laeq"] if level is not None}
    assert {row[2] for row in rows} - {"–"} <= told
    assert {row[1] for row in rows} == {"60.0", "70.0"}
    href = browser.evaluate("document.querySelector('#chart-export').open = true")
    browser.until("document.querySelector('[data-format=csv]').href.includes('what=frames')")
    href = browser.evaluate("document.querySelector('[data-format=csv]').href")
    assert requests.get(href, timeout=40).text.count("\n") > len(rows)

    browser.open(browser.evaluate("location.href"))
    browser.click("#chart-table-button")
    browser.until("document.querySelectorAll('#chart-table tbody tr').length > 5")
    browser.until(f"document.querySelector('#moment-text').textContent === {json.dumps(where)}")
    browser.until("document.querySelector('#legend-lp-value').textContent !== '– dB'")
    assert rows_of(browser) == rows

    browser.until(INK)
    before = browser.evaluate("ink(null, 0.3, 0.6, 32, 45)")
    browser.click("#chart-remark")
    browser.fill("[name=text]", "heavy rain")
    browser.evaluate("document.querySelector('[name=reason]').value = 'weather'")
    browser.click("[name=excludes]")
    browser.click("#remark-dialog .primary")
    browser.until(f"ink(null, 0.3, 0.6, 32, 45) > {before} + 500")
    browser.until("document.querySelector('#chart-events-list').textContent.includes('weather: heavy rain')")
    made = requests.get(f"{server.api}/{UNIT}/remarks", timeout=40).json()["remarks"][0]
    assert (made["excludes"], made["reason"]) == (True, "weather")
    assert abs(datetime.fromisoformat(made["starts_at"]) - datetime.fromisoformat(shown["from"])) < timedelta(seconds=1)
    browser.until("document.querySelector('#chart-table').textContent.includes('excluded: weather')")

    browser.click("#chart-events summary")
    browser.click(".event-row:last-child button:last-child")
    browser.click("dialog.ask [type=submit]")
    browser.until("!document.querySelector('#chart-events-list').textContent.includes('heavy rain')")
    assert requests.get(f"{server.api}/{UNIT}/remarks", timeout=40).json()["remarks"] == []

    browser.evaluate("document.querySelector('#chart').focus()")
    browser.press("ArrowLeft")
    browser.until("document.querySelector('#chart').getAttribute('aria-valuetext').includes('Lp ')")
    assert "period to" in browser.text("#legend-time")
    browser.press("Backspace")
    browser.until("location.search === '?window=1h' && document.querySelector('#moment').hidden")


def test_the_address_names_a_moment_and_a_wrong_one_is_told(
    past: tuple[RunningServer, datetime], browser: Browser
) -> None:
    server, now = past
    moment = timestamp(now - timedelta(minutes=20))
    browser.open(f"{server.url}/unit/{UNIT}?at={moment}")
    browser.until("document.querySelector('#moment-text').textContent.startsWith('Around ')")
    browser.open(f"{server.url}/unit/{UNIT}?at=2020-01-01T00:00:00Z")
    browser.until("document.querySelector('#moment-text').textContent.startsWith('Nothing is on record from ')")
    browser.click("#moment-end")
    browser.until("location.search === '' && document.querySelector('#moment').hidden")
    browser.open(f"{server.url}/unit/{UNIT}?at=yesterday")
    browser.until("document.querySelector('#moment-text').textContent.startsWith('“yesterday” is no moment')")
    assert browser.evaluate(MODULES) == WANTED


MODULES = """(async () => {
  const plan = await import('/static/js/chart-plan.js');
  const steps = await import('/static/js/chart-steps.js');
  const { clockChanges } = await import('/static/js/chart-marks.js');
  const { fromLocal, localText } = await import('/static/js/unit-remarks.js');
  const { LevelLine } = await import('/static/js/chart-data.js');
  const { levelRange } = await import('/static/js/chart.js');
  const made = (laeq, coverage = laeq.map(() => 1)) =>
    ({ ...steps.none(60), ends: laeq.map((_, at) => 60 * (at + 1)), laeq, coverage });
  const line = new LevelLine();
  for (const at of [0, 1, 2, 3, 4, 9.9, 10]) line.append(at, 60);
  const autumn = Date.UTC(2026, 9, 25) / 1000;
  const zone = 'Europe/Berlin';
  const change = clockChanges([autumn, autumn + 86400], 'Europe/Berlin')[0];
  const asked = '?window=24h&from=2026-01-01T00%3A00%3A00.000Z&until=2026-01-01T01%3A00%3A00.000Z&series=lp%2Climit';
  return {
    windows: Object.values(plan.WINDOWS).map((spanS) => plan.plan(spanS)).map((found) => [found.stepS, found.rollingS]),
    rollingLimit: plan.plan(3600, 300).rollingS,
    address: plan.toAddress(plan.fromAddress(asked)) === asked,
    backwards: plan.fromAddress('?from=2026-01-02T00:00:00Z&until=2026-01-01T00:00:00Z').wrong !== '',
    zoomed: plan.zoomed([0, 100], 0.5, 25, 1000),
    notBeyondNow: plan.zoomed([0, 100], 4, 100, 100),
    rolling: steps.rolling(made([60, 70, null, null, 60]), 120).map((level) => level && Math.round(level * 10) / 10),
    weighted: steps.rolling(made([60, 70], [1, 0.5]), 120)[1].toFixed(1),
    thin: steps.rolling(made([60, 70], [1, 0.4]), 120)[1],
    merged: steps.merged(made([1, 2, 3]), { ...made([9, 8]), ends: [180, 240] }, 60).laeq,
    period: [60, 61, 120, 121].map((at) => steps.periodAt(made([1, 2]), at)),
    gaps: line.levels.filter((level) => level === null).length,
    change: [new Date(change.atS * 1000).toISOString(), change.byMin],
    local: localText(autumn, 'Europe/Berlin'),
    back: [1767225600, autumn + 3600, autumn + 7200].map((at) => fromLocal(localText(at, zone), zone) - at),
    range: [levelRange(null, null), levelRange(41, 99.9), levelRange(24, 104)],
  };
})()"""
WANTED: dict[str, Any] = {
    "windows": [[60, 900], [60, 900], [60, 900], [3600, 86400]],
    "rollingLimit": 300,
    "address": True,
    "backwards": True,
    "zoomed": [12.5, 62.5],
    "notBeyondNow": [-300, 100],
    "rolling": [None, 67.4, None, None, None],
    "weighted": "66.0",
    "thin": None,
    "merged": [2, 9, 8],
    "period": [0, 1, 1, -1],
    "gaps": 1,
    "change": ["2026-10-25T01:00:00.000Z", -60],
    "local": "2026-10-25T02:00:00",
    "back": [0, -3600, 0],
    "range": [[30, 100], [30, 100], [20, 110]],
}


def test_the_chart_pauses_and_takes_ten_a_second_while_somebody_looks(running: RunningServer, browser: Browser) -> None:
    browser.open(f"{running.url}/unit/meter-0")
    browser.until("document.querySelector('#verdict').dataset.kind === 'live'")
    browser.until(f"{LEVEL}.test(document.querySelector('#legend-lp-value').textContent)")
    browser.click("#chart-table-button")
    browser.until("document.querySelectorAll('#chart-table tbody tr').length >= 2")
    browser.click("#chart-pause")
    browser.until("document.querySelector('#moment-text').textContent.startsWith('Paused at ')")
    frozen = rows_of(browser)
    browser.evaluate("window.seen = new Set()")
    browser.until("seen.add(document.querySelector('#lp').textContent).size >= 3")
    assert rows_of(browser)[0] == frozen[0], "the newest row; what was before the pause may still come in"
    browser.click("#chart-pause")
    browser.until(
        f"document.querySelector('#chart-table tbody td, #chart-table tbody th').textContent !== {frozen[0][0]!r}"
    )
    browser.click("#chart-fine")
    browser.until("document.querySelector('#fine-note').textContent.startsWith('10 values a second')", 30)
    assert running.get("/_monitor/status")["monitors"]["meter-0"]["stream_subscribers"] == 1
    browser.until(
        """(() => {
          const rows = [...document.querySelectorAll('#chart-table tbody tr')];
          const seconds = rows.map((row) => row.cells[0].textContent);
          return seconds.filter((second) => second === seconds[5]).length > 5;
        })()""",
        30,
    )
    assert browser.evaluate("document.querySelector('#verdict').dataset.kind") == "live"
    browser.open("about:blank")
    deadline = datetime.now(UTC) + timedelta(seconds=40)
    while running.get("/_monitor/status")["monitors"]["meter-0"]["stream_subscribers"]:
        assert datetime.now(UTC) < deadline, "the stream of the meter outlives the page"
