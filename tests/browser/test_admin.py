"""The administration in a real browser: the first account, people, programs, guests and channels."""

from __future__ import annotations

import json
import re

import pytest
import requests

from tests.alerts.http_receiver import running_receiver
from tests.alerts.smtp_sink import running_sink
from tests.browser.conftest import Browser
from tests.browser.inbox import select
from tests.browser.premises import PASSWORD
from tests.conftest import eventually
from tests.server import RunningServer

pytestmark = [pytest.mark.browser, pytest.mark.usefixtures("no_complaints")]

DONE = "document.querySelector('#outcome').dataset.kind === 'good'"


def log_in(browser: Browser, name: str = "ada", password: str = PASSWORD) -> None:
    browser.until("location.pathname === '/login'")
    browser.fill("[name=name]", name)
    browser.fill("[name=password]", password)
    browser.click("#entry-form button")
    browser.until("location.pathname !== '/login'")


def go(browser: Browser, server: RunningServer, path: str) -> None:
    """To a page as ada, logging in where that is asked for."""
    browser.open(f"{server.url}{path}")
    if browser.evaluate("location.pathname") == "/login":
        log_in(browser)
    browser.until(f"location.pathname === {json.dumps(path)}")
    browser.settle()


def rows(place: str) -> str:
    return f"[...document.querySelectorAll('#{place} > .table-box tbody tr')].map((row) => row.textContent)"


def test_somebody_is_let_in_made_an_operator_and_removed(guarded: RunningServer, browser: Browser) -> None:
    go(browser, guarded, "/admin/users")
    browser.until(f"{rows('users')}.length === 1")
    browser.fill("#add-form [name=name]", "kim")
    browser.fill("#add-form [name=password]", "kim")
    browser.evaluate("document.querySelector('#add-form').noValidate = true")
    browser.click("#add-form [type=submit]")
    browser.until("document.querySelector('#add-form .field-error')?.textContent.includes('10 to 1024')")
    browser.click("#make-up")
    password = browser.evaluate("document.querySelector('#add-form [name=password]').value")
    assert re.fullmatch(r"[a-z2-9]{5}(-[a-z2-9]{5}){3}", password)
    browser.click("#add-form [type=submit]")
    browser.until(DONE)
    browser.until(f"{rows('users')}.some((row) => row.includes('kim') && row.includes('viewer'))")
    browser.stranger(f"{guarded.url}/admin/shares")
    log_in(browser, "kim", password)
    assert "kim is viewer" in browser.text("body"), "a viewer makes no share links"
    browser.use_tab(0)
    browser.click("#users tr:nth-child(2) button")
    browser.until("document.querySelectorAll('#sessions li').length === 1")
    select(browser, "#user-form [name=role]", "operator")
    browser.click("#user-form [type=submit]")
    browser.until(f"{rows('users')}.some((row) => row.includes('kim') && row.includes('operator'))")
    browser.use_tab(1)
    go(browser, guarded, "/admin/shares")
    offered = browser.evaluate("[...document.querySelectorAll('.unit-nav a')].map((a) => a.pathname)")
    assert {"/admin/shares", "/admin/channels", "/account"} <= set(offered)
    assert {"/admin/users", "/admin/tokens", "/admin/audit"}.isdisjoint(offered)
    browser.use_tab(0)
    browser.click("#users tr:nth-child(1) button")
    browser.click("#remove-user")
    browser.click("dialog.ask [type=submit]")
    browser.until("document.querySelector('#user-form .outcome').textContent.includes('last enabled administrator')")
    browser.click("#close-user")
    browser.click("#users tr:nth-child(2) button")
    browser.click("#remove-user")
    browser.click("dialog.ask [type=submit]")
    browser.until(f"{rows('users')}.length === 1")
    browser.use_tab(1)
    browser.open(f"{guarded.url}/account")
    browser.until("location.pathname === '/login'")


def test_a_token_is_shown_once_lets_a_program_in_and_is_revoked(guarded: RunningServer, browser: Browser) -> None:
    go(browser, guarded, "/admin/tokens")
    browser.until("document.querySelectorAll('#units input').length === 2")
    browser.fill("#add-form [name=name]", "portal")
    browser.click("#units [value=south]")
    browser.click("#add-form [type=submit]")
    browser.until("document.querySelector('#secret')")
    secret = browser.evaluate("document.querySelector('#secret').value")
    headers = {"Authorization": f"Bearer {secret}"}
    answer = requests.get(f"{guarded.api}/roster", headers=headers, timeout=40)
    assert [unit["unit_id"] for unit in answer.json()["devices"]] == ["south"]
    assert browser.axe() == []
    browser.open(f"{guarded.url}/admin/tokens")
    browser.until(f"{rows('list')}.some((row) => row.includes('portal') && row.includes('south'))")
    assert secret not in browser.evaluate("document.documentElement.outerHTML")
    browser.click("#list button")
    browser.click("dialog.ask [type=submit]")
    browser.until("document.querySelector('#list details')?.textContent.includes('revoked')")
    assert requests.get(f"{guarded.api}/roster", headers=headers, timeout=40).status_code == 401


def test_a_mail_channel_is_tried_before_and_after_it_is_saved(guarded: RunningServer, browser: Browser) -> None:
    go(browser, guarded, "/admin/channels")
    with running_sink("--refuse", "nobody@example.org") as sink:
        browser.click("[data-add=email]")
        browser.fill("[name=channel-name]", "mail")
        browser.fill("#setting-host", "127.0.0.1")
        select(browser, "#setting-security", "none")
        browser.fill("#setting-port", str(sink.port))
        browser.fill("#setting-sender", "slmm@example.org")
        browser.fill("[name=test-recipient]", "nobody@example.org")
        browser.click("#test")
        browser.until("document.querySelector('#test-outcome').textContent.includes('The recipient was refused.')")
        browser.fill("[name=test-recipient]", "kim@example.org")
        browser.click("#test")
        browser.until("document.querySelector('#test-outcome').textContent.startsWith('Delivered: ')")
        assert sink.next_mail()["rcpt_tos"] == ["kim@example.org"]
        browser.click("#channel-form [type=submit]")
        browser.until(f"{rows('channels')}.some((row) => row.startsWith('mail') && row.includes('nothing sent yet'))")
    browser.click("#channels button")
    browser.fill("[name=test-recipient]", "kim@example.org")
    browser.click("#test")
    browser.until("document.querySelector('#test-outcome').textContent.includes('could not be reached')")
    browser.fill("#setting-port", "70000")
    browser.evaluate("document.querySelector('#channel-form').noValidate = true")
    browser.click("#channel-form [type=submit]")
    browser.until("document.querySelector('#setting-port + .field-error')")
    browser.click("#remove-channel")
    browser.click("dialog.ask [type=submit]")
    browser.until(f"{rows('channels')}.length === 1")


def test_a_webhook_keeps_its_secret_and_reaches_its_receiver(guarded: RunningServer, browser: Browser) -> None:
    go(browser, guarded, "/admin/channels")
    with running_receiver() as receiver:
        browser.click("[data-add=webhook]")
        browser.fill("[name=channel-name]", "portal")
        browser.fill("#setting-url", f"http://127.0.0.1:{receiver.port}/hook")
        browser.fill("#setting-secret", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
        browser.click("#setting-allow_private")
        browser.click("#channel-form [type=submit]")
        browser.until(f"{rows('channels')}.some((row) => row.startsWith('portal'))")
        browser.click("#channels button")
        browser.until("document.querySelector('#setting-secret').placeholder.startsWith('kept')")
        assert browser.evaluate("document.querySelector('#setting-secret').value") == ""
        browser.click("#test")
        browser.until("document.querySelector('#test-outcome').dataset.kind === 'good'")
        eventually(lambda: receiver.requests)
        assert json.loads(receiver.requests[0].body)["type"] == "alert.test"
        assert receiver.requests[0].headers["webhook-signature"].startswith("v1,")
    browser.click("#close-channel")
