"""The page behind the link in a message: shows an incident to whoever was told of it, and acknowledges on a press.

The signed link is the right, so there is no login. Opening it changes nothing: programs that scan mail open links.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from http import HTTPStatus

from flask import Blueprint, make_response, render_template
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from slmm.alerts import texts
from slmm.alerts.letters import facts_of
from slmm.alerts.links import Ticket
from slmm.errors import SlmmError
from slmm.storage.models import EventRow, IncidentRow
from slmm.web import audit, context
from slmm.web.access import role
from slmm.web.limits import limited
from slmm.web.words import gettext, translated

logger = logging.getLogger(__name__)
blueprint = Blueprint("acknowledge", __name__)

TRIES = "30 per minute"
LONGEST_NAME = 128
"""Of who acknowledged, in the database."""


@dataclass(frozen=True, slots=True)
class Line:
    """One event as the page tells it; times are in the zone of its unit."""

    severity: str
    severity_word: str
    rule_name: str
    figure: str
    sentence: str
    since: str
    state: str


@dataclass(frozen=True, slots=True)
class Case:
    """An incident and its events."""

    incident: IncidentRow
    events: list[EventRow]

    @property
    def waits(self) -> bool:
        """Whether there is anything to acknowledge."""
        return any(event.clear_at is None and event.acknowledged_at is None for event in self.events)


def _case(incident_uid: str) -> Case | None:
    def read(session: Session) -> Case | None:
        incident = session.scalar(select(IncidentRow).where(IncidentRow.uid == incident_uid))
        if incident is None:
            return None
        wanted = select(EventRow).where(EventRow.incident_id == incident.id).order_by(EventRow.onset_at)
        return Case(incident, list(session.scalars(wanted)))

    return context.runtime().database.read(read)


def _line(event: EventRow, zone: str) -> Line:
    facts = facts_of(event)
    has_level = facts.level_name is not None and facts.onset_db is not None
    return Line(
        severity=facts.severity,
        severity_word=gettext("Red") if facts.severity == "red" else gettext("Amber"),
        rule_name=facts.rule_name,
        figure=f"{facts.level_name} {texts.over_mark(facts.flags)}{facts.onset_db:.1f} dB" if has_level else "",
        sentence=facts.sentence,
        since=texts.local(facts.breach_at, zone),
        state=_state(event, zone),
    )


def _state(event: EventRow, zone: str) -> str:
    parts = []
    if event.clear_at is not None:
        reason = texts.REASONS.get(event.end_reason or "", event.end_reason or "nothing is known of the reason")
        parts.append(translated("over since {time}: {reason}", time=texts.local(event.clear_at, zone), reason=reason))
    if event.acknowledged_at is not None:
        by = event.acknowledged_by or gettext("somebody")
        time = texts.local(event.acknowledged_at, zone)
        parts.append(translated("acknowledged by {name}, {time}", name=by, time=time))
    elif event.clear_at is None:
        parts.append(gettext("not acknowledged"))
    return "; ".join(parts)


def _page(
    status: HTTPStatus, message: str | None = None, *, ticket: Ticket | None = None, case: Case | None = None
) -> Response:
    """The page, which nobody keeps and whose address nobody is told."""
    zone = context.runtime().alerts.surroundings(case.incident.unit_id).zone if case else "UTC"
    lines = [_line(event, zone) for event in case.events] if case else []
    page = render_template("acknowledge.html", message=message, ticket=ticket, case=case, lines=lines)
    answer = make_response(page, status)
    answer.headers["Cache-Control"] = "no-store"
    answer.headers["Referrer-Policy"] = "no-referrer"
    answer.headers["X-Robots-Tag"] = "noindex"
    return answer


def _unreadable() -> str:
    return gettext(
        "This link is not valid: it is older than a week, or not whole. Some mail programs break long links; copying "
        "all of it from the message may help. Otherwise log in and acknowledge the alert there."
    )


def _failed() -> str:
    return gettext("It could not be written down, so nothing is acknowledged. Try again in a minute, or log in.")


def _find(token: str) -> tuple[Ticket, Case] | Response:
    """What the link is about, or the page that says why it is about nothing."""
    runtime = context.runtime()
    if not runtime.is_running:  # the key that signs links is not there yet
        told = gettext("The service is starting or stopping. Try again in a minute.")
        return _page(HTTPStatus.SERVICE_UNAVAILABLE, told)
    ticket = runtime.alerts.links.read(token)
    if ticket is None:
        return _page(HTTPStatus.NOT_FOUND, _unreadable())
    case = _case(ticket.incident_uid)
    return (
        (ticket, case)
        if case is not None
        else _page(HTTPStatus.GONE, gettext("What this link was about is no longer kept."))
    )


@blueprint.get("/acknowledge/<token>")
@role("public")
@limited(TRIES)
def show_incident(token: str) -> Response:
    """What the incident is, and a button; changes nothing."""
    found = _find(token)
    if isinstance(found, Response):
        return found
    ticket, case = found
    message = None if case.waits else gettext("There is nothing left to acknowledge.")
    return _page(HTTPStatus.OK, message, ticket=ticket, case=case)


@blueprint.post("/acknowledge/<token>")
@role("public")
@limited(TRIES)
def acknowledge_incident(token: str) -> Response:
    """Acknowledge every open event of the incident; a second time changes nothing."""
    found = _find(token)
    if isinstance(found, Response):
        return found
    ticket, case = found
    audit.note(ticket.recipient)
    if not case.waits:
        return _page(HTTPStatus.OK, gettext("There was nothing left to acknowledge."), ticket=ticket, case=case)
    try:
        context.runtime().alerts.inbox.acknowledge_incident(ticket.incident_uid, by=ticket.recipient[:LONGEST_NAME])
    except (SlmmError, SQLAlchemyError) as error:
        logger.error("incident %s could not be acknowledged by its link: %s", ticket.incident_uid, error)
        return _page(HTTPStatus.SERVICE_UNAVAILABLE, _failed(), ticket=ticket, case=case)
    thanks = translated("Thank you, acknowledged by {name}.", name=ticket.recipient)
    return _page(HTTPStatus.OK, thanks, ticket=ticket, case=_case(ticket.incident_uid))
