"""The chart of a report as a list of shapes, the one source of what stands on a page and on paper; pure.

A mean over a step is a step, not a smooth line; what is missing is left out; what was excluded is drawn and hatched.
Coordinates are points (1/72 inch) from the upper left.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, time, timedelta

from slmm.acoustics.civil import instant
from slmm.acoustics.intervals import PeriodLevels, Span
from slmm.acoustics.levels import duration_name, period_name
from slmm.acoustics.quality import Flag, is_judged
from slmm.limits.calendar import Step
from slmm.report.document import LimitResult, Report
from slmm.report.words import Words

WIDTH, HEIGHT = 509.0, 156.0
LEFT, RIGHT, TOP, BOTTOM = 26.0, 74.0, 12.0, 24.0
LOWEST_DB, HIGHEST_DB = 30, 100
"""The scale of levels outdoors; wider where a level lies beyond."""
TEXT = 7.0
INK, MUTED, GRID = "#1b2733", "#5b6873", "#d9dee3"
LAEQ, LMAX, POOR = "#0b5cad", "#97a3ad", "#7fb2de"
LIMITS = ("#b3261e", "#8a5a00", "#6b3fa0")
DASHES = ((5.0, 2.5), (2.0, 2.0), (7.0, 2.0, 1.5, 2.0))
EXCLUDED, NO_DATA = "#a08040", "#f1f3f5"
HATCH_PT = 5.0
LEAST_LABEL_PT = 17.0
MOST_JOINED, MOST_LABELLED = 30, 6
"""Steps of a limit: of more, each level is told once only, and they are not joined."""


@dataclass(frozen=True, slots=True)
class Stroke:
    """A line through points."""

    points: tuple[tuple[float, float], ...]
    colour: str
    width: float
    dash: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Area:
    """A filled polygon."""

    points: tuple[tuple[float, float], ...]
    colour: str


@dataclass(frozen=True, slots=True)
class Caption:
    """Words; *y* is that of the base line."""

    x: float
    y: float
    words: str
    colour: str = INK
    anchor: str = "start"
    """``start``, ``middle`` or ``end``."""
    is_bold: bool = False


Shape = Stroke | Area | Caption


@dataclass(frozen=True, slots=True)
class Scale:
    """From time and level to the paper."""

    span: Span
    lowest_db: int
    highest_db: int

    def x(self, at: datetime) -> float:
        """Real time is even, so an hour that comes twice is as wide as two."""
        ratio = (at - self.span.starts_at).total_seconds() / self.span.duration_s
        return round(LEFT + min(1.0, max(0.0, ratio)) * (WIDTH - LEFT - RIGHT), 2)

    def y(self, level_db: float) -> float:
        """Levels beyond the scale lie at its edge."""
        ratio = (level_db - self.lowest_db) / (self.highest_db - self.lowest_db)
        return round(HEIGHT - BOTTOM - min(1.0, max(0.0, ratio)) * (HEIGHT - BOTTOM - TOP), 2)


def chart_of(report: Report, words: Words) -> list[Shape]:
    """All shapes, those behind first."""
    scale = _scale(report)
    return [
        *_no_data(report, scale),
        *_grid(scale),
        *_days(report, scale, words),
        *_excluded(report, scale, words),
        *_lmax(report.steps, scale),
        *_laeq(report.steps, scale),
        *_limits(report.limits, scale, words),
        *_clocks(report, scale, words),
        *_legend(report, words),
    ]


def _scale(report: Report) -> Scale:
    levels = [value for each in report.steps for value in (each.laeq, each.lmax) if value is not None]
    levels += [step.level_db for result in report.limits for step in result.line]
    lowest = min([LOWEST_DB, *(math.floor(level / 10) * 10 for level in levels)])
    highest = max([HIGHEST_DB, *(math.ceil(level / 10) * 10 for level in levels)])
    return Scale(report.reach.span, lowest, highest)


def _rectangle(x1: float, x2: float, y1: float, y2: float) -> tuple[tuple[float, float], ...]:
    return (x1, y1), (x2, y1), (x2, y2), (x1, y2)


def _no_data(report: Report, scale: Scale) -> Iterator[Shape]:
    top, bottom = TOP, HEIGHT - BOTTOM
    for gap in report.gaps:
        x1, x2 = scale.x(gap.starts_at), scale.x(gap.ends_at)
        if x2 > x1:
            yield Area(_rectangle(x1, x2, top, bottom), NO_DATA)


def _grid(scale: Scale) -> Iterator[Shape]:
    x1, x2 = LEFT, WIDTH - RIGHT
    for level_db in range(scale.lowest_db, scale.highest_db + 1, 10):
        y = scale.y(level_db)
        yield Stroke(((x1, y), (x2, y)), GRID, 0.5)
        yield Caption(x1 - 4, y + 2.4, str(level_db), MUTED, "end")
    yield Caption(x1 - 4, TOP - 5, "dB", MUTED, "end")


def _days(report: Report, scale: Scale, words: Words) -> Iterator[Shape]:
    """Marks of the local clock, or of the calendar."""
    y = HEIGHT - BOTTOM
    for at, label, is_strong in _marks(report, words):
        x = scale.x(at)
        yield Stroke(((x, TOP), (x, y)), GRID, 0.8 if is_strong else 0.4)
        yield Stroke(((x, y), (x, y + 3)), MUTED, 0.6)
        if label:
            yield Caption(x, y + 11, label, MUTED, "middle")
    yield Stroke(((LEFT, y), (WIDTH - RIGHT, y)), MUTED, 0.8)


def _marks(report: Report, words: Words) -> Iterator[tuple[datetime, str, bool]]:
    zone, days = report.reach.zone, report.reach.days
    if len(days) == 1:
        for hour in range(0, 24, 2):
            yield instant(days[0], time(hour), zone), f"{hour:02}:00" if hour % 4 == 0 else "", False
        yield report.reach.span.ends_at, "24:00", False
        return
    for day in days:
        begin = instant(day, time.min, zone)
        is_told = len(days) <= 7 or day.day == 1 or (day.weekday() == 0 and day.day > 3)
        label = words.short_date(day) if len(days) <= 7 else str(day.day)
        yield begin, label if is_told else "", day.weekday() == 0
    yield report.reach.span.ends_at, "", False


def _excluded(report: Report, scale: Scale, words: Words) -> Iterator[Shape]:
    top, bottom = TOP, HEIGHT - BOTTOM
    for row in report.exclusions:
        x1, x2 = scale.x(row.starts_at), scale.x(row.ends_at)
        if row.starts_at >= scale.span.ends_at or row.ends_at <= scale.span.starts_at:
            continue
        x2 = max(x2, round(x1 + 0.6, 2))
        yield from hatch(x1, x2, top, bottom)
        yield Stroke(((x1, top), (x1, bottom)), EXCLUDED, 0.5)
        yield Stroke(((x2, top), (x2, bottom)), EXCLUDED, 0.5)
        reason = words(f"reason {row.reason}")
        if x2 - x1 > 3.8 * len(reason):
            yield Caption(round((x1 + x2) / 2, 2), top + 8, reason, EXCLUDED, "middle")


def hatch(x1: float, x2: float, y1: float, y2: float) -> Iterator[Stroke]:
    """Lines that rise to the right, cut to a rectangle."""
    # the lines x + y = c, on one grid for the whole chart so that neighbours fit
    number = math.ceil((x1 + y1) / HATCH_PT)
    while number * HATCH_PT < x2 + y2:
        total = number * HATCH_PT
        left, right = max(x1, total - y2), min(x2, total - y1)
        if right > left:
            begin, end = (round(left, 2), round(total - left, 2)), (round(right, 2), round(total - right, 2))
            yield Stroke((begin, end), EXCLUDED, 0.35)
        number += 1


def _lmax(steps: Sequence[PeriodLevels], scale: Scale) -> Iterator[Shape]:
    for points in _stairs([(each, each.lmax) for each in steps], scale):
        yield Stroke(points, LMAX, 0.5)


def _laeq(steps: Sequence[PeriodLevels], scale: Scale) -> Iterator[Shape]:
    """Thick; thin where little of a step is known; a mark at the top where it was over-range."""
    known = [(each, each.laeq if is_judged(each.coverage) else None) for each in steps]
    poor = [(each, None if is_judged(each.coverage) else each.laeq) for each in steps]
    for points in _stairs(poor, scale):
        yield Stroke(points, POOR, 0.7)
    for points in _stairs(known, scale):
        yield Stroke(points, LAEQ, 1.1)
    for each in steps:
        if each.flags & Flag.OVER:
            x = round((scale.x(each.starts_at) + scale.x(each.ends_at)) / 2, 2)
            yield Area(((x, TOP), (x + 2.2, TOP + 4), (x - 2.2, TOP + 4)), LIMITS[0])


def _stairs(
    levels: Sequence[tuple[PeriodLevels, float | None]], scale: Scale
) -> Iterator[tuple[tuple[float, float], ...]]:
    """One line for each time without a gap."""
    points: list[tuple[float, float]] = []
    for each, value in levels:
        if value is None:
            if points:
                yield tuple(points)
            points = []
            continue
        y = scale.y(value)
        points += [(scale.x(each.starts_at), y), (scale.x(each.ends_at), y)]
    if points:
        yield tuple(points)


def _limits(results: Sequence[LimitResult], scale: Scale, words: Words) -> Iterator[Shape]:
    """The steps of each limit, dashed in its own colour, named at the right edge; equal ones are drawn once."""
    taken: list[float] = []
    drawn: set[tuple[Step, ...]] = set()
    for number, result in enumerate(each for each in results[: len(LIMITS)] if each.line):
        colour = LIMITS[number]
        if _plain(result.line) not in drawn:
            drawn.add(_plain(result.line))
            yield from _line(result.line, scale, words, colour, DASHES[number])
        y = scale.y(result.line[-1].level_db) + 2.4
        while any(abs(y - other) < TEXT + 1 for other in taken):
            y -= TEXT + 1.5
        taken.append(y)
        limit = result.kept.limit
        yield Caption(WIDTH - RIGHT + 4, round(y, 2), limit.label(limit.rows[0]), colour)


def _plain(line: tuple[Step, ...]) -> tuple[Step, ...]:
    return tuple(replace(step, amber_db=None) for step in line)


def _line(line: tuple[Step, ...], scale: Scale, words: Words, colour: str, dash: tuple[float, ...]) -> Iterator[Shape]:
    """Joined where it steps, as long as the steps can be told from each other."""
    is_dense = len(line) > MOST_JOINED
    joined: list[tuple[float, float]] = []
    told: set[float] = set()
    for at, step in enumerate(line):
        y, x1, x2 = scale.y(step.level_db), scale.x(step.starts_at), scale.x(step.ends_at)
        if joined and (is_dense or line[at - 1].ends_at != step.starts_at):
            yield Stroke(tuple(joined), colour, 1.0, () if is_dense else dash)
            joined = []
        joined += [(x1, y), (x2, y)]
        is_first = step.level_db not in told
        told.add(step.level_db)
        if is_first or (len(line) <= MOST_LABELLED and x2 - x1 > LEAST_LABEL_PT):
            yield Caption(x1 + 2, y - 2.5, words.db(step.level_db), colour)
    yield Stroke(tuple(joined), colour, 1.0, () if is_dense else dash)


def _clocks(report: Report, scale: Scale, words: Words) -> Iterator[Shape]:
    for at, change in report.reach.clock_changes:
        x = scale.x(at)
        yield Stroke(((x, TOP), (x, HEIGHT - BOTTOM)), INK, 0.6, (1.0, 2.0))
        told = words.signed(change / timedelta(hours=1), 0 if change % timedelta(hours=1) == timedelta() else 1)
        yield Caption(x + 3, TOP + 8, words("chart clocks", change=told), INK)


def _legend(report: Report, words: Words) -> Iterator[Shape]:
    """Below the axis; what does not occur is not explained."""
    labels = report.labels[0]
    letters = labels.frequency_weighting, labels.time_weighting
    entries: list[tuple[str, str, float, tuple[float, ...]]] = [
        (period_name("laeq", *letters, duration_name(report.step_s)), LAEQ, 1.1, ()),
        (period_name("lmax", *letters, duration_name(report.step_s)), LMAX, 0.5, ()),
    ]
    if any(each.laeq is not None and not is_judged(each.coverage) for each in report.steps):
        entries.append((words("chart poor"), POOR, 0.7, ()))
    if any(result.line for result in report.limits):
        entries.append((words("chart limit"), LIMITS[0], 1.0, DASHES[0]))
    x, y = LEFT, HEIGHT - 2.0
    for name, colour, width, dash in entries:
        yield Stroke(((x, y - 2.4), (x + 14, y - 2.4)), colour, width, dash)
        yield Caption(x + 17, y, name, INK)
        x += 17 + 4.4 * len(name) + 12
    blocks = [
        (words("chart no data"), bool(report.gaps), False),
        (words("chart excluded"), bool(report.exclusions), True),
    ]
    for name, is_there, is_hatched in blocks:
        if is_there:
            yield Area(_rectangle(x, x + 12, y - 6, y + 1), NO_DATA)
            yield from hatch(x, x + 12, y - 6, y + 1) if is_hatched else ()
            yield Caption(x + 15, y, name, INK)
            x += 15 + 4.4 * len(name) + 12
