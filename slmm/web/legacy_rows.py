"""What the rows of a database of SLMM 0.4.0 say, in the terms of today; SQLite may hold anything in any column."""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime
from typing import Any

from pydantic import ValidationError

from slmm.errors import Garbled
from slmm.nl43.readings import parse_level, parse_run_state
from slmm.web.context import UNIT_ID

METRICS = frozenset({"lp", "leq", "lmax", "lmin", "lpeak", "ln1", "ln2"})
MOST_COUNT = 2**31 - 1
UNUSABLE = (ValueError, TypeError, KeyError, ArithmeticError, Garbled)
"""What a row raises that cannot be taken: a column that is missing, or holds what it should not."""
_TIME_OF_DAY = re.compile(r"([01]\d|2[0-3]):[0-5]\d")
_DAYS = re.compile(r"[0-6](,[0-6])*")

Row = dict[str, Any]


def reason(error: Exception) -> str:
    """Why a row cannot be taken, for a person."""
    return f"there is no column {error}" if isinstance(error, KeyError) else str(error)


def why(error: ValidationError) -> str:
    """Every field and what is wrong with it; values only where they are no secret."""
    found = []
    for item in error.errors(include_url=False):
        name, value = str(item["loc"][0]), item.get("input")
        # Of a missing member the input is the whole row, with its password.
        shown = "" if "password" in name or not isinstance(value, (str, int, float)) else f" {value!r}"
        found.append(f"{name}{shown}: {item['msg'].removeprefix('Value error, ')}")
    return "; ".join(found)


def number(value: object) -> int:
    """A number of a row; 0 for anything that is none."""
    return value if isinstance(value, int) else 0


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _count(value: Any) -> int:
    """A whole number that is not negative; raises ValueError for one that no column holds."""
    found = int(value or 0)
    if found > MOST_COUNT:
        raise ValueError(f"{str(value)[:40]} is too large")
    return max(0, found)


def _figure(value: Any) -> float | None:
    """A number of dB, or nothing; raises ValueError."""
    if value is None:
        return None
    found = float(value)
    if not math.isfinite(found):
        raise ValueError(f"{found} is no level")
    return found


def level(text: object) -> float | None:
    """Text, a number, or nothing; raises Garbled for what is no level."""
    if text is None or text == "":
        return None
    return parse_level(f"{text:.1f}" if isinstance(text, (int, float)) else str(text))


def instant(text: object) -> datetime | None:
    """Naive text is UTC; raises ValueError."""
    if text is None or text == "":
        return None
    at = datetime.fromisoformat(str(text))
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)


def status_of(row: Row) -> Row:
    texts = ("raw_payload", "battery_level", "power_source", "sd_remaining_mb", "sd_free_ratio", "last_error")
    counter = str(row.get("counter") or "").strip()
    return {
        "unit_id": str(row["unit_id"]),
        "measurement_state": parse_run_state(str(row.get("measurement_state") or "")),
        "counter": int(counter) if counter.isascii() and counter.isdigit() and len(counter) <= 9 else None,
        **{name: level(row.get(name)) for name in ("lp", "leq", "lmax", "lmin", "lpeak", "ln1", "ln2")},
        **{name: _text(row.get(name)) for name in texts},
        "is_reachable": None if row.get("is_reachable") is None else bool(row["is_reachable"]),
        "consecutive_failures": min(_count(row.get("consecutive_failures")), 1_000_000),
        **{
            name: instant(row.get(name))
            for name in ("last_seen", "measurement_start_time", "last_poll_attempt", "last_success")
        },
    }


def rule_of(row: Row, units: set[str]) -> Row:
    """A rule as it may be; raises ValueError."""
    if row["unit_id"] not in units:
        raise ValueError(f"there is no unit {row['unit_id']!r}")
    if row["metric"] not in METRICS:
        raise ValueError(f"metric {row['metric']!r} is none of {', '.join(sorted(METRICS))}")
    if row["comparison"] not in ("above", "below"):
        raise ValueError(f"comparison {row['comparison']!r} is neither above nor below")
    threshold = _figure(row["threshold_db"])
    if threshold is None:
        raise ValueError("threshold_db is missing")
    for name in ("schedule_start", "schedule_end"):
        if row.get(name) and not _TIME_OF_DAY.fullmatch(row[name]):
            raise ValueError(f"{name} {row[name]!r} is no time of day such as 22:00")
    days = str(row.get("schedule_days") or "").replace(" ", "").strip(",")
    if days and not _DAYS.fullmatch(days):
        raise ValueError(f"schedule_days {days!r} are no days 0–6")
    return {
        "unit_id": row["unit_id"],
        "name": str(row["name"])[:128],
        "metric": row["metric"],
        "comparison": row["comparison"],
        "threshold_db": threshold,
        "duration_s": _count(row.get("duration_s")),
        "clear_margin_db": max(0.0, _figure(row.get("clear_margin_db")) or 0.0),
        "cooldown_s": _count(row.get("cooldown_s")),
        "schedule_start": row.get("schedule_start") or None,
        "schedule_end": row.get("schedule_end") or None,
        "schedule_days": days or None,
        "channels": str(row.get("channels") or "log")[:255],
        "recipients": _text(row.get("recipients")),
        "enabled": bool(row.get("enabled")),
        "created_at": instant(row.get("created_at")) or datetime.now(UTC),
    }


def event_of(row: Row) -> Row:
    """An event as it was; those of units that are gone stay too. Raises ValueError."""
    if not UNIT_ID.fullmatch(str(row["unit_id"])):
        raise ValueError(f"{row['unit_id']!r} is no name of a unit")
    onset_at = instant(row["onset_at"])
    if onset_at is None:
        raise ValueError("it has no onset")
    by, name = row.get("acknowledged_by"), row.get("rule_name")
    return {
        "unit_id": str(row["unit_id"]),
        "rule_name": str(name)[:128] if name is not None else None,
        "metric": str(row["metric"])[:32],
        "threshold_db": _figure(row["threshold_db"]) or 0.0,
        "onset_at": onset_at,
        "onset_value": _figure(row.get("onset_value")),
        "peak_value": _figure(row.get("peak_value")),
        "clear_at": instant(row.get("clear_at")),
        "status": "cleared" if row.get("clear_at") else str(row.get("status") or "active")[:16],
        "acknowledged_at": instant(row.get("acknowledged_at")),
        "acknowledged_by": str(by)[:128] if by is not None else None,
        "notes": _text(row.get("notes")),
    }
