"""Where every limit of every unit stands: fed by the minutes as they come on record, and by live readings between.

It holds nothing that is not on record: after a restart, a remark that excludes, or minutes that were made anew, it is
built again from there. The rules that watch a limit are judged here, minute by minute and in order of time.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

import gevent

from slmm import events, signals
from slmm.acoustics.intervals import Interval, Span
from slmm.alerts import watching
from slmm.alerts.engine import AlertEngine
from slmm.alerts.limitviews import View, standing_view
from slmm.alerts.present import Present
from slmm.errors import DiskTrouble
from slmm.events import RunState
from slmm.limits.document import Limit
from slmm.limits.standing import Watch
from slmm.storage.limits import KeptLimit, LimitBook

logger = logging.getLogger(__name__)

PUBLISH_EVERY_S = 10.0
EXCLUSIONS_EVERY_S = 10.0
PIECES_AT_ONCE = 100
"""Minutes taken in between two switches of greenlets."""
_INSTANT = timedelta(microseconds=1)


class Record(Protocol):
    """What is needed of the record."""

    @property
    def made_until(self) -> datetime | None:
        """Up to when minutes have been made; None before the record is open."""

    def minutes(self, unit_id: str, from_at: datetime, until_at: datetime) -> list[Interval]:
        """The minutes of a unit by time; raises DiskTrouble."""


class Exclusions(Protocol):
    """What is needed of the remarks."""

    def exclusions(self, unit_id: str, starts_at: datetime, ends_at: datetime) -> Sequence[Any]:
        """What is taken out of the judged figures of a span."""

    def exclusion_marks(self) -> Mapping[str, tuple[int, int]]:
        """Something for each unit that is another when its exclusions are."""


@dataclass(slots=True)
class _Watched:
    """One limit at one unit."""

    kept: KeptLimit
    watch: Watch
    known_from: datetime


@dataclass(slots=True)
class _Unit:
    """The limits of one unit."""

    limits: list[_Watched] = field(default_factory=list)
    present: Present = field(default_factory=Present)
    excluded: list[Span] = field(default_factory=list)
    is_stale: bool = True
    arrived: list[Interval] | None = None
    """Minutes that come while it is being built."""
    looked_until: datetime | None = None
    told: tuple[Any, ...] = ()
    told_s: float = -PUBLISH_EVERY_S


class LimitWatch:
    """Started and stopped by the runtime, which calls ``look`` every few seconds."""

    def __init__(
        self,
        book: LimitBook,
        engine: AlertEngine,
        record: Record,
        remarks: Exclusions,
        watchers: Callable[[str], int],
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._book = book
        self._engine = engine
        self._record = record
        self._remarks = remarks
        self._watchers = watchers
        self._now = now
        self._units: dict[str, _Unit] = {}
        self._marks: Mapping[str, tuple[int, int]] = {}
        self._marks_read_s = -EXCLUSIONS_EVERY_S

    # -- life ---------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Listen from now on; what was before is read at the first look."""
        for kept in self._book.known.values():
            self._units.setdefault(kept.unit_id, _Unit())
        for signal, receiver in self._receivers():
            signal.connect(receiver, weak=False)

    def stop(self) -> None:
        """Listen no more."""
        for signal, receiver in self._receivers():
            signal.disconnect(receiver)

    def _receivers(self) -> list[tuple[Any, Callable[..., None]]]:
        return [
            (signals.minute_made, self.on_minute),
            (signals.reading_taken, self.on_reading),
            (signals.levels_streamed, self.on_streamed),
            (signals.roster_changed, self.on_roster),
        ]

    def changed(self, unit_id: str) -> None:
        """The limits of a unit are others: build them anew at the next look."""
        if any(kept.unit_id == unit_id for kept in self._book.known.values()):
            self._units.setdefault(unit_id, _Unit()).is_stale = True
        elif unit_id in self._units:
            unit = self._units.pop(unit_id)
            if unit.told:  # who watches is told that there are none any more
                self._tell(unit_id, [])

    # -- what arrives -------------------------------------------------------------------------------------

    def on_minute(self, sender: str, event: events.MinuteMade) -> None:
        """Receiver of ``minute_made``: the next minute, or an earlier one made anew."""
        unit, piece = self._units.get(event.unit_id), event.interval
        if unit is None:
            return
        if unit.arrived is not None:
            unit.arrived.append(piece)
        elif not unit.is_stale:
            self._feed(event.unit_id, unit, piece)

    def _feed(self, unit_id: str, unit: _Unit, piece: Interval) -> None:
        is_excluded = _touches(unit.excluded, piece)
        for watched in unit.limits:
            if watched.watch.add(piece, is_excluded=is_excluded):
                limit_id = watched.kept.limit_id
                self._engine.take_limit(unit_id, limit_id, watched.watch, piece.ends_at, watched.known_from)
            elif piece.ends_at > watched.known_from:
                unit.is_stale = True

    def on_reading(self, sender: str, event: events.Reading) -> None:
        """Receiver of ``reading_taken``."""
        if unit := self._units.get(event.unit_id):
            is_clean = event.run_state is RunState.MEASURING and not event.main.over and not event.flags
            unit.present.add_reading(event.at, event.main.le, is_clean=is_clean)

    def on_streamed(self, sender: str, event: events.StreamedLevels) -> None:
        """Receiver of ``levels_streamed``."""
        if unit := self._units.get(event.unit_id):
            main = event.main
            is_clean = event.run_state is RunState.MEASURING and not main.over and not main.under
            unit.present.add_stream(event.at, main.leq, main.lmax, main.lpeak, is_clean=is_clean)

    def on_roster(self, sender: str, event: events.RosterChange) -> None:
        """Receiver of ``roster_changed``: a unit's zone may be another; limits of one that is gone rest."""
        if event.change == "removed":
            self._units.pop(event.unit_id, None)
        else:
            self.changed(event.unit_id)

    # -- time ---------------------------------------------------------------------------------------------

    def look(self) -> None:
        """What time brings: units to be built, periods that end though no minute comes, news for viewers."""
        until = self._record.made_until
        if not self._units:
            return
        self._look_for_exclusions()
        for unit_id, unit in list(self._units.items()):
            try:
                self._look_at(unit_id, unit, until)
            except Exception:
                logger.exception("the limits of %s cannot be followed", unit_id)
            gevent.sleep(0)

    def _look_at(self, unit_id: str, unit: _Unit, until: datetime | None) -> None:
        if unit.is_stale:
            self._build_or_wait(unit_id, unit, until or self._now())
        if unit.is_stale:
            return
        if until is not None and unit.looked_until != until:
            unit.looked_until = until
            for each in unit.limits:
                self._engine.take_limit(unit_id, each.kept.limit_id, each.watch, until, each.known_from)
        if self._watchers(unit_id):
            self._tell_if_new(unit_id, unit)

    def _look_for_exclusions(self) -> None:
        now_s = time.monotonic()
        if now_s - self._marks_read_s < EXCLUSIONS_EVERY_S:
            return
        self._marks_read_s = now_s
        before, self._marks = self._marks, self._remarks.exclusion_marks()
        for unit_id, unit in self._units.items():
            if before.get(unit_id) != self._marks.get(unit_id):
                unit.is_stale = True

    def _build_or_wait(self, unit_id: str, unit: _Unit, until: datetime) -> None:
        unit.arrived = []
        try:
            self._build(unit_id, unit, until)
            unit.is_stale, unit.looked_until = False, None
        except DiskTrouble as error:
            logger.warning("the limits of %s wait: %s", unit_id, error)
        finally:
            arrived, unit.arrived = unit.arrived, None
        for piece in arrived:
            self._feed(unit_id, unit, piece)

    def _build(self, unit_id: str, unit: _Unit, until: datetime) -> None:
        """From the record; everything that was not judged yet is judged on the way, in order of time."""
        zone = self._engine.zone(unit_id)
        found = []
        for kept in list(self._book.known.values()):
            if kept.unit_id == unit_id and kept.is_enabled:
                watch = Watch(kept.limit, zone)
                since = watch.timetable.earliest(watch.earliest(until))
                wanted = watching.needs_from(self._engine.units.get(unit_id), kept.limit_id)
                found.append(_Watched(kept, watch, since if wanted is None else min(since, wanted)))
        if found:
            since = min(watched.known_from for watched in found)
            pieces = self._record.minutes(unit_id, since, until)
            exclusions = self._remarks.exclusions(unit_id, since, self._now() + timedelta(days=366))
            unit.excluded = [Span(each.starts_at, each.ends_at) for each in exclusions]
            self._take_in(unit_id, unit.excluded, found, pieces)
        unit.limits = found

    def _take_in(
        self, unit_id: str, excluded: Sequence[Span], found: Sequence[_Watched], pieces: Sequence[Interval]
    ) -> None:
        for number, piece in enumerate(pieces, 1):
            is_excluded = _touches(excluded, piece)
            for watched in found:
                if piece.starts_at >= watched.known_from and watched.watch.add(piece, is_excluded=is_excluded):
                    limit_id = watched.kept.limit_id
                    self._engine.take_limit(unit_id, limit_id, watched.watch, piece.ends_at, watched.known_from)
            if number % PIECES_AT_ONCE == 0:
                gevent.sleep(0)

    # -- what people see ------------------------------------------------------------------------------------

    def standings(self, unit_id: str) -> list[View]:
        """All limits of a unit as they stand now, the present minute included where it can be told."""
        unit = self._units.get(unit_id)
        return [] if unit is None else self._views(unit)

    def is_ready(self, unit_id: str) -> bool:
        """Whether what ``standings`` says is all that is on record."""
        unit = self._units.get(unit_id)
        return unit is None or not unit.is_stale

    def _views(self, unit: _Unit) -> list[View]:
        now = self._now()
        return [self._view(unit, watched, now) for watched in unit.limits]

    def _view(self, unit: _Unit, watched: _Watched, now: datetime) -> View:
        watch = watched.watch.fork()  # its windows may look ahead; those of the watch itself must not
        is_live = False
        if _is_told_live(watched.kept.limit):
            after = watch.heard_until or now.replace(second=0, microsecond=0)
            for piece in unit.present.pieces(after):
                if piece.ends_at <= now and watch.add(piece, is_excluded=_touches(unit.excluded, piece)):
                    is_live = True
        standing = watch.standing(now)
        hours = watch.timetable.hours_at(standing.at - _INSTANT)
        kind = None if hours is None else watched.kept.limit.period_of(hours.row).kind
        return standing_view(watched.kept, kind, standing, is_live=is_live)

    def _tell_if_new(self, unit_id: str, unit: _Unit) -> None:
        views = self._views(unit)
        what = tuple((view["limit_id"], view["version"], view["verdict"]) for view in views)
        now_s = time.monotonic()
        if what == unit.told and (now_s - unit.told_s < PUBLISH_EVERY_S or not views):
            return
        unit.told, unit.told_s = what, now_s
        self._tell(unit_id, views)

    def _tell(self, unit_id: str, views: list[View]) -> None:
        signals.publish(signals.limits_stood, events.LimitsStanding(unit_id, self._now(), tuple(views)))


def _is_told_live(limit: Limit) -> bool:
    """A mean over a period can be gone on with; a rolling window would lose a whole minute at its begin for it."""
    rolls = any(limit.period_of(row).kind in ("rolling", "noisiest") for row in limit.rows)
    return limit.quantity in ("laeq", "lr") and not rolls


def _touches(excluded: Sequence[Span], piece: Interval) -> bool:
    return any(span.overlap_s(piece.starts_at, piece.ends_at) > 0 for span in excluded)
