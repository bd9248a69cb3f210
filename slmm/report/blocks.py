"""What a report is set from, the same for a page and for paper: headings, tables, facts, a drawing."""

from __future__ import annotations

from dataclasses import dataclass, field

from slmm.report.chart import Shape
from slmm.report.words import PLAIN, Rich

GOOD, CLOSE, BAD, OPEN = "good", "close", "bad", "open"
"""How a verdict is coloured; the word always stands beside the colour."""


@dataclass(frozen=True, slots=True)
class Heading:
    """Above a part."""

    words: str


@dataclass(frozen=True, slots=True)
class Prose:
    """A paragraph; *how* is plain, muted for what explains, or bold for what must not be missed."""

    words: Rich
    how: str = PLAIN


@dataclass(frozen=True, slots=True)
class Verdict:
    """The outcome of one limit."""

    mark: str
    """One or two words."""
    tone: str
    words: Rich


@dataclass(frozen=True, slots=True)
class Verdicts:
    """The outcome of all limits."""

    rows: tuple[Verdict, ...]


@dataclass(frozen=True, slots=True)
class Column:
    """Of a table."""

    title: Rich
    weight: float = 1.0
    """Its part of the width on paper."""
    is_number: bool = False
    wraps: bool = False
    """Whether its cells may be longer than a line."""


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of cells, as many as columns."""

    columns: tuple[Column, ...]
    rows: tuple[tuple[Rich, ...], ...]
    strong: frozenset[int] = frozenset()
    """Rows that sum the others up."""


@dataclass(frozen=True, slots=True)
class Facts:
    """Names with what is said of them."""

    rows: tuple[tuple[str, Rich], ...]


@dataclass(frozen=True, slots=True)
class Drawing:
    """The chart."""

    shapes: tuple[Shape, ...]
    described: str


@dataclass(frozen=True, slots=True)
class Signature:
    """Lines to write on."""

    labels: tuple[str, ...]


Block = Heading | Prose | Verdicts | Table | Facts | Drawing | Signature


@dataclass(frozen=True, slots=True)
class Sheet:
    """A whole report, ready to be set."""

    title: str
    subject: str
    """The unit."""
    when: str
    """The span, in words."""
    footer: str
    page_of: str
    """Such as ``page {number} of {count}``."""
    language: str
    name: str
    """For a file, without its ending."""
    blocks: tuple[Block, ...] = field(default_factory=tuple)
