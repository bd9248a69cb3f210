"""A past with a known truth: 100 ms of sound after the other, and what polls, streams and SD cards tell of it."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from slmm.emulator.integration import TimeWeighting
from slmm.emulator.sound import SAMPLE_S, SCENARIOS, Scenario, Site
from slmm.events import Levels, Reading, RunState, StreamedLevels
from slmm.record.frames import Frame, Source
from slmm.record.office import RecordOffice

Floats = NDArray[np.float64]
NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
POLL_S = 1.3
RARE_BANGS = Scenario(45.0, 1.5, hammering_per_h=2, hammer_db=105)


def level(energy: Floats | float) -> Floats:
    return 10.0 * np.log10(energy)


@dataclass(frozen=True)
class Past:
    """What truly happened, 100 ms each, in dB; the first begins at *starts_at*."""

    unit_id: str
    starts_at: datetime
    leq: Floats
    lp: Floats
    lpeak: Floats

    @property
    def duration_s(self) -> float:
        return len(self.leq) * SAMPLE_S

    def laeq(self, from_s: float = 0.0, until_s: float | None = None) -> float:
        """The truth."""
        last = len(self.leq) if until_s is None else round(until_s / SAMPLE_S)
        return float(level(np.mean(10.0 ** (self.leq[round(from_s / SAMPLE_S) : last] / 10.0))))

    def polls(self, every_s: float = POLL_S, first_s: float = 0.7) -> Iterator[Reading]:
        """What somebody sees who looks at the display now and then: 0.1 dB, figures since the start."""
        exposure = level(np.cumsum(10.0 ** (self.leq / 10.0)) * SAMPLE_S)
        highest, lowest = np.maximum.accumulate(self.lp), np.minimum.accumulate(self.lp)
        peak = np.maximum.accumulate(self.lpeak)
        for at_s in np.arange(first_s, self.duration_s, every_s):
            index = int(at_s / SAMPLE_S)
            le = float(exposure[index])
            main = Levels(
                lp=round(float(self.lp[index]), 1),
                leq=round(le - 10.0 * float(np.log10((index + 1) * SAMPLE_S)), 1),
                le=round(le, 1),
                lmax=round(float(highest[index]), 1),
                lmin=round(float(lowest[index]), 1),
                lpeak=round(float(peak[index]), 1),
                over=False,
                under=False,
            )
            yield Reading(
                self.unit_id,
                self.starts_at + timedelta(seconds=float(at_s)),
                main,
                "",
                run_state=RunState.MEASURING,
                measurement_started_at=self.starts_at,
            )

    def stream(self, from_s: float = 0.0, until_s: float | None = None) -> Iterator[StreamedLevels]:
        """The same as the 100 ms stream tells it, without delay."""
        last = len(self.leq) if until_s is None else round(until_s / SAMPLE_S)
        for count, index in enumerate(range(round(from_s / SAMPLE_S), last)):
            lp, leq, peak = (round(float(each[index]), 1) for each in (self.lp, self.leq, self.lpeak))
            yield StreamedLevels(
                self.unit_id,
                self.starts_at + timedelta(seconds=(index + 1) * SAMPLE_S),
                Levels(lp=lp, leq=leq, lmax=lp, lmin=lp, lpeak=peak, over=False, under=False),
                ",".join(["  -.-"] * 19),
                count % 600 + 1,
                run_state=RunState.MEASURING,
            )

    def stored(self, interval_s: float = 1.0, source: Source = Source.SD_LP) -> list[Frame]:
        """The intervals its SD card holds."""
        each = round(interval_s / SAMPLE_S)
        frames = []
        for address in range(len(self.leq) // each):
            part = slice(address * each, (address + 1) * each)
            main = Levels(
                lp=round(float(self.lp[part][-1]), 1) if source is Source.SD_LP else None,
                leq=round(float(level(np.mean(10.0 ** (self.leq[part] / 10.0)))), 1),
                lmax=round(float(self.lp[part].max()), 1),
                lmin=round(float(self.lp[part].min()), 1),
                lpeak=round(float(self.lpeak[part].max()), 1),
                over=False,
                under=False,
            )
            ends_at = self.starts_at + timedelta(seconds=(address + 1) * interval_s)
            frames.append(
                Frame(self.unit_id, ends_at, source, main, interval_s, True, store="0001", address=address + 1)
            )
        return frames


def simulate(
    unit_id: str, duration_s: float, scenario: str | Scenario = "traffic", starts_at: datetime = NOON, seed: int = 1
) -> Past:
    """The sound of a site."""
    site = Site(SCENARIOS[scenario] if isinstance(scenario, str) else scenario, seed)
    weighting = TimeWeighting("F")
    samples = [site.next_sample() for _ in range(round(duration_s / SAMPLE_S))]
    leq = np.array([sample[0] for sample in samples])
    lp = np.array([weighting.add(float(each)) for each in leq])
    return Past(unit_id, starts_at, leq, lp, np.array([sample[1] for sample in samples]))


def record_polls(office: RecordOffice, past: Past, every_s: float = POLL_S) -> None:
    """Have the display read, and written."""
    for reading in past.polls(every_s):
        office.historian.on_reading(past.unit_id, event=reading)
    office.historian.flush()


def record_stream(office: RecordOffice, past: Past, from_s: float = 0.0, until_s: float | None = None) -> None:
    """Have the stream followed, and written."""
    for streamed in past.stream(from_s, until_s):
        office.historian.on_stream(past.unit_id, event=streamed)
    office.historian.flush()


def close_all(office: RecordOffice, until: datetime) -> None:
    """Make all minutes up to then."""
    while office.close_minutes(until + timedelta(minutes=1)):
        pass
