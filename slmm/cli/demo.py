"""``slmm demo``: three simulated meters with two hours of simulated past, on loopback."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import click
from sqlalchemy.orm import Session

from slmm import settings as settings_module
from slmm.cli import store
from slmm.cli.output import json_option, show_json
from slmm.cli.serve import announce, gunicorn, place
from slmm.emulator.meter import Instrument
from slmm.emulator.process import RunningEmulator, running_emulator
from slmm.emulator.quirks import Quirks
from slmm.emulator.sound import SCENARIOS
from slmm.events import Reading, RunState
from slmm.nl43.readings import decode_display
from slmm.record.frames import of_reading
from slmm.record.office import RecordOffice
from slmm.settings import Settings
from slmm.storage.devices import Device, Roster
from slmm.storage.models import ReadingRow, RuleRow

UNITS = {"demo-traffic": "traffic", "demo-site": "site", "demo-quiet": "quiet"}
"""In the order in which the emulator deals out its scenarios."""
PAST_S = 7200.0
READ_EVERY_S = 1.3
TRAIL = ("lp", "leq", "le", "lmax", "lmin", "lpeak", "ln1", "ln2", "ln3", "ln4", "ln5")

ALERT: dict[str, Any] = {
    "name": "Site limit",
    "metric": "lp",
    "comparison": "above",
    "threshold_db": 58.0,
    "red_threshold_db": 75.0,
    "duration_s": 3,
    "clear_margin_db": 3.0,
    "cooldown_s": 60,
    "channels": "log",
}
"""What every meter of the demo is watched for: the street and the site break it soon, the quiet yard does not."""


def simulated_past(unit_id: str, scenario: str, seed: int, until: datetime) -> list[Reading]:
    """What reading the simulated meter of that seed would have shown, as often as it may be read."""
    instrument = Instrument(SCENARIOS[scenario], seed, Quirks(), now_s=0.0, clock=until.replace(tzinfo=None))
    instrument.start()
    started_at = until - timedelta(seconds=PAST_S)
    readings = []
    for number in range(1, int(PAST_S / READ_EVERY_S)):
        instrument.advance(READ_EVERY_S * number)
        line = instrument.display_line()
        readings.append(
            Reading(
                unit_id,
                started_at + timedelta(seconds=READ_EVERY_S * number),
                decode_display(line)[0],
                line,
                run_state=RunState.MEASURING,
                measurement_started_at=started_at,
            )
        )
    return readings


def trail_rows(readings: Sequence[Reading], sample_s: float) -> list[dict[str, Any]]:
    """The first reading of each sample interval, as the recorder keeps it."""
    first: dict[int, Reading] = {}
    for reading in readings:
        first.setdefault(int(reading.at.timestamp() // sample_s), reading)
    return [
        {"unit_id": each.unit_id, "timestamp": each.at, **{name: getattr(each.main, name) for name in TRAIL}}
        for each in first.values()
    ]


def prepare(settings: Settings, emulator: RunningEmulator) -> None:
    """Roster and past of the demo; replaces those of an earlier demo."""
    shutil.rmtree(settings.data_dir / "record", ignore_errors=True)
    record = RecordOffice(settings, lambda unit_id: ZoneInfo(settings.timezone))
    record.start()
    with store.opened(settings) as database:
        roster = Roster(database)
        roster.load()
        for device in roster.all():
            roster.remove(device.unit_id)
        now = datetime.now(UTC)
        for seed, ((unit_id, scenario), meter) in enumerate(zip(UNITS.items(), emulator.meters, strict=True), 1):
            roster.add(Device(unit_id, meter.host, meter.port, monitor_enabled=True))
            rule = RuleRow(unit_id=unit_id, created_at=now, version=1, enabled=True, **ALERT)
            past = simulated_past(unit_id, scenario, seed, now)
            record.historian.write([of_reading(reading) for reading in past])
            record.rollup.remake(unit_id, now - timedelta(seconds=PAST_S), now)
            rows = trail_rows(past, settings.monitor_trail_sample_s)

            def keep(session: Session, rows: list[dict[str, Any]] = rows, rule: RuleRow = rule) -> None:
                session.add(rule)
                session.bulk_insert_mappings(ReadingRow, rows)

            database.write(keep)
    record.stop()


@click.command()
@click.option("--port", type=click.IntRange(1, 65_535), help="Port of the page; by default SLMM_PORT or 8100.")
@json_option
def demo(port: int | None, as_json: bool) -> None:
    """Serve three simulated meters, bound to loopback, until interrupted."""
    given: dict[str, Any] = {"host": "127.0.0.1", "data_dir": Path("demo-data"), "database_url": ""}
    if port is not None:
        given["port"] = port
    settings = settings_module.load(**given)
    store.refuse_if_held(settings.data_dir)
    with running_emulator(len(UNITS), "--measuring-for", str(PAST_S)) as emulator:
        prepare(settings, emulator)
        meters = f"{emulator.client.base_url}/meters"
        if as_json:
            show_json({**place(settings), "meters": meters})
        else:
            announce(settings)
            click.echo(f"meters   {meters} (simulated; POST …/fault breaks one)")
        wanted = {
            "SLMM_HOST": settings.host,
            "SLMM_PORT": str(settings.port),
            "SLMM_DATA_DIR": str(settings.data_dir.resolve()),
            "SLMM_DATABASE_URL": "",
        }
        server = gunicorn({**os.environ, **wanted})
        signal.signal(signal.SIGTERM, lambda *_: server.terminate())
        _wait(server)


def _wait(server: subprocess.Popen[bytes]) -> None:
    """Until the server ends; Ctrl+C reaches it by itself, as part of the same terminal."""
    while True:
        try:
            raise SystemExit(server.wait())
        except KeyboardInterrupt:
            server.terminate()
