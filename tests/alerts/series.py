"""Levels as the scenarios write them: ``80 90x3 _x2 gap300 90`` — one sample a second unless told otherwise."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from slmm.alerts import machine
from slmm.alerts.rules import Comparison, Rule
from slmm.alerts.state import IDLE, State

_TOKEN = re.compile(r"(?P<what>_|-?\d+(\.\d+)?)(x(?P<times>\d+))?")


def samples(text: str) -> Iterator[tuple[float, float | None]]:
    """(time in s, level in dB or None)."""
    at_s = 0.0
    for token in text.split():
        if token.startswith("gap"):
            at_s += float(token.removeprefix("gap"))
            continue
        match = _TOKEN.fullmatch(token)
        assert match is not None, token
        for _ in range(int(match["times"] or 1)):
            yield at_s, None if match["what"] == "_" else float(match["what"])
            at_s += 1.0


def rule(**members: object) -> Rule:
    """A rule above 85 dB with margin 2 and without delays, changed by *members*."""
    values: dict[str, object] = {"threshold_db": 85.0, "clear_margin_db": 2.0, "clear_duration_s": 0.0, **members}
    return Rule(rule_id=1, unit_id="a", **values)  # type: ignore[arg-type]


def trace(wanted: Rule, text: str, *, reload_at: float | None = None) -> list[tuple[str, float]]:
    """What a series leads to: (kind of change, time in s), without the timers' own."""
    state, found = IDLE, []
    for at_s, level in samples(text):
        if reload_at is not None and at_s == reload_at:
            state = State.from_json(json.loads(json.dumps(state.as_json())))
        state, changes = machine.step(wanted, state, at_s, level)
        found += [(change.kind.value, change.at_s) for change in changes if change.kind.value in EVENTS]
    return found


EVENTS = frozenset({"onset", "ended", "realarm", "returned", "escalated", "recurred", "recurrence_ended"})
ABOVE, AT_LEAST, BELOW = Comparison.GREATER, Comparison.AT_LEAST, Comparison.LESS
