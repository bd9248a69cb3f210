"""What a backup of a large record costs those who write it, and everybody else, while readings come in.

python -m bench.backup                      # 8 million readings in the database, 2,000 more every second
python -m bench.backup --rows 30000000
"""

from __future__ import annotations

from gevent import monkey

monkey.patch_all()

import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
import duckdb
import gevent
from gevent.threadpool import ThreadPool

from bench import machine
from bench.historian import lags, office_in, publish_for
from slmm.record import snapshot
from slmm.record.store import FRAME_COLUMNS, LEVELS
from slmm.storage import archive, proof, upgrade
from slmm.storage.secrets import SecretBox
from slmm.storage.threads import run_in
from slmm.storage.upgrade import MIGRATIONS

QUIET_S = 15.0


def fill(database: Path, rows: int) -> None:
    """So many readings of 100 meters, levels with one decimal as a meter sends them."""
    levels = ", ".join(f"round(40 + 40 * random(), 1) as {name}" for name in LEVELS)
    others = {
        "unit": "(i % 100)::integer",
        "ends_at": "timestamp '2026-07-01' + to_milliseconds(i * 10)",
        "source": "1::utinyint",
        "over": "false",
        "under": "false",
        "measuring": "true",
    }
    named = ", ".join(f"{others[name]} as {name}" for name in FRAME_COLUMNS if name in others)
    names = ", ".join([name for name in FRAME_COLUMNS if name in others] + list(LEVELS))
    with duckdb.connect(str(database), config={"threads": 2}) as connection:
        connection.execute(f"insert into settled ({names}) select {named}, {levels} from range(?) t(i)", [rows])
        connection.execute("checkpoint")


def told(what: str, found_s: list[float]) -> None:
    click.echo(
        f"hub lag {what}: p50 {machine.percentile(found_s, 50) * 1000:.1f} ms, "
        f"p99 {machine.percentile(found_s, 99) * 1000:.1f} ms, worst {max(found_s) * 1000:.0f} ms"
    )


@click.command()
@click.option("--rows", default=8_000_000, help="Readings in the record's database.")
@click.option("--rate", default=2_000, help="Readings that come in every second meanwhile.")
def bench(rows: int, rate: int) -> None:
    """Make a backup and try it, while readings come in."""
    click.echo(machine.describe())
    with tempfile.TemporaryDirectory() as directory:
        data_dir = Path(directory)
        upgrade.upgrade(f"sqlite:///{data_dir / archive.DATABASE}", MIGRATIONS, data_dir / "backups")
        SecretBox.open(data_dir / "secret.key")
        office = office_in(data_dir)
        office.stop()
        database = office.store.path
        fill(database, rows)
        size = database.stat().st_size
        began_s = time.perf_counter()
        shutil.copyfile(database, data_dir / "plain-copy")
        copied_s = time.perf_counter() - began_s
        (data_dir / "plain-copy").unlink()
        click.echo(f"record.duckdb: {rows} readings, {size / 1e6:.0f} MB; a plain copy takes {copied_s:.2f} s")
        _while_written(data_dir, rate)


def _while_written(data_dir: Path, rate: int) -> None:
    office = office_in(data_dir)
    told("before", publish_for(QUIET_S, rate)[1])
    held_s: list[float] = []
    most_waiting = 0
    real_alone = snapshot.alone

    @contextmanager
    def alone(folder: Path) -> Iterator[None]:
        with real_alone(folder):
            began_s = time.perf_counter()
            yield
            held_s.append(time.perf_counter() - began_s)

    def watch() -> None:
        nonlocal most_waiting
        while True:
            most_waiting = max(most_waiting, office.historian.pending)
            gevent.sleep(0.05)

    snapshot.alone = alone
    found_s: list[float] = []
    beside = [gevent.spawn(watch), gevent.spawn(publish_for, 3600.0, rate), gevent.spawn(lags, found_s)]
    pool, target = ThreadPool(1), data_dir / "backups" / "bench.zip"
    began_s = time.perf_counter()
    taken = snapshot.of(data_dir)
    run_in(pool, lambda: archive.write(data_dir, data_dir / archive.DATABASE, target, "bench", snapshot=taken))
    made_s = time.perf_counter() - began_s
    tried = run_in(pool, proof.prove, target, data_dir, snapshot.check)
    gevent.killall(beside)
    told("meanwhile", found_s)
    click.echo(f"made in {made_s:.1f} s ({target.stat().st_size / 1e6:.0f} MB), tried in {tried.took_s:.1f} s")
    click.echo(
        f"writers waited {', '.join(f'{each * 1000:.0f} ms' for each in held_s)}; {most_waiting} readings at most"
    )
    office.historian.flush()
    office.stop()
    pool.kill()


if __name__ == "__main__":
    bench()
