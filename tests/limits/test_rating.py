from __future__ import annotations

import pytest

from slmm.acoustics.energy import energy
from slmm.limits.rating import Work
from slmm.limits.rows import TimeCorrection

AVV = TimeCorrection.model_validate(
    {"active_above_db": 50.0, "steps": [{"up_to_h": 2.5, "db": -10.0}, {"up_to_h": 8.0, "db": -5.0}]}
)


def work(level_db: float, hours: float) -> Work:
    return Work(energy(level_db) * hours * 3600, hours * 3600)


@pytest.mark.parametrize(("hours", "added_db"), [(2.5, -10.0), (2.51, -5.0), (8.0, -5.0), (8.01, 0.0)])
def test_up_to_so_many_hours_includes_them(hours: float, added_db: float) -> None:
    mean_db, added = work(70.0, hours).rate(AVV, 60.0)
    assert (mean_db, added) == (pytest.approx(70.0), added_db)


def test_without_work_nothing_is_taken_off() -> None:
    assert Work().rate(AVV, 45.0) == (45.0, 0.0)
    assert Work().least(AVV, 3600.0) is None


@pytest.mark.parametrize("more_h", [0.0, 0.5, 2.0, 6.0, 9.0])
@pytest.mark.parametrize("more_db", [50.0, 60.0, 80.0])
def test_no_rest_brings_it_below_the_least(more_h: float, more_db: float) -> None:
    sofar = work(70.0, 2.0)
    least_db = sofar.least(AVV, 9 * 3600.0)
    mean_db, added_db = (sofar + work(more_db, more_h)).rate(AVV, 0.0)
    assert least_db is not None
    assert mean_db + added_db >= least_db - 1e-9
