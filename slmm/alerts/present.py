"""The time since the last minute on record, as far as live readings tell its energy without guessing; pure.

From the 100 ms stream, or from the growth of LE between two readings while its 0.1 dB are fine enough (R31). When
neither tells, there is no present, and the last whole minute is the newest that is known.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from slmm.acoustics.energy import energy
from slmm.acoustics.exposure import growth
from slmm.acoustics.intervals import Interval

MINUTE = timedelta(minutes=1)
STREAM_S = 0.1
NEAR = timedelta(seconds=3)
"""A reading this close to the turn of a minute stands for it."""
LEAST_PART = 0.9
"""A streamed minute of which less arrived is not clean."""
MOST_MINUTES = 5
"""Minutes come on record some seconds after their end; what is older than this is left to the record."""


@dataclass(slots=True)
class _Minute:
    energy_s: float = 0.0
    streamed_s: float = 0.0
    streamed_until: datetime | None = None
    first: tuple[datetime, float] | None = None
    last: tuple[datetime, float] | None = None
    """First and last LE; the first may be the last of the minute before."""
    is_clean: bool = True
    lmax: float | None = None
    lpeak: float | None = None


@dataclass(slots=True)
class Present:
    """Live readings of one unit, by minute."""

    _minutes: dict[datetime, _Minute] = field(default_factory=dict)
    _newest_le: tuple[datetime, float] | None = None

    def add_stream(
        self, at: datetime, leq_db: float | None, lmax_db: float | None, lpeak_db: float | None, *, is_clean: bool
    ) -> None:
        """100 ms that end at *at*."""
        minute = self._minute(at - timedelta(seconds=STREAM_S))
        is_later = minute.streamed_until is None or at >= minute.streamed_until  # else the clock was set back
        if leq_db is None or not is_clean or not is_later:
            minute.is_clean = False
            return
        room_s = 60.0 - minute.streamed_s
        covered_s = min(STREAM_S, room_s)
        minute.energy_s += energy(leq_db) * covered_s
        minute.streamed_s += covered_s
        minute.streamed_until = at
        minute.lmax, minute.lpeak = _most(minute.lmax, lmax_db), _most(minute.lpeak, lpeak_db)

    def add_reading(self, at: datetime, le_db: float | None, *, is_clean: bool) -> None:
        """The meter's display; LE that fell is of another measurement."""
        minute = self._minute(at)
        before, self._newest_le = self._newest_le, None if le_db is None else (at, le_db)
        is_later = before is None or (le_db is not None and le_db >= before[1] and at > before[0])
        if le_db is None or not is_clean or not is_later:
            minute.is_clean = False
            return
        begins_at = _floor(at)
        if minute.first is None:
            is_near = before is not None and begins_at - before[0] <= NEAR
            minute.first = before if is_near else (at, le_db)
        minute.last = (at, le_db)

    def _minute(self, at: datetime) -> _Minute:
        begins_at = _floor(at)
        if begins_at not in self._minutes:
            oldest, newest = (
                begins_at - MOST_MINUTES * MINUTE,
                begins_at + MINUTE,
            )  # later only if the clock was set back
            for old in [each for each in self._minutes if not oldest < each <= newest]:
                del self._minutes[old]
            self._minutes[begins_at] = _Minute()
        return self._minutes[begins_at]

    def pieces(self, after: datetime) -> Iterator[Interval]:
        """Pieces one after the other from *after*, a whole minute, up to the last reading; ends where it is not
        clean."""
        begins_at = after
        while (minute := self._minutes.get(begins_at)) is not None:
            piece = _piece(begins_at, minute)
            if piece is None:
                return
            yield piece
            if piece.ends_at < begins_at + MINUTE - NEAR:
                return
            begins_at += MINUTE


def _piece(begins_at: datetime, minute: _Minute) -> Interval | None:
    if not minute.is_clean:
        return None
    if minute.streamed_until is not None:
        ends_at = min(max(minute.streamed_until, begins_at + timedelta(seconds=STREAM_S)), begins_at + MINUTE)
        length_s = (ends_at - begins_at).total_seconds()
        if minute.streamed_s >= LEAST_PART * length_s:
            valid_s = min(minute.streamed_s, length_s)
            return Interval(
                begins_at,
                ends_at,
                minute.energy_s * valid_s / minute.streamed_s,
                valid_s,
                valid_s,
                lmax=minute.lmax,
                lpeak=minute.lpeak,
                source="stream",
            )
    return _from_exposure(begins_at, minute)


def _from_exposure(begins_at: datetime, minute: _Minute) -> Interval | None:
    if minute.first is None or minute.last is None or abs(minute.first[0] - begins_at) > NEAR:
        return None
    span_s = (minute.last[0] - minute.first[0]).total_seconds()
    grown = growth(minute.first[1], minute.last[1], span_s)
    if grown is None or not grown.is_sharp or minute.last[0] <= begins_at:
        return None
    return Interval.of_level(begins_at, min(minute.last[0], begins_at + MINUTE), grown.level_db, source="poll")


def _floor(at: datetime) -> datetime:
    return at.replace(second=0, microsecond=0)


def _most(one: float | None, other: float | None) -> float | None:
    return other if one is None else one if other is None else max(one, other)
