"""Reads the ``.rnh`` file beside an automatic measurement: which meter, when, and with what settings.

``[Section]`` and ``Key,Value`` lines; which keys a real meter writes is known in part only, so keys are looked for
by their words, and every entry is kept as it stood.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from slmm.errors import Garbled
from slmm.events import Labels
from slmm.nl43.stored_fields import parse_interval, parse_time
from slmm.nl43.stored_lines import Line, Trouble, split_lines, trouble_at

SLOTS = 5
ENTRIES_LIMIT = 2000
"""A header has some dozens; what follows so many is no header."""
_SECTION = re.compile(r"\[(.*)\],*")
_PERCENTILE = re.compile(r"(?:percentile|ln) ?\(?([1-5])\)?(?: ?percentile)?(?: ?\(%\))?")


@dataclass(frozen=True, slots=True)
class HeaderEntry:
    """One line of the header as it stood, stripped."""

    section: str
    key: str
    value: str


@dataclass(frozen=True, slots=True)
class StoredHeader:
    """What the header tells; None means that it does not."""

    model: str | None = None
    serial_number: str | None = None
    store_name: str | None = None
    index_number: str | None = None
    starts: datetime | None = None
    """Of the meter's own clock, naive local time."""
    stops: datetime | None = None
    """None also while the measurement is running."""
    frequency_weighting: str | None = None
    time_weighting: str | None = None
    lp_interval_s: float | None = None
    leq_interval_s: float | None = None
    percentiles: tuple[str | None, ...] = (None,) * SLOTS
    """The percentage in each slot LN1 … LN5, as it stood."""
    entries: tuple[HeaderEntry, ...] = ()
    troubles: tuple[Trouble, ...] = ()

    @property
    def labels(self) -> Labels:
        """What the stored figures are called."""
        return Labels(self.frequency_weighting, self.time_weighting, self.percentiles)


def parse_header(chunks: Iterable[bytes]) -> StoredHeader:
    """The header in pieces of any size; what cannot be used is among its troubles."""
    entries: list[HeaderEntry] = []
    troubles: list[Trouble] = []
    values: dict[str, tuple[Line, str]] = {}
    section = ""
    for line in split_lines(chunks):
        text = line.text.strip().rstrip(",")
        if not text or (text.upper() == "CSV" and not entries):
            continue
        if len(entries) >= ENTRIES_LIMIT:
            troubles.append(trouble_at(line, f"a header has at most {ENTRIES_LIMIT} entries; the rest was not read"))
            break
        if match := _SECTION.fullmatch(line.text.strip()):
            section = match[1].strip()
            continue
        key, comma, value = line.text.partition(",")
        if not (comma and key.strip()) or line.is_too_long or not line.is_ended:
            reason = "this is neither a section nor an entry" if line.is_ended else "the last line is cut off"
            troubles.append(trouble_at(line, reason))
            continue
        value = value.strip().rstrip(",").strip()
        entries.append(HeaderEntry(section, key.strip(), value))
        if value and _folded(key) in values and values[_folded(key)][1] != value:
            troubles.append(trouble_at(line, f"{key.strip()!r} stands twice; the first is taken"))
        elif value:
            values.setdefault(_folded(key), (line, value))
    if not entries:
        troubles.append(Trouble(0, "", "the header holds no entry"))
    return _header(values, tuple(entries), troubles)


def _folded(key: str) -> str:
    return " ".join(key.replace("(Main)", "").lower().split())


def _header(
    values: Mapping[str, tuple[Line, str]], entries: tuple[HeaderEntry, ...], troubles: list[Trouble]
) -> StoredHeader:
    def text(*keys: str) -> str | None:
        return next((values[key][1] for key in keys if key in values), None)

    def time(*keys: str) -> datetime | None:
        found = next((values[key] for key in keys if key in values), None)
        if found is None:
            return None
        try:
            return parse_time(found[1])
        except Garbled as error:
            troubles.append(trouble_at(found[0], str(error)))
            return None

    percentiles: list[str | None] = [None] * SLOTS
    for key, (_, value) in values.items():
        if match := _PERCENTILE.fullmatch(key):
            percentiles[int(match[1]) - 1] = value
    manual = (text("leq calculation interval (num)") or "") + (text("leq calculation interval (unit)") or "")
    leq_interval = text("leq calculation interval", "leq calculation interval preset", "leq store interval") or ""
    return StoredHeader(
        model=text("model", "type", "instrument"),
        serial_number=text("serial number", "serial no.", "serial no"),
        store_name=text("store name"),
        index_number=text("index number", "index"),
        starts=time("start time", "measurement start time"),
        stops=time("stop time", "measurement stop time"),
        frequency_weighting=text("frequency weighting"),
        time_weighting=text("time weighting"),
        lp_interval_s=parse_interval(text("lp store interval") or ""),
        leq_interval_s=parse_interval(manual if leq_interval.lower() == "manual" else leq_interval),
        percentiles=tuple(percentiles),
        entries=entries,
        troubles=tuple(troubles),
    )
