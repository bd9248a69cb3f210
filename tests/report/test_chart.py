"""What stands in the drawing, and that page and paper have the same."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from dataclasses import replace
from itertools import pairwise

import pytest

from slmm.report import chart, reach
from slmm.report.chart import (
    BOTTOM,
    EXCLUDED,
    HEIGHT,
    LAEQ,
    LEFT,
    LIMITS,
    NO_DATA,
    RIGHT,
    TOP,
    WIDTH,
    Area,
    Caption,
    Stroke,
    chart_of,
    hatch,
)
from slmm.report.gather import Wanted
from slmm.report.svg import svg
from slmm.report.words import Words
from tests.report.conftest import A_FAST, Told
from tests.report.made import Archive, at, site

WORDS = Words("Europe/Berlin")
TWELVE_H = (WIDTH - LEFT - RIGHT) / 2


def strokes(shapes: list[chart.Shape], colour: str) -> list[Stroke]:
    return [each for each in shapes if isinstance(each, Stroke) and each.colour == colour]


def test_a_gap_is_a_gap(told: Told) -> None:
    report = told(limit_id=1)
    lines = [each for each in strokes(chart_of(report, WORDS), LAEQ) if len(each.points) > 2 and each.width > 1]
    gap = report.gaps[0]
    ratio = (gap.starts_at - report.reach.span.starts_at).total_seconds() / 86_400
    x = LEFT + ratio * (WIDTH - LEFT - RIGHT)
    assert len(lines) == 2
    assert lines[0].points[-1][0] <= x + 0.1 < lines[1].points[0][0]


def test_a_mean_is_a_step(told: Told) -> None:
    for line in strokes(chart_of(told(), WORDS), LAEQ):
        levels = line.points
        assert all(a[1] == b[1] for a, b in zip(levels[::2], levels[1::2], strict=True))  # each step is level
        assert all(
            a[0] == b[0] for a, b in zip(levels[1::2], levels[2::2], strict=False)
        )  # and ends where the next begins


def test_no_data_lies_behind_where_nothing_is_known(told: Told) -> None:
    areas = [each for each in chart_of(told(), WORDS) if isinstance(each, Area) and each.colour == NO_DATA]
    assert areas[0].points[0][0] == pytest.approx(LEFT + TWELVE_H * 2 * (19 * 60 + 40) / 1440, abs=0.02)
    assert areas[0].points[1][0] == pytest.approx(LEFT + TWELVE_H * 2 * (20 * 60 + 12) / 1440, abs=0.02)


def test_the_limit_steps_with_its_hours(told: Told) -> None:
    found = strokes(chart_of(told(limit_id=1), WORDS), LIMITS[0])
    line = next(each for each in found if len(each.points) == 6)
    assert line.dash
    assert [round(x - LEFT, 1) for x, _ in line.points[1::2]] == [round(TWELVE_H * h / 12, 1) for h in (7, 20, 24)]
    captions = [each.words for each in chart_of(told(), WORDS) if isinstance(each, Caption)]
    assert captions.count("70.0") == 1  # two limits of the same levels are one line with two names
    assert {"LAeq,15min", "LAeq,13h"} <= set(captions)


def test_names_of_limits_do_not_lie_on_each_other(told: Told) -> None:
    names = [each for each in chart_of(told(), WORDS) if isinstance(each, Caption) and each.x > WIDTH - RIGHT]
    assert len(names) == 2
    assert all(abs(one.y - other.y) >= chart.TEXT for one, other in pairwise(names))


def test_an_exclusion_is_hatched_and_a_withdrawn_one_is_not(told: Told) -> None:
    report = told()
    spans = [(row.starts_at, row.ends_at) for row in report.exclusions]
    assert spans == [(at("2026-11-20 10:30"), at("2026-11-20 11:50"))]
    lines = strokes(chart_of(report, WORDS), EXCLUDED)
    assert len(lines) > 10
    inside = [x for line in lines for x, y in line.points if y <= HEIGHT - BOTTOM]
    assert min(inside) == pytest.approx(LEFT + TWELVE_H * 2 * (11 * 60 + 30) / 1440, abs=0.02)
    assert max(inside) == pytest.approx(LEFT + TWELVE_H * 2 * (12 * 60 + 50) / 1440, abs=0.02)


@pytest.mark.parametrize(("x1", "x2"), [(0.0, 100.0), (10.3, 10.9), (50.0, 53.0)])
def test_a_hatch_stays_within_its_rectangle(x1: float, x2: float) -> None:
    for line in hatch(x1, x2, 12.0, 130.0):
        for x, y in line.points:
            assert x1 - 0.01 <= x <= x2 + 0.01
            assert 12.0 - 0.01 <= y <= 130.0 + 0.01


def test_everything_lies_on_the_paper(told: Told) -> None:
    for name in ("2026-11-20", "2026-W47", "2026-11"):
        for shape in chart_of(told(name), WORDS):
            points = ((shape.x, shape.y),) if isinstance(shape, Caption) else shape.points
            assert all(0 <= x <= WIDTH and 0 <= y <= HEIGHT for x, y in points), shape


def test_louder_levels_widen_the_scale(told: Told) -> None:
    report = told()
    loud = replace(report, steps=(replace(report.steps[0], laeq=121.0, lmax=128.0), *report.steps[1:]))
    captions = [each.words for each in chart_of(loud, WORDS) if isinstance(each, Caption)]
    assert "130" in captions
    assert "130" not in [each.words for each in chart_of(report, WORDS) if isinstance(each, Caption)]


def test_an_hour_that_comes_twice_is_as_wide_as_two(fresh: Archive) -> None:
    fresh.put(site(at("2026-10-24 22:00"), 1500))
    report = fresh.gatherer.gather(Wanted("north-gate", reach.of_day("2026-10-25", "Europe/Berlin")), A_FAST)
    shapes = chart_of(report, WORDS)
    marks = {each.words: each.x for each in shapes if isinstance(each, Caption)}
    hour = (WIDTH - LEFT - RIGHT) / 25
    assert marks["04:00"] - marks["00:00"] == pytest.approx(5 * hour, abs=0.02)
    assert marks["08:00"] - marks["04:00"] == pytest.approx(4 * hour, abs=0.02)
    assert "clocks −1 h" in marks


def test_page_and_paper_have_every_shape(told: Told) -> None:
    from slmm.report.paper import picture  # reportlab takes a while

    shapes = chart_of(told(), WORDS)
    page = ET.fromstring(svg(shapes, "a <chart> & more"))
    assert len(list(page)) - 1 == len(shapes) == len(picture(tuple(shapes)).contents)
    assert page[0].text == "a <chart> & more"
    lowest = (HEIGHT - BOTTOM, TOP)
    assert lowest[0] > lowest[1]
