"""What the fields of stored files mean: names of columns, levels, times, durations and intervals.

A column is called ``quantity(channel)`` on the NL-x3 and by the quantity alone on the NL-42, whose main channel it
is then. Times are those of the meter's own clock, ``YYYY/MM/DD hh:mm:ss`` and a fraction where rows are closer than
a second; a duration is ``00d 00:01:00.0``.
"""

from __future__ import annotations

import re
from dataclasses import fields
from datetime import datetime, timedelta
from functools import lru_cache

from slmm.errors import Garbled
from slmm.events import Levels
from slmm.nl43.readings import CLOCK_YEARS, parse_level

ADDRESS, START_TIME, MEASUREMENT_TIME = "address", "start time", "measurement time"
CHANNELS = ("main", "sub1", "sub2", "sub3")
FLAGS = ("over", "under")
LONGEST_S = 100 * 86_400.0
"""Two digits of days are all the form holds."""
UNITS_S = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}

_QUANTITIES = {field.name.replace("_", ""): field.name for field in fields(Levels)} | {
    "overload": "over",
    "underrange": "under",
}
_SUB = "sub1"
_CHANNELS = {name: name for name in CHANNELS} | {"sub": _SUB}
# One way to match only: blanks are part of either name, for a row of blanks must not be tried in every division.
_COLUMN = re.compile(r"(?P<quantity>[A-Za-z0-9, _-]+)(?:\((?P<channel>[A-Za-z0-9 ]+)\))?", re.ASCII)
_TIME = re.compile(r"(\d{4})[/-](\d\d?)[/-](\d\d?) +(\d\d?):(\d\d):(\d\d)(?:\.(\d{1,6}))?", re.ASCII)
_DURATION = re.compile(r"(?:(\d{1,2})d +)?(\d{1,2}):(\d\d):(\d\d(?:\.\d{1,3})?)", re.ASCII)
_INTERVAL = re.compile(r"(\d{1,5}(?:\.\d{1,3})?) *(ms|s|m|h)(?:ec|in|our)?", re.ASCII | re.IGNORECASE)
_ADDRESS = re.compile(r"\d{1,9}", re.ASCII)


def parse_column(name: str) -> tuple[str, str] | None:
    """A column's name as (quantity, channel) in the words of Levels; None for one that holds no level."""
    match = _COLUMN.fullmatch(name.strip())
    if match is None:
        return None
    quantity = _QUANTITIES.get(re.sub(r"[, _-]", "", match["quantity"]).lower())
    channel = _CHANNELS.get((match["channel"] or "main").replace(" ", "").lower())
    return None if quantity is None or channel is None else (quantity, channel)


@lru_cache(maxsize=8192)
def parse_stored_level(text: str) -> float | None:
    """A level in dB, or None where the meter had none; raises Garbled. A card holds few different ones."""
    return None if text.strip() == "_._" else parse_level(text)


def parse_address(text: str) -> int:
    """The number of a row; raises Garbled."""
    digits = text.strip()
    if not _ADDRESS.fullmatch(digits):
        raise Garbled(f"{text[:40]!r} is not an address", text)
    return int(digits)  # int strips less than strip does: no control characters


def parse_time(text: str) -> datetime:
    """A time of the meter's clock, naive local; raises Garbled."""
    match = _TIME.fullmatch(text.strip())
    if match is not None:
        *numbers, fraction = match.groups()
        year, month, day, hour, minute, second = map(int, numbers)
        try:
            time = datetime(  # noqa: DTZ001 - the meter has no zone
                year, month, day, hour, minute, second, int((fraction or "").ljust(6, "0"))
            )
            if year in CLOCK_YEARS:
                return time
        except ValueError:
            pass
    raise Garbled(f"{text[:40]!r} is no time of the meter's clock", text)


@lru_cache(maxsize=1024)
def parse_duration(text: str) -> float:
    """A measurement time in s, more than none; raises Garbled."""
    match = _DURATION.fullmatch(text.strip())
    if match is not None:
        days, hours, minutes, seconds = match.groups()
        duration = timedelta(int(days or 0), hours=int(hours), minutes=int(minutes), seconds=float(seconds))
        if 0.0 < duration.total_seconds() < LONGEST_S:
            return duration.total_seconds()
    raise Garbled(f"{text[:40]!r} is no measurement time", text)


def parse_interval(text: str) -> float | None:
    """A store interval such as ``100ms`` or ``15m`` in s; None for Off and for anything that is none."""
    match = _INTERVAL.fullmatch(text.strip())
    if match is None:
        return None
    seconds = float(match[1]) * UNITS_S[match[2].lower()]
    return seconds if 0.0 < seconds < LONGEST_S else None
