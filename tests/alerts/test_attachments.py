"""Tables and charts that stand for themselves."""

import csv
import math
import re
from datetime import UTC, datetime, timedelta
from xml.etree import ElementTree

import pytest

from slmm.alerts.attachments import HEIGHT, WIDTH, Point, chart_svg, csv_of

START = datetime(2026, 10, 25, 0, 50, tzinfo=UTC)
"""Ten minutes before the clocks of Berlin go back."""
BERLIN = "Europe/Berlin"
SVG = "{http://www.w3.org/2000/svg}"


def trail(*levels: float | None, step_s: float = 1.0) -> list[Point]:
    return [(START + timedelta(seconds=number * step_s), level) for number, level in enumerate(levels)]


def drawn(points: list[Point], threshold_db: float | None = 70.0, title: str = "Alert") -> ElementTree.Element:
    return ElementTree.fromstring(chart_svg("nl43-1", points, threshold_db, BERLIN, title).content)


def texts(chart: ElementTree.Element) -> list[str]:
    return [element.text or "" for element in chart.iter(f"{SVG}text")]


def line_of(chart: ElementTree.Element) -> str:
    (path,) = (path for path in chart.iter(f"{SVG}path") if path.get("stroke") == "#1f4e79")
    return path.get("d", "")


def test_the_table_says_what_it_is_and_leaves_gaps_empty() -> None:
    attachment = csv_of("nl43-1", trail(61.24, None, math.nan, 62.0), BERLIN, "LAF")
    assert (attachment.name, attachment.content_type) == ("nl43-1.csv", "text/csv; charset=utf-8")
    lines = attachment.content.decode().split("\r\n")
    assert lines[:3] == ["# unit: nl43-1", "# quantity: LAF in dB", "# time zone: Europe/Berlin"]
    assert list(csv.reader(lines[3:-1])) == [
        ["time", "level_db"],
        ["2026-10-25T02:50:00.000+02:00", "61.2"],
        ["2026-10-25T02:50:01.000+02:00", ""],
        ["2026-10-25T02:50:02.000+02:00", ""],
        ["2026-10-25T02:50:03.000+02:00", "62.0"],
    ]


def test_the_table_tells_the_two_passes_of_an_hour_apart() -> None:
    rows = csv_of("nl43-1", trail(60.0, 60.0, step_s=3600), BERLIN).content.decode().split("\r\n")[4:6]
    assert [row.partition(",")[0] for row in rows] == [
        "2026-10-25T02:50:00.000+02:00",
        "2026-10-25T02:50:00.000+01:00",
    ]


def test_a_name_cannot_add_lines_to_the_table() -> None:
    attachment = csv_of("a\r\n=cmd()/..\ud800", [], "UTC")
    assert attachment.content.decode().count("\r\n") == 4
    assert attachment.name == "a___cmd______.csv"


def test_the_chart_stands_for_itself_on_a_light_ground() -> None:
    attachment = chart_svg("nl43-1", trail(60.0, 61.0), 70.0, BERLIN, "Alert")
    assert (attachment.name, attachment.content_type) == ("nl43-1.svg", "image/svg+xml")
    assert not re.search(rb"href|<script|<style|style=|url\(|@import", attachment.content)
    chart = ElementTree.fromstring(attachment.content)
    ground = chart.find(f".//{SVG}rect")
    assert ground is not None
    assert (ground.get("fill"), ground.get("width"), ground.get("height")) == ("#ffffff", str(WIDTH), str(HEIGHT))


def test_the_scale_is_the_same_for_usual_levels_and_grows_for_others() -> None:
    usual = [str(level) for level in range(30, 101, 10)]
    assert [text for text in texts(drawn(trail(60.0, 61.0))) if text.isdecimal()] == usual
    grown = [text for text in texts(drawn(trail(22.0, 61.0), threshold_db=113.0)) if text.isdecimal()]
    assert (grown[0], grown[-1]) == ("20", "120")


def test_missing_levels_and_pauses_are_gaps_and_a_lone_level_is_a_dot() -> None:
    points = [*trail(60.0, 61.0, None, 62.0, None, 63.0, 64.0), (START + timedelta(seconds=30), 65.0)]
    assert re.sub(r"[\d. ]+", "", line_of(drawn(points)).replace("h0", "h")) == "MhLMhMhLMh"


def test_levels_are_where_the_scale_says() -> None:
    chart = drawn(trail(30.0, 100.0))
    assert line_of(chart) == "M52.0 276.0h0 L678.0 40.0"


def test_the_threshold_is_dashed_and_labelled_at_the_right_edge() -> None:
    chart = drawn(trail(60.0, 61.0), threshold_db=72.5)
    (dashed,) = (path for path in chart.iter(f"{SVG}path") if path.get("stroke-dasharray"))
    (label,) = (text for text in chart.iter(f"{SVG}text") if text.text == "72.5 dB")
    y = float(dashed.get("d", "").split(" ")[1].partition("H")[0])
    assert float(label.get("x", "0")) > 678
    assert float(label.get("y", "0")) == pytest.approx(y + 4)


def test_without_a_threshold_there_is_no_line() -> None:
    assert not [
        path for path in drawn(trail(60.0), threshold_db=None).iter(f"{SVG}path") if path.get("stroke-dasharray")
    ]


def test_the_clock_is_local() -> None:
    shown = texts(drawn(trail(*[60.0] * 901)))
    assert [text for text in shown if ":" in text] == [f"02:{minute}" for minute in (50, 52, 54, 56, 58)] + [
        f"02:0{minute}" for minute in (0, 2, 4)
    ]
    assert BERLIN in shown


def test_the_chart_can_be_read_aloud() -> None:
    chart = drawn(trail(60.0, None, 74.24), title="Night limit")
    assert chart.get("role") == "img"
    assert chart.get("aria-labelledby") == "title description"
    assert chart.findtext(f"{SVG}title") == "Night limit"
    assert chart.findtext(f"{SVG}desc") == (
        "Level of unit nl43-1 in dB from 2026-10-25 02:50:00 to 2026-10-25 02:50:02 (Europe/Berlin), "
        "between 60.0 and 74.2 dB. The dashed line is the threshold, 70.0 dB."
    )


def test_text_is_escaped() -> None:
    chart = drawn(trail(60.0), title="</title><script>alert('x')</script> & \x00\ud800")
    assert chart.find(f".//{SVG}script") is None
    assert (chart.findtext(f"{SVG}title") or "").startswith("</title><script>")


def test_a_long_title_is_cut_where_it_is_seen_and_whole_where_it_is_read() -> None:
    chart = drawn(trail(60.0), title="x" * 100)
    assert "x" * 69 + "…" in texts(chart)
    assert chart.findtext(f"{SVG}title") == "x" * 100


@pytest.mark.parametrize("points", [[], trail(None, None)])
def test_without_readings_the_chart_says_so(points: list[Point]) -> None:
    chart = drawn(points)
    assert "no readings" in texts(chart)
    assert "no readings" in (chart.findtext(f"{SVG}desc") or "")


def test_a_single_reading_is_drawn() -> None:
    assert line_of(drawn(trail(60.0))).startswith("M52.0 ")
