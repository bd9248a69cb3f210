"""What keeping every reading costs, and how soon a day of one meter is found again.

python -m bench.historian                              # 2,000 readings a second for two minutes, in this process
python -m bench.historian --read --meters 1000         # 24 h of one meter out of so many, 30 days at 1 s (10 GB)
"""

from __future__ import annotations

from gevent import monkey

monkey.patch_all()

import os
import random
import shutil
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import click
import duckdb
import gevent
import numpy as np

from bench import machine
from slmm import settings as settings_module
from slmm import signals
from slmm.events import Levels, Reading, RunState
from slmm.record.frames import of_reading
from slmm.record.office import RecordOffice
from slmm.record.store import FRAME_COLUMNS, LEVELS, Connection

TICK_S = 0.1
LAG_EVERY_S = 0.002
LINE = ",".join(["  -.-"] * 43)


def office_in(directory: Path) -> RecordOffice:
    settings = settings_module.load({}, None, data_dir=directory, port=0)
    office = RecordOffice(settings, lambda unit_id: ZoneInfo("Europe/Berlin"))
    office.start()
    return office


def a_reading(unit_id: str, chance: random.Random) -> Reading:
    """One that differs from the one before in every level."""
    lp = round(50.0 + 20.0 * chance.random(), 1)
    levels = Levels(
        lp=lp, leq=lp + 1, le=lp + 30, lmax=lp + 9, lmin=lp - 9, ln1=lp + 5, ln2=lp + 4, ln3=lp, ln4=lp - 4, ln5=lp - 5,
        lpeak=lp + 20, over=False, under=False,
    )  # fmt: skip
    return Reading(unit_id, datetime.now(UTC), levels, LINE, run_state=RunState.MEASURING)


def lags(found_s: list[float]) -> None:
    """How late a greenlet is woken that wants to be woken soon."""
    while True:
        due_s = time.perf_counter() + LAG_EVERY_S
        gevent.sleep(LAG_EVERY_S)
        found_s.append(max(0.0, time.perf_counter() - due_s))


def publish_for(seconds: float, rate: int) -> tuple[float, list[float], int]:
    """Readings at a steady rate through the signal: processor time, lags of the hub, how many."""
    chance = random.Random(1)
    units = [f"meter-{number}" for number in range(max(1, rate // 2))]
    found_s: list[float] = []
    watching = gevent.spawn(lags, found_s)
    began_s, began_cpu = time.monotonic(), time.process_time()
    sent = 0
    while (gone_s := time.monotonic() - began_s) < seconds:
        while sent < gone_s * rate:
            signals.publish(signals.reading_taken, a_reading(units[sent % len(units)], chance))
            sent += 1
        gevent.sleep(TICK_S / 20)
    cpu_s = time.process_time() - began_cpu
    watching.kill()
    return cpu_s, found_s, sent


def close_and_settle(office: RecordOffice) -> None:
    while True:
        gevent.sleep(2.0)
        office.close_minutes()
        office.settle(datetime.now(UTC) + timedelta(minutes=10))


def executemany_us(rows: int) -> float:
    """DuckDB's own way to insert rows from Python: processor time of each in µs."""
    chance = random.Random(1)
    frames = [of_reading(a_reading("m", chance)) for _ in range(rows)]
    values = [
        [1, frame.ends_at.replace(tzinfo=None), int(frame.source), frame.duration_s]
        + [getattr(frame.levels, name) for name in LEVELS]
        + [False, False, True, None, None, None, None, None, None]
        for frame in frames
    ]
    with duckdb.connect() as connection:
        connection.execute(f"create table frames ({', '.join(f'{n} {k}' for n, k in FRAME_COLUMNS.items())})")
        began = time.process_time()
        connection.executemany(f"insert into frames values ({', '.join('?' * len(FRAME_COLUMNS))})", values)
        return (time.process_time() - began) / rows * 1e6


def columns_us(rows: int, directory: Path) -> float:
    """The same rows as the historian inserts them."""
    chance = random.Random(1)
    office = office_in(directory)
    office.historian.stop()
    readings = [a_reading("m", chance) for _ in range(rows)]
    for reading in readings:
        office.historian.on_reading("m", event=reading)
    began = time.process_time()
    office.historian.flush()
    spent_s = time.process_time() - began
    office.store.close()
    return spent_s / rows * 1e6


def bench_write(rate: int, seconds: float) -> None:
    with tempfile.TemporaryDirectory() as directory:
        own_us = columns_us(20_000, Path(directory))
    their_us = executemany_us(2_000)
    click.echo(
        f"insert, µs of CPU a row:   columns {own_us:.1f}, executemany {their_us:.0f}: {their_us / own_us:.0f} times"
    )
    bare_s, bare_lags_s, _ = publish_for(min(20.0, seconds), rate)
    bare_core = bare_s / min(20.0, seconds)
    with tempfile.TemporaryDirectory() as directory:
        office = office_in(Path(directory))
        jobs = gevent.spawn(close_and_settle, office)
        spent_s, found_s, sent = publish_for(seconds, rate)
        jobs.kill()
        office.historian.flush()
        written = office.historian.written
        office.stop()
        size = sum(path.stat().st_size for path in Path(directory).rglob("*") if path.is_file())
    core = spent_s / seconds - bare_core
    click.echo(f"sustained:                 {sent / seconds:.0f} rows a second, {written} of {sent} written")
    click.echo(
        f"cost, with minutes:        {100 * core:.1f} % of a core (bare loop {100 * bare_core:.1f} %), target 15"
    )
    for name, values in (("bare loop", bare_lags_s), ("recording", found_s)):
        p99, most = (1e3 * machine.percentile(values, each) for each in (99, 100))
        click.echo(
            f"hub lag, {name}:        p99 {p99:.1f} ms, most {most:.1f} ms"
            + (", target 20" if name != "bare loop" else "")
        )
    click.echo(f"file as it comes:          {size / written * 1e6 / 2**20:.1f} MiB a million rows")


# -- reading ------------------------------------------------------------------------------------------


def seed_slice(connection: Connection, meters: int, begin: datetime, seconds: int) -> None:
    """Frames of all meters at 1 s, sorted by unit, as ``settle`` leaves them."""
    wave = "55 + 8 * sin(i / 600.0 + u) + 3 * sin(i * 0.7 + u * 3)"
    levels = {name: f"round({wave} + {offset}, 1)" for offset, name in enumerate(LEVELS[:11], -3)}
    values = {
        "unit": "u",
        "ends_at": f"timestamp '{begin:%Y-%m-%d %H:%M:%S}' + to_milliseconds(i * 1000 + u % 1000)",
        "source": "0",
        "duration_s": "null",
        **levels,
        "over": "false",
        "under": "false",
        "measuring": "true",
        "started_at": f"timestamp '{begin:%Y-%m-%d} 00:00:00'",
    }
    row = ", ".join(f"{values.get(name, 'null')} as {name}" for name in FRAME_COLUMNS)
    connection.execute(
        f"insert into settled select {row} from range(1, {meters + 1}) a(u), range({seconds}) b(i) order by u, i"
    )


def bench_read(meters: int, days: int, where: Path | None) -> None:
    directory = Path(tempfile.mkdtemp(prefix="slmm-bench-", dir=where))
    try:
        _bench_read(directory, meters, days)
    finally:
        shutil.rmtree(directory)


def _bench_read(directory: Path, meters: int, days: int) -> None:
    office = office_in(directory)
    names = [f"meter-{number}" for number in range(1, meters + 1)]
    office.store.write(lambda c: [office.store.unit_number(c, name) for name in names])
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    chosen = names[meters // 2]
    number = office.store.known_unit(chosen)
    assert number is not None
    bytes_a_row = _seed_files(office, names, chosen, today, days)
    click.echo(f"Parquet:                   {bytes_a_row * 1e6 / 2**20:.2f} MiB a million rows")
    hours = 24 + datetime.now(UTC).hour
    for ten_minutes in range(hours * 6):
        begin = today - timedelta(days=1) + timedelta(minutes=10 * ten_minutes)
        office.store.write(lambda c, begin=begin: seed_slice(c, meters, begin, 600))
    office.store.write(lambda c: None)
    with office.store.cursor() as connection:
        connection.execute("checkpoint")
        row = connection.execute("select count(*) from settled").fetchone()
    assert row is not None
    size = os.path.getsize(office.store.path)
    click.echo(f"database:                  {row[0]} rows, {size / row[0] * 1e6 / 2**20:.1f} MiB a million")
    chance = random.Random(2)
    for name, latest_h in (("in files", 24.0 * (days - 2)), ("the last 24 h", 0.0)):
        spent_ms = []
        for _ in range(12):
            until = datetime.now(UTC) - timedelta(hours=24.0 + latest_h * chance.random() if latest_h else 0.0)
            began_s = time.perf_counter()
            count = len(day_of(office, chosen, until))
            spent_ms.append(1e3 * (time.perf_counter() - began_s))
        click.echo(
            f"24 h of one meter, {name}: median {np.median(spent_ms):.0f} ms, most {max(spent_ms):.0f} ms"
            f" ({count} points), target 300"
        )
    office.stop()


def _seed_files(office: RecordOffice, names: list[str], chosen: str, today: datetime, days: int) -> float:
    """Days of the chosen meter as they are; the others' files are links to them, for nobody opens those."""
    number = office.store.known_unit(chosen)
    assert number is not None
    written = rows = 0
    for back in range(2, days + 1):
        day = today - timedelta(days=back)
        office.store.write(lambda c, day=day: seed_slice(c, 1, day, 86_400))
        office.store.write(lambda c: c.execute(f"update settled set unit = {number} where unit = 1"))
        made = office.partitions.move("frames", chosen, day.date())
        assert made is not None
        path = made.below(office.partitions.top)
        written, rows = written + path.stat().st_size, rows + made.rows
        others = [name for name in names if name != chosen]
        for name in others:
            link = path.parent.with_name(name) / path.name
            link.parent.mkdir(exist_ok=True)
            os.link(path, link)
        values = [[made.kind, name, made.day, made.part, made.rows] for name in others]
        office.store.write(lambda c, values=values: _register(c, values))
    return written / rows


def _register(connection: Connection, values: list[list[object]]) -> None:
    columns = {
        name: np.array([row[place] for row in values])
        for place, name in enumerate(("kind", "unit_id", "day", "part", "row_count"))
    }
    columns["day"] = columns["day"].astype("datetime64[D]").astype("datetime64[us]")
    connection.register("more", columns)
    connection.execute("insert into partitions select kind, unit_id, cast(day as date), part, row_count from more")
    connection.unregister("more")


def day_of(office: RecordOffice, unit_id: str, until: datetime) -> list[tuple[object, ...]]:
    """What a chart of 24 h asks for: energy mean and extremes in steps of 30 s."""
    begin = until - timedelta(hours=24)

    def question(connection: Connection) -> list[tuple[object, ...]]:
        rows = office.partitions.relation(connection, "frames", unit_id, begin, until)
        return connection.execute(
            "select time_bucket(interval 30 second, ends_at) as step, 10 * log10(avg(pow(10, lp / 10))), max(lp),"
            f" min(lp) from {rows} group by step order by step"
        ).fetchall()

    return office.store.read(question)


@click.command()
@click.option("--rate", default=2_000, show_default=True, help="Readings a second.")
@click.option("--seconds", default=120.0, show_default=True)
@click.option("--read", "reads", is_flag=True, help="Look for a day instead of writing.")
@click.option("--meters", default=1_000, show_default=True)
@click.option("--days", default=30, show_default=True)
@click.option("--directory", type=click.Path(path_type=Path, exists=True), help="Where there is room.")
def main(rate: int, seconds: float, reads: bool, meters: int, days: int, directory: Path | None) -> None:
    click.echo(machine.describe())
    if reads:
        bench_read(meters, days, directory)
    else:
        bench_write(rate, seconds)


if __name__ == "__main__":
    main()
