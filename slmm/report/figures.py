"""Levels of all the periods of a report from one pass over the record: short steps are read, the rest is put together.

Parts of a day, whole days and the steps of the chart are all made of the same steps, which divide an hour; so the
record is read once, and what the table says is what the chart shows.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import numpy as np

from slmm.acoustics.civil import local_date
from slmm.acoustics.intervals import Interval, PeriodLevels, Span
from slmm.acoustics.percentiles import Histogram
from slmm.acoustics.periods import Period, periods_between, periods_of
from slmm.acoustics.quality import NO_FLAGS, Flag
from slmm.acoustics.ratings import lden
from slmm.record.history import History
from slmm.record.pieces import Pieces, newest_minutes, plain
from slmm.record.store import Connection
from slmm.record.summary import AS_RECORDED, PARTS, WHOLE_DAY, Summary
from slmm.report.document import DayRating
from slmm.report.reach import Reach

AS_DRAWN = Flag.OVER | Flag.CALIBRATION
_LIGHT = "starts_at, ends_at, energy_s, valid_s, received_s, lmax, lmin, lpeak, flags, source, uncertainty_db"
_LEVELS = ("lmax", "lmin", "lpeak", "uncertainty_db")


def parts_of(reach: Reach, until: datetime) -> list[Period]:
    """Day, evening and night of each date that have begun; a night belongs to the date it begins on (R16)."""
    found = periods_between(reach.span.starts_at, reach.span.ends_at, reach.zone)
    return [part for part in found if reach.first <= part.date <= reach.last and part.span.starts_at < until]


class Steps:
    """The levels of every step of a time, to be put together to longer periods."""

    def __init__(self, pieces: Sequence[Pieces], zone: str) -> None:
        self.pieces = pieces
        self._zone = zone
        self._starts = [each.span.starts_at for each in pieces]

    def _within(self, span: Span) -> Pieces:
        found = Pieces(span)
        for each in self.pieces[bisect_left(self._starts, span.starts_at) : bisect_left(self._starts, span.ends_at)]:
            found.intervals += each.intervals
            found.kept |= each.kept
        return found

    def intervals(self) -> list[Interval]:
        """What the steps are made of, by time; flagged where something could not be left out."""
        found = [replace(one, flags=one.flags | each.kept) for each in self.pieces for one in each.intervals]
        return sorted(found, key=lambda one: one.starts_at)

    def levels(self, span: Span) -> PeriodLevels:
        """Of a period that begins and ends with steps."""
        return self._within(span).levels()

    def summary(self, name: str, day: date, span: Span) -> Summary:
        """The same with the other result: with what was excluded, and with wind and rain (R29)."""
        pieces = self._within(span)
        levels = pieces.levels()
        has_other = levels.flags & (Flag.EXCLUDED | Flag.WEATHER)
        return Summary(name, day, levels, pieces.levels(AS_RECORDED) if has_other else None)

    def drawn(self, span: Span) -> tuple[PeriodLevels, ...]:
        """The steps themselves, with what was excluded."""
        inside = [each for each in self.pieces if span.starts_at <= each.span.starts_at < span.ends_at]
        return tuple(each.levels(AS_DRAWN) for each in inside)

    def summaries(self, periods: Iterable[Period]) -> tuple[Summary, ...]:
        """Of named periods."""
        return tuple(self.summary(each.name, each.date, each.span) for each in periods)

    def days(self, reach: Reach, until: datetime) -> tuple[Summary, ...]:
        """Midnight to midnight of each date that has begun."""
        reaches = (Reach("day", day, day, reach.zone) for day in reach.days if has_hours(day, reach.zone))
        return tuple(self.summary(WHOLE_DAY, each.first, each.span) for each in reaches if each.span.starts_at < until)

    def rating(self, day: date) -> DayRating:
        """Lden of a date from 07:00 on; the hours weigh what the scheme says, whatever the clocks do (R6, R15)."""
        parts = {each.name: self.levels(each.span) for each in periods_of(day, self._zone)}
        day_db, evening_db, night_db = (parts[name].laeq if name in parts else None for name in PARTS)
        return DayRating(
            day, lden(day_db, evening_db, night_db), min((each.coverage for each in parts.values()), default=0.0)
        )

    def sources(self, span: Span) -> list[tuple[str, float]]:
        """Valid seconds by source, most first."""
        seconds: dict[str, float] = {}
        for piece in self._within(span).intervals:
            if piece.valid_s:
                seconds[piece.source] = seconds.get(piece.source, 0.0) + piece.valid_s
        return sorted(seconds.items(), key=lambda each: (-each[1], each[0]))


def has_hours(day: date, zone: str) -> bool:
    """Whether the calendar of a place has this day (Apia went without 30 December 2011)."""
    begin = periods_of(day, zone)[0].span.starts_at
    return local_date(begin, zone) == day


def steps_of(history: History, unit_id: str, spans: Sequence[Span], excluded: Sequence[Span]) -> list[Pieces]:
    """What the record has of steps in order of time; raises DiskTrouble."""
    return history.store.read(
        lambda connection: history.pieces(connection, unit_id, spans, excluded=excluded, with_counts=True)[1]
    )


def minutes_of(history: History, unit_id: str, span: Span, *, with_counts: bool) -> list[Interval]:
    """The minutes that lie within a span, by time; without histograms, which are most of their weight, unless wanted.

    Raises DiskTrouble.
    """
    unit = history.store.known_unit(unit_id)
    if unit is None:
        return []
    columns = f"{_LIGHT}, classes, counts" if with_counts else _LIGHT

    def question(connection: Connection) -> list[Interval]:
        rows = newest_minutes(connection, history.partitions, unit_id, span.starts_at, span.ends_at)
        found = connection.execute(
            f"select {columns} from {rows} where unit = ? and starts_at >= ? and ends_at <= ? order by starts_at",
            [unit, span.starts_at.replace(tzinfo=None), span.ends_at.replace(tzinfo=None)],
        ).fetchnumpy()
        return _intervals(found)

    return history.store.read(question)


def _intervals(found: dict[str, Any]) -> list[Interval]:
    """Column by column: a month has 44,640 of them, and reading them one by one takes a second more."""
    columns = {name: plain(column) for name, column in found.items()}
    starts, ends = (columns[name].astype("datetime64[us]").tolist() for name in ("starts_at", "ends_at"))
    numbers = [columns[name].tolist() for name in ("energy_s", "valid_s", "received_s")]
    levels = [[None if value != value else value for value in columns[name].tolist()] for name in _LEVELS]
    known = {number: Flag(number) if number else NO_FLAGS for number in set(columns["flags"].tolist())}
    flags = [known[number] for number in columns["flags"].tolist()]
    histograms = _histograms(columns) if "classes" in columns else [Histogram.EMPTY] * len(starts)
    rows = zip(starts, ends, *numbers, *levels, histograms, flags, columns["source"].tolist(), strict=True)
    return [
        Interval(
            starts_at=row[0].replace(tzinfo=UTC),
            ends_at=row[1].replace(tzinfo=UTC),
            energy_s=row[2],
            valid_s=row[3],
            received_s=row[4],
            lmax=row[5],
            lmin=row[6],
            lpeak=row[7],
            uncertainty_db=row[8],
            histogram=row[9],
            flags=row[10],
            source=row[11],
        )
        for row in rows
    ]


def _histograms(columns: dict[str, Any]) -> list[Histogram]:
    return [
        Histogram(np.asarray(classes, dtype=np.int16), np.asarray(counts, dtype=np.int64))
        for classes, counts in zip(columns["classes"], columns["counts"], strict=True)
    ]
