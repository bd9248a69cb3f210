"""The inbox in a real browser: what begins appears by itself, what is done about it is seen, nothing cries twice."""

import json
import re
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

import pytest
import requests

from slmm.alerts.links import LinkMaker
from slmm.emulator.process import RunningEmulator
from slmm.storage.secrets import KEY_FILE, SecretBox
from tests.alerts.http_receiver import Reply, running_receiver
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


WITH_KEYBOARD = """
from tests.browser import driver
driver.Driver.press = lambda self, key: self.page.keyboard.press(key)
driver.Driver.type = lambda self, text: self.page.keyboard.type(text)
driver.main()
"""


@pytest.fixture
def typist(browser: Browser) -> Iterator[Browser]:
    """A browser with a keyboard."""
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))))
    process = subprocess.Popen(
        [sys.executable, "-c", WITH_KEYBOARD, chromium], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdin is not None
    assert process.stdout is not None
    with process.stdin, process.stdout:
        assert json.loads(process.stdout.readline()) == "ready"
        one = Browser(process)
        yield one
        assert one.complaints() == []
        process.stdin.close()
        process.wait(20)


def select(browser: Browser, selector: str, value: str) -> None:
    """Choose from a list, as a person does."""
    browser.evaluate(
        f"""(() => {{
          const list = document.querySelector({selector!r});
          list.value = {value!r};
          list.dispatchEvent(new Event('change', {{ bubbles: true }}));
        }})()"""
    )


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
    browser.until("document.querySelector('#open-empty [data-why=quiet]').checkVisibility()")
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


def test_filters_stand_in_the_address_and_an_address_filters(
    running: RunningServer, emulator: RunningEmulator, browser: Browser
) -> None:
    make_rule(running, "meter-0", "Night", severity="red")
    make_rule(running, "meter-1", "Day")
    emulator.client.offset(0, LOUD_DB)
    emulator.client.offset(1, LOUD_DB)
    wait_for_open(running, 2)
    shown = f"[...document.querySelectorAll('{OPEN} .event-unit')].map(e => e.textContent).join()"
    browser.open(f"{running.url}/alerts")
    browser.until(f"{shown} === 'meter-0,meter-1'")  # red first
    browser.open(f"{running.url}/alerts?severity=amber")
    browser.until(f"{shown} === 'meter-1'")
    browser.open(f"{running.url}/alerts?unit=meter-0&show=open")
    browser.until(f"{shown} === 'meter-0'")
    assert browser.text("[data-show][aria-pressed=true]") == "Open"
    browser.until("document.querySelector('#recent-box').hidden")
    select(browser, "[name=severity]", "amber")
    browser.until("location.search === '?show=open&severity=amber&unit=meter-0'")
    browser.until("document.querySelector('#open-empty [data-why=filtered]').checkVisibility()")
    browser.click("#unfilter")
    browser.until(f"location.search === '' && {shown} === 'meter-0,meter-1'")
    requests.post(f"{running.api}/_alerts/events/1/ack", json={}, timeout=20)
    browser.click("[data-show=unacknowledged]")
    browser.until(f"location.search === '?show=unacknowledged' && {count(OPEN)} === 1")
    browser.evaluate("history.back()")
    browser.until(f"location.search === '' && {count(OPEN)} === 2")


def test_a_snooze_is_listed_with_its_reason_and_can_be_ended(
    running: RunningServer, emulator: RunningEmulator, browser: Browser
) -> None:
    make_rule(running, "meter-0", "Night")
    emulator.client.offset(0, LOUD_DB)
    wait_for_open(running, 1)
    browser.open(f"{running.url}/alerts")
    browser.until(f"{count(OPEN)} === 1")
    assert "Nothing is snoozed" in browser.text("#snoozed-empty")
    browser.click(button("snooze"))
    select(browser, "#snooze-dialog [name=length]", "morning")
    browser.click("#snooze-dialog [type=submit]")  # a reason is needed
    assert browser.evaluate("document.querySelector('#snooze-dialog').open")
    browser.fill("#snooze-dialog [name=reason]", "concert, permitted")
    browser.click("#snooze-dialog [type=submit]")
    browser.until(f"{count('#snoozed .event')} === 1")
    shown = browser.text("#snoozed .event")
    for words in ("meter-0, rule Night", ", 07:00 ", "by anybody", "concert, permitted"):
        assert words in shown
    until = browser.evaluate("new Date(new Date().setHours(31, 0, 0, 0)).getTime()")
    (shelf,) = running.get("/_alerts/shelves")["shelves"]
    assert abs(datetime.fromisoformat(shelf["until"]).timestamp() - until / 1000) <= 60
    browser.click("#snoozed [data-end]")
    browser.until("!document.querySelector('#snoozed-empty').hidden")
    assert running.get("/_alerts/shelves")["shelves"] == []
    browser.click(button("snooze"))
    browser.click("#snooze-dialog [value=unit]")
    browser.fill("#snooze-dialog [name=reason]", "calibration")
    browser.click("#snooze-dialog [type=submit]")
    browser.until("document.querySelector('#snoozed .snooze-what')?.textContent === 'all of meter-0'")


def test_closing_by_hand_needs_a_reason_and_moves_the_entry(
    running: RunningServer, emulator: RunningEmulator, browser: Browser
) -> None:
    make_rule(running, "meter-0", "Night")
    emulator.client.offset(0, LOUD_DB)
    wait_for_open(running, 1)
    browser.open(f"{running.url}/alerts")
    browser.until(f"{count(OPEN)} === 1")
    browser.click(button("close"))
    browser.fill("#close-dialog [name=reason]", "someone whistled at it")
    browser.click("#close-dialog [type=submit]")
    browser.until(f"{count(OPEN)} === 0 && {count(RECENT)} === 1")
    assert "closed by hand" in browser.text(f"{RECENT} .event-more")
    assert browser.text(f"{RECENT} .event-note") == "someone whistled at it"


def test_everything_can_be_done_with_the_keyboard_alone(
    running: RunningServer, emulator: RunningEmulator, typist: Browser
) -> None:
    browser = typist
    make_rule(running, "meter-0", "Night")
    emulator.client.offset(0, LOUD_DB)
    wait_for_open(running, 1)
    browser.open(f"{running.url}/alerts")
    browser.until(f"{count(OPEN)} === 1")
    tab_to(browser, "Acknowledge: meter-0, Night")
    browser.press("Enter")
    browser.until("document.activeElement.name === 'note'")
    browser.press("Escape")
    browser.until("document.activeElement.dataset.act === 'acknowledge'")  # back to where it was opened
    browser.press("Enter")
    browser.type("by hand")
    browser.press("Tab")
    browser.press("Enter")  # a form is sent from its field
    browser.until(f"document.querySelector('{OPEN}').dataset.state === 'acknowledged'")
    browser.until("document.activeElement.dataset.act === 'note'")
    tab_to(browser, "Snooze: meter-0, Night")
    browser.press("Enter")
    browser.until("document.activeElement.name === 'what'")
    browser.press("Tab")
    browser.press("Tab")
    browser.type("ten lorries")
    browser.press("Enter")
    browser.until(f"{count('#snoozed .event')} === 1")
    tab_to(browser, "What happened, and who was told")
    browser.press("Enter")
    browser.until(f"{count(OPEN + ' .story ol li')} === 2")
    outline = browser.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert outline == "solid"  # where the keyboard is can be seen


def tab_to(browser: Browser, name: str) -> None:
    """Press Tab until the element of that name has the focus."""
    for _ in range(40):
        browser.press("Tab")
        here = "document.activeElement.getAttribute('aria-label') ?? document.activeElement.textContent"
        if browser.evaluate(here).strip() == name:
            return
    pytest.fail(f"the keyboard does not come to {name!r}")


def test_a_message_that_was_given_up_is_told_and_can_be_sent_again(
    running: RunningServer, emulator: RunningEmulator, browser: Browser
) -> None:
    with running_receiver() as receiver:
        receiver.script = [Reply(status="404 Not Found")]
        make_channel(running, "portal", receiver.port)
        make_rule(running, "meter-0", "Night", channels="log,portal")
        emulator.client.offset(0, LOUD_DB)
        wait_for_open(running, 1)
        browser.open(f"{running.url}/alerts")
        browser.until(f"{count(OPEN)} === 1")
        browser.click(f"{OPEN} .story summary")
        portal = f"[...document.querySelectorAll('{OPEN} .story ul li')].find(e => e.textContent.includes('portal'))"
        browser.until(f"{portal}?.textContent.includes('through portal: given up')", 30)
        browser.click(f"{OPEN} .story button")
        browser.until(f"{portal}?.textContent.includes('through portal: sent at ')", 30)


def test_a_channel_that_fails_is_told_with_its_error(
    running: RunningServer, emulator: RunningEmulator, browser: Browser
) -> None:
    make_channel(running, "portal", 9)
    make_rule(running, "meter-0", "Night", channels="portal")
    browser.open(f"{running.url}/alerts")
    browser.until(FOLLOWED)
    assert browser.evaluate("document.querySelector('#channels').hidden")
    emulator.client.offset(0, LOUD_DB)
    eventually(lambda: running.get("/_alerts/channels")["channels"][-1]["health"] == "failing", 40)
    error = running.get("/_alerts/channels")["channels"][-1]["last_error"]
    browser.until(f"document.querySelector('#channel-list').textContent.includes({json.dumps(error)})", 90)
    assert "Channel portal fails; messages wait and are tried again since " in browser.text("#channel-list")


def make_channel(server: RunningServer, name: str, port: int) -> None:
    config = {"url": f"http://127.0.0.1:{port}/", "allow_private": True}
    body = {"name": name, "kind": "webhook", "config": config}
    answer = requests.post(f"{server.api}/_alerts/channels", json=body, timeout=20)
    assert answer.status_code == 200, answer.text


def test_more_of_the_past_is_shown_page_by_page_and_an_older_entry_only_once(
    running: RunningServer, browser: Browser
) -> None:
    make_rule(running, "meter-0", "Night")
    assert requests.post(f"{running.api}/meter-0/deactivate", timeout=20).status_code == 200
    for _ in range(22):
        for level in (90.0, 40.0):
            answer = requests.post(f"{running.api}/meter-0/status", json={"lp": level}, timeout=20)
            assert answer.status_code == 200, answer.text
    eventually(lambda: running.get("/_alerts/events?state=ended")["count"] >= 22, 20)
    browser.open(f"{running.url}/alerts")
    browser.until(f"{count(RECENT)} === 20 && !document.querySelector('#more').hidden")
    browser.click("#more")
    browser.until(f"{count(RECENT)} === 22 && document.querySelector('#more').hidden")
    ids = browser.evaluate(f"[...document.querySelectorAll('{RECENT}')].map(e => Number(e.dataset.eventId))")
    assert ids == sorted(set(ids), reverse=True)


def test_an_empty_inbox_says_why_and_what_fills_it(
    server: Callable[..., RunningServer], emulator: RunningEmulator, browser: Browser
) -> None:
    started = server()
    browser.open(f"{started.url}/alerts")
    browser.until("document.querySelector('#open-empty [data-why=unitless]').checkVisibility()")
    started.add("meter-0", emulator.meters[0])
    browser.open(f"{started.url}/alerts")
    browser.until("document.querySelector('#open-empty [data-why=ruleless]').checkVisibility()")
    assert f"{started.url}/api/nl43/meter-0/alerts/rules" in browser.text("#open-empty pre")
    assert "Nothing is over yet" in browser.text("#recent-empty")


def test_a_phone_shows_the_inbox_without_sideways_scrolling_and_with_room_for_fingers(
    running: RunningServer, emulator: RunningEmulator, browser: Browser
) -> None:
    make_rule(running, "meter-0", "A name that is as long as names of rules may get, " * 2, severity="red")
    emulator.client.offset(0, LOUD_DB)
    wait_for_open(running, 1)
    for width in (320, 390):
        for scheme in ("light", "dark"):
            browser.resize(width, 800)
            browser.scheme(scheme)
            browser.open(f"{running.url}/alerts")
            browser.until(f"{count(OPEN)} === 1")
            browser.click(button("snooze"))
            assert browser.evaluate("document.documentElement.scrollWidth <= innerWidth")
            assert browser.evaluate(LOW_CONTRAST) == []
            browser.click("#snooze-dialog [data-cancel]")
            assert browser.evaluate(LOW_CONTRAST) == []
            small = "[...document.querySelectorAll('button, select, input, .event-chart, summary')]"
            small += ".filter(e => e.checkVisibility() && e.getBoundingClientRect().height < 44)"
            assert browser.evaluate(f"{small}.map(e => e.outerHTML)") == []


def test_a_viewer_sees_what_is_open_and_can_do_nothing_about_it(
    server: Callable[..., RunningServer], emulator: RunningEmulator, browser: Browser
) -> None:
    guarded = server(SLMM_AUTH="on")
    code = re.search(r"enter the code (\S+)", guarded.log.read_text())
    assert code is not None
    admin = requests.Session()
    admin.headers["Origin"] = guarded.url
    password = "correct horse battery"

    def post(path: str, body: dict[str, Any]) -> None:
        answer = admin.post(f"{guarded.api}{path}", json=body, timeout=20)
        assert answer.status_code == 200, answer.text

    post("/_setup", {"code": code[1], "name": "ada", "password": password})
    post("/_users", {"name": "vic", "password": password, "role": "viewer"})
    meter = emulator.meters[0]
    post("/roster", {"unit_id": "north", "host": meter.host, "tcp_port": meter.port})
    post("/north/alerts/rules", {"name": "Night", "threshold_db": 85, "duration_s": 0, "latch": True})
    browser.open(f"{guarded.url}/alerts")
    browser.until("location.pathname === '/login'")
    browser.fill("[name=name]", "vic")
    browser.fill("[name=password]", password)
    browser.click("#entry-form button")
    browser.until("location.pathname === '/alerts'")
    browser.until(FOLLOWED)
    emulator.client.offset(0, LOUD_DB)
    browser.until(f"{count(OPEN)} === 1", 30)
    browser.until("document.title === '(1) Alerts · SLMM'")
    assert browser.evaluate(count("[data-act], dialog, #snoozed-box, #channels, .story")) == 0
    browser.open(f"{guarded.url}/unit/north")
    browser.until(f"{count('#unit-alert-list li')} === 1")


LOW_CONTRAST = """(() => {
  const parse = (text) => text.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => [r, g, b]
    .map((part) => part / 255)
    .map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4))
    .reduce((sum, part, index) => sum + part * [0.2126, 0.7152, 0.0722][index], 0);
  const ground = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const [r, g, b, alpha = 1] = parse(getComputedStyle(at).backgroundColor);
      if (alpha > 0) return [r, g, b];
    }
    return [255, 255, 255];
  };
  const hasText = (element) => [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
  return [...document.body.querySelectorAll('*')]
    .filter((element) => hasText(element) && element.checkVisibility() && !element.closest('.unseen, noscript'))
    .map((element) => {
      const [a, b] = [light(parse(getComputedStyle(element).color)), light(ground(element))];
      return [(Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05), element.textContent.slice(0, 40)];
    })
    .filter(([ratio]) => ratio < 4.5);
})()"""
"""Texts whose contrast with what is behind them is below 4.5 (WCAG 2.2, 1.4.3)."""
