"""The working pages of one unit: files of its card, its settings, its log, and what is wrong with it."""

from __future__ import annotations

from flask import render_template

from slmm.web import context
from slmm.web.access import role
from slmm.web.pages.blueprint import blueprint


@blueprint.get("/unit/<unit_id>/files")
@role("viewer")
def unit_files(unit_id: str) -> str:
    """The SD card: folders, downloads, and what is on record of each measurement."""
    return render_template("unit_files.html", device=context.device(unit_id))


@blueprint.get("/unit/<unit_id>/settings")
@role("viewer")
def unit_settings(unit_id: str) -> str:
    """How the unit is reached, how the meter is set, and how far it is from what is expected."""
    return render_template("unit_settings.html", device=context.device(unit_id))


@blueprint.get("/unit/<unit_id>/log")
@role("viewer")
def unit_log(unit_id: str) -> str:
    """What happened to the unit, line by line, as it happens."""
    return render_template("unit_log.html", device=context.device(unit_id))


@blueprint.get("/unit/<unit_id>/diagnosis")
@role("viewer")
def unit_diagnosis(unit_id: str) -> str:
    """What is wrong, in words, and what cures it."""
    return render_template("unit_diagnosis.html", device=context.device(unit_id))
