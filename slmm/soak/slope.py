"""How fast something grows: Theil and Sen's slope, which a few outliers do not move; pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

MOST_POINTS = 400
"""More are thinned out: the slopes of all pairs are looked at."""
_95_PERCENT = 1.96


@dataclass(frozen=True, slots=True)
class Slope:
    """Growth a unit of time, with the bounds between which it lies in 95 of 100 cases."""

    value: float
    low: float
    high: float
    points: int


def _thinned(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Medians of runs of neighbours, so that what is left is quieter and not so much alike."""
    run = math.ceil(len(points) / MOST_POINTS)
    if run <= 1:
        return list(points)
    groups = [points[start : start + run] for start in range(0, len(points), run)]
    return [(group[len(group) // 2][0], sorted(value for _, value in group)[len(group) // 2]) for group in groups]


def theil_sen(points: Sequence[tuple[float, float]]) -> Slope | None:
    """The median slope of all pairs of (time, value), bounds after Sen (1968); None of fewer than 10 points.

    The bounds take the points for independent. What grows in steps, as memory does, has wider ones in truth.
    """
    few = _thinned(points)
    if len(few) < 10:
        return None
    slopes = sorted(
        (later[1] - earlier[1]) / (later[0] - earlier[0])
        for index, earlier in enumerate(few)
        for later in few[index + 1 :]
        if later[0] > earlier[0]
    )
    count = len(few)
    half = _95_PERCENT * math.sqrt(count * (count - 1) * (2 * count + 5) / 18.0)
    low = max(0, int((len(slopes) - half) / 2))
    high = min(len(slopes) - 1, int((len(slopes) + half) / 2) + 1)
    return Slope(slopes[len(slopes) // 2], slopes[low], slopes[high], count)
