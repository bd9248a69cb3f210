"""The blueprint of all pages, and what every page's frame needs to know."""

from __future__ import annotations

from flask import Blueprint, request

from slmm.web import context
from slmm.web.access import caller
from slmm.web.pages.navigation import admin_links, links, unit_links

THEME_COOKIE = "slmm_theme"
THEMES = ("auto", "light", "dark")

blueprint = Blueprint("pages", __name__)


@blueprint.app_context_processor
def _for_templates() -> dict[str, object]:
    theme = request.cookies.get(THEME_COOKIE, "")
    return {
        "caller": caller(),
        "theme": theme if theme in THEMES else "auto",
        "navigation": links,
        "unit_navigation": unit_links,
        "admin_navigation": admin_links,
        "service_zone": context.runtime().settings.timezone,
    }
