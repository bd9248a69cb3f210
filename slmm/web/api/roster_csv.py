"""The roster as CSV: written for spreadsheets, and read as people write it there."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from pydantic import ValidationError

from slmm.errors import Invalid
from slmm.storage.devices import Device, Roster
from slmm.web.api.models import FACTS, ConfigInput, NewDevice

COLUMNS = (
    "unit_id",
    "name",
    "site",
    "host",
    "tcp_port",
    "ftp_port",
    "timezone",
    "latitude",
    "longitude",
    "tcp_enabled",
    "ftp_enabled",
    "ftp_username",
    "web_enabled",
    "poll_enabled",
    "poll_interval_seconds",
    "monitor_enabled",
    "is_active",
)
"""What is written; passwords never are."""
READ = (*COLUMNS, "ftp_password")
VERDICTS = ("new", "changed", "same", "refused")
MOST_LINES = 2000
_NUMBERS = frozenset({"tcp_port", "ftp_port", "poll_interval_seconds"})
_DEGREES = frozenset({"latitude", "longitude"})
_SWITCHES = frozenset(name for name in COLUMNS if name.endswith("_enabled")) | {"is_active"}
_YES, _NO = frozenset({"true", "yes", "1", "on", "x", "ja"}), frozenset({"false", "no", "0", "off", "nein"})
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""How a cell begins that a spreadsheet would run."""


@dataclass(slots=True)
class Line:
    """One line of the file and what becomes of it."""

    number: int
    unit_id: str
    verdict: str = "refused"
    device: Device | None = None
    changes: list[tuple[str, str, str]] = field(default_factory=list)
    """Member, what it is now, and what it will be."""
    problems: list[tuple[str, str]] = field(default_factory=list)

    def view(self) -> dict[str, Any]:
        """As it is answered."""
        return {
            "line": self.number,
            "unit_id": self.unit_id,
            "verdict": self.verdict,
            "changes": [{"field": name, "before": old, "after": new} for name, old, new in self.changes],
            "problems": [{"field": name, "message": message} for name, message in self.problems],
        }


def written(devices: Iterable[Device]) -> str:
    """The roster with a mark that has spreadsheets read it as UTF-8."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    for device in devices:
        writer.writerow([_cell(name, getattr(device, name)) for name in COLUMNS])
    return "\ufeff" + out.getvalue()


def _cell(name: str, value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    text = str(value)
    return f"'{text}" if name not in _DEGREES and text.startswith(_FORMULA) else text


def read(text: str, roster: Roster) -> list[Line]:
    """Every line with its verdict against the roster as it is; raises Invalid for what is no such file."""
    plain = text.removeprefix("\ufeff")
    reader = csv.reader(io.StringIO(plain, newline=""), delimiter=_delimiter(plain), strict=True)
    lines: list[Line] = []
    seen: dict[str, int] = {}
    try:
        names = _names(next(reader, []))
        for cells in reader:
            if not any(cell.strip() for cell in cells):
                continue
            if len(lines) >= MOST_LINES:
                raise Invalid(f"more than {MOST_LINES} lines; divide the file", field="text")
            line = _line(reader.line_num, dict(zip(names, cells, strict=False)), any(cells[len(names) :]), roster)
            if line.unit_id in seen:
                line.verdict, line.device = "refused", None
                line.problems.append(("unit_id", f"{line.unit_id} stands in line {seen[line.unit_id]} already"))
            seen.setdefault(line.unit_id, line.number)
            lines.append(line)
    except csv.Error as error:
        raise Invalid(f"line {reader.line_num} is no CSV: {error}", field="text") from error
    if not lines:
        raise Invalid("there is no line below the names of the columns", field="text")
    return lines


def _delimiter(text: str) -> str:
    """Comma, semicolon or tab, whichever the line of names has most of."""
    head = text.lstrip().partition("\n")[0]
    return max(",;\t", key=head.count)


def _names(cells: list[str]) -> list[str]:
    names = [cell.strip().lower().replace(" ", "_") for cell in cells]
    while names and not names[-1]:  # spreadsheets pad their lines
        names.pop()
    for name in names:
        if name not in READ:
            raise Invalid(f"{name!r} is no column; there are {', '.join(COLUMNS)}", field="text")
        if names.count(name) > 1:
            raise Invalid(f"the column {name} stands there twice", field="text")
    if "unit_id" not in names:
        raise Invalid("the first line names the columns, and unit_id is missing there", field="text")
    return names


def _line(number: int, cells: dict[str, str], has_more: bool, roster: Roster) -> Line:
    given = {name: _plain(cell) for name, cell in cells.items()}
    line = Line(number, given.pop("unit_id", ""))
    if has_more:
        line.problems.append(("text", "more cells than columns: is a comma inside a value? put it in quotes"))
        return line
    is_known = line.unit_id in roster
    wanted = _typed(given, line.problems, is_known=is_known)
    is_active = wanted.pop("is_active", None)
    if line.problems:
        return line
    try:
        if is_known:
            before: Device | None = roster.get(line.unit_id)
            after = replace(roster.get(line.unit_id), **ConfigInput(**wanted).changes())
        else:
            before = None
            after = Device(**NewDevice(unit_id=line.unit_id, **wanted).changes())
    except ValidationError as error:
        line.problems = [_problem(item) for item in error.errors(include_url=False)]
        return line
    line.device = after if is_active is None else replace(after, is_active=is_active)
    line.changes = _changes(before, line.device, given)
    line.verdict = "new" if before is None else "changed" if line.changes else "same"
    return line


def _plain(cell: str) -> str:
    """Without blanks, and without the mark that keeps a spreadsheet from running it."""
    text = cell.strip()
    return text[1:] if text[:1] == "'" and text[1:].startswith(_FORMULA) else text


def _typed(given: dict[str, str], problems: list[tuple[str, str]], *, is_known: bool) -> dict[str, Any]:
    """Cells as values; an empty one says nothing, unless it takes a fact away."""
    wanted: dict[str, Any] = {}
    for name, text in given.items():
        if not text:
            if name in FACTS and is_known:
                wanted[name] = None
            continue
        try:
            wanted[name] = _value(name, text)
        except ValueError as error:
            problems.append((name, str(error)))
    return wanted


def _value(name: str, text: str) -> Any:
    if name in _NUMBERS:
        if not text.isascii() or not text.isdigit():
            raise ValueError(f"{text[:40]!r} is no whole number")
        return int(text)
    if name in _DEGREES:
        try:
            return float(text.replace(",", "."))
        except ValueError:
            raise ValueError(f"{text[:40]!r} is no number of degrees, such as 53.5511") from None
    if name in _SWITCHES:
        if text.lower() in _YES | _NO:
            return text.lower() in _YES
        raise ValueError(f"{text[:40]!r} is neither true nor false")
    return text


def _changes(before: Device | None, after: Device, given: dict[str, str]) -> list[tuple[str, str, str]]:
    if before is None:
        return [(name, "", _told(name, after)) for name, text in given.items() if text]
    names = [name for name in READ if getattr(before, name) != getattr(after, name)]
    return [(name, _told(name, before), _told(name, after)) for name in names]


def _told(name: str, device: Device) -> str:
    value = getattr(device, name)
    return "***" if name == "ftp_password" and value else _plain(_cell(name, value))


def _problem(item: Any) -> tuple[str, str]:
    return str(item["loc"][0]), str(item["msg"]).removeprefix("Value error, ")
