"""How people come in: login, the first account, and share links."""

from __future__ import annotations

from http import HTTPStatus

from flask import make_response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from slmm.web import context
from slmm.web.access import role
from slmm.web.gate import SHARE_COOKIE
from slmm.web.limits import limited
from slmm.web.pages.blueprint import blueprint
from slmm.web.words import LANGUAGES


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


def _shared_page() -> str:
    tag = request.args.get("lang", "")
    return url_for("pages.shared", lang=tag) if tag in LANGUAGES else url_for("pages.shared")


@blueprint.get("/share/<secret>")
@role("public")
@limited(by="share_rate")
def share(secret: str) -> Response:
    """What a share link opens: the levels of its units."""
    found = context.runtime().shares.find(secret)
    if found is None:
        return make_response(render_template("shared_ended.html"), HTTPStatus.NOT_FOUND)
    answer = redirect(_shared_page())
    answer.set_cookie(
        SHARE_COOKIE, secret, expires=found.expires_at, httponly=True, secure=request.is_secure, samesite="Lax"
    )
    return answer
