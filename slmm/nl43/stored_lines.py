"""Cuts what the SD card stored into numbered lines of text; never raises, whatever the bytes are.

Files end their lines with CR LF; LF alone is taken as well. The text is ASCII but for what a person typed in the
language of the meter, so each line is decoded by itself. Cutting comes first: no second byte of UTF-8, cp949 or
cp932 is a line end or a comma.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

ENCODINGS = ("utf-8", "cp949", "cp932")
"""Tried in this order; cards of Korean meters hold cp949, a Japanese one may give cp932."""
LINE_LIMIT_BYTES = 8192
"""The longest row known, 33 bands of an NX-42RT, has about 300 bytes."""
SHOWN_CHARACTERS = 120


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something in a file that was not as it should be; nothing is left out without one."""

    line: int
    """Counted from 1; 0 for the file as a whole."""
    text: str
    """What stood there, printable and shortened."""
    reason: str
    is_left_out: bool = True
    """Whether a row is missing from the result for it."""

    def __str__(self) -> str:
        place = f"line {self.line}: " if self.line else ""
        return f"{place}{self.reason}{f': {self.text!r}' if self.text else ''}"


@dataclass(frozen=True, slots=True)
class Line:
    """One line without its end."""

    number: int
    text: str
    is_ended: bool = True
    """False for a last line without an end: cut off, or still being written."""
    is_too_long: bool = False
    """Only its beginning is kept."""


def split_lines(chunks: Iterable[bytes]) -> Iterator[Line]:
    """Bytes in pieces of any size (an open binary file will do) as lines, holding no more than one at a time."""
    number, kept, is_too_long = 1, b"", False
    for chunk in chunks:
        *ended, rest = chunk.split(b"\n")
        for piece in ended:
            yield _line(number, kept + piece, True, is_too_long)
            number, kept, is_too_long = number + 1, b"", False
        kept += rest
        if len(kept) > LINE_LIMIT_BYTES:
            kept, is_too_long = kept[:LINE_LIMIT_BYTES], True
    if kept:
        yield _line(number, kept, False, is_too_long)


def _line(number: int, raw: bytes, is_ended: bool, is_too_long: bool) -> Line:
    if len(raw) > LINE_LIMIT_BYTES:
        raw, is_too_long = raw[:LINE_LIMIT_BYTES], True
    if number == 1:
        raw = raw.removeprefix(codecs.BOM_UTF8)
    return Line(number, decode(raw.removesuffix(b"\r")), is_ended, is_too_long)


def decode(raw: bytes) -> str:
    """Text in the first encoding that fits; bytes that fit none are shown as escapes."""
    for encoding in ENCODINGS:
        try:
            return raw.decode(encoding)
        except UnicodeDecodeError:
            continue
    return raw.decode("ascii", "backslashreplace")


def shown(text: str) -> str:
    """Text for a log or a page: short, and nothing in it can move a cursor or end a line."""
    cut = text[:SHOWN_CHARACTERS]
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in cut)[:SHOWN_CHARACTERS]


def trouble_at(line: Line, reason: str, *, is_left_out: bool = True) -> Trouble:
    """What is wrong with a line."""
    return Trouble(line.number, shown(line.text), reason, is_left_out)
