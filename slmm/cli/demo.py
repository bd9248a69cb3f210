"""``slmm demo``: three simulated meters with a day of simulated past, on loopback."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import click
from sqlalchemy.orm import Session

from slmm import settings as settings_module
from slmm.cli import demo_past, demo_seed, store
from slmm.cli.demo_seed import UNITS
from slmm.cli.output import json_option, show_json
from slmm.cli.serve import announce, gunicorn, place
from slmm.emulator.process import RunningEmulator, running_emulator
from slmm.events import Reading
from slmm.record.office import RecordOffice
from slmm.settings import Settings
from slmm.storage.devices import Device, Roster
from slmm.storage.models import ReadingRow

TRAIL = ("lp", "leq", "le", "lmax", "lmin", "lpeak", "ln1", "ln2", "ln3", "ln4", "ln5")


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
        demo_seed.clear(database)
        for device in roster.all():
            roster.remove(device.unit_id)
        now = datetime.now(UTC)
        for seed, ((unit_id, place), meter) in enumerate(zip(UNITS.items(), emulator.meters, strict=True), 1):
            roster.add(
                Device(
                    unit_id,
                    meter.host,
                    meter.port,
                    monitor_enabled=True,
                    name=place.name,
                    site=place.site,
                    latitude=place.latitude,
                    longitude=place.longitude,
                )
            )
            readings = demo_past.recent(unit_id, place.scenario, seed, now)
            demo_past.put_on_record(record, readings, place.scenario, seed, now)
            rows = trail_rows(readings, settings.monitor_trail_sample_s)

            def keep(session: Session, rows: list[dict[str, Any]] = rows) -> None:
                session.bulk_insert_mappings(ReadingRow, rows)

            database.write(keep)
        demo_seed.enter(database, now)
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
    with running_emulator(len(UNITS), "--measuring-for", str(demo_past.RECENT_S)) as emulator:
        prepare(settings, emulator)
        meters = f"{emulator.client.base_url}/meters"
        if as_json:
            show_json({**place(settings), "meters": meters})
        else:
            click.echo("Three simulated meters with a day of history; nothing here is measured.")
            announce(settings)
            click.echo(f"meters   {meters} (simulated; POST …/fault breaks one)")
            click.echo("The page opens in a few seconds; the data directory can be deleted when the demo is stopped.")
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
