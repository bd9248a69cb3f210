"""The feeds that every unit has, and what a viewer follows of them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Channel(StrEnum):
    """The feeds that every unit has."""

    LEVELS = "levels"
    SHARED = "shared"
    """The levels for those with a share link: without the meter's own line, and without why it is out of reach."""
    NOTICES = "notices"
    STREAM = "stream"
    """DRD, ten frames a second."""
    LOG = "log"
    ALERTS = "alerts"
    LIMITS = "limits"
    """Where limits stand; followed beside the levels, and by event streams alone: there it has a name."""


CONFLATING = frozenset({Channel.LEVELS, Channel.SHARED, Channel.STREAM, Channel.LIMITS})
"""Of these only the newest matters to who is far behind."""
OF_LEVELS = (Channel.LEVELS, Channel.SHARED)
"""Who follows one of these has the meter read."""


@dataclass(frozen=True, slots=True)
class Audience:
    """What a viewer came for."""

    channel: Channel
    units: frozenset[str] | None
    """None: all units, also those to come."""
    with_notices: bool = False
    with_limits: bool = False

    @property
    def channels(self) -> tuple[Channel, ...]:
        """What it gets of each unit."""
        beside = [Channel.NOTICES] if self.with_notices else []
        return (self.channel, *beside, *([Channel.LIMITS] if self.with_limits else []))
