"""A report as PDF on A4, drawn by reportlab; the same sheet gives the same bytes, in any process and at any time.

reportlab is an optional extra: this module is imported by whoever needs it, in the thread of the press.
"""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from typing import Any
from xml.sax.saxutils import escape

import reportlab
from reportlab.graphics.shapes import Drawing as Picture
from reportlab.graphics.shapes import Polygon, PolyLine, String
from reportlab.lib.colors import HexColor
from reportlab.lib.enums import TA_RIGHT
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import CondPageBreak, Flowable, KeepTogether, Paragraph, SimpleDocTemplate, Spacer
from reportlab.platypus import Table as Grid

from slmm.report.blocks import (
    BAD,
    CLOSE,
    GOOD,
    Block,
    Column,
    Drawing,
    Facts,
    Heading,
    Prose,
    Sheet,
    Signature,
    Table,
    Verdict,
    Verdicts,
)
from slmm.report.chart import HEIGHT, TEXT, WIDTH, Area, Shape, Stroke
from slmm.report.words import BOLD, MUTED, Rich

FONTS = {"Report": "Vera.ttf", "Report-Bold": "VeraBd.ttf"}
"""Bitstream Vera, which comes with reportlab: the same on every computer, and free to embed."""
MARGIN, FOOT = 13 * mm, 16 * mm
INK, GREY, LINE = HexColor("#1b2733"), HexColor("#5b6873"), HexColor("#d9dee3")
TONES = {GOOD: ("#1c6b3c", "#edf7f0"), CLOSE: ("#7a4f00", "#fff6e0"), BAD: ("#ffffff", "#b3261e")}
_OPEN_TONE = ("#5b6873", "#f1f3f5")
SIZE, SMALL = 7.0, 6.3
LEAST_PT = 54.0
"""A heading stands no closer to the end of a page, so that something follows it."""
_PAD = 1.2
_FRAME_PT = 6.0
"""What reportlab leaves free on either side of a column of text."""


def _style(name: str, **more: Any) -> ParagraphStyle:
    base: dict[str, Any] = {"fontName": "Report", "fontSize": SIZE, "leading": SIZE * 1.27, "textColor": INK}
    return ParagraphStyle(name, **{**base, **more})


class _Styles:
    """Made when the fonts are known."""

    def __init__(self) -> None:
        fonts = os.path.join(os.path.dirname(reportlab.__file__), "fonts")
        for name, file in FONTS.items():
            pdfmetrics.registerFont(TTFont(name, os.path.join(fonts, file)))
        pdfmetrics.registerFontFamily(
            "Report", normal="Report", bold="Report-Bold", italic="Report", boldItalic="Report-Bold"
        )
        self.known = frozenset(pdfmetrics.getFont("Report").face.charToGlyph)
        self.title = _style("title", fontName="Report-Bold", fontSize=13, leading=16)
        self.when = _style("when", fontSize=10, leading=13)
        self.heading = _style("heading", fontName="Report-Bold", fontSize=8.4, leading=11, spaceBefore=5, spaceAfter=1)
        self.body = _style("body", spaceAfter=1.5)
        self.muted = _style("muted", fontSize=SMALL, leading=SMALL * 1.27, textColor=GREY, spaceAfter=1.5)
        self.bold = _style("bold", fontName="Report-Bold", spaceAfter=1.5)
        self.cell = _style("cell")
        self.number = _style("number", alignment=TA_RIGHT)
        self.strong = _style("strong", fontName="Report-Bold")
        self.strong_number = _style("strong number", fontName="Report-Bold", alignment=TA_RIGHT)
        self.title_cell = _style("title cell", textColor=GREY)
        self.title_number = _style("title number", textColor=GREY, alignment=TA_RIGHT)


def pdf_of(sheet: Sheet) -> bytes:
    """The file."""
    styles = _Styles()
    setter = _Setter(styles)
    story: list[Flowable] = [
        Paragraph(setter.plain(f"{sheet.title}  {sheet.subject}"), styles.title),
        Paragraph(setter.plain(sheet.when), styles.when),
        _Rule(1.2),
    ]
    story += setter.flowables(sheet.blocks)
    target = io.BytesIO()
    document = SimpleDocTemplate(
        target,
        pagesize=A4,
        leftMargin=MARGIN,
        rightMargin=MARGIN,
        topMargin=MARGIN,
        bottomMargin=FOOT,
        title=f"{sheet.title} {sheet.subject} {sheet.when}",
        author="SLMM",
        subject=sheet.footer,
        lang=sheet.language,
        invariant=1,
    )
    document.build(story, canvasmaker=_numbered(setter.known_only(sheet.footer), sheet.page_of))
    return target.getvalue()


def _numbered(footer: str, page_of: str) -> Callable[..., Canvas]:
    """A canvas that knows how many pages there are before it writes the first footer."""

    class Numbered(Canvas):  # type: ignore[misc]
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **{**kwargs, "invariant": 1})
            self._pages: list[dict[str, Any]] = []

        def showPage(self) -> None:
            self._pages.append(dict(self.__dict__))
            self._startPage()

        def save(self) -> None:
            for number, page in enumerate(self._pages, 1):
                self.__dict__.update(page)
                self.setFont("Report", SMALL)
                self.setFillColor(GREY)
                self.drawString(MARGIN, FOOT - 14, footer)
                self.drawRightString(A4[0] - MARGIN, FOOT - 14, page_of.format(number=number, count=len(self._pages)))
                super().showPage()
            super().save()

    return Numbered


class _Rule(Flowable):  # type: ignore[misc]
    """A line across the page."""

    def __init__(self, width: float) -> None:
        super().__init__()
        self._line_width = width

    def wrap(self, width: float, height: float) -> tuple[float, float]:
        self._length = width
        return width, 4.0

    def draw(self) -> None:
        self.canv.setStrokeColor(INK)
        self.canv.setLineWidth(self._line_width)
        self.canv.line(0, 2, self._length, 2)


class _Setter:
    """Blocks as what reportlab lays out."""

    def __init__(self, styles: _Styles) -> None:
        self._styles = styles
        self._width = A4[0] - 2 * MARGIN - 2 * _FRAME_PT

    def flowables(self, blocks: tuple[Block, ...]) -> list[Flowable]:
        """In their order."""
        found: list[Flowable] = []
        for block in blocks:
            found += self._of(block)
        return found

    def _of(self, block: Block) -> list[Flowable]:
        styles = self._styles
        match block:
            case Heading():
                # not keepWithNext, which would take a long table to the next page whole
                return [CondPageBreak(LEAST_PT), Paragraph(self.plain(block.words), styles.heading)]
            case Prose():
                style = {MUTED: styles.muted, BOLD: styles.bold}.get(block.how, styles.body)
                return [Paragraph(self._rich(block.words), style)]
            case Verdicts():
                return [part for row in block.rows for part in (self._verdict(row), Spacer(1, 2))]
            case Drawing():
                return [picture(block.shapes), Spacer(1, 2)]
            case Table():
                return [self._table(block)]
            case Facts():
                return [self._facts(block)]
            case Signature():
                return [KeepTogether([Spacer(1, 24), self._signature(block)])]

    def _verdict(self, row: Verdict) -> Grid:
        ink, ground = TONES.get(row.tone, _OPEN_TONE)
        mark = _style("mark", fontName="Report-Bold", textColor=HexColor(ink), alignment=1)
        cells = [Paragraph(self.plain(row.mark), mark), Paragraph(self._rich(row.words), self._styles.cell)]
        look = [
            ("VALIGN", (0, 0), (-1, -1), "TOP"),
            ("BACKGROUND", (0, 0), (0, 0), HexColor(ground)),
            ("BOX", (0, 0), (0, 0), 0.5, HexColor(ink)),
            *_padding(1.5),
        ]
        return Grid([cells], colWidths=[76, self._width - 76], style=look)

    def _table(self, block: Table) -> Grid:
        total = sum(column.weight for column in block.columns)
        widths = [self._width * column.weight / total for column in block.columns]
        rows: list[list[Any]] = [[self._title(column) for column in block.columns]]
        for at, cells in enumerate(block.rows):
            is_strong = at in block.strong
            rows.append(
                [self._cell(cell, column, is_strong) for cell, column in zip(cells, block.columns, strict=True)]
            )
        look = [
            ("VALIGN", (0, 0), (-1, -1), "TOP"),
            ("LINEBELOW", (0, 0), (-1, -1), 0.4, LINE),
            ("LINEBELOW", (0, 0), (-1, 0), 0.6, GREY),
            ("LEFTPADDING", (0, 0), (0, -1), 0),
            ("FONT", (0, 0), (-1, -1), "Report", SIZE, SIZE * 1.27),
            ("TEXTCOLOR", (0, 0), (-1, -1), INK),
            *_padding(_PAD),
        ]
        look += [("ALIGN", (at, 0), (at, -1), "RIGHT") for at, each in enumerate(block.columns) if each.is_number]
        look += [("FONT", (0, at + 1), (-1, at + 1), "Report-Bold", SIZE, SIZE * 1.27) for at in sorted(block.strong)]
        return Grid(rows, colWidths=widths, style=look, repeatRows=1, splitInRow=1)

    def _title(self, column: Column) -> Paragraph:
        styles = self._styles
        return Paragraph(self._rich(column.title), styles.title_number if column.is_number else styles.title_cell)

    def _cell(self, cell: Rich, column: Column, is_strong: bool) -> Any:
        """As a bare text where that is the same: paragraphs take most of the time."""
        if not column.wraps and all(how == "" for _, how in cell):
            return self.known_only("".join(words for words, _ in cell))
        styles = self._styles
        if is_strong and not column.wraps:
            return Paragraph(self._rich(cell), styles.strong_number if column.is_number else styles.strong)
        return Paragraph(self._rich(cell), styles.number if column.is_number else styles.cell)

    def _facts(self, block: Facts) -> Grid:
        small = _style("fact", fontSize=SMALL, leading=SMALL * 1.27)
        rows = [
            [Paragraph(self.plain(name), self._styles.muted), Paragraph(self._rich(words), small)]
            for name, words in block.rows
        ]
        look = [("VALIGN", (0, 0), (-1, -1), "TOP"), ("LEFTPADDING", (0, 0), (0, -1), 0), *_padding(0.4)]
        return Grid(rows, colWidths=[62, self._width - 62], style=look)

    def _signature(self, block: Signature) -> Grid:
        count = len(block.labels)
        width = (self._width - 20 * (count - 1)) / count
        row: list[str] = []
        widths: list[float] = []
        look = [("FONT", (0, 0), (-1, -1), "Report", SMALL), ("TEXTCOLOR", (0, 0), (-1, -1), GREY), *_padding(2)]
        for at, label in enumerate(block.labels):
            if at:
                row.append("")
                widths.append(20)
            look += [
                ("LINEABOVE", (len(row), 0), (len(row), 0), 0.6, INK),
                ("LEFTPADDING", (len(row), 0), (len(row), 0), 0),
            ]
            row.append(self.known_only(label))
            widths.append(width)
        return Grid([row], colWidths=widths, style=look)

    def known_only(self, words: str) -> str:
        """Letters that the font lacks as their number: nothing is left out in silence."""
        known = self._styles.known
        return "".join(each if ord(each) in known or each == "\n" else f"[U+{ord(each):04X}]" for each in words)

    def plain(self, words: str) -> str:
        """For a paragraph."""
        return escape(self.known_only(words)).replace("\n", "<br/>")

    def _rich(self, words: Rich) -> str:
        return "".join(self._piece(piece, how) for piece, how in words)

    def _piece(self, words: str, how: str) -> str:
        told = self.plain(words)
        match how:
            case "sub":
                return f'<sub rise="1.6" size="{SIZE * 0.78:.2f}">{told}</sub>'
            case "bold":
                return f"<b>{told}</b>"
            case "struck":
                return f'<strike><font color="#5b6873">{told}</font></strike>'
            case "muted":
                return f'<font color="#5b6873">{told}</font>'
        return told


def _padding(vertical: float) -> list[tuple[Any, ...]]:
    whole = (0, 0), (-1, -1)
    return [("TOPPADDING", *whole, vertical), ("BOTTOMPADDING", *whole, vertical), ("RIGHTPADDING", *whole, 4)]


def picture(shapes: tuple[Shape, ...]) -> Picture:
    """The chart; what points down on a page points up on paper."""
    drawing = Picture(WIDTH, HEIGHT)
    for shape in shapes:
        drawing.add(_shape(shape))
    return drawing


def _flat(points: tuple[tuple[float, float], ...]) -> list[float]:
    return [value for x, y in points for value in (x, HEIGHT - y)]


def _shape(shape: Shape) -> Any:
    if isinstance(shape, Stroke):
        return PolyLine(
            _flat(shape.points),
            strokeColor=HexColor(shape.colour),
            strokeWidth=shape.width,
            strokeDashArray=list(shape.dash) or None,
        )
    if isinstance(shape, Area):
        return Polygon(_flat(shape.points), fillColor=HexColor(shape.colour), strokeColor=None, strokeWidth=0)
    return String(
        shape.x,
        HEIGHT - shape.y,
        shape.words,
        fontName="Report-Bold" if shape.is_bold else "Report",
        fontSize=TEXT - 0.8,
        fillColor=HexColor(shape.colour),
        textAnchor=shape.anchor,
    )
