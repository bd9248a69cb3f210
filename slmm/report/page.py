"""A report as one HTML page that needs nothing else: it may be saved, mailed and printed."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from slmm.report.blocks import Block, Drawing, Sheet
from slmm.report.svg import svg

TOP = Path(__file__).resolve().parents[2]
STYLE = TOP / "static" / "css" / "report.css"


@dataclass(frozen=True, slots=True)
class Link:
    """Above the page on a screen, never on paper."""

    words: str
    address: str


@cache
def _environment() -> Environment:
    made = Environment(
        loader=FileSystemLoader(TOP / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters["kind"] = _kind
    made.filters["drawn"] = _drawn
    return made


def _kind(block: Block) -> str:
    return type(block).__name__.lower()


def _drawn(block: Drawing) -> Markup:
    return Markup(svg(block.shapes, block.described))


@cache
def style() -> str:
    """The sheet that stands in every page."""
    return STYLE.read_text(encoding="utf-8")


@cache
def policy() -> str:
    """What a browser may do with such a page: apply its own style, and nothing else."""
    digest = base64.b64encode(hashlib.sha256(style().encode()).digest()).decode()
    return (
        f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; frame-ancestors 'none'; form-action 'none'"
    )


def html_of(sheet: Sheet, links: tuple[Link, ...] = ()) -> bytes:
    """The page in UTF-8."""
    # not autoescaped, or its hash would be another
    page = _environment().get_template("report.html").render(sheet=sheet, links=links, style=Markup(style()))
    return page.encode("utf-8")
