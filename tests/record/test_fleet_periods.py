"""Hours and days of a whole fleet, made together, are those that each unit would get by itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from slmm.acoustics.intervals import Interval
from slmm.acoustics.percentiles import Histogram
from slmm.acoustics.quality import Flag
from slmm.record import periods
from slmm.record.office import RecordOffice
from slmm.record.periods import Made
from slmm.record.rollup import UNITS_AT_ONCE, floor
from slmm.settings import Settings

DAY = datetime(2024, 6, 1, tzinfo=UTC)
ZONES = [ZoneInfo("Europe/Berlin"), ZoneInfo("Asia/Kolkata")]
UNITS = [f"u{number}" for number in range(UNITS_AT_ONCE * 2 + 3)]
MINUTE = timedelta(minutes=1)


def zone_of(unit_id: str) -> ZoneInfo:
    return ZONES[int(unit_id[1:]) % 2]


@pytest.fixture
def office(make_settings: Callable[..., Settings]) -> Iterator[RecordOffice]:
    settings = make_settings()
    settings.data_dir.mkdir(parents=True)
    started = RecordOffice(settings, zone_of)
    started.start()
    yield started
    started.stop()


def minute(unit_id: str, starts_at: datetime) -> Made:
    number = int(unit_id[1:]) + starts_at.minute
    histogram = Histogram(np.array([500 + number], dtype=np.int16), np.array([600], dtype=np.int64))
    interval = Interval(
        starts_at=starts_at,
        ends_at=starts_at + MINUTE,
        energy_s=1e5 * (number + 1),
        valid_s=60.0,
        received_s=60.0,
        lmax=50.0 + number / 10,
        lmin=40.0,
        lpeak=None,
        histogram=histogram,
        flags=Flag(0),
        source="poll",
        uncertainty_db=None,
    )
    return Made(unit_id, interval)


def kept(office: RecordOffice) -> dict[str, list[tuple[object, ...]]]:
    """Hours and days of every unit, as figures that can be compared."""
    span = DAY - timedelta(days=2), DAY + timedelta(days=3)
    return {
        unit_id: [
            (each.starts_at, each.ends_at, each.energy_s, each.lmax, each.valid_s, each.histogram.counts.tolist())
            for each in (*office.rollup.hours(unit_id, *span), *office.rollup.days(unit_id, *span))
        ]
        for unit_id in UNITS
    }


@pytest.mark.parametrize(
    ("from_at", "until"),
    [
        (DAY + timedelta(hours=9, minutes=50), DAY + timedelta(hours=10)),  # the end of an hour in Berlin alone
        (DAY + timedelta(hours=18, minutes=20), DAY + timedelta(hours=18, minutes=30)),  # of a day in Kolkata
        (DAY + timedelta(hours=20), DAY + timedelta(hours=23)),  # of a day in Berlin, and of some hours everywhere
    ],
)
def test_a_fleets_hours_and_days_are_those_of_its_units(
    office: RecordOffice, from_at: datetime, until: datetime
) -> None:
    store, rollup = office.store, office.rollup
    starts = [until - timedelta(hours=4) + MINUTE * number for number in range(4 * 60)]
    for starts_at in starts[::7]:
        made = [minute(unit_id, starts_at) for unit_id in UNITS if unit_id != "u5"]  # nothing is known of that one
        store.write(lambda connection, made=made: periods.put(store, connection, "minutes", made))  # type: ignore[misc]
    rollup.roll_fleet(UNITS, from_at, until)
    together = kept(office)
    for table in ("hours", "days"):
        store.write(lambda connection, table=table: connection.execute(f"delete from {table}"))  # type: ignore[misc]
    for unit_id in UNITS:
        rollup.roll(unit_id, from_at, until)
    assert together == kept(office)
    assert any(together.values())
    assert together["u5"] == []


@pytest.mark.parametrize("ago", [timedelta(0), timedelta(days=3)], ids=["just over", "made up for"])
def test_an_hour_is_made_when_it_is_over_and_when_it_was_missed(office: RecordOffice, ago: timedelta) -> None:
    until = floor(datetime.now(UTC) - ago, timedelta(hours=1))
    made = [minute("u0", until - MINUTE * number) for number in range(1, 61)]
    office.store.write(lambda connection: periods.put(office.store, connection, "minutes", made))
    office._roll(until)
    (hour,) = office.rollup.hours("u0", until - timedelta(hours=1), until)
    assert hour.valid_s == 3600.0
