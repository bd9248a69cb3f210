"""Whatever is sent as a limit is taken, or refused with a sentence; nothing else happens."""

from __future__ import annotations

import copy
import json
import random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from slmm.errors import Invalid
from slmm.limits import templates
from slmm.limits.calendar import Timetable
from slmm.limits.document import Limit, parse, to_json
from slmm.limits.judge import judge
from tests.limits.pieces import at, minutes

LEAF = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12)
ANYTHING = st.recursive(
    LEAF, lambda part: st.lists(part, max_size=3) | st.dictionaries(st.text(max_size=8), part, max_size=3)
)
ODD: list[Any] = [
    None,
    True,
    -1,
    0,
    1e308,
    float("nan"),
    float("inf"),
    "",
    "x" * 300,
    "07:00",
    "24:00",
    "1h",
    [],
    {},
    [[]],
]
START = at("2026-03-28 12:00")


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(document=ANYTHING, member=st.sampled_from(sorted(Limit.model_fields)), value=ANYTHING)
def test_anything_is_taken_or_refused(document: Any, member: str, value: Any) -> None:
    for attempt in (document, templates.document("uk-liverpool") | {member: value}):
        refusal = _refusal(attempt)
        assert refusal is None or (str(refusal) and refusal.field)


def _refusal(document: Any) -> Invalid | None:
    try:
        parse(document)
    except Invalid as error:
        return error
    return None


def _places(part: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    pairs = part.items() if isinstance(part, dict) else enumerate(part) if isinstance(part, list) else ()
    return [found for key, value in pairs for found in ((*path, key), *_places(value, (*path, key)))]


@pytest.mark.parametrize("seed", range(12))
def test_what_is_taken_can_be_judged(seed: int) -> None:
    """Templates with one member replaced by something odd, over a night on which the clocks change."""
    dice = random.Random(seed)
    pieces = minutes(START, [dice.uniform(30, 90) for _ in range(36)], step=(START - at("2026-03-28 11:15")))
    for _ in range(25):
        document = copy.deepcopy(templates.document(dice.choice(templates.names())))
        *path, last = dice.choice(_places(document))
        target = document
        for key in path:
            target = target[key]
        target[last] = dice.choice(ODD)
        refusal = _refusal(document)
        if refusal is not None:
            assert len(str(refusal)) < 2000
            continue
        found = parse(document)
        assert parse(json.loads(json.dumps(to_json(found)))) == found
        timetable = Timetable(found, "Europe/Berlin")
        judged = judge(found, pieces, START, pieces[-1].ends_at, "Europe/Berlin")
        assert all(judgement.why for judgement in judged)
        assert timetable.line(START, pieces[-1].ends_at) is not None


def test_the_schema_of_a_limit_can_be_published() -> None:
    schema = json.loads(json.dumps(Limit.model_json_schema()))
    assert {"name", "quantity", "period", "rows"} <= set(schema["required"])
    assert "from" in schema["$defs"]["Row"]["properties"]
