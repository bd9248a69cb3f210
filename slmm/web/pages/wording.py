"""The part of a catalogue that the script of one page says: a tenth of the whole, for slow lines."""

from __future__ import annotations

from pathlib import Path

from flask import current_app, jsonify
from werkzeug.wrappers import Response

from slmm.errors import NotFound
from slmm.web.access import role
from slmm.web.modules import said_by
from slmm.web.pages.blueprint import blueprint
from slmm.web.words import LANGUAGES, catalogue


@blueprint.get("/words/<tag>/<script>.json")
@role("public")
def words(tag: str, script: str) -> Response:
    """English text to that language's, for one of the scripts in static/js."""
    assert current_app.static_folder is not None
    folder = Path(current_app.static_folder)
    name = f"js/{script}.js"
    if tag not in LANGUAGES or "/" in script or not (folder / name).is_file():
        raise NotFound(f"there are no words of {script!r} in {tag!r}; languages are {', '.join(LANGUAGES)}")
    said = said_by(folder, name)
    answer: Response = jsonify({text: told for text, told in catalogue(tag).items() if text in said})
    answer.cache_control.max_age = 300
    return answer
