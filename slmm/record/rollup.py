"""Makes minutes of frames, hours and days of minutes: when they are over, and again when something is added to them."""

from __future__ import annotations

import itertools
import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import gevent
import numpy as np
from numpy.typing import NDArray

from slmm.acoustics.intervals import Interval, combine
from slmm.acoustics.quality import Flag
from slmm.record import periods
from slmm.record.frames import Source, instants
from slmm.record.minute import LOOK_AHEAD_S, LOOK_BACK_S, MINUTE, MINUTE_S, Floats, Rows, minute_of
from slmm.record.partitions import Partitions, relation
from slmm.record.periods import Made
from slmm.record.store import Connection, Store

logger = logging.getLogger(__name__)

HOUR = timedelta(hours=1)
LONGEST_INTERVAL = timedelta(hours=24)
"""Of the meter's own Leq intervals (comm. guide p. 62)."""
PIECE = timedelta(hours=1)
"""How much is made anew in one go: an hour at 10 values a second is 36,000 rows."""
UNITS_AT_ONCE, REST_S = 50, 0.04
"""A minute of one unit takes half a millisecond of arithmetic; two thousand in one go would keep the hub waiting."""
_NUMBERS = ("duration_s", "lp", "leq", "le", "lmax", "lmin", "lpeak")
_WORDS = ("over", "under", "measuring", "counter")
_SELECTED = ", ".join(
    ("unit", "ends_at", "source", *_NUMBERS, *(f"cast({name} as double) as {name}" for name in _WORDS))
)

ZoneOf = Callable[[str], ZoneInfo]
Span = tuple[datetime, datetime]


def floor(at: datetime, step: timedelta) -> datetime:
    """The last whole *step* of UTC at or before an instant."""
    since = at - datetime(1970, 1, 1, tzinfo=UTC)
    return at - since % step


class Rollup:
    """Periods of all units."""

    def __init__(self, store: Store, partitions: Partitions, zone_of: ZoneOf) -> None:
        self._store = store
        self._partitions = partitions
        self._zone_of = zone_of

    def mark(self) -> datetime | None:
        """Up to when minutes have been made."""
        row = self._store.read(
            lambda connection: connection.execute("select made_until from marks where name = 'minutes'").fetchone()
        )
        return None if row is None else row[0].replace(tzinfo=UTC)

    def close(self, begin: datetime, end: datetime) -> list[Made]:
        """Make the minutes between two whole ones for every unit that has frames in them; in order of unit and time."""
        low, high = _window(begin, end)
        rows = relation("frames")

        def question(connection: Connection) -> dict[str, Any]:
            return connection.execute(
                f"select {_SELECTED} from {rows} where ends_at > ? and ends_at <= ? order by unit, ends_at", [low, high]
            ).fetchnumpy()

        found = self._store.read(question)
        made: list[Made] = []
        for number, part in enumerate(_parts_of(found)):
            if number:
                gevent.sleep(REST_S)
            made += self._store.in_pool(self._made, part, _minutes_of(begin, end))

        def change(connection: Connection) -> None:
            periods.put(self._store, connection, "minutes", made)
            connection.execute("insert or replace into marks values ('minutes', ?)", [end.replace(tzinfo=None)])

        self._store.write(change)
        return made

    def remake(self, unit_id: str, from_at: datetime, until_at: datetime) -> list[Interval]:
        """Make the minutes of a unit between two instants anew, and the hours and days they belong to."""
        begin, end = floor(from_at, MINUTE), floor(until_at - timedelta(microseconds=1), MINUTE) + MINUTE
        made: list[Made] = []
        ahead_s = self._longest_stored_s(unit_id, begin, end)
        while begin < end:
            until = min(begin + PIECE, end)
            made += self._remake_piece(unit_id, begin, until, ahead_s)
            begin = until
        self.roll(unit_id, from_at, until_at)
        return [each.interval for each in made]

    def _longest_stored_s(self, unit_id: str, begin: datetime, end: datetime) -> float:
        """How long after a minute an interval of a card may end that tells of it, in s."""

        def question(connection: Connection) -> float:
            rows = self._partitions.relation(connection, "frames", unit_id, begin, end + LONGEST_INTERVAL)
            found = connection.execute(
                f"select max(duration_s) from {rows} where source >= {int(Source.SD_LEQ)}"
                " and epoch(ends_at) - duration_s < ?",
                [end.timestamp()],
            ).fetchone()
            return max(LOOK_AHEAD_S, (found[0] if found else None) or 0.0)

        return self._store.read(question)

    def _remake_piece(self, unit_id: str, begin: datetime, end: datetime, ahead_s: float) -> list[Made]:
        low, high = _window(begin, end, ahead_s)
        starts = _minutes_of(begin, end)

        def question(connection: Connection) -> list[Made]:
            rows = self._partitions.relation(
                connection, "frames", unit_id, low.replace(tzinfo=UTC), high.replace(tzinfo=UTC)
            )
            begun = f"source < {int(Source.SD_LEQ)} or epoch(ends_at) - duration_s < {end.timestamp()}"
            found = connection.execute(f"select {_SELECTED} from {rows} where {begun} order by ends_at").fetchnumpy()
            return self._made(found, starts)

        made = self._store.read(question)
        self._store.write(lambda connection: periods.put(self._store, connection, "minutes", made))
        return made

    def _made(self, found: dict[str, Any], starts: Sequence[datetime]) -> list[Made]:
        """Minutes of all units in rows that stand in order of unit and time."""
        names = self._store.unit_ids
        columns = {name: np.ma.filled(found[name].astype(np.float64), np.nan) for name in (*_NUMBERS, *_WORDS)}
        times, units = found["ends_at"], found["unit"]
        made: list[Made] = []
        edges = np.flatnonzero(np.diff(units)) + 1
        for low, high in zip([0, *edges], [*edges, len(units)], strict=True):
            if low == high:
                continue
            unit_id = names[int(units[low])]
            for starts_at in starts:
                begin = instants([starts_at])[0]
                ends_s = (times[low:high] - begin) / np.timedelta64(1, "s")
                here = _around(ends_s, found["source"][low:high], columns["duration_s"][low:high])
                if not len(here):
                    continue
                picked = {name: column[low + here] for name, column in columns.items()}
                rows = Rows(ends_s[here], found["source"][low + here], picked)
                if (interval := minute_of(starts_at, rows)) is not None:
                    made.append(Made(unit_id, interval))
        return made

    def roll(self, unit_id: str, from_at: datetime, until_at: datetime) -> None:
        """Make the hours and days of a unit anew that touch a span and are over, as its local time has them."""
        hours, days = _that_are_over(from_at, until_at, self._zone_of(unit_id))
        self._put(unit_id, "hours", hours, self.minutes)
        self._put(unit_id, "days", days, self.hours)

    def roll_fleet(self, unit_ids: Iterable[str], from_at: datetime, until_at: datetime) -> None:
        """The same for many units, some at a time; none of the minutes may be in a file yet."""
        of_zone: dict[ZoneInfo, list[str]] = {}
        for unit_id in unit_ids:
            of_zone.setdefault(self._zone_of(unit_id), []).append(unit_id)
        for zone, units in of_zone.items():
            hours, days = _that_are_over(from_at, until_at, zone)
            for first in range(0, len(units), UNITS_AT_ONCE) if hours or days else ():
                some = units[first : first + UNITS_AT_ONCE]
                self._put_some(some, "hours", hours, "minutes")
                self._put_some(some, "days", days, "hours")
                gevent.sleep(REST_S)

    def _put_some(self, unit_ids: Sequence[str], table: str, spans: Sequence[Span], parts: str) -> None:
        numbers = [number for each in unit_ids if (number := self._store.known_unit(each)) is not None]
        names = self._store.unit_ids

        def question(connection: Connection) -> list[Made]:
            made = []
            for starts_at, ends_at in spans:
                of_unit = periods.get_of_many(connection, parts, numbers, starts_at, ends_at)
                made += [Made(names[each], whole(found, starts_at, ends_at)) for each, found in of_unit.items()]
            return made

        if made := self._store.read(question) if spans and numbers else []:
            self._store.write(lambda connection: periods.put(self._store, connection, table, made))

    def _put(
        self,
        unit_id: str,
        table: str,
        spans: Iterable[Span],
        parts: Callable[[str, datetime, datetime], list[Interval]],
    ) -> None:
        made = []
        for starts_at, ends_at in spans:
            found = parts(unit_id, starts_at, ends_at)
            if found:
                made.append(Made(unit_id, whole(found, starts_at, ends_at)))
        if made:
            self._store.write(lambda connection: periods.put(self._store, connection, table, made))

    def minutes(self, unit_id: str, from_at: datetime, until_at: datetime) -> list[Interval]:
        """The minutes of a unit within [*from_at*, *until_at*), from tables and files, the newest of each."""
        number = self._store.known_unit(unit_id)
        if number is None or from_at >= until_at:
            return []

        def question(connection: Connection) -> list[Interval]:
            rows = self._partitions.relation(connection, "minutes", unit_id, from_at, until_at)
            newest = f"(select * from {rows} qualify row_number() over (partition by starts_at order by part desc) = 1)"
            return periods.get(connection, newest, number, from_at, until_at)

        return self._store.read(question)

    def hours(self, unit_id: str, from_at: datetime, until_at: datetime) -> list[Interval]:
        """The hours of a unit within a span."""
        return self._whole_periods("hours", unit_id, from_at, until_at)

    def days(self, unit_id: str, from_at: datetime, until_at: datetime) -> list[Interval]:
        """The civil days of a unit within a span."""
        return self._whole_periods("days", unit_id, from_at, until_at)

    def _whole_periods(self, table: str, unit_id: str, from_at: datetime, until_at: datetime) -> list[Interval]:
        number = self._store.known_unit(unit_id)
        if number is None or from_at >= until_at:
            return []
        return self._store.read(lambda connection: periods.get(connection, table, number, from_at, until_at))


def _parts_of(found: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Rows that stand in order of unit, some units at a time."""
    starts = [0, *(np.flatnonzero(np.diff(found["unit"])) + 1)][::UNITS_AT_ONCE]
    for low, high in itertools.pairwise([*starts, len(found["unit"])]):
        yield {name: column[low:high] for name, column in found.items()}


def _around(ends_s: Floats, source: NDArray[Any], duration_s: Floats) -> NDArray[np.intp]:
    """Places of the rows that tell of a minute: those around it, and long intervals that have begun by then."""
    first, last = np.searchsorted(ends_s, [-LOOK_BACK_S, MINUTE_S + LOOK_AHEAD_S], side="right")
    near = np.arange(first, last)
    later = np.flatnonzero((source[last:] >= Source.SD_LEQ) & (ends_s[last:] - duration_s[last:] < MINUTE_S)) + last
    return np.concatenate([near, later]) if len(later) else near


def whole(parts: Sequence[Interval], starts_at: datetime, ends_at: datetime) -> Interval:
    """Intervals as one: energies, times and counts added. Nothing is left out, so that it can be later."""
    levels = combine(parts, starts_at, ends_at, left_out=Flag(0))
    sources = levels.sources
    return Interval(
        starts_at=starts_at,
        ends_at=ends_at,
        energy_s=levels.energy_s,
        valid_s=levels.valid_s,
        received_s=levels.received_s,
        lmax=levels.lmax,
        lmin=levels.lmin,
        lpeak=levels.lpeak,
        histogram=levels.histogram,
        flags=levels.flags,
        source=next(iter(sources)) if len(sources) == 1 else "mixed" if sources else "none",
        uncertainty_db=levels.uncertainty_db,
    )


def _minutes_of(begin: datetime, end: datetime) -> list[datetime]:
    """When each minute between two whole ones begins."""
    return [begin + MINUTE * number for number in range(round((end - begin) / MINUTE))]


def _window(begin: datetime, end: datetime, ahead_s: float = LOOK_AHEAD_S) -> tuple[datetime, datetime]:
    """Frames that tell of the time between, as DuckDB wants it: naive UTC."""
    low, high = begin - timedelta(seconds=LOOK_BACK_S), end + timedelta(seconds=ahead_s)
    return low.astimezone(UTC).replace(tzinfo=None), high.astimezone(UTC).replace(tzinfo=None)


def _that_are_over(from_at: datetime, until_at: datetime, zone: ZoneInfo) -> tuple[list[Span], list[Span]]:
    """The hours and the days of a zone that touch a span."""
    now = datetime.now(UTC)
    spans = _local_hours(from_at, until_at, zone), _local_days(from_at, until_at, zone)
    hours, days = ([span for span in found if span[1] <= now] for found in spans)
    return hours, days


def _local_hours(from_at: datetime, until_at: datetime, zone: ZoneInfo) -> list[Span]:
    """Hours as the clocks there show them: in some zones they begin at half past of UTC."""
    beside = (from_at.astimezone(zone).utcoffset() or timedelta()) % HOUR
    begin, found = floor(from_at + beside, HOUR) - beside, []
    while begin < until_at:
        found.append((begin, begin + HOUR))
        begin += HOUR
    return found


def _local_days(from_at: datetime, until_at: datetime, zone: ZoneInfo) -> list[Span]:
    day, found = from_at.astimezone(zone).date(), []
    while (begin := datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC)) < until_at:
        day += timedelta(days=1)
        found.append((begin, datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC)))
    return found
