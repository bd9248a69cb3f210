"""All rows of a measurement in few: what its clock was worth is found for the whole of it, file by file it cannot be.

A clock that was set shows as a jump, and so does a pause. Which of the two it was may be told by a reading hours later,
in rows of another file. So rows that follow each other evenly become one long row, all of those are aligned together,
and what comes of it goes to the files as readings of the clock all along them. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, timedelta, tzinfo

import numpy as np

from slmm.events import Levels
from slmm.nl43.stored import StoredInterval, StoredKind
from slmm.record.card.alignment import ClockReading, align
from slmm.record.card.ledger import Stretch, seconds
from slmm.record.card.placing import Certainty, cut_off_s

SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)
"""Where along a block the clock counts as read."""
EVEN_WITHIN_S = 1e-6


@dataclass(frozen=True, slots=True)
class Block:
    """Rows that follow each other, as one."""

    row: StoredInterval
    """Of the length of all of them."""
    last_address: int


def blocks_of(rows: Sequence[StoredInterval]) -> list[Block]:
    """The rows of a file; cut wherever an address is missing, or a time is off by more than its last digit."""
    shown_s = np.array([seconds(row.starts) for row in rows])
    length_s = np.array([row.duration_s for row in rows])
    address = np.array([row.address for row in rows])
    elapsed_s = np.concatenate(([0.0], np.cumsum(length_s)))
    offset_s = shown_s - elapsed_s[:-1]
    within_s = cut_off_s(row.starts for row in rows) + EVEN_WITHIN_S
    is_gap = np.concatenate(([True], np.diff(address) != 1))
    found, first = [], 0
    while first < len(rows):
        stop = is_gap.copy()
        stop[: first + 1] = False
        stop |= np.concatenate((np.zeros(first, dtype=bool), np.abs(offset_s[first:] - offset_s[first]) > within_s))
        after = int(np.argmax(stop)) if stop.any() else len(rows)
        whole = replace(rows[first], duration_s=float(elapsed_s[after] - elapsed_s[first]))
        found.append(Block(whole, rows[after - 1].address))
        first = after
    return found


def block_of(stretch: Stretch, kind: StoredKind) -> Block:
    """Rows that are on record."""
    length_s = (stretch.last_shown - stretch.first_shown).total_seconds() + stretch.duration_s
    row = StoredInterval(stretch.first_address, stretch.first_shown, length_s, Levels(), kind)
    return Block(row, stretch.last_address)


def readings_along(blocks: Iterable[Block], zone: tzinfo, readings: Sequence[ClockReading]) -> list[ClockReading]:
    """What the clock must have shown along the rows, by all readings of it and all rows together."""
    rows: list[StoredInterval] = []
    number, last_address = 0, None
    for block in blocks:
        # Numbered anew, so that blocks follow each other as their rows do.
        number += 1 if last_address is not None and block.row.address == last_address + 1 else 2
        rows.append(replace(block.row, address=number))
        last_address = block.last_address
    if not rows:
        return list(readings)
    cut_s = cut_off_s(row.starts for row in rows)
    found = []
    for each in align(rows, zone, readings).intervals:
        shown_s = each.stored.starts.replace(tzinfo=UTC).timestamp() + cut_s / 2
        for share in SHARES:
            at = each.starts_at + timedelta(seconds=each.duration_s * share)
            found.append(ClockReading(at, shown_s + each.duration_s * share - at.timestamp()))
    return found


def readings_of(stretches: Sequence[Stretch]) -> list[ClockReading]:
    """What the meter's clock showed now and then within each stretch, where that is more than assumed."""
    found = []
    for each in stretches:
        if each.certainty is not Certainty.ASSUMED:
            shown_s = seconds(each.last_shown) + cut_off_s((each.first_shown, each.last_shown)) / 2
            last_at = each.ends_at - timedelta(seconds=each.duration_s)
            ahead_s = shown_s - last_at.timestamp()
            lasted = each.last_shown - each.first_shown
            found += [ClockReading(last_at - lasted * share, ahead_s) for share in SHARES]
    return found
