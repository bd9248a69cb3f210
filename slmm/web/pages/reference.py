"""The description of the REST interface, as a page."""

from __future__ import annotations

from flask import render_template

from slmm.web.access import role
from slmm.web.pages.blueprint import blueprint


@blueprint.get("/docs")
@role("public")
def docs() -> str:
    """The REST interface, to read and to try."""
    return render_template("docs.html")
