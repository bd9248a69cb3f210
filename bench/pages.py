"""How soon pages are there: first paint, and until the curves have points, beside a page that holds nothing.

python -m bench.pages --visits 5
"""

from __future__ import annotations

from gevent import monkey

monkey.patch_all()

import tempfile
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any
from zoneinfo import ZoneInfo

import click
import gevent
from gevent.pywsgi import WSGIServer

from bench import machine
from bench.wall import Chromium, chromium
from slmm import settings as settings_module
from slmm.cli import demo_past
from slmm.emulator.process import running_emulator
from slmm.record.minute import MINUTE
from slmm.record.office import RecordOffice
from slmm.record.periods import Made, put
from slmm.record.rollup import floor
from slmm.record.store import Store
from tests.server import RunningServer

ZONE = "Europe/Berlin"
UNIT = "u000"
PAST = timedelta(hours=24)
SETTLE_S = 20.0
"""Labels are read, and nothing of the start is left to do."""
HAS_CURVES = "[...document.querySelectorAll('.spark-line')].filter((each) => each.getAttribute('d')).length >= {meters}"
HAS_MEANS = """(() => {
  const canvas = document.querySelector("#chart canvas");
  if (!canvas) return false;
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  let found = 0;
  for (let at = 0; at < data.length; at += 4) {
    if (Math.abs(data[at] - 11) + Math.abs(data[at + 1] - 92) + Math.abs(data[at + 2] - 173) < 40) found += 1;
  }
  return found > 200;
})()"""
"""Pixels of the colour in which LAeq is drawn on light ground."""
FULL_AT = """new Promise((done) => {{
  const look = () => ({condition}) ? done(performance.now()) : requestAnimationFrame(look);
  look();
}})"""
PAINTED_AT = "performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? NaN"
BARE = b"<!doctype html><title>bare</title><p>Nothing here."


def bare_page(environ: Any, start_response: Any) -> list[bytes]:
    """What a browser takes for a page without anything."""
    start_response("200 OK", [("Content-Type", "text/html; charset=utf-8"), ("Content-Length", str(len(BARE)))])
    return [BARE]


def put_past_on_record(directory: Path, units: list[str]) -> None:
    """A day of minutes for each."""
    settings = settings_module.load({}, None, data_dir=directory / "data", database_url="", timezone=ZONE)
    settings.data_dir.mkdir(parents=True)
    record = RecordOffice(settings, lambda unit_id: ZoneInfo(ZONE))
    record.start()
    now = floor(datetime.now(UTC), MINUTE)
    for seed, unit_id in enumerate(units):
        minutes = demo_past.minutes_before("site", seed, now - PAST, now, now)
        made = [Made(unit_id, replace(each, uncertainty_db=0.5)) for each in minutes]
        record.store.write(partial(_put_minutes, record.store, made))
        record.rollup.roll(unit_id, now - PAST, now)
    record.stop()


def _put_minutes(store: Store, made: list[Made], connection: Any) -> None:
    put(store, connection, "minutes", made)


def visit(browser: Chromium, url: str, condition: str) -> tuple[float, float]:
    """By somebody who was never there: milliseconds until something is painted, and until the page is full."""
    browser.ask("stranger", "about:blank")
    browser.ask("resize", 1280, 900)
    browser.ask("open", url)
    full_ms = browser.ask("evaluate", FULL_AT.format(condition=condition))
    painted_ms = browser.ask("evaluate", PAINTED_AT)
    browser.ask("open", "about:blank")
    return painted_ms, full_ms


@click.command()
@click.option("--meters", default=20, show_default=True)
@click.option("--visits", default=5, show_default=True, help="The median of so many is told.")
def main(meters: int, visits: int) -> None:
    """Print both times of each page."""
    units = [f"u{number:03}" for number in range(meters)]
    with running_emulator(meters) as emulator, tempfile.TemporaryDirectory() as directory, chromium() as browser:
        server = RunningServer(Path(directory), {"SLMM_MONITOR_POLL_INTERVAL": "0", "SLMM_TIMEZONE": ZONE})
        put_past_on_record(server.directory, units)
        server.start()
        bare = WSGIServer(("127.0.0.1", 0), bare_page, log=None)
        bare.start()
        pages = {
            "a bare page": (f"http://127.0.0.1:{bare.server_port}/", "true"),
            f"the wall, {meters} units": (f"{server.url}/", HAS_CURVES.format(meters=meters)),
            "a unit, 24 h": (f"{server.url}/unit/{UNIT}?window=24h", HAS_MEANS),
            "history of a day": (f"{server.url}/unit/{UNIT}/history", HAS_MEANS),
        }
        try:
            for unit_id, meter in zip(units, emulator.meters, strict=True):
                server.add(unit_id, meter, monitor_enabled=True)
            gevent.sleep(SETTLE_S)
            times = {name: [visit(browser, *page) for _ in range(visits)] for name, page in pages.items()}
        finally:
            server.kill()
    print(machine.describe())
    print(f"median of {visits} first visits (slowest)       first paint      full")
    for name, found in times.items():
        painted, full = zip(*found, strict=True)
        texts = [f"{median(each):6.0f} ms ({max(each):.0f})" for each in (painted, full)]
        print(f"{name:30} {texts[0]:>20} {texts[1]:>20}")


if __name__ == "__main__":
    main()
