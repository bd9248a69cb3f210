"""Server-rendered pages: all units, one unit, and the description of the interface."""

from __future__ import annotations

from flask import Blueprint, redirect, render_template, url_for
from werkzeug.wrappers import Response

from slmm.web import context
from slmm.web.access import role

blueprint = Blueprint("pages", __name__)


@blueprint.get("/")
@role("viewer")
def fleet() -> str:
    """Every unit at a glance."""
    return render_template("fleet.html")


@blueprint.get("/roster")
@role("viewer")
def roster() -> Response:
    """0.4.0 had the units here."""
    return redirect(url_for("pages.fleet"))


@blueprint.get("/unit/<unit_id>")
@role("viewer")
def unit(unit_id: str) -> str:
    """One unit, live."""
    return render_template("unit.html", device=context.device(unit_id))


@blueprint.get("/docs")
@role("public")
def docs() -> str:
    """The REST interface, to read and to try."""
    return render_template("docs.html")
