"""The links in the head of every page, and those between the pages of one unit."""

from __future__ import annotations

from dataclasses import dataclass

from flask import current_app, request, url_for

from slmm.web.access import Role, caller, needed_role
from slmm.web.words import gettext


@dataclass(frozen=True, slots=True)
class Link:
    """One link; *is_here* when it leads to the page it stands on."""

    href: str
    text: str
    endpoint: str
    is_here: bool


PAGES = {
    "pages.wall": "Wall",
    "pages.alerts": "Alerts",
    "pages.history": "History",
    "pages.roster": "Meters",
    "pages.admin": "Admin",
    "pages.docs": "API",
}
"""Endpoint and name, in order. A page's own name may go on after a dot: ``pages.admin_users`` is part of admin."""

UNIT_PAGES = {
    "pages.unit": "Live",
    "pages.unit_history": "History",
    "pages.unit_limits": "Limits",
    "pages.unit_files": "Files",
    "pages.unit_settings": "Settings",
    "pages.unit_log": "Log",
    "pages.unit_diagnosis": "Diagnosis",
}

ADMIN_PAGES = {
    "pages.admin": "Overview",
    "pages.admin_users": "Users",
    "pages.admin_tokens": "Tokens",
    "pages.admin_shares": "Share links",
    "pages.admin_channels": "Channels",
    "pages.admin_limits": "Limits",
    "pages.admin_retention": "Retention",
    "pages.admin_backup": "Backup",
    "pages.admin_logs": "Logs",
    "pages.admin_system": "System",
    "pages.admin_audit": "Audit",
    "pages.account": "Own account",
}


def _may_see(endpoint: str) -> bool:
    view = current_app.view_functions.get(endpoint)
    return view is not None and caller().role.rank >= (needed_role(view) or Role.ADMIN).rank


def _is_here(endpoint: str) -> bool:
    here = request.endpoint or ""
    return here == endpoint or (here.startswith(f"{endpoint}_") and endpoint not in UNIT_PAGES)


def links() -> list[Link]:
    """What the visitor may see of the whole service; a guest has one page, and nowhere else to go."""
    if caller().role is Role.GUEST:
        return []
    return [
        Link(url_for(endpoint), gettext(text), endpoint, _is_here(endpoint))
        for endpoint, text in PAGES.items()
        if _may_see(endpoint)
    ]


def admin_links() -> list[Link]:
    """What the visitor may see of the administration."""
    return [
        Link(url_for(endpoint), gettext(text), endpoint, request.endpoint == endpoint)
        for endpoint, text in ADMIN_PAGES.items()
        if _may_see(endpoint)
    ]


def unit_links(unit_id: str) -> list[Link]:
    """What the visitor may see of one unit."""
    return [
        Link(url_for(endpoint, unit_id=unit_id), gettext(text), endpoint, _is_here(endpoint))
        for endpoint, text in UNIT_PAGES.items()
        if _may_see(endpoint)
    ]
