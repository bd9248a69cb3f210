"""The page behind a share link, for clients and residents: levels and limits of chosen units, and nothing else."""

from __future__ import annotations

from flask import make_response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from slmm.storage.devices import Device
from slmm.web import context
from slmm.web.access import Role, caller, role, visible
from slmm.web.gate import SHARE_COOKIE
from slmm.web.pages.blueprint import blueprint
from slmm.web.words import LANGUAGE_COOKIE, LANGUAGES

YEAR_S = 31_536_000


@blueprint.get("/shared")
@role("guest")
def shared() -> Response:
    """What a guest sees; people of the service may look at it too, with ``?units=a,b``."""
    tag = request.args.get("lang", "")
    if tag in LANGUAGES:  # a link in a letter to residents names the language
        answer = redirect(_without_language())
        answer.set_cookie(LANGUAGE_COOKIE, tag, max_age=YEAR_S, samesite="Lax")
        return answer
    name, units = _shown()
    page = make_response(render_template("shared.html", link_name=name, devices=units))
    page.headers["X-Robots-Tag"] = "noindex"
    return page


def _without_language() -> str:
    units = request.args.get("units")
    return url_for("pages.shared", units=units) if units else url_for("pages.shared")


def _shown() -> tuple[str, list[Device]]:
    """The name of the link and its units that are still on the roster."""
    runtime = context.runtime()
    wanted = [unit_id for unit_id in request.args.get("units", "").split(",") if unit_id]
    if caller().role is Role.GUEST:
        name, chosen = caller().name, visible(device.unit_id for device in runtime.roster.all())
    elif wanted:
        name, chosen = "", visible(wanted)
    elif share := runtime.shares.find(request.cookies.get(SHARE_COOKIE, "")):
        name, chosen = share.name, visible(share.units)
    else:
        name, chosen = "", visible(device.unit_id for device in runtime.roster.all())
    return name, [runtime.roster.get(unit_id) for unit_id in chosen if unit_id in runtime.roster]
