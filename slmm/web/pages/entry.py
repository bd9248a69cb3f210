"""How people come in: login, the first account, and share links."""

from __future__ import annotations

from flask import make_response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from slmm.errors import NotFound
from slmm.web import context
from slmm.web.access import role
from slmm.web.gate import SHARE_COOKIE
from slmm.web.limits import SHARES, limited
from slmm.web.pages.blueprint import blueprint


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
        return redirect(url_for("pages.wall"))
    return make_response(render_template("setup.html"))


@blueprint.get("/share/<secret>")
@role("public")
@limited(SHARES)
def share(secret: str) -> Response:
    """What a share link opens: the levels of its units."""
    found = context.runtime().shares.find(secret)
    if found is None:
        raise NotFound("this link is unknown, has expired or was revoked; ask whoever sent it for a new one")
    answer = redirect(url_for("pages.wall"))
    answer.set_cookie(
        SHARE_COOKIE, secret, expires=found.expires_at, httponly=True, secure=request.is_secure, samesite="Lax"
    )
    return answer
