"""Kills the service at random moments while it is asked to change things; what it acknowledged must be there.

    python -m tests.crash.kills --kills 200

Meters, rules and remarks are asked for as fast as they are answered, meters are read
and streamed, and files are fetched from a card. After each kill everything that was answered with 200 is looked for,
and the record must reach to within two seconds (and one reading) of the kill.
"""

from __future__ import annotations

from gevent import monkey

if __name__ == "__main__":
    monkey.patch_all()

import argparse
import itertools
import random
import sqlite3
import tempfile
import time
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb
import gevent
import requests

from slmm.emulator.process import Address, running_emulator
from tests.server import RunningServer, event_stream

LOST_S = 2.0
READING_S = 1.6
"""A reading may have been on its way."""
UNFINISHED = (
    ".backup-*",
    ".recovering",
    ".restoring",
    "record/.mending",
    "record/levels/**/.*.parquet",
    "backups/.*.part",
)
RULE = {
    "metric": "lp",
    "threshold_db": 130.0,
    "duration_s": 3,
    "clear_duration_s": 3,
    "cooldown_s": 0,
    "channels": "log",
}


@dataclass
class Outcome:
    """What came of it."""

    kills: int = 0
    acknowledged: dict[str, set[str]] = field(default_factory=lambda: {"device": set(), "rule": set(), "remark": set()})
    killed_at: list[float] = field(default_factory=list)
    recovery_s: list[float] = field(default_factory=list)
    """From the start of the process to its first answer as a running service."""
    gaps_s: list[float] = field(default_factory=list)
    """Between the last frame on record and the kill, for each unit that was followed."""
    complaints: list[str] = field(default_factory=list)


class Load:
    """Asks for changes and remembers what was acknowledged."""

    def __init__(self, server: RunningServer, meter: Address, outcome: Outcome) -> None:
        self._server, self._meter, self._outcome = server, meter, outcome
        self._numbers = itertools.count()
        self._greenlets: list[gevent.Greenlet] = []
        self._is_over = False
        self.followed: dict[str, float] = {}
        """When the last frame of a unit was seen."""

    def begin(self) -> None:
        """Until ``end``."""
        self._is_over = False
        works = (self._devices, self._rules, self._remarks, self._card)
        self._greenlets = [gevent.spawn(self._again_and_again, work) for work in works]
        self._greenlets += [gevent.spawn(self._follow, unit_id) for unit_id in ("u0", "u1")]

    def end(self) -> None:
        """The service is gone, and so each request comes to its end by itself."""
        self._is_over = True
        gevent.joinall(self._greenlets, timeout=30, raise_error=True)

    def _again_and_again(self, work: Any) -> None:
        while not self._is_over:
            try:
                work(f"k{next(self._numbers)}")
            except requests.RequestException:
                gevent.sleep(0.05)

    def _post(self, path: str, body: dict[str, Any], kind: str, name: str) -> None:
        answer = requests.post(f"{self._server.api}{path}", json=body, timeout=20)
        if answer.status_code == 200:
            self._outcome.acknowledged[kind].add(name)
        gevent.sleep(0.05)

    def _devices(self, name: str) -> None:
        body = {"unit_id": name, "host": self._meter.host, "tcp_port": self._meter.port, "tcp_enabled": False}
        self._post("/roster", body, "device", name)

    def _rules(self, name: str) -> None:
        self._post("/u0/alerts/rules", {**RULE, "name": name}, "rule", name)

    def _remarks(self, name: str) -> None:
        self._post("/u1/remarks", {"at": "2026-01-01T12:00:00Z", "text": name}, "remark", name)

    def _card(self, name: str) -> None:
        requests.post(f"{self._server.api}/u2/card", timeout=20)
        gevent.sleep(0.5)

    def _follow(self, unit_id: str) -> None:
        with suppress(EOFError, OSError), event_stream(self._server, f"/api/nl43/{unit_id}/monitor/events") as stream:
            while True:
                stream.frame()
                self.followed[unit_id] = time.time()


def _missing(server: RunningServer, outcome: Outcome) -> None:
    """Hold what the database has against what was acknowledged; the service has been killed."""
    questions = {
        "device": "select unit_id from nl43_config",
        "rule": "select name from alert_rules",
        "remark": "select text from remarks",
    }
    with closing(sqlite3.connect(server.directory / "data" / "slmm.db")) as database:
        for kind, question in questions.items():
            found = {row[0] for row in database.execute(question)}
            lost = outcome.acknowledged[kind] - found
            if lost:
                outcome.complaints.append(f"kill {outcome.kills}: {kind}s that were acknowledged are gone: {lost}")
        if (told := database.execute("pragma integrity_check").fetchall()) != [("ok",)]:
            outcome.complaints.append(f"kill {outcome.kills}: the database is damaged: {told}")


def _look_at_record(server: RunningServer, load: Load, outcome: Outcome) -> None:
    """How far the record reaches, of a copy: the service is to find its files as the kill left them."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "record.duckdb"
        for ending in ("", ".wal"):
            source = server.directory / "data" / "record" / f"record.duckdb{ending}"
            if source.exists():
                Path(f"{copy}{ending}").write_bytes(source.read_bytes())
        with duckdb.connect(str(copy)) as connection:
            question = (
                "select unit_id, epoch(max(ends_at)) from (select unit, ends_at from frames union all"
                " select unit, ends_at from settled) join units using (unit) group by unit_id"
            )
            last = dict(connection.execute(question).fetchall())
    for unit_id, seen_at in load.followed.items():
        gap_s = seen_at - last.get(unit_id, 0.0)
        outcome.gaps_s.append(gap_s)
        if gap_s > LOST_S + READING_S:
            outcome.complaints.append(
                f"kill {outcome.kills}: {unit_id}: {gap_s:.1f} s that were seen are not on record"
            )


def _start(server: RunningServer, outcome: Outcome) -> None:
    began_s = time.monotonic()
    server.start()
    outcome.recovery_s.append(time.monotonic() - began_s)
    left = [str(path) for mask in UNFINISHED for path in (server.directory / "data").glob(mask)]
    if left:
        outcome.complaints.append(f"kill {outcome.kills}: left unfinished: {left}")
    health = requests.get(f"{server.url}/health", timeout=40).json()
    if any("damaged" in problem or "missing" in problem for problem in health["problems"]):
        outcome.complaints.append(f"kill {outcome.kills}: {health['problems']}")


def run(directory: Path, kills: int, seed: int = 1, most_up_s: float = 12.0) -> Outcome:
    """Kill so often; what came of it."""
    chance, outcome = random.Random(seed), Outcome()
    with ExitStack() as stack:
        emulator = stack.enter_context(running_emulator(3, "--seed-card"))
        server = RunningServer(directory, {"SLMM_CONNECT_TIMEOUT_S": "2"})
        stack.callback(server.kill)
        server.start()
        for number, meter in enumerate(emulator.meters):
            server.add(f"u{number}", meter, ftp_enabled=True, ftp_port=meter.ftp_port)
        load = Load(server, emulator.meters[0], outcome)
        for _ in range(kills):
            load.begin()
            gevent.sleep(chance.uniform(1.0, most_up_s))
            server.kill()
            outcome.kills += 1
            load.end()
            _missing(server, outcome)
            _look_at_record(server, load, outcome)
            load.followed.clear()
            _start(server, outcome)
    return outcome


def main() -> None:
    """The long form."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    began_s = time.monotonic()
    with tempfile.TemporaryDirectory() as directory:
        outcome = run(Path(directory), given.kills, given.seed)
    counts = ", ".join(f"{len(names)} {kind}s" for kind, names in outcome.acknowledged.items())
    recovery, gaps = sorted(outcome.recovery_s), sorted(outcome.gaps_s)
    print(f"{outcome.kills} kills in {time.monotonic() - began_s:.0f} s, acknowledged: {counts}")  # noqa: T201
    print(f"up again after: median {recovery[len(recovery) // 2]:.1f} s, at most {recovery[-1]:.1f} s")  # noqa: T201
    print(f"seen but not on record: median {gaps[len(gaps) // 2]:.1f} s, at most {gaps[-1]:.1f} s")  # noqa: T201
    print("complaints:", *(outcome.complaints or ["none"]), sep="\n  ")  # noqa: T201
    raise SystemExit(bool(outcome.complaints))


if __name__ == "__main__":
    main()
