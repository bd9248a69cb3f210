"""Limits of a unit: templates, documents, judged periods, the limit line, and where they stand now."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from typing import Any

from slmm.acoustics.intervals import Span
from slmm.alerts.limitviews import judgement_view
from slmm.errors import Invalid
from slmm.limits import templates
from slmm.limits.calendar import Timetable
from slmm.limits.document import Limit, parse, to_json
from slmm.record.history import History, Keeping
from slmm.record.judgements import Judged, judgements
from slmm.storage.limits import KeptLimit
from slmm.times import timestamp, timestamp_or_none
from slmm.web import context
from slmm.web.api.alerts import acting_as
from slmm.web.api.limit_models import (
    JudgementsAnswer,
    LimitAnswer,
    LimitChange,
    LimitInput,
    LimitPath,
    LimitsAnswer,
    LineAnswer,
    NewLimit,
    SpanQuery,
    StandingsAnswer,
    TemplateAnswer,
    TemplatePath,
    TemplatesAnswer,
)
from slmm.web.api.models import Ok, UnitPath
from slmm.web.openapi import LIMITS, PLAIN_PROBLEMS, UNIT_PROBLEMS, Api

api = Api("limits", "Limits, what is judged by them, and what they still allow", group=LIMITS)

MOST_STEPS = 5000
_RECORD_PROBLEMS = (*UNIT_PROBLEMS, 500)
_WRITE_PROBLEMS = (*UNIT_PROBLEMS, 409, 500)


def limit_view(kept: KeptLimit) -> dict[str, Any]:
    """A limit as the interface shows it."""
    limit = kept.limit
    return {
        "id": kept.limit_id,
        "unit_id": kept.unit_id,
        "name": limit.name,
        "template": kept.template,
        "version": kept.version,
        "enabled": kept.is_enabled,
        "made_by": kept.made_by,
        "made_at": timestamp(kept.made_at),
        "changed_at": timestamp_or_none(kept.changed_at),
        "timezone": limit.timezone or context.runtime().zone_of(kept.unit_id).key,
        "labels": list(dict.fromkeys(limit.label(row) for row in limit.rows)),
        "document": to_json(limit),
    }


def _answer(kept: KeptLimit, message: str | None = None) -> dict[str, Any]:
    return {"status": "ok", "message": message, "limit": limit_view(kept)}


# -- templates ------------------------------------------------------------------------------------------------


@api.route_for("get", "/_limits/templates", needs="viewer", answer=TemplatesAnswer, problems=PLAIN_PROBLEMS)
def list_templates() -> dict[str, Any]:
    """The limits that come with the program; their values are to be confirmed by the user's authority."""
    found = [(name, templates.get(name)) for name in templates.names()]
    return {
        "status": "ok",
        "templates": [
            {
                "name": name,
                "title": limit.name,
                "scheme": limit.scheme,
                "authority": limit.authority,
                "quantity": limit.quantity,
                "note": limit.note,
            }
            for name, limit in found
        ],
    }


@api.route_for("get", "/_limits/templates/<name>", needs="viewer", answer=TemplateAnswer, problems=UNIT_PROBLEMS)
def read_template(path: TemplatePath) -> dict[str, Any]:
    """One of them as a document."""
    return {"status": "ok", "name": path.name, "document": templates.document(path.name)}


# -- documents ------------------------------------------------------------------------------------------------


def _document(body: LimitInput, before: dict[str, Any] | None) -> dict[str, Any] | None:
    """The document that a body makes of the one before; None when it says nothing about it. Raises Invalid."""
    members = body.model_extra or {}
    if body.document is not None:
        if members:
            raise Invalid(f"{next(iter(members))[:64]}: either a document or members of one, not both", "document")
        return body.document
    if before is None and not members:
        return None
    return {**(before or {}), **members}


@api.route_for("get", "/<unit_id>/limits", needs="viewer", answer=LimitsAnswer, problems=UNIT_PROBLEMS)
def limits(path: UnitPath) -> dict[str, Any]:
    """The limits of a unit."""
    unit_id = context.device(path.unit_id).unit_id
    found = [limit_view(kept) for kept in context.runtime().alerts.limit_book.all(unit_id)]
    return {"status": "ok", "unit_id": unit_id, "count": len(found), "limits": found}


@api.route_for("post", "/<unit_id>/limits", needs="operator", answer=LimitAnswer, problems=_WRITE_PROBLEMS)
def create_limit(path: UnitPath, body: NewLimit) -> dict[str, Any]:
    """Make a limit: {template, and members that differ from it}, or {document}."""
    unit_id = context.device(path.unit_id).unit_id
    if body.template is not None and body.document is not None:
        raise Invalid("template: either a template or a document, not both", field="template")
    document = _document(body, None if body.template is None else templates.document(body.template))
    if document is None:
        raise Invalid("document is missing: give a template, a document, or the members of one", field="document")
    is_enabled = body.enabled is not False
    book = context.runtime().alerts.limit_book
    kept = book.add(unit_id, parse(document), acting_as(), template=body.template, is_enabled=is_enabled)
    return _answer(kept, f"limit {kept.limit_id} holds at {unit_id}")


@api.route_for("get", "/<unit_id>/limits/<int:limit_id>", needs="viewer", answer=LimitAnswer, problems=UNIT_PROBLEMS)
def read_limit(path: LimitPath) -> dict[str, Any]:
    """One limit; also of a unit that is no longer on the roster."""
    unit_id = context.checked_unit_id(path.unit_id)
    return _answer(context.runtime().alerts.limit_book.get(unit_id, path.limit_id))


@api.route_for(
    "put", "/<unit_id>/limits/<int:limit_id>", needs="operator", answer=LimitAnswer, problems=_WRITE_PROBLEMS
)
def change_limit(path: LimitPath, body: LimitChange) -> dict[str, Any]:
    """Change a limit; open alarms of rules that watch it end when it says something else now."""
    unit_id = context.device(path.unit_id).unit_id
    alerts = context.runtime().alerts
    document = _document(body, None)
    if document is not None and body.document is None:
        document = {**to_json(alerts.limit_book.get(unit_id, path.limit_id).limit), **document}
    limit = None if document is None else parse(document)
    kept = alerts.change_limit(
        unit_id,
        path.limit_id,
        limit=limit,
        is_enabled=body.enabled,
        expected_version=body.version,
        by=acting_as(),
    )
    return _answer(kept)


@api.route_for("delete", "/<unit_id>/limits/<int:limit_id>", needs="operator", answer=Ok, problems=_WRITE_PROBLEMS)
def delete_limit(path: LimitPath) -> dict[str, Any]:
    """Remove a limit that no alert rule watches."""
    unit_id = context.device(path.unit_id).unit_id
    context.runtime().alerts.limit_book.remove(unit_id, path.limit_id)
    return {"status": "ok", "message": f"limit {path.limit_id} is removed"}


# -- what comes of them ---------------------------------------------------------------------------------------


def _kept(path: LimitPath) -> tuple[KeptLimit, Timetable]:
    kept = context.runtime().alerts.limit_book.get(context.checked_unit_id(path.unit_id), path.limit_id)
    return kept, Timetable(kept.limit, context.runtime().zone_of(kept.unit_id).key)


def _span(query: SpanQuery, now: datetime) -> tuple[datetime, datetime]:
    until = now if query.ends_at is None else query.ends_at
    if until <= query.starts_at:
        raise Invalid(
            f"until {timestamp(until)} is not after from, {timestamp(query.starts_at)}, as it has to be", field="until"
        )
    return query.starts_at, until


@api.route_for(
    "get",
    "/<unit_id>/limits/<int:limit_id>/judgements",
    needs="guest",
    answer=JudgementsAnswer,
    problems=_RECORD_PROBLEMS,
)
def judged_periods(path: LimitPath, query: SpanQuery) -> dict[str, Any]:
    """The periods that have ended, judged by the limit as it is now.

    What people excluded is left out; as_measured says what the verdict would be with it.
    """
    kept, timetable = _kept(path)
    running = context.runtime()
    now = datetime.now(UTC)
    after, until = _span(query, now)
    until = min(until, running.record.made_until or now)
    found: list[Judged] = []
    if after < until:
        since = timetable.earliest(after)
        excluded = [
            Span(each.starts_at, each.ends_at) for each in running.remarks.exclusions(kept.unit_id, since, until)
        ]
        keeping = Keeping(running.settings.record_frames_days, running.settings.record_minutes_days)
        history = History(running.record.store, running.record.partitions, running.zone_of, keeping)
        found = judgements(history, running.record.minutes, kept.unit_id, timetable, after, until, excluded)
    views = running.record.store.in_pool(_judged_views, found)
    return {
        "status": "ok",
        "unit_id": kept.unit_id,
        "limit_id": kept.limit_id,
        "version": kept.version,
        "timezone": timetable.zone,
        "count": len(views),
        "verdicts": dict(Counter(each.judgement.verdict.value for each in found)),
        "judgements": views,
    }


def _judged_views(found: list[Judged]) -> list[dict[str, Any]]:
    return [
        {
            **judgement_view(each.judgement),
            "as_measured": None if each.as_measured is None else judgement_view(each.as_measured),
        }
        for each in found
    ]


@api.route_for(
    "get", "/<unit_id>/limits/<int:limit_id>/line", needs="guest", answer=LineAnswer, problems=_RECORD_PROBLEMS
)
def limit_line(path: LimitPath, query: SpanQuery) -> dict[str, Any]:
    """The limit over a span as steps; also of the future."""
    kept, timetable = _kept(path)
    starts_at, ends_at = _span(query, datetime.now(UTC))
    days = (ends_at - starts_at).days + 1
    if days * len(kept.limit.rows) > MOST_STEPS:
        raise Invalid(
            f"from: {days} days of {len(kept.limit.rows)} rows are too many; {MOST_STEPS // len(kept.limit.rows)} days"
            " are allowed",
            field="from",
        )
    steps = context.runtime().record.store.in_pool(timetable.line, starts_at, ends_at)
    return {
        "status": "ok",
        "unit_id": kept.unit_id,
        "limit_id": kept.limit_id,
        "name": kept.limit.name,
        "label": _label(kept.limit),
        "timezone": timetable.zone,
        "steps": [
            {
                "starts_at": timestamp(step.starts_at),
                "ends_at": timestamp(step.ends_at),
                "level_db": step.level_db,
                "amber_db": step.amber_db,
            }
            for step in steps
        ],
    }


def _label(limit: Limit) -> str:
    """The quantity with its periods."""
    return " / ".join(dict.fromkeys(limit.label(row) for row in limit.rows))


@api.route_for("get", "/<unit_id>/limits/standing", needs="guest", answer=StandingsAnswer, problems=UNIT_PROBLEMS)
def standing(path: UnitPath) -> dict[str, Any]:
    """All limits of a unit now: level so far, limit, margin, allowance, verdict."""
    unit_id = context.device(path.unit_id).unit_id
    watch = context.runtime().limits
    return {
        "status": "ok",
        "unit_id": unit_id,
        "timestamp": timestamp(datetime.now(UTC)),
        "is_ready": watch.is_ready(unit_id),
        "limits": watch.standings(unit_id),
    }
