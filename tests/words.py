"""Collects every text a page can say; ``python -m tests.words de`` lists what the German catalogue lacks."""

from __future__ import annotations

import ast
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from jinja2 import Environment
from jinja2.ext import InternationalizationExtension

from slmm.web.modules import texts_in

TOP = Path(__file__).resolve().parent.parent
I18N = TOP / "static" / "i18n"
PYTHON_CALLS = frozenset({"gettext", "translated", "ngettext", "_"})
PLACES = re.compile(r"\{\w+\}|%\(\w+\)s")


def in_scripts() -> Iterator[tuple[str, str]]:
    """Text and file of every ``t("…")`` and ``tn(n, "…", "…")``."""
    for path in sorted((TOP / "static" / "js").glob("*.js")):
        for text in texts_in(path.read_text("utf-8")):
            yield text, path.name


def unreadable() -> list[str]:
    """Calls in scripts whose text is no literal and so never reaches a catalogue."""
    found = []
    for path in sorted((TOP / "static" / "js").glob("*.js")):
        if path.name == "words.js":
            continue
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
            calls = len(re.findall(r"\bt\(", line)) + 2 * len(re.findall(r"\btn\(", line))
            if calls != len(texts_in(line)):
                found.append(f"{path.name}:{number}: {line.strip()}")
    return found


def in_templates() -> Iterator[tuple[str, str]]:
    """Text and file of every ``_("…")`` and ``{% trans %}``."""
    environment = Environment(extensions=[InternationalizationExtension], autoescape=True)
    environment.newstyle_gettext = True  # type: ignore[attr-defined]
    for path in sorted((TOP / "templates").glob("*.html")):
        for _line, _function, texts in environment.extract_translations(path.read_text("utf-8")):
            for text in (texts,) if isinstance(texts, str) else texts:
                if text is not None:
                    yield text, path.name


def in_python() -> Iterator[tuple[str, str]]:
    """Text and file of every translated literal of the web layer, and the names of the pages."""
    for path in sorted((TOP / "slmm" / "web").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") in PYTHON_CALLS:
                for argument in node.args:
                    if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
                        yield argument.value, path.name
            if isinstance(node, ast.Dict):
                yield from ((text, path.name) for text in _names_of_pages(node))


def _names_of_pages(node: ast.Dict) -> Iterator[str]:
    """The values of a literal whose keys are endpoints of pages."""
    for key, value in zip(node.keys, node.values, strict=True):
        if isinstance(key, ast.Constant) and str(key.value).startswith("pages.") and isinstance(value, ast.Constant):
            yield str(value.value)


def collected() -> dict[str, str]:
    """Every text, with one file that says it."""
    return dict((*in_scripts(), *in_templates(), *in_python()))


def catalogue(language: str) -> dict[str, str]:
    """English text to that language's."""
    read: dict[str, str] = json.loads((I18N / f"{language}.json").read_text("utf-8"))
    return read


def places(text: str) -> list[str]:
    """The names that are replaced in it."""
    return sorted(set(PLACES.findall(text)))


if __name__ == "__main__":
    known = catalogue(sys.argv[1])
    for text, place in collected().items():
        if text not in known:
            sys.stdout.write(json.dumps({place: text}, ensure_ascii=False) + "\n")
