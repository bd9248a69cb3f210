"""What was, and what was allowed: history of all units and of one, and the limits of a unit."""

from __future__ import annotations

from flask import render_template

from slmm.web import context
from slmm.web.access import role
from slmm.web.pages.blueprint import blueprint


@blueprint.get("/history")
@role("viewer")
def history() -> str:
    """Levels, periods, exceedances, remarks and files of any unit and time."""
    return render_template("history.html")


@blueprint.get("/unit/<unit_id>/history")
@role("viewer")
def unit_history(unit_id: str) -> str:
    """The same of one unit."""
    return render_template("unit_history.html", device=context.device(unit_id))


@blueprint.get("/unit/<unit_id>/limits")
@role("viewer")
def unit_limits(unit_id: str) -> str:
    """The limits of a unit, the rules that tell people, and what they would have done."""
    return render_template("unit_limits.html", device=context.device(unit_id))
