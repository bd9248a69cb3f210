"""An alert engine with limits to watch, fed minute by minute; what was fed is its record."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from slmm import events, signals
from slmm.acoustics.intervals import Interval, Span
from slmm.alerts.limitwatch import LimitWatch
from slmm.limits.document import parse
from slmm.settings import Settings
from slmm.storage.limits import KeptLimit
from tests.alerts.conftest import START, Bench
from tests.limits.pieces import MINUTE, minutes

MINUTE_S = 60.0


class Ground(Bench):
    """Time stands at the end of what was fed."""

    def __init__(self, settings: Settings, path: Path) -> None:
        self.past: list[Interval] = []
        self.excluded: list[Span] = []
        self.made_until: datetime | None = START
        self.stood: list[events.LimitsStanding] = []
        self.watch: LimitWatch | None = None
        super().__init__(settings, path)

    # -- what LimitWatch needs of record and remarks --------------------------------------------------------

    def minutes(self, unit_id: str, from_at: datetime, until_at: datetime) -> list[Interval]:
        return [piece for piece in self.past if from_at <= piece.starts_at and piece.ends_at <= until_at]

    def exclusions(self, unit_id: str, starts_at: datetime, ends_at: datetime) -> list[Span]:
        return [span for span in self.excluded if span.overlap_s(starts_at, ends_at) > 0]

    def exclusion_marks(self) -> dict[str, tuple[int, int]]:
        return {"a": (len(self.excluded), 0)} if self.excluded else {}

    # -- life -------------------------------------------------------------------------------------------------

    def _open(self) -> None:
        super()._open()
        self.watch = LimitWatch(self.office.limit_book, self.engine, self, self, lambda unit_id: 1, lambda: self.now)
        self.office.limit_book.changed = self.watch.changed
        self.watch.start()
        signals.limits_stood.connect(self._hear_limits, weak=False)

    def _hear_limits(self, sender: str, event: events.LimitsStanding) -> None:
        self.stood.append(event)

    def _deaf(self) -> None:
        super()._deaf()
        signals.limits_stood.disconnect(self._hear_limits)
        if self.watch is not None:
            self.watch.stop()

    @property
    def now(self) -> datetime:
        return datetime.fromtimestamp(self.time.wall_s, UTC)

    # -- what happens -----------------------------------------------------------------------------------------

    def limit(self, **document: Any) -> KeptLimit:
        """70 dB LAeq,15min all day in UTC, unless told otherwise."""
        base = {
            "name": "site",
            "quantity": "laeq",
            "period": {"kind": "fixed", "length": "15min"},
            "rows": [{"from": "00:00", "until": "24:00", "level_db": 70.0}],
            "timezone": "UTC",
        }
        return self.office.limit_book.add("a", parse(base | document), "kim")

    def hear(self, pieces: Iterable[Interval]) -> None:
        """These minutes come on record one after the other, some seconds after their end."""
        assert self.watch is not None
        for piece in pieces:
            self.time.go((piece.ends_at - self.now).total_seconds() + 8.0)
            self.past = [each for each in self.past if each.starts_at != piece.starts_at] + [piece]
            self.past.sort(key=lambda each: each.starts_at)
            self.made_until = max(self.made_until or piece.ends_at, piece.ends_at)
            signals.publish(signals.minute_made, events.MinuteMade("a", piece.ends_at, piece))
            self.look()

    def look(self) -> None:
        assert self.watch is not None
        self.watch.look()
        self.engine.scribe.flush()

    def sounds(self, *levels: float | None, **more: Any) -> None:
        """A minute each, after what was heard last; None is a minute without a frame."""
        begins_at = self.made_until or START
        pieces = minutes(begins_at, levels, **more)
        for piece, level_db in zip(pieces, levels, strict=True):
            if level_db is None:
                self.silence(piece.ends_at)
            else:
                self.hear([piece])

    def silence(self, until: datetime) -> None:
        """Nothing comes on record up to then, and the record says so."""
        self.time.go(max(0.0, (until - self.now).total_seconds() + 8.0))
        self.made_until = until
        self.look()

    def at(self, minute: float) -> datetime:
        """So many minutes after the start."""
        return START + minute * MINUTE

    @property
    def told_spans(self) -> list[tuple[float, float | None, str, str | None]]:
        """Onset and end in minutes, severity, reason of every event."""
        return [
            (
                (each.onset_at - START) / timedelta(minutes=1),
                None if each.clear_at is None else (each.clear_at - START) / timedelta(minutes=1),
                str(each.severity),
                each.end_reason,
            )
            for each in self.events
        ]


GroundMaker = Callable[[], Ground]


def watch(ground: Ground, **members: object) -> int:
    """A rule on the only limit."""
    (limit_id,) = ground.office.limit_book.known
    rule_id = ground.add(limit_id=limit_id, **members)
    ground.look()
    return rule_id
