"""The administration of the machine: how the service is, its log, how long what is kept, and backups."""

from __future__ import annotations

from flask import render_template

from slmm.web import context
from slmm.web.access import role, visible
from slmm.web.pages.blueprint import blueprint


@blueprint.get("/admin/system")
@role("admin")
def admin_system() -> str:
    """How the service is, and what needs attention."""
    return render_template("admin_system.html")


@blueprint.get("/admin/logs")
@role("operator")
def admin_logs() -> str:
    """What the service and its meters have to tell."""
    units = visible(device.unit_id for device in context.runtime().roster.all())
    return render_template("admin_logs.html", units=units)


@blueprint.get("/admin/retention")
@role("admin")
def admin_retention() -> str:
    """How long what is kept."""
    return render_template("admin_retention.html")


@blueprint.get("/admin/backup")
@role("admin")
def admin_backup() -> str:
    """Backups, and putting one back."""
    return render_template("admin_backup.html")
