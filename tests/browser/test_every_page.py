"""Every page, full of data: for people with disabilities, under the policy, at every width, in both languages.

Swagger UI at ``/docs`` is vendored: what is inside it is not ours to change, so axe-core looks at the rest of that
page. A page is opened once a language; colours and sizes are changed on the open page. In dark colours axe-core tries
its rule on contrast alone, for the others do not depend on colours.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest

from slmm.web.pages.navigation import ADMIN_PAGES, PAGES, UNIT_PAGES
from tests.browser.conftest import Browser, running_browser
from tests.browser.full import LOUD_UNIT, Full
from tests.server import RunningServer

pytestmark = pytest.mark.browser

PHONE, DESK = (390, 844), (1280, 900)
WIDTHS = (320, 390, 1280, 2560)
TOO_WIDE = """(async () => {
  const fits = () => document.documentElement.scrollWidth <= innerWidth;
  for (let tries = 0; tries < 100 && !fits(); tries += 1) await new Promise((done) => setTimeout(done, 30));
  return fits() ? [] : [...document.querySelectorAll("body *")]
    .filter((each) => each.getBoundingClientRect().right > innerWidth + 1)
    .slice(0, 8).map((each) => `${each.tagName}#${each.id}.${each.className}`);
})()"""
"""A chart is drawn anew some frames after the window got narrower."""
HEADINGS = "[...document.querySelectorAll('h1')].filter((each) => each.checkVisibility()).length"
MOVING = """document.getAnimations().filter((each) => each.playState === 'running')
  .map((each) => String(each.animationName ?? each.transitionProperty))"""
KEYS = "[...document.querySelectorAll('#keys-list dt')].map((each) => each.textContent)"


def some(selector: str, least: int = 1) -> str:
    """True as soon as so many of them are on the page."""
    return f"document.querySelectorAll({selector!r}).length >= {least}"


@dataclass(frozen=True)
class Page:
    """One page, and what is on it when it is full."""

    path: str
    is_full: str
    left_out: str = ""
    is_framed: bool = True
    """In the frame that all pages have but the report and the description of the interface, which are English or a
    sheet of paper."""


UNIT = f"/unit/{LOUD_UNIT}"
LIVE = "document.querySelector('#verdict').dataset.kind === 'live'"
LOGGED_IN = [
    Page("/", some(".tile .spark path", 3)),
    Page("/?view=map", "!document.querySelector('#map').hidden"),
    Page("/?kiosk=1", some(".tile .spark path", 3)),
    Page(UNIT, f"{LIVE} && {some('#chart canvas')} && {some('#unit-alert-list li')}"),
    Page(f"{UNIT}/history", f"{some('#chart canvas')} && {some('#periods tr', 3)} && {some('#checks tr', 2)}"),
    Page(f"{UNIT}/limits", f"{some('.limit-card')} && {some('.rule-card', 2)}"),
    Page(f"{UNIT}/files", some("#listing tr", 2)),
    Page(f"{UNIT}/settings", some("#settings-table tr", 5)),
    Page(f"{UNIT}/log", some("#log-lines li", 3)),
    Page(f"{UNIT}/diagnosis", some("#tests li", 3)),
    Page("/alerts", some("#open .event")),
    Page("/history", f"{some('#chart canvas')} && {some('#periods tr', 3)}"),
    Page("/roster", some("#rows tr", 3)),
    Page("/roster/add", "document.activeElement?.name === 'host'"),
    Page("/roster/import", some("#text")),
    Page("/admin", some("main .card", 5)),
    Page("/admin/users", some("#users tr", 2)),
    Page("/admin/tokens", some("#list tr", 2)),
    Page("/admin/shares", some("#list tr", 2)),
    Page("/admin/channels", some("#channels tr, #channels li")),
    Page("/admin/limits", some("main tr", 4)),
    Page("/admin/retention", some("#tiers tr", 3)),
    Page("/admin/backup", some("#list p, #list tr")),
    Page("/admin/logs", some("#list li", 3)),
    Page("/admin/system", some("#vitals .vital", 7)),
    Page("/admin/audit", some("#list tr", 2)),
    Page("/account", some("#sessions li, #sessions tr")),
    Page(f"/api/nl43/{LOUD_UNIT}/report?day={datetime.now(UTC).date()}", some("main h2", 3), is_framed=False),
    Page("/docs", some(".opblock", 5), "#docs", is_framed=False),
]


@pytest.fixture(scope="module")
def visitor(full: Full) -> Iterator[Browser]:
    """One browser for all pages, logged in."""
    with running_browser() as started:
        full.log_in(started)
        started.calm()
        yield started


@pytest.fixture
def stranger(full: Full, visitor: Browser) -> Iterator[Browser]:
    """The browser of somebody who is not logged in."""
    number = visitor.stranger(f"{full.server.url}/static/icon.svg")
    visitor.calm()
    yield visitor
    visitor.use_tab(0)
    visitor.close_tab(number)


def in_language(browser: Browser, tag: str) -> None:
    """From the next page on."""
    browser.evaluate(f"document.cookie = 'slmm_language={tag}; Path=/'")


def close_keys(browser: Browser) -> None:
    """Both take some frames: the dialog goes, and the focus leaves its box."""
    browser.press("Escape")
    browser.until("!document.querySelector('#keys').open && document.activeElement?.id !== 'keys-on'")


def keys_told(browser: Browser) -> list[str]:
    """What the keyboard help lists; it is closed again."""
    browser.evaluate("document.activeElement?.blur()")
    browser.press("?")
    told: list[str] = browser.evaluate(f"document.querySelector('#keys').open ? {KEYS} : []")
    close_keys(browser)
    return told


class Look:
    """Everything that is wrong with a page."""

    def __init__(self, browser: Browser, page: Page) -> None:
        self.browser, self.page = browser, page
        self.wrong: dict[str, Any] = {}

    def note(self, what: str, found: Any, expected: Any = None) -> None:
        """Remember what is not as it should be: by default, anything at all."""
        if found != ([] if expected is None else expected):
            self.wrong[what] = found

    def describes_itself(self, language: str) -> None:
        """To the reader of a tab's name, and to one who hears the page."""
        self.note("language", self.browser.evaluate("document.documentElement.lang"), language)
        self.note("h1", self.browser.evaluate(HEADINGS), 1)
        self.note("title", bool(self.browser.evaluate("document.title.length > 6")), True)

    def axe(self) -> None:
        """On a desk and on a phone, in light and dark."""
        for size in (DESK, PHONE):
            self.browser.resize(*size)
            self.note(f"axe, light, {size[0]}", self.browser.axe(self.page.left_out))
        self.browser.scheme("dark")
        for size in (PHONE, DESK):
            self.browser.resize(*size)
            self.note(f"axe, dark, {size[0]}", self.browser.axe(self.page.left_out, "color-contrast"))
        self.browser.scheme("light")

    def fits(self, language: str) -> None:
        """Nothing goes over the right edge, and nothing was refused or thrown so far."""
        for width in WIDTHS:
            self.browser.resize(width, 900)
            self.note(f"too wide, {language}, {width}", self.browser.evaluate(TOO_WIDE))
        self.note(f"refused, {language}", self.browser.csp_reports())
        self.note(f"errors, {language}", self.browser.complaints())


def look_at(browser: Browser, url: str, page: Page) -> None:
    """The whole of it; fails with all that is wrong."""
    look = Look(browser, page)
    in_language(browser, "en")
    browser.resize(*DESK)
    browser.open(url)
    browser.until(page.is_full, 40)
    look.describes_itself("en")
    look.note("moving", browser.evaluate(MOVING))
    look.axe()
    look.fits("en")
    if page.is_framed:
        look.note("keys", "?" in keys_told(browser), True)
        in_language(browser, "de")
        browser.open(url)
        browser.until(page.is_full, 40)
        look.describes_itself("de")
        look.fits("de")
    assert not look.wrong, f"{page.path}: {look.wrong}"


@pytest.mark.parametrize("page", LOGGED_IN, ids=lambda page: page.path)
def test_a_page_of_the_service(full: Full, visitor: Browser, page: Page) -> None:
    look_at(visitor, f"{full.server.url}{page.path}", page)


def test_the_page_of_a_share_link_and_one_that_has_ended(full: Full, stranger: Browser) -> None:
    stranger.open(full.share_link())
    assert stranger.evaluate("location.pathname") == "/shared"
    drawn = "document.querySelector('.shared-chart').ariaLabel?.length > 20"
    look_at(stranger, f"{full.server.url}/shared", Page("/shared", f"{some('.shared-unit', 2)} && {drawn}"))
    look_at(stranger, f"{full.server.url}/share/share_forged", Page("/share", some("main h1")))


def test_the_pages_of_somebody_who_is_not_logged_in(full: Full, stranger: Browser) -> None:
    look_at(stranger, f"{full.server.url}/login", Page("/login", some("#entry-form")))
    look_at(stranger, full.acknowledge_link(), Page("/acknowledge", some("form button")))
    look_at(stranger, f"{full.server.url}/acknowledge/forged", Page("/acknowledge", some("main h1")))


def test_the_page_of_the_first_account(server: Callable[..., RunningServer], stranger: Browser) -> None:
    look_at(stranger, f"{server(SLMM_AUTH='on').url}/setup", Page("/setup", some("#entry-form")))


def test_the_steps_of_taking_a_meter_on(full: Full, visitor: Browser) -> None:
    look = Look(visitor, Page("/roster/add", some("#where")))
    meter = full.emulator.meters[-1]
    for language in ("en", "de"):
        in_language(visitor, language)
        visitor.open(f"{full.server.url}/roster/add")
        visitor.until("document.activeElement?.name === 'host'")
        visitor.fill("#where [name=host]", meter.host)
        visitor.fill("#where [name=tcp_port]", str(meter.port))
        visitor.click("#try")
        visitor.until(
            "!document.querySelector('#facts').hidden && document.querySelector('#trial-end').textContent", 60
        )
        if language == "en":
            look.axe()
        look.fits(language)
    assert look.wrong == {}


def test_single_keys_can_be_switched_off(full: Full, visitor: Browser) -> None:
    """For those who talk to their machine, and whose words would press them."""
    in_language(visitor, "en")
    visitor.open(f"{full.server.url}/unit/{LOUD_UNIT}")
    visitor.until(LIVE)
    told = keys_told(visitor)
    assert {"w", "a", "h", "m", "?", "p", "t", "1"} <= set(told), told
    visitor.press("?")
    visitor.click("#keys-on")
    close_keys(visitor)
    paused = "document.querySelector('#chart-pause').ariaPressed"
    visitor.press("p")
    assert (keys_told(visitor), visitor.evaluate(paused)) == ([], "false")
    visitor.click("#look summary")
    visitor.click("#show-keys")
    visitor.click("#keys-on")
    close_keys(visitor)
    visitor.press("p")
    assert visitor.evaluate(paused) == "true"
    visitor.press("a")
    visitor.until("location.pathname === '/alerts'")


def test_no_page_that_is_led_to_is_forgotten(full: Full, visitor: Browser) -> None:
    led_to: set[str] = set()
    for path in ("/admin", UNIT):
        visitor.open(f"{full.server.url}{path}")
        led_to |= set(visitor.evaluate("[...document.querySelectorAll('nav a')].map((each) => each.pathname)"))
    assert len(led_to) >= len({*PAGES, *UNIT_PAGES, *ADMIN_PAGES}) - 1, "all pages, of which live and unit are one"
    assert led_to <= {page.path.partition("?")[0] for page in LOGGED_IN}
