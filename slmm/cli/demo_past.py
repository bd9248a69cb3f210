"""What the simulated meters of the demo would have measured: a day, of which the last hours reading by reading."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from statistics import median

import numpy as np

from slmm.acoustics.energy import energy
from slmm.acoustics.intervals import Interval
from slmm.acoustics.percentiles import Histogram
from slmm.emulator.meter import Instrument
from slmm.emulator.quirks import Quirks
from slmm.emulator.sound import SCENARIOS, Site
from slmm.events import Reading, RunState
from slmm.nl43.readings import decode_display
from slmm.record.frames import of_reading
from slmm.record.minute import MINUTE
from slmm.record.office import RecordOffice
from slmm.record.periods import Made, put
from slmm.record.rollup import floor

RECENT_S = 7200.0
"""Of these the demo has every reading, as often as a meter may be read."""
READ_EVERY_S = 1.3
DAY_S = 86_400.0
SAMPLE_S = 2.0
"""Of the hours before, one sample of the sound stands for so long."""
QUIETEST_DB = 8.0
"""How much quieter it was twelve hours ago."""


def recent(unit_id: str, scenario: str, seed: int, until: datetime) -> list[Reading]:
    """What reading the simulated meter of that seed would have shown, as often as it may be read."""
    instrument = Instrument(SCENARIOS[scenario], seed, Quirks(), now_s=0.0, clock=until.replace(tzinfo=None))
    instrument.start()
    started_at = until - timedelta(seconds=RECENT_S)
    readings = []
    for number in range(1, int(RECENT_S / READ_EVERY_S)):
        instrument.advance(READ_EVERY_S * number)
        line = instrument.display_line()
        readings.append(
            Reading(
                unit_id,
                started_at + timedelta(seconds=READ_EVERY_S * number),
                decode_display(line)[0],
                line,
                run_state=RunState.MEASURING,
                measurement_started_at=started_at,
            )
        )
    return readings


def quieter_db(before_s: float) -> float:
    """How much quieter it was so long ago: as loud as now a day ago, quietest between."""
    return QUIETEST_DB * (1.0 - math.cos(2.0 * math.pi * before_s / DAY_S)) / 2.0


def minutes_before(scenario: str, seed: int, begin: datetime, end: datetime, until: datetime) -> Iterator[Interval]:
    """The minutes from *begin* to *end*, both whole ones, of a site that sounds like the meter's now."""
    site = Site(SCENARIOS[scenario], seed)
    count = round(MINUTE.total_seconds() / SAMPLE_S)
    starts_at = begin
    while starts_at < end:
        site.offset_db = -quieter_db((until - starts_at).total_seconds())
        samples = [site.next_sample() for _ in range(count)]
        levels = np.array([leq for leq, _ in samples])
        histogram = Histogram.of(levels)
        yield Interval(
            starts_at,
            starts_at + MINUTE,
            sum(energy(leq) for leq, _ in samples) * SAMPLE_S,
            count * SAMPLE_S,
            count * SAMPLE_S,
            lmax=round(float(levels.max()), 1),
            lmin=round(float(levels.min()), 1),
            lpeak=round(max(peak for _, peak in samples), 1),
            histogram=Histogram(histogram.classes, histogram.counts * round(SAMPLE_S * 10)),
            source="poll",
        )
        starts_at += MINUTE


def put_on_record(record: RecordOffice, readings: list[Reading], scenario: str, seed: int, until: datetime) -> None:
    """The readings, the minutes made of them, and those of the day before."""
    unit_id = readings[0].unit_id
    record.historian.write([of_reading(reading) for reading in readings])
    begin = until - timedelta(seconds=RECENT_S)
    made = record.rollup.remake(unit_id, begin, until)
    told = [each.uncertainty_db for each in made if each.uncertainty_db is not None]
    uncertainty_db = median(told) if told else None  # read as often, so as certain
    first, last = floor(until - timedelta(seconds=DAY_S), MINUTE), floor(begin, MINUTE)
    earlier = [
        Made(unit_id, replace(each, uncertainty_db=uncertainty_db))
        for each in minutes_before(scenario, seed, first, last, until)
    ]
    record.store.write(lambda connection: put(record.store, connection, "minutes", earlier))
    record.rollup.roll(unit_id, first, until)
