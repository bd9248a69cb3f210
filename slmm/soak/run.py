"""A run: meters, a network that fails, a service that is killed, viewers; and what became of every reading."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import gevent
import requests

from slmm.emulator.process import RunningEmulator, running_emulator
from slmm.soak import environment, measuring
from slmm.soak.directing import Chronicle, Director, Killer, Stage
from slmm.soak.measuring import Baseline, Count, Load, Sampler
from slmm.soak.proxy import Proxy
from slmm.soak.readings import Book, check_visit, of_cells, of_line, seconds, stamp
from slmm.soak.service import Service, ServiceDied
from slmm.soak.troubles import MOST_LATE_S, Alarm, compare_alarms, find
from slmm.soak.watching import Crowd, Observer

COLLECT_S = 4.0
"""An emulator holds 200 display lines: some 20 s at ten times the speed."""
SETTLE_S = 30.0
BEHIND_S = 15.0
"""What was read so long ago is in the record, or never will be."""
ALARMS_END_S = 5.0
ENDS_WITHIN_S = 240.0
RULE = {"name": "Loud", "metric": "lp", "threshold_db": 65.0, "duration_s": 1, "clear_duration_s": 1, "cooldown_s": 0}
"""Quiet meters are at about 40 dB, with a passer-by at 55; loud ones 45 dB above that."""
KILLS_SHARE = 0.3
"""Of the time: after it the service is left alone, for what grows shows in a long life only."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to be run."""

    seconds: float
    """Of real time."""
    meters: int = 6
    viewers: int = 8
    speed: float = 1.0
    seed: int = 1
    has_kills: bool = True
    between_kills_s: tuple[float, float] = (15.0, 45.0)


@dataclass(slots=True)
class Totals:
    """What was compared so far."""

    made: int = 0
    """Display lines that meters made."""
    recorded: int = 0
    published: int = 0
    lost_unexplained: int = 0
    unkept_unexplained: int = 0
    phantoms: int = 0
    visits_checked: int = 0
    most_unkept_s: float = 0.0
    """The longest time before a kill from which a reading that was shown is not on record."""


@dataclass(slots=True)
class Outcome:
    """All that is known at the end, or so far."""

    wish: Wish
    began_s: float = field(default_factory=time.time)
    ended_s: float = 0.0
    chronicle: Chronicle = field(default_factory=Chronicle)
    totals: Totals = field(default_factory=Totals)
    complaints: list[str] = field(default_factory=list)
    counts: list[Count] = field(default_factory=list)
    alarms: dict[int, Alarm] = field(default_factory=dict)
    """By the number of the event."""
    sampler: Sampler | None = None
    load: Load | None = None
    crowd: Crowd | None = None
    commands: int = 0
    most_open: int = 0
    too_soon: int = 0
    files: tuple[int, int] | None = None
    """Open files at rest: after the start of the last life, and at the end."""
    is_whole: bool = False
    """False while it goes on, and when it was interrupted."""

    @property
    def all_complaints(self) -> list[str]:
        """Sentences about what must not be."""
        return [*self.complaints, *self.chronicle.complaints]


class Soak:
    """Runs it; ``outcome`` is worth reading at any time."""

    def __init__(self, wish: Wish, directory: Path, tell: Callable[[Outcome], None] = lambda outcome: None) -> None:
        self.outcome = Outcome(wish)
        self._wish = wish
        self._directory = directory
        self._tell = tell
        """Told of the outcome so far after each comparison."""
        self._units = [f"u{index}" for index in range(wish.meters)]
        self._books = {unit_id: Book(unit_id) for unit_id in self._units}
        self._made = dict.fromkeys(self._units, 0)
        self._settled_s = time.time() - 1.0
        self._baselines = dict.fromkeys(self._units, Baseline(0, 0, 0, 0, 0))
        self._ends_s = 0.0
        self._is_cut_short = False

    def cut_short(self) -> None:
        """Come to the end now: what was begun is finished and compared."""
        self._is_cut_short = True

    def _is_over(self) -> bool:
        return self._is_cut_short or time.monotonic() >= self._ends_s

    def run(self) -> Outcome:
        """Run to the end; raises ServiceDied when the service does not start."""
        wish = self._wish
        quirk = f"pacing_s={environment.pacing_s(wish.speed):g}"
        with (
            running_emulator(
                wish.meters, "--scenario", "quiet", "--seed", str(wish.seed), "--quirk", quirk
            ) as emulator,
            self._proxies(emulator) as proxies,
            self._service() as service,
        ):
            self._prepare(service, proxies)
            observer = Observer(service.port, self._books)
            chronicle = self.outcome.chronicle
            timeout_s = environment.reply_timeout_s(wish.speed)
            reading_s = environment.pacing_s(wish.speed)
            stage = Stage(emulator, proxies, service, observer, chronicle, timeout_s, reading_s, self._is_over)
            with self._in_background(stage) as actors:
                try:
                    self._watch(stage, actors)
                    self._finish(stage)
                    self.outcome.is_whole = not self._is_cut_short
                finally:
                    self.outcome.ended_s = time.time()
                    self._tell(self.outcome)
        return self.outcome

    # -- setting up -------------------------------------------------------------------------------

    @contextlib.contextmanager
    def _proxies(self, emulator: RunningEmulator) -> Iterator[dict[str, Proxy]]:
        proxies = {
            unit_id: Proxy(meter.host, meter.port, self._wish.seed + index)
            for index, (unit_id, meter) in enumerate(zip(self._units, emulator.meters, strict=True))
        }
        for proxy in proxies.values():
            proxy.open()
        try:
            yield proxies
        finally:
            for proxy in proxies.values():
                proxy.close()

    @contextlib.contextmanager
    def _service(self) -> Iterator[Service]:
        service = Service(self._directory, environment.settings(self._wish.speed))
        try:
            service.start()
            yield service
        finally:
            service.terminate()

    def _prepare(self, service: Service, proxies: dict[str, Proxy]) -> None:
        for unit_id, proxy in proxies.items():
            body = {"unit_id": unit_id, "host": proxy.host, "tcp_port": proxy.port, "monitor_enabled": True}
            service.post("/roster", **body)
            service.post(f"/{unit_id}/alerts/rules", **RULE)

    @contextlib.contextmanager
    def _in_background(self, stage: Stage) -> Iterator[list[gevent.Greenlet]]:
        """Everybody who acts; those in the list come to an end by themselves."""
        wish, outcome = self._wish, self.outcome
        self._ends_s = time.monotonic() + wish.seconds
        sampler = outcome.sampler = Sampler(stage.service)
        crowd = outcome.crowd = Crowd(stage.service.port, self._units, self._is_over)
        for_ever = [gevent.spawn(stage.observer.run), gevent.spawn(sampler.run)]
        actors = [
            gevent.spawn(Director(stage, unit_id, index, wish.seed).run) for index, unit_id in enumerate(self._units)
        ]
        for number in range(wish.viewers):
            actors.append(gevent.spawn(crowd.come_and_go, wish.seed * 1000 + number, is_slow=number % 4 == 3))
        if wish.has_kills:
            killer = Killer(stage, wish.seed, wish.between_kills_s, lambda: self._new_life(stage))
            actors.append(gevent.spawn(killer.run, time.monotonic() + wish.seconds * KILLS_SHARE))
        try:
            yield actors
        finally:
            gevent.killall([*actors, *for_ever])

    def _counted(self, stage: Stage) -> dict[str, Baseline]:
        meters = stage.emulator.client.meters()
        return {
            unit_id: measuring.baseline(stage.proxies[unit_id], meter)
            for unit_id, meter in zip(self._units, meters, strict=True)
        }

    def _new_life(self, stage: Stage) -> None:
        self._baselines = self._counted(stage)
        if self.outcome.sampler is not None:
            self.outcome.sampler.new_life()

    # -- while it runs ----------------------------------------------------------------------------

    def _watch(self, stage: Stage, actors: list[gevent.Greenlet]) -> None:
        """Collect and compare until everybody has come to an end."""
        next_settle_s = time.monotonic() + SETTLE_S
        latest_s: float | None = None
        while not all(actor.dead for actor in actors):
            gevent.sleep(COLLECT_S if not self._is_over() else 0.5)
            self._collect(stage)
            for actor in actors:
                if actor.dead and not actor.successful():
                    raise actor.exception
            if time.monotonic() >= next_settle_s:
                self._settle(stage, time.time() - BEHIND_S)
                self._tell(self.outcome)
                next_settle_s = time.monotonic() + SETTLE_S
            if self._is_over():
                latest_s = latest_s or time.monotonic() + ENDS_WITHIN_S
                if time.monotonic() > latest_s:
                    self.outcome.complaints.append(f"not everybody came to an end within {ENDS_WITHIN_S:g} s")
                    return

    def _collect(self, stage: Stage) -> None:
        """Take over what the meters have shown since."""
        for index, unit_id in enumerate(self._units):
            count, lines = stage.emulator.client.shown_since(index, self._made[unit_id])
            if count - self._made[unit_id] > len(lines):
                self.outcome.complaints.append(f"{unit_id}: not all display lines could be collected")
            self.outcome.totals.made += count - self._made[unit_id]
            self._made[unit_id] = count
            self._books[unit_id].made.extend((at_s, of_line(line)) for at_s, line in lines)

    def _settle(self, stage: Stage, until_s: float) -> None:
        """Compare what is old enough with the record; later, when the service is away at present."""
        from_at, until = stamp(self._settled_s), stamp(until_s)
        try:
            rows = {unit_id: self._rows(stage.service, unit_id, from_at, until) for unit_id in self._units}
            inbox = _inbox(stage.service)
        except (requests.RequestException, OSError):
            if stage.service.is_running and not any(t.recovered_s is None for t in stage.chronicle.troubles):
                raise
            return
        self._settled_s = seconds(until)
        for unit_id, its in rows.items():
            self._settle_unit(stage, unit_id, its)
        self._settle_visits(stage)
        self._note_alarms(inbox)
        self.outcome.totals.published = stage.observer.frames
        self.outcome.load = measuring.load_of(stage.service) or self.outcome.load

    def _rows(self, service: Service, unit_id: str, from_at: str, until: str) -> list[Any]:
        lines = service.export_lines(unit_id, from_at, until)
        names = next(lines, [])
        return [of_cells(names, cells) for cells in lines]

    def _settle_unit(self, stage: Stage, unit_id: str, rows: list[Any]) -> None:
        settled, totals = self._books[unit_id].settle(rows, self._settled_s), self.outcome.totals
        totals.recorded += settled.recorded
        totals.phantoms += len(settled.phantoms)
        self.outcome.complaints += [f"the meter never showed what is on record: {each}" for each in settled.phantoms]
        for at_s in settled.lost_s:
            trouble = find(stage.chronicle.troubles, unit_id, at_s)
            if trouble is None:
                totals.lost_unexplained += 1
                self.outcome.complaints.append(f"{unit_id}: what the meter showed at {stamp(at_s)} is not on record")
            else:
                trouble.lost += 1
        for at_s in settled.unkept_s:
            self._note_unkept(stage, unit_id, at_s)

    def _note_unkept(self, stage: Stage, unit_id: str, at_s: float) -> None:
        totals = self.outcome.totals
        trouble = find((each for each in stage.chronicle.troubles if each.kind == "kill -9"), unit_id, at_s)
        if trouble is None:
            totals.unkept_unexplained += 1
            self.outcome.complaints.append(f"{unit_id}: viewers saw a reading at {stamp(at_s)} that is not on record")
        else:
            trouble.unkept += 1
            totals.most_unkept_s = max(totals.most_unkept_s, trouble.began_s - at_s)

    def _settle_visits(self, stage: Stage, *, is_last: bool = False) -> None:
        crowd = self.outcome.crowd
        if crowd is None:
            return
        due = [visit for ended_s, visit in crowd.done if is_last or ended_s < time.time() - BEHIND_S]
        crowd.done = crowd.done[len(due) :]
        for visit in due:
            self.outcome.totals.visits_checked += 1
            complaint = check_visit(visit, stage.observer.ids[visit.unit_id])
            if complaint is not None:
                self.outcome.complaints.append(complaint)

    # -- the end ----------------------------------------------------------------------------------

    def _finish(self, stage: Stage) -> None:
        """Let the service come to rest and hold everything against everything."""
        outcome, service = self.outcome, stage.service
        if not service.is_running:
            raise ServiceDied(f"the service ended by itself:\n{service.last_log()}")
        gevent.sleep(ALARMS_END_S)  # the last alarms end
        self._compare_alarms(stage)
        links = measuring.at_rest(service)
        outcome.counts = measuring.compare_counters(links, service.metrics(), self._baselines, self._counted(stage))
        outcome.complaints += [
            f"{count.what}: {count.service:g} against {count.others:g}"
            for count in outcome.counts
            if not count.is_equal
        ]
        self._collect(stage)
        gevent.sleep(MOST_LATE_S)
        self._settle(stage, time.time() - 1.0)
        self._settle_visits(stage, is_last=True)
        outcome.complaints += stage.observer.complaints
        self._manners(stage)
        self._files(stage)

    def _note_alarms(self, inbox: list[dict[str, Any]]) -> None:
        """What stands in the inbox now, over what was noted before: a night has more than one answer holds."""
        for event in inbox:
            self.outcome.alarms[event["id"]] = Alarm(
                event["unit_id"],
                bool(event["rule_id"]),
                seconds(event["breach_at"] or event["onset_at"]),
                seconds(event["onset_at"]),
                event["end_reason"],
            )

    def _compare_alarms(self, stage: Stage) -> None:
        self._note_alarms(_inbox(stage.service))
        chronicle, alarms = self.outcome.chronicle, list(self.outcome.alarms.values())
        self.outcome.complaints += compare_alarms(chronicle.louds, alarms, chronicle.troubles)

    def _manners(self, stage: Stage) -> None:
        outcome = self.outcome
        meters = stage.emulator.client.meters()
        outcome.commands = sum(meter["counters"]["received"] for meter in meters)
        outcome.too_soon = sum(meter["counters"]["too_soon"] for meter in meters)
        outcome.most_open = max(proxy.counters.most_open for proxy in stage.proxies.values())
        if outcome.most_open > 1:
            outcome.complaints.append(f"a meter had {outcome.most_open} connections at a time")
        if outcome.too_soon:
            outcome.complaints.append(f"{outcome.too_soon} commands came sooner than the pacing allows")

    def _files(self, stage: Stage) -> None:
        sampler, at_end = self.outcome.sampler, stage.service.open_files()
        if sampler is None or at_end is None or not sampler.lives[-1].files:
            return
        first = sampler.lives[-1].files[0][1]
        self.outcome.files = (first, at_end)


def _inbox(service: Service) -> list[dict[str, Any]]:
    events: list[dict[str, Any]] = service.get("/_alerts/events", limit=1000)["events"]
    return events
