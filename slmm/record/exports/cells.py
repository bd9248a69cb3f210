"""Rows of a sheet as SpreadsheetML, in words of Python and of SQL (ECMA-376 part 1, 18.3.1).

XLSX is made of them: a million rows put together by Python would hold the interpreter, and everybody's frames, for a
minute and a half; DuckDB puts them together without it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from xml.sax.saxutils import escape

from slmm.record.exports.tables import Column, Kind

_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - on whatever clock the column has
_EPOCH_DAYS = 25_569
"""Days from Excel's day 0 (1899-12-30, for dates from March 1900 on) to 1970."""
_DAY_US = 86_400_000_000.0
_NO_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
"""Characters that XML does not have."""
_NO_XML_SQL = "[\\x00-\\x08\\x0b\\x0c\\x0e-\\x1f\\x{FFFE}\\x{FFFF}]"


def letters(number: int) -> str:
    """The name of a column, from 0: A … Z, AA …"""
    found = ""
    number += 1
    while number:
        number, rest = divmod(number - 1, 26)
        found = chr(65 + rest) + found
    return found


@dataclass(frozen=True, slots=True)
class Grid:
    """Where cells stand and how they look."""

    columns: tuple[Column, ...]
    styles: tuple[str, ...]
    """The number of each column's style; empty for the usual one."""

    def begin(self, place: int) -> str:
        """What stands before the number of the row."""
        return f'<c r="{letters(place)}'

    def opening(self, place: int) -> str:
        """What stands between the number of the row and the value."""
        style = f' s="{self.styles[place]}"' if self.styles[place] else ""
        if self.columns[place].kind is Kind.TEXT:
            return f'"{style} t="inlineStr"><is><t xml:space="preserve">'
        return f'"{style}><v>'

    def closing(self, place: int) -> str:
        """What stands after the value."""
        return "</t></is></c>" if self.columns[place].kind is Kind.TEXT else "</v></c>"

    def rows(self, rows: Sequence[tuple[Any, ...]], first: int) -> str:
        """Rows from number *first* on; what is not known has no cell."""
        return "".join(self._row(row, first + number) for number, row in enumerate(rows))

    def _row(self, row: tuple[Any, ...], number: int) -> str:
        cells = "".join(
            f"{self.begin(place)}{number}{self.opening(place)}{_value(value, column.kind)}{self.closing(place)}"
            for place, (value, column) in enumerate(zip(row, self.columns, strict=True))
            if value is not None
        )
        return f'<row r="{number}">{cells}</row>'

    def row_sql(self, values: Sequence[str], number: str) -> str:
        """SQL for one row; *values* are SQL for what stands in the cells, null for no cell."""
        cells = [
            f"coalesce({_literal(self.begin(place))} || {number} || {_literal(self.opening(place))} || {value}"
            f" || {_literal(self.closing(place))}, '')"
            for place, value in enumerate(values)
        ]
        return f"concat('<row r=\"', {number}, '\">', {', '.join(cells)}, '</row>')"


def _value(value: Any, kind: Kind) -> str:
    match kind:
        case Kind.UTC | Kind.LOCAL:
            return repr((value.replace(tzinfo=None) - _EPOCH) // timedelta(microseconds=1) / _DAY_US + _EPOCH_DAYS)
        case Kind.LEVEL:
            return f"{value:.1f}"
        case Kind.YES_NO:
            return "1" if value else "0"
        case Kind.TEXT:
            return escape(_NO_XML.sub("", str(value)))
    return repr(value)


def value_sql(expression: str, kind: Kind) -> str:
    """SQL for what stands in a cell, as ``Grid.rows`` writes it; null for no cell."""
    match kind:
        case Kind.UTC | Kind.LOCAL:
            return f"cast(epoch_us({expression}) / {_DAY_US} + {_EPOCH_DAYS} as varchar)"
        case Kind.LEVEL:
            return f"format('{{:.1f}}', {expression})"
        case Kind.YES_NO:
            return f"case when {expression} then '1' when not {expression} then '0' end"
        case Kind.TEXT:
            clean = f"regexp_replace({expression}, {_literal(_NO_XML_SQL)}, '', 'g')"
            return f"replace(replace(replace({clean}, '&', '&amp;'), '<', '&lt;'), '>', '&gt;')"
    return f"cast({expression} as varchar)"


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
