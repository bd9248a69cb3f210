"""The inbox in a real browser: what is done about an alert is seen, by hand, by keyboard and by link."""

import re
import sqlite3
from datetime import datetime

import pytest
import requests

from slmm.alerts.links import LinkMaker
from slmm.emulator.process import RunningEmulator
from slmm.storage.secrets import KEY_FILE, SecretBox
from tests.alerts.http_receiver import Reply, running_receiver
from tests.browser.conftest import Browser
from tests.browser.inbox import (
    FOLLOWED,
    LOUD_DB,
    OPEN,
    RECENT,
    button,
    count,
    make_channel,
    make_rule,
    select,
    wait_for_open,
)
from tests.browser.premises import PASSWORD, asked
from tests.server import RunningServer

pytestmark = [pytest.mark.browser, pytest.mark.usefixtures("no_complaints")]


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
    running: RunningServer, emulator: RunningEmulator, browser: Browser
) -> None:
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


def test_a_viewer_sees_what_is_open_and_can_do_nothing_about_it(
    guarded: RunningServer, neighbours: RunningEmulator, browser: Browser
) -> None:
    admin = requests.Session()
    admin.headers["Origin"] = guarded.url
    asked(admin, guarded, "/_login", name="ada", password=PASSWORD)
    asked(admin, guarded, "/_users", name="vic", password=PASSWORD, role="viewer")
    rule = asked(admin, guarded, "/north/alerts/rules", name="Night", threshold_db=85, duration_s=0)["rule"]
    browser.open(f"{guarded.url}/alerts")
    browser.until("location.pathname === '/login'")
    browser.fill("[name=name]", "vic")
    browser.fill("[name=password]", PASSWORD)
    browser.click("#entry-form button")
    browser.until("location.pathname === '/alerts'")
    browser.until(FOLLOWED)
    neighbours.client.offset(0, LOUD_DB)
    browser.until(f"{count(OPEN)} === 1")
    browser.until("document.title === '(1) Alerts · SLMM'")
    assert browser.evaluate(count("[data-act], main dialog, #snoozed-box, #channels, .story")) == 0
    browser.open(f"{guarded.url}/unit/north")
    browser.until(f"{count('#unit-alert-list li')} === 1")
    neighbours.client.offset(0, 0)
    for made in (f"/north/alerts/rules/{rule['id']}", "/_users/vic"):
        assert admin.delete(f"{guarded.api}{made}", timeout=40).status_code == 200
