"""Trying a rule or a limit out on the past: when would it have fired, and what do the data not tell?"""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from typing import Any, Literal

from pydantic import BaseModel, Field

from slmm.acoustics.civil import local_date
from slmm.alerts import watching
from slmm.alerts.backtest import LONGEST_ROLLING, Found, check_span
from slmm.alerts.replay import Episode
from slmm.alerts.rules import LIMIT, ROLLING, Rule, in_words
from slmm.alerts.store import name_of
from slmm.alerts.watchdog import Limits
from slmm.errors import Invalid
from slmm.limits.calendar import Timetable
from slmm.limits.document import parse
from slmm.storage.limits import check
from slmm.times import timestamp, timestamp_or_none
from slmm.web import context
from slmm.web.api.alert_models import NewRule
from slmm.web.api.fields import Input, Level
from slmm.web.api.models import UnitPath
from slmm.web.api.record_models import Instant
from slmm.web.openapi import LIMITS, UNIT_PROBLEMS, Api

api = Api("back-tests", "Rules and limits tried out on the past", group=LIMITS)

MOST_EVENTS = 1000
MOST_GAPS = 100


class BackTest(Input):
    """A draft of a rule, or of a limit, and the span to try it on."""

    rule: NewRule | None = Field(None, description="As for POST rules")
    limit: dict[str, Any] | None = Field(None, description="A limit document, as if a rule watched it")
    limit_warns: bool = Field(False, description="With limit: as of rules")
    starts_at: Instant = Field(alias="from", description="No more than 31 days before until")
    ends_at: Instant | None = Field(None, alias="until", description="Now if left out")


class PastEvent(BaseModel):
    """One event that would have been."""

    onset_at: str
    onset_value: Level
    threshold_db: float
    severity: Literal["amber", "red"]
    peak_value: Level
    peak_at: str | None
    clear_at: str | None = Field(description="Null: still open at the end of the span")
    end_reason: str | None
    duration_s: float = Field(description="Up to its end, or that of the span")
    occurrences: int
    detail: str | None


class Stretch(BaseModel):
    """A part of the span, and what it was judged from."""

    starts_at: str
    ends_at: str
    resolution: Literal["frames", "minutes", "none"]


class Gap(BaseModel):
    """Nothing was there, for too long to be evidence."""

    starts_at: str
    ends_at: str


class BackTestAnswer(BaseModel):
    """What would have happened; the rule begins idle."""

    status: Literal["ok"] = "ok"
    unit_id: str
    starts_at: str
    ends_at: str
    words: str = Field(description="The rule as a sentence")
    count: int
    events: list[PastEvent] = Field(description="The first 1000")
    per_day: dict[str, int] = Field(description="Onsets by local day; days without any are left out")
    timezone: str
    resolution: list[Stretch]
    samples: int = Field(description="Frames or minutes that were there")
    gap_s: float
    gaps: list[Gap] = Field(description="The first 100")
    notes: list[str] = Field(description="What the data cannot tell")


def _draft(body: BackTest, unit_id: str, at: datetime) -> tuple[Rule, Timetable | None]:
    """The rule of a body, with the limit it watches."""
    running = context.runtime()
    zone = running.zone_of(unit_id).key
    if (body.rule is None) == (body.limit is None):
        raise Invalid("give either a rule or a limit", field="rule")
    if body.rule is not None:
        rule = running.alerts.rules.draft(unit_id, body.rule.model_dump())
        if rule.limit is None:
            return rule, None
        kept = watching.find(running.alerts.limit_book.known, unit_id, rule.limit.limit_id)
        return rule, Timetable(kept.limit, zone)
    limit = parse(body.limit)
    check(limit)
    plain = Rule(rule_id=0, unit_id=unit_id, name=limit.name, metric=LIMIT)
    return watching.limited_by(plain, limit, 0, zone, at, warns=body.limit_warns), Timetable(limit, zone)


@api.route_for(
    "post",
    "/<unit_id>/alerts/rules/test",
    needs="operator",
    answer=BackTestAnswer,
    problems=(*UNIT_PROBLEMS, 429, 500),
)
def back_test(path: UnitPath, body: BackTest) -> dict[str, Any]:
    """Try a rule or a limit out on what is on record, with the code that judges live.

    Frames are played where they are kept; limits, and a rolling LAeq over a long span, are judged by minutes.
    """
    unit_id = context.device(path.unit_id).unit_id
    running = context.runtime()
    ends_at = min(datetime.now(UTC), body.ends_at or datetime.now(UTC))
    check_span(body.starts_at, ends_at)
    rule, timetable = _draft(body, unit_id, body.starts_at)
    settings = running.settings
    limits = Limits(settings.alert_no_data_after_s, settings.alert_recover_s, settings.alert_startup_grace_s)
    found = running.back_tests.test(rule, timetable, limits, body.starts_at, ends_at)
    if found.error is not None:
        raise Invalid(f"the rule {found.error}", field="rule")
    zone = running.zone_of(unit_id).key if timetable is None else timetable.zone
    per_day = Counter(str(local_date(each.onset_at, zone)) for each in found.episodes)
    labels = running.board.status(unit_id).labels
    return {
        "status": "ok",
        "unit_id": unit_id,
        "starts_at": timestamp(body.starts_at),
        "ends_at": timestamp(ends_at),
        "words": in_words(rule, name_of(rule, labels)),
        "count": len(found.episodes),
        "events": [_event_view(each, ends_at) for each in found.episodes[:MOST_EVENTS]],
        "per_day": dict(sorted(per_day.items())),
        "timezone": zone,
        "resolution": [
            {"starts_at": timestamp(begin), "ends_at": timestamp(end), "resolution": name}
            for begin, end, name in found.coverage.stretches
        ],
        "samples": found.coverage.samples,
        "gap_s": round(found.coverage.gap_s, 1),
        "gaps": [
            {"starts_at": timestamp(begin), "ends_at": timestamp(end)} for begin, end in found.coverage.gaps[:MOST_GAPS]
        ],
        "notes": _notes(rule, found),
    }


def _event_view(found: Episode, until: datetime) -> dict[str, Any]:
    return {
        "onset_at": timestamp(found.onset_at),
        "onset_value": found.onset_db,
        "threshold_db": found.threshold_db,
        "severity": "red" if found.is_red else "amber",
        "peak_value": found.peak_db,
        "peak_at": timestamp_or_none(found.peak_at),
        "clear_at": timestamp_or_none(found.ended_at),
        "end_reason": found.end_reason,
        "duration_s": round(((found.ended_at or until) - found.onset_at).total_seconds(), 3),
        "occurrences": found.occurrences,
        "detail": found.detail,
    }


def _notes(rule: Rule, found: Found) -> list[str]:
    """Where the answer could be another than what truly would have been."""
    kinds = {name for _, _, name in found.coverage.stretches}
    notes = []
    if "none" in kinds:
        missing = "minutes" if rule.limit is not None or "minutes" in kinds else "readings"
        notes.append(f"where the resolution is none there are no {missing} on record: nothing can be told of that time")
    if found.coverage.gap_s:
        notes.append(f"{found.coverage.gap_s:.0f} s are missing; what was open before a gap stays open over it")
    if rule.metric == ROLLING and "minutes" in kinds:
        hours = LONGEST_ROLLING.total_seconds() / 3600
        notes.append(
            f"judged once a minute from whole minutes; single frames are played for no more than {hours:.0f} h"
        )
    if rule.limit is None and rule.metric != ROLLING and "frames" in kinds:
        notes.append("frames tell what was read then: with another cadence other samples would have been seen")
    if found.episodes and found.episodes[-1].ended_at is None:
        notes.append("the last event is still open at the end of the span")
    if rule.is_latching:
        notes.append("nobody acknowledges in a back-test: what latches stays open from then on")
    return notes
