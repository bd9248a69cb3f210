"""A million rows exported again and again beside a live feed; baselines are the feed alone and a bare DuckDB copy.

python -m bench.export
python -m bench.export --rows 1000000 --format parquet --viewers 100
"""

from __future__ import annotations

from gevent import monkey

monkey.patch_all()

import json
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import click
import duckdb

from bench import machine
from bench.fanout import Figures, crowd
from slmm import settings as settings_module
from slmm.emulator.process import running_emulator
from slmm.record.office import RecordOffice
from slmm.record.store import Connection
from tests.server import TOP, RunningServer

FEED = "/api/nl43/u0/monitor/events"
UNIT = "u0"
ALLOWED_MS = 20.0
_READER = """
import json, sys, time
import requests
while True:
    began = time.monotonic()
    first, size = None, 0
    with requests.get(sys.argv[1], stream=True, timeout=600) as answer:
        answer.raise_for_status()
        for piece in answer.iter_content(262144):
            first = first or time.monotonic() - began
            size += len(piece)
    took = time.monotonic() - began
    print(json.dumps({"first_s": first, "took_s": took, "bytes": size}), flush=True)
"""
"""One export after the other, until it is ended."""


def seed(directory: Path, rows: int) -> datetime:
    """Put *rows* frames of a 100 ms stream on record, the older half of them in files; when the first begins."""
    data = directory / "data"
    data.mkdir(parents=True)
    office = RecordOffice(settings_module.load({}, None, data_dir=data), lambda unit_id: ZoneInfo("Europe/Berlin"))
    office.store.open()
    begin = datetime.now(UTC).replace(microsecond=0) - timedelta(seconds=rows / 10 + 3600)

    def change(connection: Connection) -> None:
        unit = office.store.unit_number(connection, UNIT)
        connection.execute(
            "insert into settled by name select ? as unit, 1 as source, 0.1 as duration_s, 72.5 as lmax, 48.1 as lmin,"
            " cast(? as timestamp) + interval (i * 100) millisecond as ends_at, 88.8 as lpeak, false as over,"
            " round(60 + 10 * sin(i / 50.0), 1) as lp, round(60 + 9 * sin(i / 50.0), 1) as leq, false as under,"
            " true as measuring, i % 600 + 1 as counter from range(?) r(i)",
            [unit, begin.replace(tzinfo=None), rows],
        )

    office.store.write(change)
    office.partitions.move("frames", UNIT, begin.date())
    office.store.close()
    return begin


def bare_copy(directory: Path, rows: int) -> float:
    """Seconds DuckDB takes to write as many rows of as many columns to a CSV file by itself."""
    with duckdb.connect(config={"threads": 1}) as connection:
        connection.execute(
            "create table t as select timestamp '2026-01-01' + interval (i * 100) millisecond as ends_at,"
            " 0.1 as duration_s, round(60 + 10 * sin(i / 50.0), 1) as lp, round(60 + 9 * sin(i / 50.0), 1) as leq,"
            " 72.5::double as lmax, 48.1::double as lmin, 88.8::double as lpeak, false as over, i % 600 as counter"
            " from range(?) r(i)",
            [rows],
        )
        began_s = time.monotonic()
        connection.execute(f"copy t to '{directory / 'bare.csv'}' (header)")
        return time.monotonic() - began_s


def exporting(url: str) -> subprocess.Popen[str]:
    """A client in a process of its own that reads exports as fast as they come."""
    return subprocess.Popen([sys.executable, "-c", _READER, url], stdout=subprocess.PIPE, text=True, cwd=TOP)


@click.command()
@click.option("--rows", default=1_000_000, show_default=True)
@click.option("--viewers", default=100, show_default=True)
@click.option("--seconds", default=30.0, show_default=True)
@click.option("--format", "form", type=click.Choice(["csv", "xlsx", "parquet"]), default="csv", show_default=True)
def main(rows: int, viewers: int, seconds: float, form: str) -> None:
    """Print the feed with and without the export, and how long the export took."""
    with running_emulator(1) as emulator, tempfile.TemporaryDirectory() as directory:
        top = Path(directory)
        begin = seed(top, rows)
        bare_s = bare_copy(top, rows)
        server = RunningServer(top, {"SLMM_MONITOR_POLL_INTERVAL": "0", "SLMM_MONITOR_STATE_REFRESH_S": "300"})
        server.start()
        try:
            server.add(UNIT, emulator.meters[0], monitor_enabled=True)
            alone = crowd(server.port, FEED, viewers, seconds, server.worker_pid)
            until = begin + timedelta(seconds=rows / 10 + 1)
            span = f"from={begin - timedelta(seconds=1):%Y-%m-%dT%H:%M:%SZ}&until={until:%Y-%m-%dT%H:%M:%SZ}"
            export = exporting(f"{server.api}/{UNIT}/export?what=frames&format={form}&{span}")
            beside = crowd(server.port, FEED, viewers, seconds, server.worker_pid)
            assert export.stdout is not None
            found = json.loads(export.stdout.readline())
            export.kill()
        finally:
            server.kill()
    _print(alone, beside, viewers, seconds)
    print(
        f"export     {rows} rows as {form}: {found['took_s']:.1f} s, first byte after {found['first_s']:.2f} s,"
        f" {found['bytes'] / 1e6:.0f} MB; bare DuckDB copy {bare_s:.1f} s,"
        f" ratio {found['took_s'] / bare_s:.1f}"
    )


def _print(alone: Figures, beside: Figures, viewers: int, seconds: float) -> None:
    moved_ms = beside.p99_ms - alone.p99_ms
    print(machine.describe())
    print(f"{viewers} viewers of one 1 Hz feed for {seconds:g} s")
    print("             frames  lost  mute   p50 ms   p99 ms   max ms  µs/frame  KiB each")
    print(alone.row("alone"))
    print(beside.row("beside"))
    print(f"p99 moved by {moved_ms:.1f} ms (allowed: {ALLOWED_MS:g}), ratio {beside.p99_ms / alone.p99_ms:.2f}")


if __name__ == "__main__":
    main()
