"""Whether a meter can be reached, as a table: one lost poll is doubt, three in a row are loss."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

LOST_AFTER = 3
"""Failed polls in a row after which a meter counts as unreachable."""


class Standing(StrEnum):
    """What we believe about the way to a meter."""

    UNKNOWN = "unknown"
    REACHABLE = "reachable"
    DOUBTFUL = "doubtful"
    LOST = "lost"


class Change(StrEnum):
    """What everybody should be told."""

    NONE = "none"
    LOST = "lost"
    FOUND = "found"


@dataclass(frozen=True, slots=True)
class Contact:
    """The standing and how it came about."""

    standing: Standing = Standing.UNKNOWN
    failures: int = 0
    """Failed polls in a row."""

    @property
    def is_reachable(self) -> bool | None:
        """True, False, or None before the first verdict."""
        return {Standing.UNKNOWN: None, Standing.LOST: False}.get(self.standing, True)


def answered(contact: Contact) -> tuple[Contact, Change]:
    """The meter answered."""
    change = Change.FOUND if contact.standing is Standing.LOST else Change.NONE
    return Contact(Standing.REACHABLE), change


def failed(contact: Contact) -> tuple[Contact, Change]:
    """A poll failed for want of a sound answer."""
    failures = contact.failures + 1
    if contact.standing is Standing.LOST:
        return replace(contact, failures=failures), Change.NONE
    if failures >= LOST_AFTER:
        return Contact(Standing.LOST, failures), Change.LOST
    standing = Standing.UNKNOWN if contact.standing is Standing.UNKNOWN else Standing.DOUBTFUL
    return Contact(standing, failures), Change.NONE
