"""Decodes what the meter's FTP server lists, and the names on its SD card.

The meter lists in Unix style with nine columns and its own local clock (log of 24 Dec 2025); the exact bytes
are not documented, so every line may turn out to be nonsense, and no name is to be trusted as a path.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo

from slmm.errors import Invalid

NAME_LIMIT_BYTES = 255
PATH_LIMIT_BYTES = 1024
LINE_LIMIT_BYTES = 1024
_FAT_YEARS = range(1980, 2108)
"""What the card's file system can hold."""
_CLOCK_SLACK = timedelta(days=1)
_LEAP_GAP_YEARS = 8
"""The longest way back to a 29 February: 1896 to 1904, and 2096 to 2104."""

_MONTHS = dict(
    zip(("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"), range(1, 13), strict=True)
)
# One space before the name, for the name may begin with spaces of its own, and end with some.
_LINE = re.compile(
    r"(?P<type>[-A-Za-z])\S* +\d+ +\S+ +\S+ +(?P<size>\d{1,18})"
    r" +(?P<month>[A-Za-z]{3}) +(?P<day>\d{1,2}) +(?:(?P<hour>\d{1,2}):(?P<minute>\d\d)|(?P<year>\d{4}))"
    r" (?P<name>.*)",
    re.ASCII | re.DOTALL,
)
_TOTAL = re.compile(rb"total +\d+ *", re.IGNORECASE)
# Names seen on cards: NL_0001_SLM_Lp _0019_0001.rnd; the NL-42 writes an index of three digits.
_DATA_FILE = re.compile(r"NL_(\d{3,4})_([A-Z]{3})_([A-Z]{1,3}) {0,2}_(\d{4})_(\d{4})\.rnd", re.IGNORECASE | re.ASCII)
_STORE_FOLDER = re.compile(r"(Auto|Manual)_(\d{4})", re.IGNORECASE | re.ASCII)
_SPELLING = {"lp": "Lp", "leq": "Leq"}


@dataclass(frozen=True, slots=True)
class Entry:
    """A file or folder as it was listed; its name is safe to send back to the meter."""

    name: str
    is_folder: bool
    size_bytes: int
    modified: datetime | None
    """The meter's local clock without a zone, to the minute or (over about half a year) to the day."""


@dataclass(frozen=True, slots=True)
class Unusable:
    """A line or name that was listed, but cannot be used; ``text`` is printable."""

    text: str
    reason: str


@dataclass(frozen=True, slots=True)
class Listing:
    """What one folder holds, and apart from it what was listed but cannot be used."""

    entries: tuple[Entry, ...]
    unusable: tuple[Unusable, ...] = ()


@dataclass(frozen=True, slots=True)
class Found:
    """An entry and the absolute path at which it was found."""

    path: str
    entry: Entry


@dataclass(frozen=True, slots=True)
class Tree:
    """Everything below one folder."""

    files: tuple[Found, ...]
    folders: tuple[Found, ...]
    unusable: tuple[Unusable, ...]
    is_cut: bool
    """A limit of depth or number left something out."""


@dataclass(frozen=True, slots=True)
class DataFile:
    """What the name of a ``.rnd`` file says; index and store name keep their digits."""

    index: str
    kind: str
    """SLM, or OCT for octave bands."""
    what: str
    """Lp, Leq or MAN."""
    store: str
    sequence: int


@dataclass(frozen=True, slots=True)
class StoreFolder:
    """What the name of a measurement's folder says."""

    mode: str
    """Auto or Manual."""
    store: str


def name_fault(name: str) -> str | None:
    """Why a name cannot be used on the wire or on a disk; None when it can."""
    if not name:
        return "it is empty"
    if len(name.encode("utf-8", "surrogatepass")) > NAME_LIMIT_BYTES:
        return f"it is longer than {NAME_LIMIT_BYTES} bytes"
    if "/" in name or "\\" in name:
        return "it holds a path separator"
    if ".." in name or name == ".":
        return "it could lead to another folder"
    # C: control and format characters, among them those that turn the direction of writing; Zl, Zp: line ends
    if any(unicodedata.category(letter)[0] == "C" or letter in "\u2028\u2029" for letter in name):
        return "it holds control characters"
    return None


def check_path(path: str) -> str:
    """An absolute path on the card, without a slash at its end; raises Invalid for anything else."""
    if not path.startswith("/"):
        raise Invalid(f"{_printable(path)!r} is not a path from the top of the card, such as /NL-43", "remote_path")
    parts = [part for part in path.split("/") if part]
    for part in parts:
        if fault := name_fault(part):
            raise Invalid(f"{_printable(part)!r} in a path on the card cannot be used: {fault}", "remote_path")
    checked = "/" + "/".join(parts)
    if len(checked.encode()) > PATH_LIMIT_BYTES:
        raise Invalid(f"a path on the card is longer than {PATH_LIMIT_BYTES} bytes", "remote_path")
    return checked


def path_below(folder: str, name: str) -> str:
    """The path of *name* in *folder*."""
    return f"{folder.rstrip('/')}/{name}"


def decode_listing(data: bytes, now_on_meter: datetime) -> Listing:
    """The answer to LIST; never raises. ``now_on_meter`` is the meter's clock, for times have no year."""
    entries: dict[str, Entry] = {}
    unusable: list[Unusable] = []
    for raw in data.split(b"\n"):
        line = raw.removesuffix(b"\r")
        if not line.strip() or _TOTAL.fullmatch(line):
            continue
        decoded = _decode_line(line, now_on_meter)
        if isinstance(decoded, Unusable):
            unusable.append(decoded)
        elif decoded.name in entries:
            unusable.append(Unusable(_printable(decoded.name), "it is listed twice"))
        elif decoded.name not in (".", ".."):
            entries[decoded.name] = decoded
    return Listing(tuple(entries.values()), tuple(unusable))


def _decode_line(line: bytes, now_on_meter: datetime) -> Entry | Unusable:
    if len(line) > LINE_LIMIT_BYTES:
        return Unusable(_shown(line), f"the line is longer than {LINE_LIMIT_BYTES} bytes")
    try:
        match = _LINE.fullmatch(line.decode())
    except UnicodeDecodeError:
        return Unusable(_shown(line), "it is not UTF-8")
    if match is None:
        return Unusable(_shown(line), "the line is not understood")
    name = match["name"]
    if name not in (".", "..") and (fault := name_fault(name)):
        return Unusable(_shown(name.encode()), fault)
    if match["type"] not in "-d":
        return Unusable(_printable(name), "it is neither a file nor a folder")
    return Entry(name, match["type"] == "d", int(match["size"]), _modified(match, now_on_meter))


def _modified(match: re.Match[str], now_on_meter: datetime) -> datetime | None:
    """None for a date that does not exist, such as the month 0 of a file without a time."""
    month = _MONTHS.get(match["month"].lower())
    if month is None:
        return None
    if match["year"]:
        year = int(match["year"])
        return _date(year, month, int(match["day"])) if year in _FAT_YEARS else None
    # The latest such day that is not to come: this year, the one before, or (a minute before New Year's Eve
    # ends, or with a clock that runs ahead) the next; for 29 February the last leap year.
    now = now_on_meter.replace(tzinfo=None)
    for year in range(now.year + 1, now.year - _LEAP_GAP_YEARS - 1, -1):
        date = _date(year, month, int(match["day"]), int(match["hour"]), int(match["minute"]))
        if date is not None and date - now <= _CLOCK_SLACK:
            return date
    return None


def _date(year: int, month: int, day: int, hour: int = 0, minute: int = 0) -> datetime | None:
    try:
        return datetime(year, month, day, hour, minute)  # noqa: DTZ001 - the meter has no zone
    except ValueError:
        return None


def to_utc(naive: datetime, zone: tzinfo, offset_s: float) -> datetime:
    """A time of the meter's clock as an instant; *offset_s* is by how much that clock is ahead in *zone*.

    The meter has no summer time: for one whose clock is left alone all year, give a zone of fixed offset.
    """
    return (naive - timedelta(seconds=offset_s)).replace(tzinfo=zone).astimezone(UTC)


def parse_file_name(name: str) -> DataFile | None:
    """``NL_0001_SLM_Lp _0019_0001.rnd`` taken apart; None for any other file."""
    match = _DATA_FILE.fullmatch(name)
    if match is None:
        return None
    index, kind, what, store, sequence = match.groups()
    return DataFile(index, kind.upper(), _SPELLING.get(what.lower(), what.upper()), store, int(sequence))


def parse_folder_name(name: str) -> StoreFolder | None:
    """``Auto_0019`` or ``Manual_0019``, in any case; None for any other folder."""
    match = _STORE_FOLDER.fullmatch(name)
    return None if match is None else StoreFolder(match[1].capitalize(), match[2])


def _printable(text: str, limit: int = 120) -> str:
    return _shown(text.encode("utf-8", "surrogatepass"), limit)


def _shown(data: bytes, limit: int = 120) -> str:
    """Text for a log or a page: nothing in it can move a cursor or end a line."""
    text = data[:limit].decode("utf-8", "backslashreplace")
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text)
