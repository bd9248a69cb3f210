"""JSON documents with members changed, left out, swapped or added; what comes out is JSON still."""

from __future__ import annotations

import copy
import json
import random
from typing import Any

ODD: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1, 2**31, 2**63, 10**30, -(10**400), 0.1, -0.0, 1e308, float("nan"), float("inf")),
    *(
        "",
        " ",
        "x",
        "0",
        "a,b",
        "x" * 300,
        "y" * 5000,
        "\x00",
        "\n",
        "\ud800",
        "²",
        "\u202e",
        "😀",
        "%s{0}",
        "' or 1=1 --",
    ),
    *("07:00", "24:00", "25:61", "1h", "15min", "0s", "2026-02-29", "0001-01-01", "9999-12-31", "DE-BE", "XX"),
    *(
        "0001-01-01T00:00:00Z",
        "9999-12-31T23:59:59Z",
        "2026-11-21T12:00:00+23:59",
        "2026-11-21 12:00:00",
        "-.-",
        "46.2",
    ),
    *(
        "UTC",
        "America",
        "Europe/Berlin",
        "../../etc/passwd",
        "lp",
        "leq",
        "above",
        "whole",
        "ln",
        "email",
        "http://[::1",
        "a@b",
    ),
    *([], {}, [[]], [None], {"": None}, [0] * 1000),
)
MOST_CHANGES = 3


def changed(document: Any, dice: random.Random, *, words: tuple[Any, ...] = ()) -> Any:
    """A copy with one to three changes."""
    document = copy.deepcopy(document)
    for _ in range(dice.randint(1, MOST_CHANGES)):
        places = _places(document)
        if not places or dice.random() < 0.02:
            document = dice.choice(ODD)
            continue
        *path, last = dice.choice(places)
        part = document
        for key in path:
            part = part[key]
        _change(part, last, dice, words)
    return document


def _change(part: Any, last: Any, dice: random.Random, words: tuple[Any, ...]) -> None:
    how = dice.random()
    if how < 0.1:
        del part[last]
    elif how < 0.2 and isinstance(part, dict):
        part[dice.choice(["", "x", "id", *map(str, part)]) + dice.choice(["", "_"])] = dice.choice(ODD)
    elif how < 0.3:
        part[last] = copy.deepcopy(dice.choice(list(part.values() if isinstance(part, dict) else part)))
    elif how < 0.4 and type(part[last]) in (int, float) and abs(part[last]) < 1e15:
        part[last] = part[last] * dice.choice((-1, 10, 0.5)) + dice.choice((0, 1, 0.05))
    else:
        part[last] = copy.deepcopy(dice.choice((*ODD, *words)))


def _places(part: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    pairs = part.items() if isinstance(part, dict) else enumerate(part[:50]) if isinstance(part, list) else ()
    return [found for key, value in pairs for found in ((*path, key), *_places(value, (*path, key)))]


def as_bytes(document: Any) -> bytes:
    """As a client would send it."""
    return json.dumps(document).encode()
