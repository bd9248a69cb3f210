"""What the service says of itself, what the system says of it, and what its meters counted."""

from __future__ import annotations

import itertools
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import gevent
import requests

from slmm.soak.proxy import Proxy
from slmm.soak.service import Service, histogram_percentile, metric_sum
from slmm.soak.slope import Slope, theil_sen

SAMPLE_S = 2.0
REST_EVERY = 15
"""Samples of which one asks the service, too."""


@dataclass(slots=True)
class Life:
    """One life of the service, from start to kill or end; times are monotonic, in s."""

    began_s: float
    memory: list[tuple[float, float]] = field(default_factory=list)
    """Time and MiB."""
    files: list[tuple[float, int]] = field(default_factory=list)
    rest: list[tuple[float, float]] = field(default_factory=list)
    """Time and MiB without what the record's database and the feeds hold: settings bound that, hours fill it."""

    def slope_mib_h(self, warm_up_s: float) -> Slope | None:
        """Growth of memory in MiB an hour of real time, after the warm-up."""
        return self._slope(self.memory, warm_up_s)

    def slope_of_rest_mib_h(self, warm_up_s: float) -> Slope | None:
        """The same of the rest."""
        return self._slope(self.rest, warm_up_s)

    def _slope(self, points: Sequence[tuple[float, float]], warm_up_s: float) -> Slope | None:
        since = [((at_s - self.began_s) / 3600.0, mib) for at_s, mib in points]
        return theil_sen([point for point in since if point[0] * 3600.0 >= warm_up_s])

    @property
    def lasts_s(self) -> float:
        """How long it was looked at."""
        return self.memory[-1][0] - self.began_s if self.memory else 0.0


class Sampler:
    """Looks at memory and open files of the service every few seconds."""

    def __init__(self, service: Service) -> None:
        self.lives = [Life(time.monotonic())]
        self._service = service

    def new_life(self) -> None:
        """The service has been killed."""
        self.lives.append(Life(time.monotonic()))

    @property
    def longest(self) -> Life:
        """The life that tells most about growth."""
        return max(self.lives, key=lambda life: life.lasts_s)

    def run(self) -> None:
        """Until killed."""
        for number in itertools.count():
            mib, files = self._service.memory_mib(), self._service.open_files()
            life, now_s = self.lives[-1], time.monotonic()
            if mib is not None and files is not None:
                life.memory.append((now_s, mib))
                life.files.append((now_s, files))
                if number % REST_EVERY == 0 and (held_mib := held_by_settings_mib(self._service)) is not None:
                    life.rest.append((now_s, mib - held_mib))
            gevent.sleep(SAMPLE_S)


def held_by_settings_mib(service: Service) -> float | None:
    """What the record's database and the feeds hold at present; None when the service cannot be asked."""
    try:
        metrics = service.metrics()
    except requests.RequestException:
        return None
    return (metric_sum(metrics, "slmm_record_memory_bytes") + metric_sum(metrics, "slmm_feed_bytes")) / 2**20


@dataclass(frozen=True, slots=True)
class Baseline:
    """Counters of one meter and its proxy at the begin of a life."""

    accepted: int
    commands: int
    forwarded: int
    received: int
    answered: int


def baseline(proxy: Proxy, meter: dict[str, Any]) -> Baseline:
    """As they stand now."""
    seen, counters = proxy.counters, meter["counters"]
    return Baseline(seen.accepted, seen.commands, seen.forwarded, counters["received"], counters["answered"])


@dataclass(frozen=True, slots=True)
class Count:
    """One thing that both sides counted in the last life."""

    what: str
    service: float
    others: float
    is_equal: bool


def compare_counters(
    links: dict[str, dict[str, Any]],
    metrics: list[tuple[str, dict[str, str], float]],
    before: dict[str, Baseline],
    after: dict[str, Baseline],
) -> list[Count]:
    """Commands, replies and connections as the service, the proxies and the meters counted them in the last life.

    A reply that came too late, garbled or not at all is one the meter counts and the service does not: it counts that
    exchange as timed out, garbled or lost instead, so the difference must lie within those. A command that is on its
    way while the meter hangs up is let through and never received; it is one that was lost.
    """

    def of_links(*names: str) -> float:
        return float(sum(row[name] for row in links.values() for name in names))

    def of_others(name: str) -> float:
        return float(sum(getattr(after[unit_id], name) - getattr(before[unit_id], name) for unit_id in links))

    lost = of_links("lost")
    commands, replies, failed = of_links("commands"), of_links("replies"), of_links("timeouts", "garbled", "lost")
    seen, through, received, answered, accepted = (
        of_others(name) for name in ("commands", "forwarded", "received", "answered", "accepted")
    )
    unreachable = metric_sum(metrics, "slmm_command_results_total", result="unreachable")
    results = metric_sum(metrics, "slmm_command_results_total") - unreachable
    opened = metric_sum(metrics, "slmm_connections_opened_total")
    reset = of_links("open_failures")  # accepted and reset at once, some of them
    ended = replies + failed
    return [
        Count("commands: sent, and seen by the proxies", commands, seen, commands == seen),
        Count("commands: let through, and received by the meters", through, received, 0 <= through - received <= lost),
        Count("connections: opened, and accepted by the proxies", opened, accepted, 0 <= accepted - opened <= reset),
        Count("exchanges: by result in /metrics, and by link", results, ended, results == ended),
        Count("commands, and what became of each", commands, ended, 0 <= ended - commands <= lost),
        Count("replies: got, and sent by the meters", replies, answered, 0 <= answered - replies <= failed),
    ]


def at_rest(service: Service) -> dict[str, dict[str, Any]]:
    """The links of the service while it holds no connection and no command is under way."""
    service.post("/_system/standby")
    gevent.sleep(1.5)
    rows = service.get("/_connections/status")["data"]["connections"]
    return {row["unit_id"]: row for row in rows}


@dataclass(frozen=True, slots=True)
class Load:
    """How busy the service was in its last life."""

    hub_lag_p99_s: float | None
    cpu_s: float
    recorded: float
    dropped: float
    """Rows of the record that were never written."""


def load_of(service: Service) -> Load | None:
    """From /metrics; None when it cannot be asked."""
    try:
        metrics = service.metrics()
    except requests.RequestException:
        return None
    return Load(
        histogram_percentile(metrics, "slmm_hub_lag_seconds", 99),
        metric_sum(metrics, "process_cpu_seconds_total"),
        metric_sum(metrics, "slmm_record_frames_total"),
        metric_sum(metrics, "slmm_queue_dropped_total"),
    )
