"""What has to be said beside a level: flags of a piece of time, and whether the level is a bound; pure (R24–R26)."""

from __future__ import annotations

from enum import IntFlag, StrEnum

LEAST_COVERAGE = 0.75
"""A level of less of its time is given, but not judged; a scheme or contract may say otherwise (R25)."""
_TOLERANCE = 1e-9


class Flag(IntFlag):
    """What happened within a piece of time; stored as the integer, so the values stay what they are (R24)."""

    OVER = 1
    """Over the meter's range: the level is a lower bound."""
    UNDER = 2
    """Under the meter's range: the level is an upper bound."""
    GAP = 4
    """Nothing was received for a part of the time."""
    PAUSED = 8
    RESET = 16
    """A new measurement began, or its settings changed."""
    WEATHER = 32
    """Wind or rain at the microphone (R29)."""
    CALIBRATION = 64
    """A calibrator or a test signal was heard, not the site."""
    EXCLUDED = 128
    """Left out by a person, who gave a reason."""
    SPREAD = 256
    """The energy of a longer stored interval, spread evenly over the times it covers."""


NO_FLAGS = Flag(0)
LEFT_OUT = Flag.OVER | Flag.WEATHER | Flag.CALIBRATION | Flag.EXCLUDED
"""Flags of the pieces that are no part of a mean; they count as missing."""


def flag_names(flags: int) -> list[str]:
    """The flags as JSON tells them: lower case, in the order of their values; bits without a name are not told."""
    return [(flag.name or "").lower() for flag in Flag if flag & flags]


class Bound(StrEnum):
    """What a value says of the truth (R26)."""

    NONE = "="
    LOWER = ">"
    """The truth is at least this: there was over-range."""
    UPPER = "<"
    """The truth is at most this: there was under-range."""

    @classmethod
    def of(cls, flags: int) -> Bound:
        """The bound of a level with such flags; what was lost at the top outweighs what was added at the bottom."""
        if flags & Flag.OVER:
            return cls.LOWER
        return cls.UPPER if flags & Flag.UNDER else cls.NONE


def is_judged(coverage: float, least_coverage: float = LEAST_COVERAGE) -> bool:
    """Whether enough of the time is known for the level to be held against a limit (R25)."""
    return coverage >= least_coverage - _TOLERANCE
