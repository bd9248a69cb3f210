"""One service over many meters, each behind a network that fails in its own way, all at the same time."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import gevent
import pytest

from slmm.emulator.process import RunningEmulator, running_emulator
from slmm.soak import measuring
from slmm.soak.measuring import Baseline
from slmm.soak.proxy import FAULTS, Proxy
from slmm.soak.readings import Book, Settled, of_cells, of_line, stamp
from slmm.soak.service import Service, metric_sum
from slmm.soak.troubles import MOST_LATE_S
from slmm.soak.watching import Observer
from tests.conftest import eventually

PACING_S = 0.2
CALM = "calm"
LOSING = ("garbage", "silence", "reset", "cut", "lockout", "refused")
"""Faults that last until viewers are told that the meter is out of reach; the others are to go unnoticed."""
VALUES = {"latency": 0.3, "jitter": 0.4, "throttle": 2000.0, "garbage": 1.0, "reset": 1.0, "cut": 1.0}
FRAMES_DURING = 12
TOLD_WITHIN_S = 45.0
RECOVERS_WITHIN_S = 20.0
ENVIRONMENT = {
    "SLMM_DEVICE_PACING_S": str(PACING_S),
    "SLMM_MONITOR_POLL_INTERVAL": "0.05",
    "SLMM_MONITOR_STATE_REFRESH_S": "2",
    "SLMM_MONITOR_BACKOFF_BASE_S": "0.2",
    "SLMM_MONITOR_BACKOFF_WATCHED_MAX_S": "0.5",
    "SLMM_CONNECT_TIMEOUT_S": "1",
    "SLMM_REPLY_TIMEOUT_S": "1",
    "SLMM_ALERT_STARTUP_GRACE_S": "10",
    "SLMM_ALERT_RECOVER_S": "1",
}


@dataclass
class Played:
    """What was seen of one meter and its network."""

    began_s: float = 0.0
    ended_s: float = 0.0
    recovered_s: float | None = None
    told: list[float] = field(default_factory=list)
    during: dict[str, Any] = field(default_factory=dict)
    """What the status said while the fault lasted."""
    reason: str = ""
    """What the frame said that told of the loss."""
    settled: Settled = field(default_factory=Settled)
    counted: Baseline | None = None
    link: dict[str, Any] = field(default_factory=dict)
    proxy: Proxy | None = None
    meter: dict[str, Any] = field(default_factory=dict)
    events: list[dict[str, Any]] = field(default_factory=list)


class Theatre:
    """Plays all faults at once and puts down what came of them."""

    def __init__(self, emulator: RunningEmulator, service: Service) -> None:
        self.emulator = emulator
        self.service = service
        self.names = [*FAULTS, CALM]
        self.proxies = {
            name: Proxy(meter.host, meter.port) for name, meter in zip(self.names, emulator.meters, strict=True)
        }
        self.books = {name: Book(name) for name in self.names}
        self.observer = Observer(service.port, self.books)
        self.played = {name: Played() for name in self.names}

    def play(self) -> dict[str, Played]:
        began_s = time.time()
        for name, proxy in self.proxies.items():
            proxy.open()
            body = {"unit_id": name, "host": proxy.host, "tcp_port": proxy.port, "monitor_enabled": True}
            self.service.post("/roster", **body)
            rule = {"name": "Never", "metric": "lp", "threshold_db": 100.0, "duration_s": 0}
            self.service.post(f"/{name}/alerts/rules", **rule)
        watching = gevent.spawn(self.observer.run)
        try:
            eventually(lambda: all(self._count(name) >= 5 for name in self.names), 30.0, "first readings")
            acts = [gevent.spawn(self._act, name) for name in FAULTS]
            gevent.joinall(acts, raise_error=True)
            self._settle(began_s)
        finally:
            watching.kill()
            for proxy in self.proxies.values():
                proxy.close()
        return self.played

    def _count(self, name: str) -> int:
        return len(self.books[name].published)

    def _act(self, name: str) -> None:
        played, proxy = self.played[name], self.proxies[name]
        played.began_s = time.time()
        proxy.begin(name, VALUES.get(name, 0.0))
        if name in LOSING:
            eventually(lambda: self.observer.told_lost[name], TOLD_WITHIN_S, f"word of {name}")
            played.during = self.service.get(f"/{name}/status")["data"]
        else:
            before = self._count(name)
            eventually(lambda: self._count(name) >= before + FRAMES_DURING, TOLD_WITHIN_S, f"readings despite {name}")
        proxy.end()
        played.ended_s = time.time()
        played.recovered_s = self.observer.frame_after(name, played.ended_s, RECOVERS_WITHIN_S)
        played.told = list(self.observer.told_lost[name])

    def _settle(self, began_s: float) -> None:
        eventually(lambda: not self.service.get("/_alerts/events", state="open")["events"], 20.0, "no open alert")
        until_s = time.time()  # what comes while the lines are fetched is not compared
        for index, name in enumerate(self.names):
            made = self.emulator.client.shown_since(index, 0)[1]
            self.books[name].made.extend((at_s, of_line(line)) for at_s, line in made)
        links = measuring.at_rest(self.service)
        eventually(self._is_written, 30.0, "everything written")
        events = self.service.get("/_alerts/events", limit=1000)["events"]
        for name, meter in zip(self.names, self.emulator.client.meters(), strict=True):
            played = self.played[name]
            lines = self.service.export_lines(name, stamp(began_s), stamp(until_s))
            names = next(lines)
            rows = [of_cells(names, cells) for cells in lines]
            played.settled = self.books[name].settle(rows, until_s)
            left = self.books[name].settle([], until_s + MOST_LATE_S)
            played.settled.lost_s += [at_s for at_s in left.lost_s if at_s < until_s - 1.0]
            played.link, played.meter, played.proxy = links[name], meter["counters"], self.proxies[name]
            played.counted = measuring.baseline(self.proxies[name], meter)
            played.events = [event for event in events if event["unit_id"] == name]

    def _is_written(self) -> bool:
        return metric_sum(self.service.metrics(), "slmm_queue_rows", queue="record") == 0

    def complaints(self) -> list[str]:
        return self.observer.complaints


@pytest.fixture(scope="package")
def theatre(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Theatre]:
    service = Service(tmp_path_factory.mktemp("faults"), ENVIRONMENT)
    options = ("--scenario", "quiet", "--quirk", f"pacing_s={PACING_S}")
    with running_emulator(len(FAULTS) + 1, *options) as emulator:
        service.start()
        try:
            theatre = Theatre(emulator, service)
            theatre.play()
            yield theatre
        finally:
            service.terminate()
