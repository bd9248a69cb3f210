"""What the page of all units costs the browser, beside a page that follows the same stream and draws nothing.

python -m bench.wall --meters 100
python -m bench.wall --meters 12 --seconds 60 --path '/?kiosk=1'
"""

from __future__ import annotations

from gevent import monkey

monkey.patch_all()

import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import gevent
import requests

from bench import machine
from slmm.emulator.process import RunningEmulator, running_emulator
from tests.server import TOP, RunningServer

SETTLE_S = 15.0
"""Labels are read, the trails are loaded, and what is compiled is compiled."""
VISITOR = 0
BARE_PAGE = "/static/js/api.js"
FOLLOW = """(() => {
  window.heard = 0;
  new EventSource('/api/nl43/_monitor/events').onmessage = (event) => { JSON.parse(event.data); window.heard += 1; };
})()"""
ROWS = [{"from": "00:00", "until": "24:00", "level_db": 65.0}]
LIMIT = {"name": "Site", "quantity": "laeq", "period": {"kind": "fixed", "length": "15min"}, "rows": ROWS}


class Chromium:
    """A browser in a process of its own, and the processor time of it and its children."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def ask(self, verb: str, *arguments: Any) -> Any:
        """A verb of tests/browser/driver.py."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps([VISITOR, verb, *arguments]) + "\n")
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline())
        if "error" in answer:
            raise RuntimeError(answer["error"])
        return answer["value"]

    def cpu_s(self) -> dict[int, tuple[bool, float]]:
        """Of each process: whether it draws a page, and its processor time."""
        found = {}
        for pid in _descendants(self._process.pid):
            try:
                command = Path(f"/proc/{pid}/cmdline").read_text()
                if "--type=" in command or "--remote-debugging" in command:
                    found[pid] = ("--type=renderer" in command, machine.cpu_s(pid))
            except (OSError, IndexError):
                continue  # it has ended
        return found


def _descendants(pid: int) -> Iterator[int]:
    for task in Path(f"/proc/{pid}/task").iterdir():
        try:
            children = (task / "children").read_text().split()
        except OSError:
            continue
        for child in children:
            yield int(child)
            yield from _descendants(int(child))


@contextmanager
def chromium() -> Iterator[Chromium]:
    """A headless one with nothing open."""
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if program is None:
        raise click.ClickException("chromium is not installed")
    driver = TOP / "tests" / "browser" / "driver.py"
    with subprocess.Popen(
        [sys.executable, str(driver), program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdout.readline()
        started = Chromium(process)
        started.ask("come")
        yield started
        process.stdin.close()


@dataclass(frozen=True)
class Cost:
    """Of one page, in cores: 0.1 is a tenth of one."""

    renderer: float
    everything: float

    def row(self, name: str) -> str:
        """One line of the table."""
        return f"{name:10} {100 * self.renderer:9.1f} % {100 * self.everything:12.1f} %"


def cost_of(browser: Chromium, seconds: float) -> Cost:
    """Of the page that is open now."""
    gevent.sleep(SETTLE_S)
    before, began_s = browser.cpu_s(), time.monotonic()
    gevent.sleep(seconds)
    after, took_s = browser.cpu_s(), time.monotonic() - began_s
    used = {pid: (draws, cpu_s - before.get(pid, (draws, 0.0))[1]) for pid, (draws, cpu_s) in after.items()}
    renderer = sum(cpu_s for draws, cpu_s in used.values() if draws)
    return Cost(renderer / took_s, sum(cpu_s for _, cpu_s in used.values()) / took_s)


def take_on(server: RunningServer, emulator: RunningEmulator) -> None:
    """All meters, read at their 1 s floor; every other one has a limit."""
    for number, meter in enumerate(emulator.meters):
        server.add(f"u{number:03}", meter, monitor_enabled=True, site=f"Site {number // 25}")
        if number % 2 == 0:
            requests.post(f"{server.api}/u{number:03}/limits", json=LIMIT, timeout=10).raise_for_status()


@click.command()
@click.option("--meters", default=100, show_default=True)
@click.option("--seconds", default=30.0, show_default=True)
@click.option("--path", default="/", show_default=True, help="The page, with its settings.")
def main(meters: int, seconds: float, path: str) -> None:
    """Print both and their ratio."""
    with running_emulator(meters) as emulator, tempfile.TemporaryDirectory() as directory, chromium() as browser:
        server = RunningServer(Path(directory), {"SLMM_MONITOR_POLL_INTERVAL": "0"})
        server.start()
        try:
            take_on(server, emulator)
            browser.ask("resize", 1280, 900)
            browser.ask("open", f"{server.url}{BARE_PAGE}")
            browser.ask("evaluate", FOLLOW)
            gevent.sleep(SETTLE_S)
            heard = browser.ask("evaluate", "window.heard")
            bare = cost_of(browser, seconds)
            per_s = (browser.ask("evaluate", "window.heard") - heard) / (seconds + SETTLE_S)
            browser.ask("open", f"{server.url}{path}")
            wall = cost_of(browser, seconds)
            tiles = browser.ask("evaluate", "document.querySelectorAll('.tile').length")
            glance_ms = min(_asked_ms(server) for _ in range(10))
        finally:
            server.kill()
    print(machine.describe())
    print(f"{meters} meters, {per_s:.0f} frames a second, {tiles} tiles on {path}, {seconds:g} s")
    print("              renderer   all of chromium")
    print(bare.row("bare page"))
    print(wall.row("the wall"))
    print(f"ratio      {wall.renderer / bare.renderer:9.2f}   {wall.everything / bare.everything:12.2f}")
    print(f"GET /_wall of all of them, the quickest of ten: {glance_ms:.0f} ms")


def _asked_ms(server: RunningServer) -> float:
    began_s = time.monotonic()
    server.get("/_wall")
    return (time.monotonic() - began_s) * 1000


if __name__ == "__main__":
    main()
