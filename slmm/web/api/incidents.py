"""Alerts of all units: the inbox, what is snoozed, and what became of every message."""

from __future__ import annotations

from typing import Any

from slmm.alerts.views import event_view
from slmm.storage.models import NotificationRow, TransitionRow
from slmm.times import timestamp_or_none
from slmm.web import context
from slmm.web.access import caller
from slmm.web.api.alert_models import (
    AnyEventPath,
    CloseReason,
    EventAnswer,
    EventsAnswer,
    EventsQuery,
    EventStory,
    IncidentPath,
    Remark,
    ShelfAnswer,
    ShelfPath,
    ShelvesAnswer,
    SummaryAnswer,
)
from slmm.web.api.alerts import acting_as, event_answer, shelf_view
from slmm.web.api.channel_models import MessageAnswer, MessagePath, MessagesAnswer, MessagesQuery
from slmm.web.openapi import PLAIN_PROBLEMS, Api

api = Api("incidents", "Alerts of all units, and what became of every message")

_PROBLEMS = (404, 409, 422, 500)


def seen() -> list[str] | None:
    """The units the caller may see; None for all, also those that are gone."""
    units = caller().units
    return None if units is None else sorted(units)


def delivery_view(row: NotificationRow) -> dict[str, Any]:
    """A message and what became of it."""
    return {
        "uid": row.uid,
        "kind": row.kind,
        "unit_id": row.unit_id,
        "incident_id": row.incident_id,
        "severity": row.severity,
        "channel": row.channel,
        "recipient": row.recipient,
        "status": row.status,
        "subject": row.subject,
        "attempts": row.attempts,
        "not_before": timestamp_or_none(row.not_before),
        "last_error": row.last_error,
        "last_code": row.last_code,
        "answer": row.answer,
        "merged_into": row.merged_into,
        "created_at": timestamp_or_none(row.created_at),
        "sent_at": timestamp_or_none(row.sent_at),
    }


def _transition_view(row: TransitionRow) -> dict[str, Any]:
    return {
        "kind": row.kind,
        "at": timestamp_or_none(row.at),
        "value": row.value,
        "actor": row.actor,
        "reason": row.reason,
    }


@api.route_for("get", "/_alerts/summary", needs="viewer", answer=SummaryAnswer, problems=())
def summary() -> dict[str, Any]:
    """How much is open, and whether messages get through."""
    alerts = context.runtime().alerts
    pulse = alerts.pulse
    beat = None if pulse is None else {"is_ok": pulse.is_ok, "at": timestamp_or_none(pulse.at), "error": pulse.error}
    messages = alerts.outbox.counts() if caller().units is None else {}
    return {"status": "ok", **alerts.inbox.counts(seen()), "messages": messages, "heartbeat": beat}


@api.route_for("get", "/_alerts/events", needs="viewer", answer=EventsAnswer, problems=PLAIN_PROBLEMS)
def events(query: EventsQuery) -> dict[str, Any]:
    """Alert events of all units, newest first."""
    units = seen()
    if query.unit is not None:
        unit_id = context.checked_unit_id(query.unit)
        units = [unit_id] if caller().sees(unit_id) else []
    found = context.runtime().alerts.inbox.events(
        query.limit,
        units=units,
        state=query.state,
        severity=query.severity,
        before_id=query.before_id,
        since=query.since,
    )
    views = [event_view(event) for event in found]
    return {"status": "ok", "count": len(views), "events": views}


@api.route_for("get", "/_alerts/events/<int:event_id>", needs="viewer", answer=EventStory, problems=(404, 422))
def event(path: AnyEventPath) -> dict[str, Any]:
    """One event with all that happened to it and who was told."""
    alerts = context.runtime().alerts
    found = alerts.inbox.event(path.event_id)
    context.refuse_unseen(found.unit_id)
    told = [] if found.incident_id is None else alerts.outbox.find(200, incident_id=found.incident_id)
    return {
        **event_answer(found),
        "transitions": [_transition_view(row) for row in alerts.inbox.transitions(path.event_id)],
        "messages": [delivery_view(row) for row in told],
    }


@api.route_for(
    "post", "/_alerts/events/<int:event_id>/ack", needs="operator", answer=EventAnswer, problems=(404, 422, 500)
)
def acknowledge(path: AnyEventPath, body: Remark) -> dict[str, Any]:
    """Acknowledge an event, with a note and a cause if there is something to say."""
    inbox = context.runtime().alerts.inbox
    return event_answer(inbox.acknowledge(path.event_id, acting_as(), note=body.note, cause=body.cause))


@api.route_for("post", "/_alerts/events/<int:event_id>/unack", needs="operator", answer=EventAnswer, problems=_PROBLEMS)
def unacknowledge(path: AnyEventPath) -> dict[str, Any]:
    """Take an acknowledgement back."""
    return event_answer(context.runtime().alerts.inbox.unacknowledge(path.event_id, acting_as()))


@api.route_for(
    "post", "/_alerts/events/<int:event_id>/note", needs="operator", answer=EventAnswer, problems=(404, 422, 500)
)
def annotate(path: AnyEventPath, body: Remark) -> dict[str, Any]:
    """Say what it was, also long after."""
    inbox = context.runtime().alerts.inbox
    return event_answer(inbox.annotate(path.event_id, acting_as(), note=body.note, cause=body.cause))


@api.route_for("post", "/_alerts/events/<int:event_id>/close", needs="operator", answer=EventAnswer, problems=_PROBLEMS)
def close(path: AnyEventPath, body: CloseReason) -> dict[str, Any]:
    """End an event by hand; its rule fires again only after the level has come back once."""
    return event_answer(context.runtime().alerts.inbox.close(path.event_id, acting_as(), body.reason))


@api.route_for(
    "post", "/_alerts/incidents/<incident_uid>/ack", needs="operator", answer=EventsAnswer, problems=(404, 422, 500)
)
def acknowledge_incident(path: IncidentPath, body: Remark) -> dict[str, Any]:
    """Acknowledge every open event of an incident."""
    found = context.runtime().alerts.inbox.acknowledge_incident(path.incident_uid, acting_as(), body.note)
    views = [event_view(event) for event in found]
    return {"status": "ok", "count": len(views), "events": views}


@api.route_for("get", "/_alerts/shelves", needs="viewer", answer=ShelvesAnswer, problems=())
def shelves() -> dict[str, Any]:
    """What is snoozed now."""
    return {"status": "ok", "shelves": [shelf_view(row) for row in context.runtime().alerts.inbox.shelves(seen())]}


@api.route_for("delete", "/_alerts/shelves/<int:shelf_id>", needs="operator", answer=ShelfAnswer, problems=(404, 422))
def unshelve(path: ShelfPath) -> dict[str, Any]:
    """End a snooze; who was never told of what is still open hears of it now."""
    return {
        "status": "ok",
        "shelf": shelf_view(context.runtime().alerts.inbox.unshelve(path.shelf_id, acting_as())),
    }


@api.route_for("get", "/_alerts/messages", needs="operator", answer=MessagesAnswer, problems=PLAIN_PROBLEMS)
def messages(query: MessagesQuery) -> dict[str, Any]:
    """Messages, newest first, and what became of them."""
    found = context.runtime().alerts.outbox.find(query.limit, status=query.state)
    return {"status": "ok", "count": len(found), "messages": [delivery_view(row) for row in found]}


@api.route_for(
    "post", "/_alerts/messages/<uid>/redeliver", needs="operator", answer=MessageAnswer, problems=(404, 409, 422)
)
def redeliver(path: MessagePath) -> dict[str, Any]:
    """Try a message anew that waits or was given up."""
    return {"status": "ok", "delivery": delivery_view(context.runtime().alerts.outbox.redeliver(path.uid))}
