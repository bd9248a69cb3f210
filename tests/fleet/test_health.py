"""How far a clock is off, and how long a card lasts."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from slmm.fleet.health import LEAST_SD_SPAN_S, clock_offset_s, sd_days_left

DAY_S = 86_400.0


@pytest.mark.parametrize(
    ("clock", "zone", "offset_s"),
    [
        ("2026-07-01T12:00:00", "UTC", 0.0),
        ("2026-07-01T14:00:05", "Europe/Berlin", 5.0),
        ("2026-07-01T13:00:00", "Europe/Berlin", -3600.0),
    ],
)
def test_a_clock_is_compared_in_its_own_zone(clock: str, zone: str, offset_s: float) -> None:
    at = datetime(2026, 7, 1, 12, tzinfo=UTC)
    assert clock_offset_s(datetime.fromisoformat(clock), at, ZoneInfo(zone)) == pytest.approx(offset_s, abs=0.5)


def test_a_card_lasts_as_long_as_its_rate_lets_it() -> None:
    assert sd_days_left([(0.0, 1000.0), (DAY_S, 900.0)]) == pytest.approx(9.0)


@pytest.mark.parametrize(
    "samples",
    [
        [],
        [(0.0, 1000.0)],
        [(0.0, 1000.0), (LEAST_SD_SPAN_S / 2, 900.0)],
        [(0.0, 1000.0), (DAY_S, 1000.0)],
    ],
)
def test_without_a_rate_nothing_is_foretold(samples: list[tuple[float, float]]) -> None:
    assert sd_days_left(samples) is None
