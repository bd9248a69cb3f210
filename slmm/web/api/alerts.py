"""Alert rules and events of one unit, on the paths of 0.4.0."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from slmm.alerts.rulebook import advice
from slmm.alerts.rules import split
from slmm.alerts.views import event_view
from slmm.errors import Invalid, SlmmError
from slmm.storage.models import EventRow, RuleRow, ShelfRow
from slmm.times import timestamp_or_none
from slmm.web import context
from slmm.web.access import caller
from slmm.web.api.alert_models import (
    AckQuery,
    EventAnswer,
    EventPath,
    NewRule,
    NewShelf,
    RuleAnswer,
    RuleChange,
    RulePath,
    RulesAnswer,
    ShelfAnswer,
    UnitEventsAnswer,
    UnitEventsQuery,
)
from slmm.web.api.models import Ok, UnitPath
from slmm.web.openapi import UNIT_PROBLEMS, Api

api = Api("alerts", "Alert rules and events")

CHANNELS_OF_0_4 = frozenset({"email", "sms"})
"""Names that 0.4.0 took without having such a channel: taken still, and told."""
_WRITE_PROBLEMS = (*UNIT_PROBLEMS, 500)


def acting_as(by: str | None = None) -> str:
    """Who it is that acts: the caller, and on whose behalf if they say so."""
    asking = caller()
    if by is None:
        return asking.name
    return by if asking.how == "open" else f"{by} (through {asking.name})"


def rule_view(row: RuleRow) -> dict[str, Any]:
    """A rule with where it stands and what one should know."""
    alerts = context.runtime().alerts
    labels = context.runtime().board.status(row.unit_id).labels
    members = {column.name: getattr(row, column.name) for column in RuleRow.__table__.columns}
    known = alerts.channels.takes_recipients()
    notes = advice(row)
    notes += [
        f"there is no channel {name!r}: nobody is told through it"
        for name in (*split(row.channels), *split(row.escalation_channels))
        if name not in known
    ]
    words, level_name, interval_s, state = None, None, None, alerts.rules.state(row)
    try:
        words, level_name = alerts.rules.words(row, labels), alerts.rules.level_name(row, labels)
        interval_s = alerts.rules.interval_s(row)
        members |= alerts.rules.terms(row)
    except (ValueError, SlmmError) as error:
        state = {**state, "shown": "error", "error": str(error)}
    return {
        **members,
        "created_at": timestamp_or_none(row.created_at),
        "words": words,
        "level_name": level_name,
        "interval_s": interval_s,
        "advice": notes,
        "state": state,
    }


def _rule_answer(row: RuleRow, message: str | None = None) -> dict[str, Any]:
    view = rule_view(row)
    return {"status": "ok", "message": message, "rule": view, "data": view}


def event_answer(event: EventRow, message: str | None = None) -> dict[str, Any]:
    """One event, as 0.4.0's clients and ours find it."""
    view = event_view(event)
    return {"status": "ok", "message": message, "event": view, "data": view}


def shelf_view(row: ShelfRow) -> dict[str, Any]:
    """Something snoozed."""
    return {
        "id": row.id,
        "unit_id": row.unit_id,
        "rule_id": row.rule_id,
        "until": timestamp_or_none(row.until),
        "one_shot": row.is_one_shot,
        "created_by": row.created_by,
        "created_at": timestamp_or_none(row.created_at),
        "reason": row.reason,
    }


def _checked(values: Mapping[str, Any]) -> Mapping[str, Any]:
    """Members of a rule whose channels exist and can reach its recipients; raises Invalid."""
    channels = context.runtime().alerts.channels
    for member, to in (("channels", "recipients"), ("escalation_channels", "escalation_recipients")):
        for name in split(values.get(member)):
            ready = channels.ready(name)
            if ready is None:
                if name in CHANNELS_OF_0_4:
                    continue
                known = ", ".join(sorted(channels.kinds()))
                raise Invalid(f"{member}: there is no channel {name!r}; there are: {known}", field=member)
            if ready.channel is None or not ready.channel.takes_recipients:
                continue
            addresses = split(values.get(to))
            if not addresses:
                raise Invalid(f"{to} is missing: channel {name!r} needs to know whom to tell", field=to)
            for address in addresses:
                try:
                    ready.channel.check_recipient(address)
                except Invalid as error:
                    raise Invalid(f"{to}: {error}", field=to) from error
    return values


@api.route_for("get", "/<unit_id>/alerts/rules", needs="viewer", answer=RulesAnswer, problems=UNIT_PROBLEMS)
def rules(path: UnitPath) -> dict[str, Any]:
    """The alert rules of a unit, each with where it stands."""
    unit_id = context.device(path.unit_id).unit_id
    found = [rule_view(row) for row in context.runtime().alerts.rules.all(unit_id)]
    return {"status": "ok", "unit_id": unit_id, "count": len(found), "rules": found}


@api.route_for("post", "/<unit_id>/alerts/rules", needs="operator", answer=RuleAnswer, problems=_WRITE_PROBLEMS)
def create_rule(path: UnitPath, body: NewRule) -> dict[str, Any]:
    """Make an alert rule; while it is enabled the unit is read even when nobody watches."""
    unit_id = context.device(path.unit_id).unit_id
    row = context.runtime().alerts.rules.add(unit_id, _checked(body.model_dump()))
    return _rule_answer(row, f"rule {row.id} watches {unit_id}")


@api.route_for(
    "get", "/<unit_id>/alerts/rules/<int:rule_id>", needs="viewer", answer=RuleAnswer, problems=UNIT_PROBLEMS
)
def read_rule(path: RulePath) -> dict[str, Any]:
    """One alert rule."""
    unit_id = context.device(path.unit_id).unit_id
    return _rule_answer(context.runtime().alerts.rules.get(unit_id, path.rule_id))


@api.route_for(
    "put", "/<unit_id>/alerts/rules/<int:rule_id>", needs="operator", answer=RuleAnswer, problems=_WRITE_PROBLEMS
)
def change_rule(path: RulePath, body: RuleChange) -> dict[str, Any]:
    """Change an alert rule; another metric, threshold or schedule ends an open alarm, for it says something else."""
    unit_id = context.device(path.unit_id).unit_id
    book = context.runtime().alerts.rules
    values = body.model_dump(exclude_unset=True)
    before = book.get(unit_id, path.rule_id)
    members = ("channels", "recipients", "escalation_channels", "escalation_recipients")
    if any(name in values for name in members):
        _checked({**{name: getattr(before, name) for name in members}, **values})
    return _rule_answer(book.change(unit_id, path.rule_id, values, by=acting_as()))


@api.route_for("delete", "/<unit_id>/alerts/rules/<int:rule_id>", needs="operator", answer=Ok, problems=_WRITE_PROBLEMS)
def delete_rule(path: RulePath) -> dict[str, Any]:
    """Remove an alert rule; its events stay."""
    unit_id = context.device(path.unit_id).unit_id
    context.runtime().alerts.rules.remove(unit_id, path.rule_id, by=acting_as())
    return {"status": "ok", "message": f"rule {path.rule_id} is removed"}


@api.route_for("get", "/<unit_id>/alerts/events", needs="viewer", answer=UnitEventsAnswer, problems=UNIT_PROBLEMS)
def events(path: UnitPath, query: UnitEventsQuery) -> dict[str, Any]:
    """The alert events of a unit, newest first; also of one that is no longer on the roster."""
    unit_id = context.checked_unit_id(path.unit_id)
    found = context.runtime().alerts.inbox.events(query.limit, units=[unit_id], state=query.state)
    if not found:
        context.device(unit_id)
    views = [event_view(event) for event in found]
    return {"status": "ok", "unit_id": unit_id, "count": len(views), "events": views}


@api.route_for(
    "post",
    "/<unit_id>/alerts/events/<int:event_id>/ack",
    needs="operator",
    answer=EventAnswer,
    problems=_WRITE_PROBLEMS,
)
def acknowledge(path: EventPath, query: AckQuery) -> dict[str, Any]:
    """Acknowledge an event, as 0.4.0 had it; a second time changes nothing."""
    inbox = context.runtime().alerts.inbox
    unit_id = context.checked_unit_id(path.unit_id)
    return event_answer(inbox.acknowledge(path.event_id, acting_as(query.by), unit_id=unit_id))


@api.route_for("post", "/<unit_id>/alerts/shelve", needs="operator", answer=ShelfAnswer, problems=_WRITE_PROBLEMS)
def shelve(path: UnitPath, body: NewShelf) -> dict[str, Any]:
    """Snooze a unit or one of its rules: everything is recorded, nobody is told."""
    unit_id = context.device(path.unit_id).unit_id
    alerts = context.runtime().alerts
    if body.rule_id is not None:
        alerts.rules.get(unit_id, body.rule_id)
    until = datetime.now(UTC) + timedelta(minutes=body.minutes)
    row = alerts.inbox.shelve(unit_id, body.rule_id, until, acting_as(), body.reason, is_one_shot=body.one_shot)
    return {"status": "ok", "shelf": shelf_view(row)}
