"""Drives Debian's chromium in a process of its own, for Playwright and gevent do not share one.

Reads one JSON command a line from standard input, ``[visitor, verb, *arguments]``, and answers with one JSON line.
A visitor has cookies and tabs of their own; all of them share the one chromium. Started by conftest.py.
"""

from __future__ import annotations

import gzip
import json
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, BrowserContext, Error, Page, Response, sync_playwright

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]


AXE = Path(__file__).with_name("vendor") / "axe-core-4.14.1" / "axe.min.js"
LOOK_EVERY_MS = 40
PATIENCE_MS = 60_000
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
CSP_REPORTS = """
    window.cspReports = [];
    addEventListener("securitypolicyviolation", (event) =>
      window.cspReports.push(`${event.violatedDirective}: ${event.blockedURI} at ${event.sourceFile}`));
"""

LISTENING = """() => Promise.allSettled(
  [...document.querySelectorAll("script[type=module][src]")].map((each) => import(each.src)))"""
"""Done when the modules of the page have run, so that its buttons do something; it may be complete before."""


class Driver:
    """One visitor: the tab in use, its neighbours, and what went wrong in any of them."""

    def __init__(self, browser: Browser) -> None:
        self.errors: list[str] = []
        self.tabs: list[Page] = []
        self._browser = browser
        self._contexts: list[BrowserContext] = []
        self._adopt(self._somebody().new_page())

    def _somebody(self, locale: str | None = None) -> BrowserContext:
        context = self._browser.new_context(locale=locale)
        context.set_default_timeout(PATIENCE_MS)
        self._contexts.append(context)
        return context

    def _adopt(self, page: Page) -> None:
        self.tabs.append(page)
        self.page = page
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("console", self._console)
        page.add_init_script(CSP_REPORTS)

    def _console(self, message: Any) -> None:
        # The browser itself logs answers that are no success; the page is expected to live with them.
        if message.type == "error" and not message.text.startswith("Failed to load resource"):
            self.errors.append(message.text)

    def open(self, url: str) -> None:
        """Go to a page."""
        self.page.goto(url)
        self.settle()

    def settle(self) -> None:
        """Until the page listens, or has given way to another already."""
        with suppress(Error):
            self.page.evaluate(LISTENING)

    def evaluate(self, script: str) -> Any:
        """A JavaScript expression in the page."""
        return self.page.evaluate(script)

    def wait(self, script: str, within_s: float) -> Any:
        """Until the expression is true; its value. (Playwright's own wait evaluates text, which the CSP forbids.)"""
        ends_s = time.monotonic() + within_s
        while not (value := self._value(script)):
            if time.monotonic() > ends_s:
                page = self.page.evaluate("document.body.innerText")
                raise TimeoutError(f"{script} did not come true within {within_s} s on:\n{page}")
            self.page.wait_for_timeout(LOOK_EVERY_MS)
        return value

    def _value(self, script: str) -> Any:
        """The value now; None while one page gives way to the next."""
        try:
            return self.page.evaluate(script)
        except Error as error:
            if "context was destroyed" not in str(error):
                raise
            return None

    def resize(self, width: int, height: int) -> None:
        """The size of the window."""
        self.page.set_viewport_size({"width": width, "height": height})

    def scheme(self, name: str) -> None:
        """Light or dark."""
        self.page.emulate_media(color_scheme=name)  # type: ignore[arg-type]

    def calm(self) -> None:
        """Ask for as little motion as possible, from now on."""
        self.page.emulate_media(reduced_motion="reduce")

    def click(self, selector: str) -> None:
        """Press a button."""
        self.page.click(selector)

    def fill(self, selector: str, value: str) -> None:
        """Type into a field."""
        self.page.fill(selector, value)

    def choose(self, selector: str, value: str) -> None:
        """Take one of the choices of a list."""
        self.page.select_option(selector, value)

    def press(self, key: str) -> None:
        """Press a key on the element that has the focus."""
        self.page.keyboard.press(key)

    def type(self, text: str) -> None:
        """Type where the focus is."""
        self.page.keyboard.type(text)

    def screenshot(self, path: str) -> None:
        """A picture of the whole page."""
        self.page.screenshot(path=path, full_page=True)

    def picture(self, path: str, selector: str = "") -> None:
        """A picture of what the window shows, or of one element."""
        if selector:
            self.page.locator(selector).screenshot(path=path)
        else:
            self.page.screenshot(path=path)

    def new_tab(self, url: str) -> int:
        """A page in a tab more, in use from now on; its number."""
        self._adopt(self.page.context.new_page())
        self.open(url)
        return len(self.tabs) - 1

    def stranger(self, url: str, locale: str | None = None) -> int:
        """A page in the browser of somebody else, who shares no cookies; in use from now on; its number."""
        self._adopt(self._somebody(locale).new_page())
        self.open(url)
        return len(self.tabs) - 1

    def use_tab(self, number: int) -> None:
        """Go on in another tab; the others stay open."""
        self.page = self.tabs[number]

    def close_tab(self, number: int) -> None:
        """Close a tab as a person does; another must be in use."""
        self.tabs[number].close(run_before_unload=True)

    def offline(self, is_offline: bool) -> None:
        """Take the network away from the browser, or give it back."""
        self.page.context.set_offline(is_offline)

    def refuse_once(self, pattern: str) -> None:
        """Answer the next request to *pattern* with 502, as a proxy does while the service restarts."""
        self.page.route(pattern, lambda route: route.fulfill(status=502, body="bad gateway"), times=1)

    def hover(self, selector: str) -> None:
        """Put the pointer on the middle of an element."""
        self.page.hover(selector)

    def drag(self, selector: str, begin: float, end: float) -> None:
        """Draw from one place of an element to another, given as shares of its width."""
        box = self.page.locator(selector).bounding_box()
        assert box is not None
        places = [(box["x"] + box["width"] * share, box["y"] + box["height"] / 2) for share in (begin, end)]
        self.page.mouse.move(*places[0])
        self.page.mouse.down()
        self.page.mouse.move(*places[1], steps=4)
        self.page.mouse.up()

    def double_click(self, selector: str) -> None:
        """Press twice on the middle of an element."""
        self.page.dblclick(selector)

    def axe(self, leave_out: str = "", *rules: str) -> list[str]:
        """What axe-core finds wrong with the page for people with disabilities: rule, help, and where.

        *leave_out* is a selector of what is not looked at; with *rules* only those are tried.
        """
        if not self.page.evaluate("'axe' in window"):
            self.page.evaluate(AXE.read_text("utf-8"))
        found = self.page.evaluate(
            """async ([leftOut, runOnly]) => {
              const exclude = leftOut ? [...document.querySelectorAll(leftOut)] : [];
              const options = { runOnly, resultTypes: ["violations"] };
              return (await axe.run({ include: [document], exclude }, options)).violations;
            }""",
            [leave_out, {"type": "rule", "values": rules} if rules else {"type": "tag", "values": RULES}],
        )
        return [
            f"{each['id']} ({each['help']}): {node['target']} {node.get('failureSummary', '')}"
            for each in found
            for node in each["nodes"]
        ]

    def weigh(self, url: str, script: str, within_s: float) -> dict[str, int]:
        """Go to a page for the first time; what was loaded until the expression is true, and its bytes with gzip."""
        answers: list[Response] = []

        def hear(answer: Response) -> None:
            answers.append(answer)

        self.page.goto("about:blank")  # what the page before still loads is not of this one
        self.page.on("response", hear)
        self.page.goto(url)
        self.wait(script, within_s)
        self.page.remove_listener("response", hear)
        whole = [each for each in answers if "event-stream" not in each.headers.get("content-type", "")]
        return {each.url: len(gzip.compress(each.body(), 6)) for each in whole if not 300 <= each.status < 400}

    def csp_reports(self) -> list[str]:
        """What the present page tried and the Content-Security-Policy refused."""
        reports: list[str] = self.page.evaluate("window.cspReports")
        return reports

    def complaints(self) -> list[str]:
        """Errors of the page since the last call."""
        found, self.errors = self.errors, []
        return found

    def leave(self) -> None:
        """Close every tab and forget the cookies."""
        for context in self._contexts:
            context.close()


def main() -> None:
    """Obey until standard input ends."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=sys.argv[1], args=ARGUMENTS)
        visitors: dict[int, Driver] = {}
        print(json.dumps("ready"), flush=True)
        for line in sys.stdin:
            visitor, verb, *arguments = json.loads(line)
            try:
                if verb == "come":
                    visitors[visitor] = Driver(browser)
                    value = None
                elif verb == "leave":
                    value = visitors.pop(visitor).leave()
                else:
                    value = getattr(visitors[visitor], verb)(*arguments)
                answer = {"value": value}
            except Exception as error:
                answer = {"error": f"{type(error).__name__}: {error}"}
            print(json.dumps(answer), flush=True)
        browser.close()


if __name__ == "__main__":
    main()
