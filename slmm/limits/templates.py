"""The limits that come with the program, as files; their values are to be confirmed by the user's authority."""

from __future__ import annotations

import json
from functools import cache
from importlib import resources
from typing import Any

from slmm.errors import NotFound
from slmm.limits.document import Limit, parse

_FILES = resources.files("slmm.limits") / "templates"


@cache
def names() -> tuple[str, ...]:
    """What they are called, such as ``uk-bs5228-a``, in alphabetical order."""
    found = (entry.name for entry in _FILES.iterdir())
    return tuple(sorted(name.removesuffix(".json") for name in found if name.endswith(".json")))


def document(name: str) -> dict[str, Any]:
    """The JSON document of one, to be changed and kept; raises NotFound."""
    if name not in names():
        raise NotFound(f"there is no template {name[:80]!r}; there are {', '.join(names())}")
    found: dict[str, Any] = json.loads((_FILES / f"{name}.json").read_text(encoding="utf-8"))
    return found


@cache
def get(name: str) -> Limit:
    """One of them as a limit; raises NotFound."""
    return parse(document(name))
