"""Server-rendered pages: all units, one unit, the inbox, and the description of the interface."""

from __future__ import annotations

from flask import Blueprint, make_response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from slmm.errors import NotFound
from slmm.web import context
from slmm.web.access import caller, role
from slmm.web.gate import SHARE_COOKIE
from slmm.web.limits import SHARES, limited

blueprint = Blueprint("pages", __name__)


@blueprint.app_context_processor
def _for_templates() -> dict[str, object]:
    return {"caller": caller()}


@blueprint.get("/")
@role("guest")
def fleet() -> str:
    """Every unit at a glance."""
    return render_template("fleet.html")


@blueprint.get("/roster")
@role("guest")
def roster() -> Response:
    """0.4.0 had the units here."""
    return redirect(url_for("pages.fleet"))


@blueprint.get("/unit/<unit_id>")
@role("guest")
def unit(unit_id: str) -> str:
    """One unit, live."""
    return render_template("unit.html", device=context.device(unit_id))


@blueprint.get("/alerts")
@role("viewer")
def alerts() -> str:
    """The inbox: what is open, what was, and what to do about it."""
    return render_template("alerts.html")


@blueprint.get("/docs")
@role("public")
def docs() -> str:
    """The REST interface, to read and to try."""
    return render_template("docs.html")


@blueprint.get("/login")
@role("public")
def login() -> Response:
    """Name and password; on a new service the way to the first account."""
    runtime = context.runtime()
    if runtime.setup_code is not None and not runtime.accounts.has_users():
        return redirect(url_for("pages.setup"))
    return make_response(render_template("login.html"))


@blueprint.get("/setup")
@role("public")
def setup() -> Response:
    """The first account, with the code from the log of the service."""
    if context.runtime().setup_code is None:
        return redirect(url_for("pages.fleet"))
    return make_response(render_template("setup.html"))


@blueprint.get("/share/<secret>")
@role("public")
@limited(SHARES)
def share(secret: str) -> Response:
    """What a share link opens: the levels of its units."""
    found = context.runtime().shares.find(secret)
    if found is None:
        raise NotFound("this link is unknown, has expired or was revoked; ask whoever sent it for a new one")
    answer = redirect(url_for("pages.fleet"))
    answer.set_cookie(
        SHARE_COOKIE, secret, expires=found.expires_at, httponly=True, secure=request.is_secure, samesite="Lax"
    )
    return answer
