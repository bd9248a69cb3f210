"""The few inputs of a guided run that together reach what all of it reaches: ``script/fuzz --choose target …``."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

from tests.fuzz import everything
from tests.fuzz.target import Target, keep, kept, tried

TOP = Path(__file__).resolve().parents[2]
LONGEST_BYTES = 600
MOST_CHOSEN = 60
Step = tuple[str, int, int]
"""From one line of a file to another."""


def steps(target: Target, data: bytes) -> set[Step]:
    """What a case walks through in slmm."""
    walked: set[Step] = set()

    def enter(frame: FrameType, _event: str, _argument: Any) -> Callable[..., Any] | None:
        if "/slmm/" not in frame.f_code.co_filename:
            return None
        last = 0

        def line(frame: FrameType, event: str, _argument: Any) -> Callable[..., Any]:
            nonlocal last
            if event == "line":
                walked.add((frame.f_code.co_filename, last, frame.f_lineno))
                last = frame.f_lineno
            return line

        return line

    sys.settrace(enter)
    try:
        tried(target, data)
    finally:
        sys.settrace(None)
    return walked


def choose(target: Target) -> list[bytes]:
    """Again and again the input that adds most, the shorter of two."""
    grown = (path.read_bytes() for path in (TOP / "build" / "fuzz" / target.name).glob("*"))
    reached = {data: steps(target, data) for data in grown if len(data) <= LONGEST_BYTES}
    known = set().union(*(steps(target, data) for data in (*target.seeds, *kept(target.name))))
    chosen: list[bytes] = []
    while reached and len(chosen) < MOST_CHOSEN:
        best = max(reached, key=lambda data: (len(reached[data] - known), -len(data)))
        if not reached[best] - known:
            break
        known |= reached.pop(best)
        chosen.append(best)
    return chosen


def main() -> None:
    """The targets that are named."""
    logging.disable(logging.CRITICAL)
    for name in sys.argv[1:]:
        target = everything.targets()[name]
        for data in choose(target):
            print(keep(name, data))


if __name__ == "__main__":
    main()
