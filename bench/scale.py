"""A whole fleet on one worker: meters at 1 Hz with alert rules, the record on, and viewers, beside a bare relay.

python -m bench.scale --meters 2000 --viewers 2000 --rules 4   # four minutes
python -m bench.scale --meters 200 --viewers 200 --seconds 10
"""

from __future__ import annotations

from gevent import monkey

monkey.patch_all()

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
import gevent

from bench import machine
from bench.alerts import METRICS
from slmm import settings as settings_module
from slmm.emulator.process import Address, RunningEmulator, running_emulator
from slmm.storage import upgrade
from slmm.storage.database import Database
from slmm.storage.devices import Device, Roster
from slmm.storage.models import RuleRow
from slmm.storage.upgrade import MIGRATIONS
from slmm.web.api.alert_models import NewRule
from tests.server import TOP, RunningServer

P99_GAP_S, P99_DELAY_MS, MOST_OF_A_CORE, MOST_MIB = 1.15, 250.0, 0.7, 1024.0
BROKEN_DB, KEPT_DB = 82.0, 110.0
"""A rule in four is broken by the loudest of the traffic, some times an hour over all; the others are never."""
BARE_S = 10.0
LOOK_EVERY_S = 0.05


@dataclass(frozen=True)
class Figures:
    """What one server did for the fleet and its viewers."""

    frames: int
    lost: int
    mute: int
    gaps_s: Sequence[float]
    delays_ms: Sequence[float]
    core: float
    """Processor time a second."""
    mib: float

    def row(self, name: str, seconds: float) -> str:
        """One line of the table."""
        gap = " / ".join(f"{machine.percentile(list(self.gaps_s), percent):.3f}" for percent in (50, 99))
        delay = " / ".join(f"{machine.percentile(list(self.delays_ms), percent):.1f}" for percent in (50, 99))
        return (
            f"{name:11} {self.frames:7} {self.lost:5} {self.mute:5}   {gap} / {max(self.gaps_s):.3f}"
            f"   {delay} / {max(self.delays_ms):.1f}   {self.core:6.1%} {self.core * seconds / self.frames * 1e6:7.0f}"
            f" {self.mib:7.0f}"
        )


@contextmanager
def swarm(meters: int, processes: int) -> Iterator[list[RunningEmulator]]:
    """So many meters that measure, spread over some processes."""
    with ExitStack() as stack:
        shares = [meters // processes + (number < meters % processes) for number in range(processes)]
        yield [
            stack.enter_context(running_emulator(share, "--scenario", "traffic", "--seed", str(1 + 100_000 * number)))
            for number, share in enumerate(shares)
        ]


def seed(directory: Path, meters: Sequence[Address], rules: int) -> None:
    """Roster and rules, as they would have been entered; over HTTP it would take minutes."""
    data = directory / "data"
    data.mkdir(parents=True, exist_ok=True)
    settings = settings_module.load({}, None, data_dir=data)
    database = Database.open(settings.sqlalchemy_url)
    database.in_pool(upgrade.upgrade, database.engine, MIGRATIONS, data / "backups")
    roster = Roster(database)
    roster.load()
    rows = []
    for number, meter in enumerate(meters):
        roster.add(Device(f"u{number}", meter.host, meter.port, poll_enabled=False, monitor_enabled=True))
        for index in range(rules):
            values = NewRule(
                threshold_db=BROKEN_DB if index % 4 == 0 else KEPT_DB + index,
                metric=METRICS[index % len(METRICS)],
                duration_s=(0, 3, 10, 60)[index % 4],
                schedule_start="06:00" if index % 3 == 0 else None,
                schedule_end="05:00" if index % 3 == 0 else None,
            )
            rows.append(RuleRow(unit_id=f"u{number}", version=1, created_at=datetime.now(UTC), **values.model_dump()))
    database.write(lambda session: session.add_all(rows))
    database.close()


@contextmanager
def followers(port: int, path: str, units: int, count: int) -> Iterator[subprocess.Popen[str]]:
    """Viewers in a process of their own, connected."""
    command = [sys.executable, "-m", "bench.followers", str(port), path, str(units), str(count)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=TOP) as process:
        try:
            assert process.stdout is not None
            connected = json.loads(process.stdout.readline())["connected"]
            assert connected == count
            yield process
        finally:
            process.kill()


def phase(process: subprocess.Popen[str], work: Callable[[], None]) -> dict[str, Any]:
    """What the followers see while *work* is done."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write("begin\n")
    process.stdin.flush()
    work()
    process.stdin.write("end\n")
    process.stdin.flush()
    found: dict[str, Any] = json.loads(process.stdout.readline())
    return found


def watched(pid: int, process: subprocess.Popen[str], seconds: float) -> Figures:
    """Followers and a server for so long."""
    before_s, began_s = machine.cpu_s(pid), time.monotonic()
    found = phase(process, lambda: gevent.sleep(seconds))
    core = (machine.cpu_s(pid) - before_s) / (time.monotonic() - began_s)
    gaps_s = [gap / 1000 for gap in found["gaps_ms"]]
    return Figures(
        found["frames"], found["lost"], found["mute"], gaps_s, found["delays_ms"], core, machine.resident_mib(pid)
    )


def looked_at(lags: Path, every_s: float) -> dict[str, str]:
    """What a service is started with to have its hub looked at so often."""
    config = f"--config {TOP / 'bench' / 'looking.py'}"
    return {"LAGS": str(lags), "LAGS_EVERY_S": f"{every_s:g}", "GUNICORN_CMD_ARGS": config}


def lags_ms(path: Path, begin_s: float, end_s: float) -> list[float]:
    """What the look inside the service saw between two monotonic times."""
    found = []
    for line in path.read_text().splitlines():
        at, _, lag = line.partition(" ")
        if lag and begin_s <= float(at) < end_s:
            found.append(float(lag) * 1000)
    return found


def of_bare_relay(meters: Sequence[Address], viewers: int, seconds: float) -> Figures:
    """A greenlet a meter that polls and passes on, nothing else."""
    command = [sys.executable, "-m", "bench.bare_relay", *(str(meter.port) for meter in meters)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=TOP) as bare:
        assert bare.stdout is not None
        try:
            with followers(int(bare.stdout.readline()), "/{}", len(meters), viewers) as process:
                gevent.sleep(4.0)
                return watched(bare.pid, process, seconds)
        finally:
            bare.kill()


def of_slmm(
    emulators: Sequence[RunningEmulator],
    viewers: int,
    rules: int,
    seconds: float,
    warm_up_s: float,
    environment: dict[str, str],
) -> tuple[Figures, list[float], dict[str, float]]:
    """The service; its figures, how late its hub was in ms, and the shares of a core of those that make the load."""
    meters = [meter for emulator in emulators for meter in emulator.meters]
    with tempfile.TemporaryDirectory() as directory:
        seed(Path(directory), meters, rules)
        lags = Path(directory) / "lags"
        server = RunningServer(Path(directory), {**environment, **looked_at(lags, LOOK_EVERY_S)})
        server.start()
        ready_s = time.monotonic() + warm_up_s
        try:
            with followers(server.port, "/api/nl43/u{}/monitor/events", len(meters), viewers) as process:
                gevent.sleep(max(0.0, ready_s - time.monotonic()))
                pids = {"emulators": [each.process.pid for each in emulators], "viewers": [process.pid]}
                before = {name: sum(map(machine.cpu_s, each)) for name, each in pids.items()}
                began_s = time.monotonic()
                figures = watched(server.worker_pid, process, seconds)
                late_ms = lags_ms(lags, began_s, time.monotonic())
                loads = {name: (sum(map(machine.cpu_s, each)) - before[name]) / seconds for name, each in pids.items()}
                return figures, late_ms, loads
        finally:
            server.kill()


@click.command()
@click.option("--meters", default=2000, show_default=True)
@click.option("--viewers", default=2000, show_default=True, help="Each follows one meter; they are spread over all.")
@click.option("--rules", default=4, show_default=True, help="Alert rules of each meter.")
@click.option("--seconds", default=75.0, show_default=True, help="With a whole minute in it, which is then made.")
@click.option(
    "--warm-up",
    "warm_up_s",
    default=130.0,
    show_default=True,
    help="Until the 18 names, settings and health values of each meter are read, one every five readings.",
)
@click.option("--emulators", default=2, show_default=True, help="Processes the meters are spread over.")
@click.option("--set", "settings", multiple=True, metavar="NAME=VALUE", help="A setting of the service.")
def main(
    meters: int, viewers: int, rules: int, seconds: float, warm_up_s: float, emulators: int, settings: tuple[str, ...]
) -> None:
    """Print both."""
    environment = {
        "SLMM_MAX_STREAMS_PER_ADDRESS": str(viewers + 100),
        "SLMM_LOG_LEVEL": "WARNING",
        **dict(setting.split("=", 1) for setting in settings),
    }
    with swarm(meters, emulators) as running:
        addresses = [meter for emulator in running for meter in emulator.meters]
        bare = of_bare_relay(addresses, viewers, min(seconds, BARE_S))
        gevent.sleep(1.5)
        slmm, late_ms, loads = of_slmm(running, viewers, rules, seconds, warm_up_s, environment)
    print(machine.describe())
    print(f"{meters} meters with {rules} rules each, {viewers} viewers, for {seconds:g} s; {' '.join(settings)}")
    print("             frames  lost  mute   gap p50 / p99 / max s   delay p50 / p99 / max ms      core  µs/fr     MiB")
    print(bare.row("bare relay", min(seconds, BARE_S)))
    print(slmm.row("slmm", seconds))
    print("beside: " + ", ".join(f"{name} {load:.0%} of a core" for name, load in loads.items()))
    p50_ms, p99_ms = (machine.percentile(late_ms, percent) for percent in (50, 99))
    print(f"hub late by p50 {p50_ms:.1f} ms, p99 {p99_ms:.1f} ms, at most {max(late_ms):.1f} ms")
    _judge(slmm)


def _judge(slmm: Figures) -> None:
    delay_ms, gap_s = machine.percentile(list(slmm.delays_ms), 99), machine.percentile(list(slmm.gaps_s), 99)
    for name, found, most, unit in (
        ("gap p99", gap_s, P99_GAP_S, "s"),
        ("delay p99", delay_ms, P99_DELAY_MS, "ms"),
        ("core", slmm.core, MOST_OF_A_CORE, ""),
        ("memory", slmm.mib, MOST_MIB, "MiB"),
        ("lost", float(slmm.lost + slmm.mute), 0.0, ""),
    ):
        print(f"{name:10} {found:8.3f} {unit:3} target {most:g} {'met' if found <= most else 'MISSED'}")


if __name__ == "__main__":
    main()
