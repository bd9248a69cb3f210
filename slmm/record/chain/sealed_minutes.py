"""The minutes of one hour as a text that is the same wherever they are stored, and which of them changed; pure.

A minute is a JSON list without spaces; numbers are as Python writes them, the shortest text that gives the same float.
The text of an hour has a line for each minute of each unit, by unit and time.
"""

from __future__ import annotations

import base64
import hashlib
import json
import math
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from slmm.acoustics.intervals import Interval
from slmm.errors import Invalid
from slmm.record.periods import Made

HOUR = timedelta(hours=1)
_MINUTES = 60
_DIGEST_BYTES = 16
_ABSENT = bytes(_DIGEST_BYTES)


def hour_of(at: datetime) -> datetime:
    """The UTC hour an instant lies in."""
    return at.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def subject_of(hour: datetime) -> str:
    """What the seal of an hour is called: its beginning."""
    return f"{hour.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def hour_named(subject: str) -> datetime:
    """The reverse; raises Invalid."""
    try:
        return datetime.strptime(subject, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    except ValueError as error:
        raise Invalid(f"subject: {subject!r} is no hour such as 2026-11-20T10:00:00Z", field="subject") from error


def _number(value: float | None) -> float | None:
    return None if value is None or math.isnan(value) else float(value)


def line_of(unit_id: str, interval: Interval) -> str:
    """One minute of one unit."""
    values = [
        unit_id,
        f"{interval.starts_at.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%fZ}",
        f"{interval.ends_at.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%fZ}",
        *(_number(value) for value in (interval.energy_s, interval.valid_s, interval.received_s)),
        *(_number(value) for value in (interval.lmax, interval.lmin, interval.lpeak)),
        interval.histogram.classes.tolist(),
        interval.histogram.counts.tolist(),
        int(interval.flags),
        interval.source,
        _number(interval.uncertainty_db),
    ]
    return json.dumps(values, separators=(",", ":"))


@dataclass(frozen=True, slots=True)
class HourPrint:
    """The fingerprint of the minutes of one hour."""

    size_bytes: int
    """Of the text."""
    sha256: str
    blocks: bytes
    """Which minutes there are, with 16 bytes of the SHA-256 of each line; compressed."""
    rows: int


def print_of(made: Iterable[Made]) -> HourPrint:
    """Of all minutes of one hour."""
    whole = hashlib.sha256()
    size = 0
    digests: dict[str, bytearray] = {}
    rows = sorted(made, key=lambda each: (each.unit_id, each.interval.starts_at))
    for unit_id, interval in rows:
        line = line_of(unit_id, interval).encode("ascii") + b"\n"
        whole.update(line)
        size += len(line)
        begin = interval.starts_at.astimezone(UTC).minute * _DIGEST_BYTES
        slots = digests.setdefault(unit_id, bytearray(_MINUTES * _DIGEST_BYTES))
        slots[begin : begin + _DIGEST_BYTES] = hashlib.sha256(line).digest()[:_DIGEST_BYTES]
    plain = {unit_id: base64.b64encode(slots).decode("ascii") for unit_id, slots in digests.items()}
    return HourPrint(size, whole.hexdigest(), zlib.compress(json.dumps(plain).encode("ascii")), len(rows))


def changes(hour: datetime, was: bytes, now: bytes) -> list[str]:
    """In words, which minutes of which units differ between the blocks of two prints; raises Invalid."""
    before, after = _slots(was), _slots(now)
    found = []
    for unit_id in sorted({*before, *after}):
        for minute in range(_MINUTES):
            old, new = (_slot(slots.get(unit_id), minute) for slots in (before, after))
            if old == new:
                continue
            what = "is missing" if new == _ABSENT else "was added" if old == _ABSENT else "changed"
            found.append(f"{unit_id}, the minute from {hour + timedelta(minutes=minute):%Y-%m-%d %H:%M} UTC {what}")
    return found


def _slots(blocks: bytes) -> dict[str, bytes]:
    try:
        plain = json.loads(zlib.decompress(blocks))
        return {str(unit_id): base64.b64decode(text) for unit_id, text in plain.items()}
    except (zlib.error, ValueError, AttributeError, TypeError) as error:
        raise Invalid("blocks: they are not those of an hour of minutes", field="blocks") from error


def _slot(slots: bytes | None, minute: int) -> bytes:
    return _ABSENT if slots is None else slots[minute * _DIGEST_BYTES : (minute + 1) * _DIGEST_BYTES]


def told(found: Sequence[str], most: int = 3) -> str:
    """The first few, and how many more."""
    return "; ".join(found[:most]) + (f"; and {len(found) - most} more" if len(found) > most else "")
