"""Many viewers of one 1 Hz feed, beside a bare loop of sends in the same run.

python -m bench.fanout --viewers 1000
python -m bench.fanout --viewers 10000 --seconds 30
"""

from __future__ import annotations

from gevent import monkey

monkey.patch_all()

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
import gevent

from bench import machine
from slmm.emulator.process import running_emulator
from tests.server import TOP, RunningServer, event_stream

SETTLED_WITHIN_S = 60.0


@dataclass(frozen=True)
class Figures:
    """What one server did for the crowd."""

    frames: int
    lost: int
    mute: int
    p50_ms: float
    p99_ms: float
    worst_ms: float
    cpu_us: float
    """Processor time a delivered frame, everything included."""
    kb: float
    """Memory a viewer, of 1,000 bytes; what the kernel holds for its socket is not counted."""

    def row(self, name: str) -> str:
        """One line of the table."""
        return (
            f"{name:10} {self.frames:8} {self.lost:5} {self.mute:5} {self.p50_ms:8.1f} {self.p99_ms:8.1f} "
            f"{self.worst_ms:8.1f} {self.cpu_us:8.1f} {self.kb:8.1f}"
        )


def crowd(
    port: int, path: str, viewers: int, seconds: float, pid: int, settle: Callable[[], None] = lambda: None
) -> Figures:
    """Let *viewers* watch for *seconds*, once *settle* has waited for rest, and measure the process *pid* meanwhile."""
    memory_before = machine.resident_mib(pid)
    command = [sys.executable, "-m", "bench.crowd", str(port), path, str(viewers), str(seconds)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=TOP) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        connected = json.loads(process.stdout.readline())["connected"]
        assert connected == viewers
        gevent.sleep(2.0)  # first frames and replays are not what is measured
        settle()
        cpu_before = machine.cpu_s(pid)
        process.stdin.write("go\n")
        process.stdin.flush()
        found: dict[str, Any] = json.loads(process.stdout.readline())
        cpu = machine.cpu_s(pid) - cpu_before
        memory = machine.resident_mib(pid) - memory_before
    delays = found["delays"]
    return Figures(
        found["frames"],
        found["lost"],
        found["mute"],
        machine.percentile(delays, 50),
        machine.percentile(delays, 99),
        max(delays),
        cpu / found["frames"] * 1e6,
        memory * 2**20 / 1000 / viewers,
    )


def let_in(server: RunningServer, path: str, viewers: int) -> None:
    """Wait until all are let in and no frame is late for what others did meanwhile; says so if that takes too long."""
    ends_s = time.monotonic() + SETTLED_WITHIN_S
    while server.get("/_monitor/status")["data"]["u0"]["subscribers"] < viewers:
        gevent.sleep(0.2)
    with event_stream(server, path) as last:  # frames come here after all others have got them
        last.frame()
        while delay_ms(last.frame()["timestamp"]) > 1000:
            if time.monotonic() > ends_s:
                print(f"still behind {SETTLED_WITHIN_S:g} s after all had connected", file=sys.stderr)
                return


def delay_ms(stamp: str) -> float:
    """Milliseconds since a frame's timestamp."""
    return (datetime.now(UTC) - datetime.fromisoformat(stamp)).total_seconds() * 1000


def of_slmm(viewers: int, seconds: float) -> Figures:
    """The service with one emulated meter that everybody watches."""
    with running_emulator(1) as emulator, tempfile.TemporaryDirectory() as directory:
        server = RunningServer(
            Path(directory), {"SLMM_MONITOR_POLL_INTERVAL": "0", "SLMM_MONITOR_STATE_REFRESH_S": "300"}
        )
        server.start()
        try:
            server.add("u0", emulator.meters[0], monitor_enabled=True)
            path = "/api/nl43/u0/monitor/events"
            return crowd(server.port, path, viewers, seconds, server.worker_pid, lambda: let_in(server, path, viewers))
        finally:
            server.kill()


def of_bare_send(viewers: int, seconds: float) -> Figures:
    """The bare loop."""
    with subprocess.Popen(
        [sys.executable, "-m", "bench.bare_send"], stdout=subprocess.PIPE, text=True, cwd=TOP
    ) as bare:
        assert bare.stdout is not None
        try:
            return crowd(int(bare.stdout.readline()), "/", viewers, seconds, bare.pid)
        finally:
            bare.kill()


@click.command()
@click.option("--viewers", default=1000, show_default=True)
@click.option("--seconds", default=20.0, show_default=True)
def main(viewers: int, seconds: float) -> None:
    """Print both, and the ratios."""
    bare, slmm = of_bare_send(viewers, seconds), of_slmm(viewers, seconds)
    print(machine.describe())
    print(f"{viewers} viewers of one 1 Hz feed for {seconds:g} s")
    print("             frames  lost  mute   p50 ms   p99 ms   max ms  µs/frame   kB each")
    print(bare.row("bare send"))
    print(slmm.row("slmm"))
    print(f"ratio      p99 {slmm.p99_ms / bare.p99_ms:.2f}   CPU a frame {slmm.cpu_us / bare.cpu_us:.2f}")


if __name__ == "__main__":
    main()
