"""The inbox in a real browser: what begins appears by itself, what is done about it is seen, nothing cries twice."""

import re
import sqlite3
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests

from slmm.alerts.links import LinkMaker
from slmm.emulator.process import RunningEmulator
from slmm.storage.secrets import KEY_FILE, SecretBox
from tests.browser.conftest import Browser
from tests.conftest import eventually
from tests.server import RunningServer

pytestmark = pytest.mark.browser

FOLLOWED = "document.querySelector('#link').dataset.state === 'live'"
SPOKEN = "[...document.querySelectorAll('#announcements p')].map(e => e.textContent)"
OPEN, RECENT = "#open .event", "#recent .event"
LOUD_DB = 50.0
"""Makes a meter's site louder than any threshold here; without it, it is below all of them."""


def count(selector: str) -> str:
    return f"document.querySelectorAll({selector!r}).length"


def button(act: str, entry: str = OPEN) -> str:
    return f"{entry} [data-act={act}]:not([hidden])"


@pytest.fixture(autouse=True)
def no_complaints(browser: Browser) -> Iterator[None]:
    yield
    assert browser.complaints() == []


@pytest.fixture
def running(server: Callable[..., RunningServer], emulator: RunningEmulator) -> RunningServer:
    started = server()
    for index in range(3):
        started.add(f"meter-{index}", emulator.meters[index])
    return started


def make_rule(server: RunningServer, unit_id: str, name: str, **members: Any) -> int:
    """A rule that fires with the first loud sample and clears with the first quiet one."""
    body = {"name": name, "threshold_db": 85, "duration_s": 0, "clear_duration_s": 0, "cooldown_s": 0, **members}
    answer = requests.post(f"{server.api}/{unit_id}/alerts/rules", json=body, timeout=20)
    assert answer.status_code == 200, answer.text
    rule_id: int = answer.json()["rule"]["id"]
    return rule_id


def wait_for_open(server: RunningServer, number: int) -> None:
    eventually(lambda: server.get("/_alerts/summary")["open"] == number, 30, f"{number} open events")


def test_a_breach_appears_live_with_badge_and_title(
    running: RunningServer, emulator: RunningEmulator, browser: Browser
) -> None:
    make_rule(running, "meter-0", "Night", severity="red")
    browser.open(f"{running.url}/alerts")
    browser.until(FOLLOWED)
    browser.until("!document.querySelector('#open-empty [data-why=quiet]').hidden")
    assert browser.evaluate("document.title") == "Alerts · SLMM"
    emulator.client.offset(0, LOUD_DB)
    browser.until(f"{count(OPEN)} === 1", 30)
    entry = browser.text(OPEN)
    for words in ("Red", "meter-0", "Night", "dB, above 85.0 dB", "active", "since "):
        assert words in entry
    zone = browser.evaluate("Intl.DateTimeFormat().resolvedOptions().timeZone")
    assert zone in browser.text(f"{OPEN} .event-when")
    browser.until("document.title === '(1) Alerts · SLMM'")
    assert browser.text("#alert-badge") == "1 not acknowledged, 1 red"
    link = browser.evaluate(f"document.querySelector('{OPEN} .event-chart').getAttribute('href')")
    onset = running.get("/_alerts/events")["events"][0]["onset_at"]
    assert link == f"/unit/meter-0?at={onset.replace(':', '%3A')}"
    browser.open(f"{running.url}/")
    browser.until("document.title === '(1) All units · SLMM'")
    emulator.client.offset(0, 0)
    wait_for_open(running, 0)
    browser.until("document.title === 'All units · SLMM' && document.querySelector('#alert-badge').hidden")
    browser.open(f"{running.url}/alerts")
    browser.until(f"{count(RECENT)} === 1")
    ended = browser.text(RECENT)
    assert "cleared" in ended
    assert "the level is back to normal" in ended


def test_the_inbox_does_not_have_the_meters_read_fast(running: RunningServer, browser: Browser) -> None:
    browser.open(f"{running.url}/alerts")
    browser.until(FOLLOWED)
    feeds = running.get("/_monitor/status")["monitors"]
    assert [feed["subscribers"] for feed in feeds.values()] == [0, 0, 0]


def test_acknowledging_with_a_note_tells_who_and_what_and_can_be_taken_back(
    running: RunningServer, emulator: RunningEmulator, browser: Browser
) -> None:
    make_rule(running, "meter-0", "Night")
    emulator.client.offset(0, LOUD_DB)
    wait_for_open(running, 1)
    browser.open(f"{running.url}/alerts")
    browser.until(f"{count(OPEN)} === 1")
    browser.click(button("acknowledge"))
    browser.fill("#remark-dialog [name=note]", "crane, told the site manager")
    browser.fill("#remark-dialog [name=cause]", "piling")
    browser.click("#remark-dialog [type=submit]")
    browser.until(f"document.querySelector('{OPEN}').dataset.state === 'acknowledged'")
    assert "acknowledged by anybody at " in browser.text(f"{OPEN} .event-ack")
    assert browser.text(f"{OPEN} .event-note") == "Cause: piling\ncrane, told the site manager"
    browser.until("document.querySelector('#alert-badge').hidden && document.title === 'Alerts · SLMM'")
    assert browser.evaluate("document.activeElement.dataset.act") == "note"
    browser.click(f"{OPEN} .story summary")
    browser.until(f"{count(OPEN + ' .story ol li')} === 2")
    story = browser.text(f"{OPEN} .story")
    assert re.search(r"began, L(AF|p) \d+\.\d dB", story)  # the weightings may not be read yet
    assert "acknowledged, by anybody, crane, told the site manager" in story
    assert "through log: " in story
    browser.click(button("unacknowledge"))
    browser.until(f"document.querySelector('{OPEN}').dataset.state === 'active'")
    browser.until("document.title === '(1) Alerts · SLMM'")


def test_only_what_begins_is_read_aloud_and_only_once(
    running: RunningServer, emulator: RunningEmulator, browser: Browser
) -> None:
    make_rule(running, "meter-0", "Night", severity="red")
    emulator.client.offset(0, LOUD_DB)
    wait_for_open(running, 1)
    browser.open(f"{running.url}/alerts")
    browser.until(f"{count(OPEN)} === 1")
    browser.until(FOLLOWED)
    browser.until("!document.querySelector('#alert-badge').hidden")
    assert browser.evaluate(SPOKEN) == []  # it stands on the page already
    emulator.client.offset(0, 0)
    browser.until(f"{count(RECENT)} === 1", 30)
    assert browser.evaluate(SPOKEN) == []
    emulator.client.offset(0, LOUD_DB)
    browser.until(f"{count(OPEN)} === 1", 30)
    browser.until(f"{SPOKEN}.length === 1")
    (spoken,) = browser.evaluate(SPOKEN)
    assert re.fullmatch(r"Red alert, unit meter-0: Night, L(AF|p) \d+\.\d dB", spoken)
    requests.post(f"{running.api}/_alerts/events/2/ack", json={}, timeout=20)
    browser.until(f"document.querySelector('{OPEN}').dataset.state === 'acknowledged'")
    emulator.client.offset(0, 0)
    browser.until(f"{count(RECENT)} === 2", 30)
    assert browser.evaluate(SPOKEN) == [spoken]
    assert browser.evaluate("[...document.querySelectorAll('[aria-live=assertive]')].map(e => e.id)") == [
        "announcements"
    ]


def test_the_page_of_a_unit_shows_its_open_alerts_and_leads_to_them(
    running: RunningServer, emulator: RunningEmulator, browser: Browser
) -> None:
    make_rule(running, "meter-0", "Night", severity="red")
    make_rule(running, "meter-1", "Day")
    strip = "document.querySelectorAll('#unit-alert-list li').length"
    emulator.client.offset(1, LOUD_DB)
    wait_for_open(running, 1)
    browser.open(f"{running.url}/unit/meter-0")
    browser.until(f"{FOLLOWED} && document.title === '(1) meter-0 · SLMM'")
    assert browser.evaluate("document.querySelector('#unit-alerts').hidden")  # that of another unit
    emulator.client.offset(0, LOUD_DB)
    browser.until(f"{strip} === 1", 30)
    browser.until("document.title === '(2) meter-0 · SLMM'")
    shown = browser.text("#unit-alert-list")
    for words in ("Red", "Night: L", ", above 85.0 dB, active", "since "):
        assert words in shown
    assert [line.split(",")[0] for line in browser.evaluate(SPOKEN)] == ["Red alert"]
    browser.click("#unit-alerts a")
    browser.until("location.search === '?unit=meter-0'")
    browser.until(f"{count(OPEN)} === 1")
    emulator.client.offset(0, 0)
    wait_for_open(running, 1)
    browser.open(f"{running.url}/unit/meter-0")
    browser.until(FOLLOWED)
    assert browser.evaluate(SPOKEN) == []  # the feed tells once more what was; it is not news
    browser.until("document.querySelector('#unit-alerts').hidden")


def test_the_chart_shows_a_moment_of_the_past_and_goes_back_to_live(running: RunningServer, browser: Browser) -> None:
    eventually(lambda: running.get("/meter-0/history")["readings"], 30)
    at = running.get("/meter-0/history")["readings"][0]["timestamp"]
    browser.open(f"{running.url}/unit/meter-0?at={at}")
    browser.until("document.querySelector('#moment-text').textContent.startsWith('Around ')")
    assert browser.text("[data-window-s][aria-pressed=true]") == "30 min"
    browser.click("#moment-end")
    browser.until("location.search === '' && document.querySelector('#moment').hidden")
    assert browser.evaluate("document.activeElement.textContent") == "30 min"
    browser.open(f"{running.url}/unit/meter-0?at=2020-01-01T00:00:00Z")
    browser.until("document.querySelector('#moment-text').textContent.includes('the trail reaches back to')")
    browser.open(f"{running.url}/unit/meter-0?at=yesterday")
    browser.until("document.querySelector('#moment-text').textContent.startsWith('“yesterday” is no moment')")


def test_the_link_in_a_message_acknowledges_with_one_press(
    running: RunningServer, emulator: RunningEmulator, browser: Browser
) -> None:
    make_rule(running, "meter-0", "Night")
    emulator.client.offset(0, LOUD_DB)
    wait_for_open(running, 1)
    database = sqlite3.connect(f"file:{running.directory}/data/slmm.db?mode=ro", uri=True)
    ((incident_uid,),) = database.execute("SELECT uid FROM alert_incidents").fetchall()
    database.close()
    box = SecretBox.open(running.directory / "data" / KEY_FILE)
    link = LinkMaker(running.url, box.derived_key("acknowledgement links")).acknowledge(incident_uid, "ada@example.org")
    browser.resize(390, 800)
    browser.open(str(link))
    assert "not acknowledged" in browser.text(".event")
    assert running.get("/_alerts/summary")["unacknowledged"] == 1
    browser.click("form button")
    browser.until("document.querySelector('.about')?.textContent === 'Thank you, acknowledged by ada@example.org.'")
    assert running.get("/_alerts/events")["events"][0]["acknowledged_by"] == "ada@example.org"
    assert browser.evaluate("document.documentElement.scrollWidth <= innerWidth")
