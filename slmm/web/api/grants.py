"""API tokens, share links and stream tickets: what lets programs and guests in."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from flask import request

from slmm.errors import Invalid, NotFound
from slmm.storage.grants import Share, Token
from slmm.times import timestamp
from slmm.web import context
from slmm.web.access import caller
from slmm.web.api.access_models import (
    GrantId,
    NewShare,
    NewShareAnswer,
    NewTicket,
    NewToken,
    NewTokenAnswer,
    SharesAnswer,
    TicketAnswer,
    TokensAnswer,
)
from slmm.web.api.models import Ok
from slmm.web.gate import tickets
from slmm.web.openapi import PLAIN_PROBLEMS, Api

api = Api("grants", "API tokens, share links and stream tickets")


def _times(grant: Token | Share) -> dict[str, Any]:
    times = {
        "created_at": grant.created_at,
        "expires_at": grant.expires_at,
        "last_used_at": grant.last_used_at,
        "revoked_at": grant.revoked_at,
    }
    return {name: timestamp(at) if at else None for name, at in times.items()}


def _token_view(token: Token) -> dict[str, Any]:
    return {
        "id": token.token_id,
        "name": token.name,
        "prefix": token.prefix,
        "role": token.role,
        "units": None if token.units is None else list(token.units),
        "created_by": token.created_by,
        **_times(token),
    }


def _share_view(share: Share) -> dict[str, Any]:
    return {
        "id": share.share_id,
        "name": share.name,
        "units": list(share.units),
        "created_by": share.created_by,
        **_times(share),
    }


def _check_expiry(expires_at: datetime | None) -> None:
    if expires_at is not None and expires_at <= datetime.now(UTC):
        raise Invalid(f"expires_at {expires_at.isoformat()} is over already", field="expires_at")


@api.route_for("get", "/_tokens", needs="admin", answer=TokensAnswer, problems=())
def tokens() -> dict[str, Any]:
    """All API tokens, revoked ones too."""
    return {"status": "ok", "tokens": [_token_view(token) for token in context.runtime().tokens.all()]}


@api.route_for("post", "/_tokens", needs="admin", answer=NewTokenAnswer, problems=PLAIN_PROBLEMS)
def create_token(body: NewToken) -> dict[str, Any]:
    """Make an API token; its secret is shown this once and kept as a hash."""
    _check_expiry(body.expires_at)
    units = None if body.units is None else tuple(body.units)
    token, secret = context.runtime().tokens.create(body.name, body.role, units, body.expires_at, caller().name)
    return {"status": "ok", "token": _token_view(token), "secret": secret}


@api.route_for("delete", "/_tokens/<int:grant_id>", needs="admin", answer=Ok, problems=(404, 422))
def revoke_token(path: GrantId) -> dict[str, Any]:
    """Revoke a token; streams opened with it end."""
    runtime = context.runtime()
    runtime.tokens.revoke(path.grant_id)
    runtime.hub.end_of(f"token:{path.grant_id}", "the token was revoked")
    return {"status": "ok", "message": f"token {path.grant_id} is revoked"}


@api.route_for("get", "/_shares", needs="operator", answer=SharesAnswer, problems=())
def shares() -> dict[str, Any]:
    """All share links, revoked ones too."""
    return {"status": "ok", "shares": [_share_view(share) for share in context.runtime().shares.all()]}


@api.route_for("post", "/_shares", needs="operator", answer=NewShareAnswer, problems=PLAIN_PROBLEMS)
def create_share(body: NewShare) -> dict[str, Any]:
    """Make a link that shows the levels of some units to whoever has it; its address is shown this once."""
    _check_expiry(body.expires_at)
    for unit_id in body.units:
        if unit_id not in context.runtime().roster:
            raise Invalid(f"units: there is no unit {unit_id!r}", field="units")
    share, secret = context.runtime().shares.create(body.name, tuple(body.units), body.expires_at, caller().name)
    base = context.runtime().settings.public_url or request.host_url
    return {"status": "ok", "share": _share_view(share), "url": f"{base.rstrip('/')}/share/{secret}"}


@api.route_for("delete", "/_shares/<int:grant_id>", needs="operator", answer=Ok, problems=(404, 422))
def revoke_share(path: GrantId) -> dict[str, Any]:
    """Revoke a share link; streams opened with it end."""
    runtime = context.runtime()
    runtime.shares.revoke(path.grant_id)
    runtime.hub.end_of(f"share:{path.grant_id}", "the link was revoked")
    return {"status": "ok", "message": f"share link {path.grant_id} is revoked"}


@api.route_for("post", "/_tickets", needs="guest", answer=TicketAnswer, problems=(404, *PLAIN_PROBLEMS))
def create_ticket(body: NewTicket) -> dict[str, Any]:
    """Make a ticket for streams, for an EventSource that can send no header; good for an hour."""
    units = caller().units
    if body.units is not None:
        for unit_id in body.units:
            if not caller().sees(unit_id) or unit_id not in context.runtime().roster:
                raise NotFound(f"there is no unit {unit_id!r}")
        units = frozenset(body.units)
    ticket, expires_at = tickets().write(caller(), units)
    return {"status": "ok", "ticket": ticket, "expires_at": timestamp(expires_at)}
