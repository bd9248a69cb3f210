"""What judging alert rules costs, and how soon an onset is on the wire.

python -m bench.alerts                     # 500 meters with 10 rules each at 1 Hz, in this process
python -m bench.alerts --wire --meters 100 # a real service with real meters: from the deciding frame to the alert
"""

from __future__ import annotations

from gevent import monkey

monkey.patch_all()

import gc
import logging
import random
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import click
import gevent
import requests

from bench import machine
from slmm import settings as settings_module
from slmm import signals
from slmm.alerts.office import AlertOffice
from slmm.emulator.process import running_emulator
from slmm.events import Levels, Reading, RunState
from slmm.storage import upgrade
from slmm.storage.board import StatusBoard
from slmm.storage.database import Database
from slmm.storage.devices import Device, Roster
from slmm.storage.models import RuleRow
from slmm.storage.secrets import SecretBox
from slmm.storage.upgrade import MIGRATIONS
from slmm.web.api.alert_models import NewRule
from tests.server import RunningServer, event_stream

METRICS = ("lp", "leq", "lmax", "ln1", "lpeak", "lp", "leq_mov", "ln5", "lmin", "laeq_rolling")


class Pauses:
    """The longest collection of garbage."""

    def __init__(self) -> None:
        self.longest_s = 0.0
        self._began_s = 0.0

    def take(self, stage: str, told: dict[str, Any]) -> None:
        """Told by the collector."""
        if stage == "start":
            self._began_s = time.perf_counter()
        else:
            self.longest_s = max(self.longest_s, time.perf_counter() - self._began_s)


class Clock:
    """Seconds that pass when they are told to."""

    def __init__(self) -> None:
        self.now_s = time.time()

    def wall_s(self) -> float:
        return self.now_s


def office_of(directory: Path, meters: int, rules: int, clock: Clock) -> tuple[AlertOffice, Database]:
    """An engine with so many rules, over a database of its own."""
    settings = settings_module.load({}, None, data_dir=directory, port=0)
    database = Database.open(settings.sqlalchemy_url)
    database.in_pool(upgrade.upgrade, database.engine, MIGRATIONS, directory / "backups")
    roster = Roster(database)
    roster.load()
    rows = []
    for number in range(meters):
        roster.add(Device(f"m{number}", "127.0.0.1", 9, poll_enabled=False))
        for index in range(rules):
            values = NewRule(
                threshold_db=60.0 + 3 * index,
                metric=METRICS[index % len(METRICS)],
                duration_s=(0, 3, 10, 60)[index % 4],
                cooldown_s=0,
                schedule_start="06:00" if index % 3 == 0 else None,
                schedule_end="05:00" if index % 3 == 0 else None,
            )
            rows.append(RuleRow(unit_id=f"m{number}", version=1, created_at=datetime.now(UTC), **values.model_dump()))
    database.write(lambda session: session.add_all(rows))
    office = AlertOffice(settings, database, roster, StatusBoard(), lambda unit_id: ())
    steady = office.engine.clock
    steady._wall_s = steady._monotonic_s = clock.wall_s
    steady._origin_s = 0.0
    office.channels.load(SecretBox.open(directory / "secret.key"))
    office.engine.load()
    for signal, receiver in office.engine._receivers():
        signal.connect(receiver, weak=False)
    return office, database


def readings(meters: int, seconds: int, loud: float, chance: random.Random) -> list[list[Reading]]:
    """Readings second by second, made beforehand; *loud* is the part of meters that breaks its rules now and then."""
    found = []
    for second in range(seconds):
        row = []
        for number in range(meters):
            base = 50.0 + 5.0 * chance.random()
            if number < loud * meters and (second // 20 + number) % 2:
                base += 35.0
            level = round(base, 1)
            levels = Levels(
                lp=level, leq=level, le=70.0 + second / 100, lmax=level, lmin=level, lpeak=level,
                ln1=level, ln5=level, leq_mov=level,
            )  # fmt: skip
            row.append(Reading(f"m{number}", datetime.now(UTC), levels, "", run_state=RunState.MEASURING))
        found.append(row)
    return found


class Judged(NamedTuple):
    """What it took."""

    cost_us: float
    """Processor time an evaluation, with writing."""
    events: int
    worst_ms: float
    """The longest reading."""
    tick_ms: float
    pause_ms: float
    """The longest collection of garbage, which may fall into a reading."""


SERVICE_GC = (20_000, 20, 50)
"""As gunicorn.conf.py sets it, after what is there has been set aside."""


def judge(meters: int, rules: int, seconds: int, loud: float) -> Judged:
    """Let so many meters with so many rules be judged for so long."""
    chance, clock = random.Random(1), Clock()
    prepared = readings(meters, seconds, loud, chance)
    with tempfile.TemporaryDirectory() as directory:
        office, database = office_of(Path(directory), meters, rules, clock)
        worst_s = 0.0
        ticks_s: list[float] = []
        pauses = Pauses()
        gc.callbacks.append(pauses.take)
        gc.collect()
        gc.freeze()
        gc.set_threshold(*SERVICE_GC)
        pauses.longest_s = 0.0
        began_cpu = time.process_time()
        for row in prepared:
            for reading in row:
                before_s = time.perf_counter()
                signals.publish(signals.reading_taken, reading)
                worst_s = max(worst_s, time.perf_counter() - before_s)
            before_s = time.perf_counter()
            office.engine.tick()
            ticks_s.append(time.perf_counter() - before_s)
            office.engine.scribe.flush()
            clock.now_s += 1.0
        used_s = time.process_time() - began_cpu
        gc.callbacks.remove(pauses.take)
        gc.unfreeze()
        events = len(office.inbox.events(100_000))
        for signal, receiver in office.engine._receivers():
            signal.disconnect(receiver)
        database.close()
    cost_us = used_s / (meters * rules * seconds) * 1e6
    return Judged(cost_us, events, worst_s * 1e3, machine.percentile(ticks_s, 50) * 1e3, pauses.longest_s * 1e3)


def compare(meters: int, rules: int, seconds: int) -> float:
    """Processor time of a bare comparison with a counter for each rule, in µs."""
    chance = random.Random(1)
    prepared = readings(meters, seconds, 0.1, chance)
    thresholds = [60.0 + 3 * index for index in range(rules)]
    counters: dict[tuple[str, int], int] = {}
    began = time.process_time()
    for row in prepared:
        for reading in row:
            for index, threshold in enumerate(thresholds):
                level = getattr(reading.main, METRICS[index % len(METRICS)], None)
                key = (reading.unit_id, index)
                counters[key] = counters.get(key, 0) + 1 if level is not None and level > threshold else 0
    return (time.process_time() - began) / (meters * rules * seconds) * 1e6


def on_the_wire(meters: int, rules: int, onsets: int) -> list[float]:
    """Milliseconds from the arrival of the deciding frame to that of the alert, on one event stream."""
    with (
        tempfile.TemporaryDirectory() as directory,
        running_emulator(meters, "--scenario", "quiet") as emulator,
    ):
        server = RunningServer(Path(directory), {"SLMM_LOG_LEVEL": "ERROR"})
        server.start()
        try:
            session = requests.Session()
            for number, meter in enumerate(emulator.meters):
                server.add(f"m{number}", meter, poll_enabled=False)
                for index in range(rules):
                    body = {"threshold_db": 60.0 if index == 0 else 110.0 + index, "cooldown_s": 0, "duration_s": 0}
                    session.post(f"{server.api}/m{number}/alerts/rules", json=body, timeout=10).raise_for_status()
            return _listen(server, emulator, onsets, meters)
        finally:
            server.kill()


def _listen(server: RunningServer, emulator: Any, onsets: int, meters: int) -> list[float]:
    found: list[float] = []
    arrived_s: dict[str, float] = {}
    with event_stream(server, "/api/nl43/_monitor/events") as stream:
        player = gevent.spawn(_play, emulator, meters)
        try:
            while len(found) < onsets:
                event = stream.next()
                data = event["data"]
                if not event["event"] and data.get("lp") is not None and data["lp"] > 60.0:
                    arrived_s.setdefault(data["unit_id"], time.perf_counter())
                elif event["event"] == "alert" and data["change"] == "onset":
                    if (since_s := arrived_s.pop(data["unit_id"], None)) is not None:
                        found.append((time.perf_counter() - since_s) * 1e3)
                elif event["event"] == "alert" and data["change"] == "ended":
                    arrived_s.pop(data["unit_id"], None)
        finally:
            player.kill()
    return found


def _play(emulator: Any, meters: int) -> None:
    """Every meter in turn is loud for three seconds and then quiet for long."""
    while True:
        for index in range(meters):
            emulator.client.offset(index, 45.0)
            gevent.sleep(0.1)
            if index >= 30 or meters < 30:
                emulator.client.offset((index - 30) % meters, 0.0)


@click.command()
@click.option("--meters", default=500)
@click.option("--rules", default=10)
@click.option("--seconds", default=60)
@click.option("--onsets", default=100)
@click.option("--wire", is_flag=True, help="Measure from the deciding frame to the alert, over a real service.")
def main(meters: int, rules: int, seconds: int, onsets: int, wire: bool) -> None:
    """Print the figures."""
    logging.disable(logging.ERROR)
    click.echo(machine.describe())
    if wire:
        times_ms = on_the_wire(meters, rules, onsets)
        click.echo(
            f"onset on the wire after its frame, {meters} meters with {rules} rules: "
            f"p50 {machine.percentile(times_ms, 50):.1f} ms, p99 {machine.percentile(times_ms, 99):.1f} ms, "
            f"most {max(times_ms):.1f} ms ({len(times_ms)} onsets)"
        )
        return
    bare_us = compare(meters, rules, seconds)
    click.echo(f"bare comparison and counter: {bare_us:.2f} µs a rule")
    for loud, name in ((0.0, "all quiet"), (0.1, "every tenth meter breaks its rules")):
        found = judge(meters, rules, seconds, loud)
        click.echo(
            f"{name}: {found.cost_us:.2f} µs CPU a rule evaluation ({found.cost_us / bare_us:.0f} times bare), "
            f"{found.cost_us * meters * rules / 1e4:.1f} % of a core at 1 Hz, {found.events} events, "
            f"longest reading {found.worst_ms:.1f} ms, longest collection {found.pause_ms:.1f} ms, "
            f"tick {found.tick_ms:.1f} ms"
        )


if __name__ == "__main__":
    main()
