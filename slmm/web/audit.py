"""The audit log: every change that somebody asked for, kept before they are told what came of it."""

from __future__ import annotations

import logging
from http import HTTPStatus
from typing import Any

from flask import Flask, Response, g, request
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.exceptions import HTTPException

from slmm.web import context
from slmm.web.access import caller
from slmm.web.gate import SAFE
from slmm.web.problems import problem

logger = logging.getLogger(__name__)

_SECRET_WORDS = ("password", "secret", "code", "token", "url", "headers")
"""Parts of names; the URL of a channel may hold its key."""
LONGEST_VALUE = 200
_NEVER_TOLD = frozenset({404, 405, 415})
"""What names no view, or nothing that could have been done."""


def note(who: str) -> None:
    """For views whose caller is not known before they have run: who it was, or claims to be."""
    g.audited_as = who


def _detail() -> dict[str, Any] | None:
    """The body without its secrets; None for none."""
    try:
        body = request.get_json(silent=True)
    except HTTPException:
        return None
    if not isinstance(body, dict):
        return None
    return {str(name)[:LONGEST_VALUE]: _shown(str(name), value) for name, value in list(body.items())[:50]}


def _shown(name: str, value: object) -> object:
    if any(word in name.lower() for word in _SECRET_WORDS):
        return "***"
    if isinstance(value, dict):  # the settings of a channel: what it does not know to be harmless is not told
        return {str(inner)[:LONGEST_VALUE]: _shown(str(inner), inside) for inner, inside in list(value.items())[:50]}
    text = value if isinstance(value, (int, float, bool, type(None))) else str(value)
    return text[:LONGEST_VALUE] if isinstance(text, str) else text


def _keep(response: Response) -> Response:
    if request.method in SAFE or request.url_rule is None or response.status_code in _NEVER_TOLD:
        return response
    runtime = context.runtime()
    asking = caller()
    if not runtime.is_running or response.status_code == 429:
        return response
    if asking.how == "none" and "audited_as" not in g:
        return response  # refused at the door: nothing was done, and anybody could fill the log
    try:
        runtime.audit.write(
            who=g.get("audited_as", asking.name)[:64],
            how=asking.how,
            address=request.remote_addr or "",
            action=f"{request.method} {request.url_rule.rule}",
            unit_id=(request.view_args or {}).get("unit_id"),
            detail=_detail(),
            outcome=str(response.status_code),
        )
    except SQLAlchemyError as error:
        why = getattr(error, "orig", None) or error
        logger.error("%s %s by %s is not in the audit log: %s", request.method, request.path, asking.name, why)
        if response.status_code >= 500:  # it says itself that nothing was done, and why
            return response
        told = f"answered {response.status_code}, but the audit log could not be written: the database does not take it"
        return problem(HTTPStatus.SERVICE_UNAVAILABLE, "not_audited", told)
    return response


def register(app: Flask) -> None:
    """Keep a record of every change."""
    app.after_request(_keep)
