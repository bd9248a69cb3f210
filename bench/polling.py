"""Many meters at their 1 s floor on one worker, beside a bare loop that only sends and receives.

python -m bench.polling --meters 500
python -m bench.polling --meters 2000 --seconds 60
"""

from __future__ import annotations

from gevent import monkey

monkey.patch_all()

import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import click
import gevent

from bench import machine
from bench.scale import seed
from slmm.emulator.process import RunningEmulator, running_emulator
from tests.server import TOP, EventStream, RunningServer

BARE = """
import sys, time, gevent
from gevent import monkey; monkey.patch_all()
import socket
def run(port):
    sock = socket.create_connection(("127.0.0.1", port)); sock.setsockopt(6, 1, 1)
    while True:
        sock.sendall(b"DOD?\\r\\n"); data = b""
        while not data.endswith(b"$"): data += sock.recv(4096)
        gevent.sleep(1.0)
for port in sys.argv[1:]: gevent.spawn(run, int(port))
gevent.wait()
"""


def of_bare_loop(emulator: RunningEmulator, seconds: float) -> float:
    """Processor time a poll of a loop without protocol, feeds or record, in µs."""
    ports = [str(meter.port) for meter in emulator.meters]
    with subprocess.Popen([sys.executable, "-c", BARE, *ports], cwd=TOP) as process:
        try:
            gevent.sleep(5.0)
            before, polled = machine.cpu_s(process.pid), received(emulator)
            gevent.sleep(seconds)
            return (machine.cpu_s(process.pid) - before) / (received(emulator) - polled) * 1e6
        finally:
            process.kill()


def received(emulator: RunningEmulator) -> int:
    """Commands the meters have received."""
    return sum(meter["counters"]["received"] for meter in emulator.client.meters())


def listen(server: RunningServer, seconds: float) -> tuple[list[float], dict[str, Any]]:
    """Gaps between the frames of each meter in s, and processor time and commands meanwhile."""
    stream = EventStream(server, "/api/nl43/_monitor/events")
    pid = server.worker_pid
    last: dict[str, float] = {}
    gaps: list[float] = []
    warm_s = time.monotonic() + WARM_UP_S
    frames, before, commands = 0, 0.0, 0
    ends_s = warm_s + seconds
    while (now_s := time.monotonic()) < ends_s:
        frame = stream.frame()
        unit_id, at_s = frame["unit_id"], seconds_of(frame["timestamp"])
        if now_s >= warm_s:
            if not before:
                before, commands = machine.cpu_s(pid), sent(server)
            frames += 1
            gaps.append((at_s - last[unit_id]) % 86_400)
        last[unit_id] = at_s
    used = machine.cpu_s(pid) - before
    stream.close()
    return gaps, {"cpu_s": used, "frames": frames, "commands": sent(server) - commands}


WARM_UP_S = 100.0
"""Until names, settings and health of every meter are read: 18 exchanges, one every five polls."""


def seconds_of(stamp: str) -> float:
    """Seconds of the day."""
    return int(stamp[11:13]) * 3600 + int(stamp[14:16]) * 60 + float(stamp[17:23])


def sent(server: RunningServer) -> int:
    """Commands sent by the service."""
    rows = server.get("/_connections/status")["data"]["connections"]
    return sum(row["commands"] for row in rows)


def of_slmm(emulator: RunningEmulator, seconds: float, refresh_s: float) -> dict[str, Any]:
    """The service watching all meters of the emulator over one page's stream."""
    with tempfile.TemporaryDirectory() as directory:
        environment = {
            "SLMM_MONITOR_POLL_INTERVAL": "0",
            "SLMM_MONITOR_STATE_REFRESH_S": f"{refresh_s:g}",
            "SLMM_MONITOR_HEALTH_REFRESH_S": f"{refresh_s:g}",
        }
        seed(Path(directory), emulator.meters, rules=0)
        server = RunningServer(Path(directory), environment)
        server.start()
        try:
            gaps, used = listen(server, seconds)
            memory = machine.resident_mib(server.worker_pid)
        finally:
            server.kill()
    return {
        "p50_s": machine.percentile(gaps, 50),
        "p99_s": machine.percentile(gaps, 99),
        "max_s": max(gaps),
        "us": used["cpu_s"] / used["commands"] * 1e6,
        "core": used["cpu_s"] / seconds,
        "mib": memory,
        "frames": used["frames"],
    }


@click.command()
@click.option("--meters", default=500, show_default=True)
@click.option("--seconds", default=30.0, show_default=True)
@click.option("--refresh", default=3600.0, show_default=True, help="SLMM_MONITOR_STATE_REFRESH_S.")
def main(meters: int, seconds: float, refresh: float) -> None:
    """Print both, and the ratio."""
    with running_emulator(meters, "--scenario", "traffic") as emulator:
        bare_us = of_bare_loop(emulator, 10.0)
        found = of_slmm(emulator, seconds, refresh)
        too_soon = sum(meter["counters"]["too_soon"] for meter in emulator.client.meters())
    print(machine.describe())
    print(f"{meters} meters at their 1 s floor for {seconds:g} s, run state read every {refresh:g} s")
    ratio = found["us"] / bare_us
    print(f"gap between frames   p50 {found['p50_s']:.3f} s   p99 {found['p99_s']:.3f} s   max {found['max_s']:.3f} s")
    print(f"CPU a poll           slmm {found['us']:.0f} µs   bare loop {bare_us:.0f} µs   ratio {ratio:.2f}")
    print(f"one worker           {found['core']:.0%} of a core, {found['mib']:.0f} MiB, {found['frames']} frames")
    print(f"commands too soon    {too_soon} (bare loop included)")


if __name__ == "__main__":
    main()
