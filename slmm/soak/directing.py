"""Who breaks what and when: one director for each meter, and somebody who kills the service. All by the seed."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import gevent

from slmm.emulator.process import RunningEmulator
from slmm.soak.proxy import Proxy
from slmm.soak.service import Service
from slmm.soak.troubles import KILL, Loud, Trouble
from slmm.soak.watching import Observer

NETWORK: dict[str, tuple[float, float]] = {
    "latency": (0.05, 0.4),
    "jitter": (0.1, 0.4),
    "throttle": (800.0, 3000.0),
    "split": (0.0, 0.0),
    "garbage": (0.2, 1.0),
    "silence": (0.0, 0.0),
    "reset": (0.2, 1.0),
    "cut": (0.2, 1.0),
    "half_open": (0.0, 0.0),
    "lockout": (0.0, 0.0),
    "refused": (0.0, 0.0),
}
"""Faults of the proxy with their least and most value; a reply has some 450 bytes."""
METER: dict[str, float] = {
    "garbled_reply": 0.0,
    "stray_line": 0.0,
    "late_reply": 0.8,
    "silence": 0.0,
    "byte_by_byte": 0.0,
    "dropped_connection": 0.0,
    "dropped_at_command": 0.0,
    "blank_fields": 0.0,
    "half_line": 0.0,
    "wrong_field_count": 0.0,
    "doubled_prompt": 0.0,
    "missing_prompt": 0.0,
    "extra_reply": 0.0,
    "not_measure_word": 0.0,
    "clock_jump": 3600.0,
    "refused_control_port": 3.0,
}
"""Faults of the emulator with their value; ``late_reply`` as a share of the time a reply may take."""
PASSES_WITHIN_S = 60.0
"""So long a fault of the meter waits for a command it can spoil."""
RECOVERS_WITHIN_S = 60.0
LOUD_DB = 45.0
SEEN_S, SEEN_READINGS = 3.0, 4
"""A loud phase, and the quiet after it, last until the service has read the meter for so long and so often."""
BREAK_S, BREAK_READINGS = 1.0, 2.5
"""What is longer than both is a break of that; every fifth reading gives way to a question."""
PHASE_WITHIN_S = 180.0


@dataclass(slots=True)
class Chronicle:
    """What happened so far."""

    troubles: list[Trouble] = field(default_factory=list)
    louds: list[Loud] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    killed_s: list[float] = field(default_factory=list)
    """Unix times."""


@dataclass(slots=True)
class Stage:
    """What the directors act upon."""

    emulator: RunningEmulator
    proxies: dict[str, Proxy]
    service: Service
    observer: Observer
    chronicle: Chronicle
    reply_timeout_s: float
    reading_s: float
    """From one reading to the next."""
    is_over: Callable[[], bool]
    """Whether nothing new is to begin."""


class Director:
    """Lets one meter and its network fail, and makes it loud, in an order that the seed decides."""

    def __init__(self, stage: Stage, unit_id: str, index: int, seed: int) -> None:
        self._stage = stage
        self._unit_id = unit_id
        self._index = index
        self._chance = random.Random(f"{seed}/{unit_id}")
        self._pending: list[str] = []

    def run(self) -> None:
        """One thing after the other until all is over; each kind comes once before any comes again."""
        gevent.sleep(self._chance.uniform(0.5, 4.0))
        while not self._stage.is_over():
            if not self._pending:
                self._pending = [f"network: {name}" for name in NETWORK]
                self._pending += [f"meter: {name}" for name in METER]
                self._pending += ["loud"] * 3 + ["loud and broken"] * 3
                self._chance.shuffle(self._pending)
            self._play(self._pending.pop())
            gevent.sleep(self._chance.uniform(0.5, 3.0))

    def _play(self, what: str) -> None:
        kind, _, name = what.partition(": ")
        if kind == "network":
            self._break_network(name)
        elif kind == "meter":
            self._break_meter(name)
        else:
            self._be_loud(is_broken=what == "loud and broken")

    # -- faults -----------------------------------------------------------------------------------

    def _break_network(self, name: str) -> None:
        proxy = self._stage.proxies[self._unit_id]
        trouble = self._begin(f"network: {name}")
        proxy.begin(name, self._chance.uniform(*NETWORK[name]))
        gevent.sleep(self._chance.uniform(2.0, 8.0))
        proxy.end()
        self._end(trouble)

    def _break_meter(self, name: str) -> None:
        client, count = self._stage.emulator.client, self._chance.randint(1, 5)
        value = METER[name] * (self._stage.reply_timeout_s if name == "late_reply" else 1.0)
        if name in ("clock_jump", "refused_control_port"):
            count = 1
        trouble = self._begin(f"meter: {name}")
        before = self._happened(name)
        client.fault(self._index, name, value=value, count=count)
        deadline_s = time.monotonic() + PASSES_WITHIN_S
        while self._happened(name) < before + count:
            if time.monotonic() > deadline_s:
                self._complain(f"nothing met the fault {name} within {PASSES_WITHIN_S:g} s")
                break
            gevent.sleep(0.25)
        if name == "refused_control_port":
            gevent.sleep(value)
        self._end(trouble)

    def _happened(self, name: str) -> int:
        return self._stage.emulator.client.faults_happened(self._index).get(name, 0)

    def _begin(self, kind: str) -> Trouble:
        trouble = Trouble(kind, self._unit_id, time.time())
        self._stage.chronicle.troubles.append(trouble)
        return trouble

    def _end(self, trouble: Trouble) -> None:
        trouble.ended_s = time.time()
        trouble.recovered_s = self._seen_after(trouble.ended_s)
        if trouble.recovered_s is None:
            self._complain(f"no reading within {RECOVERS_WITHIN_S:g} s after {trouble.kind}")
        now_s = time.time()
        trouble.is_mixed = any(trouble.began_s - 1.0 <= killed_s <= now_s for killed_s in self._kills(now_s))
        trouble.was_told = any(told_s >= trouble.began_s for told_s in self._stage.observer.told_lost[self._unit_id])

    def _kills(self, now_s: float) -> list[float]:
        """Kills, each with the time the service was away after it."""
        kills = [trouble for trouble in self._stage.chronicle.troubles if trouble.kind == KILL]
        return [moment for kill in kills for moment in (kill.began_s, kill.recovered_s or now_s)]

    def _seen_after(self, at_s: float) -> float | None:
        return self._stage.observer.frame_after(self._unit_id, at_s, RECOVERS_WITHIN_S)

    def _complain(self, sentence: str) -> None:
        self._stage.chronicle.complaints.append(f"{self._unit_id}: {sentence}")

    # -- sound ------------------------------------------------------------------------------------

    def _be_loud(self, *, is_broken: bool) -> None:
        """Loud until the service can have seen it, then quiet as long, with a fault in between if wished."""
        client = self._stage.emulator.client
        began_s = time.time()
        client.offset(self._index, LOUD_DB)
        if is_broken:
            gevent.sleep(self._chance.uniform(0.0, 2.0))
            self._break_network(self._chance.choice(list(NETWORK)))
        self._until_seen()
        client.offset(self._index, 0.0)
        self._stage.chronicle.louds.append(Loud(self._unit_id, began_s, time.time()))
        self._until_seen()

    def _until_seen(self) -> None:
        """Until the service has read the meter for a while without a break."""
        enough_s = max(SEEN_S, SEEN_READINGS * self._stage.reading_s)
        break_s = max(BREAK_S, BREAK_READINGS * self._stage.reading_s)
        deadline_s = time.monotonic() + PHASE_WITHIN_S
        since_s = last_s = time.time()
        while last_s - since_s < enough_s:
            seen_s = self._seen_after(last_s)
            if seen_s is None or time.monotonic() > deadline_s:
                self._complain(f"no {enough_s:g} s of readings within {PHASE_WITHIN_S:g} s")
                return
            if seen_s - last_s > break_s:
                since_s = seen_s
            last_s = seen_s


class Killer:
    """Kills the service now and then, until it is left alone."""

    def __init__(
        self, stage: Stage, seed: int, between_s: tuple[float, float], before_start: Callable[[], None]
    ) -> None:
        self._stage = stage
        self._chance = random.Random(f"{seed}/kills")
        self._between_s = between_s
        self._before_start = before_start
        """Called while the service is dead."""

    def run(self, until_s: float) -> None:
        """Until that monotonic time."""
        while time.monotonic() + self._between_s[0] < until_s and not self._stage.is_over():
            gevent.sleep(self._chance.uniform(*self._between_s))
            if self._stage.is_over():
                return
            self.kill()

    def kill(self) -> None:
        """Kill and start again; over when every meter is read again."""
        stage = self._stage
        trouble = Trouble(KILL, "", time.time())
        stage.chronicle.troubles.append(trouble)
        stage.service.kill()
        stage.chronicle.killed_s.append(time.time())
        gevent.sleep(0.3)
        self._before_start()
        stage.service.start()
        trouble.ended_s = time.time()
        killed_s = stage.chronicle.killed_s[-1]
        seen = [stage.observer.frame_after(unit_id, killed_s, PHASE_WITHIN_S) for unit_id in stage.proxies]
        if None in seen:
            stage.chronicle.complaints.append("not every meter was read again after kill -9")
        trouble.recovered_s = max((seen_s for seen_s in seen if seen_s is not None), default=time.time())
