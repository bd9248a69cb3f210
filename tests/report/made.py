"""Minutes put on record as they are, to be reported on."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import numpy as np

from slmm.acoustics.energy import energy
from slmm.acoustics.intervals import Interval
from slmm.acoustics.percentiles import Histogram
from slmm.acoustics.quality import NO_FLAGS, Flag
from slmm.record import periods
from slmm.record.office import RecordOffice
from slmm.record.periods import Made

MINUTE = timedelta(minutes=1)


def at(text: str) -> datetime:
    """``2026-11-20 07:00`` as an instant in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def minute(starts_at: datetime, laeq: float, *, flags: Flag = NO_FLAGS, source: str = "stream") -> Interval:
    """One whose time-weighted levels spread 6 dB around its mean."""
    classes = np.arange(round(laeq * 10) - 30, round(laeq * 10) + 30, dtype=np.int16)
    return Interval(
        starts_at,
        starts_at + MINUTE,
        energy_s=60.0 * energy(laeq),
        valid_s=60.0,
        received_s=60.0,
        lmax=laeq + 8.0,
        lmin=laeq - 9.0,
        lpeak=laeq + 22.0,
        histogram=Histogram(classes, np.full(60, 10, dtype=np.int64)),
        flags=flags,
        source=source,
        uncertainty_db=0.4 if source == "poll" else None,
    )


def put(office: RecordOffice, unit_id: str, minutes: Iterable[Interval]) -> None:
    """Have them on record."""
    made = [Made(unit_id, each) for each in minutes]
    office.store.write(lambda connection: periods.put(office.store, connection, "minutes", made))


def site(starts_at: datetime, count: int) -> list[Interval]:
    """A site that works from 7 to 17 UTC, and is quiet otherwise; the same every time."""
    found = []
    for number in range(count):
        begin = starts_at + number * MINUTE
        base = 66.0 if 7 <= begin.hour < 17 else 46.0
        wave = 4.0 * np.sin(number / 37.0) + 2.5 * np.sin(number / 7.3) + 1.5 * np.sin(number * 1.7)
        found.append(minute(begin, round(base + float(wave), 2)))
    return found
