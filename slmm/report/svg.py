"""Shapes as SVG, without a style attribute, for the page's policy allows none; pure."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

from slmm.report.chart import HEIGHT, TEXT, WIDTH, Area, Shape, Stroke


def svg(shapes: Iterable[Shape], described: str) -> str:
    """One drawing; *described* is for those who cannot see it."""
    inner = "\n".join(_element(shape) for shape in shapes)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_n(WIDTH)} {_n(HEIGHT)}" role="img"'
        f' font-size="{_n(TEXT)}"><title>{escape(described)}</title>\n{inner}\n</svg>'
    )


def _n(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".")


def _element(shape: Shape) -> str:
    if isinstance(shape, Stroke):
        dash = f' stroke-dasharray="{" ".join(_n(each) for each in shape.dash)}"' if shape.dash else ""
        return (
            f'<polyline points="{_points(shape.points)}" fill="none" stroke="{shape.colour}"'
            f' stroke-width="{_n(shape.width)}"{dash}/>'
        )
    if isinstance(shape, Area):
        return f'<polygon points="{_points(shape.points)}" fill="{shape.colour}"/>'
    anchor = "" if shape.anchor == "start" else f' text-anchor="{shape.anchor}"'
    weight = ' font-weight="bold"' if shape.is_bold else ""
    return (
        f'<text x="{_n(shape.x)}" y="{_n(shape.y)}" fill="{shape.colour}"{anchor}{weight}>{escape(shape.words)}</text>'
    )


def _points(points: Iterable[tuple[float, float]]) -> str:
    return " ".join(f"{_n(x)},{_n(y)}" for x, y in points)
