"""What the script of a page needs, named in its head so that a slow line fetches it at once and not level by level.

The modules it imports, and the part of the reader's catalogue that they say.
"""

from __future__ import annotations

import json
import posixpath
import re
from functools import lru_cache
from pathlib import Path

from flask import Flask, current_app, url_for
from markupsafe import Markup

from slmm.web.words import language

SHELL = "js/shell.js"
"""Stands on every page."""
_STRING = r'"((?:[^"\\\n]|\\.)*)"'
_ONE = re.compile(rf"\bt\(\s*{_STRING}")
_TWO = re.compile(rf"\btn\(\s*[^\"]+?,\s*{_STRING},\s*{_STRING}")
_IMPORT = re.compile(r'^(?:import|export)\b[^"\n;]*"(\.{1,2}/[^"]+)"', re.MULTILINE)


@lru_cache(maxsize=256)
def needed_by(folder: Path, name: str) -> tuple[str, ...]:
    """What the module *name* imports, itself or by others, as names below *folder*; without itself."""
    found: dict[str, None] = {}
    waiting = [name]
    while waiting:
        current = waiting.pop()
        for target in _IMPORT.findall((folder / current).read_text("utf-8")):
            imported = posixpath.normpath(posixpath.join(posixpath.dirname(current), target))
            if imported not in found and imported != name:
                found[imported] = None
                waiting.append(imported)
    return tuple(found)


def texts_in(source: str) -> list[str]:
    """The English texts of a script: every ``t("…")`` and ``tn(n, "…", "…")``."""
    literals = [*_ONE.findall(source), *(text for pair in _TWO.findall(source) for text in pair)]
    return [json.loads(f'"{literal}"') for literal in literals]


@lru_cache(maxsize=256)
def said_by(folder: Path, name: str) -> frozenset[str]:
    """The texts of the module *name*, of what it imports, and of the frame of all pages."""
    modules = {name, SHELL, *needed_by(folder, name), *needed_by(folder, SHELL)}
    sources = ((folder / each).read_text("utf-8") for each in modules if each.startswith("js/"))
    return frozenset(text for source in sources for text in texts_in(source))


def page_module(name: str) -> Markup:
    """The tags for the head of a page whose script is *name*, such as ``js/wall-page.js``."""
    assert current_app.static_folder is not None
    tags = [
        Markup('<link rel="modulepreload" href="{}">').format(url_for("static", filename=each))
        for each in needed_by(Path(current_app.static_folder), name)
    ]
    if name != SHELL and language() != "en":
        tags.append(Markup('<link id="words" rel="preload" as="fetch" crossorigin href="{}">').format(words_url(name)))
    tags.append(Markup('<script type="module" src="{}"></script>').format(url_for("static", filename=name)))
    return Markup("\n  ").join(tags)


def words_url(name: str) -> str:
    """Where the words of that module are to be had in the reader's language."""
    return url_for("pages.words", tag=language(), script=posixpath.basename(name).removesuffix(".js"))


def register(app: Flask) -> None:
    """Let the templates of *app* say ``{{ page_module("js/…") }}``."""
    app.add_template_global(page_module)
