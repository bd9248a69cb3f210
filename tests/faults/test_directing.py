"""A loud phase is long enough to be seen, at the pace of the meters as at twelve times that."""

from __future__ import annotations

from typing import Any, cast

import pytest

from slmm.soak.directing import Chronicle, Director, Stage


class Readings:
    """An observer of readings that come at equal distances, without waiting for them."""

    def __init__(self, every_s: float) -> None:
        self.every_s = every_s
        self.seen: list[float] = []

    def frame_after(self, unit_id: str, at_s: float, within_s: float) -> float | None:
        self.seen.append(at_s + self.every_s)
        return self.seen[-1] if len(self.seen) < 1000 else None


@pytest.mark.parametrize("reading_s", [1.0, 0.1])
@pytest.mark.parametrize(("skipped", "is_enough"), [(1, True), (2, True), (30, False)])
def test_readings_at_the_pace_of_the_meter_are_enough_and_breaks_are_not(
    reading_s: float, skipped: int, is_enough: bool
) -> None:
    """Every fifth reading gives way to a question; a meter that is not read is not seen."""
    observer = Readings(reading_s * skipped)
    nothing = cast("Any", None)
    stage = Stage(nothing, {}, nothing, cast("Any", observer), Chronicle(), 5.0, reading_s, lambda: False)
    Director(stage, "u0", 0, seed=1)._until_seen()
    assert (stage.chronicle.complaints == []) is is_enough
    assert len(observer.seen) >= 4 / skipped
