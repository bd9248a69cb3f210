"""The inbox of alerts."""

from __future__ import annotations

from flask import render_template

from slmm.web.access import role
from slmm.web.pages.blueprint import blueprint


@blueprint.get("/alerts")
@role("viewer")
def alerts() -> str:
    """The inbox: what is open, what was, and what to do about it."""
    return render_template("alerts.html")
