"""What the meter's clock was worth while it wrote a run: from readings of it and the jumps in what it wrote; pure.

Every set of the clock leaves a jump in the rows, but not every jump is a set: a pause leaves one too. So each piece of
rows between two jumps gets the clock that explains most: a reading taken while it was written has to agree with it,
time never runs backward, and a step that two readings measured fits its jump to the second.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, tzinfo

import numpy as np
from numpy.typing import NDArray

from slmm.nl43.stored import StoredInterval

Series = NDArray[np.float64]
Bools = NDArray[np.bool_]

READING_JITTER_S = 3.0
"""The clock shows whole seconds, and its answer may take its time over a mobile network."""
DRIFT_LIMIT = 200e-6
"""More than any quartz clock is off: then it was set."""
DRIFT_LEAST_S, DRIFT_LEAST_READINGS = 6 * 3600.0, 4
"""What it takes before a drift is believed."""
SLACK_S = 1e-6
ORDER_SLACK_S = 2.0
"""By so much the times of two pieces with clocks read apart are uncertain to each other."""
STEP_SLACK_S = 2.0
DAY_S = 86_400.0

CONTRADICTION = 4.0
"""Costs of what speaks against a clock; only their order matters. A reading among the rows that disagrees …"""
UNREAD, FAR, INFERRED = 0.1, 0.4, 0.3
"""… no reading among the rows, the nearest a day away, a clock known by jumps only …"""
STEP, STEP_AND_GAP, UNREAD_STEP = 0.5, 1.5, 1.0
"""… a step that was measured, one beside a gap, and one backward that no reading tells of."""


@dataclass(frozen=True, slots=True)
class ClockReading:
    """What the meter's clock showed at an instant."""

    at: datetime
    """Aware UTC."""
    ahead_s: float
    """By how much it was ahead of UTC, its zone included; that whole seconds are shown has been allowed for."""

    @classmethod
    def in_zone(cls, at: datetime, offset_s: float, zone: tzinfo) -> ClockReading:
        """From an offset to the civil time of *zone* at that instant, such as a unit's ``clock_offset_s``."""
        civil = at.astimezone(zone).utcoffset()
        assert civil is not None
        return cls(at, offset_s + civil.total_seconds())

    @property
    def at_s(self) -> float:
        """The instant in s since 1970."""
        return self.at.timestamp()


@dataclass(frozen=True, slots=True)
class Clock:
    """How far ahead of UTC the clock was between two times it was set."""

    ahead_s: float
    drift: float = 0.0
    """By how much ``ahead_s`` grows in one second of the clock …"""
    pivot_s: float = 0.0
    """… from this time of the clock on, in s since 1970 as it counts."""
    first_s: float = 0.0
    last_s: float = 0.0
    """Instants between which it was read, in s since 1970."""
    is_measured: bool = True

    def utc_s(self, shown_s: float) -> float:
        """The instant at which it showed this, both in s since 1970."""
        return shown_s - self.ahead_s - self.drift * (shown_s - self.pivot_s)

    def disagreeing(self, at: Series, ahead: Series) -> Bools:
        """Which readings cannot be of this clock; the further from its own, the more it may have drifted."""
        expected = self.ahead_s + self.drift * (at + self.ahead_s - self.pivot_s)
        away_s = np.maximum(0.0, np.maximum(self.first_s - at, at - self.last_s))
        wrong: Bools = np.abs(ahead - expected) > READING_JITTER_S + DRIFT_LIMIT * away_s
        return wrong

    def stepped(self, by_s: float) -> Clock:
        """The same clock set ahead by so much, of which nobody read anything."""
        return replace(self, ahead_s=self.ahead_s + by_s, is_measured=False) if by_s else self


@dataclass(slots=True)
class Piece:
    """Rows that follow each other without a break."""

    rows: list[StoredInterval]
    jump_s: float
    """Of its first row, from where the piece before it ended, on the meter's clock."""
    begins_s: list[float] = field(default_factory=list)
    """Where each row begins on the meter's clock, in s since 1970 as it counts."""
    is_civil_step: bool = False
    """Somebody set the clock to or from summer time before it."""
    clock: Clock = field(default_factory=lambda: Clock(0.0, is_measured=False))

    @property
    def starts_s(self) -> float:
        """On the meter's clock."""
        return self.begins_s[0]

    @property
    def ends_s(self) -> float:
        """On the meter's clock."""
        return self.begins_s[-1] + self.rows[-1].duration_s

    @property
    def step_s(self) -> float:
        """What of its jump can only be a step: all when the clock went backward, else nothing."""
        return self.jump_s if self.is_civil_step or self.jump_s < 0.0 else 0.0


def civil_clocks(pieces: Sequence[Piece], zone: tzinfo) -> None:
    """Without a reading: right in the zone at the first row, and from there on what the rows tell."""
    civil = pieces[0].rows[0].starts.replace(tzinfo=zone).utcoffset()
    assert civil is not None
    clock = Clock(civil.total_seconds(), is_measured=False)
    for number, piece in enumerate(pieces):
        clock = clock.stepped(piece.step_s if number else 0.0)
        piece.clock = clock


def read_clocks(pieces: Sequence[Piece], readings: Sequence[ClockReading]) -> None:
    """The clocks that together explain the readings and the jumps best (Viterbi); later ones where several do."""
    clocks = clocks_of(readings)
    steps_s = np.cumsum([0.0, *(piece.step_s for piece in pieces[1:])]).tolist()
    # A clock is one that was read, known from the pieces where the steps add up to *anchor_s*.
    states = [(number, anchor_s) for number in range(len(clocks)) for anchor_s in dict.fromkeys(steps_s)]
    found = [[clocks[number].stepped(step_s - anchor_s) for number, anchor_s in states] for step_s in steps_s]
    evidence = _Evidence(
        np.array([reading.at_s for reading in readings]), np.array([reading.ahead_s for reading in readings])
    )
    costs = [evidence.cost(pieces[0], clock) for clock in found[0]]
    ways: list[list[int]] = []
    for index, piece in enumerate(pieces[1:], 1):
        way, following = [], []
        for state, clock in enumerate(found[index]):
            through = []
            for before, (cost, was) in enumerate(zip(costs, found[index - 1], strict=True)):
                sets = None if before == state else states[state][0] - states[before][0]
                through.append(cost + evidence.change_cost(pieces[index - 1], was, piece, clock, sets))
            way.append(_last_least(through))
            following.append(through[way[-1]] + evidence.cost(piece, clock))
        ways.append(way)
        costs = following
    _assign(pieces, found, ways, _last_least(costs))


def _assign(pieces: Sequence[Piece], found: list[list[Clock]], ways: list[list[int]], last: int) -> None:
    state, shift_s = last, 0.0
    for index in range(len(pieces) - 1, -1, -1):
        pieces[index].clock = replace(found[index][state], ahead_s=found[index][state].ahead_s + shift_s)
        if index and ways[index - 1][state] != state:
            state = ways[index - 1][state]
            before, after = pieces[index - 1], pieces[index]
            missing_s = after.clock.utc_s(after.starts_s) - found[index - 1][state].utc_s(before.ends_s)
            # What two readings cannot tell from nothing is nothing: no sound is counted twice.
            shift_s = -missing_s if abs(missing_s) <= ORDER_SLACK_S else 0.0


def _last_least(costs: Sequence[float]) -> int:
    least = min(costs)
    return max(index for index, cost in enumerate(costs) if cost <= least + SLACK_S)


@dataclass(frozen=True, slots=True)
class _Evidence:
    """All readings: their instants in s since 1970, and how far ahead of UTC the clock was."""

    at: Series
    ahead: Series

    def against(self, starts_s: float, ends_s: float, *clocks: Clock) -> float:
        """What the readings in between cost that are of none of these clocks; few are as good as many."""
        is_among = (self.at > starts_s + ORDER_SLACK_S) & (self.at < ends_s - ORDER_SLACK_S)
        if not is_among.any():
            return 0.0
        at, ahead = self.at[is_among], self.ahead[is_among]
        wrong = np.logical_and.reduce([clock.disagreeing(at, ahead) for clock in clocks])
        return CONTRADICTION * min(3, int(np.count_nonzero(wrong)))

    def cost(self, piece: Piece, clock: Clock) -> float:
        """Of the rows of a piece having been written by this clock."""
        starts_s, ends_s = clock.utc_s(piece.starts_s), clock.utc_s(piece.ends_s)
        cost = self.against(starts_s, ends_s, clock)
        if not clock.is_measured:
            return cost + INFERRED
        is_among = (self.at >= starts_s) & (self.at <= ends_s)
        if np.all(clock.disagreeing(self.at[is_among], self.ahead[is_among])):
            away_s = max(0.0, clock.first_s - ends_s, starts_s - clock.last_s)
            cost += UNREAD + FAR * min(1.0, away_s / DAY_S)
        return cost

    def change_cost(self, before: Piece, was: Clock, after: Piece, clock: Clock, sets: int | None) -> float:
        """Of what lies between two pieces; *sets* is how many clocks later the other one is, None for the same."""
        ended_s, starts_s = was.utc_s(before.ends_s), clock.utc_s(after.starts_s)
        if sets is None:
            return UNREAD_STEP * (after.jump_s < 0.0) + self.against(ended_s, starts_s, was, clock)
        missing_s = starts_s - ended_s
        if sets <= 0 or missing_s < -ORDER_SLACK_S:
            return math.inf
        step = STEP if missing_s <= ORDER_SLACK_S else STEP_AND_GAP
        return step + self.against(ended_s, starts_s, was, clock)


def clocks_of(readings: Sequence[ClockReading]) -> list[Clock]:
    """One for each time the clock was set, earliest first."""
    groups: list[list[ClockReading]] = []
    for reading in sorted(readings, key=lambda each: each.at):
        if groups:
            last = groups[-1][-1]
            allowed_s = READING_JITTER_S + DRIFT_LIMIT * (reading.at_s - last.at_s)
            if abs(reading.ahead_s - last.ahead_s) <= allowed_s:
                groups[-1].append(reading)
                continue
        groups.append([reading])
    return [_clock(group) for group in groups]


def _clock(group: Sequence[ClockReading]) -> Clock:
    ahead = np.array([reading.ahead_s for reading in group])
    first_s, last_s = group[0].at_s, group[-1].at_s
    if len(group) >= DRIFT_LEAST_READINGS and last_s - first_s >= DRIFT_LEAST_S:
        shown = np.array([reading.at_s + reading.ahead_s for reading in group])
        pivot_s = float(shown.mean())
        distance = shown - pivot_s
        drift = float((distance * (ahead - ahead.mean())).sum() / (distance**2).sum())
        if abs(drift) <= DRIFT_LIMIT:
            return Clock(float(ahead.mean()), drift, pivot_s, first_s, last_s)
    return Clock(float(np.median(ahead)), first_s=first_s, last_s=last_s)
