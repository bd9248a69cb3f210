"""Minutes to judge, and small limits to judge them by."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from slmm.acoustics.intervals import Interval
from slmm.acoustics.percentiles import Histogram
from slmm.acoustics.quality import NO_FLAGS, Flag
from slmm.limits.document import Limit, parse

MINUTE = timedelta(minutes=1)


def at(text: str) -> datetime:
    """``2026-06-03 07:00`` as an instant in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def minutes(
    starts_at: datetime, levels: Iterable[float | None], *, step: timedelta = MINUTE, flags: Flag = NO_FLAGS
) -> list[Interval]:
    """Pieces one after the other; None is a piece of which nothing is known."""
    return [
        Interval.of_level(
            starts_at + number * step,
            starts_at + (number + 1) * step,
            level_db,
            lmax=level_db,
            lpeak=level_db,
            histogram=Histogram.EMPTY if level_db is None else Histogram.of([level_db] * 600),
            flags=flags,
        )
        for number, level_db in enumerate(levels)
    ]


def limit(**members: Any) -> Limit:
    """70 dB LAeq,15min all day unless told otherwise."""
    whole_day = {"from": "00:00", "until": "24:00", "level_db": 70.0}
    base = {
        "name": "site",
        "quantity": "laeq",
        "period": {"kind": "fixed", "length": "15min"},
        "rows": [whole_day],
    }
    return parse(base | members)


def row(start: str, end: str, level_db: float, **more: Any) -> dict[str, Any]:
    """A row of hours."""
    return {"from": start, "until": end, "level_db": level_db, **more}
