"""How a rule is tied to the limit it watches."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from slmm.alerts.limitrule import LimitFollower, on_terms, present_row
from slmm.alerts.rules import LIMIT, Rule, Watched
from slmm.alerts.unit import RuleRun, UnitAlerts
from slmm.errors import Invalid
from slmm.limits.calendar import Timetable
from slmm.limits.document import Limit
from slmm.steady import SteadyClock
from slmm.storage.limits import KeptLimit

JUDGED_LATE_S = 26 * 3600.0
"""After a long silence of the service, alarms are not raised for what ended longer ago than this."""


def find(limits: Mapping[int, KeptLimit], unit_id: str, limit_id: int) -> KeptLimit:
    """A limit of a unit; raises Invalid."""
    kept = limits.get(limit_id)
    if kept is None or kept.unit_id != unit_id:
        raise Invalid(f"limit_id {limit_id} is no limit of {unit_id}", field="limit_id")
    return kept


def limited(rule: Rule, kept: KeptLimit, zone: str, at: datetime, *, warns: bool) -> Rule:
    """A rule that watches a limit, on the terms in force at an instant."""
    return limited_by(rule, kept.limit, kept.limit_id, zone, at, warns=warns)


def limited_by(rule: Rule, limit: Limit, limit_id: int, zone: str, at: datetime, *, warns: bool) -> Rule:
    """The same for a limit that need not be kept."""
    timetable = Timetable(limit, zone)
    row = present_row(timetable, at)
    has_ended_periods = limit.period_of(row).kind != "rolling"
    watched = Watched(limit_id, limit.name, limit.label(row), warns, has_ended_periods)
    return on_terms(replace(rule, metric=LIMIT, limit=watched), timetable, row)


def follow(run: RuleRun, kept: KeptLimit, zone: str, clock: SteadyClock) -> None:
    """Have a rule follow its limit from where it was judged last, or from now."""
    now_s = clock.now_s()
    if not kept.is_enabled:
        run.error = f"limit {kept.limit_id} ({kept.limit.name}) is switched off"
    if run.state.judged_until_s is None:
        run.state, run.is_dirty = replace(run.state, judged_until_s=now_s), True
    since_s = max(run.state.judged_until_s or now_s, now_s - JUDGED_LATE_S)
    run.follower = LimitFollower(run.rule, Timetable(kept.limit, zone), clock.instant(since_s))


def move(run: RuleRun, zone: str) -> None:
    """The unit is in another zone now."""
    if run.follower is not None:
        timetable = Timetable(run.follower.timetable.limit, zone)
        run.follower = LimitFollower(run.rule, timetable, run.follower.judged_until)


def needs_from(unit: UnitAlerts | None, limit_id: int) -> datetime | None:
    """From when the rules that watch a limit need minutes; None without such rules."""
    found = [
        run.follower.needs_from
        for run in (unit.runs.values() if unit else ())
        if run.follower is not None and run.rule.limit is not None and run.rule.limit.limit_id == limit_id
    ]
    return min(found, default=None)
