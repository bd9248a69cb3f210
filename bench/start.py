"""What it costs to begin: processor time and time of commands and of the service, beside a bare interpreter's.

python -m bench.start [--runs 5]
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import click

from bench import machine
from tests.server import RunningServer

COMMANDS = {
    "python -c pass": ["-c", "pass"],
    "python -c 'import flask, sqlalchemy, duckdb'": ["-c", "import flask, sqlalchemy, duckdb"],
    "slmm --help": ["-m", "slmm", "--help"],
    "slmm watch --help": ["-m", "slmm", "watch", "--help"],
    "slmm devices list, nothing answers": ["-m", "slmm", "devices", "list", "--url", "http://127.0.0.1:1"],
    "slmm db --help": ["-m", "slmm", "db", "--help"],
    "slmm user list": ["-m", "slmm", "user", "list"],
    "the application, not started": ["-c", "import wsgi"],
}
"""The first two are what the others are compared with."""


def cost(arguments: list[str], directory: str) -> tuple[float, float]:
    """Seconds of processor time and of the clock that one run of the interpreter takes."""
    environment = {**os.environ, "SLMM_DATA_DIR": directory}
    began_s, before = time.monotonic(), os.times()
    subprocess.run([sys.executable, *arguments], env=environment, capture_output=True, check=False)
    after, ended_s = os.times(), time.monotonic()
    used_s = after.children_user - before.children_user + after.children_system - before.children_system
    return used_s, ended_s - began_s


def service(directory: Path) -> tuple[float, float]:
    """The same of a service with an empty roster, master and worker, until it answers."""
    running = RunningServer(directory, {})
    began_s = time.monotonic()
    running.start()
    took_s = time.monotonic() - began_s
    pids = (running.worker_pid, int((Path("/proc") / str(running.worker_pid) / "stat").read_text().split()[3]))
    used_s = sum(map(machine.cpu_s, pids))
    running.terminate()
    return used_s, took_s


@click.command()
@click.option("--runs", default=5, help="Of each; medians are printed.")
def main(runs: int) -> None:
    """Print the medians and the ratios to both bare interpreters."""
    print(machine.describe())
    print(f"{'what':<46} {'CPU s':>6} {'wall s':>7} {'× pass':>7} {'× libraries':>12}")
    with tempfile.TemporaryDirectory() as directory:
        running = RunningServer(Path(directory), {})
        running.start()  # what it leaves: a database that is up to date, and everything compiled
        running.terminate()
        measured = {
            name: [cost(arguments, f"{directory}/data") for _ in range(runs)] for name, arguments in COMMANDS.items()
        }
        measured["the service, until it answers"] = [service(Path(directory)) for _ in range(runs)]
    medians = {
        name: [statistics.median(column) for column in zip(*each, strict=True)] for name, each in measured.items()
    }
    nothing_s, libraries_s = (used_s for used_s, _ in list(medians.values())[:2])
    for name, (used_s, took_s) in medians.items():
        print(f"{name:<46} {used_s:>6.2f} {took_s:>7.2f} {used_s / nothing_s:>7.1f} {used_s / libraries_s:>12.2f}")


if __name__ == "__main__":
    main()
