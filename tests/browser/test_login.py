"""The way in, in a real browser: first account, out and in again, back to the page that was wanted."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from gevent.pywsgi import WSGIServer

from slmm.emulator.process import Address, running_emulator
from tests.browser.conftest import Browser
from tests.browser.premises import PASSWORD, QUICK_SERVICE, administrator, asked
from tests.conftest import FAST_EMULATOR
from tests.server import RunningServer

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def portal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """A web server of another origin: the origin, and the file that is its only page."""
    page = tmp_path_factory.mktemp("portal") / "portal.html"
    server = WSGIServer(("127.0.0.1", 0), lambda environ, start: answer_page(start, page), log=None)
    server.start()
    yield f"http://127.0.0.1:{server.server_port}", page
    server.stop(timeout=1)


@pytest.fixture(scope="module")
def locked(portal: tuple[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A service that asks everybody who they are, and has no account yet."""
    environment = {**QUICK_SERVICE, "SLMM_AUTH": "on", "SLMM_CORS_ORIGINS": portal[0]}
    server = RunningServer(tmp_path_factory.mktemp("locked"), environment)
    try:
        server.start()
        yield server
    finally:
        server.kill()


@pytest.fixture(scope="module")
def meter() -> Iterator[Address]:
    with running_emulator(1, *FAST_EMULATOR) as started:
        yield started.meters[0]


def test_a_person_sets_up_logs_out_and_comes_back_to_the_page_they_wanted(
    locked: RunningServer, meter: Address, browser: Browser
) -> None:
    found = re.search(r"enter the code (\S+)", locked.log.read_text())
    assert found is not None
    browser.open(f"{locked.url}/")
    browser.until("location.pathname === '/setup'")
    for name, text in (("code", found[1]), ("name", "ada"), ("password", PASSWORD)):
        browser.fill(f"[name={name}]", text)
    browser.click("#entry-form button")
    browser.until("location.pathname === '/' && !document.querySelector('#empty').hidden")
    assert browser.text(".who a") == "ada"
    north = {"unit_id": "north", "host": meter.host, "tcp_port": meter.port}
    options = {"method": "POST", "headers": {"Content-Type": "application/json"}, "body": json.dumps(north)}
    assert browser.evaluate(f"fetch('/api/nl43/roster', {json.dumps(options)}).then((answer) => answer.status)") == 200
    browser.until("document.querySelectorAll('.tile').length === 1")
    browser.click("#look summary")
    browser.click("#logout")
    browser.until("location.pathname === '/login'")
    browser.open(f"{locked.url}/unit/north")
    browser.until("location.pathname === '/login'")
    browser.fill("[name=name]", "ada")
    browser.fill("[name=password]", "not the password")
    browser.click("#entry-form button")
    browser.until("document.querySelector('#outcome').textContent.includes('wrong')")
    browser.fill("[name=password]", PASSWORD)
    browser.click("#entry-form button")
    browser.until("location.pathname === '/unit/north'")
    browser.until("document.querySelector('#verdict').dataset.kind === 'live'")


PORTAL = """<!doctype html><title>portal</title><script type="module">
  import {{ SlmmClient }} from "{url}/static/js/slmm-client.js";
  const headers = {{ "Content-Type": "application/json", Authorization: "Bearer {secret}" }};
  window.tickets = window.heard = 0;
  new SlmmClient({{
    base: "{url}",
    async ticket() {{
      const answer = await fetch("{url}/api/nl43/_tickets", {{ method: "POST", body: "{{}}", headers }});
      window.tickets += 1;
      return (await answer.json()).ticket;
    }},
    onFrame: () => (window.heard += 1),
  }});
</script>"""


def test_a_portal_of_another_origin_follows_with_a_ticket_and_comes_back_with_a_new_one(
    locked: RunningServer, meter: Address, portal: tuple[str, Path], browser: Browser
) -> None:
    origin, page = portal
    admin = requests.Session()
    admin.headers["Origin"] = locked.url
    login = {"name": "ada", "password": PASSWORD}
    if admin.post(f"{locked.api}/_login", json=login, timeout=40).status_code != 200:  # this test came first
        admin = administrator(locked)
        asked(admin, locked, "/roster", unit_id="north", host=meter.host, tcp_port=meter.port)
    secret = asked(admin, locked, "/_tokens", name="portal")["secret"]
    page.write_text(PORTAL.format(url=locked.url, secret=secret))
    browser.open(f"{origin}/")
    browser.until("window.heard >= 2")
    locked.kill()
    locked.start()
    browser.evaluate("window.heard = 0")
    browser.until("window.heard >= 2 && window.tickets >= 2")


def answer_page(start: Any, page: Path) -> list[bytes]:
    start("200 OK", [("Content-Type", "text/html; charset=utf-8")])
    return [page.read_bytes()]
