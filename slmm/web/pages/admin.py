"""The administration: its first page, and those about people and their rights."""

from __future__ import annotations

from typing import Any

from flask import render_template

from slmm.web import context
from slmm.web.access import caller, role, visible
from slmm.web.api.limits import limit_view
from slmm.web.pages.blueprint import blueprint
from slmm.web.pages.navigation import admin_links
from slmm.web.words import gettext

ABOUT = {
    "pages.admin_users": "Accounts with their roles, and who is logged in.",
    "pages.admin_tokens": "API tokens: what lets programs in.",
    "pages.admin_shares": "Links that show the levels of chosen units to whoever has them.",
    "pages.admin_channels": "Mail, webhooks and more: how people are told, and a test of each.",
    "pages.admin_limits": "The limits of all units at a glance.",
    "pages.admin_retention": "How long readings, logs and files are kept.",
    "pages.admin_backup": "Make a backup, download it, put one back.",
    "pages.admin_logs": "What the service and its meters have to tell.",
    "pages.admin_system": "Versions, delays, disk space and what needs attention.",
    "pages.admin_audit": "Who did what, when, from where, and what came of it.",
    "pages.account": "Your password, and where you are logged in.",
}


@blueprint.get("/admin")
@role("operator")
def admin() -> str:
    """What there is to administer, for the role of the visitor."""
    cards = [(link, gettext(ABOUT[link.endpoint])) for link in admin_links() if link.endpoint in ABOUT]
    return render_template("admin.html", cards=cards)


@blueprint.get("/admin/users")
@role("admin")
def admin_users() -> str:
    """Accounts, their roles and logins."""
    return render_template("admin_users.html")


@blueprint.get("/admin/tokens")
@role("admin")
def admin_tokens() -> str:
    """API tokens."""
    return render_template("admin_tokens.html")


@blueprint.get("/admin/shares")
@role("operator")
def admin_shares() -> str:
    """Share links, and what guests see."""
    return render_template("admin_shares.html")


@blueprint.get("/admin/channels")
@role("operator")
def admin_channels() -> str:
    """How people are told: channels, recipients, and what could not be delivered."""
    return render_template("admin_channels.html")


@blueprint.get("/admin/limits")
@role("operator")
def admin_limits() -> str:
    """The limits of all units, with the way to each."""
    runtime = context.runtime()
    by_unit: dict[str, list[dict[str, Any]]] = {}
    for kept in runtime.alerts.limit_book.all():
        changed_at = (kept.changed_at or kept.made_at).astimezone(runtime.zone_of(kept.unit_id))
        by_unit.setdefault(kept.unit_id, []).append({**limit_view(kept), "changed_on": changed_at.date().isoformat()})
    devices = [runtime.roster.get(unit_id) for unit_id in visible(device.unit_id for device in runtime.roster.all())]
    return render_template("admin_limits.html", devices=devices, limits=by_unit)


@blueprint.get("/admin/audit")
@role("admin")
def admin_audit() -> str:
    """Who did what."""
    return render_template("admin_audit.html")


@blueprint.get("/account")
@role("viewer")
def account() -> str:
    """One's own password and logins."""
    names = {"viewer": gettext("viewer"), "operator": gettext("operator"), "admin": gettext("administrator")}
    return render_template("account.html", role_name=names.get(caller().role, caller().role))
