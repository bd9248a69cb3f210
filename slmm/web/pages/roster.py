"""The meters of this service: who is on the roster, and how one gets there. 0.4.0 had them at the same address."""

from __future__ import annotations

from flask import redirect, url_for
from werkzeug.wrappers import Response

from slmm.web.access import role
from slmm.web.pages.blueprint import blueprint


@blueprint.get("/roster")
@role("viewer")
def roster() -> Response:
    """0.4.0 had the units here."""
    return redirect(url_for("pages.wall"))
