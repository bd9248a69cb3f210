"""The meters of this service: who is on the roster, and how one gets there. 0.4.0 had them at the same address."""

from __future__ import annotations

from flask import render_template

from slmm.web.access import role
from slmm.web.api.roster_csv import COLUMNS
from slmm.web.pages.blueprint import blueprint


@blueprint.get("/roster")
@role("viewer")
def roster() -> str:
    """All meters with their addresses and how they are."""
    return render_template("roster.html")


@blueprint.get("/roster/add")
@role("operator")
def roster_add() -> str:
    """Try a meter step by step, then take it on."""
    return render_template("roster_add.html")


@blueprint.get("/roster/import")
@role("operator")
def roster_import() -> str:
    """Many meters at once: from a file, or from the database of 0.4.0."""
    return render_template("roster_import.html", columns=COLUMNS)
