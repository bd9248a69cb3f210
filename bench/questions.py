"""What questions to the record leave behind in memory: a unit's last minutes again and again, beside a plain select.

python -m bench.questions --count 20000   # three minutes
"""

from __future__ import annotations

from gevent import monkey

monkey.patch_all()

import itertools
import os
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import click

from bench import machine
from slmm.events import Levels
from slmm.record import frames
from slmm.record.frames import Frame, Source
from slmm.record.partitions import Partitions
from slmm.record.rollup import Rollup
from slmm.record.store import Store

BEGIN = datetime(2024, 6, 1, tzinfo=UTC)
MINUTES, UNITS = 20, 6
LEVELS = Levels(lp=50.1, leq=51.0, le=80.0, lmax=60.0, lmin=40.0, lpeak=70.0, ln1=55.0, ln2=52.0, ln3=50.0)
STEPS = 5


def filled(store: Store, rollup: Rollup) -> None:
    """A record of some minutes."""
    for number in range(MINUTES):
        begin = BEGIN + timedelta(minutes=number)
        heard = [
            Frame(f"u{unit}", begin + timedelta(seconds=second + 1), Source.POLL, LEVELS)
            for second in range(60)
            for unit in range(UNITS)
        ]
        store.write(lambda connection, heard=heard: frames.insert(store, connection, heard))  # type: ignore[misc]
        rollup.close(begin, begin + timedelta(minutes=1))


def asked(name: str, ask: Callable[[], object], count: int) -> None:
    """Ask so often, and print what the process holds on the way."""
    held = [machine.resident_mib(os.getpid())]
    for number in range(1, count + 1):
        ask()
        if number % (count // STEPS) == 0:
            held.append(machine.resident_mib(os.getpid()))
    each_kb = [(after - before) * 1024 / (count // STEPS) for before, after in itertools.pairwise(held)]
    print(f"{name:14} MiB " + " ".join(f"{mib:7.1f}" for mib in held))
    print(f"{'':14} kB a question " + " ".join(f"{kb:6.2f}" for kb in each_kb))


@click.command()
@click.option("--count", default=20_000, show_default=True)
def main(count: int) -> None:
    """Print both."""
    with tempfile.TemporaryDirectory() as directory:
        store = Store(Path(directory, "record.duckdb"), 128)
        store.open()
        rollup = Rollup(store, Partitions(store, Path(directory, "levels")), lambda unit_id: ZoneInfo("UTC"))
        filled(store, rollup)
        until = BEGIN + timedelta(minutes=MINUTES)
        print(machine.describe())
        asked(
            "plain select",
            lambda: store.read(
                lambda connection: connection.execute("select * from minutes where unit = 1").fetchnumpy()
            ),
            count,
        )
        asked("last minutes", lambda: rollup.minutes("u1", until - timedelta(minutes=15), until), count)
        store.close()


if __name__ == "__main__":
    main()
