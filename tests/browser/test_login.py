"""The way in, in a real browser: first account, out and in again, back to the page that was wanted."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import requests
from gevent.pywsgi import WSGIServer

from slmm.emulator.process import RunningEmulator
from tests.browser.conftest import Browser
from tests.server import RunningServer

pytestmark = pytest.mark.browser

PASSWORD = "correct horse battery"


def test_a_person_sets_up_logs_out_and_comes_back_to_the_page_they_wanted(
    server: Callable[..., RunningServer], fast_emulator: RunningEmulator, browser: Browser
) -> None:
    guarded = server(SLMM_AUTH="on")
    found = re.search(r"enter the code (\S+)", guarded.log.read_text())
    assert found is not None
    browser.open(f"{guarded.url}/")
    browser.until("location.pathname === '/setup'")
    for name, text in (("code", found[1]), ("name", "ada"), ("password", PASSWORD)):
        browser.fill(f"[name={name}]", text)
    browser.click("#entry-form button")
    browser.until("location.pathname === '/' && !document.querySelector('#empty').hidden")
    assert browser.text(".who a") == "ada"
    meter = {"unit_id": "north", "host": fast_emulator.meters[0].host, "tcp_port": fast_emulator.meters[0].port}
    options = {"method": "POST", "headers": {"Content-Type": "application/json"}, "body": json.dumps(meter)}
    assert browser.evaluate(f"fetch('/api/nl43/roster', {json.dumps(options)}).then((answer) => answer.status)") == 200
    browser.until("document.querySelectorAll('.tile').length === 1")
    browser.click("#look summary")
    browser.click("#logout")
    browser.until("location.pathname === '/login'")
    browser.open(f"{guarded.url}/unit/north")
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
    server: Callable[..., RunningServer], fast_emulator: RunningEmulator, browser: Browser, tmp_path: Path
) -> None:
    portal = WSGIServer(("127.0.0.1", 0), lambda environ, start: answer_page(start, tmp_path), log=None)
    portal.start()
    origin = f"http://127.0.0.1:{portal.server_port}"
    guarded = server(SLMM_AUTH="on", SLMM_CORS_ORIGINS=origin)
    code = re.search(r"enter the code (\S+)", guarded.log.read_text())
    assert code is not None
    admin = requests.Session()
    admin.headers["Origin"] = guarded.url
    first = {"code": code[1], "name": "ada", "password": PASSWORD}
    assert admin.post(f"{guarded.api}/_setup", json=first, timeout=5).status_code == 200
    meter = {"unit_id": "north", "host": fast_emulator.meters[0].host, "tcp_port": fast_emulator.meters[0].port}
    assert admin.post(f"{guarded.api}/roster", json=meter, timeout=5).status_code == 200
    secret = admin.post(f"{guarded.api}/_tokens", json={"name": "portal"}, timeout=5).json()["secret"]
    (tmp_path / "portal.html").write_text(PORTAL.format(url=guarded.url, secret=secret))
    browser.open(f"{origin}/")
    browser.until("window.heard >= 2")
    guarded.terminate()
    guarded.start()
    browser.evaluate("window.heard = 0")
    browser.until("window.heard >= 2 && window.tickets >= 2", 30)
    portal.stop(timeout=1)


def answer_page(start: Any, directory: Path) -> list[bytes]:
    start("200 OK", [("Content-Type", "text/html; charset=utf-8")])
    return [(directory / "portal.html").read_bytes()]
