"""Minutes of two units, as the rollup leaves them, to be sealed."""

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from slmm.acoustics.intervals import Interval
from slmm.acoustics.percentiles import Histogram
from slmm.record import periods
from slmm.record.office import RecordOffice
from slmm.record.periods import Made

TEN = datetime(2026, 11, 20, 10, 0, tzinfo=UTC)
UNITS = ("north", "southern")
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)


def minute(number: int, laeq: float = 60.0) -> Interval:
    """One of the minutes after ten."""
    begin = TEN + number * MINUTE
    levels = Histogram.of(np.linspace(laeq - 5, laeq + 5, 600))
    energy_s = 60.0 * 10 ** (laeq / 10)
    return Interval(begin, begin + MINUTE, energy_s, 60.0, 60.0, laeq + 5, laeq - 5, None, levels, source="poll")


def put(office: RecordOffice, made: list[Made], until: datetime = TEN + 3 * HOUR) -> None:
    """Minutes as the rollup leaves them."""

    def change(connection: Any) -> None:
        periods.put(office.store, connection, "minutes", made)
        connection.execute("insert or replace into marks values ('minutes', ?)", [until.replace(tzinfo=None)])

    office.store.write(change)
