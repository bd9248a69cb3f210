"""The administration: its first page, and those about people and their rights."""

from __future__ import annotations

from flask import render_template

from slmm.web.access import role
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
