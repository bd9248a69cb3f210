"""What the tests of the inbox in a browser share: where things stand on its pages, rules, channels, and waiting."""

from typing import Any

import requests

from tests.browser.conftest import Browser
from tests.conftest import eventually
from tests.server import RunningServer

FOLLOWED = "document.querySelector('#link').dataset.state === 'live'"
SPOKEN = "[...document.querySelectorAll('#announcements p')].map(e => e.textContent)"
OPEN, RECENT = "#open .event", "#recent .event"
LOUD_DB = 50.0
"""Makes a meter's site louder than any threshold here; without it, it is below all of them."""


def count(selector: str) -> str:
    return f"document.querySelectorAll({selector!r}).length"


def button(act: str, entry: str = OPEN) -> str:
    return f"{entry} [data-act={act}]:not([hidden])"


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


def make_channel(server: RunningServer, name: str, port: int) -> None:
    config = {"url": f"http://127.0.0.1:{port}/", "allow_private": True}
    body = {"name": name, "kind": "webhook", "config": config}
    answer = requests.post(f"{server.api}/_alerts/channels", json=body, timeout=20)
    assert answer.status_code == 200, answer.text


def wait_for_open(server: RunningServer, number: int) -> None:
    eventually(lambda: server.get("/_alerts/summary")["open"] == number, 30, f"{number} open events")
