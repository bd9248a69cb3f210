"""How the work of each reader grows with its input: ``script/fuzz --growth [target …]`` prints the worst it meets.

A piece of an example is repeated until the case is twice as large: that should take twice the time, not four times.
"""

from __future__ import annotations

import logging
import random
import sys
import time

from tests.fuzz import everything
from tests.fuzz.target import Target, TooSlow, within

SIZES_BYTES = (50_000, 100_000, 200_000)
TRIES = 40
LIMIT_S = 10.0
LEAST_S = 0.04
"""Shorter times say nothing of growth: some kernels count by ticks of 4 ms."""


def taken_s(target: Target, data: bytes) -> float:
    """Processor time of one case; the limit of a case where it takes longer."""
    began_s = time.process_time()
    try:
        with within(LIMIT_S):
            target.run(data)
    except (*target.allowed, TooSlow):
        pass
    return time.process_time() - began_s


def worst(target: Target, dice: random.Random) -> tuple[float, float, bytes]:
    """The largest factor for a doubled case, how long the largest took, and what was repeated in it."""
    found = (0.0, 0.0, b"")
    for _ in range(TRIES):
        seed = dice.choice(target.seeds)
        at = dice.randint(0, len(seed))
        piece = dice.choice(
            (seed[at : at + dice.randint(1, 30)], dice.choice(target.words or (b" ",)), b" ", b"0", b"\n")
        )
        if not piece:
            continue
        times = [taken_s(target, seed[:at] + piece * (size // len(piece)) + seed[at:]) for size in SIZES_BYTES]
        if times[-1] > LEAST_S:
            found = max(found, (times[-1] / max(times[-2], LEAST_S / 4), times[-1], piece))
    return found


def main() -> None:
    """The targets that are named, or all."""
    logging.disable(logging.CRITICAL)
    targets = everything.targets()
    for name in sys.argv[1:] or targets:
        factor, longest_s, piece = worst(targets[name], random.Random(name))
        print(f"{name}: at most {factor:.1f} times for twice the bytes, {longest_s * 1000:.0f} ms, with {piece[:30]!r}")


if __name__ == "__main__":
    main()
