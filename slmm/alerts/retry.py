"""When a message is tried again, and when it is given up; pure."""

from __future__ import annotations

FIRST_PAUSE_S = 5.0
LONGEST_PAUSE_S = 900.0
LONGEST_WISH_S = 3600.0
GIVE_UP_S = 6 * 3600.0
GIVE_UP_MACHINE_S = 24 * 3600.0
"""Machines are often down over night; a mail of yesterday wakes nobody."""
MOST_PER_HOUR = 30
"""Messages to one person in an hour; what goes beyond is gathered into digests."""
DIGEST_EVERY_S = 300.0
BREAKER_FAILURES = 5
"""Failures of a channel in a row after which it is only probed."""


def pause_s(attempts: int, chance: float, wished_s: float | None = None) -> float:
    """Seconds until the next attempt, after *attempts* failed ones; *chance* is random from 0 to 1.

    Doubles from 5 s up to 15 min, with jitter from half to the whole; a receiver's Retry-After is honoured up to 1 h.
    """
    usual_s = min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2.0 ** min(max(attempts, 1) - 1, 30))
    jittered_s = usual_s * (0.5 + 0.5 * chance)
    return max(jittered_s, min(wished_s or 0.0, LONGEST_WISH_S))


def keep_trying_s(*, is_for_people: bool) -> float:
    """How long delivery is tried before it is given up."""
    return GIVE_UP_S if is_for_people else GIVE_UP_MACHINE_S
