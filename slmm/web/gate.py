"""Lets nobody through who may not: finds out who comes, what the view needs, and which units they may see."""

from __future__ import annotations

from flask import Flask, current_app, g, redirect, request, url_for
from werkzeug.wrappers import Response

from slmm.errors import NotAllowed, NotFound, NotIdentified
from slmm.web import context
from slmm.web.access import ANYBODY, NOBODY, Caller, Role, needed_role
from slmm.web.guard import is_own
from slmm.web.tickets import TicketBook

SESSION_COOKIE, SHARE_COOKIE = "slmm_session", "slmm_share"
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


def _identify() -> Caller:
    """The caller by what they have brought; raises NotIdentified for a token or ticket that is none."""
    runtime = context.runtime()
    if not runtime.settings.requires_login:
        return ANYBODY
    scheme, _, secret = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return _by_token(secret.strip())
    if secret := request.cookies.get(SESSION_COOKIE, ""):
        session = runtime.sessions.find(secret)
        if session is not None:
            return Caller("session", session.name, Role(session.role), f"session:{session.session_id}")
    if (ticket := request.args.get("ticket")) and _is_stream():
        return _by_ticket(ticket)
    if secret := request.cookies.get(SHARE_COOKIE, ""):
        share = runtime.shares.find(secret)
        if share is not None:
            return Caller("share", share.name, Role.GUEST, f"share:{share.share_id}", frozenset(share.units))
    return NOBODY


def _by_token(secret: str) -> Caller:
    token = context.runtime().tokens.find(secret)
    if token is None:
        raise NotIdentified("this API token is unknown, has expired or was revoked")
    units = None if token.units is None else frozenset(token.units)
    return Caller("token", token.name, Role(token.role), f"token:{token.token_id}", units)


def _by_ticket(ticket: str) -> Caller:
    ticket_of = tickets().read(ticket)
    if ticket_of is None or not context.runtime().is_still_granted(ticket_of.key):
        raise NotIdentified("this stream ticket is unknown or has expired; ask for a new one")
    return ticket_of


def tickets() -> TicketBook:
    """The stream tickets of this application."""
    return TicketBook(context.runtime().secret_box.derived_key("stream tickets"))


def _is_stream() -> bool:
    return request.method == "GET" and (request.path.endswith("/events") or "Upgrade" in request.headers)


def _check() -> Response | None:
    """Refuse with 401, 403 or 404, or send a person to the login page and a guest to their only page."""
    if request.endpoint is None or request.method == "OPTIONS":
        return None
    view = current_app.view_functions.get(request.endpoint)
    needed = Role.PUBLIC if request.endpoint == "static" else (needed_role(view) if view else None) or Role.ADMIN
    if needed is Role.PUBLIC:
        g.caller = _identify() if _may_matter() else NOBODY
        return None
    caller = g.caller = _identify()
    if caller.role.rank < needed.rank:
        if caller.role is Role.GUEST and request.endpoint.startswith("pages."):
            return redirect(url_for("pages.shared"))
        if caller is not NOBODY:
            raise NotAllowed(f"{caller.name} is {caller.role}; this needs {needed}")
        if request.endpoint.startswith("pages."):
            return redirect(url_for("pages.login", next=request.full_path.rstrip("?")))
        raise NotIdentified("log in, or send an API token: Authorization: Bearer …")
    _check_units(caller, needed)
    _check_forgery(caller)
    return None


def _may_matter() -> bool:
    """Public views that still want to know who asks; a bad token must not spoil the others."""
    return request.endpoint in ("pages.login", "accounts.me", "accounts.logout")


def _check_units(caller: Caller, needed: Role) -> None:
    if caller.units is None:
        return
    unit_id = (request.view_args or {}).get("unit_id")
    if unit_id is not None:
        if not caller.sees(unit_id):
            raise NotFound(f"there is no unit {unit_id!r}")
    elif needed.rank > Role.VIEWER.rank:
        raise NotAllowed(f"{caller.name} may act on some units only, and this concerns the whole service")


def _check_forgery(caller: Caller) -> None:
    """A browser sends its cookie along whoever made it ask; so a change must say that it comes from our page."""
    if caller.how != "session" or request.method in SAFE:
        return
    site = request.headers.get("Sec-Fetch-Site")
    origin = request.headers.get("Origin")
    is_ours = site == "same-origin" if site is not None else is_own(origin or "")
    if not is_ours:
        raise NotAllowed("this change does not say that it comes from a page of this service (Origin)")


def register(app: Flask) -> None:
    """Guard every view of the application."""
    app.before_request(_check)
