"""The pages people leave open: the wall of all units, and one unit live."""

from __future__ import annotations

from flask import render_template

from slmm.web import context
from slmm.web.access import role
from slmm.web.pages.blueprint import blueprint


@blueprint.get("/")
@role("viewer")
def wall() -> str:
    """Every unit at a glance."""
    return render_template("wall.html")


@blueprint.get("/unit/<unit_id>")
@role("viewer")
def unit(unit_id: str) -> str:
    """One unit, live."""
    return render_template("unit.html", device=context.device(unit_id))
