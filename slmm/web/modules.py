"""Which JavaScript modules a page needs: named in its head, a slow line fetches them at once and not level by level."""

from __future__ import annotations

import posixpath
import re
from functools import lru_cache
from pathlib import Path

from flask import Flask, current_app, url_for
from markupsafe import Markup

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


def page_module(name: str) -> Markup:
    """The tags for the head of a page whose script is *name*, such as ``js/wall-page.js``."""
    assert current_app.static_folder is not None
    tags = [
        Markup('<link rel="modulepreload" href="{}">').format(url_for("static", filename=each))
        for each in needed_by(Path(current_app.static_folder), name)
    ]
    tags.append(Markup('<script type="module" src="{}"></script>').format(url_for("static", filename=name)))
    return Markup("\n  ").join(tags)


def register(app: Flask) -> None:
    """Let the templates of *app* say ``{{ page_module("js/…") }}``."""
    app.add_template_global(page_module)
