"""The language a page speaks: English as it stands in templates and code, others from a catalogue."""

from __future__ import annotations

import json
import re
from functools import lru_cache
from pathlib import Path

from flask import Flask, current_app, request

LANGUAGES = {"en": "English", "de": "Deutsch"}
"""By their tag; each is named in its own tongue, as a reader looks for it."""
LANGUAGE_COOKIE = "slmm_language"


def language() -> str:
    """The reader's choice, else what the browser prefers, else English."""
    chosen = request.cookies.get(LANGUAGE_COOKIE, "")
    if chosen in LANGUAGES:
        return chosen
    preferred = (tag.split("-")[0].lower() for tag in request.accept_languages.values())  # de-AT is German, too
    return next((tag for tag in preferred if tag in LANGUAGES), "en")


@lru_cache(maxsize=8)
def _catalogue(path: Path) -> dict[str, str]:
    read: dict[str, str] = json.loads(path.read_text("utf-8"))
    return read


def catalogue(tag: str) -> dict[str, str]:
    """English text to the text of that language; empty for English itself."""
    if tag == "en":
        return {}
    assert current_app.static_folder is not None
    return _catalogue(Path(current_app.static_folder) / "i18n" / f"{tag}.json")


def gettext(text: str) -> str:
    """*text* in the reader's language; English where the catalogue lacks it."""
    return catalogue(language()).get(text, text)


def ngettext(one: str, many: str, number: int) -> str:
    """The text for one, or for another *number*."""
    return gettext(one if number == 1 else many)


def translated(text: str, **values: object) -> str:
    """*text* in the reader's language, with ``{name}`` replaced: for sentences made in Python."""
    return re.sub(r"\{(\w+)\}", lambda found: str(values[found[1]]), gettext(text))


def register(app: Flask) -> None:
    """Let the templates of *app* say ``{{ _("…") }}`` and ``{% trans %}``."""
    app.jinja_env.add_extension("jinja2.ext.i18n")
    app.jinja_env.install_gettext_callables(gettext, ngettext, newstyle=True)  # type: ignore[attr-defined]
    app.context_processor(lambda: {"language": language(), "languages": LANGUAGES})
