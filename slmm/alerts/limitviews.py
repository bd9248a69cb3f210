"""Judgements and standings as JSON: what the interface, the event stream and the page show; levels rounded once."""

from __future__ import annotations

import math
from typing import Any

from slmm.acoustics.allowance import Allowance
from slmm.acoustics.energy import rounded
from slmm.acoustics.quality import flag_names
from slmm.limits.calendar import Change
from slmm.limits.standing import Standing
from slmm.limits.verdict import Judgement
from slmm.storage.limits import KeptLimit
from slmm.times import timestamp, timestamp_or_none

View = dict[str, Any]


def judgement_view(found: Judgement) -> View:
    """One period and what the limit says of it."""
    return {
        "starts_at": timestamp(found.starts_at),
        "ends_at": timestamp(found.ends_at),
        "label": found.label,
        "level_db": found.told_db,
        "limit_db": found.limit_db,
        "amber_db": found.amber_db,
        "margin_db": found.margin_db,
        "verdict": found.verdict.value,
        "coverage": _part(found.coverage),
        "bound": found.bound.value,
        "used_ratio": None if found.used_ratio is None else _part(found.used_ratio),
        "uncertainty_db": _decibels(found.uncertainty_db),
        "flags": flag_names(found.flags),
        "row": found.row,
        "calls_for_action": found.calls_for_action,
        "noisiest_starts_at": timestamp_or_none(found.noisiest.starts_at if found.noisiest else None),
        "noisiest_ends_at": timestamp_or_none(found.noisiest.ends_at if found.noisiest else None),
        "why": found.why,
    }


def standing_view(kept: KeptLimit, kind: str | None, standing: Standing, *, is_live: bool) -> View:
    """Where a limit stands now; *is_live*: the present minute is in it, else whole minutes alone."""
    judgement = standing.judgement
    return {
        "limit_id": kept.limit_id,
        "name": kept.limit.name,
        "version": kept.version,
        "kind": kind,
        "at": timestamp(standing.at),
        "resolution": "live" if is_live else "minute",
        "verdict": None if standing.verdict is None else standing.verdict.value,
        "why": standing.why,
        "period_ends_at": timestamp_or_none(standing.period_ends_at),
        "now": None if judgement is None else judgement_view(judgement),
        "allowance": None if standing.allowance is None else _allowance_view(standing.allowance),
        "next_change": None if standing.next_change is None else _change_view(standing.next_change),
        "previous": None if standing.previous is None else judgement_view(standing.previous),
    }


def _allowance_view(found: Allowance) -> View:
    return {
        "limit_db": rounded(found.limit_db),
        "used_ratio": _part(found.used_ratio),
        "used_at_most": None if found.used_at_most is None else _part(found.used_at_most),
        "rest_s": round(found.rest_s, 1),
        "rest_level_db": found.rest_level_db,
        "is_lost": found.is_lost,
        "exhausted_in_s": None if found.exhausted_in_s is None else _seconds(found.exhausted_in_s),
        "floor_db": _decibels(found.floor_db),
        "ceiling_db": _decibels(found.ceiling_db),
    }


def _change_view(change: Change) -> View:
    return {"at": timestamp(change.at), "level_db": change.level_db, "amber_db": change.amber_db}


def _part(ratio: float) -> float:
    """Never more than there is: a percent is not reached before it is."""
    return math.floor(ratio * 10_000 + 1e-6) / 10_000


def _decibels(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else rounded(value)


def _seconds(value: float) -> float | None:
    return round(value, 1) if math.isfinite(value) else None
